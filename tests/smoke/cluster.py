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

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import cluster_watch  # noqa: E402
import counters  # noqa: E402
from cluster_checks import BUCKETS, command, running, settled, status, wait_for  # noqa: E402

DRAIN_RATE = 250  # enough that some come while their bucket moves


def packets_that_waited(site):
    """For a bucket that came, on all nodes so far."""
    return sum(row["coming_released"] for node in running(site)
               for row in counters.rows_of(node.daemon, "workers"))


def drain_and_check(watch, node, what):
    """All buckets of a node go to others under traffic, and come back: planned moves."""
    doubled = watch.prober.doubled
    waited = packets_that_waited(watch.site)
    begin = time.monotonic()
    for name, done in (("cluster_drain", lambda: status(node)["buckets"] == 0),
                       ("cluster_undrain", lambda: settled(watch.site, BUCKETS // 4))):
        command(node, name)
        wait_for(f"{name} of {node.name}", done)
        time.sleep(1.0)
    moved = time.monotonic() - 1.0
    time.sleep(0.5)
    end = time.monotonic() - 0.5
    lost = watch.lost(begin, end)
    doubled = watch.prober.doubled - doubled
    waited = packets_that_waited(watch.site) - waited
    sent = sum(sum(begin <= at < end for at in flow.sent) for flow in watch.prober.flows)
    watch.checks.add(f"{what} drained and back in {moved - begin:.1f} s: of {sent} probes {lost} "
                     f"lost, {doubled} doubled, {waited} waited for their bucket",
                     None if lost == 0 and doubled == 0 else f"{lost} lost, {doubled} doubled")
    return waited


def drain_nodes(watch):
    time.sleep(1.0)
    waited = drain_and_check(watch, watch.slave(), "a node")
    waited += drain_and_check(watch, watch.master(), "the master")
    watch.checks.add("some packets came while their bucket moved",
                     None if waited else "none waited")


def kill_nodes(watch):
    watch.check_steady(3.0)
    slave = watch.slave()
    watch.kill_and_check(slave, "a node")
    watch.check_replay("a node is dead")
    watch.bring_back(slave)
    watch.check_replay("it is back")
    watch.kill_and_check(watch.master(), "the master")
    watch.check_replay("the master is dead")


def scenario(watch):
    with watch.probing(DRAIN_RATE):
        drain_nodes(watch)
    with watch.probing():
        kill_nodes(watch)


if __name__ == "__main__":
    sys.exit(cluster_watch.main("cluster", cluster_watch.parser(__doc__).parse_args(), scenario,
                                "plx"))
