"""Logging in, as a client and an administrator see it: with the memory directory and auth-password."""

import base64
import hashlib
import hmac
import pathlib
import shutil
import ssl
import sys

import pytest
from mansio_test.hello import Client
from mansio_test.wait import until

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "packaging/local"))

from mansio_local.certificates import make_authority, make_certificate  # noqa: E402

PASSWORD = "correct-horse"
SALT = b"sixteen bytes 16"
ROUNDS = 4096


def b64(data):
    return base64.b64encode(data).decode()


def mac(key, text):
    return hmac.digest(key, text, "sha256")


def keys_of(password):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, ROUNDS)
    client = mac(salted, b"Client Key")
    return client, hashlib.sha256(client).digest(), mac(salted, b"Server Key")


def stored_form():
    _, stored, server = keys_of(PASSWORD)
    return f"{{SCRAM-SHA-256}}{ROUNDS},{b64(SALT)},{b64(stored)},{b64(server)}"


class Porter(Client):
    """With TLS under a server's name, if one is given."""

    def __init__(self, port, authority=None, name=None):
        super().__init__(port)
        if name:
            assert self.ask("TLS") == "ok"
            context = ssl.create_default_context(cafile=authority)
            self.file.close()
            self.socket = context.wrap_socket(self.socket, server_hostname=name)
            self.file = self.socket.makefile("rb")

    def login(self, name, password=PASSWORD):
        return self.ask(f"LOGIN {name} {password}")

    def challenge(self):
        line = self.line()
        return base64.b64decode(line[2:]) if line.startswith("+ ") else line

    def plain(self, name, password=PASSWORD, authzid=""):
        return self.ask("AUTH PLAIN " + b64(f"{authzid}\0{name}\0{password}".encode()))

    def scram(self, name, password=PASSWORD, bound=None, flag="n"):
        """RFC 5802, written a second time. Returns the end, and whether the server proved itself."""
        header = f"{flag},,".encode()
        plus = "-PLUS" if flag.startswith("p=") else ""
        bare = f"n={name},r=clientnonce".encode()
        self.send(f"AUTH SCRAM-SHA-256{plus} {b64(header + bare)}")
        first = self.challenge()
        if isinstance(first, str):
            return first, False
        nonce, salt, rounds = (field[2:] for field in first.decode().split(",", 2))
        assert nonce.startswith("clientnonce") and len(nonce) > 30
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
        client = mac(salted, b"Client Key")
        without = f"c={b64(header + (bound or b''))},r={nonce}".encode()
        text = bare + b"," + first + b"," + without
        signature = mac(hashlib.sha256(client).digest(), text)
        proof = bytes(x ^ y for x, y in zip(client, signature))
        self.send(b64(without + b",p=" + b64(proof).encode()))
        last = self.challenge()
        if isinstance(last, str):
            return last, False
        proved = last == b"v=" + b64(mac(mac(salted, b"Server Key"), text)).encode()
        return self.ask(""), proved


@pytest.fixture
def porter(make_daemon, install, tmp_path):
    """A worker, as what is stored is a process's own."""
    daemon = make_daemon(workers=1)
    install.build_module(daemon.modules / "porter.so", [HERE / "modules/porter.c"])
    shutil.copy(install.build / "tests/modules/store-memory.so", daemon.modules)
    daemon.config["module_path"].append(str(install.prefix / "lib/mansio"))
    daemon.config["instances"]["memory"] = {"module": "store-memory", "settings": {}}
    daemon.config["instances"]["passwords"] = {"module": "auth-password", "settings": {}}
    daemon.config["login"] = {"delay": "0us"}
    daemon.port = daemon.add("porter", "porter")
    daemon.config["listeners"]["porter"]["plaintext_login"] = True
    return daemon


@pytest.fixture
def secure(porter, tmp_path):
    """With TLS, and keys for SCRAM."""
    porter.authority = make_authority(tmp_path / "ca")
    chain, key = make_certificate(tmp_path / "ca", "server", ["mail.alpha.test", "beta.test"])
    porter.config["certificates"] = {"main": {"chain": str(chain), "key": str(key)}}
    porter.config["listeners"]["porter"]["tls"] = "starttls"
    porter.config["listeners"]["porter"]["plaintext_login"] = False
    porter.config["instances"]["memory"]["settings"]["stored"] = stored_form()
    porter.der = ssl.PEM_cert_to_DER_cert(
        pathlib.Path(chain).read_text().split("-----END")[0] + "-----END CERTIFICATE-----\n"
    )
    return porter


def test_passwords(porter):
    porter.start()
    with Porter(porter.port) as one:
        assert one.ask("MECHS") == "mechs PLAIN LOGIN"
        assert one.ask("WHO") == "nobody"
        assert one.login("user1@alpha.test", "wrong") == "denied"
        assert one.login("nobody@alpha.test") == "denied"
        assert one.login("user1@elsewhere.test") == "denied"
        assert one.login("User1@Alpha.TEST") == "ok"
        assert one.ask("WHO") == "user1@alpha.test alpha"
        assert one.login("user1@alpha.test") == "bug"
    with Porter(porter.port) as two:
        assert two.plain("user2@beta.test", authzid="user1@beta.test") == "denied"
        assert two.plain("user2@beta.test", authzid="USER2@beta.test") == "ok"
        assert two.ask("WHO") == "user2@beta.test beta"
    with Porter(porter.port) as three:
        three.send("AUTH LOGIN")
        assert three.challenge() == b"Username:"
        three.send(b64(b"user3@beta.test"))
        assert three.challenge() == b"Password:"
        assert three.ask(b64(PASSWORD.encode())) == "ok"
    log = porter.log()
    assert log.count("event=login-ok") == 3 and log.count("event=login-failed") == 4
    assert PASSWORD not in log and "wrong" not in log
    assert "mechanism=LOGIN account=user3@beta.test tenant=beta" in log
    assert porter.metric("mansio_core_logins_total", outcome="ok") == 3
    assert porter.metric("mansio_core_logins_total", outcome="denied") == 4


