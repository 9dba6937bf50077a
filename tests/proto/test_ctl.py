"""mansioctl as an administrator meets it: tables, JSON, exit codes, completion."""

import json
import pathlib
import socket
import subprocess
import threading

import pytest
from mansio_test.hello import Client
from mansio_test.install import run
from mansio_test.wait import until

OK, FAILED, USAGE, UNREACHABLE, DENIED, NOT_FOUND, STOPPING, TIMEOUT = range(8)


def test_status_as_table_and_json(hello):
    hello.start()
    with Client(hello.port):
        until("the conn is counted", lambda: hello.status()["totals"]["sessions"] == 1)
        status = hello.status()
        assert status["pid"] == hello.master
        assert status["state"] == "running"
        assert status["generation"] == 1
        assert status["config"] == str(hello.path)
        assert [row["role"] for row in status["processes"]].count("worker") == 2
        assert [row["role"] for row in status["processes"]].count("service") == 1
        assert status["listeners"][0]["address"] == f"127.0.0.1:{hello.port}"
        assert status["listeners"][0]["service"] == "hello"  # its protocol's, as none is named
        table = hello.ctl("status").stdout
        assert f"pid         {hello.master}\n" in table
        assert "PROCESS  INDEX" in table
        assert f"127.0.0.1:{hello.port}" in table
        assert not any(line != line.rstrip() for line in table.splitlines())


def test_modules(hello):
    hello.start()
    row = hello.ask("modules")["instances"][0]
    assert (row["instance"], row["module"], row["version"]) == ("hello", "hello", "1.0")
    assert row["path"] == str(hello.modules / "hello.so")
    assert len(row["build_id"]) == 40
    table = hello.ctl("modules").stdout.splitlines()
    assert table[0].split() == ["INSTANCE", "MODULE", "VERSION", "ABI", "BUILD", "INSTALLED", "FILE"]
    assert table[1].split()[:4] == ["hello", "hello", "1.0", "1.0"]


def test_sessions_listed_filtered_and_killed(hello):
    other = hello.add("gallia")
    hello.start()
    with Client(hello.port) as one, Client(other) as two:
        until("both sessions", lambda: len(hello.sessions()) == 2)
        by_instance = {row["instance"]: row for row in hello.sessions()}
        assert by_instance["hello"]["peer"] == one.local
        assert by_instance["gallia"]["peer"] == two.local
        assert [row["instance"] for row in hello.sessions("--instance", "gallia")] == ["gallia"]
        assert len(hello.sessions("--service", "hello")) == 2
        assert hello.sessions("--service", "imap") == []
        cut = hello.ctl("sessions", "list", "--limit", "1")
        assert len(cut.stdout.splitlines()) == 2
        assert cut.stderr == "mansioctl: 1 of 2 sessions are listed (see --limit)\n"
        killed = hello.ctl("sessions", "kill", by_instance["hello"]["id"])
        assert (killed.stdout, killed.stderr) == ("", "")
        assert one.line() == "Vale"
        assert one.line() == ""
        assert two.ask("x") == "x"
        until("one session left", lambda: len(hello.sessions()) == 1)


def test_kill_of_no_session(hello):
    hello.start()
    result = hello.ctl("sessions", "kill", "no-such-session", check=False)
    assert result.returncode == NOT_FOUND
    assert result.stderr.startswith("mansioctl: ")
    assert result.stdout == ""


@pytest.mark.parametrize(
    "words, text",
    [
        ([], "no command given"),
        (["frobnicate"], 'unknown command "frobnicate"'),
        (["status", "--frobnicate"], "unknown option --frobnicate of status"),
        (["sessions", "kill"], "sessions kill needs ID"),
        (["sessions", "list", "--limit", "0"], "--limit 0: expected 1 to 100000"),
        (["completion", "fish"], "expected bash or zsh"),
        (["help", "frobnicate"], 'unknown command "frobnicate"'),
        (["sessions"], "sessions: expected kill, list"),
    ],
)
def test_usage(install, words, text):
    result = run(install.mansioctl, "--socket", "/nonexistent", *words, check=False)
    assert result.returncode == USAGE
    assert text in result.stderr
    assert result.stdout == ""


def test_no_daemon(install, tmp_path):
    result = run(install.mansioctl, "--socket", tmp_path / "none", "status", check=False)
    assert result.returncode == UNREACHABLE
    assert f"cannot reach mansiod at {tmp_path}/none" in result.stderr
    result = run(install.mansioctl, "--socket", "/" + "x" * 200, "status", check=False)
    assert result.returncode == UNREACHABLE
    assert "too long" in result.stderr


