#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""From one node to four and back to one under traffic, and nobody notices.

One node is the whole cluster and carries the traffic of a Linux kernel alone. Three more are let
in, one after another: their configs name those that were there before, whose own configs never name
them. Then shares change by weights, and the nodes leave again, the founder first, until one that
joined is left. Its roster, votes and numbers must hold all the while: no probe is lost or doubled,
no number or IV repeats on the wire, and what came in is refused when it comes again. In the end the
founder's id comes back with another machine.
"""

import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import cluster_watch  # noqa: E402
import counters  # noqa: E402
import netns  # noqa: E402
from cluster_checks import BUCKETS, command, running, settled, status, wait_for  # noqa: E402

NODES = 4
RATE = 100  # probes a second and tunnel: some come while their bucket moves


class Period:
    """What the probes say of a change: nothing may be lost or doubled from begin to end."""

    def __init__(self, watch, what):
        self.watch = watch
        self.what = what
        self.doubled = watch.prober.doubled
        self.begin = time.monotonic()

    def judge(self):
        taken = time.monotonic() - self.begin
        time.sleep(1.0)
        end = time.monotonic() - 0.5  # what was sent later may still be on its way
        lost = self.watch.lost(self.begin, end)
        doubled = self.watch.prober.doubled - self.doubled
        self.watch.checks.add(f"{self.what}, done in {taken:.1f} s: {lost} lost, {doubled} doubled",
                              None if lost == 0 and doubled == 0 else f"{lost}, {doubled}")


def share_of(watch):
    return BUCKETS // (len(running(watch.site)) + 1)


def let_in(watch, node, teller, known=False):
    """known: the cluster has had this id, so the machine's first boot is not above all others. The
    daemon ends once it has been told of them, for systemd to start it again."""
    address = f"10.9.0.{node.id}"
    command(teller, "cluster_join", node=str(node.id), address=address, name=node.name)
    node.start()
    if known:
        node.daemon.process.wait(20)
        node.start()
    node.daemon.wait_ready()
    wait_for(f"share of {node.name}", lambda: settled(watch.site, share_of(watch)))


def grow(watch):
    nodes = watch.site.nodes
    for joiner in range(2, NODES + 1):
        period = Period(watch, f"node {joiner} joined")
        let_in(watch, nodes[joiner], nodes[joiner - 1])
        period.judge()
    watch.check_replay("four nodes")


def weigh(watch):
    period = Period(watch, "node 2 weighed four times as much, then as much as the others")
    heavy = watch.site.nodes[2]
    command(watch.site.nodes[4], "cluster_weight", node="n2", weight=400)
    wait_for("heavy node", lambda: status(heavy)["buckets"] > BUCKETS * 2 // 5)
    command(watch.site.nodes[3], "cluster_weight", node="2", weight=100)
    wait_for("even shares", lambda: settled(watch.site, share_of(watch)))
    period.judge()


def take_out(watch, node, teller):
    command(teller, "cluster_leave", node=node.name)
    status_code = node.daemon.process.wait(30)
    problem = None if status_code == 0 else f"exit status {status_code}"
    watch.checks.add(f"node {node.id} stopped by itself when it had left", problem)
    wait_for(f"buckets of {node.name}", lambda: settled(watch.site, share_of(watch)))


def shrink(watch):
    nodes = watch.site.nodes
    for leaver in (1, 3, 2):
        period = Period(watch, f"node {leaver} left")
        take_out(watch, nodes[leaver], nodes[4])
        period.judge()
    watch.check_replay("one node is left")


def check_last(watch):
    problem = None
    try:
        command(watch.site.nodes[4], "cluster_leave")
        problem = "it was let go"
    except netns.LabError as error:
        problem = None if "last" in str(error) else error
    watch.checks.add("the last node is not let go", problem)


def check_left(watch, node):
    """Whoever starts it again without being asked."""
    node.start()
    ended = node.daemon.process.wait(20)
    told = "this node has left the cluster" in node.log().splitlines()[-1]
    watch.checks.add("who has left does not come back by itself",
                     None if ended != 0 and told else node.log()[-500:])


def check_events(watch):
    """What the last node tells of it."""
    told = [row["what"] for row in counters.rows_of(watch.site.nodes[4].daemon, "events")]
    wanted = ("told that a member leaves node=2 name=n2",
              "the master is node=4 name=n4: node 2 has left",
              "member is lost: 3 heartbeats missed on cluster, private, public node=2")
    missing = [text for text in wanted if not any(line.startswith(text) for line in told)]
    watch.checks.add("events tell what happened and why", "\n".join(missing + told)
                     if missing else None)


def come_back(watch):
    """The founder's id, on a machine that has never been a member."""
    node = watch.site.nodes[1]
    check_left(watch, node)
    shutil.rmtree(node.config.state_dir)
    watch.site.founders = 0  # nobody begins this cluster any more
    node.config.settings["cluster"]["members"] = watch.site.members
    period = Period(watch, "node 1 came back as another machine")
    let_in(watch, node, watch.site.nodes[4], known=True)
    period.judge()


def scenario(watch):
    with watch.probing(RATE):
        watch.check_steady(2.0)
        grow(watch)
        weigh(watch)
        shrink(watch)
        check_last(watch)
        check_events(watch)
        come_back(watch)


if __name__ == "__main__":
    sys.exit(cluster_watch.main("growing", cluster_watch.parser(__doc__).parse_args(), scenario,
                                "plg", count=NODES, founders=1))