def test_none_in_the_clear(porter):
    porter.config["listeners"]["porter"]["plaintext_login"] = False
    porter.start()
    with Porter(porter.port) as one:
        assert one.ask("MECHS") == "mechs"
        assert one.login("user1@alpha.test") == "unsupported"
        assert one.plain("user1@alpha.test") == "unsupported"


def test_throttled_on_all_workers_and_by_live_settings(porter):
    porter.config["login"] = {"delay": "0us", "failures_per_address": 3, "failures_per_account": 0}
    porter.config["workers"] = 2
    porter.start()
    answers = []
    for _ in range(5):
        with Porter(porter.port) as one:
            answers.append(one.login("user1@alpha.test", "wrong"))
    assert answers == ["denied"] * 3 + ["limit"] * 2
    with Porter(porter.port) as one:
        assert one.login("user1@alpha.test") == "limit"
        porter.config["login"]["failures_per_address"] = 0
        porter.write()
        assert porter.ask("reload")["outcome"] == "live"
        assert one.login("user1@alpha.test") == "ok"


def test_sessions_by_account(porter):
    porter.start()
    with Porter(porter.port) as one, Porter(porter.port) as two, Porter(porter.port) as three:
        assert one.login("user1@alpha.test") == two.login("user1@alpha.test") == "ok"
        assert three.login("user2@alpha.test") == "ok"
        rows = {row["peer"]: row for row in porter.sessions()}
        assert (rows[one.local]["account"], rows[one.local]["tenant"]) == ("user1@alpha.test", "alpha")
        assert len(porter.sessions("--account", "user1@alpha.test")) == 2
        assert "user2@alpha.test  alpha" in porter.ctl("sessions", "list").stdout
        assert porter.ctl("sessions", "kill", "nobody@alpha.test", check=False).returncode == 5
        porter.ctl("sessions", "kill", "user1@alpha.test")
        assert one.line() == two.line() == "bye 2"
        assert three.ask("WHO") == "user2@alpha.test alpha"
        until("both are gone", lambda: len(porter.sessions()) == 1)


def test_scram(secure):
    secure.start()
    with Porter(secure.port, secure.authority, "mail.alpha.test") as one:
        assert one.ask("MECHS") == "mechs SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"
        assert one.scram("user1@alpha.test", "wrong") == ("denied", False)
        assert one.scram("nobody@alpha.test") == ("denied", False)
        # It could bind, and was told by somebody that we can't.
        assert one.scram("user1@alpha.test", flag="y") == ("denied", False)
        assert one.scram("user1@alpha.test") == ("ok", True)
        assert one.ask("WHO") == "user1@alpha.test alpha"
    with Porter(secure.port, secure.authority, "mail.alpha.test") as two:
        data = hashlib.sha256(secure.der).digest()  # RFC 5929 4.1, for a certificate signed so
        flag = "p=tls-server-end-point"
        assert two.scram("user2", flag=flag, bound=b"x" * 32) == ("denied", False)
        assert two.scram("user2", flag=flag, bound=data) == ("ok", True)
        assert two.ask("WHO") == "user2@alpha.test alpha"  # the tenant that SNI names
    with Porter(secure.port, secure.authority, "beta.test") as three:
        assert three.login("user2") == "ok"
        assert three.ask("WHO") == "user2@beta.test beta"


def test_scram_without_tls(secure):
    secure.start()
    with Porter(secure.port) as one:
        assert one.ask("MECHS") == "mechs SCRAM-SHA-256"
        assert one.scram("user1@alpha.test", flag="y") == ("ok", True)


def test_mechanisms_of_a_listener(secure):
    secure.config["listeners"]["porter"]["mechanisms"] = ["SCRAM-SHA-256-PLUS", "scram-sha-256"]
    secure.start()
    with Porter(secure.port, secure.authority, "beta.test") as one:
        assert one.ask("MECHS") == "mechs SCRAM-SHA-256-PLUS SCRAM-SHA-256"
        assert one.login("user1@alpha.test") == "unsupported"
        assert one.plain("user1@alpha.test") == "unsupported"
        assert one.scram("user1@beta.test") == ("ok", True)


def test_what_the_configuration_names_must_be_there(porter):
    porter.start()
    porter.config["directory"] = "passwords"
    porter.write()
    result = porter.ctl("reload", check=False)
    assert result.returncode != 0
    assert "wanted an instance passwords that offers directory, found directory/1 of memory" in (
        result.stdout + result.stderr
    )
    porter.config["directory"] = "memory"
    porter.config["login"]["auth"] = ["memory"]
    porter.write()
    result = porter.ctl("reload", check=False)
    assert "login.auth: wanted an instance memory that offers auth" in result.stdout + result.stderr
    with Porter(porter.port) as one:
        assert one.login("user1@alpha.test") == "ok"
