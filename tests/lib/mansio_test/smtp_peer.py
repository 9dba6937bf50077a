"""SMTP servers of the world outside, which behave as a test tells them.

    with Peer() as peer:                           # on a loopback address of its own, port 25
        peer.say("rcpt", "550 5.1.1 no such user", to="nobody@example.test")
        peer.say("rcpt", "451 4.7.1 later", once_each=True)      # greylisting
        peer.say("data", RESET, times=3)                         # hang up, three times
        ... send ...
        peer.messages[0].recipients, peer.messages[0].data

A step is where something is said: "connect", the name of a command in lower case, "body" for what
follows the data, and "halfway", for RESET in the midst of them. At "text" a reply is said to what
came before the final dot, and the connection reset; at "after", RESET follows the reply to the dot;
"tls" is what comes of a handshake that went well. An answer is a reply's text (lines
separated by LF; "{rcpt}" is the recipient) or one of RESET, CLOSE, STALL and, at "body", LOSE: the
message is taken, and the reply never comes. Of several that fit the one said last holds. `messages`
has what was taken, `sessions` what was said.
"""

import base64
import dataclasses
import itertools
import random
import socket
import ssl
import struct
import threading

RESET, CLOSE, STALL, LOSE = "RESET", "CLOSE", "STALL", "LOSE"
GARBAGE = "GARBAGE"  # instead of a handshake, at "starttls"

EXTENSIONS = {
    "PIPELINING": "", "SIZE": "10485760", "8BITMIME": "", "ENHANCEDSTATUSCODES": "",
    "SMTPUTF8": "", "DSN": "",
}  # fmt: skip


@dataclasses.dataclass
class Message:
    """One that was taken."""

    sender: str
    sender_parameters: list
    recipients: list  # those of which a 250 was said
    recipient_parameters: list  # one list for each
    data: bytes  # dots undone
    hello: str
    tls: object  # "TLSv1.3"; None: in the clear
    user: object  # who logged in; None
    number: int  # of the session


@dataclasses.dataclass
class Rule:
    step: str
    answer: str
    to: object = None  # a recipient, "@domain", or None for all
    sender: object = None
    times: object = None  # how often; None: always
    once_each: bool = False  # once for each sender and recipient
    seen: set = dataclasses.field(default_factory=set)

    def fits(self, step, sender, recipients):
        if self.step != step or self.times == 0:
            return False
        if self.sender is not None and sender != self.sender:
            return False
        if self.to is None:
            return True
        wanted = self.to.lower()
        return any(r.lower() == wanted or (wanted[0] == "@" and r.lower().endswith(wanted))
                   for r in recipients)  # fmt: skip


class Gone(Exception):
    """The conversation is over."""


def loopback_address():
    """One of 16 million, so that no two tests meet."""
    return "127.{}.{}.{}".format(*(random.randrange(1, 255) for _ in range(3)))


