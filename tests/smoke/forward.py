#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Three nodes that hand on what others own: in forward mode one of them receives for all, in spray
mode each what a router sends to its next-hop address.

As in cluster.py, probes run over all tunnels and what ever came in is replayed, here to every
address at which a node takes packets. A node by which no packets come is drained and killed, or one
by which fewer do, then the one by which most do.
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


def entrance(watch):
    """The node by which most packets come, and another one."""
    nodes = running(watch.site)
    counted = [node_id for ids in watch.entries().values() for node_id in ids]
    chief = max(nodes, key=lambda node: counted.count(node.id))
    return chief, min(nodes, key=lambda node: counted.count(node.id))


def check_who_hands_on(watch):
    entries = set().union(*watch.entries().values())
    count = {node.id: handed_on(node) for node in running(watch.site)}
    busy = {node_id for node_id, packets in count.items() if packets > 100}
    watch.checks.add(f"the nodes by which packets come hand on: {count}",
                     None if busy == entries else f"packets come by {entries}")


def drain_nodes(watch):
    watch.check_steady(1.5)
    check_who_hands_on(watch)
    watch.drain_and_check(entrance(watch)[1], "a node")
    watch.drain_and_check(entrance(watch)[0], "the node by which packets come")


def kill_nodes(watch):
    watch.check_steady(2.0)
    other = entrance(watch)[1]
    watch.kill_and_check(other, "a node")
    watch.check_replay("a node is dead")
    watch.bring_back(other)
    watch.kill_and_check(entrance(watch)[0], "the node by which packets come")
    watch.check_replay("it is dead")


def scenario(watch):
    cluster_watch.drain_then_kill(watch, drain_nodes, kill_nodes)


def main():
    parser = cluster_watch.parser(__doc__)
    parser.add_argument("--ingress", choices=("forward", "spray"), default="forward")
    options = parser.parse_args()
    return cluster_watch.main(options.ingress, options, scenario, "plxo", ingress=options.ingress)


if __name__ == "__main__":
    sys.exit(main())
