"""SMTP and LMTP step by step, and a daemon whose store is a directory of files."""

import pathlib
import socket

from .install import SOURCE
from .wait import until

MODULES = SOURCE / "tests/proto/modules"


class Reply:
    """A reply: its code, and the lines' words behind code and separator."""

    def __init__(self, code, lines):
        self.code = code
        self.lines = lines

    @property
    def text(self):
        return self.lines[-1]

    @property
    def status(self):
        """The enhanced code: "5.1.1"."""
        return self.text.split(" ")[0]

    def __repr__(self):
        return f"{self.code} {self.lines}"


class Client:
    """A blocking client with a deadline on every step."""

    def __init__(self, port, host="127.0.0.1", greeting=True, timeout=60):
        if isinstance(port, (str, pathlib.Path)):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(str(port))
        else:
            self.socket = socket.create_connection((host, port), timeout)
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply() if greeting else None

    def reply(self):
        """The next reply; None at the end of the stream."""
        lines, code = [], None
        while True:
            raw = self.file.readline(65536)
            if raw == b"" and not lines:
                return None
            assert raw.endswith(b"\r\n"), f"cut in mid-line: {raw!r}"
            assert len(raw) <= 512, "RFC 5321 4.5.3.1.5"
            assert raw[:3].isdigit() and raw[3:4] in b" -", f"no reply: {raw!r}"
            assert code in (None, int(raw[:3])), f"codes differ within a reply: {raw!r}"
            code = int(raw[:3])
            lines.append(raw[4:-2].decode())
            if raw[3:4] == b" ":
                return Reply(code, lines)

    def replies(self, count):
        return [self.reply() for _ in range(count)]

    def codes(self, count):
        return [reply.code for reply in self.replies(count)]

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def ask(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def expect(self, line, code, status=None):
        reply = self.ask(line)
        assert reply is not None and reply.code == code, f"{line!r} gave {reply}"
        if status is not None:
            assert reply.status == status, f"{line!r} gave {reply}"
        return reply

    def hello(self, verb="EHLO", name="client.example"):
        return self.expect(f"{verb} {name}", 250)

    def envelope(self, *to, sender="sender@example.org", params=""):
        """MAIL and RCPTs, all accepted."""
        self.expect(f"MAIL FROM:<{sender}>{params}", 250, "2.1.0")
        for address in to or ("user1@alpha.test",):
            self.expect(f"RCPT TO:<{address}>", 250, "2.1.5")

    def data(self, text):
        """DATA with its text, dots doubled here; the first reply to it."""
        self.expect("DATA", 354)
        data = text if isinstance(text, bytes) else text.encode()
        data = data.replace(b"\r\n.", b"\r\n..")
        self.send((b"." if data.startswith(b".") else b"") + data + b".\r\n")
        return self.reply()

    def is_ended(self):
        """Whether the server closes now, with nothing more to say."""
        return self.file.read(1) == b""

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Delivered:
    """A file of tests/proto/modules/catcher.c."""

    def __init__(self, path):
        facts, _, self.bytes = path.read_bytes().partition(b"\n")
        self.facts = dict(pair.split("=", 1) for pair in facts.decode().split(" "))
        self.account = int(self.facts["account"])

    def field(self, name):
        """A field of our prefix or the message's header, unfolded; the first of that name."""
        return self.fields(name)[0]

    def fields(self, name):
        header = self.bytes.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ")
        header = header.replace(b"\r\n ", b" ").decode()
        wanted = name.lower() + ":"
        return [
            line[len(wanted) :].strip()
            for line in header.split("\r\n")
            if line.lower().startswith(wanted)
        ]


class Post:
    """A daemon with listeners for SMTP and LMTP before the catcher."""

    def __init__(self, daemon, install):
        self.daemon = daemon
        self.files = daemon.directory / "delivered"
        self.files.mkdir()
        self.lmtp_socket = daemon.directory / "lmtp.sock"
        for name in ("catcher", "sifter"):
            install.build_module(daemon.modules / f"{name}.so", [MODULES / f"{name}.c"])
        daemon.config["module_path"].append(str(install.prefix / "lib/mansio"))
        daemon.config["directory"] = "catcher"
        self.instance("catcher", files=str(self.files), second="second")
        self.instance("second", module="catcher", files=str(self.files))
        self.instance("sifter")
        self.mx = daemon.add("mx", module="smtp", port=daemon.port, hostname="mx.alpha.test")
        self.lmtp = daemon.add("lmtp", module="smtp", mode="lmtp", hostname="mx.alpha.test")
        daemon.config["listeners"]["lmtp"]["address"].append(f"unix:{self.lmtp_socket}")

    def instance(self, name, module=None, **settings):
        made = {"module": module or name, "settings": settings}
        self.daemon.config["instances"][name] = made

    def set(self, **settings):
        """Settings of both listeners."""
        for name in ("mx", "lmtp"):
            self.daemon.config["instances"][name]["settings"].update(settings)
        return self

    def with_filters(self, **settings):
        return self.set(filters=["sifter"], **settings)

    def with_submission(self, **settings):
        """A third listener, that takes passwords in the clear."""
        self.instance("passwords", module="auth-password")
        self.submission = self.daemon.add("submission", module="smtp", mode="submission", **settings)
        self.daemon.config["listeners"]["submission"]["plaintext_login"] = True
        return self

    def start(self):
        self.daemon.start()
        return self

    def client(self, mode="mx", hello=True, **more):
        client = Client(self.mx if mode == "mx" else self.lmtp, **more)
        if hello:
            client.hello("EHLO" if mode == "mx" else "LHLO")
        return client

    def delivered(self):
        """What was delivered so far, oldest first."""
        names = sorted(p for p in self.files.iterdir() if p.suffix != ".new" and p.name != "go")
        return [Delivered(path) for path in names]

    def take(self):
        """As delivered(), and forget it."""
        made = self.delivered()
        for path in self.files.iterdir():
            path.unlink()
        return made

    def wait_delivered(self, count):
        return until(f"{count} delivered", lambda: len(self.delivered()) >= count and self.delivered())
