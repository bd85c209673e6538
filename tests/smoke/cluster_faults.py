#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Three nodes are one gateway while its cluster port is attacked, its cables are cut and a node
stands still.

As in cluster.py, probes run over all tunnels, what ever came in is replayed to all nodes after each
fault, and every number and IV that left is looked at.

    attack   garbage, frames of the cluster repeated, changed and of another version, and a flood,
             from another port of the switch: nothing is accepted, nobody is taken for dead
    stop     SIGSTOP for two seconds: the others take over, and what wakes up forwards nothing stale
    cut      the cluster cable of a node, then of the master: they talk by the data ports, nobody is
             lost, and no packet is
    cut-off  the same, and the switches keep back what the nodes say by data ports: it forwards
             nothing, and comes back
"""

import pathlib
import random
import re
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import cluster_watch  # noqa: E402
import counters  # noqa: E402
import netns  # noqa: E402
import pcap  # noqa: E402
import probes  # noqa: E402
from cluster_checks import BUCKETS, owners, running, settled, status, wait_for  # noqa: E402

CLUSTER_PORT = 4510
INTRUDER_MAC = "02:00:00:00:66:66"
FLOOD_SECONDS = 2.0
AWAY_SECONDS = 2.0


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


def attack(watch):
    site, checks = watch.site, watch.checks
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
    data = attack_data_port(site, frames)
    time.sleep(1.0)
    after = {node.name: status(node) for node in running(site)}
    taken = sum(after[name]["data_rx_frames"] - before[name]["data_rx_frames"] for name in before)
    checks.add(f"{data} hostile frames on the private port: {taken} reached the nodes, counted",
               None if taken >= data // 2 else before)
    lost = watch.lost(begin, time.monotonic() - 0.5)
    checks.add(f"{sent} hostile frames on the cluster port: {lost} probes lost",
               None if lost == 0 and len(frames) > 50 else f"{lost} lost, {len(frames)} frames")
    judge_attack(before, after, checks)


def attack_data_port(site, frames):
    """Datagrams of the cluster as they would come by a data port: old ones, from everybody to all,
    with an address and a flag that must not be believed, and headers that promise too much."""
    intruder = site.lab.namespace("intruder2")
    site.plug(intruder, "eth0", "priv", "priv-intruder")
    link = probes.in_namespace(intruder.name, lambda: socket.socket(
        socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
    link.bind(("eth0", 3))
    ethernet = b"\xff" * 6 + pcap.mac_bytes(INTRUDER_MAC) + b"\x88\xb5"
    sent = 0
    for i, frame in enumerate(frames):
        datagram = frame[14 + 20 + 8:][:1400]
        length = len(datagram) + (i % 4 == 3)
        header = bytes([1, 1, i % 3 + 1, (i + 1) % 3 + 1]) + length.to_bytes(2, "big") + b"\0\0"
        link.send(ethernet + header + datagram)
        sent += 1
        time.sleep(0.0005)
    link.close()
    return sent


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

def away_and_back(watch, node, what, leave, come_back):
    """Takes a node away for a while. Its buckets go to others, it forwards nothing meanwhile or
    afterwards that is not its own, and it gets its share again."""
    site, checks = watch.site, watch.checks
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
    lost = watch.lost(begin, begin + AWAY_SECONDS, (owned, node.id))
    checks.add(f"{what}: flows of other nodes lost {lost}", None if lost == 0 else f"lost {lost}")
    outage = max(flow.outage(begin, end) for flow in watch.prober.flows)
    checks.add(f"{what}: longest outage {outage:.2f} s",
               None if outage <= cluster_watch.BACK_SECONDS else f"outage {outage:.2f} s")
    watch.check_replay(what)


def stop(watch):
    away_and_back(watch, watch.slave(), "a node stood still",
                  lambda node: node.daemon.process.send_signal(signal.SIGSTOP),
                  lambda node: node.daemon.process.send_signal(signal.SIGCONT))


def fenced(node):
    rows = counters.rows_of(node.daemon, "drops")
    return next(row["packets"] for row in rows if row["reason"] == "fenced")


def pull(node):
    node.namespace.ip("link", "set", "sync0", "down")


def plug_in(node):
    node.namespace.ip("link", "set", "sync0", "up")


def heard_on(node):
    """By which port the node hears each other one."""
    return {row["name"]: row["heard_on"] for row in counters.rows_of(node.daemon, "nodes")
            if row["state"] != "this node"}


def cut(watch):
    site, checks = watch.site, watch.checks
    for node, what in ((watch.slave(), "the cluster cable of a node cut"),
                       (watch.master(), "that of the master cut")):
        kept = {each.name: (status(each)["master"], status(each)["boot"],
                            status(each)["buckets_shut"]) for each in running(site)}
        begin = time.monotonic()
        pull(node)
        wait_for("private port", lambda: set(heard_on(node).values()) == {"private"}, 5.0)
        time.sleep(AWAY_SECONDS)
        after = {each.name: (status(each)["master"], status(each)["boot"],
                             status(each)["buckets_shut"]) for each in running(site)}
        checks.add(f"{what}: the nodes talk by the private port, nobody is lost",
                   None if after == kept else f"{kept}, then {after}")
        plug_in(node)
        wait_for("cluster port", lambda: set(heard_on(node).values()) == {"cluster"}, 15.0)
        time.sleep(1.0)
        lost = watch.lost(begin, time.monotonic() - 0.5)
        checks.add(f"{what}, and mended: {lost} probes lost", None if lost == 0 else f"lost {lost}")


def separate_nodes(site, separate):
    """On the data ports they reach the host and the peer, but not each other."""
    for node in site.nodes.values():
        for bridge in ("priv", "pub"):
            site.switch.ip("link", "set", f"{bridge}-n{node.id}", "type", "bridge_slave",
                           "isolated", "on" if separate else "off")


def cut_off(watch):
    site, checks = watch.site, watch.checks
    separate_nodes(site, True)
    node, what = watch.slave(), "the cluster cable of a node cut, and no word by data ports"
    before = fenced(node)
    away_and_back(watch, node, what, pull, plug_in)
    dropped = fenced(node) - before
    checks.add(f"{what}: {dropped} packets met a closed fence", None if dropped > 0 else "none")
    separate_nodes(site, False)


FAULTS = {"attack": attack, "stop": stop, "cut": cut, "cut-off": cut_off}


def scenario_of(faults, rounds):
    def scenario(watch):
        for _ in range(rounds):
            with watch.probing():
                time.sleep(1.0)
                for name in faults:
                    FAULTS[name](watch)
    return scenario


def main():
    parser = cluster_watch.parser(__doc__)
    parser.add_argument("--fault", action="append", choices=FAULTS, help="default: all")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    return cluster_watch.main("cluster-faults", options,
                              scenario_of(options.fault or list(FAULTS), options.rounds), "plxf")


if __name__ == "__main__":
    sys.exit(main())
