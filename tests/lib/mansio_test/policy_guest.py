"""A lab whose four services are governed, and guests: sessions that log in to one of them, stay, and
see how they are ended."""

import base64
import contextlib
import json
import select
import socket
import subprocess
import time

from .box import HOST
from .lab import PASSWORD
from .wait import until

SERVICES = ("imap", "pop3", "submission", "hello")
GOODBYES = {
    "imap": b"* BYE [ALERT]",
    "pop3": b"-ERR [SYS/PERM]",
    "submission": b"421 4.7.",
    "hello": b"Vale",
}
EXTRA = """
instances: {{hello: {{module: {module}}}}}
listeners:
  hello: {{address: ['{host}:{hello}'], serve: hello, plaintext_login: true}}
  clear-submission: {{address: ['{host}:{submission}'], serve: submission, plaintext_login: true}}
login: {{delay: 0s, failures_per_address: 0, failures_per_network: 0, failures_per_account: 0,
  failures_per_tenant: 0}}
limits: {{connections_per_address: 0, connections_per_network: 0}}
{more}
"""


def prepare(lab, hello_so, more=""):
    """Before up(): all four services also without TLS."""
    lab.policy_ports = {"hello": lab.free_port(), "submission": lab.free_port()}
    lab.node.extra = lab.directory / "extra.yaml"
    lab.node.extra.write_text(
        EXTRA.format(module=hello_so, host=HOST, more=more, **lab.policy_ports)
    )
    return lab


def port_of(lab, service, tls=False):
    if tls:
        return lab.port(service + "s")
    return lab.policy_ports.get(service) or lab.port(service)


class Guest:
    """A session from @source; .is_in says whether it was let in."""

    def __init__(
        self,
        lab,
        service,
        user="user1@alpha.test",
        password=PASSWORD,
        source=HOST,
        tls=False,
        mechanism=None,
        login=True,
        node=None,  # another one than the lab's own: imap and pop3 alone
    ):
        self.service, self.user, self.password = service, user, password
        self.socket = socket.create_connection(
            (node.host, node.ports[service]) if node else (HOST, port_of(lab, service, tls)),
            timeout=60,
            source_address=(source, 0),
        )
        if tls:
            self.socket = lab.trusted().wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.mechanism = mechanism
        self.line()
        self.is_in = self.login() if login else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    # ---- lines

    def line(self):
        return self.file.readline()

    def send(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def ask(self, text, tag=b""):
        """The line that begins so; "" at the end."""
        self.send(text)
        while True:
            line = self.line()
            if line == b"" or (line.startswith(tag) and line[3:4] != b"-"):
                return line.rstrip(b"\r\n")

    # ---- logging in

    def login(self):
        self.answer = getattr(self, "login_" + self.service)()
        good = {"imap": b"a OK", "pop3": b"+OK", "submission": b"235", "hello": b"Intra"}
        bad = {"imap": b"a NO", "pop3": b"-ERR", "submission": b"535", "hello": b"Non licet"}
        if self.answer.startswith(good[self.service]):
            return True
        assert self.answer.startswith(bad[self.service]), self.answer
        return False

    def plain(self):
        return base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()

    def login_imap(self):
        if self.mechanism == "PLAIN":
            return self.ask(f"a AUTHENTICATE PLAIN {self.plain()}", b"a ")
        return self.ask(f'a LOGIN {self.user} "{self.password}"', b"a ")

    def login_pop3(self):
        if self.mechanism == "PLAIN":
            return self.ask(f"AUTH PLAIN {self.plain()}")
        assert self.ask(f"USER {self.user}").startswith(b"+OK")
        return self.ask(f"PASS {self.password}")

    def login_submission(self):
        assert self.ask("EHLO client.example", b"250 ").startswith(b"250")
        return self.ask(f"AUTH PLAIN {self.plain()}")

    def login_hello(self):
        return self.ask(f"login {self.user} {self.password}")

    # ---- staying

    def works(self):
        """Whether it is answered as it should be."""
        command, begins = {
            "imap": ("b NOOP", b"b "),
            "pop3": ("NOOP", b""),
            "submission": ("NOOP", b""),
            "hello": ("salve", b""),
        }[self.service]
        wanted = {"imap": b"b OK", "pop3": b"+OK", "submission": b"250", "hello": b"salve"}
        return self.ask(command, begins).startswith(wanted[self.service])

    def has_heard(self):
        """Whether something has come that wasn't read yet; without TLS."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def ended(self, seconds):
        """When the server closed, and its last line. AssertionError if it didn't, or said another
        goodbye than policy's."""
        self.socket.settimeout(max(0.001, seconds))
        last = b""
        try:
            while True:
                line = self.file.readline()
                if line == b"":
                    break
                last = line
        except (TimeoutError, ConnectionResetError) as error:
            raise AssertionError(f"{self.service} of {self.user}: not ended: {error!r}") from error
        at = time.monotonic()
        assert last.startswith(GOODBYES[self.service]), f"{self.service} said {last!r}"
        return at


@contextlib.contextmanager
def guests(lab, *ways):
    """Guests that are all let in, if need be once a change before has come through. A way:
    arguments of Guest, (service, user) or a dict."""
    with contextlib.ExitStack() as stack:
        found = []
        for way in ways:
            way = way if isinstance(way, dict) else {"service": way[0], "user": way[1]}
            found.append(until(f"{way} is let in", lambda way=way: let_in(lab, way)))
            stack.enter_context(found[-1])
        yield found


def come(lab, **way):
    """A guest, let in or refused. A session before may hold the mailbox for a moment."""
    deadline = time.monotonic() + 60
    while True:
        guest = Guest(lab, **way)
        if not guest.answer.startswith(b"-ERR [IN-USE]") or time.monotonic() > deadline:
            return guest
        guest.close()
        time.sleep(0.05)


def let_in(lab, way):
    guest = come(lab, **way)
    if guest.is_in:
        return guest
    guest.close()
    return None


def is_let_in(lab, service, user="user1@alpha.test", **way):
    """Whether a new session would be, whatever becomes of it."""
    with come(lab, service=service, user=user, **way) as guest:
        return guest.is_in


class Batch:
    """mansioctl batch, fed line by line: say() gives the time before and after a change."""

    MARK = "--json platform show"

    def __init__(self, lab):
        self.process = subprocess.Popen(
            [str(lab.node.ctl), "batch", "--keep-going"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.wait()  # it is connected

    def wait(self):
        return self.ask(self.MARK)

    def ask(self, line):
        """What a command with --json tells."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        text = ""
        while True:
            line = self.process.stdout.readline()
            assert line, f"mansioctl ended: {self.process.stderr.read()}"
            text += line
            if line.rstrip().endswith(("}", "]")):
                with contextlib.suppress(ValueError):  # it goes on
                    return json.loads(text)

    def say(self, line):
        before = time.monotonic()
        self.process.stdin.write(line + "\n")
        self.wait()
        return before, time.monotonic()

    def close(self):
        """What it complained of is an error."""
        self.process.stdin.close()
        said = self.process.stderr.read()
        self.process.wait(30)
        assert not said and self.process.returncode == 0, said

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.process.kill()
            self.process.wait(30)
