#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Replay tests: whole gateways on pcap ports. See README.md beside this file."""

import argparse
import pathlib
import shutil
import sys
import tempfile
import time
import traceback

import harness  # first: it finds tools/lab
import cases_crypto
import cases_dispatch
import cases_grounds
import cases_hostile
import cases_leak
import cases_restart
import cases_router
import esp_oracle
import netns

GROUPS = (cases_crypto, cases_dispatch, cases_grounds, cases_hostile, cases_leak, cases_router,
          cases_restart)


def all_cases():
    cases = {}
    for group in GROUPS:
        for name, function in group.cases().items():
            if name in cases:
                raise ValueError(f"two cases are called {name}")
            cases[name] = function
    return cases


MOST_REPEATED = 3  # of all cases: a busy machine may be to blame for a few, not for more


def run_case(function, folder):
    """Returns what went wrong, or None; and how many packets waited too long for the disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bench = harness.Bench(folder)
    problem = failure_of(function, bench)
    return problem and f"{problem}\nthe last run dropped {bench.drops}", bench.late_packets


def failure_of(function, bench):
    try:
        function(bench)
    except (harness.CheckFailed, netns.LabError, esp_oracle.OracleError) as problem:
        return str(problem)
    except Exception:  # pylint: disable=broad-exception-caught
        # A case that cannot cope with an answer has found one that it does not expect.
        return traceback.format_exc()
    finally:
        bench.close()
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="only name the cases")
    parser.add_argument("--keep", metavar="DIR", help="leave pcaps, configs and logs there")
    parser.add_argument("words", nargs="*", help="run only cases whose name contains one of these")
    options = parser.parse_args()
    cases = {name: function for name, function in all_cases().items()
             if not options.words or any(word in name for word in options.words)}
    if options.list:
        print("\n".join(cases))
        return 0
    netns.require_root_and("tshark")
    base = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="plx-replay-"))
    failed = []
    repeated = 0
    for name, function in cases.items():
        begin = time.monotonic()
        problem, late = run_case(function, base / name)
        if problem and late and repeated < MOST_REPEATED:
            repeated += 1
            print(f"replay: again  {name}: {late} packets waited too long for a lease", flush=True)
            problem, _ = run_case(function, base / f"{name}-again")  # with a state of its own
        seconds = time.monotonic() - begin
        print(f"replay: {'FAILED' if problem else 'ok    '} {name} ({seconds:.1f} s)", flush=True)
        if problem:
            failed.append(name)
            print("  " + problem.replace("\n", "\n  "), flush=True)
    if failed or options.keep:
        print(f"replay: files are in {base}")
    else:
        shutil.rmtree(base)
    print(f"replay: {len(cases) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except netns.LabError as error:
        sys.exit(f"replay: {error}")
