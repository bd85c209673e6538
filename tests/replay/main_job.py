#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""The gateway's main job on real traffic, checked by strangers (tools/quickstart runs this).

1. Captured traffic goes through an encrypting gateway; tshark opens what it wrote with the same
   keys and finds the same inner packets.
2. That ESP goes through a decrypting gateway, whose output equals the input byte for byte, except
   for TTL / hop limit and IPv4 header checksum.
3. So does ESP made by scapy.
"""

import argparse
import collections
import json
import pathlib
import shutil
import sys
import tempfile

import harness  # first: it finds tools/lab
from harness import check_drops, check_packets, check_sequences
import topology
import algorithms
import esp_oracle
import netns
import pcap
import tshark

# scapy seals about a thousand packets a second.
SCAPY_PACKETS = 2000


def roomy(config):
    """A pcap port delivers thousands of packets in the first milliseconds of an SA's life, before
    the disk has taken its first larger lease: room for them to wait, and buffers to do it in."""
    config.settings["eal"]["memory_mb"] = 256
    config.settings["limits"].update(mbufs=32768, hold_packets=16384, hold_packets_per_sa=4096)
    return config


def rate(path, payload_bytes):
    """Gbit/s of inner packets between the first and the last packet that left by a pcap port."""
    times = [at for at, _ in pcap.read_timed(path)]
    microseconds = times[-1] - times[0]
    return payload_bytes * 8 / (microseconds * 1000) if microseconds else 0.0


def row(step, packets, out_path, drops):
    """One line of the closing table; packets are the inner ones."""
    total = sum(map(len, packets))
    return {"step": step, "packets": len(packets), "bytes": total, "drops": drops,
            "gbit_per_second": rate(out_path, total)}


def forwarded(packets, hops):
    return [pcap.forwarded(packet, hops) for packet in packets]


def encrypt(bench, tunnel, frames):
    """Step 1: returns (table row, ESP frames)."""
    result = bench.run(roomy(topology.left_gateway(bench, tunnel)), {"private": frames})
    check_drops(result)
    for sa in tunnel.sas_to_right:
        check_sequences(result.packets("public"), sa.spi)
    path = bench.folder / f"run{bench.runs}" / "public-out.pcap"
    inner = pcap.ip_packets(frames)
    check_packets(tshark.inner_packets(path, tunnel.sas_to_right), forwarded(inner, 1), "by tshark")
    return (row("encrypt; opened by tshark", inner, path, result.totals.drops),
            result.frames["public"])


def decrypt(bench, tunnel, step, esp_frames, wanted):
    """Steps 2 and 3: returns the table row."""
    result = bench.run(roomy(topology.right_gateway(bench, tunnel, replay_window=1024)),
                       {"public": esp_frames})
    check_drops(result)
    check_packets(result.packets("private"), wanted, step)
    path = bench.folder / f"run{bench.runs}" / "private-out.pcap"
    return row(step, wanted, path, result.totals.drops)


def scapy_esp(tunnel, packets):
    numbers = collections.Counter()
    frames = []
    for packet in packets:
        family = pcap.version(packet)
        numbers[family] += 1
        frames.append(topology.to_right_public(
            esp_oracle.seal(tunnel.to_right[family], packet, numbers[family])))
    return frames


def main_job(folder, frames, algorithm):
    """Returns the rows of the table."""
    folder = pathlib.Path(folder)
    inner = pcap.ip_packets(frames)
    bench = harness.Bench(folder / "main-job")
    scapy_bench = harness.Bench(folder / "main-job-scapy")
    tunnel = topology.make_tunnel(algorithm)
    try:
        first, esp = encrypt(bench, tunnel, frames)
        second = decrypt(bench, tunnel, "decrypt our ESP", esp, forwarded(inner, 2))
        part = inner[:SCAPY_PACKETS]
        third = decrypt(scapy_bench, tunnel, "decrypt scapy's ESP", scapy_esp(tunnel, part),
                        forwarded(part, 1))
    finally:
        bench.close()
        scapy_bench.close()
    return [first, second, third]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--capture", type=pathlib.Path, default=harness.CAPTURES / "left.pcap",
                        help="frames towards the left gateway (default: the shipped capture)")
    parser.add_argument("--algorithm", default="aes128gcm16",
                        choices=[a.name for a in algorithms.ALGORITHMS if a.tshark])
    parser.add_argument("--rows", type=pathlib.Path, help="write the table there as JSON")
    options = parser.parse_args()
    netns.require_root_and("tshark")
    folder = tempfile.mkdtemp(prefix="plx-main-")
    try:
        rows = main_job(folder, pcap.read(options.capture),
                        algorithms.BY_NAME[options.algorithm])
    except (harness.CheckFailed, netns.LabError, esp_oracle.OracleError) as problem:
        sys.exit(f"main_job: {problem}\nmain_job: files are in {folder}")
    shutil.rmtree(folder)
    if options.rows:
        options.rows.write_text(json.dumps(rows), encoding="ascii")
    for entry in rows:
        print(f"main_job: ok {entry['step']}: {entry['packets']} packets")
    return 0


if __name__ == "__main__":
    sys.exit(main())
