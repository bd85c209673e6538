#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Writes fragments.txt: IPv4 packets, and what scapy cuts them into.

  /usr/bin/python3 tests/vectors/make_fragments.py > tests/vectors/fragments.txt
Names are NAME@MTU for the packet and NAME@MTU.INDEX for its fragments.
"""
from scapy.all import (ICMP, IP, UDP, IPOption_LSRR, IPOption_NOP, IPOption_RR,
                       IPOption_Router_Alert, IPOption_Timestamp, Raw, fragment)

SOURCE, DESTINATION = "10.1.0.5", "10.2.0.7"


def payload(length):
    return Raw(bytes((3 * i + length) % 256 for i in range(length)))


def show(name, mtu, packet, pieces):
    print(f"{name}@{mtu}", bytes(packet).hex())
    for index, piece in enumerate(pieces):
        assert len(piece) <= mtu
        print(f"{name}@{mtu}.{index}", bytes(piece).hex())


def by_scapy(name, mtu, packet):
    """scapy's own fragment(); it counts payload bytes and keeps every option everywhere."""
    packet = IP(bytes(packet))
    show(name, mtu, packet, fragment(packet, (mtu - packet.ihl * 4) // 8 * 8))


def with_options(name, mtu, options, copied):
    """Headers by scapy; where RFC 791 wants the cuts and which options, worked out here."""
    body = bytes(UDP(sport=1, dport=2) / payload(400))
    whole = IP(src=SOURCE, dst=DESTINATION, id=0x4242, options=options, proto=17) / Raw(body)
    first = (mtu - IP(bytes(whole)).ihl * 4) // 8 * 8
    later_header = IP(src=SOURCE, dst=DESTINATION, options=copied)
    later = (mtu - IP(bytes(later_header)).ihl * 4) // 8 * 8
    cuts = [0, *range(first, len(body), later), len(body)]
    pieces = []
    for start, end in zip(cuts, cuts[1:]):
        pieces.append(IP(src=SOURCE, dst=DESTINATION, id=0x4242, proto=17,
                         options=copied if start else options, frag=start // 8,
                         flags="MF" if end < len(body) else 0) / Raw(body[start:end]))
    show(name, mtu, whole, pieces)


def main():
    print("# SPDX-License-Identifier: Apache-2.0")
    print("# Copyright 2026 The Phalanx Authors")
    print("# Made by make_fragments.py with scapy.")
    ip = {"src": SOURCE, "dst": DESTINATION, "id": 0x1234, "tos": 0xb9, "ttl": 63}
    udp = UDP(sport=1000, dport=2000)
    for mtu in (1438, 1280, 576, 69, 68):
        by_scapy("udp", mtu, IP(**ip) / udp / payload(1472))
    # One byte too long, and cuts that leave exactly 8 bytes or 1 byte.
    by_scapy("one_over", 1400, IP(**ip) / udp / payload(1373))
    by_scapy("exact", 548, IP(**ip) / udp / payload(2 * 528 - 8))
    by_scapy("one_left", 548, IP(**ip) / udp / payload(2 * 528 - 7))
    by_scapy("icmp", 1000, IP(**ip) / ICMP(id=7, seq=8) / payload(1500))
    # Fragments are cut again: the first, one in the middle, the last.
    by_scapy("first", 500, IP(**ip, flags="MF") / udp / payload(1000))
    middle = IP(**ip, flags="MF", frag=100, proto=17) / payload(1024)
    by_scapy("middle", 500, middle)
    by_scapy("last", 500, IP(**ip, frag=100, proto=17) / payload(1021))

    source_route = IPOption_LSRR(routers=["192.0.2.1", "192.0.2.2"])
    alert = IPOption_Router_Alert()
    record = IPOption_RR(routers=["0.0.0.0", "0.0.0.0"])
    stamp = IPOption_Timestamp()
    with_options("nop_only", 200, [IPOption_NOP()] * 4, [])
    with_options("record_route", 200, [record], [])
    with_options("alert", 200, [alert], [alert])
    with_options("mixed", 200, [IPOption_NOP(), source_route, record, alert],
                 [source_route, alert])
    with_options("longest", 68, [source_route, record, alert, stamp, IPOption_NOP()],
                 [source_route, alert])


if __name__ == "__main__":
    main()
