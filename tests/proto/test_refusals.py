"""A bad reload: what runs goes on, and mansioctl's terminal says what is wrong and where."""

import shlex
import shutil
import socket
import subprocess

import pytest
from mansio_test.hello import Client
from mansio_test.install import run

DESCRIPTOR = """
#include <mansio/module.h>
MANSIO_MODULE("{name}", "1.0", "{required}", .summary = "x.");
"""

NO_DESCRIPTOR = """
#include <mansio/module.h>
MANSIO_NOTE_("bad", "1.0", "");
extern MANSIO_EXPORT int something;
int something = 1;
"""

OTHER_SYMBOL = """
#include <mansio/module.h>
extern int mansio_of_the_future(void);
MANSIO_EXPORT int call(void);
int call(void) { return mansio_of_the_future(); }
MANSIO_MODULE("bad", "1.0", "", .summary = "x.");
"""


def build(install, target, text, **more):
    source = target.with_suffix(".c")
    source.write_text(text)
    return install.build_module(target, [source], **more)


def plain(install, target):
    return build(install, target, DESCRIPTOR.format(name="bad", required=""))


def patched(install, target, change):
    """A good module with some bytes changed: change(data, offset of the note's description)."""
    plain(install, target)
    data = bytearray(target.read_bytes())
    owner = data.find(b"MANSIO\0")
    assert owner > 0
    change(data, owner + 8)
    target.write_bytes(bytes(data))
    return target


def no_note(install, target):
    plain(install, target)
    run("objcopy", "--remove-section", ".note.mansio", target)


def no_descriptor(install, target):
    build(install, target, NO_DESCRIPTOR)


def foreign_machine(install, target):
    patched(install, target, lambda data, note: data.__setitem__(slice(18, 20), b"\xf7\x00"))


def other_major(install, target):
    patched(install, target, lambda data, note: data.__setitem__(note + 4, 7))


def higher_minor(install, target):
    patched(install, target, lambda data, note: data.__setitem__(note + 8, 99))


def truncated(install, target):
    plain(install, target)
    target.write_bytes(target.read_bytes()[:3000])


def empty(install, target):
    target.write_bytes(b"")


def no_elf(install, target):
    target.write_text("#!/bin/sh\n" + "echo I am a script\n" * 10)


def missing_interface(install, target):
    build(install, target, DESCRIPTOR.format(name="bad", required="oracle/3"))


def missing_symbol_version(install, target):
    """Built against a later libmansio, which has one function more."""
    later = target.parent / "later"
    later.mkdir(exist_ok=True)
    (later / "later.c").write_text("int mansio_of_the_future(void) { return 0; }\n")
    (later / "map").write_text("MANSIO_1.9 { global: mansio_of_the_future; local: *; };\n")
    run(
        "gcc", "-shared", "-fPIC", "-o", later / "libmansio.so", later / "later.c",
        "-Wl,-soname,libmansio.so.1", f"-Wl,--version-script={later}/map",
    )
    source = target.with_suffix(".c")
    source.write_text(OTHER_SYMBOL)
    flags = [*install.pkg_config("--cflags"), *shlex.split(install.sanitize)]
    compiler = shlex.split(install.compiler)
    run(*compiler, "-shared", "-fPIC", *flags, "-o", target, source, "-L", later, "-lmansio")


REFUSALS = [
    # how, what the message must name beside the file: what was wanted and what was found
    (no_note, ["note"]),
    (no_descriptor, ["mansio_module"]),
    (foreign_machine, ["machine"]),
    (other_major, ["major 1", "found 7"]),
    (higher_minor, ["minor 0", "found 99"]),
    (truncated, []),
    (empty, []),
    (no_elf, ["ELF"]),
    (missing_interface, ["oracle", "3"]),
    (missing_symbol_version, ["MANSIO_1.9"]),
]


def refuse(daemon, *texts):
    """A reload that must be refused, saying all of these; and all goes on as before."""
    before = daemon.status()
    with Client(daemon.port) as client:
        result = daemon.ctl("reload", check=False)
        assert result.returncode == 1, result
        assert result.stdout == ""
        for text in texts:
            assert text in result.stderr, result.stderr
        assert client.ask("still here") == "still here"
        with Client(daemon.port) as other:
            assert other.ask("x") == "x"
    # What was started for it may take a moment to end.
    after = daemon.wait_settled()
    assert after["generation"] == before["generation"]
    pids = lambda status: [row["pid"] for row in status["processes"]]
    assert pids(after) == pids(before)
    assert after["last_reload"]["ok"] is False
    return result.stderr


@pytest.mark.parametrize("how, texts", REFUSALS, ids=[how.__name__ for how, _ in REFUSALS])
def test_module_is_refused(hello, install, how, texts):
    """The build tag of the sanitizer build is part of the note, so these hold there too."""
    hello.start()
    how(install, hello.modules / "bad.so")
    hello.add("bad", module="bad")
    hello.write()
    refuse(hello, str(hello.modules / "bad.so"), *texts)
    # And the same from the command line, without a daemon.
    result = run(hello.program, "--check", "--config", hello.path, check=False)
    assert result.returncode != 0
    assert str(hello.modules / "bad.so") in result.stderr + result.stdout


