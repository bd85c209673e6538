#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Two nodes and a witness are one gateway to a Linux kernel: any one of the three may die.

The witness is a process without ports; with its vote the node that is left has a quorum. As
in cluster.py, probes run over all tunnels meanwhile.
"""

import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import cluster_watch  # noqa: E402
import daemon  # noqa: E402
from cluster_checks import settled, wait_for  # noqa: E402

RATE = 20  # probes a second and tunnel
TUNNELS = 16  # each has two SAs: enough for some to be whole with the node that stays


def check_program(checks):
    libraries = subprocess.run(["ldd", daemon.program("phalanx-witness")], check=True,
                               capture_output=True, text=True).stdout
    found = [line.strip() for line in libraries.splitlines() if "librte_" in line]
    checks.add("the witness is linked without DPDK", found or None)


def witness_dies(watch, witness):
    begin = time.monotonic()
    witness.kill()
    time.sleep(3.0)
    witness.start()
    wait_for("the witness's return", lambda: witness.log().count("is a voter now") >= 2)
    time.sleep(1.0)
    lost = watch.lost(begin, time.monotonic() - 1.0)
    watch.checks.add(f"the witness killed and started again: {lost} probes lost",
                     None if lost == 0 and settled(watch.site, 1) else f"{lost} lost")


def scenario(watch):
    check_program(watch.checks)
    witness = next(iter(watch.site.witnesses.values()))
    with watch.probing(RATE):
        watch.check_steady(2.0)
        witness_dies(watch, witness)
        master = watch.master()
        watch.kill_and_check(master, "the master of two nodes")
        watch.check_replay("the master is dead")
        watch.bring_back(master)
        left = witness.stop()
        watch.checks.add("the witness stops when told to", None if left == 0 else f"status {left}")


if __name__ == "__main__":
    sys.exit(cluster_watch.main("witness", cluster_watch.parser(__doc__, TUNNELS).parse_args(),
                                scenario, "plxw", count=2, witnesses=1))
