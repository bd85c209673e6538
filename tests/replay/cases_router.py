# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""What a router owes its neighbours: ARP and neighbour discovery, echo, ICMP errors, VLANs, the
outer header's DSCP and ECN."""

import time

from harness import check, check_drops, check_equal, check_packets
import topology
import algorithms
import counters
import esp_oracle
import pcap

# pylint: disable=wrong-import-order
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA,
                                ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr,
                                ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

SOLICITED = "ff02::1:ff00:1"  # of every address here that ends in ::1
SOLICITED_MAC = "33:33:ff:00:00:01"


def _host(family, **more):
    layer = IP if family == 4 else IPv6
    return layer(src=topology.LEFT_HOST[family], dst=topology.RIGHT_HOST[family], **more)


def arp(bench):
    """Requests for our addresses are answered, others are not."""
    config = topology.left_gateway(bench, topology.default_tunnel())
    requests = [bytes(Ether(src=topology.LEFT_HOST_MAC, dst="ff:ff:ff:ff:ff:ff") /
                      ARP(hwsrc=topology.LEFT_HOST_MAC, psrc=topology.LEFT_HOST[4], pdst=target))
                for target in (topology.LEFT_PRIVATE[4], "10.71.1.77")]
    result = bench.run(config, {"private": requests})
    replies = [Ether(frame) for frame in result.frames["private"]]
    replies = [frame for frame in replies if ARP in frame and frame[ARP].op == 2]
    check_equal(len(replies), 1, "ARP replies")
    reply = replies[0]
    check_equal((reply.dst, reply[ARP].hwsrc, reply[ARP].psrc, reply[ARP].hwdst, reply[ARP].pdst),
                (topology.LEFT_HOST_MAC, topology.LEFT_PRIVATE_MAC, topology.LEFT_PRIVATE[4],
                 topology.LEFT_HOST_MAC, topology.LEFT_HOST[4]), "ARP reply")


def neighbor_solicitation(bench):
    """RFC 4861 7.2.4, to the solicited-node group and to ourselves."""
    config = topology.left_gateway(bench, topology.default_tunnel())
    us = topology.LEFT_PRIVATE[6]
    option = ICMPv6NDOptSrcLLAddr(lladdr=topology.LEFT_HOST_MAC)
    frames = [bytes(Ether(src=topology.LEFT_HOST_MAC, dst=mac) /
                    IPv6(src=topology.LEFT_HOST[6], dst=destination, hlim=hops) /
                    ICMPv6ND_NS(tgt=us) / option)
              for mac, destination, hops in ((SOLICITED_MAC, SOLICITED, 255),
                                             (topology.LEFT_PRIVATE_MAC, us, 255),
                                             (SOLICITED_MAC, SOLICITED, 254))]  # routed: forged
    result = bench.run(config, {"private": frames})
    answers = [Ether(frame) for frame in result.frames["private"]]
    answers = [frame for frame in answers if ICMPv6ND_NA in frame]
    check_equal(len(answers), 2, "neighbour advertisements")
    for answer in answers:
        na = answer[ICMPv6ND_NA]
        check_equal((answer[IPv6].hlim, na.tgt, na.S, na.R,
                     answer[ICMPv6NDOptDstLLAddr].lladdr),
                    (255, us, 1, 1, topology.LEFT_PRIVATE_MAC), "neighbour advertisement")


def echo(bench):
    """We answer pings to our own addresses, with the same data, whatever its size."""
    config = topology.left_gateway(bench, topology.default_tunnel())
    frames, data = [], {}
    for size in (0, 1, 55, 56, 1400):
        data[size] = bytes(i & 255 for i in range(size))
        for family, request in ((4, ICMP(id=7, seq=size)), (6, ICMPv6EchoRequest(id=7, seq=size))):
            layer = IP if family == 4 else IPv6
            frames.append(topology.from_left_host(bytes(
                layer(src=topology.LEFT_HOST[family], dst=topology.LEFT_PRIVATE[family]) /
                request / Raw(data[size]))))
    result = bench.run(config, {"private": frames})
    got = result.packets("private")
    check_equal(len(got), len(frames), "echo replies")
    for packet in got:
        family = pcap.version(packet)
        reply = (IP(packet)[ICMP] if family == 4 else IPv6(packet)[ICMPv6EchoReply])
        check_equal(tuple(map(str, pcap.addresses(packet))),
                    (topology.LEFT_PRIVATE[family], topology.LEFT_HOST[family]), "addresses")
        check(packet.endswith(data[reply.seq]) and reply.id == 7, "echo data")


