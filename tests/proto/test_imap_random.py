"""Many clients and deliveries on one mailbox, each client believing nothing but untagged responses
(mansio_test.imap_view), judged by a model: what all of them were told must fit together, and in the
end each view must be what the store has.

The seed is printed; MANSIO_SEED repeats a run's choices (not what threads do between them).
"""

import os
import random
import re
import threading
import time

import pytest
from mansio_test.imap_view import Client, Closed, View, ViewError, stripped

USER = "user1@alpha.test"
WORDS = ("$Work", "$Later", "kw1")
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft")
BITS = {"\\Seen": 1, "\\Answered": 2, "\\Flagged": 4, "\\Deleted": 8, "\\Draft": 16}


# ---- what all clients were told must fit together


class Judge:
    def __init__(self):
        self.lock = threading.Lock()
        self.states = {}  # (UID, modseq): flags
        self.bodies = {}  # UID: what it is a message of
        self.uids = {}  # what a command said the UIDs of its messages are

    def saw(self, uid, modseq, flags):
        """A modseq belongs to one state of a message (RFC 7162 3.1)."""
        with self.lock:
            other = self.states.setdefault((uid, modseq), stripped(flags))
        if other != stripped(flags):
            raise ViewError(f"UID {uid} modseq {modseq}: {sorted(other)} and {sorted(flags)}")

    def is_of(self, uid, subject):
        """A UID belongs to one message for ever (RFC 3501 2.3.1.1)."""
        with self.lock:
            other = self.bodies.setdefault(uid, subject)
        if other != subject:
            raise ViewError(f"UID {uid} was {other!r} and is {subject!r}")


def compare(view, rows, who=""):
    """A view, quiet, beside the store's rows (UID, modseq, flags)."""
    uids = [row[0] for row in rows]
    if view.uids() != uids:
        raise ViewError(f"{who}: UIDs {view.uids()}, stored are {uids}")
    for message, (uid, modseq, flags) in zip(view.messages, rows):
        if message.flags is not None and stripped(message.flags) != flags:
            raise ViewError(f"{who}: UID {uid} {sorted(message.flags)}, stored {sorted(flags)}")
        if message.modseq is not None and message.modseq > modseq:
            raise ViewError(f"{who}: UID {uid} modseq {message.modseq}, stored {modseq}")


def stored(lab, mailbox="INBOX"):
    rows = lab.sql(f"""
        SELECT s.uid, s.modseq, s.flags, s.keywords FROM message_state s
        JOIN collection c USING (tenant_id, account_id, collection_id)
        JOIN account a USING (tenant_id, account_id)
        WHERE c.name = '{mailbox}' AND a.local = 'user1'
            AND a.tenant_id = (SELECT tenant_id FROM tenant WHERE name = 'alpha') ORDER BY s.uid""")
    found = []
    for uid, modseq, flags, keywords in rows:
        names = {name.lower() for name, bit in BITS.items() if int(flags) & bit}
        found.append((int(uid), int(modseq), frozenset(names | set(keywords.lower().split()))))
    return found


# ---- a client


