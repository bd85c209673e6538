#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Rules of docs/style.md that need a compiler.

    tools/checks/compile.py headers [--all]    every header compiles alone with g++ and clang++;
                                               public ones, with --all private ones too
    tools/checks/compile.py tidy [--all]       clang-tidy over src; with --all over tests too, and
                                               with the static analyser: ten times as long

What passed is remembered in build/lint/passed under a hash of everything that went in, so that a
second run looks only at what changed. At most two processes at a time. Exit status 1 when something
failed, 2 for wrong usage.
"""

import concurrent.futures
import hashlib
import json
import pathlib
import re
import shlex
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build" / "lint"
PASSED = BUILD / "passed"
JOBS = 2

CLANG_TIDY = "clang-tidy-14"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wswitch-enum",
            "-Wnon-virtual-dtor", "-Werror"]
COMPILERS = ["g++", "clang++-14"]
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def output_of(*command):
    """What a command prints."""
    return subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, check=True).stdout.decode()


def tracked(*patterns):
    """Tracked files that are there."""
    names = output_of("git", "ls-files", "-z", *patterns).split("\0")
    return [name for name in names if name and (TOP / name).is_file()]


class Closure:
    """Hashes of files together with all project headers that they include."""

    def __init__(self):
        self._includes = {}

    def _direct(self, path):
        if path not in self._includes:
            content = (TOP / path).read_bytes()
            found = set()
            for header in INCLUDE.findall(content.decode("utf-8")):
                for place in self._places(path):
                    if (TOP / place / header).is_file():
                        found.add((place / header).as_posix())
                        break
            self._includes[path] = (content, found)
        return self._includes[path]

    @staticmethod
    def _places(path):
        """Where the build looks for a quoted include of this file."""
        pure = pathlib.PurePosixPath(path)
        places = [pure.parent, pathlib.PurePosixPath("include"), pathlib.PurePosixPath("tests")]
        if pure.parts[:2] == ("tests", "unit"):
            places.append(pathlib.PurePosixPath("src") / pure.parts[2])
        places += [pathlib.PurePosixPath(folder) for folder in ("src", "src/cluster")]
        return places

    def hash(self, path, *more):
        """Hash of `path`, what it includes, and the given texts."""
        seen, todo = set(), [path]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += self._direct(name)[1]
        digest = hashlib.sha256()
        for text in more:
            digest.update(text.encode() + b"\0")
        for name in sorted(seen):
            digest.update(name.encode() + b"\0" + self._direct(name)[0] + b"\0")
        return digest.hexdigest()


def run_job(job):
    """Runs one command; remembers a success."""
    label, command, stamp = job
    done = subprocess.run(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0:
        (PASSED / stamp).touch()
        return None
    return f"{label}\n{done.stdout.decode(errors='replace')}"


def run_jobs(what, jobs):
    """Runs those jobs that have not passed as they are; the exit status."""
    PASSED.mkdir(parents=True, exist_ok=True)
    todo = [job for job in jobs if not (PASSED / job[2]).exists()]
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for failure in pool.map(run_job, todo):
            if failure:
                print(failure, flush=True)
                failures += 1
    print(f"{what}: {len(jobs)} in all, {len(todo)} looked at, {failures} failed")
    return 1 if failures else 0


def dpdk_flags():
    """DPDK's headers as system headers, as the build has them."""
    flags = shlex.split(output_of("pkg-config", "--cflags", "libdpdk"))
    return [("-isystem" + flag[2:]) if flag.startswith("-I") else flag for flag in flags]


def check_headers(everything):
    """Each header as the only include of a program."""
    headers = tracked("include/*.hpp")
    if everything:
        headers += tracked("src/*.hpp", "tests/*.hpp")
    base = ["-x", "c++", "-std=c++20", "-fsyntax-only", *WARNINGS, "-Iinclude", "-Itests",
            *dpdk_flags(), "-march=x86-64-v2"]
    closure = Closure()
    jobs = []
    for compiler in COMPILERS:
        version = output_of(compiler, "--version")
        for header in headers:
            line = [compiler, *base, "-include", header, "/dev/null"]
            if header.startswith("tests/unit/"):
                line += ["-I", "src/" + header.split("/")[2]]
            jobs.append((f"{header} does not compile alone with {compiler}:", line,
                         "header-" + closure.hash(header, version, *line)))
    return run_jobs("headers", jobs)


def compile_commands():
    """File -> command of the debug preset, configured anew in build/lint."""
    subprocess.run(["cmake", "--preset", "debug", "-B", str(BUILD / "cmake")], cwd=TOP,
                   stdout=subprocess.DEVNULL, check=True)
    entries = json.loads((BUILD / "cmake" / "compile_commands.json").read_text(encoding="utf-8"))
    return {pathlib.Path(entry["file"]).relative_to(TOP).as_posix(): entry["command"]
            for entry in entries if entry["file"].startswith(str(TOP) + "/")}


def check_tidy(everything):
    """clang-tidy over every compiled source."""
    commands = compile_commands()
    sources = tracked("src/*.cpp", *(["tests/*.cpp"] if everything else []))
    version = output_of(CLANG_TIDY, "--version")
    settings = (TOP / ".clang-tidy").read_text(encoding="utf-8")
    mode = ["--checks=clang-analyzer-*"] if everything else []
    closure = Closure()
    jobs = []
    for source in sources:
        if source not in commands:
            print(f"{source} is not compiled by any target")
            jobs.append((f"{source}: no target", ["false"], "never"))
            continue
        # The commands are g++'s, which has warnings that clang does not know.
        line = [CLANG_TIDY, "--quiet", "-p", str(BUILD / "cmake"),
                "--extra-arg=-Wno-unknown-warning-option", *mode, source]
        jobs.append((f"{source}:", line,
                     "tidy-" + closure.hash(source, version, settings, commands[source], *line)))
    return run_jobs("tidy", jobs)


def main(arguments):
    """Runs the named check."""
    checks = {"headers": check_headers, "tidy": check_tidy}
    if not arguments or arguments[0] not in checks or arguments[1:] not in ([], ["--all"]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    return checks[arguments[0]](arguments[1:] == ["--all"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
