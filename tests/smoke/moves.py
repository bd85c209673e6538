#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Buckets move between the workers of two live gateways while a numbered flow runs each way through
one SA in packet mode: every datagram arrives, once, and none later than its successors.

The topology is that of live.py. Moves are ordered through the command socket as fast as they
settle, of any bucket, the SA's own among them.
"""

import argparse
import json
import pathlib
import random
import shutil
import sys
import tempfile
import time

import live  # first: it finds tools/lab

# pylint: disable=wrong-import-order
import checks as checking
import counters
import netns

WORKERS = 2
PACKET_MODE = {"mode": "packet", "stripe_shift": 3}
WINDOW = 1024
PORT = 4500 + 211
RATE = 2000  # datagrams a second
WANTED_MOVES = 300
NUM_BUCKETS = 256

# argv: address, port, count, datagrams a second. Datagrams carry their number.
# The kernel keeps what one CPU sends in order, not what a process sends that changes CPUs.
SENDER = """
import os, socket, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
address, port, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
begin = time.monotonic()
for number in range(count):
    ahead = begin + number / rate - time.monotonic()
    if ahead > 0:
        time.sleep(ahead)
    out.sendto(number.to_bytes(4, "big") + bytes(number * 7 % 1200), (address, port))
"""
# argv: address, port, count. Option 33 is SO_RCVBUFFORCE. Prints what came when all is there, or
# nothing came for a while.
RECEIVER = """
import json, socket, sys
address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
source.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)
source.bind((address, port))
print("ready", flush=True)
source.settimeout(30)
seen, twice, late, newest = set(), 0, 0, -1
try:
    while len(seen) < count:
        number = int.from_bytes(source.recv(2048)[:4], "big")
        source.settimeout(3)
        twice += number in seen
        late += number < newest
        newest = max(newest, number)
        seen.add(number)
    source.settimeout(0.5)
    while True:
        source.recv(2048)
        twice += 1
except TimeoutError:
    print(json.dumps({"lost": count - len(seen), "twice": twice, "late": late}))
"""


class PacketModeSite(live.Site):
    """Two workers a gateway, one IPv4 SA each way in packet mode."""

    def _config(self, side, workers):
        config = super()._config(side, workers)
        config.settings["rebalance"] = {"enabled": False}
        for entry in config.settings["sas"]:
            entry.update(PACKET_MODE)
            if entry["direction"] == "out":
                entry["peer_window"] = WINDOW
        return config


def order_move(site, side, bucket, worker):
    """Waits for the move before to settle. Returns the answer of the last attempt."""
    deadline = time.monotonic() + 10
    while True:
        answer = live.command(site, side, command="bucket_move", bucket=bucket, worker=worker)
        if answer["ok"] or "another move" not in str(answer) or time.monotonic() > deadline:
            return answer
        time.sleep(0.001)


def move_while(site, running, seed):
    """Random moves on both gateways until running() ends; how many, and the first refusal."""
    dice = random.Random(seed)
    moves, refused = 0, None
    while running():
        for side in live.SIDES:
            answer = order_move(site, side, dice.randrange(NUM_BUCKETS), dice.randrange(WORKERS))
            moves += answer["ok"]
            refused = refused or (None if answer["ok"] else answer)
    return moves, refused


def start_flow(site, source, count):
    """Receiver and sender of one direction."""
    target = live.HOSTS[live.other(source)][4]
    pipe = netns.subprocess.PIPE
    receiver = site.host[live.other(source)].start(
        "python3", "-c", RECEIVER, target, str(PORT), str(count), stdout=pipe, text=True)
    if receiver.stdout.readline() != "ready\n":
        raise netns.LabError("the receiver did not start")
    sender = site.host[source].start("python3", "-c", SENDER, target, str(PORT), str(count),
                                     str(RATE))
    return sender, receiver


def check_flows(site, checks, seconds, seed):
    """What is between the first and the last move is numbered on both ways."""
    count = seconds * RATE
    flows = {side: start_flow(site, side, count) for side in live.SIDES}
    moves, refused = move_while(
        site, lambda: any(sender.poll() is None for sender, _ in flows.values()), seed)
    checks.add(f"{moves} moves under traffic, seed {seed}",
               refused or (None if moves >= WANTED_MOVES else "too few"))
    for side, (_, receiver) in flows.items():
        result = json.loads(receiver.stdout.readline())
        # A worker that gets no CPU for 20 ms is not waited for, and says so.
        stuck = sum(worker_counters(site, each, "lane_late") for each in live.SIDES)
        good = result["lost"] == result["twice"] == 0 and result["late"] <= stuck
        checks.add(f"{count} datagrams from {side}: {result}, {stuck} not waited for",
                   None if good else result)


def worker_counters(site, side, name):
    """Sum over the workers of a gateway."""
    return sum(row[name] for row in counters.rows_of(site.daemons[side], "workers"))


def check_spread(site, checks):
    """The workers of each gateway shared the SA."""
    for side in live.SIDES:
        served = worker_counters(site, side, "lane_served")
        checks.add(f"workers of {side} served each other {served} packets",
                   None if served > 0 else "none")


def run(folder, seconds, seed):
    """All checks; live.Site's topology."""
    checks = checking.Checks("moves")
    with netns.Lab("plxm") as lab:
        site = PacketModeSite(lab, folder, "aes128gcm16", WORKERS)
        try:
            for side in live.SIDES:
                site.start(side)
            for side in live.SIDES:  # neighbors are known afterwards, and leases have grown
                live.ping(site.host[side], live.HOSTS[live.other(side)][4], 500, 200, 2)
            check_flows(site, checks, seconds, seed)
            check_spread(site, checks)
            live.check_books(site, checks)
        finally:
            site.close()
    return checks


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    netns.require_root_and("ip", "ethtool", "ping")
    folder = tempfile.mkdtemp(prefix="plx-moves-")
    status = run(pathlib.Path(folder), options.seconds, options.seed).summary()
    if status == 0:
        shutil.rmtree(folder)
    else:
        print(f"moves: files are in {folder}")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"moves: {error}")
