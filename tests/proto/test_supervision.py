"""What systemd and the system see: activation, notification, privileges."""

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket

import pytest
from mansio_test import proc
from mansio_test.daemon import free_port
from mansio_test.hello import Client
from mansio_test.install import change_build_id, run
from mansio_test.wait import until

CAP_NET_BIND_SERVICE = 1 << 10


class Notified:
    """What a daemon tells systemd, on a socket of the test's own."""

    def __init__(self, daemon):
        self.path = daemon.directory / "notify.sock"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o777)
        self.socket.settimeout(60)
        daemon.environment["NOTIFY_SOCKET"] = str(self.path)

    def next(self):
        """The next message's lines as a dictionary; those that only tell a status are passed."""
        while True:
            fields = dict(
                line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines()
            )
            if set(fields) - {"STATUS"}:
                return fields


def test_notifies(hello):
    notified = Notified(hello)
    hello.start()
    assert notified.next()["READY"] == "1"
    hello.ask("reload", "--force")
    reloading = notified.next()
    assert reloading["RELOADING"] == "1"
    assert int(reloading["MONOTONIC_USEC"]) > 0  # Type=notify-reload asks for it
    assert notified.next()["READY"] == "1"
    hello.write("workers: many\n")
    assert hello.ctl("reload", check=False).returncode == 1
    # A refused reload is over, too: systemd waits for READY.
    assert notified.next()["RELOADING"] == "1"
    assert notified.next()["READY"] == "1"
    assert hello.stop() == 0
    assert notified.next()["STOPPING"] == "1"


def test_takes_sockets_of_systemd(hello):
    """What systemd hands over is served, and kept over reloads and upgrades."""
    hello.config["listeners"]["hello"]["address"] = [f"127.0.0.1:{hello.port}"]
    hello.start(
        wrapper=[
            "/usr/bin/systemd-socket-activate",
            f"--listen=127.0.0.1:{hello.port}",
            "--fdname=hello",
        ],
        wait=False,
    )
    # systemd-socket-activate listens, and starts us in its place with the first connection.
    waiting = until("it listens", lambda: socket.create_connection(("127.0.0.1", hello.port), 60))
    with waiting:
        waiting.settimeout(60)
        assert waiting.recv(100) == b"Salve, viator\r\n"
    hello.wait_ready()
    assert hello.status()["listeners"][0]["inherited"] is True
    hello.ask("reload", "--force")
    hello.wait_settled()
    with Client(hello.port) as client:
        assert client.ask("x") == "x"
    assert hello.status()["listeners"][0]["inherited"] is True


def test_says_which_socket_of_systemd_nobody_serves(hello):
    spare = free_port()
    hello.start(
        wrapper=[
            "/usr/bin/systemd-socket-activate",
            f"--listen=127.0.0.1:{hello.port}",
            f"--listen=127.0.0.1:{spare}",
        ],
        wait=False,
    )
    with until("it listens", lambda: socket.create_connection(("127.0.0.1", hello.port), 60)):
        hello.wait_ready()
    lines = [line for line in hello.log().splitlines() if "event=socket-not-served" in line]
    assert len(lines) == 1 and f"127.0.0.1:{spare}" in lines[0], lines


def test_says_which_socket_of_systemd_is_in_the_way(hello):
    """At once: it would be in the way for ever."""
    hello.config["listeners"]["hello"]["address"] = [f"*:{hello.port}"]
    hello.start(
        wrapper=["/usr/bin/systemd-socket-activate", f"--listen=0.0.0.0:{hello.port}"],
        wait=False,
    )
    with until("it listens", lambda: socket.create_connection(("127.0.0.1", hello.port), 60)):
        assert hello.process.wait(60) == 1
    assert f"*:{hello.port}: systemd gave 0.0.0.0:{hello.port}" in hello.log()


def readable_by_all(directory):
    """pytest's directories are root's alone; what runs as nobody must reach ours."""
    for folder in [directory, *directory.parents]:
        if str(folder) in ("/", "/tmp"):
            break
        folder.chmod(folder.stat().st_mode | 0o055)


def low_port():
    """One that nobody has; any of a thousand, so that two who look at once find different ones."""
    for port in random.sample(range(1, 1024), 1023):
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port below 1024")


@pytest.fixture
def unprivileged(hello):
    """The daemon, told to give up root, on a port below 1024."""
    if os.getuid() != 0:
        pytest.fail("this test needs root: it is about giving it up")
    hello.low_port = low_port()
    hello.config["listeners"]["hello"]["address"].append(f"127.0.0.1:{hello.low_port}")
    hello.config["user"] = "nobody"
    hello.config["group"] = "nogroup"
    # As a package would have it: the socket's directory is the service's.
    runtime = hello.directory / "run"
    runtime.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(runtime, nobody.pw_uid, nobody.pw_gid)
    hello.socket = runtime / "control.sock"
    hello.config["control"]["socket"] = str(hello.socket)
    readable_by_all(hello.modules)
    # LeakSanitizer needs to trace its own process, which one that gave up root may not.
    hello.environment["LSAN_OPTIONS"] = "detect_leaks=0"
    hello.environment["ASAN_OPTIONS"] = "detect_leaks=0"
    return hello


