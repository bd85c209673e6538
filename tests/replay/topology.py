# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""The two gateways that replay cases are about. The hosts are those of tests/captures.

   left host           left gateway                    right gateway          right host
   10.71.1.2 --- 10.71.1.1 | 198.51.100.1 ---- 198.51.100.2 | 10.71.2.1 --- 10.71.2.2
   fd71:1::2     fd71:1::1 | 2001:db8:64::1  2001:db8:64::2 | fd71:2::1     fd71:2::2
"""

import dataclasses

import harness  # first: it finds tools/lab
import algorithms
import pcap

LEFT_HOST_MAC, LEFT_PRIVATE_MAC = "02:00:00:00:71:02", "02:00:00:00:71:01"
RIGHT_HOST_MAC, RIGHT_PRIVATE_MAC = "02:00:00:00:72:02", "02:00:00:00:72:01"
LEFT_PUBLIC_MAC, RIGHT_PUBLIC_MAC = "02:00:00:00:64:01", "02:00:00:00:64:02"
LEFT_PUBLIC = {4: "198.51.100.1", 6: "2001:db8:64::1"}
RIGHT_PUBLIC = {4: "198.51.100.2", 6: "2001:db8:64::2"}
LEFT_PRIVATE = {4: "10.71.1.1", 6: "fd71:1::1"}
RIGHT_PRIVATE = {4: "10.71.2.1", 6: "fd71:2::1"}
LEFT_HOST = {4: "10.71.1.2", 6: "fd71:1::2"}
RIGHT_HOST = {4: "10.71.2.2", 6: "fd71:2::2"}
LEFT_NET = {4: "10.71.1.0/24", 6: "fd71:1::/64"}
RIGHT_NET = {4: "10.71.2.0/24", 6: "fd71:2::/64"}
PREFIX = {4: 24, 6: 64}


@dataclasses.dataclass(frozen=True)
class Tunnel:
    """SAs by inner family: to_right carries what the left host sends."""
    to_right: dict
    to_left: dict

    @property
    def sas_to_right(self):
        return list(self.to_right.values())


def make_tunnel(algorithm, esn=False, crossed=False):
    """crossed: each family travels in the other."""
    pairs = []
    for name, base, ends in (("right", 0x1000, (LEFT_PUBLIC, RIGHT_PUBLIC)),
                             ("left", 0x2000, (RIGHT_PUBLIC, LEFT_PUBLIC))):
        sas = {}
        for inner in (4, 6):
            outer = 10 - inner if crossed else inner
            sas[inner] = algorithms.make_sa(
                f"replay to {name} {algorithm.name} {esn} {crossed} v{inner}", base + inner,
                ends[0][outer], ends[1][outer], algorithm, esn)
        pairs.append(sas)
    return Tunnel(*pairs)


def default_tunnel():
    return make_tunnel(algorithms.BY_NAME["aes128gcm16"])


def addresses_with_prefix(by_family):
    return [f"{address}/{PREFIX[family]}" for family, address in by_family.items()]


def add_ports(config, private, private_mac, public, public_mac, **public_more):
    config.port("private", "", "private", addresses_with_prefix(private), mac=private_mac)
    config.port("public", "", "public", addresses_with_prefix(public), mac=public_mac,
                **public_more)


def left_gateway(bench, tunnel, protect=True, workers=1, replay_window=64, **public_more):
    """Encrypts what the left host sends. protect: with policies and SAs of the tunnel."""
    config = bench.config("left", workers)
    add_ports(config, LEFT_PRIVATE, LEFT_PRIVATE_MAC, LEFT_PUBLIC, LEFT_PUBLIC_MAC, **public_more)
    for family in (4, 6):
        config.neighbor("private", LEFT_HOST[family], LEFT_HOST_MAC)
        config.neighbor("public", RIGHT_PUBLIC[family], RIGHT_PUBLIC_MAC)
    if protect:
        add_protection(config, tunnel.to_right, tunnel.to_left, LEFT_NET, RIGHT_NET, replay_window)
    return config


def right_gateway(bench, tunnel, protect=True, workers=1, replay_window=64, **public_more):
    """Decrypts what the left gateway sends."""
    config = bench.config("right", workers)
    add_ports(config, RIGHT_PRIVATE, RIGHT_PRIVATE_MAC, RIGHT_PUBLIC, RIGHT_PUBLIC_MAC,
              **public_more)
    for family in (4, 6):
        config.neighbor("private", RIGHT_HOST[family], RIGHT_HOST_MAC)
        config.neighbor("public", LEFT_PUBLIC[family], LEFT_PUBLIC_MAC)
    if protect:
        add_protection(config, tunnel.to_left, tunnel.to_right, RIGHT_NET, LEFT_NET, replay_window)
    return config


def add_protection(config, out_sas, in_sas, local, remote, replay_window=64):
    for family in (4, 6):
        config.outbound(out_sas[family])
        config.inbound(in_sas[family], replay_window=replay_window)
        config.protect(f"tunnel{family}", local[family], remote[family], out_sas[family],
                       [in_sas[family]])


def left_capture():
    """Frames of the shipped capture, as they reach the left gateway."""
    return pcap.read(harness.CAPTURES / "left.pcap")


def right_capture():
    return pcap.read(harness.CAPTURES / "right.pcap")


def from_left_host(packet):
    return pcap.ether(LEFT_PRIVATE_MAC, LEFT_HOST_MAC, packet)


def to_right_public(packet):
    """An outer packet as the left gateway would send it to the right one."""
    return pcap.ether(RIGHT_PUBLIC_MAC, LEFT_PUBLIC_MAC, packet)
