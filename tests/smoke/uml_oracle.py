#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""The lab checked without the gateway: a Linux kernel answers pings that scapy encrypted, for
every tunnel of the matrix, and scapy opens the answers.

  this process --- AF_PACKET on uml0 === vec0, Linux peer

An unanswered ping is sent again, as ping(8) would, with the next sequence number.
"""

import ctypes
import os
import select
import socket
import sys
import time

import uml_cases  # first: it finds tools/lab
import checks
import esp_oracle
import netns
import pcap
import uml

from scapy.layers.inet import ICMP, IP  # pylint: disable=wrong-import-order
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6

SIZES = (0, 1, 15, 16, 17, 500, 1400)
ATTEMPTS = 3
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


class Exchange:
    """The pings of one case. With ESN both ends' numbers start at 1, the kernel's too."""

    def __init__(self, link, case):
        self.link = link
        self.case = case
        self.sent = self.answered = self.sequence = 0

    def attempt(self, size):
        """True when answered; raises when the answer is wrong."""
        inner, payload = echo_request(self.case, size)
        self.sent += 1
        self.link.send(pcap.ether(uml_cases.PEER_MAC, uml_cases.GATEWAY_MAC,
                                  esp_oracle.seal(self.case.to_peer, inner, self.sent)))
        while (packet := receive(self.link, self.case.to_gateway.spi)) is not None:
            self.answered += 1
            opened = esp_oracle.open_packet(self.case.to_gateway, packet)
            if not self.sequence < opened.sequence <= self.sent:
                raise esp_oracle.OracleError(
                    f"number {opened.sequence} after {self.sequence}, {self.sent} sent")
            self.sequence = opened.sequence
            if is_echo_reply(self.case, opened.inner, size, payload):
                return True
            if self.sequence == self.sent:  # else it may be a late one, to a ping given up
                raise esp_oracle.OracleError(f"wrong answer to {size} bytes")
        return False

    def run(self):
        """Returns what is wrong, or None."""
        try:
            for size in SIZES:
                if not any(self.attempt(size) for _ in range(ATTEMPTS)):
                    return f"no answer to {size} bytes"
        except esp_oracle.OracleError as error:
            return str(error)
        return None


def main():
    netns.require_root_and("ip", "ethtool", "linux.uml")
    cases = uml_cases.make_cases()
    results = checks.Checks("uml_oracle")
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
                exchange = Exchange(link, case)
                results.add(case.name, exchange.run())
                results.lost += exchange.sent - exchange.answered
    return results.summary()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"uml_oracle: {error}")
