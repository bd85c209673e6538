# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Who encrypts what of one SA in packet mode on two workers, by the policy's `dispatch`. The wire
tells: numbers show the order, lengths the flow, and IVs the worker, as each worker takes its own
blocks of them (docs/abi.md)."""

from harness import check, check_drops, check_equal, check_sequences
import topology
import counters
import pcap

# pylint: disable=wrong-import-order
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

IV_BLOCK_BITS = 12
FLOWS = 4
# All of a run together: less than half a lane, which a worker counts for when it is the other's.
PACKETS_OF_A_FLOW = 40
PACKET_MODE = {"mode": "packet", "stripe_shift": 3}


def flow_packets():
    """The flows in turn, each with a length of its own."""
    heads = [IP(src=topology.LEFT_HOST[4], dst=topology.RIGHT_HOST[4]) /
             UDP(sport=4000 + flow, dport=5000) / Raw(bytes(100 * (flow + 1)))
             for flow in range(FLOWS)]
    return [bytes(head) for _ in range(PACKETS_OF_A_FLOW) for head in heads]


def encryptors(bench, dispatch):
    """For each packet in the order of numbers (its flow, the IV block of the worker that encrypted
    it), and how many packets the workers encrypted for each other."""
    tunnel = topology.default_tunnel()
    config = topology.left_gateway(bench, tunnel, workers=2)
    config.settings["rebalance"] = {"enabled": False}
    for sa in config.settings["sas"]:
        if sa["spi"] == tunnel.to_right[4].spi:
            sa.update(PACKET_MODE, peer_window=64)
    for policy in config.settings["policies"]:
        if policy["name"] == "tunnel4" and dispatch:
            policy["dispatch"] = dispatch
    packets = flow_packets()
    served = []

    def look(gateway):
        served.extend(row["lane_served"] for row in counters.rows_of(gateway, "workers"))

    result = bench.run(config, {"private": [topology.from_left_host(each) for each in packets]},
                       look=look)
    check_drops(result)
    sent = result.packets("public")
    check_equal(check_sequences(sent, tunnel.to_right[4].spi), len(packets), "packets sent")
    # From the inner length: headers, IV, trailer and ICV are the same for all, but for padding.
    flows = [(len(packet) - len(sent[0]) + 50) // 100 for packet in sent]
    ivs = [int.from_bytes(pcap.payload(packet)[8:16], "big") for packet in sent]
    return [(flow, iv >> IV_BLOCK_BITS) for flow, iv in zip(flows, ivs)], sum(served)


def check_flows_stay(table):
    """Workers by flow, each flow with one."""
    workers = {}
    for flow, worker in table:
        workers.setdefault(flow, set()).add(worker)
    check_equal(sorted(workers), list(range(FLOWS)), "flows")
    for flow, each in workers.items():
        check_equal(len(each), 1, f"workers of flow {flow}")
    return [workers[flow].pop() for flow in range(FLOWS)]


def session_round_robin(bench):
    table, served = encryptors(bench, "session_round_robin")
    first, second, *others = check_flows_stay(table)
    check(first != second, "the second flow has the worker of the first")
    check_equal(others, [first, second], "workers of the third and fourth flow")
    check_equal(served, len(table) // 2, "packets that workers encrypted for each other")


def session_shortest_queue(bench):
    table, _ = encryptors(bench, "session_shortest_queue")
    check_flows_stay(table)


def packet_round_robin(bench):
    """Runs of packets in turn, whatever their flow: a run is what came in one burst."""
    table, served = encryptors(bench, "packet_round_robin")
    counts = {}
    for _, worker in table:
        counts[worker] = counts.get(worker, 0) + 1
    check_equal(len(counts), 2, "workers that encrypted")
    check(min(counts.values()) >= len(table) // 4, f"uneven turns: {counts}")
    check(served in counts.values(), f"{served} packets served, of {counts}")
    for flow in range(FLOWS):
        check_equal(len({worker for each, worker in table if each == flow}), 2,
                    f"workers of flow {flow}")


def packet_shortest_queue(bench, dispatch):
    """While few are waiting the SA's owner, who gives them out, leaves all to the other one."""
    table, served = encryptors(bench, dispatch)
    check_equal(len({worker for _, worker in table}), 1, "workers that encrypted")
    check_equal(served, len(table), "packets that workers encrypted for each other")


def cases():
    """{name: function(bench)}."""
    return {"dispatch-session-round-robin": session_round_robin,
            "dispatch-session-shortest-queue": session_shortest_queue,
            "dispatch-packet-round-robin": packet_round_robin,
            "dispatch-packet-shortest-queue":
                lambda bench: packet_shortest_queue(bench, "packet_shortest_queue"),
            "dispatch-default": lambda bench: packet_shortest_queue(bench, None)}