def check_privileges(daemon):
    nobody = pwd.getpwnam("nobody").pw_uid
    for pid in [daemon.master, *proc.children(daemon.master)]:
        assert proc.uids(pid) == [nobody] * 4
        assert proc.field(pid, "Groups").strip() in ("", str(pwd.getpwnam("nobody").pw_gid))
    sets = proc.capabilities(daemon.master)
    assert sets["CapEff"] == sets["CapPrm"] == CAP_NET_BIND_SERVICE, sets
    for pid in proc.children(daemon.master):
        sets = proc.capabilities(pid)
        assert [sets[n] for n in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [0] * 4, sets
        assert proc.field(pid, "NoNewPrivs") == "1"


def test_gives_up_root_and_still_binds(unprivileged):
    daemon = unprivileged
    daemon.start()
    check_privileges(daemon)
    with Client(daemon.low_port) as client:
        assert client.ask("x") == "x"
    # A reload binds another low port, under the final uid.
    port = low_port()
    daemon.config["listeners"]["hello"]["address"].append(f"127.0.0.1:{port}")
    daemon.write()
    assert daemon.reload()["outcome"] == "generation"
    with Client(port) as client:
        assert client.ask("y") == "y"
    daemon.wait_settled()
    check_privileges(daemon)


def test_upgrade_keeps_privileges(unprivileged, tmp_path):
    daemon = unprivileged
    program = tmp_path / "mansiod"
    shutil.copy(daemon.install.mansiod, program)
    readable_by_all(tmp_path)
    daemon.program = program
    daemon.start()
    change_build_id(program, program)
    assert daemon.reload()["outcome"] == "upgraded"
    daemon.wait_settled()
    check_privileges(daemon)
    with Client(daemon.low_port) as client:
        assert client.ask("x") == "x"


def test_strangers_may_look_not_touch(hello):
    """Another user of the machine sees the status at most; changing is refused."""
    hello.config["control"]["mode"] = "0666"
    hello.start()
    readable_by_all(hello.directory)
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    ctl = [*as_nobody, hello.install.mansioctl, "--socket", hello.socket]
    readable_by_all(hello.install.mansioctl.parent)
    readable_by_all(hello.install.library.parent)
    assert run(*ctl, "status").returncode == 0
    for words in (["reload"], ["stop"], ["sessions", "kill", "x"]):
        result = run(*ctl, *words, check=False)
        assert result.returncode == 4, (words, result)
    assert hello.status()["state"] == "running"


def test_strangers_do_not_lock_out_the_admin(hello):
    """However many connections they hold open on the control socket."""
    hello.config["control"]["mode"] = "0666"
    hello.start()
    readable_by_all(hello.directory)
    held = []
    os.setegid(65534)
    os.seteuid(65534)
    try:
        for _ in range(100):
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].connect(str(hello.socket))
    finally:
        os.seteuid(0)
        os.setegid(0)
    try:
        assert hello.ctl("status", check=False).returncode == 0
        assert hello.reload()["outcome"] == "unchanged"
    finally:
        for s in held:
            s.close()


def test_closed_standard_descriptors(hello):
    """Whoever starts it without them doesn't get the log into some socket or shared memory."""
    hello.start(wrapper=["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"])
    for pid in [hello.master, *proc.children(hello.master)]:
        found = proc.descriptors(pid)
        assert [found[n] for n in range(3)] == ["/dev/null"] * 3, found
    with Client(hello.port) as client:
        assert client.ask("x") == "x"


def test_stops_when_all_get_the_signal(hello):
    """As systemd sends it, to every process of the unit."""
    hello.start()
    with Client(hello.port) as client:
        client.ask("x")
        for pid in [*proc.children(hello.master), hello.master]:
            hello.signal(signal.SIGTERM, pid)
        assert client.line().startswith("Vale")
        assert hello.process.wait(60) == 0
    assert "level=error" not in hello.log()


def test_a_second_master_waits_and_says_why(hello, make_daemon):
    """On the same socket: the first goes on; the second says what it waits for, and gives up when
    told to."""
    hello.start()
    second = make_daemon("second")
    second.config = hello.config
    second.start(wait=False)
    second.wait_log("address-in-use")
    with Client(hello.port) as client:
        assert client.ask("x") == "x"
    assert second.stop() == 0
    assert hello.status()["state"] == "running"
    with Client(hello.port) as client:
        assert client.ask("y") == "y"


def test_descriptors_do_not_leak_into_children(hello):
    """What the parent of the daemon left open does not reach workers."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        hello.start(pass_fds=[write])
        mark = os.readlink(f"/proc/{os.getpid()}/fd/{write}")
        for pid in proc.children(hello.master):
            assert mark not in proc.descriptors(pid).values()
    finally:
        os.close(read)
        os.close(write)


def test_low_descriptor_limit_is_survived(hello):
    """With too few descriptors new conns wait; who is in goes on, and nothing dies."""
    hello.start(wrapper=["prlimit", "--nofile=100:100"])
    before = [row["pid"] for row in hello.workers()]
    clients = []
    try:
        for _ in range(40):
            clients.append(Client(hello.port))
        extra = [socket.create_connection(("127.0.0.1", hello.port)) for _ in range(300)]
        for client in clients:
            assert client.ask("x") == "x"
        for s in extra:
            s.close()
    finally:
        for client in clients:
            client.close()
    with Client(hello.port) as client:
        assert client.ask("x") == "x"
    assert [row["pid"] for row in hello.workers()] == before
