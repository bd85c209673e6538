# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""ESP algorithms as four parties name them, and SAs whose keys derive from their names."""

import dataclasses
import hashlib


@dataclasses.dataclass(frozen=True)
class Algorithm:
    """name: as in our config. key_bytes includes the salt of counter modes. scapy, tshark and
    xfrm: what these programs call cipher and HMAC; tshark None where version 4.0 cannot."""
    name: str
    key_bytes: int
    auth_bytes: int
    icv_bytes: int
    iv_bytes: int
    block_bytes: int
    scapy: tuple
    tshark: tuple
    xfrm: tuple

    @property
    def combined(self):
        return self.auth_bytes == 0


def _gcm(bits):
    return Algorithm(f"aes{bits}gcm16", bits // 8 + 4, 0, 16, 8, 4, ("AES-GCM", None),
                     ("AES-GCM with 16 octet ICV [RFC4106]", "NULL"), ("rfc4106(gcm(aes))", None))


def _cbc(bits, sha):
    return Algorithm(f"aes{bits}-sha{sha}", bits // 8, sha // 8, sha // 16, 16, 16,
                     ("AES-CBC", f"SHA2-{sha}-{sha // 2}"),
                     ("AES-CBC [RFC3602]", f"HMAC-SHA-{sha}-{sha // 2} [RFC4868]"),
                     ("cbc(aes)", f"hmac(sha{sha})"))


ALGORITHMS = (
    _gcm(128), _gcm(192), _gcm(256),
    Algorithm("chacha20poly1305", 36, 0, 16, 8, 4, ("CHACHA20-POLY1305", None), None,
              ("rfc7539esp(chacha20,poly1305)", None)),
    _cbc(128, 256), _cbc(128, 384), _cbc(128, 512),
    _cbc(256, 256), _cbc(256, 384), _cbc(256, 512),
)
BY_NAME = {row.name: row for row in ALGORITHMS}


@dataclasses.dataclass(frozen=True)
class Sa:
    """One ESP tunnel SA. source and destination are the outer addresses, as text."""
    name: str
    spi: int
    source: str
    destination: str
    algorithm: Algorithm
    esn: bool
    key: bytes
    auth_key: bytes


def make_sa(name, spi, source, destination, algorithm, esn=False):
    """The same name has the same keys in every run; two names never share one."""
    stream = hashlib.shake_256(b"phalanx lab " + name.encode()).digest(128)
    end = algorithm.key_bytes
    return Sa(name, spi, source, destination, algorithm, esn, stream[:end],
              stream[end:end + algorithm.auth_bytes])


def tshark_options(sas):
    """The -o options that let tshark open these SAs. Refuses what it cannot open."""
    options = ["-o", "esp.enable_encryption_decode:TRUE",
               "-o", "esp.enable_authentication_check:TRUE"]
    for sa in sas:
        if sa.algorithm.tshark is None or sa.esn:
            raise ValueError(f"tshark 4.0 cannot open {sa.name}")
        family = "IPv6" if ":" in sa.source else "IPv4"
        cipher, auth = sa.algorithm.tshark
        auth_key = f"0x{sa.auth_key.hex()}" if sa.auth_key else ""
        fields = (family, sa.source, sa.destination, f"0x{sa.spi:08x}", cipher,
                  f"0x{sa.key.hex()}", auth, auth_key)
        options += ["-o", "uat:esp_sa:" + ",".join(f'"{field}"' for field in fields)]
    return options


def xfrm_state(sa, reqid, replay_window=64):
    """The ip(8) batch line that installs the SA in a Linux kernel."""
    cipher, auth = sa.algorithm.xfrm
    crypto = f'aead {cipher} 0x{sa.key.hex()} {sa.algorithm.icv_bytes * 8}'
    if not sa.algorithm.combined:
        crypto = (f'enc {cipher} 0x{sa.key.hex()} auth-trunc {auth} 0x{sa.auth_key.hex()} '
                  f'{sa.algorithm.icv_bytes * 8}')
    return (f"xfrm state add src {sa.source} dst {sa.destination} proto esp spi 0x{sa.spi:08x} "
            f"reqid {reqid} mode tunnel {'flag af-unspec esn' if sa.esn else 'flag af-unspec'} "
            f"replay-window {replay_window} {crypto}")


def xfrm_policy(direction, source, destination, outer_source, outer_destination, reqid):
    """The ip(8) batch line of one policy; direction is in, out or fwd."""
    return (f"xfrm policy add src {source} dst {destination} dir {direction} "
            f"tmpl src {outer_source} dst {outer_destination} proto esp reqid {reqid} mode tunnel")