class Player:
    def __init__(self, port, judge, seed, number):
        self.random = random.Random(f"{seed} {number}")
        self.judge = judge
        self.number = number
        self.client = Client(port, timeout=60).login(USER)
        self.error = None
        self.appended = 0
        self.select()

    # ---- seeing

    def view(self):
        return self.client.view

    def check(self):
        for message in self.view().messages:
            if message.uid and message.modseq and message.flags is not None:
                self.judge.saw(message.uid, message.modseq, message.flags)

    def learn(self):
        """UIDs and flags of what isn't known yet, as a mail program asks for them."""
        numbers = [n for n, m in enumerate(self.view().messages, 1) if m.uid is None]
        if not numbers:
            return
        items = "UID FLAGS" + (" MODSEQ" if self.view().wants_modseq else "")
        status, _ = self.client.do(f"FETCH {numbers[0]}:{numbers[-1]} ({items})")
        self.may_be_gone(status)

    def may_be_gone(self, status):
        """NO with EXPUNGEISSUED: then NOOP must say which (RFC 2180 4.1.2, 4.2.3)."""
        if status.startswith("NO [EXPUNGEISSUED]"):
            before = len(self.view().messages)
            untagged = self.client.ok("NOOP")
            if not any(line.endswith(b" EXPUNGE") for line in untagged):
                raise ViewError(f"EXPUNGEISSUED, but nothing is expunged of {before}")
        elif not status.startswith("OK"):
            raise ViewError(status)

    # ---- choosing

    def numbers(self):
        count = len(self.view().messages)
        first = self.random.randint(1, count)
        last = min(count, first + self.random.choice((0, 0, 0, 1, 2, 5, 30)))
        return range(first, last + 1)

    def flags(self):
        chosen = self.random.sample(FLAGS + WORDS + ("\\Deleted",), self.random.randint(1, 3))
        return chosen

    # ---- doing

    def select(self):
        condstore = self.number % 2 == 0
        verb = "EXAMINE" if self.random.random() < 0.1 else "SELECT"
        self.client.select("INBOX", verb=verb, rest=" (CONDSTORE)" if condstore else "")
        self.client.learn()

    def noop(self):
        self.client.ok(self.random.choice(("NOOP", "CHECK")))

    def idle(self):
        self.client.idle()
        until = time.monotonic() + self.random.random() * 0.05
        while time.monotonic() < until:
            self.client.socket.settimeout(0.01)
            try:
                self.client.next()
            except TimeoutError:
                pass
        self.client.socket.settimeout(60)
        status, _ = self.client.done()
        assert status.startswith("OK"), status

    def store(self):
        view = self.view()
        if view.read_only:
            return
        messages = [view.messages[n - 1] for n in self.numbers()]
        self.store_on(messages, self.random.random() < 0.5)

    def store_on(self, messages, by_uid):
        """A strict client notes a silent change of its own when it asks for it; what it is told
        while the command runs comes later and stands."""
        view, rnd = self.view(), self.random
        operation, silent = rnd.choice("+-="), rnd.random() < 0.5
        flags = self.flags()
        condition = ""
        if view.wants_modseq and rnd.random() < 0.4:
            known = [m.modseq for m in messages if m.modseq]
            if known:
                condition = f" (UNCHANGEDSINCE {rnd.choice(known) - rnd.choice((0, 0, 1))})"
        if by_uid:
            messages = [m for m in messages if m.uid]
        if not messages:
            return
        if by_uid:
            chosen = ",".join(str(m.uid) for m in messages)
        else:
            chosen = ",".join(str(view.messages.index(m) + 1) for m in messages)
        before = {id(m): (m.flags, m.fetched, m.modseq) for m in messages}
        if silent:
            for m in messages:
                m.flags = changed(m.flags, operation, flags)
        item = operation.replace("=", "") + "FLAGS" + (".SILENT" if silent else "")
        status, _ = self.client.do(
            ("UID " if by_uid else "") + f"STORE {chosen}{condition} {item} ({' '.join(flags)})")
        refused = modified(status)
        for m, name in zip(messages, chosen.split(",")):
            was, fetched, modseq = before[id(m)]
            # A silent change that was made comes with its modseq (RFC 7162 3.1.3): without one the
            # message is gone.
            untouched = view.wants_modseq and silent and m.modseq == modseq
            if (int(name) in refused or untouched) and m.fetched == fetched:
                m.flags = was
        if not status.startswith("NO [MODIFIED"):
            self.may_be_gone(status)

    def fetch(self):
        numbers = self.numbers()
        items = "FLAGS" + (" MODSEQ" if self.view().wants_modseq else "")
        if self.random.random() < 0.3:
            items += " BODY.PEEK[HEADER.FIELDS (SUBJECT)]"
        if self.random.random() < 0.1:
            items += " BODY[TEXT]"  # sets \Seen
        status, untagged = self.client.do(f"FETCH {numbers[0]}:{numbers[-1]} (UID {items})")
        self.subjects(untagged)
        self.may_be_gone(status)

    def subjects(self, untagged):
        for line in untagged:
            uid = re.search(rb"UID (\d+)", line)
            subject = re.search(rb"Subject: ([^\r]*)\r", line)
            if uid and subject:
                self.judge.is_of(int(uid[1]), subject[1])

    def search(self):
        for line in self.client.ok("SEARCH ALL"):
            if line.startswith(b"* SEARCH"):
                numbers = [int(n) for n in line.split()[2:]]
                if any(not 1 <= n <= len(self.view().messages) for n in numbers):
                    raise ViewError(f"{line}: of {len(self.view().messages)}")

    def expunge(self):
        if self.view().read_only:
            return
        uids = [m.uid for m in self.view().messages if m.uid]
        if self.random.random() < 0.5 and uids:
            self.client.ok(f"UID EXPUNGE {self.random.choice(uids)}:*")
        else:
            self.client.ok("EXPUNGE")

    def copy(self):
        move = self.random.random() < 0.4 and not self.view().read_only
        target = self.random.choice(("INBOX", "Archive"))
        numbers = self.numbers()
        if move:
            numbers = numbers[:3]
        before = len(self.view().messages)
        status, untagged = self.client.do(
            f"{'MOVE' if move else 'COPY'} {numbers[0]}:{numbers[-1]} {target}")
        if status.startswith("NO [EXPUNGEISSUED]"):  # RFC 2180 4.4.1
            if not any(line.endswith(b" EXPUNGE") for line in untagged):
                raise ViewError(f"{status} without EXPUNGE of {before}")
        elif not status.startswith("OK"):
            raise ViewError(status)
        else:
            said = status if "COPYUID" in status else next(
                line.decode() for line in untagged if b"COPYUID" in line)
            _, _, source, to = said.split("]")[0].split("[")[1].split(" ")
            if spread(source) != len(numbers) or spread(to) != len(numbers):
                raise ViewError(f"{said}: of {len(numbers)} messages (RFC 4315 3)")

    def append(self):
        self.appended += 1
        subject = f"appended {self.number}.{self.appended}"
        text = f"Subject: {subject}\r\n\r\n{subject}\r\n".encode()
        status = self.client.append(
            "INBOX", text, flags=" ".join(self.flags()), plus=self.random.random() < 0.5)
        if not status.startswith("OK [APPENDUID "):
            raise ViewError(status)
        self.judge.is_of(int(status.split("]")[0].split()[3]), subject.encode())

    def reselect(self):
        self.client.ok(self.random.choice(("UNSELECT", "CLOSE", "NOOP")))
        self.select()

    def step(self):
        kinds = (
            (self.noop, 10), (self.idle, 4), (self.append, 8), (self.store, 30), (self.fetch, 15),
            (self.expunge, 4), (self.copy, 6), (self.reselect, 2), (self.learn, 15),
            (self.search, 2 if "SEARCH" in CAN else 0),
        )
        action = self.random.choices([k[0] for k in kinds], [k[1] for k in kinds])[0]
        if not self.view().messages:
            action = self.random.choice((self.append, self.noop))
        action()
        self.check()

    def play(self, steps):
        try:
            for _ in range(steps):
                self.step()
        except (ViewError, Closed, OSError, AssertionError, ValueError) as error:
            self.error = error

    def report(self, directory):
        """The end of what was said; all of it goes into a file."""
        lines = [line.decode("latin-1") for line in self.client.lines]
        (directory / f"client{self.number}").write_text("\n".join(lines))
        text = "\n  ".join(line[:200] for line in lines[-40:])
        return f"client {self.number}: {self.error!r} ({directory})\n  {text}"