def _only_error(result, family):
    got = [p for p in result.packets("private") if pcap.version(p) == family]
    check_equal(len(got), 1, f"IPv{family} ICMP errors")
    check_equal(tuple(map(str, pcap.addresses(got[0]))),
                (topology.LEFT_PRIVATE[family], topology.LEFT_HOST[family]), "addresses")
    return got[0]


def time_exceeded(bench):
    """TTL or hop limit 1 ends here (RFC 792, RFC 4443 3.3)."""
    config = topology.left_gateway(bench, topology.default_tunnel())
    four = bytes(_host(4, ttl=1) / UDP(sport=1, dport=2) / Raw(b"four"))
    six = bytes(_host(6, hlim=1) / UDP(sport=1, dport=2) / Raw(b"six"))
    result = bench.run(config, {"private": [topology.from_left_host(p) for p in (four, six)]})
    check_equal(result.packets("public"), [], "packets on the public port")
    error = IP(_only_error(result, 4))
    check_equal((error[ICMP].type, error[ICMP].code), (11, 0), "ICMP type and code")
    check(bytes(error[ICMP].payload).startswith(four[:28]), "packet quoted")
    error = IPv6(_only_error(result, 6))
    check_equal(error[ICMPv6TimeExceeded].code, 0, "ICMPv6 code")
    check(bytes(error).endswith(six), "packet quoted")


def _largest_inner(algorithm, family, mtu):
    """What fits into mtu outer bytes: RFC 4303 2, computed from the format alone."""
    header = 20 if family == 4 else 40
    room = mtu - header - 8 - algorithm.iv_bytes - algorithm.icv_bytes
    return room // algorithm.block_bytes * algorithm.block_bytes - 2


def packet_too_big(bench, algorithm, crossed):
    """The error names the true inner MTU: a packet of that size passes, one byte more does not."""
    tunnel = topology.make_tunnel(algorithm, crossed=crossed)
    config = topology.left_gateway(bench, tunnel)
    largest = {family: _largest_inner(algorithm, 10 - family if crossed else family, 1500)
               for family in (4, 6)}
    frames = []
    for family in (4, 6):
        header = 28 if family == 4 else 48
        flags = {"flags": "DF"} if family == 4 else {}
        for size in (largest[family], largest[family] + 1):
            frames.append(topology.from_left_host(bytes(
                _host(family, **flags) / UDP() / Raw(b"x" * (size - header)))))
    result = bench.run(config, {"private": frames})
    sent = result.packets("public")
    check_equal(len(sent), 2, "packets that fit")
    check(max(map(len, sent)) <= 1500, "outer packet larger than the MTU")
    error = IP(_only_error(result, 4))[ICMP]
    check_equal((error.type, error.code, error.nexthopmtu), (3, 4, largest[4]), "IPv4 error")
    error = IPv6(_only_error(result, 6))[ICMPv6PacketTooBig]
    check_equal(error.mtu, largest[6], "IPv6 MTU")


def administratively_prohibited(bench):
    """What policy discards is discarded in silence, or with an error to hosts inside where the
    node is told to; it never leaves, and nobody outside hears of it."""
    outside = {4: "198.51.100.9", 6: "2001:db8:64::9"}
    frames = [topology.from_left_host(bytes(_host(f) / UDP(dport=9) / Raw(b"no"))) for f in (4, 6)]
    foreign = [pcap.ether(topology.LEFT_PUBLIC_MAC, topology.RIGHT_PUBLIC_MAC, bytes(
        (IP if f == 4 else IPv6)(src=outside[f], dst=topology.LEFT_HOST[f]) / UDP(dport=9)))
               for f in (4, 6)]
    for tell in (False, True):
        config = topology.left_gateway(bench, topology.default_tunnel(), protect=False)
        config.settings["node"]["tell_discarded"] = tell
        config.policy("closed", "discard", topology.LEFT_NET[4], topology.RIGHT_NET[4])
        result = bench.run(config, {"private": frames, "public": foreign})
        check_equal(result.packets("public"), [], "packets on the public port")
        errors = [(IP(packet)[ICMP] if pcap.version(packet) == 4 else
                   IPv6(packet)[ICMPv6DestUnreach]).code for packet in result.packets("private")]
        check_equal(sorted(errors), [1, 13] if tell else [], "codes of ICMP errors")
        check_drops(result, **({"policy_none": 2} if tell else
                               {"policy_none": 3, "policy_discard": 1}))