class Peer:
    def __init__(self, host=None, port=25, name="mx.peer.test", tls=None, users=None,
                 extensions=None, accepting=True):  # fmt: skip
        """@tls: (chain, key) to offer STARTTLS with. @users: {name: password} to offer AUTH with,
        and to demand it. @extensions: instead of EXTENSIONS. @accepting: False: nobody listens."""
        self.name = name
        self.tls = tls
        self.users = users
        self.extensions = dict(EXTENSIONS if extensions is None else extensions)
        self.esmtp = True
        self.timeout = 60
        self.lock = threading.Lock()
        self.rules = []
        self.messages = []
        self.sessions = []  # lists of command lines, "(TLS)" where a handshake was done
        self.violations = []  # what a client must not do
        self.stalled = threading.Event()  # set: those who stall go on
        self.numbers = itertools.count()
        self.open = set()
        self.host, self.port, self.listener = host, port, None
        if accepting:
            self.listen()

    def listen(self):
        for _ in range(50):
            host = self.host or loopback_address()
            try:
                self.listener = socket.create_server((host, self.port), backlog=128)
                break
            except OSError:
                if self.host:
                    raise
        self.host, self.port = self.listener.getsockname()[:2]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
        return self

    # ---- what it does

    def say(self, step, answer, to=None, sender=None, times=None, once_each=False):
        with self.lock:
            self.rules.insert(0, Rule(step, answer, to, sender, times, once_each))
        return self

    def forget(self):
        """As if nothing had been said."""
        with self.lock:
            self.rules = []

    def answer(self, step, sender="", recipients=("",)):
        """What was said about a step, or None."""
        with self.lock:
            for rule in self.rules:
                if not rule.fits(step, sender, recipients):
                    continue
                if rule.once_each:
                    key = (sender, *recipients)
                    if key in rule.seen:
                        continue
                    rule.seen.add(key)
                if rule.times is not None:
                    rule.times -= 1
                return rule.answer
        return None

    # ---- what came of it

    def taken(self, recipient):
        """The messages that a recipient got."""
        with self.lock:
            return [m for m in self.messages if recipient in m.recipients]

    def commands(self):
        """The verbs of all sessions, in order."""
        with self.lock:
            return [line.split(" ")[0].upper() for lines in self.sessions for line in lines]

    @property
    def open_count(self):
        with self.lock:
            return len(self.open)

    # ---- serving

    def accept(self, listener):
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            session = Session(self, conn, next(self.numbers))
            threading.Thread(target=session.run, daemon=True).start()

    def stop_listening(self):
        """Whoever connects from now on is refused."""
        if self.listener is not None:
            try:
                self.listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.listener.close()
            self.listener = None

    def hang_up(self):
        """Break every connection."""
        with self.lock:
            sessions = list(self.open)
        for session in sessions:
            session.reset()

    def close(self):
        self.stop_listening()
        self.stalled.set()
        self.hang_up()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Session:
    """One connection."""

    def __init__(self, peer, conn, number):
        self.peer = peer
        self.socket = conn
        self.number = number
        self.pending = b""
        self.lines = []
        self.hello = ""
        self.user = None
        self.is_tls = False
        self.may_pipeline = False
        self.clear()
        conn.settimeout(peer.timeout)
        with peer.lock:
            peer.open.add(self)
            peer.sessions.append(self.lines)

    def clear(self):
        self.sender, self.sender_parameters = None, []
        self.recipients, self.recipient_parameters = [], []
        self.chunks = b""

    def run(self):
        try:
            self.say("connect", f"220 {self.peer.name} ESMTP")
            while True:
                self.command(self.line())
        except (Gone, OSError, ValueError):
            pass
        finally:
            with self.peer.lock:
                self.peer.open.discard(self)
            self.socket.close()

    # ---- bytes

    def reset(self):
        """RST, not FIN: what is under way is lost."""
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Gone
        self.pending += data

    def line(self):
        while b"\n" not in self.pending:
            if len(self.pending) > 65536:
                raise Gone
            self.more()
        line, self.pending = self.pending.split(b"\n", 1)
        if not line.endswith(b"\r"):
            self.violation(f"bare LF: {line!r}")
        text = line.rstrip(b"\r").decode("utf-8", "surrogateescape")
        with self.peer.lock:
            self.lines.append(text)
        return text

    def violation(self, what):
        with self.peer.lock:
            self.peer.violations.append(what)

    def do(self, answer):
        """One of the answers that are none."""
        if answer == STALL:
            self.peer.stalled.wait(self.peer.timeout)
            raise Gone
        if answer == RESET:
            self.reset()
        raise Gone

    def send(self, text, rcpt=""):
        lines = text.replace("{rcpt}", rcpt).split("\n")
        # A reply of several lines has its code on each.
        code = lines[0][:3]
        lines = [line if line[:3] == code else f"{code} {line}" for line in lines]
        for line in lines[:-1]:
            self.socket.sendall(f"{line[:3]}-{line[4:]}\r\n".encode())
        self.socket.sendall(f"{lines[-1]}\r\n".encode())
        if code == "421":
            raise Gone

    def say(self, step, usual, recipients=None):
        """Answer at a step. Returns the code."""
        answer = self.peer.answer(step, self.sender or "", recipients or self.recipients or ("",))
        if answer in (RESET, CLOSE, STALL, LOSE):
            self.do(answer)
        self.send(answer or usual, (recipients or [""])[0])
        return int((answer or usual)[:3])

    # ---- commands

    def command(self, line):
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        if self.pending and not self.may_pipeline:
            self.violation(f"sent on without waiting for the reply to {line!r}")
        does = getattr(self, "do_" + verb.lower(), None)
        if does is None:
            self.send("500 5.5.1 unknown command")
            return
        does(rest)

    def do_ehlo(self, rest):
        peer = self.peer
        self.clear()
        if not peer.esmtp:
            self.say("ehlo", "502 5.5.1 no such command")
            return
        words = [f"{name} {value}".strip() for name, value in peer.extensions.items()]
        if peer.tls and not self.is_tls:
            words.append("STARTTLS")
        if peer.users is not None:
            words.append("AUTH PLAIN LOGIN")
        if self.say("ehlo", "\n".join(["250 " + peer.name, *words])) == 250:
            self.hello = rest
            self.may_pipeline = "PIPELINING" in peer.extensions

    def do_helo(self, rest):
        self.clear()
        if self.say("helo", f"250 {self.peer.name}") == 250:
            self.hello = rest
            self.may_pipeline = False

    def do_starttls(self, _):
        if not self.peer.tls or self.is_tls:
            self.send("503 5.5.1 not now")
            return
        answer = self.peer.answer("starttls")
        if answer == GARBAGE:
            self.send("220 2.0.0 go ahead")
            self.socket.sendall(b"this is no handshake\r\n" * 20)
            raise Gone
        if answer in (RESET, CLOSE, STALL):
            self.do(answer)
        self.send(answer or "220 2.0.0 go ahead")
        if answer and not answer.startswith("220"):
            return
        if self.pending:
            self.violation("sent on behind STARTTLS (RFC 3207 4)")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*map(str, self.peer.tls))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.is_tls = True
        self.hello, self.pending = "", b""
        self.clear()
        with self.peer.lock:
            self.lines.append("(TLS)")
        answer = self.peer.answer("tls")
        if answer is not None:
            self.do(answer)

    def do_auth(self, rest):
        mechanism, _, initial = rest.partition(" ")
        answer = self.peer.answer("auth")
        if answer is not None:
            if answer in (RESET, CLOSE, STALL):
                self.do(answer)
            self.send(answer)
            return
        if mechanism.upper() == "PLAIN":
            if not initial:
                self.send("334 ")
                initial = self.line()
            _, user, password = base64.b64decode(initial).decode().split("\0")
        elif mechanism.upper() == "LOGIN":
            if not initial:
                self.send("334 VXNlcm5hbWU6")
                initial = self.line()
            self.send("334 UGFzc3dvcmQ6")
            user = base64.b64decode(initial).decode()
            password = base64.b64decode(self.line()).decode()
        else:
            self.send("504 5.5.4 no such mechanism")
            return
        if (self.peer.users or {}).get(user) != password:
            self.send("535 5.7.8 wrong")
            return
        self.user = user
        self.send("235 2.7.0 welcome")

    @staticmethod
    def path(rest, word):
        """The mailbox and the parameters of MAIL and RCPT."""
        if not rest.upper().startswith(word + ":<") or ">" not in rest:
            raise ValueError(rest)
        path, _, parameters = rest[len(word) + 2 :].rpartition(">")
        return path, parameters.split()

    def do_mail(self, rest):
        path, parameters = self.path(rest, "FROM")
        for parameter in parameters:
            name = parameter.split("=")[0].upper()
            known = {"BODY": "8BITMIME", "RET": "DSN", "ENVID": "DSN"}.get(name, name)
            if known not in self.peer.extensions and known != "AUTH":
                self.violation(f"{parameter}: not offered")
        if self.peer.users is not None and self.user is None:
            self.send("530 5.7.0 log in first")
            return
        if self.sender is not None:
            self.send("503 5.5.1 one at a time")
            return
        self.sender = path  # a rule may look at it
        if self.say("mail", "250 2.1.0 ok") == 250:
            self.sender_parameters = parameters
            limit = int(self.peer.extensions.get("SIZE") or 0)
            size = [int(p[5:]) for p in parameters if p.upper().startswith("SIZE=")]
            if limit and size and size[0] > limit:
                self.violation(f"{size[0]} bytes for one who takes {limit}")
        else:
            self.sender = None

    def do_rcpt(self, rest):
        if self.sender is None:
            self.send("503 5.5.1 MAIL first")
            return
        path, parameters = self.path(rest, "TO")
        for parameter in parameters:
            if "DSN" not in self.peer.extensions:
                self.violation(f"{parameter}: not offered")
        if self.say("rcpt", "250 2.1.5 ok", [path]) == 250:
            self.recipients.append(path)
            self.recipient_parameters.append(parameters)

    def do_data(self, _):
        if not self.recipients:
            self.send("503 5.5.1 no valid recipients")
            return
        if self.pending:
            self.violation("sent on behind DATA (RFC 2920 3.1)")
        if self.say("data", "354 go ahead") != 354:
            return
        while b"\r\n.\r\n" not in b"\r\n" + self.pending:
            if self.peer.answer("halfway", self.sender, self.recipients) == RESET:
                self.do(RESET)
            self.more()
            hasty = self.peer.answer("text", self.sender, self.recipients)
            if hasty is not None:
                self.send(hasty)
                self.do(RESET)
        data, self.pending = (b"\r\n" + self.pending).split(b"\r\n.\r\n", 1)
        data = data[2:] + b"\r\n" if len(data) > 2 else b""
        self.take(data.replace(b"\r\n.", b"\r\n")[data.startswith(b".") :])

    def do_bdat(self, rest):
        size, _, last = rest.partition(" ")
        if "CHUNKING" not in self.peer.extensions:
            self.violation("BDAT: not offered")
        while len(self.pending) < int(size):
            self.more()
        self.chunks += self.pending[: int(size)]
        self.pending = self.pending[int(size) :]
        if last.upper() == "LAST":
            self.take(self.chunks)
        else:
            self.send("250 2.0.0 more")

    def take(self, data):
        answer = self.peer.answer("body", self.sender, self.recipients)
        if answer in (RESET, CLOSE, STALL):
            self.do(answer)
        if "8BITMIME" not in self.peer.extensions and not data.isascii():
            self.violation("bytes beyond ASCII (RFC 6152)")
        if answer == LOSE or answer is None or answer.startswith("2"):
            with self.peer.lock:
                self.peer.messages.append(
                    Message(
                        self.sender, self.sender_parameters, self.recipients,
                        self.recipient_parameters, data, self.hello,
                        self.socket.version() if self.is_tls else None, self.user, self.number,
                    )
                )  # fmt: skip
        if answer == LOSE:
            self.do(RESET)
        self.send(answer or "250 2.0.0 taken")
        if self.peer.answer("after", self.sender, self.recipients) == RESET:
            self.do(RESET)
        self.clear()

    def do_rset(self, _):
        self.clear()
        self.say("rset", "250 2.0.0 ok")

    def do_noop(self, _):
        self.say("noop", "250 2.0.0 ok")

    def do_quit(self, _):
        self.say("quit", "221 2.0.0 bye")
        raise Gone
