"""An IMAP client that believes nothing: it keeps a view of its selected mailbox from untagged
responses alone, and raises ViewError where one of them breaks the rules (RFC 3501 5.2, 5.5, 7.4.1,
RFC 2180, RFC 7162). The parsing is its own, apart from imaplib."""

import re
import socket
import time

PASSWORD = "correct-horse"


class ViewError(AssertionError):
    """The server broke a rule."""


class Closed(Exception):
    """The server closed the connection; what it said before is in the client's lines."""


def stripped(flags):
    """What a modseq tells of: without \\Recent, which is a session's own; keywords without case."""
    return frozenset(flag.lower() for flag in flags if flag.lower() != "\\recent")


class Message:
    """What the client knows of a message; None: not told yet."""

    def __init__(self, floor=0):
        self.uid = self.flags = self.modseq = None
        self.floor = floor  # a UID that was told before this one came
        self.told = None  # modseq and flags as they were told last, whatever was guessed since
        self.fetched = 0  # how often its flags were told

    def __repr__(self):
        return f"<{self.uid} {sorted(self.flags) if self.flags is not None else None} {self.modseq}>"


class View:
    """A mailbox as its untagged responses have it. Knows no socket: a transcript will do."""

    # While these run numbers must stay as they are (RFC 3501 7.4.1).
    KEEPING = ("FETCH", "STORE", "SEARCH")

    def __init__(self):
        self.messages = []  # by number, from 0
        self.exists = self.recent = None
        self.uid_validity = self.uid_next = self.highest_modseq = None
        self.highest_uid = 0  # ever told
        self.read_only = None
        self.bye = None
        self.codes = []  # response codes of untagged OK
        self.wants_modseq = False  # CONDSTORE is enabled: every FETCH has MODSEQ

    def open(self):
        """SELECT begins: what was known is no more."""
        wants = self.wants_modseq
        self.__init__()
        self.wants_modseq = wants

    def untagged(self, line, command):
        """One untagged response. @command: the running command in upper case, "UID STORE" with
        its UID; None: no command is running."""
        text = line.decode("latin-1")
        if match := re.fullmatch(r"\* (\d+) (EXISTS|RECENT|EXPUNGE)", text, re.I):
            getattr(self, f"_{match[2].lower()}")(int(match[1]), command)
        elif match := re.fullmatch(r"\* (\d+) FETCH \((.*)\)", text, re.I | re.S):
            self._fetch(int(match[1]), match[2], command)
        elif match := re.fullmatch(r"\* OK \[([^\]]*)\].*", text, re.I):
            self._code(match[1])
        elif match := re.fullmatch(r"\* BYE (.*)", text, re.I):
            self.bye = match[1]

    def _exists(self, count, command):
        if command is None:
            raise ViewError(f"{count} EXISTS while no command runs")
        if count < len(self.messages):
            raise ViewError(f"{count} EXISTS where {len(self.messages)} are known (7.3.1)")
        self.exists = count
        while len(self.messages) < count:
            self.messages.append(Message(self.highest_uid))

    def _recent(self, count, command):
        if count > len(self.messages):
            raise ViewError(f"{count} RECENT of {len(self.messages)}")
        self.recent = count

    def _expunge(self, number, command):
        if command is None or command.split()[0] in self.KEEPING:
            raise ViewError(f"{number} EXPUNGE during {command} (7.4.1)")
        if not 1 <= number <= len(self.messages):
            raise ViewError(f"{number} EXPUNGE of {len(self.messages)}")
        del self.messages[number - 1]
        self.exists = len(self.messages)

    def _fetch(self, number, items, command):
        if not 1 <= number <= len(self.messages):
            raise ViewError(f"{number} FETCH of {len(self.messages)}")
        message = self.messages[number - 1]
        uid = re.search(r"\bUID (\d+)", items)
        flags = re.search(r"\bFLAGS \(([^)]*)\)", items)
        modseq = re.search(r"\bMODSEQ \((\d+)\)", items)
        if command is None:
            raise ViewError(f"FETCH while no command runs: {items}")
        if command.startswith("UID ") and uid is None:
            raise ViewError(f"a FETCH of {command} without UID (6.4.8): {items}")
        if self.wants_modseq and flags and modseq is None:
            raise ViewError(f"a FETCH without MODSEQ (RFC 7162 3.1): {items}")
        if uid:
            self._note_uid(number, int(uid[1]))
        if modseq:
            self._note_modseq(message, int(modseq[1]), flags)
        if flags:
            message.flags = frozenset(flags[1].split())
            message.fetched += 1

    def _note_uid(self, number, uid):
        message = self.messages[number - 1]
        if message.uid is not None and message.uid != uid:
            raise ViewError(f"message {number} was UID {message.uid} and is {uid} (2.3.1.1)")
        before = next((m.uid for m in reversed(self.messages[: number - 1]) if m.uid), 0)
        behind = next((m.uid for m in self.messages[number:] if m.uid), 1 << 32)
        before = max(before, message.floor)
        if not before < uid < behind:
            raise ViewError(f"UID {uid} of {number} between {before} and {behind} (2.3.1.1)")
        message.uid = uid
        self.highest_uid = max(self.highest_uid, uid)

    def _note_modseq(self, message, modseq, flags):
        if message.modseq is not None and modseq < message.modseq:
            raise ViewError(f"modseq {message.modseq} of UID {message.uid} fell to {modseq}")
        message.modseq = modseq
        if flags:
            told = (modseq, stripped(flags[1].split()))
            if message.told and message.told[0] == modseq and message.told != told:
                raise ViewError(f"flags of UID {message.uid} changed, modseq {modseq} didn't (3.1)")
            message.told = told

    def _code(self, code):
        name, _, value = code.partition(" ")
        self.codes.append(code)
        if name == "UIDVALIDITY":
            self.uid_validity = int(value)
        elif name == "UIDNEXT":
            self.uid_next = int(value)
        elif name == "HIGHESTMODSEQ":
            self.highest_modseq = int(value)

    # ---- what tests ask

    def uids(self):
        return [message.uid for message in self.messages]

    def number_of(self, uid):
        return self.uids().index(uid) + 1


