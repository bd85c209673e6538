# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""tools/bench tables: what finding an entry costs in the table of one node and in one with the
entries of all nodes, beside rte_hash and bare open addressing on the same keys; and what moving a
bucket from one worker to another costs."""

import json
import os
import subprocess

from benchlib import common

HELP = "lookups in the node table, and moves of buckets"
TARGETS = ["bench_tables"]

ENTRIES = (30_000, 90_000, 1_000_000)
MOVED = (10, 1_000, 100_000)
HUGEPAGES = 320  # of 2 MiB; rte_hash with a million keys of 37 bytes takes the most
MEMORY_MB = 400
PROGRAM_SECONDS = 120


def add_options(parser):
    def numbers(text):
        return [int(item) for item in text.split(",")]

    parser.add_argument("--entries", type=numbers, help="sizes of the table")
    parser.add_argument("--moved", type=numbers, help="entries of the bucket that moves")
    parser.add_argument("--repeat", type=int, help="repeats of each kind; default 7, quick 3")


def _rows(build_dir, hugepages, cpu, arguments):
    eal = ["--lcores", f"0@{cpu}", "--main-lcore", "0", "-m", str(MEMORY_MB), "--no-pci",
           "--no-telemetry", "--log-level", "lib.eal:error",
           "--file-prefix", f"phalanx-bench-{os.getpid()}"]
    eal += ["--in-memory"] if hugepages else ["--no-huge", "--no-shconf"]
    command = [build_dir / "tests/perf/bench_tables", *map(str, arguments), "--", *eal]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=PROGRAM_SECONDS)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def run(options, build_dir):
    """Prints the rows; how many cost more than they may: more than rte_hash in the same run."""
    cpu = common.two_cpus()[1]
    repeat = options.repeat or (3 if options.quick else 7)
    over = 0
    with common.hugepages_reserved(HUGEPAGES) as hugepages:
        about = {"repeats": repeat, "hugepages": hugepages, **common.machine()}
        for entries in options.entries or ENTRIES:
            common.progress(f"bench: {entries} entries")
            for row in _rows(build_dir, hugepages, cpu, ["lookup", entries, repeat]):
                row["allowed_ns"] = row["rte_hash_ns"]
                over += row["ns"] > row["allowed_ns"]
                common.print_row(row | about)
        for moved in options.moved or MOVED:
            common.progress(f"bench: a bucket with {moved} entries moves")
            for row in _rows(build_dir, hugepages, cpu, ["move", moved, repeat]):
                common.print_row(row | about)
    return over
