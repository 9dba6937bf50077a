"""Reloads and upgrades while clients talk: nobody is refused or cut off in mid-line."""

import itertools
import os
import shutil
import signal

import pytest
from mansio_test import proc
from mansio_test.hello import Client, Crowd
from mansio_test.install import SOURCE, change_build_id
from mansio_test.wait import until

CLIENTS = 200
RELOADS, RELOADS_LONG = 20, 200
UPGRADES, UPGRADES_LONG = 3, 20
# Growth of the master that is no leak: a page here and there as its heap settles.
MASTER_GROWTH_KIB = 512


def without_quarantine(daemon):
    """AddressSanitizer holds freed memory back for a while, up to 256 MiB of it: that looks like
    growth of the master. Let it hold little."""
    options = [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1",
               "thread_local_quarantine_size_kb=64"]
    daemon.environment["ASAN_OPTIONS"] = ":".join(filter(None, options))


def build_version(install, work, number):
    """contrib/hello whose default greeting tells which build it is."""
    work.mkdir(exist_ok=True)
    source = work / "hello.c"
    text = (SOURCE / "contrib/hello/hello.c").read_text()
    source.write_text(text.replace("Salve, viator", f"build {number}"))
    return install.build_module(work / f"hello-{number}.so", [source])


class Steps:
    """Kinds of reload, each with what must come of it."""

    def __init__(self, daemon, install, work):
        self.daemon = daemon
        self.files = itertools.cycle([build_version(install, work, n) for n in (1, 2)])
        self.numbers = itertools.count()
        self.backlogs = itertools.cycle([501, 502])

    def unchanged(self):
        assert self.daemon.reload()["outcome"] == "unchanged"

    def live(self):
        # An instance of its own: the crowd's greeting tells which build serves it.
        self.daemon.config["instances"]["other"]["settings"]["greeting"] = f"n{next(self.numbers)}"
        self.daemon.write()
        assert self.daemon.reload()["outcome"] == "live"

    def settings(self):
        listener = self.daemon.config["listeners"]["other"]
        listener["backlog"] = next(self.backlogs)
        self.daemon.write()
        assert self.daemon.reload()["outcome"] == "generation"

    def workers(self, count):
        self.daemon.config["workers"] = count
        self.daemon.write()
        assert self.daemon.reload()["outcome"] == "generation"

    def more_workers(self):
        self.workers(4)

    def fewer_workers(self):
        self.workers(2)

    def module(self):
        """Another build of the module, installed by rename; in use after the reload."""
        file = next(self.files)
        target = self.daemon.modules / "hello.so"
        made = target.with_suffix(".new")
        shutil.copy(file, made)
        made.rename(target)
        answer = self.daemon.reload()
        assert answer["outcome"] == "generation"
        assert any(str(target) in change for change in answer["changes"]), answer
        until("the new build serves", lambda: self.greeting() == f"build {file.stem[-1]}")
        # Whoever comes after the old workers closed their listeners gets the new one.
        self.daemon.wait_settled()
        assert self.greeting() == f"build {file.stem[-1]}"

    def greeting(self):
        with Client(self.daemon.port) as client:
            return client.greeting

    def refused(self):
        self.daemon.config["workers"], good = "some", self.daemon.config["workers"]
        self.daemon.write()
        result = self.daemon.ctl("reload", check=False)
        assert result.returncode == 1 and "workers" in result.stderr
        self.daemon.config["workers"] = good
        self.daemon.write()

    def all(self):
        return itertools.cycle(
            [
                self.unchanged,
                self.live,
                self.module,
                self.more_workers,
                self.settings,
                self.refused,
                self.fewer_workers,
            ]
        )


def master_figures(daemon):
    """Descriptors by kind (inode numbers left out), children, memory."""
    kinds = sorted(text.split(":[")[0] for text in proc.descriptors(daemon.master).values())
    return kinds, len(proc.children(daemon.master)), proc.private_kib(daemon.master)


def check_master(daemon, before, is_sanitized):
    """As before: descriptors, children, memory. What asks for the status has a conn of its own,
    which may take a moment to go."""
    daemon.wait_settled()

    def as_before():
        now = master_figures(daemon)
        assert now[0] == before[0], "descriptors of the master"
        assert now[1] == before[1], "children of the master"
        return now

    after = until("descriptors and children as before", as_before)
    # ASan keeps what was freed for a while; what it says of leaks at the end counts there.
    grown = after[2] - before[2]
    assert is_sanitized or grown <= MASTER_GROWTH_KIB, f"{before[2]} to {after[2]} KiB"
    return f"master {before[2]} KiB before, {after[2]} KiB after, {len(after[0])} descriptors"


def quiet_figures(daemon):
    """Figures once nothing is under way: the smallest of a few, for the same reason."""
    status = daemon.wait_settled()
    until(
        "as many children as processes",
        lambda: len(proc.children(daemon.master)) == len(status["processes"]),
    )
    samples = []
    until("a few samples", lambda: samples.append(master_figures(daemon)) or len(samples) > 20)
    return min(samples, key=lambda figures: len(figures[0]))


