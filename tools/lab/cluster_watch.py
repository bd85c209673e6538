# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""A cluster under probes, and how its faults are judged: what tests of whole clusters share.

A test hands its scenario to main(). The site is up and its traffic is captured when it begins, and
at its end no SA may have repeated a number or an IV on the wire.
"""

import argparse
import contextlib
import shutil
import tempfile
import time

import checks as checking
import cluster_site
import counters
import netns
import probes
from cluster_checks import (
    BUCKETS, command, esp_of, owners, repeats, replay, running, settled, start_capture, status,
    wait_for, warm_up)

RATE = 40  # probes a second and tunnel
DRAIN_RATE = 250  # enough that some come while their bucket moves
BACK_SECONDS = 4.0  # detection, election, allocation and lease gap at ten times the usual interval


class Watch:
    """One site, its probes, and where its checks go."""

    def __init__(self, site, capture, checks):
        self.site = site
        self.capture = capture
        self.checks = checks
        self.prober = None
        self.pairs = [(t.host_address, t.peer_address) for t in site.tunnels]

    @contextlib.contextmanager
    def probing(self, rate=RATE):
        """Probes all tunnels meanwhile; none may be answered twice."""
        self.prober = probes.Prober(self.site.host, self.pairs, rate)
        try:
            yield self.prober
        finally:
            self.prober.stop()
        doubled = self.prober.doubled
        self.checks.add("no probe was answered twice",
                        None if doubled == 0 else f"{doubled} doubled")

    def master(self):
        return next(node for node in running(self.site) if status(node)["master"] == node.name)

    def slave(self):
        master = self.master()
        return next(node for node in running(self.site) if node is not master)

    def entries(self):
        """Which nodes a tunnel's packets come by: {tunnel index: {node ids}}. Flat modes: none."""
        node = running(self.site)[0]
        mode, receiver = (status(node)[key] for key in ("ingress", "receiver"))
        rows = {row["node"]: row for row in counters.rows_of(node.daemon, "nodes")}
        ids = {row["name"]: node_id for node_id, row in rows.items()}

        def of(tunnel):
            if mode == "forward":
                return {ids[receiver]}
            if mode == "spray":
                return {ids[rows[each]["next_hop_at"]] for each in self.site.enters_by(tunnel)}
            return set()

        return {tunnel.index: of(tunnel) for tunnel in self.site.tunnels}

    def receiver(self):
        """Forward mode: the node by which all packets come."""
        return next(node for node in running(self.site) if status(node)["receiver"] == node.name)

    def lost(self, begin, end, but=None):
        """Lost probes of the flows that `but` (owners, node id) had nothing to do with."""
        owned, name = but or ({}, None)
        return sum(flow.lost_between(begin, end)
                   for tunnel, flow in zip(self.site.tunnels, self.prober.flows)
                   if name not in owned.get(tunnel.index, ()))

    def check_steady(self, seconds):
        begin = time.monotonic()
        time.sleep(seconds)
        end = time.monotonic() - 0.5
        lost = [flow.lost_between(begin, end) for flow in self.prober.flows]
        self.checks.add(f"steady state: {sum(lost)} probes lost", lost if any(lost) else None)

    def kill_and_check(self, victim, what):
        """Kills the node under traffic and judges every flow by who owned its SAs."""
        owned = owners(self.site)
        entries = self.entries()
        begin = time.monotonic()
        victim.kill()
        wait_for(f"takeover of {victim.name}", lambda: settled(self.site, 1))
        taken = time.monotonic() - begin
        time.sleep(3.0)
        end = time.monotonic() - 1.0  # what was sent later may still be on its way
        others, its = [], []
        for tunnel, flow in zip(self.site.tunnels, self.prober.flows):
            by_it = victim.id in owned[tunnel.index] | entries[tunnel.index]
            (its if by_it else others).append(flow)
        lost = sum(flow.lost_between(begin, end) for flow in others)
        self.checks.add(f"{what} killed: {len(others)} flows of other nodes lost {lost}",
                        None if lost == 0 and (others or any(entries.values())) else
                        f"lost {lost}")
        outage = max((flow.outage(begin, end) for flow in its), default=0.0)
        self.checks.add(f"{what} killed: {len(its)} flows of its own back, longest outage "
                        f"{outage:.2f} s, buckets taken over in {taken:.2f} s",
                        None if its and outage <= BACK_SECONDS else f"outage {outage:.2f} s")

    def packets_that_waited(self):
        """For a bucket that came, on all nodes so far."""
        return sum(row["coming_released"] for node in running(self.site)
                   for row in counters.rows_of(node.daemon, "workers"))

    def drain_and_check(self, node, what):
        """All buckets of a node go to others under traffic, and come back: planned moves. How many
        packets waited for their bucket."""
        doubled = self.prober.doubled
        waited = self.packets_that_waited()
        begin = time.monotonic()
        for name, done in (("cluster_drain", lambda: status(node)["buckets"] == 0),
                           ("cluster_undrain", lambda: settled(self.site, BUCKETS // 4))):
            command(node, name)
            wait_for(f"{name} of {node.name}", done)
            time.sleep(1.0)
        moved = time.monotonic() - 1.0
        time.sleep(0.5)
        end = time.monotonic() - 0.5
        lost = self.lost(begin, end)
        doubled = self.prober.doubled - doubled
        waited = self.packets_that_waited() - waited
        sent = sum(sum(begin <= at < end for at in flow.sent) for flow in self.prober.flows)
        self.checks.add(f"{what} drained and back in {moved - begin:.1f} s: of {sent} probes "
                        f"{lost} lost, {doubled} doubled, {waited} waited for their bucket",
                        None if lost == 0 and doubled == 0 else f"{lost} lost, {doubled} doubled")
        return waited

    def bring_back(self, node):
        node.start()
        node.daemon.wait_ready()
        wait_for(f"return of {node.name}", lambda: settled(self.site, 1))

    def check_replay(self, what):
        """Nothing that is sent again may come out again."""
        before = self.prober.doubled
        count = replay(self.site, self.capture)
        time.sleep(1.0)
        doubled = self.prober.doubled - before
        self.checks.add(f"{what}: {count} packets replayed to all nodes, none delivered twice",
                        None if doubled == 0 and count > 100 else f"{doubled} doubled")


def drain_then_kill(watch, drain, kill):
    """Drains under so many probes that some wait for their bucket, kills under fewer."""
    with watch.probing(DRAIN_RATE):
        drain(watch)
    with watch.probing():
        kill(watch)


def check_unique(path, checks):
    frames = esp_of(path, from_peer=False)
    found = repeats(frames)
    problem = "\n".join(found[:10]) or (None if len(frames) > 500 else "too little traffic")
    checks.add(f"no number or IV left twice ({len(frames)} packets)", problem)
    planted = frames + [frames[len(frames) // 2]]
    more = len(repeats(planted)) - len(found)
    checks.add("the check finds a planted repeat", None if more == 2 else f"{more} of 2")


def _run(name, folder, scenario, prefix, **site_options):
    checks = checking.Checks(name)
    with netns.Lab(prefix) as lab:
        site = cluster_site.ClusterSite(lab, folder, **site_options)
        try:
            site.start()
            wait_for("cluster", lambda: settled(site, BUCKETS // (len(site.nodes) + 1)))
            lab.peers[0].wait_ready()
            capture = site.folder / "peer.pcap"
            dump = start_capture(site, capture)
            watch = Watch(site, capture, checks)
            warm_up(site, watch.pairs)
            scenario(watch)
            netns.stop_process(dump)
            check_unique(capture, checks)
        except netns.LabError as error:
            checks.add("the scenario", error)
            for member in [*site.nodes.values(), *site.witnesses.values()]:
                print(member.log()[-3000:], flush=True)
        finally:
            site.close()
    return checks


def parser(description, tunnels=8):
    """With the options that main() wants."""
    made = argparse.ArgumentParser(description=description.split("\n\n", maxsplit=1)[0])
    made.add_argument("--tunnels", type=int, default=tunnels)
    made.add_argument("--keep", action="store_true", help="keep logs and capture")
    return made


def main(name, options, scenario, prefix, **site_options):
    """Runs `scenario(watch)`. Returns what the process ends with."""
    netns.require_root_and("ip", "ethtool", "ping", "tcpdump", "linux.uml")
    folder = tempfile.mkdtemp(prefix=f"plx-{name}-")
    try:
        checks = _run(name, folder, scenario, prefix, tunnels=options.tunnels, **site_options)
    except netns.LabError as error:
        print(f"{name}: {error}")
        return 1
    result = checks.summary()
    if result == 0 and not options.keep:
        shutil.rmtree(folder)
    else:
        print(f"{name}: files are in {folder}")
    return result
