#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Three nodes are one gateway to a Linux kernel: kill one and nobody notices.

First a node and the master are drained under traffic and take their share again: planned moves,
which lose and double nothing. Then probes run over many tunnels while a node that is not the master
and then the master are killed (SIGKILL). Flows whose SAs other nodes own lose nothing; those of the
dead node are back; no SA repeats a number or an IV on the wire; everything that ever came in is
sent to all nodes once more after each fault, and nothing is delivered twice. The checks themselves
are shown a planted repeat.

Three daemons, a Linux kernel and the probes share a few CPUs here: the heartbeat interval is ten
times the usual one, so that a busy machine is not taken for a dead node. Times scale with it.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import checks as checking  # noqa: E402
import cluster_site  # noqa: E402
import counters  # noqa: E402
import netns  # noqa: E402
import probes  # noqa: E402
from cluster_checks import (  # noqa: E402
    BUCKETS, command, esp_of, owners, repeats, replay, running, settled, start_capture, status,
    wait_for, warm_up)

RATE = 40  # probes a second and tunnel
DRAIN_RATE = 250  # enough that some come while their bucket moves
BACK_SECONDS = 4.0  # detection, election, allocation and lease gap at ten times the usual interval


def check_unique(path, checks):
    frames = esp_of(path, from_peer=False)
    found = repeats(frames)
    problem = "\n".join(found[:10]) or (None if len(frames) > 500 else "too little traffic")
    checks.add(f"no number or IV left twice ({len(frames)} packets)", problem)
    planted = frames + [frames[len(frames) // 2]]
    checks.add("the check finds a planted repeat", None if len(repeats(planted)) == 2 else planted)


def kill_and_check(site, prober, victim, what, checks):
    """Kills the node under traffic and judges every flow by who owned its SAs."""
    owned = owners(site)
    begin = time.monotonic()
    victim.kill()
    wait_for(f"takeover of {victim.name}", lambda: settled(site, 1))
    taken = time.monotonic() - begin
    time.sleep(3.0)
    end = time.monotonic() - 1.0  # what was sent later may still be on its way
    others, its = [], []
    for tunnel, flow in zip(site.tunnels, prober.flows):
        (its if victim.id in owned[tunnel.index] else others).append(flow)
    lost = sum(flow.lost_between(begin, end) for flow in others)
    checks.add(f"{what} killed: {len(others)} flows of other nodes lost {lost}",
               None if lost == 0 and others else f"lost {lost}")
    outage = max((flow.outage(begin, end) for flow in its), default=0.0)
    checks.add(f"{what} killed: {len(its)} flows of its own back, longest outage {outage:.2f} s, "
               f"buckets taken over in {taken:.2f} s",
               None if its and outage <= BACK_SECONDS else f"outage {outage:.2f} s")


def check_replay(site, prober, path, what, checks):
    """Nothing that is sent again may come out again."""
    before = prober.doubled
    count = replay(site, path)
    time.sleep(1.0)
    doubled = prober.doubled - before
    checks.add(f"{what}: {count} packets replayed to all nodes, none delivered twice",
               None if doubled == 0 and count > 100 else f"{doubled} doubled")


def check_steady(prober, begin, end, checks):
    lost = sum(flow.lost_between(begin, end) for flow in prober.flows)
    checks.add(f"steady state: {lost} probes lost", None if lost == 0 else
               [flow.lost_between(begin, end) for flow in prober.flows])


def packets_that_waited(site):
    """For a bucket that came, on all nodes so far."""
    return sum(row["coming_released"] for node in running(site)
               for row in counters.rows_of(node.daemon, "workers"))


def drain_and_check(site, prober, node, what, checks):
    """All buckets of a node go to others under traffic, and come back: planned moves."""
    doubled = prober.doubled
    waited = packets_that_waited(site)
    begin = time.monotonic()
    for name, done in (("cluster_drain", lambda: status(node)["buckets"] == 0),
                          ("cluster_undrain", lambda: settled(site, BUCKETS // 4))):
        command(node, name)
        wait_for(f"{name} of {node.name}", done)
        time.sleep(1.0)
    moved = time.monotonic() - 1.0
    time.sleep(0.5)
    end = time.monotonic() - 0.5
    lost = sum(flow.lost_between(begin, end) for flow in prober.flows)
    doubled = prober.doubled - doubled
    waited = packets_that_waited(site) - waited
    sent = sum(sum(begin <= at < end for at in flow.sent) for flow in prober.flows)
    checks.add(f"{what} drained and back in {moved - begin:.1f} s: of {sent} probes {lost} lost, "
               f"{doubled} doubled, {waited} waited for their bucket",
               None if lost == 0 and doubled == 0 else f"{lost} lost, {doubled} doubled")
    return waited


def drain_nodes(site, pairs, checks):
    prober = probes.Prober(site.host, pairs, DRAIN_RATE)
    try:
        time.sleep(1.0)
        waited = 0
        for role in ("a node", "the master"):
            node = next(node for node in running(site)
                        if (status(node)["master"] == node.name) == (role == "the master"))
            waited += drain_and_check(site, prober, node, role, checks)
        checks.add("some packets came while their bucket moved", None if waited else "none waited")
    finally:
        prober.stop()


def run(folder, tunnels):
    checks = checking.Checks("cluster")
    with netns.Lab("plx") as lab:
        site = cluster_site.ClusterSite(lab, folder, tunnels=tunnels)
        try:
            site.start()
            wait_for("cluster", lambda: settled(site, BUCKETS // 4))
            lab.peers[0].wait_ready()
            capture = site.folder / "peer.pcap"
            dump = start_capture(site, capture)
            pairs = [(t.host_address, t.peer_address) for t in site.tunnels]
            warm_up(site, pairs)
            drain_nodes(site, pairs, checks)
            prober = probes.Prober(site.host, pairs, RATE)
            try:
                scenario(site, prober, capture, checks)
            finally:
                prober.stop()
            checks.add("no probe was answered twice",
                       None if prober.doubled == 0 else f"{prober.doubled} doubled")
            netns.stop_process(dump)
            check_unique(capture, checks)
        except netns.LabError as error:
            checks.add("the scenario", error)
            for node in site.nodes.values():
                print(node.daemon.log()[-3000:] if node.daemon else "", flush=True)
        finally:
            site.close()
    return checks


def scenario(site, prober, capture, checks):
    begin = time.monotonic()
    time.sleep(3.0)
    end = time.monotonic() - 0.5
    check_steady(prober, begin, end, checks)
    master = next(node for node in running(site) if status(node)["master"] == node.name)
    slave = next(node for node in running(site) if node is not master)
    kill_and_check(site, prober, slave, "a node", checks)
    check_replay(site, prober, capture, "a node is dead", checks)
    slave.start()
    slave.daemon.wait_ready()
    wait_for("the node's return", lambda: settled(site, 1))
    check_replay(site, prober, capture, "it is back", checks)
    master = next(node for node in running(site) if status(node)["master"] == node.name)
    kill_and_check(site, prober, master, "the master", checks)
    check_replay(site, prober, capture, "the master is dead", checks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tunnels", type=int, default=8)
    parser.add_argument("--keep", action="store_true", help="keep logs and capture")
    options = parser.parse_args()
    netns.require_root_and("ip", "ethtool", "ping", "tcpdump", "linux.uml")
    folder = tempfile.mkdtemp(prefix="plx-cluster-")
    checks = run(folder, options.tunnels)
    result = checks.summary()
    if result == 0 and not options.keep:
        shutil.rmtree(folder)
    else:
        print(f"cluster: files are in {folder}")
    return result


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"cluster: {error}")
