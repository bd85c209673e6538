#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Two nodes and a witness are one gateway to a Linux kernel: any one of the three may die.

The witness is a process without ports; with its vote the node that is left has a quorum. As
cluster.py, whose judgement this uses: probes run over all tunnels meanwhile.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lab"))

# pylint: disable=wrong-import-position
import checks as checking  # noqa: E402
import cluster  # noqa: E402
import cluster_site  # noqa: E402
import daemon  # noqa: E402
import netns  # noqa: E402
import probes  # noqa: E402
from cluster_checks import (  # noqa: E402
    BUCKETS, running, settled, start_capture, status, wait_for, warm_up)


RATE = 20  # probes a second and tunnel


def check_program(checks):
    libraries = subprocess.run(["ldd", daemon.program("phalanx-witness")], check=True,
                               capture_output=True, text=True).stdout
    found = [line.strip() for line in libraries.splitlines() if "librte_" in line]
    checks.add("the witness is linked without DPDK", found or None)


def witness_dies(site, prober, witness, checks):
    begin = time.monotonic()
    witness.kill()
    time.sleep(3.0)
    witness.start()
    wait_for("the witness's return", lambda: witness.log().count("is a voter now") >= 2)
    time.sleep(1.0)
    lost = sum(flow.lost_between(begin, time.monotonic() - 1.0) for flow in prober.flows)
    checks.add(f"the witness killed and started again: {lost} probes lost",
               None if lost == 0 and settled(site, 1) else f"{lost} lost")


def scenario(site, prober, capture, checks):
    witness = next(iter(site.witnesses.values()))
    begin = time.monotonic()
    time.sleep(2.0)
    cluster.check_steady(prober, begin, time.monotonic() - 0.5, checks)
    witness_dies(site, prober, witness, checks)
    master = next(node for node in running(site) if status(node)["master"] == node.name)
    cluster.kill_and_check(site, prober, master, "the master of two nodes", checks)
    cluster.check_replay(site, prober, capture, "the master is dead", checks)
    master.start()
    master.daemon.wait_ready()
    wait_for("the node's return", lambda: settled(site, 1))
    left = witness.stop()
    checks.add("the witness stops when told to", None if left == 0 else f"status {left}")


def run(folder, tunnels):
    checks = checking.Checks("witness")
    check_program(checks)
    with netns.Lab("plxw") as lab:
        site = cluster_site.ClusterSite(lab, folder, count=2, tunnels=tunnels, witnesses=1)
        try:
            site.start()
            wait_for("cluster", lambda: settled(site, BUCKETS // 3))
            lab.peers[0].wait_ready()
            capture = site.folder / "peer.pcap"
            dump = start_capture(site, capture)
            pairs = [(t.host_address, t.peer_address) for t in site.tunnels]
            warm_up(site, pairs)
            prober = probes.Prober(site.host, pairs, RATE)
            try:
                scenario(site, prober, capture, checks)
            finally:
                prober.stop()
            checks.add("no probe was answered twice",
                       None if prober.doubled == 0 else f"{prober.doubled} doubled")
            netns.stop_process(dump)
            cluster.check_unique(capture, checks)
        except netns.LabError as error:
            checks.add("the scenario", error)
            for member in site.witnesses.values():
                print(member.log()[-3000:], flush=True)
        finally:
            site.close()
    return checks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    # Each has two SAs: enough for some to be whole with the node that stays.
    parser.add_argument("--tunnels", type=int, default=16)
    parser.add_argument("--keep", action="store_true", help="keep logs and capture")
    options = parser.parse_args()
    netns.require_root_and("ip", "ethtool", "ping", "tcpdump", "linux.uml")
    folder = tempfile.mkdtemp(prefix="plx-witness-")
    checks = run(folder, options.tunnels)
    result = checks.summary()
    if result == 0 and not options.keep:
        shutil.rmtree(folder)
    else:
        print(f"witness: files are in {folder}")
    return result


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"witness: {error}")
