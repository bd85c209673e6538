# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Real traffic through every algorithm, opened by tshark or scapy and by a second gateway."""

import collections

from harness import check, check_drops, check_equal, check_packets, check_sequences
import topology
import algorithms
import esp_oracle
import pcap
import tshark


def open_all(sas, packets):
    """The inner packets, by scapy; every number stays below 2^32 here."""
    by_spi = {sa.spi: sa for sa in sas}
    return [esp_oracle.open_packet(by_spi[pcap.esp_spi_seq(packet)[0]], packet).inner
            for packet in packets]


def check_outer(bench_result, tunnel):
    """Numbers from 1, one SA per inner family, whole outer headers."""
    sent = bench_result.packets("public")
    numbered = sum(check_sequences(sent, sa.spi) for sa in tunnel.sas_to_right)
    check_equal(numbered, len(sent), "ESP packets of known SAs")
    for packet in sent:
        if pcap.version(packet) == 4:
            check_equal(pcap.internet_checksum(packet[:20]), 0, "outer header checksum")
            check_equal(packet[8], 64, "outer TTL")
        else:
            check_equal(packet[7], 64, "outer hop limit")


def encrypt(bench, tunnel, workers=1):
    """Left gateway, shipped capture in; returns (result, inner packets as they should travel)."""
    frames = topology.left_capture()
    result = bench.run(topology.left_gateway(bench, tunnel, workers=workers), {"private": frames})
    check_drops(result)
    check_outer(result, tunnel)
    return result, [pcap.forwarded(packet) for packet in pcap.ip_packets(frames)]


def check_right_gateway(bench, tunnel, frames, inner):
    """The right gateway turns frames from its public port into inner, one hop older."""
    result = bench.run(topology.right_gateway(bench, tunnel), {"public": frames})
    check_drops(result)
    check_packets(result.packets("private"), [pcap.forwarded(packet) for packet in inner],
                  "decrypted")
    for frame in result.frames["private"]:
        check_equal(frame[:6], pcap.mac_bytes(topology.RIGHT_HOST_MAC), "destination MAC")


def round_trip(bench, algorithm, esn, crossed):
    tunnel = topology.make_tunnel(algorithm, esn, crossed)
    result, inner = encrypt(bench, tunnel)
    check_packets(open_all(tunnel.sas_to_right, result.packets("public")), inner, "by scapy")
    if algorithm.tshark and not esn:
        path = bench.folder / "run1" / "public-out.pcap"
        check_packets(tshark.inner_packets(path, tunnel.sas_to_right), inner, "by tshark")
    check_right_gateway(bench, tunnel, result.frames["public"], inner)


def strangers_esp(bench, algorithm, esn, crossed):
    """What scapy encrypts, the right gateway decrypts; sequence numbers as scapy likes."""
    tunnel = topology.make_tunnel(algorithm, esn, crossed)
    numbers = collections.Counter()
    inner, frames = [], []
    for packet in pcap.ip_packets(topology.left_capture()):
        family = pcap.version(packet)
        numbers[family] += 1
        frames.append(topology.to_right_public(
            esp_oracle.seal(tunnel.to_right[family], packet, numbers[family])))
        inner.append(packet)
    check_right_gateway(bench, tunnel, frames, inner)


def two_workers(bench):
    """Several workers number and encrypt as one."""
    tunnel = topology.default_tunnel()
    result, inner = encrypt(bench, tunnel, workers=2)
    check_packets(open_all(tunnel.sas_to_right, result.packets("public")), inner, "by scapy")
    config = topology.right_gateway(bench, tunnel, workers=2)
    result = bench.run(config, {"public": result.frames["public"]})
    check_drops(result)
    check_packets(result.packets("private"), [pcap.forwarded(packet) for packet in inner],
                  "decrypted by two workers")


def both_directions(bench):
    """One gateway encrypts its host's packets and decrypts the peer's in one run."""
    tunnel = topology.default_tunnel()
    right = bench.run(topology.right_gateway(bench, tunnel), {"private": topology.right_capture()})
    back = [pcap.ether(topology.LEFT_PUBLIC_MAC, topology.RIGHT_PUBLIC_MAC, packet)
            for packet in right.packets("public")]
    left = bench.run(topology.left_gateway(bench, tunnel),
                     {"private": topology.left_capture(), "public": back})
    check_drops(left)
    check_outer(left, tunnel)
    check(len(left.frames["public"]) == len(topology.left_capture()), "packets to the right")
    check_packets(left.packets("private"),
                  [pcap.forwarded(packet, 2) for packet in pcap.ip_packets(
                      topology.right_capture())], "packets from the right")


def cases():
    """{name: function(bench)}."""
    table = {"two-workers": two_workers, "both-directions": both_directions}
    for algorithm in algorithms.ALGORITHMS:
        for esn in (False, True):
            name = algorithm.name + ("-esn" if esn else "")
            # Crossed families go with ESN, so that both are met without four runs each.
            table[f"round-trip-{name}"] = (
                lambda bench, a=algorithm, e=esn: round_trip(bench, a, e, crossed=e))
            table[f"scapy-to-gateway-{name}"] = (
                lambda bench, a=algorithm, e=esn: strangers_esp(bench, a, e, crossed=not e))
    return table
