"""Messages with a mark sent to several mailboxes, and what may be said of each by what is stored.

A mark stands in the Message-ID, so the tables can be asked, past row-level security, in how many
mailboxes a message is. judge() is the promise: what was answered with 250 is there, what is there
is whole, and nothing is there more often than it was sent.
"""

import collections
import itertools
import smtplib
import socket
import threading
import time

from .wait import until

TO = ("user1@alpha.test", "user2@alpha.test", "user1@beta.test")
FROM = "sender@example.org"
RECOVERY_SECONDS = 60  # of patience
LINE = "{:08d} all that is here must be there\r\n"

# What the end of a connection without an answer counts as.
NO_ANSWER = 0


class Try(collections.namedtuple("Try", "mark recipients codes tries protocol")):
    """A message as its sender saw it. `codes`: the last answer for each recipient; `tries`: how
    often its text was sent."""


def message(mark, size=100):
    body = "".join(LINE.format(n) for n in range(size // 44 + 1))
    return f"From: <{FROM}>\r\nMessage-ID: <{mark}>\r\nSubject: {mark}\r\n\r\n{body}".encode()


def transact(client, mark, size, to, protocol, on_text):
    """One transaction of a client of smtplib: a code for each recipient. OSError and what smtplib
    makes of it pass. Calls on_text() before the text is sent."""
    code, _ = client.mail(FROM)
    if code != 250:
        client.rset()
        return [code] * len(to)
    codes = {address: client.rcpt(address)[0] for address in to}
    accepted = [address for address in to if codes[address] == 250]
    # SMTP has one answer for all: who would send to some of them now has to send to the rest later.
    if not accepted or (protocol == "smtp" and len(accepted) < len(to)):
        client.rset()
        worst = [code for code in codes.values() if code != 250]
        return [worst[0]] * len(to)
    client.putcmd("DATA")
    code, _ = client.getreply()
    if code != 354:
        client.rset()
        return [code] * len(to)
    on_text()
    client.send(message(mark, size) + b".\r\n")
    if protocol == "smtp":
        return [client.getreply()[0]] * len(to)
    for address in accepted:
        codes[address] = client.getreply()[0]
    return [codes[address] for address in to]


def send(lab, protocol, mark, size=100, to=TO):
    """One message over a connection of its own."""
    texts = []
    try:
        with lab.smtp() if protocol == "smtp" else lab.lmtp() as client:
            client.ehlo()
            codes = transact(client, mark, size, to, protocol, lambda: texts.append(mark))
    except (OSError, smtplib.SMTPException):
        codes = [NO_ANSWER] * len(to)
    return Try(mark, tuple(to), tuple(codes), len(texts), protocol)


def wait_until_taken(lab, protocol="smtp", to=TO):
    """Mail is taken again, without a restart."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    for number in itertools.count():
        mark = f"well-{time.monotonic_ns()}-{number}@example.org"
        done = send(lab, protocol, mark, to=to)
        if set(done.codes) == {250}:
            return done
        assert time.monotonic() < deadline, f"mail is not taken again: {done.codes}"
        time.sleep(0.05)


def stored(lab):
    """{mark: in how many mailboxes}, for all that there is."""
    mark = "<((?!sender@)[^<>]*@example[.]org)>"
    rows = lab.sql(
        f"SELECT substring(encode(m.structure, 'escape') FROM '{mark}'),"
        " count(s.uid) FROM message m LEFT JOIN message_state s USING (tenant_id, message_id)"
        " GROUP BY m.tenant_id, m.message_id"
    )
    found = collections.Counter()
    for mark, count in rows:
        assert mark, "a message without a mark"
        found[mark] += int(count)
    return found


def judge(done, there):
    """What is wrong with a Try of which so many entries are stored; None if nothing is."""
    said = f"{done.protocol} {done.mark}: {done.codes} after {done.tries} tries, {there} entries"
    if any(code != NO_ANSWER and code != 250 and not 400 <= code < 500 for code in done.codes):
        return f"refused for good: {said}"
    if there < done.codes.count(250):
        return f"a false 250: {said}"
    if there % len(done.recipients) != 0:
        return f"torn: {said}"
    if there > done.tries * len(done.recipients):
        return f"there more often than it was sent: {said}"
    return None


def check(lab, tries):
    """Judge many, and what must always be so of stored mail."""
    found = stored(lab)
    wrong = [said for said in (judge(done, found[done.mark]) for done in tries) if said]
    assert not wrong, f"{len(wrong)} of {len(tries)}:\n" + "\n".join(wrong[:20])
    lab.check_invariants()


class Storm:
    """Sessions that deliver one message after another, each until it is answered with 250, as an
    MTA would: those of even number over SMTP, the others over LMTP."""

    def __init__(self, lab, sessions=20, size=4000, to=TO):
        self.lab, self.size, self.to = lab, size, to
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.tries = []
        self.clients = {}
        self.dropped = 0  # texts sent whole that were never answered
        self.answered = collections.Counter()  # how often each code was said
        self.taken = set()  # the sessions that were answered with 250
        self.name = f"storm-{time.monotonic_ns()}"
        self.threads = [
            threading.Thread(target=self.session, args=(number,), daemon=True)
            for number in range(sessions)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self.threads), "a session hangs"

    def session(self, number):
        protocol = ("smtp", "lmtp")[number % 2]
        self.clients[number] = None
        for message_no in itertools.count():
            mark = f"{self.name}-{number}-{message_no}@example.org"
            texts, codes = [], ()
            while set(codes) != {250} and not self.stopping.is_set():
                if codes:
                    time.sleep(0.05)
                count = len(texts)
                codes = self.once(number, protocol, mark, lambda: texts.append(mark))
                with self.lock:
                    self.dropped += len(texts) > count and NO_ANSWER in codes
            if codes:
                done = Try(mark, self.to, codes, len(texts), protocol)
                with self.lock:
                    self.tries.append(done)
            if self.stopping.is_set():
                break
        if self.clients[number] is not None:
            self.clients[number].close()

    def once(self, number, protocol, mark, on_text):
        try:
            if self.clients[number] is None:
                self.clients[number] = self.connect(protocol)
            client = self.clients[number]
            codes = tuple(transact(client, mark, self.size, self.to, protocol, on_text))
        except (OSError, smtplib.SMTPException):
            codes = (NO_ANSWER,) * len(self.to)
        if NO_ANSWER in codes or 421 in codes:
            self.clients[number] = None
        with self.lock:
            self.answered.update(codes)
            if set(codes) == {250}:
                self.taken.add(number)
        return codes

    def connect(self, protocol):
        client = self.lab.smtp() if protocol == "smtp" else self.lab.lmtp()
        client.ehlo()
        return client

    def count(self, code):
        with self.lock:
            return self.answered[code]

    def deferred(self):
        with self.lock:
            return sum(n for code, n in self.answered.items() if 400 <= code < 500)

    def wait_for(self, code, more=50):
        """Until so many more answers of this code were given; None: any of 4yz."""
        ask = self.deferred if code is None else lambda: self.count(code)
        goal = ask() + more
        deadline = time.monotonic() + RECOVERY_SECONDS
        while ask() < goal:
            assert time.monotonic() < deadline, f"no {more} more of {code}: {self.answered}"
            time.sleep(0.01)

    def wait_for_all(self):
        """Until each session had a message taken: all workers are well."""
        until("all are served", lambda: len(self.taken) == len(self.threads), RECOVERY_SECONDS)

    def check(self):
        """After its end. Prints what it saw."""
        check(self.lab, self.tries)
        again = sum(done.tries > 1 for done in self.tries)
        print(
            f"{len(self.tries)} messages, {again} of them sent more than once,"
            f" {self.dropped} texts without an answer;"
            f" recipients' answers {dict(sorted(self.answered.items()))}"
        )


def pop3_answer(lab, user="user3@alpha.test", password=None):
    """What a POP3 login is answered with: the line, or b"" for a connection without an answer."""
    from .lab import HOST, PASSWORD

    try:
        with socket.create_connection((HOST, lab.port("pop3")), timeout=60) as end:
            lines = end.makefile("rb")
            line = lines.readline()
            for command in (f"USER {user}", f"PASS {password or PASSWORD}"):
                if not line.startswith(b"+OK"):
                    break
                end.sendall(command.encode() + b"\r\n")
                line = lines.readline()
            return line.rstrip()
    except OSError:
        return b""
