"""Messages with a mark sent to several mailboxes, and what may be said of each by what is stored.

A mark stands in the Message-ID, so the tables can be asked, past row-level security, in which
mailboxes a message is. Each try has a mark of its own, also where it is the same message that is
sent again: so no try's entries can pass for another's. judge() is the promise: what was answered
with 250 is there, what is there is whole, and nothing is there that was not sent.
"""

import collections
import itertools
import re
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
CLOSING = 421  # may come instead of any answer (RFC 5321 3.8), so it says nothing of the message


class Try(collections.namedtuple("Try", "mark recipients codes accepted protocol")):
    """A message sent once, as its sender saw it. `codes`: the last answer for each recipient;
    `accepted`: those to whom the text was sent, none if it never was. Over LMTP (RFC 2033) each
    recipient is taken or not, and is answered, by itself; over SMTP they are all or none."""


class Attempt:
    """A try while it is made: what was said when its connection ends stays known."""

    def __init__(self, mark, to, protocol):
        self.mark, self.to, self.protocol = mark, tuple(to), protocol
        self.codes = dict.fromkeys(to, NO_ANSWER)
        self.accepted = ()

    def answer_all(self, code):
        self.codes = dict.fromkeys(self.to, code)

    def made(self):
        codes = tuple(self.codes[address] for address in self.to)
        return Try(self.mark, self.to, codes, self.accepted, self.protocol)


def message(mark, size=100):
    body = "".join(LINE.format(n) for n in range(size // 44 + 1))
    return f"From: <{FROM}>\r\nMessage-ID: <{mark}>\r\nSubject: {mark}\r\n\r\n{body}".encode()


def transact(client, attempt, size):
    """One transaction of a client of smtplib. OSError and what smtplib makes of it pass."""
    code, _ = client.mail(FROM)
    if code != 250:
        attempt.answer_all(code)
        client.rset()
        return
    codes = {address: client.rcpt(address)[0] for address in attempt.to}
    accepted = tuple(address for address in attempt.to if codes[address] == 250)
    # SMTP has one answer for all: who would send to some of them now has to send to the rest later.
    if not accepted or (attempt.protocol == "smtp" and len(accepted) < len(attempt.to)):
        attempt.answer_all(next(code for code in codes.values() if code != 250))
        client.rset()
        return
    client.putcmd("DATA")
    code, _ = client.getreply()
    if code != 354:
        attempt.answer_all(code)
        client.rset()
        return
    attempt.codes.update((address, codes[address]) for address in codes if codes[address] != 250)
    attempt.accepted = accepted
    client.send(message(attempt.mark, size) + b".\r\n")
    if attempt.protocol == "smtp":
        attempt.answer_all(client.getreply()[0])
        return
    for address in accepted:
        attempt.codes[address] = client.getreply()[0]


def send(lab, protocol, mark, size=100, to=TO):
    """One message over a connection of its own."""
    attempt = Attempt(mark, to, protocol)
    try:
        with lab.smtp() if protocol == "smtp" else lab.lmtp() as client:
            client.ehlo()
            transact(client, attempt, size)
    except (OSError, smtplib.SMTPException):
        pass
    return attempt.made()


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


def places(lab):
    """{mark: {mailbox: how many entries of it}}, for all that there is."""
    mark = "<((?!sender@)[^<>]*@example[.]org)>"
    rows = lab.sql(
        f"SELECT substring(encode(m.structure, 'escape') FROM '{mark}'),"
        " a.local || '@' || d.name, count(s.uid)"
        " FROM message m LEFT JOIN message_state s USING (tenant_id, message_id)"
        " LEFT JOIN account a USING (tenant_id, account_id)"
        " LEFT JOIN domain d USING (tenant_id, domain_id)"
        " GROUP BY m.tenant_id, m.message_id, 2"
    )
    found = collections.defaultdict(collections.Counter)
    for mark, mailbox, count in rows:
        assert mark, "a message without a mark"
        found[mark][mailbox] += int(count)
    return found


def stored(lab):
    """{mark: in how many mailboxes}, for all that there is."""
    found = ((mark, there.total()) for mark, there in places(lab).items())
    return collections.Counter(dict(found))


def mailbox_of(address):
    """Without a detail: user1+detail@alpha.test is user1's."""
    return re.sub(r"[+][^@]*@", "@", address)


def judge(done, there):
    """What is wrong with a Try of which there are such entries, {mailbox: count}; None if nothing
    is. One transaction holds the entries of all whom the text was sent to. So an answer of 250 says
    that it was committed: whoever was told "later" beside it was left out, whoever was told nothing
    has it. Without a 250 it is not known whether it was: then all of them have it, or none."""
    said = f"{done.protocol} {done.mark}: {done.codes}, sent to {done.accepted}, {dict(there)}"
    codes = {mailbox_of(to): code for to, code in zip(done.recipients, done.codes)}
    accepted = [mailbox_of(to) for to in done.accepted]
    if any(code not in (NO_ANSWER, 250) and not 400 <= code < 500 for code in codes.values()):
        return f"refused for good: {said}"
    if any(code == 250 and there[mailbox] < 1 for mailbox, code in codes.items()):
        return f"a false 250: {said}"
    if any(n > (mailbox in accepted) for mailbox, n in there.items()):
        return f"there more often than it was sent: {said}"
    if 250 in codes.values():
        is_in = (250, NO_ANSWER, CLOSING)
        is_right = [there[mailbox] == (codes[mailbox] in is_in) for mailbox in accepted]
        return None if all(is_right) else f"torn: {said}"
    is_there = [there[mailbox] == 1 for mailbox in accepted]
    return f"torn: {said}" if any(is_there) and not all(is_there) else None


def check(lab, tries):
    """Judge many, and what must always be so of stored mail."""
    found = places(lab)
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
        self.again = 0  # texts sent for a message that was sent before
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
            for try_no in itertools.count():
                if self.stopping.is_set():
                    break
                if try_no > 0:
                    time.sleep(0.05)
                mark = f"{self.name}-{number}-{message_no}-{try_no}@example.org"
                done = self.once(number, Attempt(mark, self.to, protocol))
                with self.lock:
                    self.tries.append(done)
                    self.again += try_no > 0 and len(done.accepted) > 0
                    self.dropped += len(done.accepted) > 0 and NO_ANSWER in done.codes
                if set(done.codes) == {250}:
                    break
            if self.stopping.is_set():
                break
        if self.clients[number] is not None:
            self.clients[number].close()

    def once(self, number, attempt):
        try:
            if self.clients[number] is None:
                self.clients[number] = self.connect(attempt.protocol)
            transact(self.clients[number], attempt, self.size)
            done = attempt.made()
        except (OSError, smtplib.SMTPException):
            done = attempt.made()
            self.clients[number] = None
        if CLOSING in done.codes:
            self.clients[number] = None
        with self.lock:
            self.answered.update(done.codes)
            if set(done.codes) == {250}:
                self.taken.add(number)
        return done

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
        partly = sum(250 in done.codes and set(done.codes) != {250} for done in self.tries)
        print(
            f"{len(self.tries)} tries, {self.again} texts of messages that were sent before, {partly}"
            f" taken for some, {self.dropped} texts without an answer;"
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