class FakeDaemon(threading.Thread):
    """Answers one request with given bytes, or never."""

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.asked = b""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.release = threading.Event()
        self.start()

    def run(self):
        conn, _ = self.listener.accept()
        with conn, self.listener:
            while not self.asked.endswith(b"\n"):
                self.asked += conn.recv(4096)
            if self.answer is None:
                self.release.wait(30)
            else:
                conn.sendall(self.answer)


def test_answers_that_are_none(install, tmp_path):
    rows = [
        (b"", UNREACHABLE, "ended the connection before it answered"),
        (b'{"ok": tr', UNREACHABLE, "ended the connection before it answered"),
        (b"nonsense\n", FAILED, "makes no sense"),
        (b'{"ok": false, "error": {"code": "denied", "message": "not you"}}\n', DENIED, "not you"),
        (b'{"ok": false, "error": {"code": "stopping", "message": "m"}}\n', STOPPING, "m"),
    ]
    for number, (answer, code, text) in enumerate(rows):
        fake = FakeDaemon(tmp_path / str(number), answer)
        result = run(install.mansioctl, "--socket", tmp_path / str(number), "status", check=False)
        fake.join(10)
        assert (result.returncode, result.stdout) == (code, "")
        assert text in result.stderr
        assert json.loads(fake.asked) == {"command": "status"}


def test_gives_up_in_time(install, tmp_path):
    fake = FakeDaemon(tmp_path / "s", None)
    result = run(
        install.mansioctl, "--socket", tmp_path / "s", "--timeout", "1", "status", check=False
    )
    fake.release.set()
    assert result.returncode == TIMEOUT
    assert "did not answer in time" in result.stderr


def test_bytes_of_peers_are_harmless(install, tmp_path):
    """What a peer chose reaches neither the terminal nor a line of its own."""
    evil = "\x1b]0;owned\x07\r\nID  SERVICE\u202e\u009b2J"
    row = {"id": "a-1", "service": "hello", "activity": evil, "peer": "日本", "age": 61.5}
    answer = {"ok": True, "result": {"sessions": [row], "total": 1, "truncated": False, "silent": []}}
    raw = json.dumps(answer).encode() + b"\n"
    FakeDaemon(tmp_path / "table", raw)
    table = run(install.mansioctl, "--socket", tmp_path / "table", "sessions", "list").stdout
    assert len(table.splitlines()) == 2
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in table.replace("\n", ""))
    assert "\u202e" not in table
    assert "\\x1b]0;owned\\x07\\x0d\\x0aID" in table
    assert "日本" in table and "1m01s" in table
    FakeDaemon(tmp_path / "json", raw)
    text = run(install.mansioctl, "--json", "--socket", tmp_path / "json", "sessions", "list").stdout
    assert text.isascii() and json.loads(text)["sessions"][0]["activity"] == evil


def test_says_when_a_list_is_not_whole(install, tmp_path):
    answer = {"ok": True, "result": {"sessions": [], "total": 0, "truncated": False, "silent": [77]}}
    FakeDaemon(tmp_path / "s", json.dumps(answer).encode() + b"\n")
    result = run(install.mansioctl, "--socket", tmp_path / "s", "sessions", "list", check=False)
    assert result.returncode == TIMEOUT
    assert "process 77 did not answer" in result.stderr


def test_full_disk_is_an_error(hello):
    hello.start()
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [hello.install.mansioctl, "--socket", hello.socket, "status"],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert result.returncode == FAILED
    assert b"No space left on device" in result.stderr


def test_finds_the_socket(hello):
    hello.start()
    ctl = hello.install.mansioctl
    assert f"pid         {hello.master}" in run(ctl, "--config", hello.path, "status").stdout
    by_environment = run(ctl, "status", env={"MANSIO_SOCKET": str(hello.socket)})
    assert f"pid         {hello.master}" in by_environment.stdout
    broken = hello.directory / "broken.yaml"
    broken.write_text("control: [\n")
    result = run(ctl, "--config", broken, "status", check=False)
    assert result.returncode == UNREACHABLE
    assert f"{broken}:" in result.stderr and "--socket" in result.stderr


