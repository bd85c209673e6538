#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Three nodes in forward mode: one receives for all and hands on what others own.

As in cluster.py, probes run over all tunnels and what ever came in is replayed, here to every
address at which a node takes packets. Another node is drained and killed, then the receiver.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import cluster_watch  # noqa: E402
import counters  # noqa: E402
from cluster_checks import running  # noqa: E402


def handed_on(node):
    return sum(row["handed_on"] for row in counters.rows_of(node.daemon, "workers"))


def another_node(watch):
    receiver = watch.receiver()
    return next(node for node in running(watch.site) if node is not receiver)


def check_who_hands_on(watch):
    receiver = watch.receiver()
    count = {node.name: handed_on(node) for node in running(watch.site)}
    busy = [name for name, packets in count.items() if packets > 100]
    watch.checks.add(f"only the receiver hands on: {count}",
                     None if busy == [receiver.name] else f"{receiver.name} is the receiver")


def drain_nodes(watch):
    watch.check_steady(1.5)
    check_who_hands_on(watch)
    watch.drain_and_check(another_node(watch), "a node")
    watch.drain_and_check(watch.receiver(), "the receiver")


def kill_nodes(watch):
    watch.check_steady(2.0)
    other = another_node(watch)
    watch.kill_and_check(other, "a node")
    watch.check_replay("a node is dead")
    watch.bring_back(other)
    watch.kill_and_check(watch.receiver(), "the receiver")
    watch.check_replay("the receiver is dead")


def scenario(watch):
    with watch.probing(cluster_watch.DRAIN_RATE):
        drain_nodes(watch)
    with watch.probing():
        kill_nodes(watch)


if __name__ == "__main__":
    sys.exit(cluster_watch.main("forward", cluster_watch.parser(__doc__).parse_args(), scenario,
                                "plxo", ingress="forward"))
