"""What other people's tools say of our files. Usage: lint.py SOURCE STAGE

The rules of the house are in tests/lint, which `make check` runs; these need tools that a user's
build must not ask for: clang-format, shellcheck, groff. Writes "passed failed skipped" (one a
check) to STAGE.count.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys


class Source:
    """The files, by kind."""

    def __init__(self, top):
        self.top = pathlib.Path(top)
        skip = {".git", "build-aux", "autom4te.cache"}
        self.files = []
        for folder, folders, names in os.walk(self.top):
            folders[:] = sorted(f for f in folders if f not in skip)
            self.files += [pathlib.Path(folder) / name for name in sorted(names)]
        self.c = [p for p in self.files if p.suffix in (".c", ".h") and p.name != "config.h"]
        self.python = [p for p in self.files if p.suffix == ".py"]
        self.manuals = [p for p in self.files if p.parent.name == "man" and p.suffix[1:].isdigit()]
        self.shell = [p for p in self.files if self.is_shell(p)]

    def is_shell(self, path):
        if path.suffix in (".sh", ".bash"):
            return True
        if path.suffix or not os.access(path, os.X_OK) or path.name == "configure":
            return False
        with open(path, "rb") as file:
            return re.match(rb"#!/bin/(ba)?sh", file.readline()) is not None

    def name(self, path):
        return str(path.relative_to(self.top))


def run_each(commands):
    """Run (name, command) pairs; yield what failed says."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            (name, pool.submit(subprocess.run, command, capture_output=True, text=True))
            for name, command in commands
        ]
        for name, job in jobs:
            result = job.result()
            if result.returncode != 0:
                yield f"{name}: {(result.stdout + result.stderr).strip()}"


def check_format(source):
    """As .clang-format has it."""
    yield from run_each(
        (source.name(path), ["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", path])
        for path in source.c
    )


def check_shell(source):
    """shellcheck."""
    yield from run_each(
        (source.name(path), ["shellcheck", "-x", "-P", source.top, path]) for path in source.shell
    )


def check_python(source):
    """Every Python file compiles."""
    for path in source.python:
        try:
            compile(path.read_text(), path, "exec")
        except SyntaxError as error:
            yield f"{source.name(path)}: {error}"


def check_manuals(source):
    """groff has nothing to say about the manual pages."""
    for path in source.manuals:
        command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path]
        env = {**os.environ, "MANWIDTH": "80"}
        result = subprocess.run(command, capture_output=True, text=True, env=env)
        if result.stderr or result.returncode != 0:
            yield f"{source.name(path)}: {result.stderr.strip()}"


CHECKS = [
    check_format,
    check_shell,
    check_python,
    check_manuals,
]


def main():
    source, stage = Source(sys.argv[1]), sys.argv[2]
    passed = failed = 0
    for check in CHECKS:
        problems = list(check(source))
        print("not ok" if problems else "ok", check.__name__)
        for problem in problems:
            print("   ", problem)
        passed, failed = passed + (not problems), failed + bool(problems)
    pathlib.Path(f"{stage}.count").write_text(f"{passed} {failed} 0\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
