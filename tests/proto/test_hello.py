"""contrib/hello from build to drain: what a module author's first afternoon is like."""

import shutil
import socket

from mansio_test import proc
from mansio_test.daemon import free_port
from mansio_test.hello import Client
from mansio_test.install import SOURCE
from mansio_test.wait import until


def test_talks(hello):
    hello.start()
    with Client(hello.port) as client:
        assert client.greeting == "Salve, viator"
        assert client.ask("quid novi?") == "quid novi?"
        assert client.ask("quit") == "Vale"
        assert client.line() == ""


def test_takes_input_split_anywhere_and_pipelined(hello):
    hello.start()
    with Client(hello.port) as client:
        for byte in b"one\r\n":
            client.socket.sendall(bytes([byte]))
        assert client.line() == "one"
        client.socket.sendall(b"a\r\nb\nc\r\nquit\r\nnever read\r\n")
        assert [client.line() for _ in range(5)] == ["a", "b", "c", "Vale", ""]


def test_bounds_a_line(hello):
    """A line over the module's limit ends the dialogue by the module's rule, not the worker."""
    hello.start()
    before = [row["pid"] for row in hello.workers()]
    with Client(hello.port) as client:
        client.socket.sendall(b"x" * 200000 + b"\r\n")
        assert client.line() in ("", "Vale")
    assert [row["pid"] for row in hello.workers()] == before


def test_is_loaded_twice(hello, hello_so):
    other = hello.add("gallia", greeting="Salvete, Galli")
    hello.start()
    with Client(hello.port) as one, Client(other) as two:
        assert (one.greeting, two.greeting) == ("Salve, viator", "Salvete, Galli")
        assert one.ask("x") == "x"
        assert [two.ask("y"), two.ask("z")] == ["y", "z"]
        rows = hello.ask("modules")["instances"]
        assert sorted(row["instance"] for row in rows) == ["gallia", "hello"]
        assert {row["module"] for row in rows} == {"hello"}
        assert len({row["inode"] for row in rows}) == 1
    until("both counted", lambda: hello.metric("mansio_hello_lines_total", instance="gallia") == 2)
    assert hello.metric("mansio_hello_lines_total", instance="hello") == 1


def test_two_versions_side_by_side(hello, install, tmp_path):
    """Two files, two names, one process: no symbol of the one is seen by the other."""
    text = tmp_path / "hello.c"
    source = shutil.copy(SOURCE / "contrib/hello/hello.c", text)
    changed = text.read_text().replace('"hello", "1.0"', '"hello-next", "2.0"')
    assert changed != text.read_text()
    text.write_text(changed.replace("Salve, viator", "Ave"))
    install.build_module(hello.modules / "hello-next.so", [source])
    other = hello.add("next", module="hello-next")
    hello.start()
    with Client(hello.port) as one, Client(other) as two:
        assert (one.greeting, two.greeting) == ("Salve, viator", "Ave")


def test_takes_a_live_greeting_without_ending_a_session(hello):
    hello.start()
    with Client(hello.port) as client:
        before = hello.status()
        hello.config["instances"]["hello"]["settings"]["greeting"] = "Ave"
        hello.write()
        answer = hello.reload()
        assert answer["outcome"] == "live"
        assert answer["generation"] == before["generation"]
        assert client.ask("still here") == "still here"
        with Client(hello.port) as later:
            assert later.greeting == "Ave"
        after = hello.status()
        pids = lambda status: [row["pid"] for row in status["processes"]]
        assert pids(after) == pids(before)


def test_says_goodbye_when_drained_and_serves_again_at_once(hello):
    hello.start()
    with Client(hello.port) as client:
        assert hello.ask("reload", "--force")["outcome"] == "generation"
        assert client.line() == "Vale, come back"
        assert client.line() == ""
        with Client(hello.port) as again:
            assert again.ask("x") == "x"


def test_finishes_what_is_in_hand_when_drained(hello):
    """Half a line is something in hand: the session goes on until the line is answered."""
    hello.start()
    with Client(hello.port) as client:
        # In one segment, so that the half is read when the whole is answered.
        client.socket.sendall(b"one\r\nhalf a ")
        assert client.line() == "one"
        hello.ask("reload", "--force")
        client.socket.sendall(b"line\r\n")
        assert client.line() == "half a line"
        assert client.line() == "Vale, come back"
        assert client.line() == ""


def test_stops_with_a_goodbye(hello):
    hello.start()
    with Client(hello.port) as client:
        family = proc.children(hello.master)
        assert len(family) == 3  # two workers, one service process
        assert hello.stop() == 0
        assert client.line().startswith("Vale")
        assert client.line() == ""
    assert not any(proc.exists(pid) for pid in family)
    assert not hello.socket.exists()


def test_listens_on_every_kind_of_address(hello):
    path = hello.directory / "hello.sock"
    port = free_port()
    hello.config["listeners"]["hello"]["address"] += [f"[::1]:{port}", f"unix:{path}"]
    hello.start()
    with Client(port, host="::1") as client:
        assert client.ask("x") == "x"
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(str(path))
        assert s.recv(100) == b"Salve, viator\r\n"
    assert hello.stop() == 0
    assert not path.exists()


def test_serves_metrics(hello):
    hello.start()
    with Client(hello.port) as client:
        client.ask("x")
    head, body = hello.metrics()
    assert "text/plain; version=0.0.4" in head
    lines = body.splitlines()
    assert "# TYPE mansio_hello_lines_total counter" in lines
    assert any(line.startswith("# HELP mansio_hello_lines_total ") for line in lines)
    # The exposition format wants each family once, its samples together.
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    until("the line is counted", lambda: hello.metric("mansio_hello_lines_total") == 1)


def test_keeps_counters_over_generations(hello):
    hello.start()
    with Client(hello.port) as client:
        client.ask("x")
    hello.ask("reload", "--force")
    hello.wait_settled()
    with Client(hello.port) as client:
        client.ask("y")
    until("both are counted", lambda: hello.metric("mansio_hello_lines_total") == 2)


def test_logs_a_session_id_on_every_line_of_a_session(hello):
    hello.start()
    with Client(hello.port):
        until("the session is there", hello.sessions)
        session = hello.sessions()[0]["id"]
        hello.ctl("sessions", "kill", session)
    until("the log names it", lambda: session in hello.log())