class Client:
    """A connection. Commands are sent whole; `lines` has all that ever came, for reports."""

    def __init__(self, port, host="127.0.0.1", timeout=60):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.lines = []
        self.view = View()
        self.count = 0
        self.running = None  # verb of the running command, for the view
        self.tag = None
        greeting = self.line()
        if not greeting.startswith(b"* OK"):
            raise ViewError(f"greeting {greeting!r}")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- bytes

    def _more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise Closed(self.lines[-1:] or "nothing")
        self.buffer += data

    def line(self):
        """A response line with its literals, without the last CRLF."""
        line = b""
        while True:
            while b"\r\n" not in self.buffer:
                self._more()
            part, self.buffer = self.buffer.split(b"\r\n", 1)
            line += part
            match = re.search(rb"\{(\d+)\}$", part)
            if not match:
                self.lines.append(b"S: " + line)
                return line
            size = int(match[1])
            while len(self.buffer) < size:
                self._more()
            line += b"\r\n" + self.buffer[:size]
            self.buffer = self.buffer[size:]

    def raw(self, data):
        self.lines.append(b"C: " + data)
        self.socket.sendall(data)

    # ---- commands

    def send(self, text):
        """Send a command without waiting."""
        self.count += 1
        self.tag = b"t%d" % self.count
        data = text if isinstance(text, bytes) else text.encode()
        words = data.decode("latin-1").upper().split()
        self.running = " ".join(words[:2]) if words[0] == "UID" else words[0]
        if self.running in ("SELECT", "EXAMINE"):
            self.view.open()
        self.raw(self.tag + b" " + data + b"\r\n")

    def next(self):
        """Take the next response: a tagged one ends the command. @return its line"""
        line = self.line()
        if line.startswith(b"* "):
            if line.startswith(b"* OK [CLOSED]"):
                self.view.open()
            self.view.untagged(line, self.running)
        elif self.tag is not None and line.startswith(self.tag + b" "):
            self.running = None
        return line

    def finish(self):
        """Read up to the tagged response. @return its text without the tag, the untagged ones"""
        untagged = []
        while True:
            line = self.next()
            if self.running is None:
                return line.split(b" ", 1)[1].decode("latin-1"), untagged
            untagged.append(line)

    def do(self, text):
        """A command to its end. @return as finish()"""
        self.send(text)
        return self.finish()

    def ok(self, text):
        """A command that must succeed. @return its untagged responses"""
        status, untagged = self.do(text)
        if not status.startswith("OK"):
            raise ViewError(f"{text}: {status}")
        return untagged

    def status(self, text):
        return self.do(text)[0]

    def login(self, user, password=PASSWORD):
        self.ok(f"LOGIN {user} {password}")
        return self

    def select(self, mailbox="INBOX", verb="SELECT", rest=""):
        if rest:
            self.view.wants_modseq = True
        status, untagged = self.do(f'{verb} "{mailbox}"{rest}')
        if not status.startswith("OK ["):
            raise ViewError(f"{verb} {mailbox}: {status}")
        self.view.read_only = "READ-ONLY" in status
        return untagged

    def append(self, mailbox, message, flags="", date="", plus=True):
        """APPEND with a literal. @return the tagged reply"""
        self.count += 1
        self.tag = b"t%d" % self.count
        self.running = "APPEND"
        flags = f" ({flags})" if flags else ""
        date = f' "{date}"' if date else ""
        head = f'{self.tag.decode()} APPEND "{mailbox}"{flags}{date} {{{len(message)}{"+" * plus}}}'
        self.raw(head.encode() + b"\r\n")
        if not plus:
            while not (line := self.next()).startswith(b"+ "):
                if self.running is None:
                    return line.split(b" ", 1)[1].decode("latin-1")
        self.raw(message + b"\r\n")
        return self.finish()[0]

    def learn(self):
        """UIDs and flags of all, as the view then has them."""
        if self.view.messages:
            self.ok("UID FETCH 1:* (FLAGS)" if not self.view.wants_modseq
                    else "UID FETCH 1:* (FLAGS MODSEQ)")
        return self.view

    # ---- IDLE

    def idle(self):
        self.send("IDLE")
        while not self.next().startswith(b"+"):
            pass

    def wait_for(self, condition, seconds=60):
        """In IDLE: take responses until @condition(view)."""
        deadline = time.monotonic() + seconds
        while not condition(self.view):
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                self.next()
            except TimeoutError:
                raise ViewError(f"not told in {seconds} s: {self.view.messages}") from None
            finally:
                self.socket.settimeout(60)

    def done(self):
        self.raw(b"DONE\r\n")
        return self.finish()
