"""POP3 for tests: boxes to read (a daemon over a store), and a dialogue byte by byte."""

import base64
import hashlib
import hmac
import os
import shutil
import socket
import ssl
import sys

from .daemon import free_port
from .install import SOURCE
from .lab import PASSWORD

sys.path.insert(0, str(SOURCE / "packaging" / "local"))
from mansio_local.certificates import make_authority, make_certificate  # noqa: E402
from mansio_local.people import scram_stored  # noqa: E402

HOST = "127.0.0.1"


class Dialogue:
    """A connection, lines as they come. Greeted unless told otherwise."""

    def __init__(self, port, tls=None):
        self.socket = socket.create_connection((HOST, port), timeout=60)
        self.tls = tls
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), f"the server closed: {line!r}"
        return line[:-2].decode("utf-8", "replace")

    def is_closed(self):
        return self.file.read(1) == b""

    def ask(self, command):
        self.send(command.encode() + b"\r\n")
        return self.line()

    def ok(self, command):
        answer = self.ask(command)
        assert answer.startswith("+OK"), f"{command}: {answer}"
        return answer

    def err(self, command):
        answer = self.ask(command)
        assert answer.startswith("-ERR"), f"{command}: {answer}"
        return answer

    def raw(self):
        """A multi-line answer's bytes, stuffing undone, without the final dot."""
        lines = []
        while True:
            line = self.file.readline()
            assert line.endswith(b"\r\n"), f"the server closed: {line!r}"
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def list(self, command):
        self.ok(command)
        return self.raw().decode().splitlines()

    def retr(self, number):
        self.ok(f"RETR {number}")
        return self.raw()

    def login(self, user, password=PASSWORD):
        self.ok(f"USER {user}")
        return self.ok(f"PASS {password}")

    def capabilities(self):
        return {line.split(" ")[0]: line.split(" ")[1:] for line in self.list("CAPA")}

    def start_tls(self, context):
        self.ok("STLS")
        self.file.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")


def scram(dialogue, user, password, initial=True):
    """AUTH SCRAM-SHA-256 (RFC 7677), the server's signature checked; returns the last line."""
    bare = f"n={user},r={base64.b64encode(os.urandom(12)).decode()}"
    first = base64.b64encode(f"n,,{bare}".encode()).decode()
    if initial:
        answer = dialogue.ask(f"AUTH SCRAM-SHA-256 {first}")
    else:
        assert dialogue.ask("AUTH SCRAM-SHA-256") == "+ "
        answer = dialogue.ask(first)
    if not answer.startswith("+ "):
        return answer
    server_first = base64.b64decode(answer[2:]).decode()
    parts = dict(part.split("=", 1) for part in server_first.split(","))
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), base64.b64decode(parts["s"]), int(parts["i"])
    )
    final = f"c=biws,r={parts['r']}"
    message = f"{bare},{server_first},{final}".encode()

    def sign(key, data):
        return hmac.new(key, data, hashlib.sha256).digest()

    client_key = sign(salted, b"Client Key")
    proof = bytes(
        a ^ b
        for a, b in zip(client_key, sign(hashlib.sha256(client_key).digest(), message), strict=True)
    )
    answer = dialogue.ask(
        base64.b64encode(f"{final},p={base64.b64encode(proof).decode()}".encode()).decode()
    )
    if not answer.startswith("+ "):
        return answer
    verifier = base64.b64encode(sign(sign(salted, b"Server Key"), message)).decode()
    assert base64.b64decode(answer[2:]).decode() == f"v={verifier}"
    return dialogue.ask("")


class Box:
    """Where mail is read: ports `pop3` (passwords without TLS, STLS), `strict` (STLS first) and
    `pop3s`; load() puts bytes into a mailbox as they are."""

    def __init__(self, ports, authority, log):
        self.ports = ports
        self.authority = authority
        self.log = log
        self.users = 0

    def dialogue(self, port="pop3"):
        return Dialogue(self.ports[port], self.trusted() if port == "pop3s" else None)

    def trusted(self):
        return ssl.create_default_context(cafile=str(self.authority))

    def user(self, *messages):
        """A user whose mailbox holds these and nothing else."""
        self.users += 1
        name = f"user{self.users}@alpha.test"
        for message in messages:
            self.load(name, message)
        return name

    def load(self, user, message):
        with socket.create_connection((HOST, self.ports["loader"]), timeout=60) as loader:
            loader.sendall(f"DELIVER {user} {len(message)}\r\n".encode() + message)
            answer = loader.makefile("rb").readline()
        assert answer.startswith(b"OK"), answer


def _listener(port, serve, **more):
    return {"address": [f"{HOST}:{port}"], "serve": serve, **more}


def memory_box(daemon, stored=None, **settings):
    """Over the store in memory, which lives in one worker."""
    build = daemon.install.build / "tests" / "modules"
    for name in ("store-memory", "store-loader"):
        shutil.copy(build / f"{name}.so", daemon.modules / f"{name}.so")
    tls = daemon.directory / "tls"
    authority = make_authority(tls)
    certificate, key = make_certificate(tls, "server", ["localhost", HOST])
    ports = {name: free_port() for name in ("pop3", "strict", "pop3s", "loader")}
    config = daemon.config
    config["workers"] = 1
    config["module_path"].append(str(daemon.install.prefix / "lib" / "mansio"))
    config["certificates"] = {"server": {"chain": str(certificate), "key": str(key)}}
    config["login"] = {"delay": "0s", "failures_per_address": 0}
    config["instances"] = {
        "memory": {
            "module": "store-memory",
            "settings": {"stored": stored or scram_stored(PASSWORD)},
        },
        "auth": {"module": "auth-password"},
        "loader": {"module": "store-loader"},
        "pop3": {"module": "pop3", "settings": settings},
    }
    config["listeners"] = {
        "pop3": _listener(ports["pop3"], "pop3", tls="starttls", plaintext_login=True),
        "strict": _listener(ports["strict"], "pop3", tls="starttls"),
        "pop3s": _listener(ports["pop3s"], "pop3", tls="implicit"),
        "loader": _listener(ports["loader"], "loader"),
    }
    daemon.start()
    return Box(ports, authority, daemon.log)


def lab_box(lab, install):
    """Over PostgreSQL. The lab is not up yet."""
    ports = {name: lab.free_port() for name in ("strict", "loader")}
    module = install.build / "tests" / "modules" / "store-loader.so"
    extra = lab.directory / "extra.yaml"
    extra.write_text(
        f"instances: {{loader: {{module: {module}}}}}\n"
        "listeners:\n"
        f"  loader: {{address: ['{HOST}:{ports['loader']}'], serve: loader}}\n"
        f"  strict: {{address: ['{HOST}:{ports['strict']}'], serve: pop3, tls: starttls}}\n"
        "login: {delay: 0s, failures_per_address: 0}\n"
    )
    lab.node.extra = extra
    lab.up()
    ports.update({name: lab.port(name) for name in ("pop3", "pop3s")})
    return Box(ports, lab.directory / "tls" / "ca.pem", lab.log)
