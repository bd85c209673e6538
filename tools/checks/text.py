#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Phalanx Authors
"""Rules of docs/style.md that need no compiler, over every tracked text file.

    tools/checks/text.py licence|budgets|leftovers|paths

licence    the two SPDX and copyright lines on top of code and scripts
budgets    500 lines a file, 100 columns, 60 lines a function (bash and Python; clang-tidy has C++)
leftovers  notes to ourselves, code switched off, tests that cannot fail
paths      names of one machine: folders of a workplace, hosts of package registries

Prints file:line: message for each offence; exit status 1 when there is one, 2 for wrong usage.
"""

import ast
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

MAX_FILE_LINES = 500
MAX_COLUMNS = 100
MAX_FUNCTION_LINES = 60

SPDX = "SPDX-License-Identifier: Apache-2.0"
COPYRIGHT = re.compile(r"Copyright 20\d\d The Phalanx Authors")

# Bracketed letters keep these lines from matching themselves.
LEFTOVERS = [
    (re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b"), "note to ourselves: open an issue"),
    (re.compile(r"^\s*#\s*if\s+[0]\b"), "code switched off"),
    (re.compile(r"\bDISABLE[D]_\w"), "test switched off"),
    (re.compile(r"\b(EXPECT|ASSERT)_TRUE\(tru[e]\)|\bSUCCEE[D]\(\)"), "test that cannot fail"),
    (re.compile(r"\|\|\s*tru[e]\b"), "failure ignored"),
    (re.compile(r"__builtin_prefetc[h]\(\w"),
     "use base::prefetch(): GCC drops calls of functions that do nothing else"),
]
PATHS = [
    (re.compile(r"(?<![\w.])/(wor[k]|far[m]|hom[e]|Users)/"), "path of one machine"),
    (re.compile(r"\b(deb\.debian\.or[g]|security\.debian\.or[g]|pypi\.or[g]|pythonhosted\.or[g]|"
                r"registry\.npmjs\.or[g]|crates\.i[o]|proxy\.golang\.or[g])\b"),
     "host of a package registry"),
]


def tracked():
    """Text files under version control, with their lines."""
    out = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, stdout=subprocess.PIPE,
                         check=True).stdout.decode()
    for name in sorted(out.split("\0")):
        path = TOP / name
        if not name or not path.is_file() or name.startswith("tests/fuzz/corpus/"):
            continue
        try:
            yield name, path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue


def language(name, text):
    """c++, python, bash, cmake, or None for what is not code."""
    path = pathlib.PurePosixPath(name)
    if path.suffix in (".cpp", ".hpp", ".h", ".cc"):
        return "c++"
    if path.name == "CMakeLists.txt" or path.suffix == ".cmake":
        return "cmake"
    first = text.split("\n", 1)[0]
    if path.suffix == ".py" or (first.startswith("#!") and "python" in first):
        return "python"
    if path.suffix == ".sh" or (first.startswith("#!") and first.endswith("sh")):
        return "bash"
    return None


def check_licence(name, text):
    """Both lines, as comments, within the first four."""
    if language(name, text) is None:
        return
    top = text.splitlines()[:4]
    if not any(SPDX in line for line in top):
        yield 1, f'no line "{SPDX}" on top'
    if not any(COPYRIGHT.search(line) for line in top):
        yield 1, 'no line "Copyright 20YY The Phalanx Authors" on top'


def python_functions(text):
    """First and last line of every function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


def bash_functions(text):
    """The same, for functions that end with a brace in the first column."""
    open_function = None
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"(?:function\s+)?([\w:-]+)\s*\(\)\s*[{(]\s*$", line)
        if match:
            open_function = (match.group(1), number)
        elif line in ("}", ")") and open_function:
            yield (*open_function, number)
            open_function = None


def check_budgets(name, text):
    """Lengths of file, lines and functions."""
    kind = language(name, text)
    if kind is None:
        return
    lines = text.splitlines()
    if len(lines) > MAX_FILE_LINES:
        yield MAX_FILE_LINES + 1, f"{len(lines)} lines, at most {MAX_FILE_LINES} in a file"
    # Generator expressions of CMake cannot be broken.
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS and kind != "cmake":
            yield number, f"{len(line)} columns, at most {MAX_COLUMNS}"
    functions = {"python": python_functions, "bash": bash_functions}.get(kind)
    for function, first, last in functions(text) if functions else ():
        if last - first + 1 > MAX_FUNCTION_LINES:
            yield first, (f"{function}: {last - first + 1} lines, at most {MAX_FUNCTION_LINES} in "
                          "a function")


def match_rules(rules, text):
    """Offences by regular expression, line by line."""
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, message in rules:
            found = pattern.search(line)
            if found:
                yield number, f"{message}: {found.group(0).strip()}"


def check_leftovers(name, text):
    """Everything but prose, which may speak of such things."""
    if not name.endswith(".md"):
        yield from match_rules(LEFTOVERS, text)


def check_paths(_name, text):
    """Everything."""
    yield from match_rules(PATHS, text)


CHECKS = {
    "licence": check_licence,
    "budgets": check_budgets,
    "leftovers": check_leftovers,
    "paths": check_paths,
}


def main(arguments):
    """Runs the named check."""
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    offences = 0
    for name, text in tracked():
        for number, message in CHECKS[arguments[0]](name, text):
            print(f"{name}:{number}: {message}")
            offences += 1
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
