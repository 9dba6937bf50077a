"""What STYLE asks and a machine can see. Usage: lint.py SOURCE STAGE

Prints what is wrong by file and line, and writes "passed failed skipped" (one a check) to
STAGE.count. Only files of the project are looked at: C, shell, Python, manual pages.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

LAYERS = ["base", "loop", "net", "mail", "host", "daemon", "ctl"]
BANNED = re.compile(r"\b(strcpy|strcat|strncat|sprintf|vsprintf|strtok|atoi|atol|gets|alloca)\s*\(")
LINE_MAX = 100


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
        self.headers = [p for p in self.c if p.suffix == ".h"]
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


def lines_of(path):
    return path.read_text(encoding="utf-8", errors="replace").split("\n")


def without_comments(text):
    """C without comments and strings, line numbers kept."""
    keep = lambda match: re.sub(r"[^\n]", " ", match.group(0))
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, keep, text, flags=re.S)


def check_layout(source):
    """No tabs, no long lines, no spaces at line ends; a comment first; a line end last."""
    for path in source.c:
        lines = lines_of(path)
        for number, line in enumerate(lines, 1):
            where = f"{source.name(path)}:{number}"
            if "\t" in line:
                yield f"{where}: a tab"
            if len(line) > LINE_MAX:
                yield f"{where}: {len(line)} columns, at most {LINE_MAX}"
            if line != line.rstrip():
                yield f"{where}: spaces at the line's end"
        if not lines[0].startswith("/*"):
            yield f"{source.name(path)}:1: no comment that says what the file is for"
        if lines[-1] != "":
            yield f"{source.name(path)}: no line end at the end"


def check_banned(source):
    """Functions that don't know how long their target is, and numbers parsed without a check."""
    for path in source.c:
        for number, line in enumerate(without_comments(path.read_text()).split("\n"), 1):
            found = BANNED.search(line)
            if found:
                yield f"{source.name(path)}:{number}: {found.group(1)}()"


def check_unfinished(source):
    """Nothing is left for later."""
    for path in source.c + source.shell + source.python:
        if path.name == "lint.py":
            continue
        for number, line in enumerate(lines_of(path), 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                yield f"{source.name(path)}:{number}: {line.strip()}"


def check_guards(source):
    """Every header has a guard of our form."""
    for path in source.headers:
        text = without_comments(path.read_text())
        if not re.match(r"\s*#ifndef (MANSIO_\w+_H)\s+#define \1\b", text):
            yield f"{source.name(path)}: no guard MANSIO_..._H"


def includes_of(path):
    for number, line in enumerate(lines_of(path), 1):
        found = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
        if found:
            yield number, found.group(1)


def check_layers(source):
    """A layer includes those below it; a module includes what is public."""
    for path in source.c:
        parts = path.relative_to(source.top).parts
        for number, included in includes_of(path):
            where = f"{source.name(path)}:{number}"
            target = included.split("/")
            if parts[0] in ("modules", "contrib", "api") and target[0] == "core":
                yield f"{where}: includes {included}, which is not public"
            if parts[0] == "core" and len(parts) > 2 and target[0] == "core" and len(target) > 2:
                if LAYERS.index(target[1]) > LAYERS.index(parts[1]):
                    yield f"{where}: {parts[1]} includes {included} of a layer above it"
            if parts[0] == "api" and target[0] in ("ev.h", "stdio.h", "yaml.h", "stdbool.h"):
                yield f"{where}: {included} in the public interface"


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


def check_headers(source):
    """Every header compiles alone."""
    flags = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    paths = [f"-I{source.top}/api", f"-I{source.top}"]
    cflags = subprocess.run(
        ["pkg-config", "--cflags", "yaml-0.1", "jansson", "libsystemd"],
        capture_output=True,
        text=True,
    ).stdout.split()
    yield from run_each(
        (source.name(path), ["gcc", *flags, *paths, *cflags, "-x", "c", "-include", path, "/dev/null"])
        for path in source.headers
    )


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
    check_layout,
    check_banned,
    check_unfinished,
    check_guards,
    check_layers,
    check_headers,
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