def test_module_that_is_not_there(hello):
    hello.start()
    hello.add("bad", module="bad")
    hello.write()
    refuse(hello, "bad.so")


def test_settings_that_do_not_fit(hello):
    hello.start()
    hello.config["instances"]["hello"]["settings"]["greting"] = "Ave"
    hello.write()
    refuse(hello, f"{hello.path}:", '"greting"', '"greeting"')


def test_module_refused_in_place_of_the_running_one(hello, install):
    """A broken file over the one that runs: the running one goes on, and a good one after it."""
    hello.start()
    good = hello.modules / "hello.so"
    keep = shutil.copy(good, hello.directory / "keep.so")
    bad = hello.modules / "hello.new"
    bad.write_bytes(good.read_bytes()[:5000])
    bad.rename(good)
    refuse(hello, str(good))
    back = hello.modules / "hello.new"
    shutil.copy(keep, back)
    back.rename(good)
    assert hello.reload()["outcome"] == "generation"


@pytest.mark.parametrize(
    "text, message",
    [
        ("workers: [\n", "mansio.yaml:2:"),
        ("workers: 2\nworkrs: 3\n", 'mansio.yaml:2:1: found the unknown setting "workrs"; did you mean "workers"?'),
        ("workers: many\n", "mansio.yaml:1:10:"),
        ("workers: -1\n", "mansio.yaml:1:10:"),
        ("instances:\n  a: {module: hello}\n  a: {module: hello}\n", "mansio.yaml:3:3:"),
        ("include: [nowhere.yaml]\n", "nowhere.yaml"),
        ("a: &a [*a]\n", "mansio.yaml:1:"),
        ("\x00", "mansio.yaml"),
        ("[]\n", "mansio.yaml:1:1"),
    ],
    ids=["syntax", "unknown", "type", "range", "duplicate", "include", "alias", "nul", "root"],
)
def test_configuration_is_refused(hello, text, message):
    hello.start()
    hello.write(text)
    refuse(hello, message)
    check = run(hello.program, "--check", "--config", hello.path, check=False)
    assert check.returncode != 0
    assert message in check.stderr + check.stdout


def test_start_says_the_same(hello):
    hello.write("workers: many\n")
    result = run(*hello.command(), check=False, timeout=60)
    assert result.returncode not in (0, -6, -11)
    assert "mansio.yaml:1:10:" in result.stderr + result.stdout


def test_address_in_use(hello):
    """Not the file's fault, but the reload's end all the same: the generation stays."""
    hello.start()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        hello.add("taken", module="hello", port=taken.getsockname()[1])
        hello.write()
        refuse(hello, f"127.0.0.1:{taken.getsockname()[1]}")


def test_start_fails_after_load(hello, install):
    """A module that loads but can't start: the new generation is given up."""
    text = """
#include <mansio/module.h>
#include <mansio/error.h>
static int start(struct mansio_instance *instance, uint32_t role)
{
    (void)instance;
    return role == MANSIO_ROLE_WORKER ? mansio_fail(MANSIO_E_UNAVAILABLE, "the oracle is away") : 0;
}
MANSIO_MODULE("bad", "1.0", "", .summary = "x.", .start = start);
"""
    hello.start()
    build(install, hello.modules / "bad.so", text)
    hello.config["instances"]["bad"] = {"module": "bad"}
    hello.write()
    refuse(hello, "the oracle is away")


def test_module_that_crashes_when_loaded(hello, install):
    """It takes down the checking child, not the master."""
    text = """
#include <mansio/module.h>
#include <stdlib.h>
static int load(struct mansio_instance *instance)
{
    (void)instance;
    abort();
}
MANSIO_MODULE("bad", "1.0", "", .summary = "x.", .load = load);
"""
    hello.start()
    build(install, hello.modules / "bad.so", text)
    hello.config["instances"]["bad"] = {"module": "bad"}
    hello.write()
    refuse(hello)


def test_module_that_hangs_when_loaded(hello, install, long):
    if not long:
        pytest.skip("waits for the checking child's minute: only with --long")
    text = """
#include <mansio/module.h>
#include <unistd.h>
static int load(struct mansio_instance *instance)
{
    (void)instance;
    for (;;) {
        pause();
    }
    return 0;
}
MANSIO_MODULE("bad", "1.0", "", .summary = "x.", .load = load);
"""
    hello.start()
    build(install, hello.modules / "bad.so", text)
    hello.config["instances"]["bad"] = {"module": "bad"}
    hello.write()
    try:
        refuse(hello)
    except subprocess.TimeoutExpired:
        pytest.fail("the checking child is not bounded in time")