def control_counter(gateway, name):
    return next(row["value"] for row in counters.rows_of(gateway, "control")
                if row["name"] == name)


def unreachable_host(bench):
    """A host on the private link that does not answer is reported to a sender in clear outside,
    in clear, and to one inside."""
    config = topology.right_gateway(bench, topology.default_tunnel(), protect=False)
    config.settings["neighbors"] = [n for n in config.settings["neighbors"]
                                    if n["port"] != "private"]
    sender = {4: "198.51.100.9", 6: "2001:db8:64::9"}
    frames = []
    for family in (4, 6):
        config.neighbor("public", sender[family], topology.LEFT_PUBLIC_MAC)
        prefix = f"{sender[family]}/{32 if family == 4 else 128}"
        config.policy(f"open{family}", "bypass", topology.RIGHT_NET[family], prefix)
        layer = IP if family == 4 else IPv6
        frames.append(topology.to_right_public(bytes(
            layer(src=sender[family], dst=topology.RIGHT_HOST[family]) / UDP(dport=9) / Raw(b"?"))))
    gateway, outputs = bench.start(config, {"public": frames})
    gateway.wait_ready()
    deadline = time.monotonic() + 30  # three questions, one a second
    while control_counter(gateway, "routed") < len(frames) and time.monotonic() < deadline:
        time.sleep(0.1)
    gateway.stop()
    errors = [packet for packet in pcap.ip_packets(pcap.read(outputs["public"]))
              if str(pcap.addresses(packet)[1]) in sender.values()]
    check_equal(len(errors), 2, "errors on the public port")
    for packet in errors:
        error = (IP(packet)[ICMP] if pcap.version(packet) == 4 else
                 IPv6(packet)[ICMPv6DestUnreach])
        check_equal((error.type, error.code), (3, 1) if pcap.version(packet) == 4 else (1, 3),
                    "type and code")


def error_rate(bench):
    """ICMP errors are limited; the packets that earn none are still counted."""
    config = topology.left_gateway(bench, topology.default_tunnel())
    config.settings["limits"]["icmp_errors_per_second"] = 10
    frames = [topology.from_left_host(bytes(_host(4, ttl=1, id=i) / UDP())) for i in range(500)]
    result = bench.run(config, {"private": frames})
    check(1 <= len(result.packets("private")) <= 50, "ICMP errors sent: "
          f"{len(result.packets('private'))}")


def vlan(bench):
    """Tagged public port: ESP leaves with the tag; frames without it are not ours."""
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel, vlan=100)
    back = topology.make_tunnel(algorithms.BY_NAME["aes128gcm16"]).to_left[4]
    inner = bytes(IP(src=topology.RIGHT_HOST[4], dst=topology.LEFT_HOST[4]) / UDP() / Raw(b"in"))

    def tagged(number, tag):
        head = Ether(src=topology.RIGHT_PUBLIC_MAC, dst=topology.LEFT_PUBLIC_MAC)
        head = head / Dot1Q(vlan=tag, type=0x0800) if tag else head / b""
        frame = bytearray(bytes(head))
        frame[-2:] = b"\x08\x00"
        return bytes(frame) + esp_oracle.seal(back, inner, number)

    frames = topology.left_capture()
    result = bench.run(config, {"private": frames, "public": [tagged(1, 100), tagged(2, 101),
                                                              tagged(3, None)]})
    check_packets(result.packets("private"), [pcap.forwarded(inner)], "from the VLAN")
    check_drops(result, unknown_vlan=2)
    out = [frame for frame in result.frames["public"]
           if pcap.ip_packet(frame) and pcap.protocol(pcap.ip_packet(frame)) == pcap.PROTO_ESP]
    check_equal(len(out), len(frames), "ESP frames")
    check(all(frame[12:16] == b"\x81\x00\x00\x64" for frame in out), "VLAN tag")