CAN = set()


def changed(old, operation, flags):
    if operation == "=":
        recent = {"\\Recent"} & (old or set())
        return frozenset(flags) | recent
    if old is None:
        return None
    lower = {flag.lower() for flag in flags}
    if operation == "-":
        return frozenset(flag for flag in old if flag.lower() not in lower)
    have = {flag.lower() for flag in old}
    return old | {flag for flag in flags if flag.lower() not in have}


def members(text):
    for part in text.split(","):
        first, _, last = part.partition(":")
        yield from range(int(first), int(last or first) + 1)


def spread(text):
    return sum(1 for _ in members(text))


def modified(status):
    if "[MODIFIED " not in status:
        return set()
    return set(members(status.split("[MODIFIED ")[1].split("]")[0]))


def deliver(lab, stop, count, errors):
    try:
        with lab.lmtp() as lmtp:
            for number in range(count):
                if stop.is_set():
                    return
                text = f"From: a@example.org\r\nSubject: delivered {number}\r\n\r\nHello\r\n"
                lmtp.sendmail("a@example.org", [USER], text)
                time.sleep(0.01)
    except Exception as error:  # noqa: BLE001  whatever it was, the test must fail
        errors.append(error)


def run(lab, directory, seed, clients, steps):
    judge = Judge()
    players = [Player(lab.port("imap"), judge, seed, number) for number in range(clients)]
    threads = [threading.Thread(target=p.play, args=(steps,)) for p in players]
    stop, errors = threading.Event(), []
    sender = threading.Thread(target=deliver, args=(lab, stop, 10 * steps, errors))
    for thread in threads + [sender]:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    sender.join()
    if any(player.error for player in players):
        for player in players:
            player.report(directory)
    failed = [player.report(directory) for player in players if player.error is not None]
    assert not failed and not errors, f"seed {seed}\n" + "\n".join(failed) + repr(errors)
    # Quiet: now each view is what the store has, by what untagged responses said.
    rows = stored(lab)
    for player in players:
        try:
            player.noop()
            player.learn()
            player.check()
            compare(player.view(), rows, f"client {player.number}")
        except ViewError as error:
            player.error = error
            raise AssertionError(f"seed {seed}\n{player.report(directory)}") from None
        player.client.close()
    lab.check_invariants()
    return players, rows


