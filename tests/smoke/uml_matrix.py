#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""The gateway against a Linux kernel, in every tunnel of uml_cases: ping of each payload size from
1 to 1400 bytes, and a TCP transfer both ways whose SHA-256 matches.

   host namespace              gateway namespace                       User Mode Linux
   10.79.0.2 -- eth0 === priv0 -- phalanxd -- uml0 ======== vec0 -- 192.0.2.2, 2001:db8::2
   10.80.N.1, fd80:N::1                                              10.81.N.1, fd81:N::1
"""

import argparse
import concurrent.futures
import hashlib
import http.client
import os
import pathlib
import select
import shutil
import socket
import struct
import sys
import tempfile
import time

import uml_cases  # first: it finds tools/lab
import checks
import config_writer
import counters
import daemon
import netns
import pcap
import uml
from uml_oracle import enter_namespace
from uml_server import blob

LARGEST_PING = 1400
IN_FLIGHT = 16
ATTEMPTS = 3
REPLY_SECONDS = 2.0  # without any answer before what is missing is sent again
TRANSFER_BYTES = 150_000
ECHO = {4: (8, 0), 6: (128, 129)}  # request, reply


class Pinger:
    """Echo requests of many sizes from one address to another, a few in flight at a time. What is
    not answered is sent again."""

    def __init__(self, case):
        self.case = case
        self.sent = self.answered = 0
        family = socket.AF_INET if case.inner == 4 else socket.AF_INET6
        protocol = socket.IPPROTO_ICMP if case.inner == 4 else socket.IPPROTO_ICMPV6
        self.socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self.socket.bind((case.host_address, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    @staticmethod
    def data(size):
        return bytes((size + i) & 255 for i in range(size))

    def send(self, size):
        head = struct.pack("!BBHHH", ECHO[self.case.inner][0], 0, 0, self.case.index, size)
        message = head + self.data(size)
        if self.case.inner == 4:  # for ICMPv6 the kernel does it
            checksum = struct.pack("!H", pcap.internet_checksum(message))
            message = message[:2] + checksum + message[4:]
        self.sent += 1
        self.socket.sendto(message, (self.case.peer_address, 0))

    def receive(self):
        """The size answered next, or None for another message; raises if the data is wrong."""
        message = self.socket.recv(4096)
        if self.case.inner == 4:
            message = message[(message[0] & 15) * 4:]
        kind, _, _, identifier, size = struct.unpack_from("!BBHHH", message)
        if kind != ECHO[self.case.inner][1] or identifier != self.case.index:
            return None
        if message[8:] != self.data(size):
            raise netns.LabError(f"echo of {size} bytes came back changed")
        self.answered += 1
        return size

    def answers(self):
        """True when a message comes in time."""
        return bool(select.select([self.socket], [], [], REPLY_SECONDS)[0])

    def attempt(self, sizes):
        """Returns the sizes that were not answered."""
        missing, waiting, todo = set(), set(), list(reversed(sizes))
        while todo or waiting:
            while todo and len(waiting) < IN_FLIGHT:
                waiting.add(todo[-1])
                self.send(todo.pop())
            if self.answers():
                waiting.discard(self.receive())
                continue
            missing |= waiting
            waiting.clear()
            if self.sent - self.answered > 2 * IN_FLIGHT:
                break  # this is no accident: the others need not be tried
        return sorted(missing | set(todo))

    def run(self, sizes):
        """Returns the sizes that none of a few attempts had an answer to."""
        for _ in range(ATTEMPTS):
            sizes = self.attempt(sizes)
        while self.answered < self.sent and self.answers():
            self.receive()  # late, not lost
        self.socket.close()
        return sizes


def transfer(case):
    """Fetches and sends as many bytes over TCP; None or what went wrong."""
    connection = http.client.HTTPConnection(case.peer_address, uml.HTTP_PORT, timeout=30,
                                            source_address=(case.host_address, 0))
    try:
        connection.request("GET", f"/blob/{TRANSFER_BYTES}")
        if connection.getresponse().read() != blob(TRANSFER_BYTES):
            return "bytes fetched over TCP differ"
        body = os.urandom(TRANSFER_BYTES)
        connection.request("POST", "/sum", body)
        if connection.getresponse().read().decode() != hashlib.sha256(body).hexdigest():
            return "SHA-256 of bytes sent over TCP differs"
    except OSError as error:
        return f"TCP: {error}"
    finally:
        connection.close()
    return None


def check_case(case, sizes):
    """(None or what went wrong, pings lost)."""
    pinger = Pinger(case)
    missing = pinger.run(sizes)
    problem = (f"{len(missing)} pings unanswered, of {missing[:10]} bytes" if missing else
               transfer(case))
    return problem, pinger.sent - pinger.answered


# In packet mode the peer's window of 64 packets is the smallest that stripes of 8 may have.
PACKET_MODE = {"mode": "packet", "stripe_shift": 3}
PEER_WINDOW = 64


def gateway_config(lab, folder, cases, workers, packet_mode):
    config = config_writer.GatewayConfig(f"{lab.prefix}-gw", folder, workers)
    more = PACKET_MODE if packet_mode else {}
    bits = uml_cases.PUBLIC_PREFIX
    config.port("private", "net_af_packet0,iface=priv0", "private",
                [f"{uml_cases.PRIVATE_GATEWAY[f]}/{bits[f]}" for f in (4, 6)], mtu=uml_cases.MTU)
    config.port("public", "net_af_packet1,iface=uml0", "public",
                [f"{uml_cases.GATEWAY[f]}/{bits[f]}" for f in (4, 6)], mtu=uml_cases.MTU,
                mac=uml_cases.GATEWAY_MAC)
    for family, net in ((4, "10.80.0.0/16"), (6, "fd80::/16")):
        config.route(net, uml_cases.PRIVATE_HOST[family])
    for case in cases:
        width = 32 if case.inner == 4 else 128
        config.outbound(case.to_peer, **more, **({"peer_window": PEER_WINDOW} if more else {}))
        config.inbound(case.to_gateway, **more)
        config.protect(f"case{case.index}", f"{case.host_address}/{width}",
                       f"{case.peer_address}/{width}", case.to_peer, [case.to_gateway])
    return config


def build(lab, cases):
    """Namespaces and devices; returns (gateway, host)."""
    gateway, host = lab.namespace("gw"), lab.namespace("host")
    lab.veth(host, "eth0", gateway, "priv0", uml_cases.MTU)
    host.plain_interface("eth0")
    gateway.quiet_interface("priv0")
    lines = [f"address add {uml_cases.PRIVATE_HOST[f]}/{uml_cases.PUBLIC_PREFIX[f]} dev eth0" +
             (" nodad" if f == 6 else "") for f in (4, 6)]
    for case in cases:
        width = 32 if case.inner == 4 else 128
        lines.append(f"address add {case.host_address}/{width} dev lo" +
                     (" nodad" if case.inner == 6 else ""))
        lines.append(f"route add {case.peer_address}/{width} via "
                     f"{uml_cases.PRIVATE_GATEWAY[case.inner]} src {case.host_address}")
    host.batch(lines)
    return gateway, host


def peer_late_drops(case):
    """Packets that the peer refused because their number was seen or left of its window."""
    connection = http.client.HTTPConnection(case.peer_address, uml.HTTP_PORT, timeout=30,
                                            source_address=(case.host_address, 0))
    try:
        connection.request("GET", "/file/proc/net/xfrm_stat")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    return int(dict(line.split() for line in lines)["XfrmInStateSeqError"])


def run(folder, cases, sizes, workers, packet_mode):
    results = checks.Checks("uml packet mode" if packet_mode else "uml")
    with netns.Lab("plx") as lab:
        gateway, host = build(lab, cases)
        peer = uml.Peer(lab, gateway, "uml0", uml_cases.peer_commands(cases), uml_cases.PEER_MAC,
                        uml_cases.MTU)
        config = gateway_config(lab, folder, cases, workers, packet_mode)
        pathlib.Path(config.state_dir).mkdir(mode=0o700, parents=True)
        running = daemon.Daemon(config, folder, True, gateway)
        try:
            running.wait_ready()
            peer.wait_ready()
            enter_namespace(host.name)
            # The peer is one CPU; two cases at once keep it busy while one waits for the other.
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                outcomes = pool.map(lambda case: check_case(case, sizes), cases)
                for case, (problem, lost) in zip(cases, outcomes):
                    results.add(case.name, problem)
                    results.lost += lost
            late = peer_late_drops(cases[0])
            results.add("no packet is late for the peer's window", late or None)
            totals = counters.wait_quiet(running, 1)
            # Not forwardable: what a kernel sends to multicast groups of its link.
            results.add(f"gateway balances, drops {totals.drops}",
                       None if totals.missing == 0 and set(totals.drops) <= {"not_forwardable"}
                       else totals)
            status, _ = running.stop()
            results.add("gateway stops", None if status == 0 else running.log()[-2000:])
        finally:
            running.kill()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 to 64 bytes and every 97th size")
    parser.add_argument("--packet-mode", action="store_true",
                        help="every SA spread over two workers")
    parser.add_argument("words", nargs="*", help="only cases whose name contains one of these")
    options = parser.parse_args()
    netns.require_root_and("ip", "ethtool", "linux.uml")
    cases = [case for case in uml_cases.make_cases()
             if not options.words or any(word in case.name for word in options.words)]
    sizes = list(range(1, LARGEST_PING + 1))
    if options.quick:
        sizes = [size for size in sizes if size <= 64 or size % 97 == 0 or size == LARGEST_PING]
    folder = tempfile.mkdtemp(prefix="plx-matrix-")
    workers = 2 if options.packet_mode else 1
    status = run(folder, cases, sizes, workers, options.packet_mode).summary()
    if status == 0:
        shutil.rmtree(folder)
    else:
        print(f"uml: files are in {folder}")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"uml: {error}")
