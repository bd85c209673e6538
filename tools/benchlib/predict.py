# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""tools/bench predict: how a cluster grows, from what packets cost one node of this machine.

Measures R, the whole way of a packet of 1 000 SAs (tools/bench esp), Q, seeing one of another node
(tools/bench discard), and F, receiving one and sending it on (ports, and looking at it as for Q),
and feeds them to these models, for 1 to 16 nodes:

    flat          every node sees every packet: n / (R + (n - 1) Q)
    flat-filter   the same, where network cards drop what is another node's (rte_flow): n / R
    forward       one node receives everything and hands on what others own, and owns less itself
    spray         a router sends each packet to any node, which hands it on: n / (R + (n - 1)/n F)

R holds what seeing an own packet costs, which is why Q counts n - 1 times. Hops and links are as in
docs/performance.md. Only flat exists today; F is what its parts cost."""

import tempfile

from benchlib import common, discard, esp, gateway

HELP = "how a cluster of 1 to 16 nodes grows, computed from measured costs"
TARGETS = sorted({*esp.TARGETS, *discard.TARGETS})

NODES = range(1, 17)
SIZES = (64, 1420)
SAS = 1000
# What a packet that another node owns looks like where it comes in.
SEEN_AS = {"outbound": "cluster4", "inbound": "esp"}
# Ethernet header, CRC, preamble and gap; outer IPv4, ESP header, IV, ICV, trailer, padding.
WIRE_BYTES = 14 + 4 + 20
ESP_BYTES = 20 + 8 + 8 + 16 + 4


def add_options(parser):
    parser.add_argument("--workers", type=int, default=1, help="of each node; default 1")
    parser.add_argument("--link-gbit", type=float, default=100.0, help="of each port; default 100")
    parser.add_argument("--repeat", type=int, help="runs of each kind; default 3, quick 1")


def costs(build_dir, repeat):
    """{(direction, inner bytes): (R, Q, F)}, ns."""
    cpus = common.two_cpus()
    out = {}
    with common.hugepages_reserved(discard.HUGEPAGES) as hugepages:
        seen = {}
        for kind in sorted(set(SEEN_AS.values())):
            common.progress(f"bench: seeing {kind}")
            seen[kind] = discard.cost(build_dir, hugepages, cpus, kind, "hot", repeat)
        with tempfile.TemporaryDirectory() as folder:
            for direction, kind in SEEN_AS.items():
                for inner in SIZES:
                    common.progress(f"bench: {direction} {inner} B")
                    case = esp.Case("aes128gcm16", direction, inner, SAS)
                    gate = gateway.Gateway(folder, hugepages, cpus, alg=case.alg, sas=case.sas,
                                           mbufs=case.mbufs)
                    row = esp.measure(build_dir, gate, case, repeat)
                    out[direction, inner] = (row["ns_per_packet"], seen[kind],
                                             row["floor_ns"] + seen[kind])
    return out


def forward_ns(nodes, whole, hand_on):
    """ns a packet of the node that is busiest, when the one that receives owns the best share."""
    if nodes == 1:
        return whole
    # share * whole + (1 - share) * hand_on = (1 - share) / (nodes - 1) * whole
    others = whole / (nodes - 1)
    share = max(0.0, (others - hand_on) / (whole + others - hand_on))
    return share * whole + (1 - share) * hand_on


def cpu_ns(mode, nodes, whole, see, hand_on):
    """ns of one worker a packet of the cluster takes, all nodes working at once."""
    if mode == "flat":
        return (whole + (nodes - 1) * see) / nodes
    if mode == "flat-filter":
        return whole / nodes
    if mode == "forward":
        return forward_ns(nodes, whole, hand_on)
    return (whole + (nodes - 1) / nodes * hand_on) / nodes


def copies_on_a_link(mode, nodes):
    """How many of a cluster's packets pass the busiest port in one direction."""
    if mode == "spray":
        return (1 + (nodes - 1) / nodes) / nodes
    return 1.0


def predict(mode, nodes, cost, bits, options):
    """(packets a second, what limits them)."""
    by_cpu = 1e9 / cpu_ns(mode, nodes, *cost) * options.workers
    by_link = options.link_gbit * 1e9 / (bits * copies_on_a_link(mode, nodes))
    return min((by_cpu, "cpu"), (by_link, "link"))


def run(options, build_dir):
    """Prints the rows. There is nothing that they may not be."""
    measured = costs(build_dir, options.repeat or (1 if options.quick else 3))
    about = {"workers": options.workers, "link_gbit": options.link_gbit, **common.machine()}
    for (direction, inner), cost in measured.items():
        # The wider side of the gateway is the one with ESP.
        bits = 8 * (inner + ESP_BYTES + WIRE_BYTES)
        for mode in ("flat", "flat-filter", "forward", "spray"):
            one = predict(mode, 1, cost, bits, options)[0]
            for nodes in NODES:
                rate, limit = predict(mode, nodes, cost, bits, options)
                common.print_row({
                    "bench": "predict", "mode": mode, "nodes": nodes, "direction": direction,
                    "inner_bytes": inner, "mpps": round(rate / 1e6, 2),
                    "gbit_s": round(rate * inner * 8 / 1e9, 2), "speedup": round(rate / one, 2),
                    "limited_by": limit, "r_ns": cost[0], "q_ns": cost[1],
                    "f_ns": round(cost[2], 1)} | about)
    return 0
