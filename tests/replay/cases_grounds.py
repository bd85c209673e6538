# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Which bucket each kind of packet is counted in, computed again by the openssl command from the
field lists of docs/abi.md and the birth key in the state directory."""

import pathlib
import sys

from harness import check_equal
import topology
import counters
import pcap

# pylint: disable=wrong-import-order
from scapy.layers.inet import GRE, ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, IPv6,
                                IPv6ExtHdrFragment)
from scapy.packet import Raw

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "vectors"))
import make_bucket_hash as reference  # pylint: disable=wrong-import-position

BIRTH_KEY = slice(32, 48)  # of the file identity


def packets_of(family):
    """[(packet, kind of grounds, fields behind the addresses)]; each several times over, so that
    both the first packet of a flow and those that the flow cache knows are counted."""
    layer = IP if family == 4 else IPv6
    head = layer(src=topology.LEFT_HOST[family], dst=topology.RIGHT_HOST[family])
    if family == 4:
        request = [head / ICMP(type=kind, id=id_, seq=seq)
                   for id_ in (1, 2, 0) for kind in (8, 0) for seq in (1, 2)]
        fragment = head.copy()
        fragment.flags, fragment.id = "MF", 77
        cut = [fragment / UDP(sport=1000, dport=2000, len=100, chksum=1) / Raw(bytes(16))]
        later = head.copy()
        later.frag, later.id, later.proto = 3, 78, 17
        cut.append(later / Raw(bytes(16)))
        error = head / ICMP(type=3, code=1) / Raw(bytes(28))
    else:
        request = [head / kind(id=id_, seq=seq) for id_ in (1, 2, 0)
                   for kind in (ICMPv6EchoRequest, ICMPv6EchoReply) for seq in (1, 2)]
        cut = [head / IPv6ExtHdrFragment(nh=17, offset=offset, m=1, id=77 + (offset != 0)) /
               Raw(bytes(16)) for offset in (0, 3)]
        error = head / ICMPv6PacketTooBig(mtu=1280) / Raw(bytes(40))
    table = [(packet, "icmp", [str(packet[1].id)]) for packet in request]
    table += [(head / UDP(sport=1000, dport=2000), "flow", ["17", "1000", "2000"]),
              (head / TCP(sport=3000, dport=22), "flow", ["6", "3000", "22"]),
              (head / GRE(), "other", ["47"]),
              (error, "other", ["1" if family == 4 else "58"])]
    table += [(packet, "fragment", [str(77 + number)]) for number, packet in enumerate(cut)]
    return table * 2


def clear_buckets(bench):
    """Echo messages by identifier, flows by ports, fragments by identification, the rest by
    protocol."""
    config = topology.left_gateway(bench, topology.default_tunnel())
    table = [(family, *row) for family in (4, 6) for row in packets_of(family)]
    frames = [pcap.ether(topology.LEFT_PRIVATE_MAC, topology.LEFT_HOST_MAC, bytes(packet))
              for _, packet, _, _ in table]
    gateway, _ = bench.start(config, {"private": frames})
    gateway.wait_ready()
    counters.wait_quiet(gateway, len(frames))
    got = {row["bucket"]: row["clear_packets"] for row in counters.rows_of(gateway, "buckets")
           if row["clear_packets"]}
    gateway.kill()
    key = (pathlib.Path(config.state_dir) / "identity").read_bytes()[BIRTH_KEY].hex()
    wanted = {}
    for family, _, kind, fields in table:
        ends = [topology.LEFT_HOST[family], topology.RIGHT_HOST[family]]
        bucket = reference.bucket(key, reference.grounds(kind, ends + fields))
        wanted[bucket] = wanted.get(bucket, 0) + 1
    check_equal(got, wanted, "packets by bucket")


def cases():
    """{name: function(bench)}."""
    return {"clear-buckets": clear_buckets}
