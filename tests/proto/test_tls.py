"""TLS of listeners: certificates by name, clients' certificates, resumption, STARTTLS, refusals."""

import hashlib
import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from mansio_test.certificates import Authority
from mansio_test.daemon import free_port
from mansio_test.install import SOURCE, change_build_id, run
from mansio_test.wait import until

DER_HASH = hashlib.sha256


def digest(path):
    """SHA-256 of the first certificate in a PEM file."""
    text = path.read_text()
    end = "-----END CERTIFICATE-----"
    return DER_HASH(ssl.PEM_cert_to_DER_cert(text[: text.index(end) + len(end)])).hexdigest()


class Client:
    """A line client; TLS from the start, later, or never."""

    def __init__(self, port, context=None, name=None, session=None, timeout=60):
        self.plain = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket = self.plain
        self.pending = b""
        if context:
            self.secure(context, name, session)

    def secure(self, context, name=None, session=None):
        self.socket = context.wrap_socket(self.plain, server_hostname=name, session=session)

    def line(self):
        while b"\r\n" not in self.pending:
            more = self.socket.recv(4096)
            if not more:
                break
            self.pending += more
        line, _, self.pending = self.pending.partition(b"\r\n")
        return line.decode()

    def send(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def ask(self, text):
        self.send(text)
        return self.line()

    def facts(self):
        return dict(pair.split("=", 1) for pair in self.ask("facts").split("|"))

    def shown(self):
        return DER_HASH(self.socket.getpeercert(binary_form=True)).hexdigest()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def context_for(ca, certificate=None, only=None):
    context = ssl.create_default_context(cafile=str(ca.path))
    if certificate:
        context.load_cert_chain(*map(str, certificate))
    if only:
        context.minimum_version = context.maximum_version = only
    return context


def careless():
    """Checks nothing: for who only wants to see what is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture(scope="session")
def secure_so(install, tmp_path_factory):
    target = tmp_path_factory.mktemp("secure") / "secure.so"
    return install.build_module(target, [SOURCE / "tests/proto/modules/secure.c"])


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path / "ca")


@pytest.fixture
def node(make_daemon, secure_so, ca):
    """A daemon with certificates alpha (the first), beta and a wildcard; listeners of all kinds."""
    daemon = make_daemon()
    shutil.copy(secure_so, daemon.modules / "secure.so")
    daemon.config["certificates"] = {}
    for name, hosts in (
        ("alpha", ["mail.alpha.test", "alpha.test"]),
        ("beta", ["mail.beta.test"]),
        ("wild", ["*.wild.test"]),
    ):
        chain, key = ca.make(name, *hosts)
        daemon.config["certificates"][name] = {"chain": str(chain), "key": str(key)}
    daemon.config["instances"]["secure"] = {"module": "secure", "settings": {}}

    def listen(name, **more):
        port = free_port()
        daemon.config["listeners"][name] = {
            "address": [f"127.0.0.1:{port}"],
            "serve": "secure",
            **more,
        }
        return port

    daemon.listen = listen
    daemon.implicit = listen("implicit", tls="implicit")
    daemon.starttls = listen("starttls", tls="starttls")
    daemon.plain = listen("plain")
    return daemon


def test_names_choose_the_certificate(node, ca):
    node.start()
    for name, expected in (
        ("mail.alpha.test", "alpha"),
        ("alpha.test", "alpha"),
        ("MAIL.Beta.test", "beta"),
        ("one.wild.test", "wild"),
        ("two.one.wild.test", "alpha"),
        ("wild.test", "alpha"),
        ("nobody.test", "alpha"),
        (None, "alpha"),
    ):
        with Client(node.implicit, careless(), name) as client:
            assert client.shown() == digest(ca.directory / f"{expected}.pem"), name
            assert client.line() == "ready"
            assert client.facts()["name"] == (name or "").lower()


def test_a_listener_has_a_default_of_its_own(node, ca):
    port = node.listen("other", tls="implicit", certificate="beta")
    node.start()
    with Client(port, careless(), "nobody.test") as client:
        assert client.shown() == digest(ca.directory / "beta.pem")
    with Client(port, careless(), "mail.alpha.test") as client:
        assert client.shown() == digest(ca.directory / "alpha.pem")


def test_two_kinds_of_key_for_a_name(node, ca):
    chain, key = ca.make("alpha-rsa", "mail.alpha.test", kind="rsa")
    node.config["certificates"]["alpha-rsa"] = {"chain": str(chain), "key": str(key)}
    node.start()
    for cipher, expected in (("ECDHE-RSA-AES256-GCM-SHA384", chain), ("ECDHE-ECDSA-AES256-GCM-SHA384", ca.directory / "alpha.pem")):
        context = context_for(ca, only=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(cipher)
        with Client(node.implicit, context, "mail.alpha.test") as client:
            assert client.shown() == digest(expected)


def test_facts_and_versions(node, ca):
    node.start()
    for only, text in ((ssl.TLSVersion.TLSv1_3, "TLSv1.3"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")):
        with Client(node.implicit, context_for(ca, only=only), "mail.alpha.test") as client:
            assert client.line() == "ready"
            facts = client.facts()
            assert facts["version"] == text == client.socket.version()
            assert facts["state"] == "3"
            assert facts["cipher"].startswith("TLS_") and int(facts["bits"]) >= 128
            assert (facts["resumed"], facts["verified"], facts["subject"]) == ("0", "0", "")
            assert client.ask("certificate") == "not-found"
            assert client.ask("starttls") == "no"
            assert client.ask("x" * 1000) == "said " + "x" * 1000
    with Client(node.plain) as client:
        assert client.line() == "ready"
        assert client.facts() == {"state": "1", "error": "not-found"}
        assert client.ask("starttls") == "no"


@pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(node, option):
    node.start()
    result = run(
        *["openssl", "s_client", option, "-cipher", "ALL:@SECLEVEL=0"],
        *["-connect", f"127.0.0.1:{node.implicit}"],
        check=False,
    )
    assert "alert protocol version" in result.stderr, result.stderr
    until("counted", lambda: node.metric("mansio_core_tls_handshakes_total", result="version") == 1)


def test_starttls(node, ca):
    node.start()
    with Client(node.starttls) as client:
        assert client.line() == "ready"
        assert client.facts() == {"state": "2", "error": "not-found"}
        assert client.ask("starttls") == "go"
        client.secure(context_for(ca), "mail.beta.test")
        assert client.facts()["state"] == "3"
        assert client.ask("starttls") == "no"
        assert client.ask("one") == "said one"


def test_what_came_before_the_handshake_is_forgotten(node, ca):
    """CVE-2011-0411: commands behind STARTTLS in the clear must not be run inside TLS."""
    node.start()
    with Client(node.starttls) as client:
        assert client.line() == "ready"
        client.socket.sendall(b"starttls\r\ninjected\r\ninjected again")
        assert client.line() == "go"
        client.secure(context_for(ca), "mail.beta.test")
        assert client.ask("mine") == "said mine"
        assert client.ask("still mine") == "said still mine"


def test_text_instead_of_a_handshake(node):
    node.start()
    for port in (node.implicit, node.starttls):
        with Client(port) as client:
            if port == node.starttls:
                assert client.line() == "ready"
                assert client.ask("starttls") == "go"
            client.socket.sendall(b"EHLO there, this is no ClientHello\r\n")
            left = b"".join(iter(lambda: client.socket.recv(4096), b""))
            assert b"said" not in left and b"ready" not in left
    until("counted", lambda: node.metric("mansio_core_tls_handshakes_total", result="protocol") == 2)
    node.wait_log("event=tls-failed")


def test_slow_handshake_is_cut(node):
    node.config["tls"] = {"handshake_time": "300ms"}
    node.start()
    with Client(node.implicit) as client:
        client.socket.sendall(b"\x16\x03\x01")
        assert client.socket.recv(100) == b""
    until("counted", lambda: node.metric("mansio_core_tls_handshakes_total", result="timeout") == 1)


def test_client_certificates(node, ca, tmp_path):
    stranger = Authority(tmp_path / "stranger", "Nobody's CA")
    asks = node.listen("asks", tls="implicit", client_ca=str(ca.path))
    demands = node.listen("demands", tls="implicit", client_ca=str(ca.path), client_certificate="require")
    node.start()
    ours = ca.make("user", subject="/O=Test, Inc./CN=Ünïcode user")
    theirs = stranger.make("user")

    def facts(port, certificate, only=None):
        context = careless()
        if only:
            context.maximum_version = only
        if certificate:
            context.load_cert_chain(*map(str, certificate))
        with Client(port, context, "mail.alpha.test") as client:
            assert client.line() == "ready"
            found = client.facts()
            size = client.ask("certificate")
        return found["verified"], found["subject"], found["fingerprint"], size

    der = len(ssl.PEM_cert_to_DER_cert(ours[0].read_text()))
    mine = ("1", "CN=Ünïcode user,O=Test\\, Inc.", digest(ours[0]), str(der))
    for only in (None, ssl.TLSVersion.TLSv1_2):
        assert facts(asks, ours, only) == mine
        assert facts(demands, ours, only) == mine
        assert facts(asks, theirs, only)[:3] == ("0", "CN=user", digest(theirs[0]))
        assert facts(asks, None, only) == ("0", "", "", "not-found")
        for certificate in (None, theirs):
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                facts(demands, certificate, only)
    until(
        "counted",
        lambda: node.metric("mansio_core_tls_handshakes_total", result="client-certificate") == 4,
    )


def test_channel_bindings(node, ca):
    node.start()
    end_point = digest(ca.directory / "alpha.pem")
    with Client(node.implicit, context_for(ca, only=ssl.TLSVersion.TLSv1_2), "alpha.test") as client:
        assert client.line() == "ready"
        assert client.ask("binding tls-server-end-point") == end_point
        assert client.ask("binding tls-exporter") == "unsupported"
        assert client.ask("binding tls-unique") == "unsupported"
    with Client(node.plain) as client:
        assert client.line() == "ready"
        assert client.ask("binding tls-exporter") == "not-found"
    # Python has no exporter: openssl's client prints what it exports.
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{node.implicit}", "-tls1_3", "-crlf"]
    command += ["-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL) as client:
        client.stdin.write(b"binding tls-exporter\nquit\n")
        client.stdin.flush()
        text = client.stdout.read().decode()
        client.stdin.close()
    exported = re.search(r"Keying material: ([0-9A-F]{64})", text)
    assert exported, text
    assert exported.group(1).lower() in text.splitlines(), text


class Session:
    """A session that may be resumed; with TLS 1.3 its ticket comes after the handshake."""

    def __init__(self, only, ca, certificate=None):
        self.context = context_for(ca, certificate, only)
        self.session = None

    def connect(self, port, name="mail.alpha.test"):
        """Connect, keep the new ticket; returns the client and whether it was resumed."""
        client = Client(port, self.context, name, self.session)
        assert client.line() == "ready"
        is_resumed = client.facts()["resumed"] == "1"
        assert is_resumed == client.socket.session_reused
        self.session = client.socket.session
        return client, is_resumed

    def take_up(self, port, name="mail.alpha.test"):
        client, is_resumed = self.connect(port, name)
        client.close()
        return is_resumed


@pytest.mark.parametrize("only", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumption_over_workers_and_generations(node, ca, only):
    node.start()
    session = Session(only, ca)
    assert not session.take_up(node.implicit)
    held = [session.connect(node.implicit) for _ in range(24)]  # more than one worker takes alone
    assert all(is_resumed for _, is_resumed in held)
    assert len({row["pid"] for row in node.sessions()}) == 2
    for client, _ in held:
        client.close()
    generation = node.status()["generation"]
    node.ctl("reload", "--force")
    assert node.status()["generation"] == generation + 1
    node.wait_settled()
    for _ in range(4):
        assert session.take_up(node.implicit)
    assert node.metric("mansio_core_tls_handshakes_total", result="resumed") >= 20


def test_resumption_over_a_binary_upgrade(node, ca, install, tmp_path):
    """The master's secret goes along; and the next master that is started has another."""
    program = tmp_path / "bin/mansiod"
    program.parent.mkdir()
    shutil.copy(install.mansiod, program)
    node.program = program
    node.start()
    session = Session(ssl.TLSVersion.TLSv1_3, ca)
    assert not session.take_up(node.implicit)
    change_build_id(program, program)
    assert node.reload()["outcome"] == "upgraded"
    node.wait_settled()
    assert session.take_up(node.implicit)
    node.stop()
    node.start()
    assert not session.take_up(node.implicit)


def test_no_resumption_past_a_demand_or_under_another_name(node, ca):
    demands = node.listen("demands", tls="implicit", client_ca=str(ca.path), client_certificate="require")
    asks = node.listen("asks", tls="implicit", client_ca=str(ca.path))
    node.start()
    certificate = ca.make("user")
    for only in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        session = Session(only, ca, certificate)
        assert not session.take_up(node.implicit)
        before = session.session
        for port in (demands, asks):
            session.session = before
            assert not session.take_up(port)
            assert session.take_up(port)  # there it's good
        session.session = before
        session.context.check_hostname = False
        assert not session.take_up(node.implicit, "mail.beta.test")


@pytest.mark.parametrize("only", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_replaced_certificate_is_in_use_after_reload(node, ca, only):
    node.start()
    session = Session(only, ca)
    assert not session.take_up(node.implicit)
    assert node.reload()["outcome"] == "unchanged"
    old = digest(ca.directory / "alpha.pem")
    ca.make("alpha", "mail.alpha.test", "alpha.test")
    new = digest(ca.directory / "alpha.pem")
    assert old != new
    with Client(node.implicit, careless(), "alpha.test") as client:
        assert client.shown() == old
    result = node.reload()
    assert result["outcome"] == "generation", result
    assert any("alpha.pem" in change for change in result["changes"]), result
    node.wait_settled()
    with Client(node.implicit, careless(), "alpha.test") as client:
        assert client.shown() == new
    assert not session.take_up(node.implicit)  # it was another certificate's
    assert session.take_up(node.implicit)


def test_nodes_with_one_secret_share_sessions(node, ca, make_daemon, secure_so, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    secret.chmod(0o600)
    node.config["tls"] = {"ticket_secret": {"file": str(secret)}}
    other = make_daemon("other")
    shutil.copy(secure_so, other.modules / "secure.so")
    for part in ("tls", "certificates", "instances"):
        other.config[part] = node.config[part]
    port = free_port()
    other.config["listeners"] = {
        "elsewhere": {"address": [f"127.0.0.1:{port}"], "serve": "secure", "tls": "implicit"}
    }
    node.start()
    other.start()
    session = Session(ssl.TLSVersion.TLSv1_3, ca)
    assert not session.take_up(node.implicit)
    assert session.take_up(port)
    assert session.take_up(node.implicit)


def complaints(node):
    node.write()
    result = run(node.install.mansiod, "--check", "--config", node.path, check=False)
    assert result.returncode != 0
    return result.stderr


def test_what_is_wrong_with_certificates_is_told_with_its_place(node, ca, tmp_path):
    certificates = node.config["certificates"]
    good = dict(certificates["alpha"])
    for setting, value, text in (
        ("chain", str(tmp_path / "none.pem"), "No such file"),
        ("key", str(tmp_path / "none.key"), "No such file"),
        ("key", str(ca.directory / "beta.key"), "a key of another certificate"),
        ("chain", good["key"], "no PEM certificate"),
        ("key", good["chain"], "no PEM key"),
        ("chain", str(tmp_path), "no regular file"),
    ):
        certificates["alpha"] = {**good, setting: value}
        said = complaints(node)
        line = next(
            n
            for n, row in enumerate(node.path.read_text().splitlines(), 1)
            if row.strip() == f'{setting}: "{value}"'
        )
        assert f"mansio.yaml:{line}:" in said and f"certificates.alpha.{setting}: " in said, said
        assert text in said, said
    certificates["alpha"] = good
    listener = node.config["listeners"]["implicit"]
    listener["certificate"] = "gamma"
    assert 'listeners.implicit.certificate: found "gamma"' in complaints(node)
    del listener["certificate"]
    listener["client_ca"] = good["key"]
    assert "listeners.implicit.client_ca: " in complaints(node)
    del listener["client_ca"]
    listener["client_certificate"] = "require"
    assert "no client_ca" in complaints(node)
    del listener["client_certificate"]
    node.config["certificates"] = {}
    assert "there are no `certificates`" in complaints(node)


def test_a_bad_certificate_leaves_the_old_generation_in_service(node, ca):
    node.start()
    (ca.directory / "alpha.pem").write_text("-----BEGIN CERTIFICATE-----\nnone\n")
    result = node.ctl("reload", check=False)
    assert result.returncode != 0 and "certificates.alpha.chain" in result.stderr + result.stdout
    with Client(node.implicit, careless(), "mail.beta.test") as client:
        assert client.line() == "ready"


def test_expired_is_a_warning(node, ca):
    chain, key = ca.make("old", "old.test", days=-1)
    node.config["certificates"]["old"] = {"chain": str(chain), "key": str(key)}
    chain, key = ca.make("soon", "soon.test", days=3)
    node.config["certificates"]["soon"] = {"chain": str(chain), "key": str(key)}
    node.start()
    node.wait_log("event=certificate-expired")
    assert "certificate-expires-soon process=check" in node.log()
    assert "certificate=old" in node.log() and "certificate=soon" in node.log()


def test_streams_out(node, ca, tmp_path):
    """mansio_stream_start_tls(): what is trusted, what is refused and why."""
    node.start()
    stranger = Authority(tmp_path / "stranger", "Nobody's CA")
    where = f"127.0.0.1:{node.implicit}"
    with Client(node.plain) as client:
        assert client.line() == "ready"
        ask = lambda name, by: client.ask(f"client {where} {name} {by.path}")  # noqa: E731
        assert ask("mail.beta.test", ca) == "version=TLSv1.3|verified=1|name=mail.beta.test"
        assert ask("mail.beta.test", ca) == "version=TLSv1.3|verified=1|name=mail.beta.test"
        assert ask("nobody.test", ca).startswith("invalid: TLS: the peer's certificate: hostname")
        assert ask("mail.beta.test", stranger).startswith("invalid: TLS: the peer's certificate:")
        assert client.ask(f"client {where} mail.beta.test {tmp_path}/none").startswith("invalid:")
        assert ask("-", stranger) == "version=TLSv1.3|verified=0|name="
        assert client.ask(f"client 127.0.0.1:{node.plain} - -").startswith("invalid: TLS: ")


def test_much_both_ways(node, ca):
    """More than any buffer holds, while the peer doesn't read: nothing lost, nothing mixed."""
    node.start()
    with Client(node.implicit, context_for(ca), "alpha.test") as client:
        assert client.line() == "ready"
        count, text = 4000, "y" * 900
        block = (text + "\r\n").encode() * count
        client.socket.setblocking(False)
        sent, seen = 0, b""
        deadline = time.monotonic() + 60
        while len(seen) < count * (len(text) + 7) and time.monotonic() < deadline:
            try:
                if sent < len(block):
                    sent += client.socket.send(block[sent : sent + 65536])
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
            try:
                while sent * 2 > len(block):  # half of it with the server's output held up
                    seen += client.socket.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
        assert seen == f"said {text}\r\n".encode() * count


def test_sessions_list_tells_the_version(node, ca):
    node.start()
    with Client(node.implicit, context_for(ca), "alpha.test") as client, Client(node.plain) as bare:
        assert (client.line(), bare.line()) == ("ready", "ready")
        rows = {row["listener"]: row["tls"] for row in node.sessions()}
        assert rows == {"implicit": "TLSv1.3", "plain": ""}
