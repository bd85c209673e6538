# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Builds and opens ESP packets with scapy's ciphers and MACs.

Two things of scapy 2.5 are corrected here: it leaves the high half of extended sequence numbers
out of HMACs (RFC 4303 2.2.1 wants it at the end of the authenticated bytes), and it re-serialises
the inner packet, which an oracle must not touch.
"""

import dataclasses
import os
import struct

import pcap

# scapy reports missing routes and IPv6 when imported; neither matters for building packets.
import logging
logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers import ipsec  # noqa: E402  pylint: disable=wrong-import-position
from scapy.layers.inet import IP  # noqa: E402  pylint: disable=wrong-import-position
from scapy.layers.inet6 import IPv6  # noqa: E402  pylint: disable=wrong-import-position

NEXT_HEADER = {4: 4, 6: 41}


class OracleError(Exception):
    """The packet is not what the SA says it should be."""


@dataclasses.dataclass(frozen=True)
class Opened:
    """What was inside. sequence has 64 bits when the SA uses ESN."""
    spi: int
    sequence: int
    iv: bytes
    inner: bytes
    next_header: int


class _Nonce:
    """What scapy's cipher asks an SA for."""

    def __init__(self, sa):
        self.crypt_salt = sa.key[-4:] if sa.algorithm.combined else b""


def _cipher(sa):
    return ipsec.CRYPT_ALGOS[sa.algorithm.scapy[0]]


def _cipher_key(sa):
    return sa.key[:-4] if sa.algorithm.combined else sa.key


def _icv(sa, esp, sequence):
    """The HMAC of an encrypted packet without ICV; empty for combined modes."""
    if sa.algorithm.combined:
        return b""
    mac = ipsec.AUTH_ALGOS[sa.algorithm.scapy[1]].new_mac(sa.auth_key)
    mac.update(esp)
    if sa.esn:
        mac.update(struct.pack("!I", sequence >> 32))
    return mac.finalize()[:sa.algorithm.icv_bytes]


def default_padding(sa, length):
    """RFC 4303 2.4: 1, 2, 3... up to the block."""
    return bytes(range(1, 1 + -(length + 2) % sa.algorithm.block_bytes))


def seal_esp(sa, inner, sequence, iv=None, next_header=None, padding=None, pad_length=None):
    """The ESP part of a packet. next_header, padding and pad_length may be told to be wrong."""
    if padding is None:
        padding = default_padding(sa, len(inner))
    plain = ipsec._ESPPlain(  # pylint: disable=protected-access
        spi=sa.spi, seq=sequence & 0xFFFFFFFF, iv=iv or os.urandom(sa.algorithm.iv_bytes),
        data=inner, padding=padding, padlen=len(padding) if pad_length is None else pad_length,
        nh=NEXT_HEADER[inner[0] >> 4] if next_header is None else next_header)
    esp = bytes(_cipher(sa).encrypt(_Nonce(sa), plain, _cipher_key(sa), esn_en=sa.esn,
                                    esn=sequence >> 32))
    return esp + _icv(sa, esp, sequence)


def outer_packet(sa, payload, tos=0, ttl=64, protocol=pcap.PROTO_ESP):
    """An outer IP packet around an ESP part, checksum and lengths by scapy."""
    if ":" in sa.source:
        return bytes(IPv6(src=sa.source, dst=sa.destination, tc=tos, hlim=ttl, nh=protocol) /
                     payload)
    return bytes(IP(src=sa.source, dst=sa.destination, tos=tos, ttl=ttl, proto=protocol,
                    id=sa.spi & 0xFFFF) / payload)


def seal(sa, inner, sequence, tos=0, ttl=64, **options):
    """A whole outer packet; options as for seal_esp()."""
    return outer_packet(sa, seal_esp(sa, inner, sequence, **options), tos, ttl)


def open_packet(sa, packet, sequence_high=0):
    """Checks addresses, SPI and ICV of an outer packet and decrypts it."""
    source, destination = pcap.addresses(packet)
    if (str(source), str(destination)) != (sa.source, sa.destination):
        raise OracleError(f"{sa.name}: outer addresses {source} -> {destination}")
    if pcap.protocol(packet) != pcap.PROTO_ESP:
        raise OracleError(f"{sa.name}: protocol {pcap.protocol(packet)}, not ESP")
    return open_esp(sa, pcap.payload(packet), sequence_high)


def open_esp(sa, esp, sequence_high=0):
    spi, low = struct.unpack_from("!II", esp)
    if spi != sa.spi:
        raise OracleError(f"{sa.name}: SPI 0x{spi:08x}")
    sequence = low | (sequence_high << 32 if sa.esn else 0)
    icv_bytes = sa.algorithm.icv_bytes
    if _icv(sa, esp[:-icv_bytes], sequence) not in (b"", esp[-icv_bytes:]):
        raise OracleError(f"{sa.name}: HMAC of sequence {sequence} does not match")
    try:
        plain = _cipher(sa).decrypt(_Nonce(sa), ipsec.ESP(esp), _cipher_key(sa), icv_bytes,
                                    esn_en=sa.esn, esn=sequence >> 32)
    except ipsec.IPSecIntegrityError as error:
        raise OracleError(f"{sa.name}: ICV of sequence {sequence} does not match") from error
    opened = Opened(spi, sequence, bytes(plain.iv), bytes(plain.data), plain.nh)
    # scapy does not look at pad bytes. Encryption is a function of what we know now, so sealing
    # again shows whether they were 1, 2, 3... and no more than the block needs.
    if seal_esp(sa, opened.inner, sequence, opened.iv, opened.next_header) != esp:
        raise OracleError(f"{sa.name}: padding of sequence {sequence} is not the default")
    return opened
