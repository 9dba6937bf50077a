"""A worker that somebody has taken over: the master, and who talks to other workers, go on."""

import pathlib
import signal

import pytest
from mansio_test import proc
from mansio_test.hello import Client
from mansio_test.wait import until

TRAITOR = pathlib.Path(__file__).resolve().parent / "modules" / "traitor.c"

BUS, STAGE, FAILED, ANSWER = 20, 30, 31, 35


@pytest.fixture
def traitor(make_daemon, install):
    daemon = make_daemon(workers=2)
    install.build_module(daemon.modules / "traitor.so", [TRAITOR], flags=["-pthread", "-D_GNU_SOURCE"])
    daemon.port = daemon.add("traitor", "traitor")
    daemon.config["drain"]["time"] = "500ms"
    daemon.expected = ("ERROR: AddressSanitizer",)  # of abort()
    return daemon


def owner(daemon, client):
    return {row["peer"]: row["pid"] for row in daemon.sessions()}[client.local]


def two_clients(daemon):
    """Of two different workers."""
    first = Client(daemon.port)
    for _ in range(100):
        other = Client(daemon.port)
        if owner(daemon, first) != owner(daemon, other):
            return first, other
    raise AssertionError("one worker has them all")


@pytest.mark.parametrize("message", [BUS, STAGE, FAILED, ANSWER])
@pytest.mark.parametrize("how", ["flood", "hang"])
def test_a_flood_of_messages(traitor, message, how, long):
    """Whatever it is that a worker never stops to say: the master answers, others are served, and
    the worker is ended with its generation."""
    traitor.start()
    bad, good = two_clients(traitor)
    victim = owner(traitor, bad)
    bad.send(f"{how} {message} 200")
    for number in range(20 if long else 5):
        assert good.ask(f"line {number}") == f"line {number}"
        assert traitor.ask("--timeout", "20", "status")["state"] == "running"
    assert traitor.ask("--timeout", "60", "reload", "--force")["outcome"] == "generation"
    traitor.wait_settled()
    assert not proc.exists(victim)
    assert traitor.log().count("\n") < 1000, "nor does it fill the log"


def test_answers_that_nobody_asked_for(traitor):
    """They take no memory of the master's, however long it waits for another worker's."""
    traitor.start()
    bad, good = two_clients(traitor)
    stopped = owner(traitor, good)
    before = proc.private_kib(traitor.master)
    bad.send(f"flood {ANSWER} 30000")
    traitor.signal(signal.SIGSTOP, stopped)
    try:
        result = traitor.ctl("--json", "sessions", "list", check=False)
        assert result.returncode == 7 and str(stopped) in result.stdout
    finally:
        traitor.signal(signal.SIGCONT, stopped)
    peak = int(proc.field(traitor.master, "VmHWM").split()[0])
    assert peak - before < 300 * 1024, f"{peak - before} KiB"
    assert traitor.status()["state"] == "running"


def test_a_check_that_never_stops_talking(traitor):
    """What the checking process says on its way is not piled up."""
    traitor.start()
    before = int(proc.field(traitor.master, "VmHWM").split()[0])
    traitor.config["instances"]["traitor"]["settings"]["babble"] = "500ms"
    traitor.write()
    assert traitor.reload()["outcome"] == "generation"
    after = int(proc.field(traitor.master, "VmHWM").split()[0])
    assert after - before < 50 * 1024, f"{after - before} KiB"


def test_signals_that_come_in_crowds(traitor):
    """Many SIGHUPs while a reload is under way ask for one more, not for as many."""
    traitor.config["instances"]["traitor"]["settings"]["babble"] = "300ms"
    traitor.start()

    def reloads():  # whoever looks late asks for another one
        if traitor.log().count("event=reloaded") == traitor.log().count("event=signal process=master"):
            traitor.signal(signal.SIGHUP)
        return traitor.status()["state"] == "reloading"

    until("it reloads", reloads, every=0.005)
    before = traitor.log().count("event=signal process=master")
    for number in range(20):
        traitor.signal(signal.SIGHUP)
        until(
            "it's seen",
            lambda: traitor.log().count("event=signal process=master") == before + number + 1,
            every=0.001,
        )
    traitor.reload()  # comes after all of them
    assert traitor.log().count("event=reloaded") < before + 12


def test_a_document_that_shrinks(traitor):
    """What a worker hands over may change while it's read."""
    traitor.start()
    bad, good = two_clients(traitor)
    master = traitor.status()["pid"]
    bad.send("shrink")
    for number in range(40):
        assert good.ask(f"line {number}") == f"line {number}"
        assert traitor.ask("--timeout", "20", "status")["pid"] == master


def test_a_stuck_worker_of_a_dead_master_ends(traitor):
    """It would keep its listening sockets from the next master."""
    traitor.start()
    family = proc.children(traitor.master)
    bad = Client(traitor.port)
    victim = owner(traitor, bad)
    bad.send(f"hang {STAGE} 200")
    until("it is stuck", lambda: len(list(proc.pathlib.Path(f"/proc/{victim}/task").iterdir())) > 3)
    traitor.signal(signal.SIGKILL)
    try:
        until("all have ended", lambda: not any(map(proc.exists, family)), 60)
    finally:
        traitor.kill(family)


def test_a_crash_on_the_way_out_is_one(traitor):
    """It's logged and counted, though the generation was ending anyway."""
    traitor.config["drain"]["time"] = "20s"
    traitor.start()
    with Client(traitor.port) as client:
        client.socket.sendall(b"cra")  # in the midst of a line: this conn is not idle
        until("it is there", lambda: traitor.sessions())
        assert traitor.ask("reload", "--force")["outcome"] == "generation"
        client.send("sh")
        traitor.wait_settled()
    assert traitor.status()["crashes"] == 1
    assert any(
        "event=process-ended" in line and "level=error" in line
        for line in traitor.log().splitlines()
    ), traitor.tail()
