"""A message is committed whole or not at all, and 250 means committed: a proxy before PostgreSQL
fails every statement and every commit of a delivery in turn, before and after it took effect."""

import collections
import itertools
import threading
import time

import pytest
from mansio_test.deliveries import (
    NO_ANSWER,
    TO,
    Try,
    check,
    judge,
    places,
    send,
    stored,
    wait_until_taken,
)
from mansio_test.invariants import INVARIANTS
from mansio_test.pgproxy import BACKGROUND, Fault, Proxy
from mansio_test.submission import Spooled, Submitter

# Sizes on both sides of what decides how a body travels: in the row, in a row of its own, in
# memory with others, in pieces and alone.
CASES = ((2_000, "one"), (2_000, "three"), (1_500_000, "three"))
LONG_SIZES = (100, 5_000, 60_000, 1_040_000, 1_100_000, 1_500_000, 3_000_000)
RECIPIENTS = {"one": TO[:1], "three": TO}
SERIAL = itertools.count()  # in marks: some sizes are sent by more than one test


@pytest.fixture(scope="module")
def faulty(make_lab):
    """A lab whose daemon reaches its database through the proxy."""
    lab = make_lab("faulty", workers=1)
    lab.set_up()
    lab.proxy = Proxy(lab.cluster.port)
    # Routes are remembered for a while: they have a test of their own.
    lab.proxy.passing = (*BACKGROUND, "route")
    lab.node.database_port = lab.proxy.port
    lab.node.write_config()
    lab.start()
    yield lab
    lab.proxy.close()


def steps_of(lab, protocol, size, to):
    """What a delivery consists of when nothing fails and its statements are prepared."""
    wait_until_taken(lab, protocol, to)
    lab.proxy.arm()
    done = send(lab, protocol, f"count-{next(SERIAL)}-{protocol}-{size}@example.org", size, to)
    kinds = lab.proxy.disarm()
    assert set(done.codes) == {250}
    assert stored(lab)[done.mark] == len(to)
    return kinds


def fail_at(lab, fault, protocol, size, to, tries):
    """Deliveries until the fault struck one, or one went through without it. What struck."""
    for _ in range(100):
        mark = f"{protocol}-{size}-{fault.step}-{fault.when}-{next(SERIAL)}@example.org"
        lab.proxy.arm(fault)
        done = send(lab, protocol, mark, size, to)
        struck = lab.proxy.fired
        lab.proxy.disarm()
        tries.append(done)
        if struck or set(done.codes) == {250}:
            return struck
        time.sleep(0.02)  # the daemon hasn't found its database again
    raise AssertionError(f"{fault}: mail is not taken again: {done}")


def fail_each_step(lab, protocol, size, to):
    kinds = steps_of(lab, protocol, size, to)
    assert "sync" in kinds and any(kind.startswith("execute deliver_") for kind in kinds), kinds
    tries = []
    fired = collections.Counter()
    for step in itertools.count():
        struck = [
            (fail_at(lab, Fault(step, when), protocol, size, to, tries), when)
            for when in ("before", "after")
        ]
        fired.update((kind, when) for kind, when in struck if kind)
        if not any(kind for kind, _ in struck):
            break
    check(lab, tries)
    denied = sum(250 not in done.codes for done in tries)
    print(
        f"{protocol}, {size} bytes, {len(to)} recipients: {len(kinds)} steps a delivery,"
        f" {fired.total()} faults fired, {denied} of {len(tries)} messages answered with 4yz,"
        f" 0 torn, 0 falsely taken"
    )
    for kind, count in collections.Counter(kinds).items():
        assert min(fired[kind, "before"], fired[kind, "after"]) >= count, (kind, count, fired)
    assert denied >= 2 * len(kinds)
    return fired.total()


@pytest.mark.parametrize("protocol", ["smtp", "lmtp"])
@pytest.mark.parametrize("size, recipients", CASES)
def test_each_statement_and_commit_fails_in_turn(
    faulty, protocol, recipients, size, record_property
):
    # One that is lost alone comes back sooner, which counts where there are many steps.
    faulty.proxy.breaks_all = size < 100_000
    record_property("faults", fail_each_step(faulty, protocol, size, RECIPIENTS[recipients]))


