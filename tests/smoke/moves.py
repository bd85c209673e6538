#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Buckets move between the workers of two live gateways while a numbered flow runs each way through
one SA in packet mode: every datagram arrives, once, and none later than its successors.

The topology is that of live.py. Moves are ordered through the command socket as fast as they
settle, of any bucket, the SA's own among them.

With --hostile somebody sits on the wire between the gateways who reorders and replays packets, and
workers are stopped at random points, some for longer than the others wait for them. No number may
be sent twice or accepted twice, and nothing may be lost, all the same.
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
import stalls

WORKERS = 2
PACKET_MODE = {"mode": "packet", "stripe_shift": 3}
WINDOW = 1024
PORT = 4500 + 211
RATE = 2000  # datagrams a second
WANTED_MOVES = 300
NUM_BUCKETS = 256
MOST_ATTEMPTS = 10_000  # to order one, a millisecond apart
WORKER_THREADS = "rte-worker"
WIRE = pathlib.Path(netns.__file__).parent / "hostile_wire.py"

# argv: address, port, count, datagrams a second (eight at once). Datagrams carry their number.
# The kernel keeps what one CPU sends in order, not what a process sends that changes CPUs. Time
# that the sender did not get from the machine is not made up for.
SENDER = """
import os, socket, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
address, port, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
begin = time.monotonic()
for number in range(count):
    ahead = begin + number // 8 * 8 / rate - time.monotonic()
    if ahead > 0:
        time.sleep(ahead)
    elif ahead < -0.02:
        begin -= ahead
    out.sendto(number.to_bytes(4, "big") + bytes(number * 7 % 1200), (address, port))
"""
# argv: address, port, count. Option 33 is SO_RCVBUFFORCE. Prints what came when all is there, or
# nothing came for a while: many short ones, as time also passes while the machine stops all of us.
RECEIVER = """
import json, socket, sys
address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
source.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)
source.bind((address, port))
print("ready", flush=True)
source.settimeout(0.1)
seen, twice, late, newest, silent = set(), 0, 0, -1, 0
while silent < (5 if len(seen) == count else 300 if not seen else 50):
    try:
        number = int.from_bytes(source.recv(2048)[:4], "big")
    except TimeoutError:
        silent += 1
        continue
    silent = 0
    twice += number in seen
    late += number < newest
    newest = max(newest, number)
    seen.add(number)
print(json.dumps({"lost": count - len(seen), "twice": twice, "late": late}))
"""


class PacketModeSite(live.Site):
    """Two workers a gateway, one IPv4 SA each way in packet mode."""

    def __init__(self, lab, folder, hostile_seed=None):
        """hostile_seed: what the one on the wire throws dice with; None: nobody is there."""
        self.hostile_seed = hostile_seed
        self.wire = None
        super().__init__(lab, folder, "aes128gcm16", WORKERS)

    def _connect_gateways(self, lab):
        if self.hostile_seed is None:
            super()._connect_gateways(lab)
            return
        middle = lab.namespace("wire")
        for side in live.SIDES:
            lab.veth(self.gateway[side], "pub0", middle, side)
            middle.quiet_interface(side)
        self.wire = middle.start("python3", str(WIRE), *live.SIDES, str(self.hostile_seed),
                                 stdout=netns.subprocess.PIPE, text=True)
        if self.wire.stdout.readline() != "ready\n":
            raise netns.LabError("the wire did not start")

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
    for _ in range(MOST_ATTEMPTS):
        answer = live.command(site, side, command="bucket_move", bucket=bucket, worker=worker)
        if answer["ok"] or "another move" not in str(answer):
            break
        time.sleep(0.001)
    return answer


def move_while(site, running, seed):
    """Random moves on both gateways until running() ends, every third one of the bucket whose owner
    gives out the numbers; how many, and the first refusal."""
    dice = random.Random(seed)
    moves, refused = 0, None
    own = {side: [sa["bucket"] for sa in counters.security_associations(site.daemons[side])
                  if sa["direction"] == "out" and sa["packets"] > 0] for side in live.SIDES}
    while running():
        for side in live.SIDES:
            bucket = (dice.choice(own[side]) if dice.random() < 0.33 else
                      dice.randrange(NUM_BUCKETS))
            answer = order_move(site, side, bucket, dice.randrange(WORKERS))
            moves += answer["ok"]
            refused = refused or (None if answer["ok"] else answer)
    return moves, refused


