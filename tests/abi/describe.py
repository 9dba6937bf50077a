#!/usr/bin/python3
"""Write a C file that has the public ABI in its debug information and nothing else.

Each public function, member of a struct, enum and number becomes a variable of its type. Compiled
with the public headers alone, handles stay opaque, so what abidiff then compares is what a module
can see: no type of the core's inside adds noise, and none hides a change.

    describe.py HEADERS-DIRECTORY > abi.c
    describe.py --functions HEADERS-DIRECTORY     the names of the public functions
"""
import pathlib
import re
import sys

# Numbers that tell the release, not the ABI.
RELEASE = {"MANSIO_ABI_MINOR", "MANSIO_ABI_TARGET"}


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def without_macros(text):
    text = re.sub(r"\\\n", " ", text)
    return re.sub(r"^[ \t]*#.*$", "", text, flags=re.M)


def functions(text):
    """Names of what a header declares with MANSIO_EXPORT."""
    for statement in re.findall(r"\bMANSIO_EXPORT\b([^;{]*);", without_macros(text)):
        name = re.search(r"[\s*](mansio_[a-z0-9_]+)\(", statement)
        if name is None:
            sys.exit(f"not a function: {statement.strip()}")
        yield name[1]


def numbers(text):
    """Names of macros that are plain numbers."""
    for name, value in re.findall(r"^#define (MANSIO_[A-Z0-9_]+) +(.+?)\s*$", text, flags=re.M):
        if name not in RELEASE and re.fullmatch(r"-?\d+|INT64_C\(\d+\)|INT64_MAX", value):
            yield name


def members(body):
    """Names of a struct's members: each is the last word of a declarator, or (*NAME)(...)."""
    for declaration in filter(None, (part.strip() for part in body.split(";"))):
        pointer = re.search(r"\(\*(\w+)\)\(", declaration)
        if pointer:
            yield pointer[1]
        else:
            yield from (re.search(r"(\w+)\s*$", part)[1] for part in declaration.split(","))


def emit(kind, name):
    print(f"extern {kind} abi_{name};\n{kind} abi_{name};")


def emit_number(name, value):
    print(f"enum abi_number_{name} {{ is_{name} = {value} }};")
    emit(f"enum abi_number_{name}", f"number_{name}")


def main():
    only_functions = sys.argv[1] == "--functions"
    headers = sorted(pathlib.Path(sys.argv[-1]).glob("*.h"))
    texts = {header.name: without_comments(header.read_text()) for header in headers}
    names = sorted(name for text in texts.values() for name in functions(text))
    if only_functions:
        print("\n".join(names))
        return
    print("#include <stddef.h>")
    for header in texts:
        print(f"#include <mansio/{header}>")
    for name in names:
        emit(f"__typeof__({name}) *", name)
    for text in texts.values():
        for name in re.findall(r"^enum (mansio_\w+) \{", text, flags=re.M):
            emit(f"enum {name}", f"enum_{name}")
        # One by one, so that a table may grow at its end, where nobody is hurt.
        for name, body in re.findall(r"^struct (mansio_\w+) \{(.*?)^\};", text, flags=re.M | re.S):
            for member in members(body):
                emit(f"__typeof__(((struct {name} *)0)->{member}) *", f"member_{name}_{member}")
                emit_number(f"{name}_{member}", f"offsetof(struct {name}, {member})")
        for name in numbers(text):
            emit_number(name, name)


main()
