#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Writes host.txt: what a neighbor says to the gateway, and what the gateway must answer.

Whole Ethernet frames unless the name starts with "l3_" (IP packets). Every byte is scapy's.
  /usr/bin/python3 tests/vectors/make_host.py > tests/vectors/host.txt
"""
from scapy.all import (ARP, Ether, ICMP, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                       ICMPv6MLDMultAddrRec, ICMPv6MLQuery, ICMPv6MLQuery2, ICMPv6MLReport,
                       ICMPv6MLReport2, ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo,
                       ICMPv6NDOptSrcLLAddr, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS,
                       ICMPv6ND_Redirect, ICMPv6PacketTooBig, ICMPv6ParamProblem,
                       ICMPv6TimeExceeded, IP, IPOption_NOP, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN, Raw, RouterAlert, TCP, UDP)

# The gateway's public port, and a neighbor on its link.
OUR_MAC, OUR4, OUR6 = "02:00:5e:00:53:01", "192.0.2.1", "2001:db8:1::1"
OUR_LL = "fe80::5eff:fe00:5301"
PEER_MAC, PEER4, PEER6 = "02:00:5e:00:53:99", "192.0.2.9", "2001:db8:1::9"
PEER_LL = "fe80::9"
OTHER_MAC = "02:00:5e:00:53:77"
BROADCAST = "ff:ff:ff:ff:ff:ff"
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
# Solicited-node groups (RFC 4291 2.7.1) and their MACs (RFC 2464 7), written out.
OUR6_GROUP, OUR6_GROUP_MAC = "ff02::1:ff00:1", "33:33:ff:00:00:01"
OUR_LL_GROUP, OUR_LL_GROUP_MAC = "ff02::1:ff00:5301", "33:33:ff:00:53:01"
PEER6_GROUP, PEER6_GROUP_MAC = "ff02::1:ff00:9", "33:33:ff:00:00:09"
# Somebody behind the gateway's private side, and somebody far away.
FAR4, FAR6 = "198.51.100.7", "2001:db8:f::7"
INSIDE4, INSIDE6 = "10.1.0.5", "2001:db8:2::5"

vectors = {}


def add(name, packet):
    vectors[name] = bytes(packet)


def payload(length):
    return Raw(bytes((7 * i + 1) % 256 for i in range(length)))


def arp(name, src, dst, **fields):
    add(name, Ether(src=src, dst=dst) / ARP(**fields))


def make_arp():
    arp("arp_request", PEER_MAC, BROADCAST, op=1, hwsrc=PEER_MAC, psrc=PEER4,
        hwdst="00:00:00:00:00:00", pdst=OUR4)
    arp("arp_request_answer", OUR_MAC, PEER_MAC, op=2, hwsrc=OUR_MAC, psrc=OUR4, hwdst=PEER_MAC,
        pdst=PEER4)
    arp("arp_probe", PEER_MAC, BROADCAST, op=1, hwsrc=PEER_MAC, psrc="0.0.0.0",
        hwdst="00:00:00:00:00:00", pdst=OUR4)
    arp("arp_probe_answer", OUR_MAC, PEER_MAC, op=2, hwsrc=OUR_MAC, psrc=OUR4, hwdst=PEER_MAC,
        pdst="0.0.0.0")
    arp("arp_request_off_link", PEER_MAC, BROADCAST, op=1, hwsrc=PEER_MAC, psrc=FAR4,
        hwdst="00:00:00:00:00:00", pdst=OUR4)
    arp("arp_request_off_link_answer", OUR_MAC, PEER_MAC, op=2, hwsrc=OUR_MAC, psrc=OUR4,
        hwdst=PEER_MAC, pdst=FAR4)
    arp("arp_request_for_another", PEER_MAC, BROADCAST, op=1, hwsrc=PEER_MAC, psrc=PEER4,
        hwdst="00:00:00:00:00:00", pdst="192.0.2.77")
    arp("arp_reply", PEER_MAC, OUR_MAC, op=2, hwsrc=PEER_MAC, psrc=PEER4, hwdst=OUR_MAC, pdst=OUR4)
    arp("arp_gratuitous", OTHER_MAC, BROADCAST, op=1, hwsrc=OTHER_MAC, psrc=PEER4,
        hwdst="00:00:00:00:00:00", pdst=PEER4)
    arp("arp_gratuitous_reply", OTHER_MAC, BROADCAST, op=2, hwsrc=OTHER_MAC, psrc=PEER4,
        hwdst=BROADCAST, pdst=PEER4)
    arp("arp_conflict", OTHER_MAC, BROADCAST, op=1, hwsrc=OTHER_MAC, psrc=OUR4,
        hwdst="00:00:00:00:00:00", pdst=OUR4)
    arp("arp_our_announcement", OUR_MAC, BROADCAST, op=1, hwsrc=OUR_MAC, psrc=OUR4,
        hwdst="00:00:00:00:00:00", pdst=OUR4)
    arp("arp_our_request", OUR_MAC, BROADCAST, op=1, hwsrc=OUR_MAC, psrc=OUR4,
        hwdst="00:00:00:00:00:00", pdst=PEER4)
    arp("arp_our_poll", OUR_MAC, PEER_MAC, op=1, hwsrc=OUR_MAC, psrc=OUR4,
        hwdst="00:00:00:00:00:00", pdst=PEER4)
    arp("arp_bad_hardware_type", PEER_MAC, BROADCAST, hwtype=6, op=1, hwsrc=PEER_MAC, psrc=PEER4,
        pdst=OUR4)
    arp("arp_bad_protocol_type", PEER_MAC, BROADCAST, ptype=0x0801, op=1, hwsrc=PEER_MAC,
        psrc=PEER4, pdst=OUR4)
    arp("arp_bad_hardware_length", PEER_MAC, BROADCAST, hwlen=8, op=1, hwsrc=PEER_MAC, psrc=PEER4,
        pdst=OUR4)
    arp("arp_bad_protocol_length", PEER_MAC, BROADCAST, plen=16, op=1, hwsrc=PEER_MAC, psrc=PEER4,
        pdst=OUR4)
    arp("arp_bad_operation", PEER_MAC, BROADCAST, op=3, hwsrc=PEER_MAC, psrc=PEER4, pdst=OUR4)
    arp("arp_group_sender", PEER_MAC, BROADCAST, op=1, hwsrc=BROADCAST, psrc=PEER4, pdst=OUR4)
    arp("arp_zero_sender", PEER_MAC, BROADCAST, op=1, hwsrc="00:00:00:00:00:00", psrc=PEER4,
        pdst=OUR4)


def ndp(name, src_mac, dst_mac, src, dst, message, *options, hlim=255):
    packet = Ether(src=src_mac, dst=dst_mac) / IPv6(src=src, dst=dst, hlim=hlim) / message
    for option in options:
        packet = packet / option
    add(name, packet)


def make_ndp():
    source = ICMPv6NDOptSrcLLAddr(lladdr=PEER_MAC)
    target = ICMPv6NDOptDstLLAddr(lladdr=PEER_MAC)
    other = ICMPv6NDOptDstLLAddr(lladdr=OTHER_MAC)
    ours = ICMPv6NDOptDstLLAddr(lladdr=OUR_MAC)
    our_source = ICMPv6NDOptSrcLLAddr(lladdr=OUR_MAC)

    ndp("ns", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP, ICMPv6ND_NS(tgt=OUR6), source)
    ndp("ns_answer", OUR_MAC, PEER_MAC, OUR6, PEER6, ICMPv6ND_NA(tgt=OUR6, R=1, S=1, O=1), ours)
    ndp("ns_link_local", PEER_MAC, OUR_LL_GROUP_MAC, PEER_LL, OUR_LL_GROUP,
        ICMPv6ND_NS(tgt=OUR_LL), source)
    ndp("ns_link_local_answer", OUR_MAC, PEER_MAC, OUR_LL, PEER_LL,
        ICMPv6ND_NA(tgt=OUR_LL, R=1, S=1, O=1), ours)
    ndp("ns_unicast", PEER_MAC, OUR_MAC, PEER6, OUR6, ICMPv6ND_NS(tgt=OUR6))
    ndp("ns_dad", PEER_MAC, OUR6_GROUP_MAC, "::", OUR6_GROUP, ICMPv6ND_NS(tgt=OUR6))
    ndp("ns_dad_answer", OUR_MAC, ALL_NODES_MAC, OUR6, ALL_NODES,
        ICMPv6ND_NA(tgt=OUR6, R=1, S=0, O=1), ours)
    ndp("ns_for_another", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP,
        ICMPv6ND_NS(tgt="2001:db8:1::ff00:1"), source)
    ndp("ns_two_options", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP, ICMPv6ND_NS(tgt=OUR6),
        ICMPv6NDOptPrefixInfo(prefix="2001:db8:1::"), source)
    ndp("ns_from_us", OTHER_MAC, PEER6_GROUP_MAC, OUR6, ALL_NODES, ICMPv6ND_NS(tgt=PEER6))
    ndp("na_solicited", PEER_MAC, OUR_MAC, PEER6, OUR6, ICMPv6ND_NA(tgt=PEER6, R=0, S=1, O=1),
        target)
    ndp("na_solicited_no_option", PEER_MAC, OUR_MAC, PEER6, OUR6,
        ICMPv6ND_NA(tgt=PEER6, R=0, S=1, O=1))
    ndp("na_other_mac_override", OTHER_MAC, ALL_NODES_MAC, PEER6, ALL_NODES,
        ICMPv6ND_NA(tgt=PEER6, R=0, S=0, O=1), other)
    ndp("na_other_mac_no_override", OTHER_MAC, ALL_NODES_MAC, PEER6, ALL_NODES,
        ICMPv6ND_NA(tgt=PEER6, R=0, S=0, O=0), other)
    ndp("na_conflict", OTHER_MAC, ALL_NODES_MAC, OUR6, ALL_NODES,
        ICMPv6ND_NA(tgt=OUR6, R=0, S=0, O=1), other)
    ndp("na_our_announcement", OUR_MAC, ALL_NODES_MAC, OUR6, ALL_NODES,
        ICMPv6ND_NA(tgt=OUR6, R=1, S=0, O=1), ours)
    ndp("na_our_link_local_announcement", OUR_MAC, ALL_NODES_MAC, OUR_LL, ALL_NODES,
        ICMPv6ND_NA(tgt=OUR_LL, R=1, S=0, O=1), ours)
    ndp("ns_our_solicitation", OUR_MAC, PEER6_GROUP_MAC, OUR6, PEER6_GROUP,
        ICMPv6ND_NS(tgt=PEER6), our_source)
    ndp("ns_our_solicitation_link_local", OUR_MAC, PEER6_GROUP_MAC, OUR_LL, PEER6_GROUP,
        ICMPv6ND_NS(tgt=PEER_LL), our_source)
    ndp("ns_our_probe", OUR_MAC, PEER_MAC, OUR6, PEER6, ICMPv6ND_NS(tgt=PEER6), our_source)


def make_bad_ndp():
    """RFC 4861 7.1.1 and 7.1.2, one broken rule each; then what is no business of ours."""
    source = ICMPv6NDOptSrcLLAddr(lladdr=PEER_MAC)
    target = ICMPv6NDOptDstLLAddr(lladdr=PEER_MAC)
    ndp("bad_ns_hop_limit", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP, ICMPv6ND_NS(tgt=OUR6),
        source, hlim=254)
    ndp("bad_ns_checksum", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP,
        ICMPv6ND_NS(tgt=OUR6, cksum=0x1234), source)
    ndp("bad_ns_code", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP, ICMPv6ND_NS(tgt=OUR6, code=1),
        source)
    ndp("bad_ns_target_multicast", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP,
        ICMPv6ND_NS(tgt="ff02::1"), source)
    ndp("bad_ns_option_zero", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP, ICMPv6ND_NS(tgt=OUR6),
        ICMPv6NDOptSrcLLAddr(lladdr=PEER_MAC, len=0))
    ndp("bad_ns_option_too_long", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP,
        ICMPv6ND_NS(tgt=OUR6), ICMPv6NDOptSrcLLAddr(lladdr=PEER_MAC, len=2))
    ndp("bad_ns_option_group_mac", PEER_MAC, OUR6_GROUP_MAC, PEER6, OUR6_GROUP,
        ICMPv6ND_NS(tgt=OUR6), ICMPv6NDOptSrcLLAddr(lladdr=BROADCAST))
    ndp("bad_ns_dad_with_option", PEER_MAC, OUR6_GROUP_MAC, "::", OUR6_GROUP,
        ICMPv6ND_NS(tgt=OUR6), source)
    ndp("bad_ns_dad_to_all_nodes", PEER_MAC, ALL_NODES_MAC, "::", ALL_NODES, ICMPv6ND_NS(tgt=OUR6))
    ndp("bad_na_hop_limit", PEER_MAC, OUR_MAC, PEER6, OUR6,
        ICMPv6ND_NA(tgt=PEER6, R=0, S=1, O=1), target, hlim=64)
    ndp("bad_na_code", PEER_MAC, OUR_MAC, PEER6, OUR6,
        ICMPv6ND_NA(tgt=PEER6, R=0, S=1, O=1, code=9), target)
    ndp("bad_na_target_multicast", PEER_MAC, OUR_MAC, PEER6, OUR6,
        ICMPv6ND_NA(tgt="ff02::5", R=0, S=1, O=1), target)
    ndp("bad_na_solicited_to_group", PEER_MAC, ALL_NODES_MAC, PEER6, ALL_NODES,
        ICMPv6ND_NA(tgt=PEER6, R=0, S=1, O=1), target)
    ndp("bad_na_option_zero", PEER_MAC, OUR_MAC, PEER6, OUR6,
        ICMPv6ND_NA(tgt=PEER6, R=0, S=1, O=1), ICMPv6NDOptDstLLAddr(lladdr=PEER_MAC, len=0))
    add("bad_ns_behind_extension_header",
        Ether(src=PEER_MAC, dst=OUR6_GROUP_MAC) / IPv6(src=PEER6, dst=OUR6_GROUP, hlim=255) /
        IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]) / ICMPv6ND_NS(tgt=OUR6) / source)

    ndp("rs", PEER_MAC, "33:33:00:00:00:01", PEER_LL, ALL_NODES, ICMPv6ND_RS(), source)
    ndp("ra", PEER_MAC, ALL_NODES_MAC, PEER_LL, ALL_NODES, ICMPv6ND_RA())
    ndp("redirect", PEER_MAC, OUR_MAC, PEER_LL, OUR6,
        ICMPv6ND_Redirect(tgt=PEER_LL, dst=FAR6))


def mld(name, src_mac, dst_mac, src, dst, message, hlim=1, alert=True):
    options = [RouterAlert(), PadN(optdata=b"")] if alert else [PadN(optdata=b"\0" * 4)]
    add(name, Ether(src=src_mac, dst=dst_mac) / IPv6(src=src, dst=dst, hlim=hlim) /
        IPv6ExtHdrHopByHop(options=options, autopad=0) / message)


def make_mld():
    all_routers, all_routers_mac = "ff02::16", "33:33:00:00:00:16"
    groups = sorted([OUR6_GROUP, OUR_LL_GROUP])
    for name, kind in (("joined", 4), ("present", 2)):
        records = [ICMPv6MLDMultAddrRec(rtype=kind, dst=group) for group in groups]
        mld(f"mld_{name}", OUR_MAC, all_routers_mac, OUR_LL, all_routers,
            ICMPv6MLReport2(records=records))
    mld("mld_v1_report_0", OUR_MAC, OUR6_GROUP_MAC, OUR_LL, OUR6_GROUP,
        ICMPv6MLReport(mladdr=OUR6_GROUP))
    mld("mld_v1_report_1", OUR_MAC, OUR_LL_GROUP_MAC, OUR_LL, OUR_LL_GROUP,
        ICMPv6MLReport(mladdr=OUR_LL_GROUP))

    query = {"src_mac": PEER_MAC, "dst_mac": ALL_NODES_MAC, "src": PEER_LL, "dst": ALL_NODES}
    general = ICMPv6MLQuery2(mrd=10000)
    mld("mld_query", **query, message=general)
    mld("mld_query_v1", **query, message=ICMPv6MLQuery(mrd=1000))
    mld("mld_query_group", PEER_MAC, OUR6_GROUP_MAC, PEER_LL, OUR6_GROUP,
        ICMPv6MLQuery2(mrd=1000, mladdr=OUR6_GROUP))
    mld("mld_query_other_group", **query, message=ICMPv6MLQuery2(mladdr="ff02::1:ff00:77"))
    # RFC 3810 5.1.3: 0x8abc stands for (0x1abc << 3) ms.
    mld("mld_query_long_delay", **query, message=ICMPv6MLQuery2(mrd=0x8abc))
    mld("bad_mld_hop_limit", **query, message=general, hlim=2)
    mld("bad_mld_no_alert", **query, message=general, alert=False)
    mld("bad_mld_source", PEER_MAC, ALL_NODES_MAC, PEER6, ALL_NODES, general)
    mld("bad_mld_length", **query, message=ICMPv6MLQuery(mrd=1000) / Raw(b"\0\0"))


def make_echo():
    for size in (0, 1, 2, 56, 1471, 1472):
        add(f"echo4_{size}", Ether(src=PEER_MAC, dst=OUR_MAC) /
            IP(src=PEER4, dst=OUR4, ttl=61, tos=0xb9, id=77) / ICMP(type=8, id=0x1234, seq=7) /
            payload(size))
        # The identification is the gateway's own; the test clears it in both.
        add(f"l3_echo4_{size}_answer", IP(src=OUR4, dst=PEER4, ttl=64, tos=0xb8, id=0) /
            ICMP(type=0, id=0x1234, seq=7) / payload(size))
    for size in (0, 1, 56, 1451, 1452):
        add(f"echo6_{size}", Ether(src=PEER_MAC, dst=OUR_MAC) /
            IPv6(src=PEER6, dst=OUR6, hlim=61, tc=0xb9) /
            ICMPv6EchoRequest(id=0x1234, seq=7, data=payload(size).load))
        add(f"l3_echo6_{size}_answer", IPv6(src=OUR6, dst=PEER6, hlim=64, tc=0xb8) /
            ICMPv6EchoReply(id=0x1234, seq=7, data=payload(size).load))
    add("echo6_link_local", Ether(src=PEER_MAC, dst=OUR_MAC) / IPv6(src=PEER_LL, dst=OUR_LL) /
        ICMPv6EchoRequest(id=1, seq=2, data=b"abc"))
    add("echo6_link_local_answer", Ether(src=OUR_MAC, dst=PEER_MAC) /
        IPv6(src=OUR_LL, dst=PEER_LL) / ICMPv6EchoReply(id=1, seq=2, data=b"abc"))
    frame = Ether(src=PEER_MAC, dst=OUR_MAC)
    echo = ICMP(type=8, id=1, seq=1) / payload(16)
    add("echo4_bad_checksum", frame / IP(src=PEER4, dst=OUR4) /
        ICMP(type=8, chksum=0x1111) / payload(16))
    add("echo6_bad_checksum", frame / IPv6(src=PEER6, dst=OUR6) /
        ICMPv6EchoRequest(cksum=0x1111, data=b"abc"))
    add("echo4_short", frame / IP(src=PEER4, dst=OUR4, proto=1) / Raw(b"\x08\0\xf7\xff\0\0\0"))
    add("echo4_broadcast", Ether(src=PEER_MAC, dst=BROADCAST) /
        IP(src=PEER4, dst="255.255.255.255") / echo)
    add("echo4_subnet_broadcast", Ether(src=PEER_MAC, dst=BROADCAST) /
        IP(src=PEER4, dst="192.0.2.255") / echo)
    add("echo4_multicast", Ether(src=PEER_MAC, dst="01:00:5e:00:00:01") /
        IP(src=PEER4, dst="224.0.0.1") / echo)
    add("echo6_multicast", Ether(src=PEER_MAC, dst=ALL_NODES_MAC) /
        IPv6(src=PEER6, dst=ALL_NODES) / ICMPv6EchoRequest(data=b"abc"))
    add("echo4_first_fragment", frame / IP(src=PEER4, dst=OUR4, flags="MF") / echo)
    add("echo4_last_fragment", frame / IP(src=PEER4, dst=OUR4, frag=10) / payload(8))
    add("echo6_fragment", frame / IPv6(src=PEER6, dst=OUR6) / IPv6ExtHdrFragment(m=1, id=5) /
        ICMPv6EchoRequest(data=b"abcdefgh"))
    add("echo4_from_us", frame / IP(src=OUR4, dst=OUR4) / echo)
    add("echo4_from_broadcast", frame / IP(src="192.0.2.255", dst=OUR4) / echo)
    add("echo4_not_ours", frame / IP(src=PEER4, dst="192.0.2.200") / echo)
    add("icmp4_reply", frame / IP(src=PEER4, dst=OUR4) / ICMP(type=0, id=1, seq=1))
    add("icmp4_timestamp", frame / IP(src=PEER4, dst=OUR4) /
        ICMP(type=13, ts_ori=1, ts_rx=0, ts_tx=0))
    add("icmp4_error", frame / IP(src=PEER4, dst=OUR4) / ICMP(type=3, code=4) /
        IP(src=OUR4, dst=FAR4, proto=50) / payload(8))
    add("icmp6_reply", frame / IPv6(src=PEER6, dst=OUR6) / ICMPv6EchoReply())
    add("icmp6_error", frame / IPv6(src=PEER6, dst=OUR6) / ICMPv6PacketTooBig(mtu=1300) /
        IPv6(src=OUR6, dst=FAR6, nh=50) / payload(8))


def error4(name, offending, icmp, src=OUR4, dst=PEER4):
    # RFC 1812 4.3.2.3: as much as fits 576 bytes; 4.3.2.5: precedence 6.
    add(f"l3_{name}_error", IP(src=src, dst=dst, ttl=64, tos=0xc0, id=0, flags="DF") / icmp /
        Raw(bytes(offending)[:576 - 28]))


def error6(name, offending, icmp, src=OUR6, dst=PEER6):
    # RFC 4443 2.4 (c): as much as fits 1280 bytes.
    add(f"l3_{name}_error", IPv6(src=src, dst=dst, hlim=64) / icmp /
        Raw(bytes(offending)[:1280 - 48]))


FRAME = Ether(src=PEER_MAC, dst=OUR_MAC)


def make_errors():
    for name, size in (("short4", 10), ("full4", 520), ("long4", 521), ("big4", 1400)):
        packet = IP(src=PEER4, dst=INSIDE4, ttl=1, id=3) / UDP(sport=1000, dport=53) / payload(size)
        add(f"err_{name}", FRAME / packet)
        error4(f"err_{name}_time_exceeded", packet, ICMP(type=11, code=0))
        error4(f"err_{name}_no_route", packet, ICMP(type=3, code=0))
        error4(f"err_{name}_prohibited", packet, ICMP(type=3, code=13))
        error4(f"err_{name}_host", packet, ICMP(type=3, code=1))
        error4(f"err_{name}_too_big", packet, ICMP(type=3, code=4, nexthopmtu=1338))
    for name, size in (("short6", 10), ("full6", 1184), ("long6", 1185), ("big6", 1400)):
        packet = IPv6(src=PEER6, dst=INSIDE6, hlim=1) / UDP(sport=1000, dport=53) / payload(size)
        add(f"err_{name}", FRAME / packet)
        error6(f"err_{name}_time_exceeded", packet, ICMPv6TimeExceeded(code=0))
        error6(f"err_{name}_no_route", packet, ICMPv6DestUnreach(code=0))
        error6(f"err_{name}_prohibited", packet, ICMPv6DestUnreach(code=1))
        error6(f"err_{name}_host", packet, ICMPv6DestUnreach(code=3))
        error6(f"err_{name}_too_big", packet, ICMPv6PacketTooBig(mtu=1338))

    options = IP(src=PEER4, dst=INSIDE4, ttl=1, options=[IPOption_NOP()] * 4) / UDP() / payload(4)
    add("err_options4", FRAME / options)
    error4("err_options4_time_exceeded", options, ICMP(type=11, code=0))
    first = IP(src=PEER4, dst=INSIDE4, ttl=1, flags="MF") / UDP() / payload(16)
    add("err_first_fragment4", FRAME / first)
    error4("err_first_fragment4_time_exceeded", first, ICMP(type=11, code=0))


def make_quiet():
    """What no error may be about."""
    add("quiet_later_fragment4", FRAME / IP(src=PEER4, dst=INSIDE4, ttl=1, frag=5) / payload(16))
    add("quiet_later_fragment6", FRAME / IPv6(src=PEER6, dst=INSIDE6, hlim=1) /
        IPv6ExtHdrFragment(offset=5, id=9, nh=17) / payload(16))
    inner = IP(src=INSIDE4, dst=PEER4) / UDP()
    for kind in (3, 4, 5, 11, 12, 41):
        add(f"quiet_error4_{kind}", FRAME / IP(src=PEER4, dst=INSIDE4, ttl=1) / ICMP(type=kind) /
            Raw(bytes(inner)))
    add("quiet_cut_icmp4", FRAME / IP(src=PEER4, dst=INSIDE4, ttl=1, proto=1))
    inner = IPv6(src=INSIDE6, dst=PEER6) / UDP()
    for kind in (1, 2, 3, 4, 100, 127):
        body = bytes([kind, 0, 0, 0, 0, 0, 0, 0]) + bytes(inner)
        add(f"quiet_error6_{kind}", FRAME / IPv6(src=PEER6, dst=INSIDE6, hlim=1, nh=58) / Raw(body))
    add("quiet_error6_behind_options", FRAME / IPv6(src=PEER6, dst=INSIDE6, hlim=1) /
        IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]) / ICMPv6TimeExceeded() /
        Raw(bytes(inner)))
    udp = UDP() / payload(4)
    add("quiet_from_class_e", FRAME / IP(src="240.0.0.1", dst=INSIDE4, ttl=1) / udp)
    add("quiet_from_loopback", FRAME / IP(src="127.0.0.1", dst=INSIDE4, ttl=1) / udp)
    add("quiet_from_multicast", FRAME / IP(src="224.0.0.9", dst=INSIDE4, ttl=1) / udp)
    add("quiet_from_unspecified", FRAME / IP(src="0.0.0.0", dst=INSIDE4, ttl=1) / udp)
    add("quiet_from_broadcast", FRAME / IP(src="255.255.255.255", dst=INSIDE4, ttl=1) / udp)
    add("quiet_from_subnet_broadcast", FRAME / IP(src="192.0.2.255", dst=INSIDE4, ttl=1) / udp)
    add("quiet_from_us", FRAME / IP(src=OUR4, dst=INSIDE4, ttl=1) / udp)
    add("quiet_to_multicast", FRAME / IP(src=PEER4, dst="239.1.2.3", ttl=1) / udp)
    add("quiet_to_broadcast", FRAME / IP(src=PEER4, dst="255.255.255.255", ttl=1) / udp)
    add("quiet_to_subnet_broadcast", FRAME / IP(src=PEER4, dst="10.1.0.255", ttl=1) / udp)
    add("quiet_to_multicast6", FRAME / IPv6(src=PEER6, dst="ff0e::5", hlim=1) / udp)
    add("quiet_from_multicast6", FRAME / IPv6(src="ff02::9", dst=INSIDE6, hlim=1) / udp)
    add("quiet_link_broadcast", Ether(src=PEER_MAC, dst=BROADCAST) /
        IP(src=PEER4, dst=INSIDE4, ttl=1) / udp)
    add("quiet_link_multicast", Ether(src=PEER_MAC, dst="01:00:5e:01:02:03") /
        IP(src=PEER4, dst=INSIDE4, ttl=1) / udp)


def make_local():
    """Addressed to us."""
    packet = IP(src=PEER4, dst=OUR4) / UDP(sport=9, dport=53) / payload(5)
    add("local_udp4", FRAME / packet)
    error4("local_udp4", packet, ICMP(type=3, code=3))
    packet = IP(src=PEER4, dst=OUR4) / TCP(sport=9, dport=80)
    add("local_tcp4", FRAME / packet)
    error4("local_tcp4", packet, ICMP(type=3, code=3))
    packet = IP(src=PEER4, dst=OUR4, proto=89) / payload(20)
    add("local_ospf4", FRAME / packet)
    error4("local_ospf4", packet, ICMP(type=3, code=2))
    packet = IPv6(src=PEER6, dst=OUR6) / UDP(sport=9, dport=53) / payload(5)
    add("local_udp6", FRAME / packet)
    error6("local_udp6", packet, ICMPv6DestUnreach(code=4))
    packet = IPv6(src=PEER6, dst=OUR6, nh=89) / payload(20)
    add("local_ospf6", FRAME / packet)
    error6("local_ospf6", packet, ICMPv6ParamProblem(code=1, ptr=6))
    packet = (IPv6(src=PEER6, dst=OUR6) / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) /
              IPv6ExtHdrDestOpt(nh=89, options=[PadN(optdata=b"\0" * 12)]) / payload(20))
    add("local_ospf6_options", FRAME / packet)
    error6("local_ospf6_options", packet, ICMPv6ParamProblem(code=1, ptr=48))
    # Link-local to link-local: answered on the link, to the station that sent it.
    packet = IPv6(src=PEER_LL, dst=OUR_LL) / UDP(sport=9, dport=53) / payload(5)
    add("local_udp6_link_local", FRAME / packet)
    add("local_udp6_link_local_error", Ether(src=OUR_MAC, dst=PEER_MAC) /
        IPv6(src=OUR_LL, dst=PEER_LL, hlim=64) / ICMPv6DestUnreach(code=4) / Raw(bytes(packet)))
    add("local_esp4", FRAME / IP(src=PEER4, dst=OUR4, proto=50) / payload(40))
    add("local_ah4", FRAME / IP(src=PEER4, dst=OUR4, proto=51) / payload(40))
    add("local_esp6", FRAME / IPv6(src=PEER6, dst=OUR6, nh=50) / payload(40))
    add("local_no_next6", FRAME / IPv6(src=PEER6, dst=OUR6, nh=59))
    add("local_udp4_broadcast", Ether(src=PEER_MAC, dst=BROADCAST) /
        IP(src=PEER4, dst="192.0.2.255") / UDP() / payload(5))
    add("local_udp6_all_nodes", Ether(src=PEER_MAC, dst=ALL_NODES_MAC) /
        IPv6(src=PEER6, dst=ALL_NODES) / UDP() / payload(5))
    add("local_udp4_from_us", FRAME / IP(src=OUR4, dst=OUR4) / UDP() / payload(5))


def main():
    make_arp()
    make_ndp()
    make_bad_ndp()
    make_mld()
    make_echo()
    make_errors()
    make_quiet()
    make_local()
    print("# SPDX-License-Identifier: Apache-2.0")
    print("# Copyright 2026 The Phalanx Authors")
    print("# Made by make_host.py with scapy; name, then the frame (l3_: the IP packet).")
    for name, packet in vectors.items():
        print(name, packet.hex())


if __name__ == "__main__":
    main()
