# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""How long a cluster of three is silent when one of its nodes is killed, and what that costs.

One row for each kill, of a node and of the master in turn: the longest silence of the flows of the
dead node, what flows of other nodes lost, what was delivered twice, then and when everything that
ever came in was sent to all nodes again. A last row has the medians. Daemons, a Linux kernel as the
peer and the probes share the machine: `loop_latest_ms` says how late the control threads were for
it. SAs are static: none is renegotiated.
"""

import pathlib
import statistics
import tempfile
import time

import cluster_checks
import cluster_site
import netns
import probes

from benchlib import common

HELP = "failover of a live cluster"
TARGETS = ("phalanxd",)


def add_options(parser):
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--tunnels", type=int, default=8)
    parser.add_argument("--rate", type=int, default=100, help="probes a second and tunnel")
    parser.add_argument("--heartbeat-ms", type=int, default=10)


def one_kill(site, prober, capture, of_master, options):
    """Kills, judges, replays, and brings the node back."""
    nodes = cluster_checks.running(site)
    master = next(node for node in nodes if cluster_checks.status(node)["master"] == node.name)
    victim = master if of_master else next(node for node in nodes if node is not master)
    owned = cluster_checks.owners(site)
    doubled = prober.doubled
    begin = time.monotonic()
    victim.kill()
    cluster_checks.wait_for("takeover", lambda: cluster_checks.settled(site, 1))
    time.sleep(1.0 + 0.03 * options.heartbeat_ms)
    end = time.monotonic() - 0.5
    own, others = [], []
    for tunnel, flow in zip(site.tunnels, prober.flows):
        (own if victim.id in owned[tunnel.index] else others).append(flow)
    replayed = cluster_checks.replay(site, capture)
    time.sleep(0.5)
    late = max(cluster_checks.status(node)["loop_latest_ms"]
               for node in cluster_checks.running(site))
    row = {"bench": "failover", "scenario": "master" if of_master else "node", "mode": "unicast",
           "heartbeat_ms": options.heartbeat_ms, "flows": len(own),
           "outage_ms": round(1000 * max((flow.outage(begin, end) for flow in own), default=0)),
           "probe_ms": round(1000 / options.rate),
           "lost": sum(flow.lost_between(begin, end) for flow in own),
           "lost_elsewhere": sum(flow.lost_between(begin, end) for flow in others),
           "doubled": prober.doubled - doubled, "renegotiated": 0, "replayed": replayed,
           "loop_latest_ms": late}
    victim.start()
    victim.daemon.wait_ready()
    cluster_checks.wait_for("return", lambda: cluster_checks.settled(site, 30))
    time.sleep(0.5)
    return row


def medians(rows):
    out = {"bench": "failover", "scenario": "median", "kills": len(rows)}
    for name in ("outage_ms", "lost", "lost_elsewhere", "loop_latest_ms"):
        out[name] = statistics.median(row[name] for row in rows)
    for name in ("doubled", "replayed"):
        out[name] = sum(row[name] for row in rows)
    return out


def run(options, _build):
    """Rows that cost more than they may: doubled packets, or losses of living nodes."""
    netns.require_root_and("ip", "ethtool", "ping", "tcpdump", "linux.uml")
    rows = []
    with tempfile.TemporaryDirectory(prefix="plx-failover-") as folder, netns.Lab("plx") as lab:
        site = cluster_site.ClusterSite(lab, folder, 3, options.tunnels, options.heartbeat_ms)
        try:
            site.start()
            cluster_checks.wait_for("cluster", lambda: cluster_checks.settled(site, 64))
            lab.peers[0].wait_ready()
            pairs = [(t.host_address, t.peer_address) for t in site.tunnels]
            cluster_checks.warm_up(site, pairs)
            capture = pathlib.Path(folder) / "peer.pcap"
            cluster_checks.start_capture(site, capture)
            prober = probes.Prober(site.host, pairs, options.rate)
            try:
                for i in range(2 if options.quick else options.kills):
                    rows.append(one_kill(site, prober, capture, i % 2 == 1, options))
                    common.print_row(rows[-1])
            finally:
                prober.stop()
        finally:
            site.close()
    common.print_row(medians(rows))
    return sum(row["doubled"] != 0 or row["lost_elsewhere"] != 0 for row in rows)
