# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""tools/bench workers: one SA on one worker and on two, in session mode and in packet mode, each
figure beside that of one worker in session mode from the same run. Order is watched at the port
where packets leave. With two CPUs the control thread shares one with a worker. Packets begin in
memory, where a device leaves them, and not in the caches of the worker that receives them."""

import functools
import json
import subprocess
import tempfile

from benchlib import common, gateway

HELP = "one SA on many workers: session mode against packet mode"
TARGETS = ["phalanxd", "bench_port", "bench_latency"]

SIZES = (64, 1420)
DIRECTIONS = ("outbound", "inbound")
MODES = ("session", "packet")
ALGORITHM = "aes128gcm16"
# Speed-up that packet mode on two workers has to reach, by inner size; and what packet mode may
# cost with one worker.
WANTED = {64: 1.5, 1420: 1.8}
MOST_COST = 1.05

HUGEPAGES = 320
# A round is long beside the time that its last packets need through both workers.
BUFFERS = 4096
RUN_PACKETS = 800_000
STRIPE_SHIFT = 5
# Shares of the buckets: of the worker that receives, which also sends and restores the order, and
# of the other one. Inbound they say who decrypts how much. Outbound packets are encrypted where
# fewest wait; the shares only say who numbers them: here the receiver, almost certainly.
SHARES = {("outbound", 64): (100, 1), ("outbound", 1420): (100, 1),
          ("inbound", 64): (12, 100), ("inbound", 1420): (75, 100)}


def add_options(parser):
    parser.add_argument("--inner", type=lambda text: [int(item) for item in text.split(",")])
    parser.add_argument("--direction", choices=DIRECTIONS)
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--shares", type=lambda text: tuple(int(item) for item in text.split(",")),
                        help="of the buckets: the receiving worker's and the other's, 1..100 each")
    parser.add_argument("--cached", action="store_true",
                        help="packets begin in the receiving worker's caches, not in memory")
    parser.add_argument("--repeat", type=int, help="runs of each kind; default 5, quick 2")


def plan(direction, inner, flush, result):
    """PHALANX_BENCH: see tests/perf/bench_plan.hpp."""
    return (f"direction={direction},alg={ALGORITHM},inner={inner},sas=1,buffers={BUFFERS},"
            f"rounds={RUN_PACKETS // BUFFERS},warmup=10,flush={int(flush)},order=1,"
            f"result={result}")


def configure(gate, mode, workers, cpus, direction, shares):
    """Worker 0 polls the private port's first queue, worker 1 (if there) the public port's."""
    # pylint: disable=too-many-arguments,too-many-positional-arguments
    settings = gate.settings
    receiver = 1 if direction == "inbound" and workers == 2 else 0
    # The receiving worker has a CPU of its own; the control thread is on the other one.
    settings["control"] = {"cpu": cpus[0]}
    settings["workers"] = [{"cpu": cpus[1] if i == receiver else cpus[0]} for i in range(workers)]
    if workers == 2:
        settings["workers"][receiver]["share"] = shares[0]
        settings["workers"][1 - receiver]["share"] = shares[1]
        # Sleeps, but not between two rounds.
        settings["idle_sleep"] = {"enabled": True, "after_empty_polls": 1000000}
    settings["rebalance"] = {"enabled": False}
    # While the first leases are written to disk, a whole round may have to wait.
    settings["limits"] |= {"hold_packets": 2 * BUFFERS, "hold_packets_per_sa": BUFFERS}
    for entry in settings["sas"]:
        entry["mode"] = mode
        if mode == "packet":
            entry["stripe_shift"] = STRIPE_SHIFT
            if entry["direction"] == "out":
                entry["peer_window"] = 1024


def latency(build_dir, cpus):
    """Of a cache line between the CPUs of the two workers, ns."""
    command = [build_dir / "tests/perf/bench_latency", *map(str, cpus)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output)["core_to_core_ns"]


def measure(build_dir, gate_of, direction, inner, repeat, options, cpus):
    """Rows of one direction and size. All kinds take turns, so that they see the same machine."""
    shares = options.shares or SHARES.get((direction, inner), (50, 100))
    kinds = [(mode, workers) for mode in MODES for workers in (1, 2)
             if options.mode in (None, mode) or (mode, workers) == ("session", 1)]
    runs = {kind: [] for kind in kinds}
    for _ in range(repeat):
        for mode, workers in kinds:
            gate = gate_of(workers)
            configure(gate, mode, workers, cpus, direction, shares)
            core_to_core = latency(build_dir, cpus)
            figures = gate.run(build_dir, functools.partial(plan, direction, inner,
                                                                 not options.cached))
            runs[mode, workers].append(figures | {"core_to_core_ns": core_to_core})
    best = {kind: min(run["ns_p10"] for run in runs[kind]) for kind in kinds}
    one = best["session", 1]
    for mode, workers in kinds:
        made = runs[mode, workers]
        row = {"bench": "workers", "mode": mode, "workers": workers, "direction": direction,
               "inner_bytes": inner, "alg": ALGORITHM, "sas": 1,
               "packets_from": "cache" if options.cached else "memory",
               "ns_per_packet": round(best[mode, workers], 1),
               "speedup": round(one / best[mode, workers], 2)}
        if mode == "packet":
            row["wanted_speedup"] = WANTED.get(inner) if workers == 2 else round(1 / MOST_COST, 2)
        if workers == 2:
            row["bucket_shares"] = shares
        yield row | {
            "median_ns": round(min(run["ns_median"] for run in made), 1),
            "runs_ns": [round(run["ns_p10"], 1) for run in made],
            "core_to_core_ns": [run["core_to_core_ns"] for run in made],
            "reordered_packets": sum(run["reordered_packets"] for run in made),
            "latest_packet": max(run["latest_packet"] for run in made),
            "checked_packets": min(run["checked_packets"] for run in made),
            "lost_packets": sum(run["lost_packets"] for run in made)}


def run(options, build_dir):
    """Prints the rows; how many are slower than they may be."""
    cpus = common.two_cpus()
    repeat = options.repeat or (2 if options.quick else 5)
    slow = 0
    with common.hugepages_reserved(HUGEPAGES) as hugepages, tempfile.TemporaryDirectory() as folder:
        about = {"hugepages": hugepages, "shared_cpu": cpus[0] == cpus[1], **common.machine()}

        def gate_of(_workers):
            return gateway.Gateway(folder, hugepages, cpus, alg=ALGORITHM, sas=1,
                                   mbufs=2 * BUFFERS)

        for inner in options.inner or SIZES:
            for direction in DIRECTIONS:
                if options.direction not in (None, direction):
                    continue
                common.progress(f"bench: workers {direction} {inner} B")
                for row in measure(build_dir, gate_of, direction, inner, repeat, options, cpus):
                    wanted = row.get("wanted_speedup")
                    slow += wanted is not None and row["speedup"] < wanted
                    common.print_row(row | about)
    return slow
