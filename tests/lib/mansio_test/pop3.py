"""POP3 for tests: boxes to read (a daemon over a store), and a dialogue byte by byte."""

import base64
import hashlib
import hmac
import os
import socket

from . import box
from .box import HOST
from .lab import PASSWORD


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


class Box(box.Box):
    """Ports `pop3` (passwords without TLS, STLS), `strict` (STLS first) and `pop3s`."""

    def dialogue(self, port="pop3"):
        return Dialogue(self.ports[port], self.trusted() if port == "pop3s" else None)


def memory_box(daemon, stored=None, **settings):
    return box.memory_box(daemon, Box, "pop3", stored, **settings)


def lab_box(lab, install):
    return box.lab_box(lab, install, Box, "pop3")
