# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""tools/bench esp: the daemon's own binary and configuration, one worker, port to port, beside the
port floor and the limit of intel-ipsec-mb on the same packets and keys."""

import argparse
import functools
import tempfile

from benchlib import common, gateway

HELP = "what ESP costs, beside the ports and the crypto library alone"
TARGETS = ["phalanxd", "bench_port", "bench_reference"]

SIZES = (64, 256, 512, 1420)
DIRECTIONS = ("outbound", "inbound")
# ns a packet that the gateway itself may cost: by number of SAs for GCM, one figure for CBC.
ALLOWED_GCM = {1: 35, 1000: 55, 10000: 90}
ALLOWED_CBC = 60

HUGEPAGES = 320  # of 2 MiB: what 10 000 SAs and their buffers take, twice over
# Packets of a round: few enough for pools that stay in the L2 and L3 caches (of which a virtual
# machine may have no more than 4 MB), many enough for the cold start of a round not to show.
BUFFERS = 512
# Timed, in one run; and at least so many of each SA, past the time in which flows are new and
# leases small.
RUN_PACKETS = 400_000
RUN_PACKETS_OF_SA = 200


class Case:
    """One row: algorithm, direction, inner size, number of SAs."""

    def __init__(self, alg, direction, inner, sas):
        self.alg, self.direction, self.inner, self.sas = alg, direction, inner, sas
        self.buffers = BUFFERS
        self.mbufs = 2 * BUFFERS  # and what the caches of two lcores keep
        self.rounds = max(RUN_PACKETS, sas * RUN_PACKETS_OF_SA) // BUFFERS

    def __str__(self):
        return f"{self.alg} {self.direction} {self.inner} B {self.sas} SA"

    @property
    def combined(self):
        return gateway.ALGORITHMS[self.alg][2] == 0

    def allowed_ns(self):
        if self.combined:
            return ALLOWED_GCM.get(self.sas) if "gcm" in self.alg else None
        return ALLOWED_CBC if self.sas == 1000 else None

    def plan(self, check, result):
        """PHALANX_BENCH: see tests/perf/bench_plan.hpp."""
        return (f"direction={self.direction},alg={self.alg},inner={self.inner},sas={self.sas},"
                f"buffers={self.buffers},rounds={self.rounds},warmup=10,check={int(check)},"
                f"result={result}")


def default_cases(quick):
    rows = [("aes128gcm16", inner, sas) for sas in (1, 1000, 10000) for inner in SIZES]
    rows += [("aes128-sha256", inner, 1000) for inner in SIZES]
    rows += [(alg, inner, 1000) for alg in ("aes256gcm16", "chacha20poly1305")
             for inner in (64, 1420)]
    if quick:
        rows = [("aes128gcm16", inner, sas) for sas in (1, 1000, 10000) for inner in (64, 1420)]
        rows.append(("aes128-sha256", 1420, 1000))
    return [Case(alg, direction, inner, sas)
            for alg, inner, sas in rows for direction in DIRECTIONS]


def chosen_cases(options):
    if not (options.alg or options.sas or options.inner):
        cases = default_cases(options.quick)
    else:
        cases = [Case(alg, direction, inner, sas)
                 for alg in options.alg or ["aes128gcm16"] for sas in options.sas or [1]
                 for inner in options.inner or SIZES for direction in DIRECTIONS]
    return [case for case in cases if options.direction in (None, case.direction)]


def measure(build_dir, gate, case, repeat):
    """Floor, limit and daemon in turn, `repeat` times. Other guests on the machine can only make a
    round slower, so a run's figure is its fastest tenth of rounds, and the fastest run counts."""
    kinds = ["floor", "limit"] + ([] if case.combined else ["flush"]) + ["daemon"]
    runs = {kind: [] for kind in kinds}
    for _ in range(repeat):
        for kind in kinds:
            if kind == "daemon":
                figures = gate.run(build_dir, functools.partial(case.plan, True))
            else:
                figures = gate.run_reference(build_dir, kind, functools.partial(case.plan, False))
            runs[kind].append(figures)
    best = {kind: min(run["ns_p10"] for run in runs[kind]) for kind in kinds}
    floor = best["floor"]
    limit = best["limit"] - floor
    row = {"bench": "esp", "alg": case.alg, "direction": case.direction,
           "inner_bytes": case.inner, "sas": case.sas,
           "ns_per_packet": round(best["daemon"], 1), "floor_ns": round(floor, 1),
           "limit_ns": round(limit, 1), "overhead_ns": round(best["daemon"] - floor - limit, 1),
           "allowed_ns": case.allowed_ns()}
    if "flush" in best:
        row["limit_flushed_ns"] = round(best["flush"] - floor, 1)
    daemon = runs["daemon"]
    return row | {
        "median_ns": round(min(run["ns_median"] for run in daemon), 1),
        "runs_ns": [round(run["ns_p10"], 1) for run in daemon],
        "rounds": case.rounds, "buffers": case.buffers,
        "checked_packets": min(run["checked_packets"] for run in daemon),
        "lost_packets": sum(run["lost_packets"] for run in daemon)}


def add_options(parser):
    def numbers(text):
        return [int(item) for item in text.split(",")]

    def algorithms(text):
        unknown = [name for name in text.split(",") if name not in gateway.ALGORITHMS]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
        return text.split(",")

    parser.add_argument("--alg", type=algorithms)
    parser.add_argument("--sas", type=numbers)
    parser.add_argument("--inner", type=numbers)
    parser.add_argument("--direction", choices=DIRECTIONS)
    parser.add_argument("--repeat", type=int, help="runs of each kind; default 5, quick 2")


def run(options, build_dir):
    """Prints the rows; how many cost more than they may."""
    cpus = common.two_cpus()
    repeat = options.repeat or (2 if options.quick else 5)
    over = 0
    with common.hugepages_reserved(HUGEPAGES) as hugepages, tempfile.TemporaryDirectory() as folder:
        about = {"hugepages": hugepages, "shared_cpu": cpus[0] == cpus[1], **common.machine()}
        for case in chosen_cases(options):
            common.progress(f"bench: {case}")
            gate = gateway.Gateway(folder, hugepages, cpus, alg=case.alg, sas=case.sas,
                                   mbufs=case.mbufs)
            row = measure(build_dir, gate, case, repeat)
            allowed = row["allowed_ns"]
            over += allowed is not None and row["overhead_ns"] > allowed
            common.print_row(row | about)
    return over
