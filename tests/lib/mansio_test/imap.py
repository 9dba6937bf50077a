"""IMAP for tests: boxes to read (a daemon over a store), and a dialogue byte by byte."""

import base64
import hashlib
import hmac
import os
import re
import socket

from . import box
from .box import HOST
from .lab import PASSWORD

LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


class Dialogue:
    """A connection. A reply is its line with the literals in it, as bytes, without the last CRLF.
    Greeted unless told otherwise."""

    def __init__(self, port, tls=None):
        self.socket = socket.create_connection((HOST, port), timeout=60)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.tags = 0
        self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        text = b""
        while True:
            line = self.file.readline()
            assert line.endswith(b"\r\n"), f"the server closed: {text + line!r}"
            text += line
            literal = LITERAL.search(line)
            if not literal:
                return text[:-2]
            text += self.file.read(int(literal[1]))

    def is_closed(self):
        return self.file.read(1) == b""

    def begin(self, command):
        """Send a command; its tag."""
        self.tags += 1
        tag = b"t%d" % self.tags
        self.send(
            tag + b" " + (command.encode() if isinstance(command, str) else command) + b"\r\n"
        )
        return tag

    def finish(self, tag):
        """The tagged reply without its tag, and what came untagged before it."""
        untagged = []
        while True:
            reply = self.reply()
            if reply.startswith(tag + b" "):
                return reply[len(tag) + 1 :], untagged
            assert reply.startswith(b"* "), reply
            untagged.append(reply[2:])

    def ask(self, command):
        return self.finish(self.begin(command))

    def _expect(self, status, command):
        end, untagged = self.ask(command)
        assert end.startswith(status + b" "), f"{command!r}: {end!r}"
        return end, untagged

    def ok(self, command):
        """What came untagged."""
        return self._expect(b"OK", command)[1]

    def no(self, command):
        """The words of the refusal."""
        return self._expect(b"NO", command)[0]

    def bad(self, command):
        return self._expect(b"BAD", command)[0]

    def goes_on(self, command):
        """Send what ends in a literal, or asks to go on; the tag. The server wants more."""
        tag = self.begin(command)
        reply = self.reply()
        assert reply.startswith(b"+ "), reply
        return tag

    def login(self, user, password=PASSWORD):
        return self.ok(f'LOGIN {user} "{password}"')

    def capabilities(self):
        (line,) = self.ok("CAPABILITY")
        assert line.startswith(b"CAPABILITY "), line
        return line.decode().split()[1:]

    def start_tls(self, context):
        self.ok("STARTTLS")
        self.wrap(context)

    def wrap(self, context):
        self.file.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")


def _base64(data):
    return base64.b64encode(data)


def scram(dialogue, user, password, initial=True, binding=None):
    """AUTHENTICATE SCRAM-SHA-256 (RFC 7677), the server's signature checked; the tagged reply.
    @binding: data of tls-server-end-point (RFC 5929 4), for SCRAM-SHA-256-PLUS."""
    header, name = b"n,,", b"SCRAM-SHA-256"
    if binding is not None:
        header, name = b"p=tls-server-end-point,,", b"SCRAM-SHA-256-PLUS"
    bare = f"n={user},r={base64.b64encode(os.urandom(12)).decode()}".encode()
    first = _base64(header + bare)
    if initial:
        tag = dialogue.begin(b"AUTHENTICATE " + name + b" " + first)
    else:
        tag = dialogue.begin(b"AUTHENTICATE " + name)
        assert dialogue.reply() == b"+ "
        dialogue.send(first + b"\r\n")
    answer = dialogue.reply()
    if not answer.startswith(b"+ "):
        return answer[len(tag) + 1 :]
    server_first = base64.b64decode(answer[2:])
    parts = dict(part.split(b"=", 1) for part in server_first.split(b","))
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), base64.b64decode(parts[b"s"]), int(parts[b"i"])
    )
    final = b"c=" + _base64(header + (binding or b"")) + b",r=" + parts[b"r"]
    message = b",".join([bare, server_first, final])

    def sign(key, data):
        return hmac.new(key, data, hashlib.sha256).digest()

    client_key = sign(salted, b"Client Key")
    proof = bytes(
        a ^ b
        for a, b in zip(client_key, sign(hashlib.sha256(client_key).digest(), message), strict=True)
    )
    dialogue.send(_base64(final + b",p=" + _base64(proof)) + b"\r\n")
    answer = dialogue.reply()
    if not answer.startswith(b"+ "):
        return answer[len(tag) + 1 :]
    verifier = _base64(sign(sign(salted, b"Server Key"), message))
    assert base64.b64decode(answer[2:]) == b"v=" + verifier
    dialogue.send(b"\r\n")
    return dialogue.finish(tag)[0]


class Box(box.Box):
    """Ports `imap` (passwords without TLS, STARTTLS), `strict` (STARTTLS first) and `imaps`."""

    def dialogue(self, port="imap"):
        return Dialogue(self.ports[port], self.trusted() if port == "imaps" else None)


def memory_box(daemon, stored=None, **settings):
    return box.memory_box(daemon, Box, "imap", stored, **settings)


def lab_box(lab, install):
    return box.lab_box(lab, install, Box, "imap")