def start_flow(site, source, count, rate):
    """Receiver and sender of one direction."""
    target = live.HOSTS[live.other(source)][4]
    pipe = netns.subprocess.PIPE
    receiver = site.host[live.other(source)].start(
        "python3", "-c", RECEIVER, target, str(PORT), str(count), stdout=pipe, text=True)
    if receiver.stdout.readline() != "ready\n":
        raise netns.LabError("the receiver did not start")
    sender = site.host[source].start("python3", "-c", SENDER, target, str(PORT), str(count),
                                     str(rate))
    return sender, receiver


def move_under_traffic(site, checks, options):
    """What is between the first and the last move is numbered on both ways. Returns how many
    datagrams, and the receivers."""
    count = options.seconds * options.rate
    flows = {side: start_flow(site, side, count, options.rate) for side in live.SIDES}

    def running():
        return any(sender.poll() is None for sender, _ in flows.values())

    if options.hostile:
        pids = {site.daemons[side].process.pid: WORKER_THREADS for side in live.SIDES}
        with stalls.Stalls(options.seed, pids) as stopped:
            moves, refused = move_while(site, running, options.seed)
        checks.add(f"workers were stopped {stopped.count} times, for up to "
                   f"{stopped.longest * 1000:.0f} ms", None if stopped.count else "never")
    else:
        moves, refused = move_while(site, running, options.seed)
    checks.add(f"{moves} moves under traffic, seed {options.seed}",
               refused or (None if moves >= options.moves else f"not {options.moves}"))
    return count, {side: receiver for side, (_, receiver) in flows.items()}


def check_flows(site, checks, options):
    """Every datagram arrived, once, and in order where nobody changed it on the way."""
    count, receivers = move_under_traffic(site, checks, options)
    for side, receiver in receivers.items():
        result = json.loads(receiver.stdout.readline())
        # A worker that gets no CPU for 20 ms is not waited for, and says so.
        stuck = sum(worker_counters(site, each, "lane_late") for each in live.SIDES)
        good = (result["lost"] == result["twice"] == 0 and
                (options.hostile or result["late"] <= stuck))
        checks.add(f"{count} datagrams from {side}: {result}, {stuck} not waited for",
                   None if good else result)


def check_wire(site, checks):
    """What the gateways sent was sent once, and every copy made of it was refused."""
    refused = {side: sum(packets for reason, packets in
                         counters.wait_quiet(site.daemons[side], 1).drops.items()
                         if reason.startswith("esp_replay")) for side in live.SIDES}
    netns.stop_process(site.wire)
    for side, way in json.loads(site.wire.stdout.readline()).items():
        good = (way["repeated"] == way["repeated_ivs"] == 0 < way["late"] and
                0 < way["copies"] == refused[live.other(side)])
        checks.add(f"on the wire from {side}: {way}, {refused[live.other(side)]} refused",
                   None if good else "repeated, or not refused")


def worker_counters(site, side, name):
    """Sum over the workers of a gateway."""
    return sum(row[name] for row in counters.rows_of(site.daemons[side], "workers"))


def check_spread(site, checks):
    """The workers of each gateway shared the SA."""
    for side in live.SIDES:
        served = worker_counters(site, side, "lane_served")
        checks.add(f"workers of {side} served each other {served} packets",
                   None if served > 0 else "none")


def run(folder, options):
    """All checks; live.Site's topology."""
    checks = checking.Checks("hostile moves" if options.hostile else "moves")
    with netns.Lab("plxm") as lab:
        site = PacketModeSite(lab, folder, options.seed if options.hostile else None)
        try:
            for side in live.SIDES:
                site.start(side)
            for side in live.SIDES:  # neighbors are known afterwards, and leases have grown
                live.ping(site.host[side], live.HOSTS[live.other(side)][4], 500, 200, 2)
            check_flows(site, checks, options)
            check_spread(site, checks)
            live.check_books(site, checks)
            if options.hostile:
                check_wire(site, checks)
            for side in live.SIDES:
                status, _ = site.daemons[side].stop()
                checks.add(f"{side} gateway stops",
                           None if status == 0 else site.daemons[side].log()[-8000:])
        finally:
            site.close()
    return checks


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--rate", type=int, default=RATE, help="datagrams a second and direction")
    parser.add_argument("--moves", type=int, default=WANTED_MOVES, help="fewer fail the test")
    parser.add_argument("--hostile", action="store_true",
                        help="reorder and replay packets, stop workers at random points")
    options = parser.parse_args()
    netns.require_root_and("ip", "ethtool", "ping")
    folder = tempfile.mkdtemp(prefix="plx-moves-")
    status = run(pathlib.Path(folder), options).summary()
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
