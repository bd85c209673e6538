# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Steady echo requests over many tunnels: what was answered, lost or doubled, and when."""

import ctypes
import os
import select
import socket
import struct
import threading
import time

import netns
import pcap

_CLONE_NEWNET = 0x40000000
_ECHO_REQUEST, _ECHO_REPLY = 8, 0


def in_namespace(name, make):
    """The result of make(), called by a thread that lives in the namespace."""
    results = []

    def work():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{name}", "rb") as file:
            if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
                results.append(netns.LabError(f"setns: {os.strerror(ctypes.get_errno())}"))
                return
        try:
            results.append(make())
        except OSError as error:
            results.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


class Flow:
    """The probes of one tunnel, by sequence number: when sent, and when answered how often."""

    def __init__(self, source, destination, identifier):
        self.source = source
        self.destination = destination
        self.identifier = identifier
        self.sent = []
        self.answered = {}
        self.doubled = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK,
                                    socket.IPPROTO_ICMP)
        self.socket.bind((source, 0))
        self.socket.connect((destination, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)

    def send(self):
        """Sequence numbers of ICMP have 16 bits; a run is shorter."""
        number = len(self.sent)
        head = struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0, self.identifier, number)
        checksum = struct.pack("!H", pcap.internet_checksum(head))
        self.sent.append(time.monotonic())
        try:
            self.socket.send(head[:2] + checksum + head[4:])
        except (BlockingIOError, OSError):
            pass  # counts as lost, which it is

    def receive(self):
        try:
            message = self.socket.recv(2048)
        except BlockingIOError:
            return
        message = message[(message[0] & 15) * 4:]
        kind, _, _, identifier, number = struct.unpack_from("!BBHHH", message)
        if kind != _ECHO_REPLY or identifier != self.identifier:
            return
        if number in self.answered:
            self.doubled += 1
        else:
            self.answered[number] = time.monotonic()

    def lost_between(self, begin, end):
        """How many of those sent then were never answered."""
        return sum(begin <= at < end and number not in self.answered
                   for number, at in enumerate(self.sent))

    def outage(self, begin, end):
        """The longest time, in seconds, in which no probe was answered that was sent then."""
        good = [at for number, at in enumerate(self.sent)
                if begin <= at < end and number in self.answered]
        marks = [begin, *good, end]
        return max(after - before for before, after in zip(marks, marks[1:]))


class Prober:
    """Sends `rate` probes a second over each (source, destination), until stop()."""

    def __init__(self, namespace, pairs, rate):
        self.flows = in_namespace(namespace.name, lambda: [
            Flow(source, destination, 0x5000 + i) for i, (source, destination)
            in enumerate(pairs)])
        self.interval = 1.0 / rate
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        poller = select.poll()
        by_number = {flow.socket.fileno(): flow for flow in self.flows}
        for number in by_number:
            poller.register(number, select.POLLIN)
        begin = time.monotonic()
        due = [begin + self.interval * i / len(self.flows) for i in range(len(self.flows))]
        while not self.stopping.is_set():
            now = time.monotonic()
            for i, flow in enumerate(self.flows):
                if due[i] <= now:
                    # A prober that was away does not make up for it with a burst.
                    due[i] = max(due[i] + self.interval, now - self.interval)
                    flow.send()
            wait = max(0.0, min(due) - time.monotonic())
            for number, _ in poller.poll(wait * 1000):
                by_number[number].receive()
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            for number, _ in poller.poll(50):
                by_number[number].receive()

    def stop(self):
        self.stopping.set()
        self.thread.join()
        for flow in self.flows:
            flow.socket.close()

    @property
    def doubled(self):
        return sum(flow.doubled for flow in self.flows)
