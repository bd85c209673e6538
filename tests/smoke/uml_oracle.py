#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""The lab checked without the gateway: a Linux kernel answers pings that scapy encrypted, for
every tunnel of the matrix, and scapy opens the answers.

  this process --- AF_PACKET on uml0 --- tap --- vec0, Linux peer
"""

import ctypes
import os
import select
import socket
import sys
import time

import uml_cases  # first: it finds tools/lab
import esp_oracle
import netns
import pcap
import uml

from scapy.layers.inet import ICMP, IP  # pylint: disable=wrong-import-order
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6

SIZES = (0, 1, 15, 16, 17, 500, 1400)
_CLONE_NEWNET = 0x40000000


def enter_namespace(name):
    """This process moves in, for its packet socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{name}", "rb") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise netns.LabError(f"setns: {os.strerror(ctypes.get_errno())}")


def static_neighbors():
    """The gateway's place is empty: nobody would answer the peer's ARP."""
    return [f"neigh replace {uml_cases.GATEWAY[family]} lladdr {uml_cases.GATEWAY_MAC} "
            "nud permanent dev vec0" for family in (4, 6)]


def echo_request(case, size):
    payload = bytes(i & 255 for i in range(size))
    if case.inner == 4:
        packet = IP(src=case.host_address, dst=case.peer_address) / ICMP(id=case.index, seq=size)
    else:
        packet = (IPv6(src=case.host_address, dst=case.peer_address) /
                  ICMPv6EchoRequest(id=case.index, seq=size))
    return bytes(packet / payload), payload


def is_echo_reply(case, inner, size, payload):
    packet = IP(inner) if case.inner == 4 else IPv6(inner)
    reply = packet.getlayer(ICMP if case.inner == 4 else ICMPv6EchoReply)
    return (reply is not None and (case.inner == 6 or reply.type == 0) and reply.seq == size and
            packet.src == case.peer_address and inner.endswith(payload))


def receive(link, spi, seconds=2.0):
    """The next ESP packet of that SPI, or None."""
    deadline = time.monotonic() + seconds
    while select.select([link], [], [], max(deadline - time.monotonic(), 0))[0]:
        packet = pcap.ip_packet(link.recv(4096))
        if packet and pcap.protocol(packet) == pcap.PROTO_ESP and \
                pcap.esp_spi_seq(packet)[0] == spi:
            return packet
    return None


def check(link, case):
    """Returns what is wrong, or None. With ESN both numbers start at the kernel's own 1."""
    for count, size in enumerate(SIZES, start=1):
        inner, payload = echo_request(case, size)
        link.send(pcap.ether(uml_cases.PEER_MAC, uml_cases.GATEWAY_MAC,
                             esp_oracle.seal(case.to_peer, inner, count)))
        answer = receive(link, case.to_gateway.spi)
        if answer is None:
            return f"no answer to {size} bytes"
        opened = esp_oracle.open_packet(case.to_gateway, answer)
        if opened.sequence != count or not is_echo_reply(case, opened.inner, size, payload):
            return f"wrong answer to {size} bytes"
    return None


def main():
    netns.require_root_and("ip", "ethtool", "linux.uml")
    cases = uml_cases.make_cases()
    failed = 0
    with netns.Lab("plx") as lab:
        gateway = lab.namespace("gw")
        peer = uml.Peer(lab, gateway, "uml0",
                        uml_cases.peer_commands(cases) + static_neighbors(), uml_cases.PEER_MAC,
                        uml_cases.MTU)
        enter_namespace(gateway.name)
        peer.wait_ready()
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as link:
            link.bind(("uml0", 3))
            for case in cases:
                problem = check(link, case)
                if problem:
                    failed += 1
                    print(f"uml_oracle: {case.name}: {problem}")
    print(f"uml_oracle: {len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"uml_oracle: {error}")
