#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""A wire between two interfaces with somebody on it who lets no packet get lost, but changes their
order and sends copies of what went by, at once and much later. Only ESP over IPv4 is touched.

    hostile_wire.py LEFT RIGHT SEED

Prints "ready"; on SIGTERM one JSON line with, for each side's packets, `sent` (by the gateway),
`copies` (added here), `late` (overtaken by others), `repeated` (sequence numbers that the gateway
itself sent twice for one SPI) and `repeated_ivs`.
"""

import heapq
import json
import random
import select
import signal
import socket
import sys
import time

ESP_AT = 34  # behind Ethernet and an IPv4 header without options
IV_AT = ESP_AT + 8
KEPT = 4096
BUFFER_BYTES = 1 << 24
SO_RCVBUFFORCE = 33
# Of what went by: how often copied, and how often held back, and for how long at most. At 2 000
# packets a second that is 40 packets: less than a window, more than a stripe.
COPY, HOLD, MOST_HELD = 0.2, 0.2, 0.020


def is_esp(frame):
    return len(frame) >= IV_AT + 8 and frame[12:15] == b"\x08\x00\x45" and frame[23] == 50


class Way:
    """One direction."""

    def __init__(self, source, target, dice):
        self.source, self.target, self.dice = source, target, dice
        self.waiting = []  # heap of (when, position, frame)
        self.kept = []
        self.numbers, self.ivs = set(), set()
        self.newest = 0
        self.result = dict.fromkeys(("sent", "copies", "late", "repeated", "repeated_ivs"), 0)

    def receive(self, now):
        """Everything that is there."""
        while True:
            try:
                frame, address = self.source.recvfrom(4096)
            except BlockingIOError:
                return
            if address[2] == socket.PACKET_OUTGOING:
                continue
            if is_esp(frame):
                self._note(frame)
                held = self.dice.uniform(0, MOST_HELD) if self.dice.random() < HOLD else 0.0
                heapq.heappush(self.waiting, (now + held, self.result["sent"], frame))
            else:
                self.target.send(frame)

    def _note(self, frame):
        self.result["sent"] += 1
        number, iv = frame[ESP_AT:ESP_AT + 8], (frame[ESP_AT:ESP_AT + 4], frame[IV_AT:IV_AT + 8])
        self.result["repeated"] += number in self.numbers
        self.result["repeated_ivs"] += iv in self.ivs
        self.numbers.add(number)
        self.ivs.add(iv)

    def send_due(self, now):
        """What has waited long enough, and copies of what went before."""
        while self.waiting and self.waiting[0][0] <= now:
            _, position, frame = heapq.heappop(self.waiting)
            self.target.send(frame)
            self.result["late"] += position < self.newest
            self.newest = max(self.newest, position)
            if len(self.kept) < KEPT:
                self.kept.append(frame)
            else:
                self.kept[self.dice.randrange(KEPT)] = frame
            if self.dice.random() < COPY:
                self.target.send(frame if self.dice.random() < 0.5 else self.dice.choice(self.kept))
                self.result["copies"] += 1


def packet_socket(interface):
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    made.bind((interface, 3))
    made.setblocking(False)
    return made


def main():
    left, right = packet_socket(sys.argv[1]), packet_socket(sys.argv[2])
    dice = random.Random(int(sys.argv[3]))
    ways = {"left": Way(left, right, dice), "right": Way(right, left, dice)}
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    print("ready", flush=True)
    while not ended:
        select.select([left, right], [], [], 0.001)
        now = time.monotonic()
        for way in ways.values():
            way.receive(now)
            way.send_due(now)
    print(json.dumps({side: way.result for side, way in ways.items()}), flush=True)


if __name__ == "__main__":
    main()
