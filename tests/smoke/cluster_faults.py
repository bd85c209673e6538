#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Three nodes are one gateway while its cluster port is attacked, its cables are cut and a node
stands still.

As cluster.py, whose judgement this uses: probes run over all tunnels, what ever came in is replayed
to all nodes after each fault, and every number and IV that left is looked at.

    attack   garbage, frames of the cluster repeated, changed and of another version, and a flood,
             from another port of the switch: nothing is accepted, nobody is taken for dead
    stop     SIGSTOP for two seconds: the others take over, and what wakes up forwards nothing stale
    cut      the cluster cable of a node, then of the master: it forwards nothing, and comes back
"""

import argparse
import pathlib
import random
import re
import shutil
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import checks as checking  # noqa: E402
import cluster  # noqa: E402
import cluster_site  # noqa: E402
import counters  # noqa: E402
import netns  # noqa: E402
import pcap  # noqa: E402
import probes  # noqa: E402
from cluster_checks import (  # noqa: E402
    BUCKETS, owners, running, settled, start_capture, status, wait_for, warm_up)

CLUSTER_PORT = 4510
INTRUDER_MAC = "02:00:00:00:66:66"
FLOOD_SECONDS = 2.0
AWAY_SECONDS = 2.0


class Run:
    """One site under probes, and where its checks go."""

    def __init__(self, site, prober, capture, checks):
        self.site = site
        self.prober = prober
        self.capture = capture
        self.checks = checks

    def master(self):
        return next(node for node in running(self.site) if status(node)["master"] == node.name)

    def slave(self):
        master = self.master()
        return next(node for node in running(self.site) if node is not master)

    def lost(self, begin, end, but=None):
        """Lost probes of the flows that `but` had nothing to do with."""
        owned, name = but or ({}, None)
        return sum(flow.lost_between(begin, end)
                   for tunnel, flow in zip(self.site.tunnels, self.prober.flows)
                   if name not in owned.get(tunnel.index, ()))


# ---- attack -------------------------------------------------------------------------------------

def cluster_frames(site):
    """What the members send each other in a second."""
    path = site.folder / "sync.pcap"
    dump = site.switch.start("tcpdump", "-i", "sync", "-Z", "root", "-U", "--immediate-mode",
                             "-w", str(path), "udp", "port", str(CLUSTER_PORT))
    wait_for("tcpdump", path.exists)
    time.sleep(1.0)
    netns.stop_process(dump)
    return pcap.read(path)


def hostile_frames(frames, dice):
    """Name and frames of each kind. Sources are the intruder's, or the switch would be fooled."""
    mac = pcap.mac_bytes(INTRUDER_MAC)
    real = [frame[:6] + mac + frame[12:] for frame in frames]
    payload_at = 14 + 20 + 8

    def changed(frame, at):
        return frame[:at] + bytes([frame[at] ^ (1 << dice.randrange(8))]) + frame[at + 1:]

    def random_payload(frame):
        return frame[:payload_at] + dice.randbytes(len(frame) - payload_at)

    yield "replayed", real
    yield "changed", [changed(frame, dice.randrange(payload_at + 4, len(frame))) for frame in real]
    yield "of another version", [frame[:payload_at] + b"\x02" + frame[payload_at + 1:]
                                 for frame in real]
    yield "of random bytes", [random_payload(frame) for frame in real]
    yield "cut short", [frame[:dice.randrange(15, len(frame))] for frame in real]
    yield "not IP", [frame[:12] + dice.randbytes(50) for frame in real]


def key_strings(site):
    """Every secret of the cluster: its own, and the keys of its SAs."""
    strings = [bytes.fromhex(text) for text in
               re.findall(r'= "([0-9a-f]+)"', site.secret_file.read_text(encoding="ascii"))]
    for tunnel in site.tunnels:
        strings += [sa.key for sa in (tunnel.to_peer, tunnel.to_cluster)]
    return strings


def shows_key(frames, keys):
    """Any eight bytes of one in a row."""
    parts = {key[at:at + 8] for key in keys for at in range(len(key) - 7)}
    return any(part in frame for frame in frames for part in parts)


def check_keys(site, frames, checks):
    keys = key_strings(site)
    planted = frames + [frames[0] + keys[-1][4:14]]
    checks.add(f"no part of {len(keys)} keys in {len(frames)} frames of the cluster port",
               "found" if shows_key(frames, keys) or len(keys) < 10 else None)
    checks.add("the check finds a planted key", None if shows_key(planted, keys) else "not found")


