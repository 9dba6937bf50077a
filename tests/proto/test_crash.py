"""Workers and masters that die: who is hurt, and who isn't."""

import signal
import threading
import time

import pytest
from mansio_test import proc
from mansio_test.daemon import Daemon
from mansio_test.hello import Client, Crowd
from mansio_test.install import SOURCE, run
from mansio_test.wait import until


def test_killed_worker_hurts_nobody_else(hello):
    """One of four, while 200 clients talk and others connect: its own conns are reset, no other,
    and no new connection hangs or is refused."""
    hello.config["workers"] = 4
    hello.start()
    with Crowd(hello.port, 200) as crowd:
        victim = hello.workers()[1]["pid"]
        owners = {}
        for row in hello.sessions():
            owners[int(row["peer"].rpartition(":")[2])] = row["pid"]
        own = {port for port, pid in owners.items() if pid == victim}
        others = set(owners) - own
        assert len(own) > 20 and len(others) > 100

        connecting = threading.Event()
        problems, served = [], [0]

        def connect():
            while not connecting.is_set():
                asked = time.monotonic()
                try:
                    with Client(hello.port) as client:
                        assert client.ask("x") == "x"
                        served[0] += 1
                except (OSError, AssertionError) as error:
                    # What was asked for before the victim was gone may have been its own: a
                    # process that waits for its processor in the middle of accept() takes one
                    # more conn along.
                    if isinstance(error, (TimeoutError, ConnectionRefusedError)) or asked > killed[0]:
                        problems.append(repr(error))

        killed = [float("inf")]
        threads = [threading.Thread(target=connect, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        until("new conns are served", lambda: served[0] > 100)
        hello.signal(signal.SIGKILL, victim)
        until("the victim is gone", lambda: not proc.exists(victim))
        killed[0] = time.monotonic()
        count = served[0]
        until("new conns are served after it, too", lambda: served[0] > count + 300)
        hello.wait_settled()
        connecting.set()
        for thread in threads:
            thread.join(30)
        lines = crowd.lines
        until("everybody talks again", lambda: crowd.lines > lines + 400)
        assert not problems, problems[:5]
        crowd.check(resets_allowed=True)
        lost = {port for port, _, _ in crowd.resets}
        assert lost >= own - set(crowd.ports), "the victim's conns are reset"
        assert not lost & others, f"conns of other workers were reset: {lost & others}"
        assert hello.status()["crashes"] == 1
        assert len(hello.workers()) == 4 and victim not in [row["pid"] for row in hello.workers()]


def test_crashing_worker_is_restarted_with_back_off(hello):
    hello.start()
    for number in range(4):
        row = until("a worker is up", lambda: [w for w in hello.workers() if w["state"] == "accepting"])[0]
        hello.signal(signal.SIGKILL, row["pid"])
        until("the crash is counted", lambda: hello.status()["crashes"] == number + 1)
    # Whatever is held back comes back by itself.
    hello.wait_settled(120)
    with Client(hello.port) as client:
        assert client.ask("x") == "x"


def test_killed_service_process_comes_back(hello):
    hello.start()
    with Client(hello.port) as client:
        client.ask("x")
        row = [r for r in hello.status()["processes"] if r["role"] == "service"][0]
        hello.signal(signal.SIGKILL, row["pid"])
        until("metrics are served again", lambda: hello.metric("mansio_hello_lines_total") == 1)
        assert client.ask("y") == "y"


def test_killed_master(hello):
    """Workers finish what is in hand and end; a new master takes the same addresses."""
    hello.start()
    old = hello.process
    workers = proc.children(hello.master)
    with Client(hello.port) as idle, Client(hello.port) as busy:
        busy.socket.sendall(b"one\r\nhalf a ")
        assert busy.line() == "one"
        hello.signal(signal.SIGKILL)
        assert old.wait(10) == -signal.SIGKILL
        # At once, as a supervisor would, while the old workers still are there.
        again = Daemon(hello.install, hello.directory)
        again.config = hello.config
        again.metrics_port = hello.metrics_port
        again.start(wait=False)
        hello.process = again.process  # the fixture stops it
        try:
            busy.socket.sendall(b"line\r\n")
            assert busy.line() == "half a line"
            assert idle.line().startswith("Vale")
            assert idle.line() == ""
            again.wait_ready()
            with Client(hello.port) as client:
                assert client.ask("x") == "x"
            until("the old workers end", lambda: not any(map(proc.exists, workers)), 60)
        finally:
            hello.master = again.master


def deep_module(hello, name, frame, with_pc_flags, directory):
    flags = [f"-DFRAME={frame}", "-O1"]
    if not with_pc_flags:
        flags += ["-fno-stack-clash-protection"]
    hello.install.build_module(
        directory / "deep.so",
        [SOURCE / "tests/proto/modules/deep.c"],
        flags=flags,
        with_pc_flags=with_pc_flags,
    )
    return hello.add(name, module=str(directory / "deep.so"))


@pytest.mark.parametrize(
    "frame, with_pc_flags",
    [(65536, True), (32768, False)],
    ids=["64K-frames-with-flags", "32K-frames-without"],
)
def test_stack_overflow_takes_its_worker_alone(hello, tmp_path, frame, with_pc_flags):
    # ASan reports the overflow before our handler would; that is what it is for.
    hello.expected = ("ERROR: AddressSanitizer",)
    port = deep_module(hello, "abyssus", frame, with_pc_flags, tmp_path)
    hello.config["workers"] = 4
    hello.start()
    clients = [Client(hello.port) for _ in range(40)]
    with Client(port) as diver:
        until("all sessions are there", lambda: len(hello.sessions()) == 41)
        owner = {row["peer"]: row["pid"] for row in hello.sessions()}
        victim = owner[diver.local]
        diver.send("dive")
        with pytest.raises((ConnectionError, AssertionError)):
            assert diver.line() != ""
    until("the crash is counted", lambda: hello.status()["crashes"] == 1)
    for client in clients:
        if owner[client.local] == victim:
            continue
        assert client.ask("still here") == "still here"
    for client in clients:
        client.close()
    hello.wait_settled()
    log = hello.log()
    assert "stack" in log and "abyssus" in log, hello.tail()
    with Client(port) as client:
        assert client.ask("x") == "x"


def test_who_holds_the_loop_is_named(hello, tmp_path):
    """While it is still held (the loop may never come back), and afterwards with the time."""
    port = deep_module(hello, "tenax", 1024, True, tmp_path)
    hello.start()
    with Client(port) as client:
        assert client.ask("hold") == "held"

    def said(event):  # of this module: on a loaded machine others hold the loop, too
        lines = [line for line in hello.log().splitlines() if f"event={event} " in line]
        return next((line for line in lines if "instance=tenax" in line), None)

    until("the log has both", lambda: said("loop-stuck") and said("loop-held"))
    assert "level=warning" in said("loop-stuck")
    assert "held=0." in said("loop-held")


def test_module_with_libevent_beside_libev(hello, tmp_path):
    options = run("pkg-config", "--cflags", "--libs", "libevent_core").stdout.split()
    module = hello.install.build_module(
        tmp_path / "libevent.so",
        [SOURCE / "tests/proto/modules/libevent.c"],
        libraries=options,
    )
    port = hello.add("libevent", module=str(module))
    hello.start()
    before = [row["pid"] for row in hello.workers()]
    clients = [Client(port) for _ in range(20)]
    for _ in range(50):
        for client in clients:
            assert client.ask("x") == "3 events"
    for client in clients:
        client.close()
    assert [row["pid"] for row in hello.workers()] == before
