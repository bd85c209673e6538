# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""tools/bench discard: what a worker spends on a packet that another node owns, from receiving it
to giving the buffer back, beside the floor: receive, look at the headers and a table, free. With
buffers that stay in the caches (hot), and with so many that each packet comes from DRAM."""

import json
import os
import subprocess

from benchlib import common

HELP = "what seeing another node's packet costs"
TARGETS = ["bench_discard"]

KINDS = ("esp", "esp-packet", "clear4", "clear6", "cluster4")
# Buffers and timed rounds: packets of 31 MB and more go round in DRAM.
PLACES = {"hot": (1024, 2000), "dram": (163_840, 20)}
ALLOWED_HOT_NS = {"esp": 12, "clear4": 12}
HUGEPAGES = 512  # of 2 MiB
MEMORY_MB = 700
PROGRAM_SECONDS = 60


def add_options(parser):
    parser.add_argument("--kind", choices=KINDS, action="append", help="only these")
    parser.add_argument("--place", choices=PLACES, action="append", help="only these")
    parser.add_argument("--repeat", type=int, help="runs; default 5, quick 3")


def _measure(build_dir, hugepages, cpus, kind, place):
    buffers, rounds = PLACES[place]
    eal = ["--lcores", f"0@{cpus[0]},1@{cpus[1]}", "--main-lcore", "0", "-m", str(MEMORY_MB),
           "--no-pci", "--no-telemetry", "--log-level", "lib.eal:error",
           "--file-prefix", f"phalanx-bench-{os.getpid()}",
           "--vdev", "net_null0", "--vdev", "net_null1"]
    eal += ["--in-memory"] if hugepages else ["--no-huge", "--no-shconf"]
    command = [build_dir / "tests/perf/bench_discard", kind, str(buffers), str(rounds), "--", *eal]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=PROGRAM_SECONDS)
    return json.loads(done.stdout.decode().splitlines()[-1])


def cost(build_dir, hugepages, cpus, kind, place, repeat):
    """ns of the best run."""
    return min(_measure(build_dir, hugepages, cpus, kind, place)["ns_per_packet"]
               for _ in range(repeat))


def run(options, build_dir):
    """Prints the rows; how many cost more than they may."""
    cpus = common.two_cpus()
    repeat = options.repeat or (3 if options.quick else 5)
    over = 0
    with common.hugepages_reserved(HUGEPAGES) as hugepages:
        about = {"hugepages": hugepages, "shared_cpu": cpus[0] == cpus[1], **common.machine()}
        for place in options.place or PLACES:
            for kind in options.kind or KINDS:
                allowed = ALLOWED_HOT_NS.get(kind) if place == "hot" else None
                common.progress(f"bench: {kind}, {place}")
                runs = [_measure(build_dir, hugepages, cpus, kind, place) for _ in range(repeat)]
                row = min(runs, key=lambda run: run["ns_per_packet"])
                row["floor_ns"] = min(run["floor_ns"] for run in runs)
                row |= {"place": place, "allowed_ns": allowed,
                        "runs_ns": [run["ns_per_packet"] for run in runs]}
                over += allowed is not None and row["ns_per_packet"] > allowed
                common.print_row(row | about)
    return over
