#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""All nodes of a cluster die at once, under traffic, and its SAs go on.

As in cluster.py, probes run over all tunnels. Three nodes are killed (SIGKILL) in the same moment,
twice: first all come back together, then two of them, and the third one later. Nobody remembers
anything but what is on the disks: the SAs keep their keys and go on above the leases there. Every
tunnel carries traffic again, everything that ever came in is sent to all nodes once more and
nothing of it is delivered, and over all three lives of the cluster no SA repeats a number or an IV.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import cluster_watch  # noqa: E402
from cluster_checks import BUCKETS, running, settled, wait_for  # noqa: E402

# Heartbeats take ten times as long as usual here, and so does what an inbound lease on the disk is
# ahead: the peer's numbers have to pass that.
BACK_SECONDS = 20.0


def kill_all(watch):
    for node in list(running(watch.site)):
        node.kill()


def start(watch, nodes):
    for node in nodes:
        node.start()
    for node in nodes:
        node.daemon.wait_ready()
    wait_for("a new generation", lambda: settled(watch.site, BUCKETS // 4))


def flows_back(watch, since):
    """Each flow has had an answer to what was sent since then."""
    def back():
        now = time.monotonic() - 0.3
        return all(flow.lost_between(now - 0.5, now) == 0 for flow in watch.prober.flows)
    wait_for("traffic of all tunnels", back, BACK_SECONDS)
    return time.monotonic() - since


def outage(watch, what, first, later):
    time.sleep(2.0)
    kill_all(watch)
    time.sleep(0.5)
    begin = time.monotonic()
    start(watch, first)
    up = time.monotonic() - begin
    took = flows_back(watch, begin)
    watch.checks.add(f"{what}: a new generation {up:.1f} s after the start, all "
                     f"{len(watch.prober.flows)} tunnels carry traffic after {took:.1f} s", None)
    for node in later:
        watch.bring_back(node)
    watch.check_replay(what)


def scenario(watch):
    nodes = list(watch.site.nodes.values())
    with watch.probing():
        outage(watch, "all nodes killed, all started again", nodes, [])
        outage(watch, "all nodes killed, two started again", nodes[1:], nodes[:1])


if __name__ == "__main__":
    sys.exit(cluster_watch.main("cold-start", cluster_watch.parser(__doc__).parse_args(), scenario,
                                "plxc"))
