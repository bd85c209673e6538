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


def drain_nodes(watch):
    time.sleep(1.0)
    waited = watch.drain_and_check(watch.slave(), "a node")
    waited += watch.drain_and_check(watch.master(), "the master")
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
    cluster_watch.drain_then_kill(watch, drain_nodes, kill_nodes)


def main():
    parser = cluster_watch.parser(__doc__)
    parser.add_argument("--ingress", choices=("unicast", "multicast"), default="unicast",
                        help="how all nodes get to see all packets (forward mode: forward.py)")
    options = parser.parse_args()
    return cluster_watch.main("cluster", options, scenario, "plx", ingress=options.ingress)


if __name__ == "__main__":
    sys.exit(main())
