"""tests/lab: what outside checks stand on. Its names are stable."""

import imaplib
import os
import pathlib
import poplib
import signal
import smtplib
import subprocess
import sys

import mansio_local
import pytest
from mansio_local import ports
from mansio_local.cluster import Cluster
from mansio_local.node import Node
from mansio_test.wait import until

LAB = pathlib.Path(__file__).resolve().parents[1] / "lab"
NAMES = {
    "LAB_HOST", "SMTP_PORT", "LMTP_PORT", "LMTP_UNIX", "SUBMISSION_PORT", "SUBMISSIONS_PORT",
    "IMAP_PORT", "IMAPS_PORT", "POP3_PORT", "POP3S_PORT", "HTTP_PORT",
    "HTTPS_PORT", "METRICS_PORT", "CA_FILE", "PG_DSN", "PG_DSN_SERVING", "MANSIO_CONFIG", "MANSIOCTL", "MANSIOD_PID", "PASSWORD",
    "TENANT1", "DOMAIN1", "TENANT2", "DOMAIN2",
}  # fmt: skip


def lab(install, *words):
    environment = {**os.environ, "MANSIO_PREFIX": str(install.prefix)}
    done = subprocess.run(
        [str(LAB), *map(str, words)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def read(directory):
    lines = (directory / "lab.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def psql(dsn, sql):
    done = subprocess.run(
        ["psql", "-XAtq", dsn, "-c", sql], text=True, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def up(install, tmp_path_factory):
    directory = tmp_path_factory.mktemp("lab") / "private"
    directory.mkdir(mode=0o700)
    extra = directory.parent / "extra.yaml"
    extra.write_text("log: {level: debug}\n")
    status, said = lab(
        install, "up", directory, "--workers", 3, "--accounts", 2, "--config-extra", extra
    )
    assert status == 0, said
    yield directory
    if (directory / "lab.json").exists():
        assert lab(install, "down", directory)[0] == 0


def test_environment_is_whole(up):
    env = read(up)
    assert NAMES <= set(env)
    assert (env["TENANT1"], env["DOMAIN1"]) == ("alpha", "alpha.test")
    assert (env["TENANT2"], env["DOMAIN2"]) == ("beta", "beta.test")
    assert pathlib.Path(f"/proc/{env['MANSIOD_PID']}/comm").read_text().strip() == "mansiod"
    assert pathlib.Path(env["LMTP_UNIX"]).is_socket()


def test_options_are_heeded(up):
    env = read(up)
    status = subprocess.run(
        [env["MANSIOCTL"], "--json", "status"], text=True, stdout=subprocess.PIPE, check=True
    ).stdout
    assert status.count('"worker"') >= 3 or '"workers": 3' in status, status
    assert "debug" in (up.parent / "extra.yaml").read_text()


def test_database_is_durable_and_roles_differ(up):
    env = read(up)
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        assert psql(env["PG_DSN"], f"SHOW {name}") == "on"
    assert int(psql(env["PG_DSN"], "SELECT count(*) FROM account")) == 4
    assert psql(env["PG_DSN_SERVING"], "SELECT count(*) FROM message_state") == "0"


def test_every_domain_has_a_postmaster(up):
    """RFC 5321 4.5.1, as in what the guide for providers and the quickstart set up."""
    env = read(up)
    with smtplib.SMTP(env["LAB_HOST"], int(env["SMTP_PORT"]), timeout=60) as client:
        client.ehlo()
        client.mail("")
        for domain in ("", "@" + env["DOMAIN1"], "@" + env["DOMAIN2"]):
            assert client.docmd(f"RCPT TO:<Postmaster{domain}>")[0] == 250


def test_mail_goes_through(up):
    env = read(up)
    text = "From: a@example.org\r\nSubject: through the lab\r\n\r\nSalve.\r\n"
    with smtplib.SMTP(env["LAB_HOST"], int(env["SMTP_PORT"]), timeout=60) as client:
        client.sendmail("a@example.org", [f"user1@{env['DOMAIN1']}"], text)
    with smtplib.LMTP(env["LMTP_UNIX"]) as client:
        client.sendmail("a@example.org", [f"user1@{env['DOMAIN1']}"], text)
    with imaplib.IMAP4(env["LAB_HOST"], int(env["IMAP_PORT"]), timeout=60) as imap:
        imap.login(f"user1@{env['DOMAIN1']}", env["PASSWORD"])
        assert imap.select("INBOX") == ("OK", [b"2"])
    box = poplib.POP3(env["LAB_HOST"], int(env["POP3_PORT"]), timeout=60)
    box.user(f"user1@{env['DOMAIN1']}")
    box.pass_(env["PASSWORD"])
    assert box.stat()[0] == 2
    assert b"Subject: through the lab" in box.retr(2)[1]
    box.quit()


def test_dead_master_is_started_again(up):
    before = read(up)["MANSIOD_PID"]
    os.kill(int(before), signal.SIGKILL)
    env = until("another master", lambda: read(up)["MANSIOD_PID"] != before and read(up), 60)

    def answers():
        with smtplib.SMTP(env["LAB_HOST"], int(env["SMTP_PORT"]), timeout=60) as client:
            return client.noop()[0] == 250

    def patient():
        try:
            return answers()
        except OSError:
            return False

    until("mail is taken again", patient, 60)


def test_down_leaves_nothing(up, install):
    env = read(up)
    status, said = lab(install, "down", up)
    assert status == 0, said
    assert not pathlib.Path(f"/proc/{env['MANSIOD_PID']}").exists()
    assert not (up / "lab.env").exists()
    port = env["PG_DSN"].rpartition(":")[2].split("/")[0]
    assert subprocess.run(["pg_isready", "-h", "127.0.0.1", "-p", port], check=False).returncode
    assert lab(install, "down", up)[0] != 0, "there is none any more"


def test_what_was_stopped_starts_again(make_lab, install):
    """From what is on disk alone: another process does it."""
    lab = make_lab("again", accounts=1).up()
    lab.node.stop()
    again = Node(lab.directory, install.prefix, Cluster(lab.home))
    assert not again.is_running()
    again.ports = lab.node.ports
    again.start()
    assert again.is_running()
    assert again.variables() == lab.node.variables()


SEEKER = """
import sys
from mansio_local import ports
print(*{port for _ in range(3) for port in ports.free_ports(ports.BLOCK // 2)}, flush=True)
sys.stdin.read()
"""


def test_no_two_processes_find_the_same_port():
    """Though none of them binds what it found, and each looks more often than it has ports."""
    place = pathlib.Path(mansio_local.__file__).parents[1]
    seekers = [
        subprocess.Popen(
            [sys.executable, "-B", "-c", SEEKER],
            env={**os.environ, "PYTHONPATH": str(place)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    found = [set(ports.free_port() for _ in range(2 * ports.BLOCK))]
    for seeker in seekers:
        found.append(set(map(int, seeker.stdout.readline().split())))
    for seeker in seekers:
        seeker.communicate()
    assert len(set().union(*found)) == sum(map(len, found))


HANGING = """
import signal, threading

def test_waits():
    threading.Event().wait()

def test_goes_on():
    pass

def test_hears_no_signal():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    threading.Event().wait()
"""


def test_what_hangs_fails_by_its_name(tmp_path):
    """And says where it was; what comes behind it is tested, too."""
    (tmp_path / "test_hanging.py").write_text(HANGING)
    tests = pathlib.Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [
            sys.executable,
            "-B",
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "conftest",
            "-n",
            "1",
        ]
        + ["-c", os.devnull, "--rootdir", tmp_path, tmp_path],
        env={**os.environ, "PYTHONPATH": str(tests), "MANSIO_HANG_SECONDS": "1", "COLUMNS": "200"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    for words in (
        "FAILED test_hanging.py::test_waits - Failed: it hangs",
        "crashed while running 'test_hanging.py::test_hears_no_signal'",
        'test_hanging.py", line 5 in test_waits',
        'test_hanging.py", line 12 in test_hears_no_signal',
        "2 failed, 1 passed",
    ):
        assert words in said, (words, said)