def test_reloads_while_clients_talk(hello, install, tmp_path, long):
    hello.add("other")
    steps = Steps(hello, install, tmp_path / "builds")
    without_quarantine(hello)
    hello.start()
    count = RELOADS_LONG if long else RELOADS
    with Crowd(hello.port, CLIENTS) as crowd:
        # Once round first, so that what is made once is made before the figures are taken; the
        # round ends with the two workers that the measured rounds end with, too.
        for step in itertools.islice(steps.all(), 7):
            step()
            crowd.check()
        before = quiet_figures(hello)
        for step in itertools.islice(steps.all(), count):
            step()
            crowd.check()
        if len(hello.workers()) != 2:
            steps.fewer_workers()
        master = check_master(hello, before, install.is_sanitized)
        lines = crowd.lines
        until("everybody still talks", lambda: crowd.lines > lines + CLIENTS)
    crowd.check()
    assert set(crowd.goodbyes) == {"Vale, come back"}
    assert {"build 1", "build 2"} <= set(crowd.greetings)
    print(count, "reloads:", crowd.summary(), master)


def upgrade_steps(daemon, install, tmp_path):
    """Replace what runs by a rebuilt one, as a package upgrade does: by rename."""
    library = tmp_path / "lib" / "libmansio.so.1"
    for number in itertools.count():
        if number % 2 == 0:
            change_build_id(daemon.program, daemon.program)
        else:
            change_build_id(library, library)
        yield


def test_upgrades_in_place_while_clients_talk(hello, install, tmp_path, long):
    program, library = tmp_path / "mansiod", tmp_path / "lib/libmansio.so.1"
    library.parent.mkdir()
    shutil.copy(install.mansiod, program)
    shutil.copy(install.library, library)
    hello.program = program
    hello.environment["LD_LIBRARY_PATH"] = str(library.parent)
    without_quarantine(hello)
    hello.start()
    steps = upgrade_steps(hello, install, tmp_path)
    count = UPGRADES_LONG if long else UPGRADES
    with Crowd(hello.port, CLIENTS) as crowd:

        def upgrade():
            old = hello.status()
            next(steps)
            assert hello.reload()["outcome"] == "upgraded"
            new = hello.status()
            assert new["pid"] == old["pid"] == hello.master
            assert new["upgrades"] == old["upgrades"] + 1
            assert new["generation"] > old["generation"]
            builds = ("build_id", "library_build_id")
            assert [new[key] for key in builds] != [old[key] for key in builds]
            crowd.check()

        upgrade()
        upgrade()
        before = quiet_figures(hello)
        for _ in range(count):
            upgrade()
        master = check_master(hello, before, install.is_sanitized)
        lines = crowd.lines
        until("everybody still talks", lambda: crowd.lines > lines + CLIENTS)
    crowd.check()
    print(count, "upgrades:", crowd.summary(), master)


def test_a_broken_binary_is_no_upgrade(hello, install, tmp_path):
    """The new binary is tried first: one that can't run leaves everything as it is."""
    program = tmp_path / "mansiod"
    shutil.copy(install.mansiod, program)
    hello.program = program
    hello.start()
    with Client(hello.port) as client:
        broken = tmp_path / "broken"
        broken.write_text("#!/bin/sh\necho it does not work >&2\nexit 1\n")
        broken.chmod(0o755)
        broken.rename(program)
        result = hello.ctl("reload", check=False)
        assert result.returncode == 1
        assert result.stderr.startswith("mansioctl: ")
        assert client.ask("still here") == "still here"
        assert hello.status()["state"] == "running"
        assert hello.status()["upgrades"] == 0


def test_live_settings_that_one_did_not_take(hello):
    """The reload says so, and the next one makes a generation that has them everywhere."""
    hello.config["drain"]["time"] = "1s"
    hello.start()
    stopped = hello.workers()[0]["pid"]
    hello.signal(signal.SIGSTOP, stopped)
    hello.config["instances"]["hello"]["settings"]["greeting"] = "Ave"
    hello.write()
    result = hello.ctl("reload", check=False)
    assert result.returncode == 1 and "did not take" in result.stderr, result
    assert hello.reload()["outcome"] == "generation"
    hello.wait_settled()
    assert hello.reload()["outcome"] == "unchanged"


def test_reload_by_signal(hello):
    hello.start()
    hello.config["workers"] = 3
    hello.write()
    hello.signal(1)
    until("three workers", lambda: len(hello.workers()) == 3)


def test_reload_adds_and_removes_listeners(hello):
    hello.start()
    with Client(hello.port) as client:
        other = hello.add("gallia")
        hello.write()
        hello.reload()
        with Client(other) as new:
            assert new.ask("x") == "x"
        # The old one was asked to come back, which it does on the same address.
        assert client.line() == "Vale, come back"
    del hello.config["instances"]["gallia"], hello.config["listeners"]["gallia"]
    hello.write()
    hello.reload()
    hello.wait_settled()
    with pytest.raises(ConnectionRefusedError):
        Client(other)
    with Client(hello.port) as client:
        assert client.ask("x") == "x"


def test_drain_deadline_ends_the_rest(hello):
    """Who never finishes is ended when the time is up, and told so."""
    hello.config["drain"] = {"spread": "0s", "time": "1s"}
    hello.start()
    with Client(hello.port) as client:
        client.socket.sendall(b"one\r\nhalf a line")
        assert client.line() == "one"
        hello.ask("reload", "--force")
        assert client.line() in ("Vale, come back", "Vale", "")
        hello.wait_settled()
