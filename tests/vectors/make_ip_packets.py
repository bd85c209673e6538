#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Writes ip_packets.txt and the packet fuzz corpus's named files; needs scapy (python3-scapy).

Packets are built by scapy, and what our parser should say of them is read from scapy's own
dissection of the built bytes. Run it again only to add rows; both outputs are tracked.
"""

import pathlib
import sys

from scapy.all import (
    AH, ARP, ESP, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, IPOption_NOP,
    IPOption_Router_Alert, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting, PadN, RouterAlert, SCTP)

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent / "fuzz" / "corpus" / "packet"
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
V4 = {"src": "192.0.2.1", "dst": "198.51.100.2"}
V6 = {"src": "2001:db8::1", "dst": "2001:db8:ffff::2"}
EXTENSIONS = (IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment)


def packets_v4(udp, tcp, opaque):
    """Name and packet; each becomes a row of ip_packets.txt."""
    return {
        "v4-tcp": IP(**V4, flags="DF", ttl=63, tos=0xb8) / tcp,
        "v4-udp": IP(**V4, id=9) / udp / b"question",
        "v4-udp-empty": IP(**V4) / udp,
        "v4-sctp": IP(**V4) / SCTP(sport=2905, dport=2906),
        "v4-icmp-echo": IP(**V4) / ICMP(id=77, seq=1) / b"ping",
        "v4-esp": IP(**V4, tos=2) / opaque,
        "v4-esp-in-udp": IP(**V4) / UDP(sport=4500, dport=4500) / bytes(opaque),
        "v4-ah": IP(**V4) / AH(nh=6, spi=0x1000, seq=1, icv=bytes(12)) / tcp,
        "v4-in-v4": IP(**V4) / IP(src="10.0.0.1", dst="10.1.0.1") / udp,
        "v4-options-udp": IP(**V4, options=[IPOption_Router_Alert()]) / udp,
        "v4-options-tcp": IP(**V4, options=[IPOption_NOP()] * 40) / tcp,
        "v4-fragment-first": IP(**V4, id=0xbeef, flags="MF") / udp / bytes(16),
        "v4-fragment-middle": IP(**V4, id=0xbeef, flags="MF", frag=3, proto=17) / bytes(24),
        "v4-fragment-last": IP(**V4, id=0xbeef, frag=6, proto=17) / b"tail",
        "v4-fragment-last-byte": IP(**V4, id=1, frag=0x1fff - 3, proto=6) / bytes(8),
        "v4-fragment-tiny": IP(**V4, id=2, flags="MF", proto=6) / b"\x00\x01",
        "v4-no-payload": IP(**V4, proto=6),
        "v4-ports-only": IP(**V4, proto=17) / b"\x04\xd2\x16\x2e",
        "v4-three-bytes": IP(**V4, proto=17) / b"\x04\xd2\x16",
        "v4-to-multicast": IP(src=V4["src"], dst="224.0.0.5", ttl=1, proto=89) / bytes(8),
        "v4-to-broadcast": IP(src=V4["src"], dst="255.255.255.255") / udp,
        "v4-ttl-0": IP(**V4, ttl=0) / udp,
        "v4-padded": IP(**V4) / udp / b"x",
    }


def packets_v6(udp, tcp, opaque):
    """The same."""
    return {
        "v6-tcp": IPv6(**V6, tc=0x2e, hlim=255, fl=0xabcde) / tcp,
        "v6-udp": IPv6(**V6) / udp / b"question",
        "v6-sctp": IPv6(**V6) / SCTP(sport=1, dport=65535),
        "v6-echo": IPv6(**V6) / ICMPv6EchoRequest(id=5, data=b"ping"),
        "v6-esp": IPv6(**V6) / opaque,
        "v6-ah": IPv6(**V6) / AH(nh=17, spi=0x1000, seq=1, icv=bytes(12)) / udp,
        "v6-v4-inside": IPv6(**V6) / IP(**V4) / udp,
        "v6-v6-inside": IPv6(**V6) / IPv6(**V6) / tcp,
        "v6-no-next": IPv6(**V6, nh=59),
        "v6-no-next-tail": IPv6(**V6, nh=59) / b"ignored",
        "v6-three-bytes": IPv6(**V6, nh=6) / b"\x01\x02\x03",
        "v6-hop-by-hop": IPv6(**V6) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / udp,
        "v6-routing": IPv6(**V6) / IPv6ExtHdrRouting(addresses=["2001:db8::3"]) / tcp,
        "v6-dest-options": IPv6(**V6) / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(20))]) / udp,
        "v6-all-extensions":
            IPv6(**V6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting() /
            IPv6ExtHdrFragment(m=1, id=0xcafe0001) / IPv6ExtHdrDestOpt() / udp / bytes(8),
        "v6-eight-extensions": IPv6(**V6) / IPv6ExtHdrHopByHop() /
            (IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() /
             IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() /
             IPv6ExtHdrDestOpt()) / udp,
        "v6-fragment-first": IPv6(**V6) / IPv6ExtHdrFragment(m=1, id=0xfeedbeef) / tcp / bytes(4),
        "v6-fragment-middle": IPv6(**V6) / IPv6ExtHdrFragment(m=1, offset=3, nh=6, id=9) / bytes(8),
        "v6-fragment-last": IPv6(**V6) / IPv6ExtHdrFragment(offset=4, nh=60, id=9) / b"tail",
        "v6-fragment-atomic": IPv6(**V6) / IPv6ExtHdrFragment(id=3) / udp,
        "v6-solicitation-duplicate": IPv6(src="::", dst="ff02::1:ff00:2", hlim=255) /
            ICMPv6ND_NS(tgt="fe80::2"),
        "v6-solicitation": IPv6(src="fe80::1", dst="ff02::1:ff00:2", hlim=255) /
            ICMPv6ND_NS(tgt="fe80::2") / ICMPv6NDOptSrcLLAddr(lladdr=MACS["src"]),
        "v6-advertisement": IPv6(src="fe80::2", dst="fe80::1", hlim=255) /
            ICMPv6ND_NA(tgt="fe80::2", R=1, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=MACS["dst"]),
        "v6-too-big": IPv6(**V6) / ICMPv6PacketTooBig(mtu=1280) / bytes(IPv6(**V6) / tcp),
    }


def frames(udp, tcp):
    """Name and what follows the Ethernet addresses; only for the fuzz corpus."""
    return {
        "arp-request": ARP(psrc=V4["src"], pdst=V4["dst"], hwsrc=MACS["src"]),
        "vlan-v4-tcp": Dot1Q(vlan=100, prio=3) / IP(**V4) / tcp,
        "vlan-v6-udp": Dot1Q(vlan=4095) / IPv6(**V6) / udp,
        "vlan-vlan-v4": Dot1Q(vlan=1) / Dot1Q(vlan=2) / IP(**V4) / udp,
        "ethernet-unknown": b"\x00" * 46,
    }


def expectation(raw):
    """The row of ip_packets.txt for the IP packet `raw`, as scapy dissects it."""
    packet = IP(raw) if raw[0] >> 4 == 4 else IPv6(raw)
    offset = len(packet) - len(packet.payload)
    fragment, first, fragment_id = False, True, 0
    hop_by_hop = False
    if packet.version == 4:
        protocol, tclass, ttl = packet.proto, packet.tos, packet.ttl
        fragment = packet.frag != 0 or packet.flags.MF
        first, dont = packet.frag == 0, bool(packet.flags.DF)
        fragment_id = packet.id if fragment else 0
        options = packet.ihl > 5
        layer = packet.payload
    else:
        protocol, tclass, ttl, dont, options = packet.nh, packet.tc, packet.hlim, True, False
        layer = packet.payload
        while isinstance(layer, EXTENSIONS) and first:
            offset += len(layer) - len(layer.payload)
            protocol = layer.nh
            hop_by_hop |= isinstance(layer, IPv6ExtHdrHopByHop)
            if isinstance(layer, IPv6ExtHdrFragment):
                fragment = bool(layer.m) or layer.offset != 0
                first = layer.offset == 0
                fragment_id = layer.id if fragment else 0
            layer = layer.payload
    ports = first and protocol in (6, 17, 132) and len(raw) - offset >= 4
    source = int.from_bytes(raw[offset:offset + 2], "big") if ports else 0
    destination = int.from_bytes(raw[offset + 2:offset + 4], "big") if ports else 0
    flags = "".join(letter for letter, set_ in (
        ("f", fragment), ("l", not first), ("d", dont), ("p", ports), ("o", options),
        ("h", hop_by_hop)) if set_) or "-"
    return (f"{packet.version} {protocol} {tclass} {ttl} {flags} {len(raw)} {offset} {source} "
            f"{destination} {fragment_id}")


def main():
    """Writes both outputs."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    udp = UDP(sport=40000, dport=53)
    tcp = TCP(sport=49152, dport=443, flags="S")
    opaque = ESP(spi=0x12345678, seq=7, data=bytes(range(40)))
    packets = packets_v4(udp, tcp, opaque) | packets_v6(udp, tcp, opaque) | frames(udp, tcp)
    rows = []
    for name, packet in packets.items():
        raw = bytes(packet)
        if name.startswith(("v4-", "v6-")):
            rows.append(f"{name} {expectation(raw)} {raw.hex()}")
        header = Ether(**MACS) if name != "arp-request" else Ether(dst="ff:ff:ff:ff:ff:ff",
                                                                   src=MACS["src"])
        frame = bytes(header / packet)
        if name == "v4-padded":
            frame = frame.ljust(60, b"\0")
        (CORPUS / name).write_bytes(frame)
    text = [
        "# SPDX-License-Identifier: Apache-2.0",
        "# Copyright 2026 The Phalanx Authors",
        "# IP packets built by scapy 2.5 and its dissection of them; see make_ip_packets.py.",
        "# name version protocol traffic_class ttl flags total_length l4_offset source_port",
        "#   destination_port fragment_id packet",
        "# flags: f fragment, l later (not first) fragment, d don't fragment, p ports present,",
        "#   o IPv4 options, h hop-by-hop header",
    ] + rows
    (HERE / "ip_packets.txt").write_text("\n".join(text) + "\n", encoding="ascii")
    print(f"{len(rows)} packets, {len(packets)} corpus files")


if __name__ == "__main__":
    sys.exit(main())