@pytest.mark.parametrize("size", LONG_SIZES)
def test_each_statement_and_commit_fails_in_turn_whatever_the_size(faulty, size, long):
    if not long:
        pytest.skip("only with --long")
    faulty.proxy.breaks_all = True
    for protocol in ("smtp", "lmtp"):
        for to in RECIPIENTS.values():
            fail_each_step(faulty, protocol, size, to)


@pytest.mark.parametrize("protocol", ["smtp", "lmtp"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_way_to_an_address_fails(faulty, protocol, when):
    """What isn't remembered is asked for, and "don't know" is no "there is no such address"."""
    tries = []
    for step in range(2):  # the statement and its Sync
        to = (f"user1+{protocol}-{when}-{step}@alpha.test",)
        wait_until_taken(faulty, protocol)
        try:
            faulty.proxy.passing = BACKGROUND
            struck = fail_at(faulty, Fault(step, when), protocol, 100, to, tries)
        finally:
            faulty.proxy.passing = (*BACKGROUND, "route")
        assert struck == ("execute route", "sync")[step]
        assert 400 <= tries[-1].codes[0] < 500
        tries.append(wait_until_taken(faulty, protocol, to))
    check(faulty, tries)


@pytest.mark.parametrize("protocol", ["smtp", "lmtp"])
def test_the_way_to_one_of_several_fails(faulty, protocol):
    """Over LMTP the others have it, each once and for good (RFC 2033 4.2), so whoever sends it again
    to all of them sends it twice to these; over SMTP, whose one answer is for all, nobody has it.
    """
    tries = []
    for attempt in range(100):
        to = (TO[0], f"user2+several-{protocol}-{attempt}@alpha.test", TO[2])
        faulty.proxy.breaks_all = False
        wait_until_taken(faulty, protocol)
        try:
            faulty.proxy.passing = BACKGROUND
            struck = fail_at(faulty, Fault(0, "before"), protocol, 100, to, tries)
        finally:
            faulty.proxy.passing = (*BACKGROUND, "route")
        check(faulty, tries)
        accepted = 3 - [400 <= code < 500 for code in tries[-1].codes].count(True)
        if struck == "execute route" and accepted == (2 if protocol == "lmtp" else 0):
            break
        time.sleep(0.02)  # other routes had to be asked for too
    else:
        raise AssertionError(f"never so: {tries[-1]}")
    there = [places(faulty)[tries[-1].mark][address] for address in TO]
    assert there == ([1, 0, 1] if protocol == "lmtp" else [0, 0, 0])


class Submitting:
    """One message after another, to here and elsewhere, of somebody who is logged in."""

    LOCAL = ("user2@alpha.test", "user1@beta.test")
    REMOTE = ("one@elsewhere.example", "two@elsewhere.example")

    def __init__(self, lab, wish=""):
        self.lab = lab
        self.wish = wish
        self.client = None
        self.count = 0

    def connect(self):
        """A session with its login behind it."""
        deadline = time.monotonic() + 60
        while self.client is None:
            assert time.monotonic() < deadline, "nobody can log in again"
            try:
                client = Submitter(self.lab.port("submission"))
                client.hello()
                if client.scram("user1@alpha.test") == (True, 235):
                    self.client = client
            except (OSError, AssertionError, AttributeError):
                time.sleep(0.05)

    def submit(self, fault=None):
        """The code, and of how many local and remote recipients there is something."""
        self.connect()
        self.count += 1
        sender = f"user1+{len(self.wish)}-{self.count}@alpha.test"
        self.mark = mark = f"submitted-{len(self.wish)}-{self.count}@example.org"
        text = f"From: {sender}\r\nMessage-ID: <{mark}>\r\n\r\nbody\r\n"
        self.lab.proxy.arm(fault)
        try:
            code = self.transact(sender, text)
        except OSError:
            code, self.client = NO_ANSWER, None
        there = places(self.lab)[mark]
        local = sum(there[mailbox] for mailbox in self.LOCAL)
        return code, local, len(Spooled.of(self.lab, sender))

    def transact(self, sender, text):
        reply = self.client.ask(f"MAIL FROM:<{sender}>")
        for to in (*self.LOCAL, *self.REMOTE):
            if reply.code == 250:
                reply = self.client.ask(f"RCPT TO:<{to}>{self.wish}")
        if reply.code == 250:
            reply = self.client.data(text)
        else:
            self.client.expect("RSET", 250)
        if reply is None or reply.code == 421:
            self.client = None
        return reply.code if reply is not None else NO_ANSWER

    def reports(self):
        """How many reports there are of the last message: each returns its header."""
        return reports_of(self.lab, self.mark)


def reports_of(lab, mark):
    """In how many mailboxes a report of this message lies."""
    ((count,),) = lab.sql(
        "SELECT count(*) FROM mansio.message_state s JOIN mansio.message m"
        " USING (tenant_id, message_id) JOIN mansio.blob b USING (tenant_id, blob_id)"
        f" WHERE position('{mark}'::bytea IN b.body) > 0"
        " AND position('multipart/report'::bytea IN b.body) > 0"
    )
    return int(count)


@pytest.mark.parametrize("wish", ["", " NOTIFY=SUCCESS,FAILURE"])
def test_a_submission_to_here_and_elsewhere_is_whole_or_not_at_all(
    faulty, wish, long, record_property
):
    """Two tenants' mailboxes and two rows of the spool: all four, or none. And where it was asked
    for, the report that it is so in the sender's."""
    if not (wish or long):
        pytest.skip("only with --long: that with a report has all that is in it")
    faulty.proxy.breaks_all = True
    submitting = Submitting(faulty, wish)
    while submitting.submit()[0] != 250:
        pass
    assert submitting.submit() == (250, 2, 2)
    steps = len(faulty.proxy.disarm())
    seen = collections.Counter()
    fired = 0
    for step, when in itertools.product(range(steps), ("before", "after")):
        for attempt in range(100):
            code, local, remote = submitting.submit(Fault(step, when))
            struck = faulty.proxy.fired
            faulty.proxy.disarm()
            assert (local, remote) in ((0, 0), (2, 2)), f"torn: {step} {when} {struck}"
            told = submitting.reports()
            assert told == int(local > 0 and wish != ""), f"told {told}: {step} {when} {struck}"
            assert code != 250 or local == 2, f"a false 250: {step} {when} {struck}"
            assert code in (250, NO_ANSWER) or 400 <= code < 500, f"{code}: {step} {when} {struck}"
            seen[code, local] += 1
            if struck:
                break
            time.sleep(0.02)  # the daemon hasn't found its database again
        assert struck, f"{step} {when} was never reached"
        fired += 1
    assert seen[451, 0] > 0 and seen[451, 2] > 0  # before the commit, and after it
    faulty.check_invariants()
    print(f"{steps} steps a submission, {fired} faults fired, 0 torn: {dict(seen)}")
    record_property("faults", fired)


def test_a_group_of_messages_fails_together(faulty, long):
    """Sessions that share commits, and the connection lost at one step after the other."""
    faulty.proxy.breaks_all = True
    tries = []
    fired = 0
    for step in range(60 if long else 10):
        for when in ("before", "after"):
            wait_until_taken(faulty)
            done = []

            def session(number, step=step, when=when, done=done):
                mark = f"group-{step}-{when}-{number}@example.org"
                protocol = ("smtp", "lmtp")[number % 2]
                done.append(send(faulty, protocol, mark, to=TO if number % 3 else TO[:1]))

            threads = [threading.Thread(target=session, args=(number,)) for number in range(8)]
            faulty.proxy.arm(Fault(2 * step, when))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            fired += faulty.proxy.fired is not None
            faulty.proxy.disarm()
            assert len(done) == len(threads)
            tries += done
    check(faulty, tries)
    taken = sum(set(done.codes) == {250} for done in tries)
    print(f"{fired} faults fired, {taken} of {len(tries)} messages of eight sessions taken")
    assert fired >= 10 and 0 < taken < len(tries)


def test_no_answer_while_the_database_is_away(faulty):
    """Temporary errors while it is away, and service again without a restart."""
    wait_until_taken(faulty)
    faulty.proxy.down()
    try:
        away = [send(faulty, name, f"away-{name}@example.org") for name in ("smtp", "lmtp")]
        assert all(400 <= code < 500 for done in away for code in done.codes), away
    finally:
        faulty.proxy.up()
    wait_until_taken(faulty)
    assert stored(faulty)["away-smtp@example.org"] == stored(faulty)["away-lmtp@example.org"] == 0


def test_a_database_that_falls_silent(faulty, long):
    """Answers come in the end, and they are "later". What was on its way may still be committed
    when the network comes back, for a message that is then sent again."""
    if not long:
        pytest.skip("only with --long: it waits for time-outs")
    wait_until_taken(faulty)
    tries = []
    threads = [
        threading.Thread(
            target=lambda number=number: tries.append(
                send(faulty, ("smtp", "lmtp")[number % 2], f"silent-{number}@example.org")
            )
        )
        for number in range(6)
    ]
    faulty.proxy.freeze()
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(240)
    finally:
        faulty.proxy.thaw()
    assert len(tries) == len(threads)
    assert all(400 <= code < 500 for done in tries for code in done.codes), tries
    wait_until_taken(faulty)
    check(faulty, tries)


# ---- the checker itself: what it must see, planted


def says(protocol, codes, there, accepted=TO):
    """The judge's words for a try that was made up; `there`: how many entries each mailbox has."""
    entries = collections.Counter(dict(zip(TO, there)))
    wrong = judge(Try("m@example.org", TO, codes, accepted, protocol), entries)
    return wrong.split(":")[0] if wrong else ""


# Over LMTP each recipient is accepted and answered by itself.
ONE, LAST_TWO = TO[:1], TO[1:]
RIGHT = [
    ("smtp", (250, 250, 250), (1, 1, 1), TO),
    ("smtp", (451, 451, 451), (0, 0, 0), TO),
    ("smtp", (451, 451, 451), (1, 1, 1), TO),  # nobody knew whether it was committed
    ("smtp", (0, 0, 0), (1, 1, 1), TO),
    ("smtp", (451, 451, 451), (0, 0, 0), ()),
    ("lmtp", (250, 451, 250), (1, 0, 1), TO),  # left out of the commit
    ("lmtp", (451, 250, 250), (0, 1, 1), LAST_TWO),  # refused at RCPT
    ("lmtp", (250, 451, 451), (1, 0, 0), ONE),
    ("lmtp", (451, 451, 451), (0, 1, 1), LAST_TWO),
    ("lmtp", (451, 0, 0), (0, 1, 1), LAST_TWO),
    ("lmtp", (451, 0, 0), (0, 0, 0), LAST_TWO),
    ("lmtp", (250, 0, 0), (1, 1, 1), TO),
    ("lmtp", (250, 421, 0), (1, 1, 1), TO),
    ("lmtp", (250, 452, 0), (1, 0, 1), TO),
    ("lmtp", (421, 0, 0), (1, 1, 1), TO),
]
WRONG = [
    ("a false 250", "smtp", (250, 250, 250), (0, 0, 0), TO),
    ("a false 250", "smtp", (250, 250, 250), (1, 1, 0), TO),
    ("a false 250", "lmtp", (250, 451, 451), (0, 0, 0), TO),
    ("a false 250", "lmtp", (250, 451, 250), (1, 1, 0), TO),
    ("a false 250", "lmtp", (250, 0, 0), (0, 0, 0), TO),
    ("torn", "smtp", (451, 451, 451), (1, 0, 0), TO),
    ("torn", "smtp", (0, 0, 0), (1, 1, 0), TO),
    ("torn", "smtp", (421, 421, 421), (0, 0, 1), TO),
    ("torn", "lmtp", (451, 451, 451), (1, 0, 1), TO),
    ("torn", "lmtp", (0, 0, 0), (0, 1, 0), TO),
    ("torn", "lmtp", (451, 0, 0), (0, 1, 0), LAST_TWO),
    ("torn", "lmtp", (250, 0, 0), (1, 0, 0), TO),  # a 250 says that it was committed
    ("torn", "lmtp", (250, 0, 421), (1, 1, 0), TO),
    ("torn", "lmtp", (250, 451, 250), (1, 1, 1), TO),  # told to come again with what is there
    ("there more often than it was sent", "smtp", (250, 250, 250), (1, 2, 1), TO),
    ("there more often than it was sent", "smtp", (0, 0, 0), (1, 1, 1), ()),
    ("there more often than it was sent", "lmtp", (451, 250, 250), (1, 1, 1), LAST_TWO),
    ("refused for good", "smtp", (554, 554, 554), (0, 0, 0), TO),
    ("refused for good", "lmtp", (250, 550, 250), (1, 0, 1), LAST_TWO),
]


def test_the_judge_lets_pass_what_is_right():
    for protocol, codes, there, accepted in RIGHT:
        assert says(protocol, codes, there, accepted) == "", (protocol, codes, there, accepted)


def test_the_judge_sees_what_is_wrong():
    for words, protocol, codes, there, accepted in WRONG:
        assert says(protocol, codes, there, accepted) == words, (protocol, codes, there, accepted)


# What a torn commit would leave, and the invariant that must see it. {x} is a message of ours.
TORN = {
    "UPDATE collection_counters SET messages = messages + 1 WHERE account_id = {account}": (
        "counters equal counts"
    ),
    "UPDATE account_state SET bytes = bytes - 1 WHERE account_id = {account}": "usage equals sums",
    "UPDATE collection_counters SET uid_next = 1 WHERE account_id = {account}": (
        "uid_next is beyond every UID"
    ),
    "DELETE FROM message WHERE message_id = {message}": "entries have messages",
    "UPDATE blob SET body = substr(body, 2) WHERE blob_id = {message}": (
        "messages have their bytes, all of them"
    ),
    "DELETE FROM message_state WHERE message_id = {message}": "counters equal counts",
    "UPDATE message SET holders = holders + 1 WHERE message_id = {message}": (
        "holders are those who hold it, or have let go of it"
    ),
}


@pytest.mark.parametrize("torn", TORN)
def test_the_invariants_see_what_is_torn(faulty, torn):
    done = wait_until_taken(faulty, to=TO[:1])
    ((message, account),) = faulty.sql(
        "SELECT s.message_id, s.account_id FROM message_state s JOIN message m"
        f" USING (tenant_id, message_id) WHERE position('{done.mark}'::bytea IN m.structure) > 0"
    )
    faulty.check_invariants()
    assert TORN[torn] in INVARIANTS
    tables = ("account_state", "collection_counters", "message", "message_state", "blob")
    keep = "".join(f"CREATE TABLE kept_{name} AS TABLE {name};" for name in tables)
    back = "".join(
        f"DELETE FROM {name}; INSERT INTO {name} TABLE kept_{name}; DROP TABLE kept_{name};"
        for name in tables
    )
    faulty.sql(f"SET session_replication_role = replica; {keep}")
    try:
        faulty.sql(
            "SET session_replication_role = replica; "
            + torn.format(message=message, account=account)
        )
        with pytest.raises(AssertionError, match=f"not so: {TORN[torn]}"):
            faulty.check_invariants()
    finally:
        faulty.sql(f"SET session_replication_role = replica; BEGIN; {back} COMMIT;")
    faulty.check_invariants()


def test_the_judge_sees_a_lie_in_a_real_server(faulty):
    """A false 250 and a torn state, planted where the daemon would have made them."""
    done = wait_until_taken(faulty)
    check(faulty, [done])
    with pytest.raises(AssertionError, match="a false 250"):
        check(faulty, [done._replace(mark="never-sent@example.org")])
    faulty.sql(
        "DELETE FROM message_state s USING message m WHERE (m.tenant_id, m.message_id)"
        " = (s.tenant_id, s.message_id) AND s.account_id = (SELECT min(t.account_id)"
        " FROM message_state t WHERE (t.tenant_id, t.message_id) = (m.tenant_id, m.message_id))"
        f" AND position('{done.mark}'::bytea IN m.structure) > 0"
    )
    with pytest.raises(AssertionError, match="a false 250"):
        check(faulty, [done])
    with pytest.raises(AssertionError, match="torn"):
        check(faulty, [done._replace(codes=(451, 451, 451))])
