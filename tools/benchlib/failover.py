# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""How long a cluster of three is silent when one of its nodes is killed, and what that costs.

One row for each kill, of a node and of the master (in forward mode: the receiver, by which all
packets come) in turn: the longest silence of the flows of the dead node, what flows of other nodes
lost, what was delivered twice, then and when everything that
ever came in was sent to all nodes again. A last row has the medians. Daemons, a Linux kernel as the
peer and the probes share the machine: `loop_latest_ms` says how late the control threads were for
it. SAs are static; `renegotiated` counts SPIs on the wire that are not configured.
"""

import pathlib
import statistics
import tempfile
import time

import cluster_checks
import cluster_site
import netns
import pcap
import probes

from benchlib import common

HELP = "failover of a live cluster"
TARGETS = ("phalanxd",)


def add_options(parser):
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--tunnels", type=int, default=8)
    parser.add_argument("--rate", type=int, default=100, help="probes a second and tunnel")
    parser.add_argument("--heartbeat-ms", type=int, default=10)
    parser.add_argument("--mode", choices=cluster_site.INGRESS_MODES, default="unicast")


def renegotiated(site, capture):
    """How many SPIs nobody configured."""
    configured = {sa.spi for tunnel in site.tunnels for sa in (tunnel.to_peer, tunnel.to_cluster)}
    frames = [frame for from_peer in (False, True)
              for frame in cluster_checks.esp_of(capture, from_peer)]
    return len({pcap.esp_spi_seq(pcap.ip_packet(frame))[0] for frame in frames} - configured)


def one_kill(site, prober, capture, of_chief, options):
    """Kills, judges, replays, and brings the node back."""
    nodes = cluster_checks.running(site)
    role = "receiver" if options.mode == "forward" else "master"
    chief = next(node for node in nodes if cluster_checks.status(node)[role] == node.name)
    victim = chief if of_chief else next(node for node in nodes if node is not chief)
    entry = of_chief and role == "receiver"
    owned = cluster_checks.owners(site)
    doubled = prober.doubled
    begin = time.monotonic()
    victim.kill()
    cluster_checks.wait_for("takeover", lambda: cluster_checks.settled(site, 1))
    time.sleep(1.0 + 0.03 * options.heartbeat_ms)
    end = time.monotonic() - 0.5
    own, others = [], []
    for tunnel, flow in zip(site.tunnels, prober.flows):
        (own if entry or victim.id in owned[tunnel.index] else others).append(flow)
    replayed = cluster_checks.replay(site, capture)
    time.sleep(0.5)
    late = max(cluster_checks.status(node)["loop_latest_ms"]
               for node in cluster_checks.running(site))
    row = {"bench": "failover", "scenario": role if of_chief else "node", "mode": options.mode,
           "heartbeat_ms": options.heartbeat_ms, "flows": len(own),
           "outage_ms": round(1000 * max((flow.outage(begin, end) for flow in own), default=0)),
           "probe_ms": round(1000 / options.rate),
           "lost": sum(flow.lost_between(begin, end) for flow in own),
           "lost_elsewhere": sum(flow.lost_between(begin, end) for flow in others),
           "doubled": prober.doubled - doubled, "replayed": replayed,
           "renegotiated": renegotiated(site, capture),
           "loop_latest_ms": late}
    victim.start()
    victim.daemon.wait_ready()
    cluster_checks.wait_for("return", lambda: cluster_checks.settled(site, 30))
    time.sleep(0.5)
    return row


def medians(rows):
    out = {"bench": "failover", "scenario": "median", "mode": rows[0]["mode"], "kills": len(rows)}
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
        site = cluster_site.ClusterSite(lab, folder, 3, options.tunnels, options.heartbeat_ms,
                                        ingress=options.mode)
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
    bad = ("doubled", "lost_elsewhere", "renegotiated")
    return sum(any(row[name] != 0 for name in bad) for row in rows)
