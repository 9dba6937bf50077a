"""What holds the processes of a node together: the bus, draining, what counts as a change."""

import pathlib
import signal

import pytest
from mansio_test.hello import Client
from mansio_test.wait import until

HERALD = pathlib.Path(__file__).resolve().parent / "modules" / "herald.c"


@pytest.fixture
def herald(make_daemon, install):
    """A node of three workers and the service process, whose module hears the bus."""
    daemon = make_daemon(workers=3)
    install.build_module(daemon.modules / "herald.so", [HERALD])
    daemon.port = daemon.add("herald", "herald")
    daemon.settings = daemon.config["instances"]["herald"]["settings"]
    return daemon


def heard(daemon, what):
    """The pids that have heard it, as often as they did."""
    lines = [line for line in daemon.log().splitlines() if "event=heard" in line]
    return sorted(
        int(field[4:])
        for line in lines
        if f"what={what}" in line.split()
        for field in line.split()
        if field.startswith("pid=")
    )


def test_a_hint_reaches_every_process_once(herald):
    herald.start()
    pids = sorted(row["pid"] for row in herald.status()["processes"])
    assert len(pids) == 4
    with Client(herald.port) as client:
        assert client.greeting == "herald"
        assert client.ask("first") == "0"
        until("all have heard it", lambda: heard(herald, "first") == pids)
        assert client.ask("second") == "0"
        until("all have heard the other", lambda: heard(herald, "second") == pids)
    assert heard(herald, "first") == pids


def test_a_hint_reaches_both_generations(herald):
    """While the old one drains, what happens there still concerns the new one."""
    herald.start()
    with Client(herald.port) as client:
        client.socket.sendall(b"ear")  # in the midst of a line: this conn is not idle
        old = {row["pid"] for row in herald.status()["processes"]}
        herald.ctl("reload", "--force")
        with Client(herald.port) as other:
            assert other.ask("late") == "0"
            new = {row["pid"] for row in herald.status()["processes"]} - old
            until("the new ones have heard", lambda: new <= set(heard(herald, "late")))
        client.send("ly")
        assert client.line() == "0"
        until("the new ones hear the old", lambda: new <= set(heard(herald, "early")))


def test_a_module_finishes_what_it_has_in_hand(herald):
    """Its drain() has the time that it takes; the process ends after it, before the deadline."""
    herald.settings["last_words"] = "1s"
    herald.start()
    herald.ctl("reload", "--force")
    herald.wait_settled()
    words = [line for line in herald.log().splitlines() if "event=last-words" in line]
    assert len(words) == 4
    assert all("result=ok" in line for line in words), words


def test_the_deadline_ends_what_does_not_finish(herald):
    herald.settings["last_words"] = "1d"
    herald.config["drain"]["time"] = "500ms"
    herald.start()
    herald.ctl("reload", "--force")
    herald.wait_settled()
    words = [line for line in herald.log().splitlines() if "event=last-words" in line]
    assert len(words) == 4
    assert all("result=cancelled" in line for line in words), words
    assert "process-overdue" not in herald.log()


def test_a_replaced_key_file_is_a_change(herald):
    key = herald.directory / "key.pem"
    key.write_text("one\n")
    herald.settings["key"] = str(key)
    herald.start()
    assert herald.reload()["outcome"] == "unchanged"
    made = key.with_suffix(".new")
    made.write_text("two\n")
    made.rename(key)
    answer = herald.reload()
    assert answer["outcome"] == "generation"
    assert any("key.pem" in change for change in answer["changes"]), answer
    # It is no module: a worker that dies now comes back in the same generation.
    key.write_text("three, in place\n")
    herald.wait_settled()
    victim = herald.workers()[0]["pid"]
    herald.signal(signal.SIGKILL, victim)
    until("another in its place", lambda: herald.workers()[0]["pid"] not in (0, victim))
    assert herald.wait_settled()["generation"] == answer["generation"]


def test_sigterm_drains_one_worker_alone(herald):
    """An operator may recycle a process: it finishes, and another takes its place."""
    herald.start()
    before = {row["pid"] for row in herald.workers()}
    victim = min(before)
    herald.signal(signal.SIGTERM, victim)
    until("it was replaced", lambda: victim not in {row["pid"] for row in herald.workers()})
    status = herald.wait_settled()
    after = {row["pid"] for row in herald.workers(status)}
    assert len(before & after) == 2 and len(after) == 3
    assert status["crashes"] == 0 and status["generation"] == 1
