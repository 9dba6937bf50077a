"""Real programs fetch mail over POP3: plain, STLS and TLS from the first byte; byte for byte."""

import poplib
import subprocess

import pytest
from mansio_test.lab import PASSWORD
from mansio_test.pop3 import HOST, memory_box

MESSAGES = [
    b"From: a@example.org\r\nTo: b@alpha.test\r\nSubject: one\r\nMessage-ID: <1@example.org>\r\n"
    b"\r\nHello.\r\n",
    b"From: a@example.org\r\nTo: b@alpha.test\r\nSubject: two\r\nMessage-ID: <2@example.org>\r\n"
    b"\r\n.\r\n..dots\r\n\r\nend.\r\n",
    b"From: a@example.org\r\nTo: b@alpha.test\r\nSubject: three\r\nMessage-ID: <3@example.org>\r\n"
    b"\r\n" + b"".join(b"%06d 0123456789 0123456789 0123456789\r\n" % i for i in range(20000)),
]
WAYS = ["plain", "stls", "tls"]


@pytest.fixture(scope="module")
def box(install, tmp_path_factory):
    from mansio_test.daemon import Daemon

    daemon = Daemon(install, tmp_path_factory.mktemp("pop3-clients"))
    yield memory_box(daemon)
    try:
        daemon.stop()
    finally:
        daemon.kill()


@pytest.fixture
def user(box):
    return box.user(*MESSAGES)


def client(*command, ok=(0,), **more):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, timeout=120, check=False, **more
    )
    assert done.returncode in ok, f"{command} gave {done.returncode}: {done.stdout}{done.stderr}"
    return done


def left(box, user):
    with box.dialogue() as pop:
        answer = pop.login(user)
        pop.ok("QUIT")
    return int(answer.split()[1])


def port(box, way):
    return box.ports["pop3s" if way == "tls" else "pop3"]


def bodies(messages):
    """What is left of messages when a client has put its own lines before them."""
    return sorted(bytes(message).replace(b"\r\n", b"\n").split(b"\n\n", 1)[1] for message in messages)


def separate(directory, out):
    """A delivery agent that puts messages into one file, with a byte between that none holds."""
    script = directory / "mda"
    script.write_text(f"#!/bin/sh\n{{ cat; printf '\\001'; }} >>'{out}'\n")
    script.chmod(0o700)
    return script


@pytest.mark.parametrize("way", WAYS)
def test_poplib(box, user, way):
    if way == "tls":
        pop = poplib.POP3_SSL("localhost", port(box, way), context=box.trusted(), timeout=60)
    else:
        pop = poplib.POP3(HOST, port(box, way), timeout=60)
        pop.host = "localhost"
    if way == "stls":
        pop.stls(box.trusted())
    pop.user(user)
    pop.pass_(PASSWORD)
    for number, message in enumerate(MESSAGES, 1):
        assert b"\r\n".join(pop.retr(number)[1]) + b"\r\n" == message
        assert pop.list(number).split()[2] == str(len(message)).encode()
        assert b"Subject" in b"\n".join(pop.top(number, 0)[1])
        pop.dele(number)
    assert len(pop.uidl()[1]) == 0
    pop.quit()
    assert left(box, user) == 0


@pytest.mark.parametrize("way", WAYS)
def test_curl(box, user, way):
    url = f"{'pop3s' if way == 'tls' else 'pop3'}://localhost:{port(box, way)}/"
    options = ["--silent", "--show-error", "--user", f"{user}:{PASSWORD}"]
    options += ["--cacert", box.authority, *(["--ssl-reqd"] if way == "stls" else [])]
    for number, message in enumerate(MESSAGES, 1):
        assert client("curl", *options, url + str(number)).stdout == message
    listed = client("curl", *options, url).stdout.decode().splitlines()
    assert [line for line in listed if line != "."] == [
        f"{i} {len(message)}" for i, message in enumerate(MESSAGES, 1)
    ]
    client("curl", *options, "--login-options", "AUTH=PLAIN", url)
    client("curl", *options, "--request", "DELE", "--list-only", "--head", url + "1")
    assert left(box, user) == 2


@pytest.mark.parametrize("way", WAYS)
def test_fetchmail(box, user, way, tmp_path):
    out = tmp_path / "mail"
    script = separate(tmp_path, out)
    tls = {"plain": "sslproto ''", "stls": "sslproto TLS1.2+", "tls": "ssl"}[way]
    config = tmp_path / "fetchmailrc"
    config.write_text(
        f"poll localhost protocol pop3 port {port(box, way)} auth password\n"
        f"  user '{user}' password '{PASSWORD}' is 'root' here {tls}\n"
        f"  sslcertck sslcertfile '{box.authority}'\n  fetchall nokeep no rewrite\n"
        f"  mda '{script}'\n"
    )
    config.chmod(0o600)
    client("fetchmail", "--fetchmailrc", config, "--idfile", tmp_path / "ids", "--pidfile",
           tmp_path / "pid", "--nosyslog", "--nodetach", env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})  # fmt: skip
    fetched = out.read_bytes().split(b"\1")[:-1]
    assert bodies(fetched) == bodies(MESSAGES)
    assert left(box, user) == 0


@pytest.mark.parametrize("way", WAYS)
def test_mpop(box, user, way, tmp_path):
    folder = tmp_path / "Maildir"
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True)
    config = tmp_path / "mpoprc"
    config.write_text(
        f"account a\nhost localhost\nport {port(box, way)}\nuser {user}\npassword {PASSWORD}\n"
        f"auth {'user' if way == 'plain' else 'plain'}\n"
        f"tls {'off' if way == 'plain' else 'on'}\ntls_starttls {'on' if way == 'stls' else 'off'}\n"
        f"tls_trust_file {box.authority}\nkeep off\npipelining on\n"
        f"uidls_file {tmp_path}/uidls\ndelivery maildir {folder}\naccount default : a\n"
    )
    config.chmod(0o600)
    if way == "plain":  # there is nothing to trust then
        config.write_text(config.read_text().replace(f"tls_trust_file {box.authority}\n", ""))
    client("mpop", "-C", config, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    fetched = [path.read_bytes() for path in (folder / "new").iterdir()]
    assert bodies(fetched) == bodies(MESSAGES)
    assert left(box, user) == 0


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_getmail6(box, user, way, tmp_path):
    """It keeps mail and knows by UIDL what it has: a second run fetches nothing."""
    out = tmp_path / "mail"
    (tmp_path / "getmailrc").write_text(
        f"[retriever]\ntype = SimplePOP3{'SSL' if way == 'tls' else ''}Retriever\n"
        f"server = localhost\nport = {port(box, way)}\nusername = {user}\npassword = {PASSWORD}\n"
        + (f"ca_certs = {box.authority}\n" if way == "tls" else "")
        + f"[destination]\ntype = MDA_external\npath = {separate(tmp_path, out)}\n"
        "allow_root_commands = true\n"
        "[options]\nread_all = false\ndelete = false\nmessage_log_syslog = false\n"
    )
    command = ["getmail", "--getmaildir", tmp_path, "--rcfile", "getmailrc"]
    for _ in range(2):
        client(*command, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, cwd=tmp_path)
        assert bodies(out.read_bytes().split(b"\1")[:-1]) == bodies(MESSAGES)
    assert left(box, user) == 3
