# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""What the benchmarks share: the build, hugepages, CPUs, and programs that write one result."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN_SECONDS = 60


class BenchError(RuntimeError):
    """A measurement could not be made."""


def progress(text):
    print(text, file=sys.stderr, flush=True)


def print_row(row):
    """One JSON object on a line."""
    print(json.dumps(row), flush=True)


def two_cpus():
    """For the control thread and for the worker; the same one twice if there is only one."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[0], cpus[-1]


NR_HUGEPAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")


@contextlib.contextmanager
def hugepages_reserved(count):
    """Yields whether there are `count` of 2 MiB; the setting is put back afterwards."""
    before = int(NR_HUGEPAGES.read_text(encoding="ascii"))
    try:
        if before < count and os.geteuid() == 0:
            NR_HUGEPAGES.write_text(str(count), encoding="ascii")
        yield int(NR_HUGEPAGES.read_text(encoding="ascii")) >= count
    finally:
        if before < count and os.geteuid() == 0:
            NR_HUGEPAGES.write_text(str(before), encoding="ascii")


def machine():
    """CPU model and the instructions that intel-ipsec-mb picks its code by."""
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = set(facts["flags"].split())
    wide = [name for name in ("aes", "avx2", "vaes", "avx512f", "sha_ni") if name in flags]
    return {"cpu": facts["model name"], "family": int(facts["cpu family"]),
            "model": int(facts["model"]), "instructions": wide}


def prepare_build(targets):
    """The directory of the programs, built if it is ours to build."""
    given = os.environ.get("PHALANX_BUILD_DIR")
    if given:
        return pathlib.Path(given)
    for command in (["tools/install_packages", "build", "bench"], ["cmake", "--preset", "release"],
                    ["cmake", "--build", "--preset", "release", "--target", *targets]):
        progress("bench: " + " ".join(command))
        subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    return ROOT / "build" / "release"


def run_for_result(command, environment, result, log_path):
    """Runs a program until it has written one JSON line into the file `result`, ends it with
    SIGTERM, and returns the figures. Its output goes to `log_path`."""
    result.unlink(missing_ok=True)
    with log_path.open("wb") as log, subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT) as process:
        try:
            figures = _wait_for_result(process, result)
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            status = process.wait(10)
        finally:
            if process.poll() is None:
                process.kill()
    if figures is None or status != 0:
        tail = log_path.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise BenchError(f"{command[0]} ended with status {status}\n{tail}")
    return figures


def _wait_for_result(process, result):
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        with contextlib.suppress(FileNotFoundError):
            text = result.read_text(encoding="ascii")
            if text.endswith("\n"):
                return json.loads(text)
        if ended:
            return None
        time.sleep(0.02)
    process.kill()
    return None