def test_help_names_every_command(install):
    text = run(install.mansioctl, "help").stdout
    assert text == run(install.mansioctl, "--help").stdout
    for command in ("status", "reload", "modules", "sessions list", "sessions kill", "stop"):
        assert f"  {command} " in text
        one = run(install.mansioctl, "help", *command.split()).stdout
        assert one == run(install.mansioctl, *command.split(), "--help").stdout
        assert one.startswith(f"usage: mansioctl [OPTION...] {command}")
    assert run(install.mansioctl, "--version").stdout.startswith("mansioctl 0.")
    assert max(map(len, text.splitlines())) <= 100


def test_help_of_a_first_word_lists_what_may_follow(install):
    text = run(install.mansioctl, "help", "policy").stdout
    assert text.startswith("  policy allow SERVICE...")
    assert "  policy unlock SERVICE..." in text
    assert "  plan " not in text


def test_manual_names_every_command_and_exit_code(install):
    manual = (install.prefix / "share/man/man8/mansioctl.8").read_text().replace("\\-", "-")
    for line in run(install.mansioctl, "help").stdout.splitlines():
        if line.startswith("  --"):
            assert line.split()[0] in manual, line
        elif line.startswith("  "):
            name = line.split("  ")[1]
            assert " ".join(w for w in name.split() if w.islower()) in manual, line


def completion(install, line, socket_path="/nonexistent"):
    """What bash offers for a command line that ends at the cursor."""
    script = install.prefix / "share/bash-completion/completions/mansioctl"
    program = f"""
        source {script}
        COMP_WORDS=({line})
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _mansioctl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {
        "PATH": f"{install.prefix}/bin:/usr/bin:/bin",
        "MANSIO_SOCKET": str(socket_path),
    }
    return run("bash", "-u", "-c", program, env=environment).stdout.split()


def test_completion(install, hello):
    assert "sessions" in completion(install, "mansioctl ''")
    assert completion(install, "mansioctl rel") == ["reload"]
    assert completion(install, "mansioctl sessions ''") == ["kill", "list"]
    assert completion(install, "mansioctl reload --f") == ["--force"]
    assert completion(install, "mansioctl status ''") == []
    hello.start()
    with Client(hello.port):
        until("the session is there", hello.sessions)
        session = hello.sessions()[0]["id"]
        assert completion(install, "mansioctl sessions kill ''", hello.socket) == [session]
    assert completion(install, "mansioctl sessions kill ''") == []
    installed = pathlib.Path(install.prefix, "share/bash-completion/completions/mansioctl")
    assert installed.read_text() == run(install.mansioctl, "completion", "bash").stdout


def test_control_socket_bounds_its_clients(hello):
    """Requests that are too long, no JSON, or never end hurt nobody else."""
    hello.start()

    def talk(data):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(str(hello.socket))
            try:
                s.sendall(data)
                return s.makefile("rb").readline()
            except ConnectionError:
                return b""

    for nonsense in (b"no json\n", b"[]\n", b'{"command": 7}\n', b'{"command": "status", "args": 1}\n'):
        assert json.loads(talk(nonsense))["error"]["code"] == "bad_request"
    assert json.loads(talk(b'{"command": "fly"}\n'))["error"]["code"] == "unknown_command"
    too_long = talk(b"x" * 200000 + b"\n")
    assert too_long == b"" or json.loads(too_long)["error"]["code"] == "bad_request"
    assert json.loads(talk(b"[" * 60000 + b"\n"))["error"]["code"] == "bad_request"
    hung = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for s in hung:
        s.connect(str(hello.socket))
        s.sendall(b'{"command": "sta')
    assert hello.status()["state"] == "running"
    for s in hung:
        s.close()
    assert hello.status()["state"] == "running"


def test_arguments_of_the_wrong_type(hello):
    hello.start()

    def talk(line):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(str(hello.socket))
            s.sendall(line + b"\n")
            s.shutdown(socket.SHUT_WR)  # that's all; now listen
            return json.loads(s.makefile().readline())

    for line in (
        b'{"command": "reload", "args": {"force": "no"}}',
        b'{"command": "stop", "args": {"quick": 1}}',
        b'{"command": "reload", "args": []}',
        b'{"command": "sessions.list", "args": {"limit": 1.5}}',
    ):
        assert talk(line)["error"]["code"] == "bad_request", line
    assert hello.status()["state"] == "running" and hello.status()["generation"] == 1
    # Who says no more still gets an answer that takes its time.
    assert talk(b'{"command": "reload", "args": {"force": true}}')["result"]["generation"] == 2


def test_stop(hello):
    hello.start()
    assert hello.ask("stop") == {"message": "stopping"}
    assert hello.process.wait(60) == 0
