# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""The quickstart's closing table, from the files its steps left: main job, then live rates."""

import json
import sys


def format_drops(drops):
    return ", ".join(f"{reason} {count}" for reason, count in sorted(drops.items())) or "none"


def lines(rows, live):
    """live: what tests/smoke/live.py writes with --rows."""
    yield f"{'step':<34}{'packets':>10}{'bytes':>14}{'Gbit/s':>9}  drops by reason"
    for row in rows + live:
        yield (f"{row['step']:<34}{row['packets']:>10}{row['bytes']:>14}"
               f"{row['gbit_per_second']:>9.3f}  {format_drops(row['drops'])}")


def main():
    tables = []
    for path in sys.argv[1:3]:
        with open(path, encoding="ascii") as file:
            tables.append(json.load(file))
    print("\n".join(lines(*tables)))


if __name__ == "__main__":
    main()