def test_many_clients_and_deliveries_on_one_mailbox(lab, long, tmp_path):
    seed = int(os.environ.get("MANSIO_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed}")
    with Client(lab.port("imap")) as client:
        client.login(USER)
        CAN.update(b" ".join(client.ok("CAPABILITY")).decode().split())
        if not client.status("SEARCH ALL").startswith("BAD Expected a command that is known"):
            CAN.add("SEARCH")
        client.select()
        for number in range(20):
            client.append("INBOX", f"Subject: first {number}\r\n\r\nx\r\n".encode())
    rounds = 5 if long else 1
    lines = []
    for number in range(rounds):
        players, _ = run(
            lab, tmp_path, seed + number, clients=12 if long else 8, steps=200 if long else 50)
        lines += [line for player in players for line in player.client.lines]
    # It was a test only if there was something to be told.
    happened = {
        what: sum(re.search(what, line) is not None for line in lines)
        for what in (rb"EXISTS$", rb"EXPUNGE$", rb"FETCH .*FLAGS", rb"MODIFIED", rb"COPYUID")
    }
    print(happened, "EXPUNGEISSUED:", sum(b"EXPUNGEISSUED" in line for line in lines))
    assert all(happened.values()), happened


# ---- the checker is one: each of these breaks a rule


GOOD = ["* 3 EXISTS", "* 1 RECENT", "* 1 FETCH (UID 4 FLAGS () MODSEQ (7))",
        "* 2 FETCH (UID 6 FLAGS (\\Seen) MODSEQ (7))", "* 3 FETCH (UID 9 FLAGS () MODSEQ (8))"]

DOCTORED = {
    "EXPUNGE during STORE": ("STORE", "* 1 EXPUNGE"),
    "EXPUNGE during FETCH": ("FETCH", "* 1 EXPUNGE"),
    "EXPUNGE during SEARCH": ("SEARCH", "* 1 EXPUNGE"),
    "EXPUNGE while nothing runs": (None, "* 1 EXPUNGE"),
    "EXISTS while nothing runs": (None, "* 4 EXISTS"),
    "EXPUNGE of a number that isn't": ("NOOP", "* 4 EXPUNGE"),
    "EXPUNGE of none": ("NOOP", "* 0 EXPUNGE"),
    "EXISTS that shrinks": ("NOOP", "* 2 EXISTS"),
    "more RECENT than there are": ("NOOP", "* 4 RECENT"),
    "FETCH of a number that isn't": ("NOOP", "* 4 FETCH (FLAGS () MODSEQ (9))"),
    "another UID": ("NOOP", "* 2 FETCH (UID 7 FLAGS () MODSEQ (9))"),
    "a UID out of order": ("NOOP", "* 4 EXISTS", "* 4 FETCH (UID 8 FLAGS () MODSEQ (9))"),
    "a UID used again": ("NOOP", "* 3 EXPUNGE", "* 3 EXISTS",
                         "* 3 FETCH (UID 9 FLAGS () MODSEQ (9))"),
    "UID STORE without UID": ("UID STORE", "* 1 FETCH (FLAGS () MODSEQ (9))"),
    "a modseq that falls": ("NOOP", "* 3 FETCH (FLAGS (\\Seen) MODSEQ (6))"),
    "a change without a modseq": ("NOOP", "* 3 FETCH (FLAGS (\\Seen) MODSEQ (8))"),
    "no MODSEQ": ("NOOP", "* 3 FETCH (FLAGS (\\Seen))"),
}


def transcript():
    view = View()
    view.wants_modseq = True
    for line in GOOD:
        view.untagged(line.encode(), "UID FETCH")
    return view


@pytest.mark.parametrize("fault", DOCTORED)
def test_the_checker_finds(fault):
    view = transcript()
    command, *lines = DOCTORED[fault]
    for line in lines[:-1]:
        view.untagged(line.encode(), command)
    with pytest.raises(ViewError):
        view.untagged(lines[-1].encode(), command)


def test_the_checker_finds_views_apart_from_the_store():
    rows = [(4, 7, frozenset()), (6, 7, frozenset({"\\seen"})), (9, 8, frozenset())]
    compare(transcript(), rows)
    for wrong in (rows[:2], rows[1:], [*rows, (10, 9, frozenset())],
                  [rows[0], (6, 7, frozenset()), rows[2]], [rows[0], rows[1], (9, 7, frozenset())]):
        with pytest.raises(ViewError):
            compare(transcript(), wrong)
    view = transcript()
    view.untagged(b"* 2 EXPUNGE", "NOOP")
    compare(view, [rows[0], rows[2]])


def test_the_checker_finds_two_truths():
    judge = Judge()
    judge.saw(4, 7, {"\\Seen", "\\Recent"})
    judge.saw(4, 7, {"\\Seen"})
    with pytest.raises(ViewError):
        judge.saw(4, 7, {"\\Flagged"})
    judge.is_of(4, b"one")
    with pytest.raises(ViewError):
        judge.is_of(4, b"two")