def attack(run):
    site, checks = run.site, run.checks
    dice = random.Random(4510)
    frames = cluster_frames(site)
    check_keys(site, frames, checks)
    intruder = site.lab.namespace("intruder")
    site.plug(intruder, "eth0", "sync", "sync-intruder")
    link = probes.in_namespace(intruder.name, lambda: socket.socket(
        socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
    link.bind(("eth0", 3))
    before = {node.name: status(node) for node in running(site)}
    begin = time.monotonic()
    sent = 0
    flood = []
    for _, hostile in hostile_frames(frames, dice):
        flood += hostile
        for frame in hostile:
            link.send(frame)
            sent += 1
            time.sleep(0.0002)
    end = time.monotonic() + FLOOD_SECONDS
    while time.monotonic() < end:
        for frame in flood:
            link.send(frame)
        sent += len(flood)
    link.close()
    time.sleep(1.0)
    after = {node.name: status(node) for node in running(site)}
    lost = run.lost(begin, time.monotonic() - 0.5)
    checks.add(f"{sent} hostile frames on the cluster port: {lost} probes lost",
               None if lost == 0 and len(frames) > 50 else f"{lost} lost, {len(frames)} frames")
    judge_attack(before, after, checks)


def judge_attack(before, after, checks):
    kept = ("master", "allocation", "boot", "state")
    changed = [f"{name}: {key} {before[name][key]} is now {after[name][key]}"
               for name in before for key in kept if before[name][key] != after[name][key]]
    checks.add("nothing of it was believed", changed or None)

    def refused(key):
        return sum(after[name][key] - before[name][key] for name in before)

    reasons = {key: refused(key) for key in after[next(iter(after))] if key.startswith("refused_")}
    needed = ("refused_replayed", "refused_forged", "refused_malformed")
    checks.add("each kind was counted: " + ", ".join(
        f"{count} {key[8:]}" for key, count in reasons.items() if count),
               None if all(reasons[key] > 0 for key in needed) else reasons)


# ---- nodes that are not dead --------------------------------------------------------------------

def away_and_back(run, node, what, leave, come_back):
    """Takes a node away for a while. Its buckets go to others, it forwards nothing meanwhile or
    afterwards that is not its own, and it gets its share again."""
    site, checks = run.site, run.checks
    others = [each for each in running(site) if each is not node]
    owned = owners(site)
    begin = time.monotonic()
    leave(node)

    def taken():
        return sum(status(each)["buckets"] for each in others) == BUCKETS

    wait_for(f"takeover of {node.name}", taken)
    time.sleep(AWAY_SECONDS)
    come_back(node)
    wait_for(f"return of {node.name}", lambda: settled(site, 1))
    end = time.monotonic() - 0.5
    # Buckets that come back by plan are not held yet: what is lost then is not the fault's.
    lost = run.lost(begin, begin + AWAY_SECONDS, (owned, node.id))
    checks.add(f"{what}: flows of other nodes lost {lost}", None if lost == 0 else f"lost {lost}")
    outage = max(flow.outage(begin, end) for flow in run.prober.flows)
    checks.add(f"{what}: longest outage {outage:.2f} s",
               None if outage <= cluster.BACK_SECONDS else f"outage {outage:.2f} s")
    cluster.check_replay(site, run.prober, run.capture, what, checks)


def stop(run):
    away_and_back(run, run.slave(), "a node stood still",
                  lambda node: node.daemon.process.send_signal(signal.SIGSTOP),
                  lambda node: node.daemon.process.send_signal(signal.SIGCONT))


def fenced(node):
    rows = counters.rows_of(node.daemon, "drops")
    return next(row["packets"] for row in rows if row["reason"] == "fenced")


def cut(run):
    for node, what in ((run.slave(), "the cluster cable of a node cut"),
                       (run.master(), "that of the master cut")):
        before = fenced(node)
        away_and_back(run, node, what,
                      lambda each: each.namespace.ip("link", "set", "sync0", "down"),
                      lambda each: each.namespace.ip("link", "set", "sync0", "up"))
        dropped = fenced(node) - before
        run.checks.add(f"{what}: {dropped} packets met a closed fence",
                       None if dropped > 0 else "none")


FAULTS = {"attack": attack, "stop": stop, "cut": cut}


def run_all(folder, tunnels, names, rounds):
    checks = checking.Checks("cluster-faults")
    with netns.Lab("plxf") as lab:
        site = cluster_site.ClusterSite(lab, folder, tunnels=tunnels)
        try:
            site.start()
            wait_for("cluster", lambda: settled(site, BUCKETS // 4))
            lab.peers[0].wait_ready()
            capture = site.folder / "peer.pcap"
            dump = start_capture(site, capture)
            pairs = [(t.host_address, t.peer_address) for t in site.tunnels]
            warm_up(site, pairs)
            for _ in range(rounds):
                prober = probes.Prober(site.host, pairs, cluster.RATE)
                try:
                    time.sleep(1.0)
                    for name in names:
                        FAULTS[name](Run(site, prober, capture, checks))
                finally:
                    prober.stop()
                checks.add("no probe was answered twice",
                           None if prober.doubled == 0 else f"{prober.doubled} doubled")
            netns.stop_process(dump)
            cluster.check_unique(capture, checks)
        except netns.LabError as error:
            checks.add("the scenario", error)
            for node in site.nodes.values():
                print(node.daemon.log()[-3000:] if node.daemon else "", flush=True)
        finally:
            site.close()
    return checks


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--tunnels", type=int, default=8)
    parser.add_argument("--fault", action="append", choices=FAULTS, help="default: all")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep logs and capture")
    options = parser.parse_args()
    netns.require_root_and("ip", "ethtool", "ping", "tcpdump", "linux.uml")
    folder = tempfile.mkdtemp(prefix="plx-faults-")
    checks = run_all(folder, options.tunnels, options.fault or list(FAULTS), options.rounds)
    result = checks.summary()
    if result == 0 and not options.keep:
        shutil.rmtree(folder)
    else:
        print(f"cluster-faults: files are in {folder}")
    return result


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"cluster-faults: {error}")
