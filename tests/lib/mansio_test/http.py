"""HTTP for tests: a daemon with the handler http-echo, and a connection byte by byte."""

import base64
import socket

from . import box
from .box import HOST
from .lab import PASSWORD


class Answer:
    def __init__(self, status, fields, body, head):
        self.status = status
        self.fields = fields  # lower-case names
        self.body = body
        self.head = head

    def echo(self):
        """What http-echo was asked, as a dictionary; the body behind it as "content"."""
        assert self.status == 200, (self.status, self.body)
        told = {}
        rest = self.body
        while "body" not in told:
            line, _, rest = rest.partition(b"\n")
            key, _, value = line.decode().partition("=")
            told[key] = value
        told["content"] = rest
        return told


class Connection:
    """Bytes as they come, answers as RFC 9112 frames them."""

    def __init__(self, port=None, tls=None, path=None):
        if path is None:
            self.socket = socket.create_connection((HOST, port), timeout=60)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(60)
            self.socket.connect(str(path))
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self, method="GET"):
        """The next answer; None if the server closed instead."""
        first = self.file.readline()
        if not first:
            return None
        version, status, _ = first.decode().split(" ", 2)
        assert version == "HTTP/1.1" and first.endswith(b"\r\n"), first
        fields, head = {}, first
        while (line := self.file.readline()) != b"\r\n":
            assert line.endswith(b"\r\n"), line
            head += line
            name, _, value = line.decode().partition(":")
            assert name.lower() not in fields, f"{name} twice"
            fields[name.lower()] = value.strip()
        status = int(status)
        has_body = method != "HEAD" and status >= 200 and status not in (204, 304)
        length = int(fields["content-length"]) if has_body else 0
        body = self.file.read(length)
        assert len(body) == length
        assert status < 200 or "date" in fields
        return Answer(status, fields, body, head)

    def ask(self, data, method="GET"):
        self.send(data)
        return self.answer(method)

    def get(self, path, *fields, method="GET", body=b"", host="localhost"):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.ask("\r\n".join([*lines, "", ""]).encode() + body, method)

    def is_closed(self):
        """Nothing more comes: neither an answer nor another byte."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


def basic(user, password=PASSWORD):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Box(box.Box):
    """Ports `http` (passwords without TLS), `strict` (only with) and `https`."""

    def connection(self, port="http"):
        return Connection(self.ports[port], self.trusted() if port == "https" else None)


def memory_box(daemon, **settings):
    return box.memory_box(daemon, Box, "http", modules=("http-echo",), **settings)