def one_arm(bench):
    """One device is private and public at once."""
    tunnel = topology.default_tunnel()
    config = bench.config("left")
    config.port("arm", "", "both",
                topology.addresses_with_prefix(topology.LEFT_PRIVATE) +
                topology.addresses_with_prefix(topology.LEFT_PUBLIC),
                mac=topology.LEFT_PRIVATE_MAC)
    for family in (4, 6):
        config.neighbor("arm", topology.LEFT_HOST[family], topology.LEFT_HOST_MAC)
        config.neighbor("arm", topology.RIGHT_PUBLIC[family], topology.RIGHT_PUBLIC_MAC)
    topology.add_protection(config, tunnel.to_right, tunnel.to_left, topology.LEFT_NET,
                            topology.RIGHT_NET)
    inner = bytes(IP(src=topology.RIGHT_HOST[4], dst=topology.LEFT_HOST[4]) / UDP() / Raw(b"in"))
    back = pcap.ether(topology.LEFT_PRIVATE_MAC, topology.RIGHT_PUBLIC_MAC,
                      esp_oracle.seal(tunnel.to_left[4], inner, 1))
    frames = topology.left_capture()
    result = bench.run(config, {"arm": frames + [back]})
    check_drops(result)
    sent = result.packets("arm")
    esp = [p for p in sent if pcap.protocol(p) == pcap.PROTO_ESP]
    check_equal(len(esp), len(frames), "ESP packets")
    check_packets([p for p in sent if pcap.protocol(p) != pcap.PROTO_ESP],
                  [pcap.forwarded(inner)], "to the host")


def outer_dscp(bench):
    """RFC 6040 4.1 and RFC 2983: DSCP and ECN are copied outwards, and stay inside."""
    tunnel = topology.default_tunnel()
    packets = [bytes(_host(4, tos=tos) / UDP() / Raw(b"four")) for tos in range(256)]
    packets += [bytes(_host(6, tc=tc) / UDP() / Raw(b"six")) for tc in range(256)]
    result = bench.run(topology.left_gateway(bench, tunnel),
                       {"private": [topology.from_left_host(p) for p in packets]})
    check_drops(result)
    sent = result.packets("public")
    check_equal([traffic_class(p) for p in sent], [traffic_class(p) for p in packets],
                "outer traffic classes")
    inner = [esp_oracle.open_packet(tunnel.to_right[pcap.version(p)], p).inner for p in sent]
    check_packets(inner, [pcap.forwarded(p) for p in packets], "inner packets")


def traffic_class(packet):
    return packet[1] if pcap.version(packet) == 4 else (packet[0] & 15) << 4 | packet[1] >> 4


# RFC 6040 4.2, figure 4. Rows: arriving inner; columns: arriving outer Not-ECT, ECT(0), ECT(1), CE.
NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3
DECAPSULATION = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}


def inner_ecn(bench):
    """What the tunnel's routers marked reaches the inner header; CE over Not-ECT is dropped."""
    tunnel = topology.default_tunnel()
    frames, wanted, number = [], [], 0
    for inner_ecn_bits, row in DECAPSULATION.items():
        for outer_bits, result_bits in row.items():
            number += 1
            def inner(bits):
                return bytes(_host(4, tos=0xB8 | bits) / UDP() / Raw(b"ecn"))
            frames.append(topology.to_right_public(
                esp_oracle.seal(tunnel.to_right[4], inner(inner_ecn_bits), number,
                                tos=0x28 | outer_bits)))
            if result_bits is not None:
                wanted.append(pcap.forwarded(inner(result_bits)))
    result = bench.run(topology.right_gateway(bench, tunnel), {"public": frames})
    check_drops(result, esp_ecn_illegal=1)
    check_packets(result.packets("private"), wanted, "decapsulated")


def cases():
    """{name: function(bench)}."""
    table = {"arp": arp, "neighbor-solicitation": neighbor_solicitation, "echo": echo,
             "time-exceeded": time_exceeded, "error-rate": error_rate,
             "administratively-prohibited": administratively_prohibited, "vlan": vlan,
             "unreachable-host": unreachable_host,
             "one-arm": one_arm, "outer-dscp": outer_dscp, "inner-ecn": inner_ecn}
    for name in ("aes128gcm16", "aes256-sha512"):
        for crossed in (False, True):
            table[f"packet-too-big-{name}{'-crossed' if crossed else ''}"] = (
                lambda bench, a=algorithms.BY_NAME[name], c=crossed: packet_too_big(bench, a, c))
    return table
