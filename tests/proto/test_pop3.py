"""POP3 as RFC 1939 and its extensions have it, over the store in memory and over PostgreSQL."""

import base64
import poplib
import re

import pytest
from mansio_test.daemon import Daemon
from mansio_test.lab import PASSWORD
from mansio_test.pop3 import Box, lab_box, memory_box, scram
from mansio_test.proc import writable_memory
from mansio_test.wait import until

SHORT = b"Subject: one\r\nFrom: a@example.org\r\n\r\nHello.\r\n"
DOTS = b"Subject: two\r\n\r\n.\r\n..\r\n.dot\r\nlast\r\n"
TOP = b"A: b\r\nC: d\r\n\r\n" + b"".join(b"line %d\r\n" % i for i in range(1, 50))


@pytest.fixture(scope="module")
def memory(install, tmp_path_factory):
    daemon = Daemon(install, tmp_path_factory.mktemp("pop3"))
    try:
        yield memory_box(daemon)
        daemon.stop()
    finally:
        daemon.kill()
    assert "AddressSanitizer" not in daemon.log() and "runtime error:" not in daemon.log()


@pytest.fixture(scope="module")
def postgres(install, pop3_lab):
    return lab_box(pop3_lab, install)


@pytest.fixture(scope="module")
def pop3_lab(make_lab):
    return make_lab("pop3-lab", accounts=100)


@pytest.fixture(params=["memory", "postgres"])
def box(request) -> Box:
    return request.getfixturevalue(request.param)


@pytest.fixture
def make_box(make_daemon):
    return lambda **settings: memory_box(make_daemon(), **settings)


# ---- RFC 1939


def test_greeting_invites_nobody_to_apop(box):
    with box.dialogue() as pop:
        assert pop.greeting.startswith("+OK ")
        assert "<" not in pop.greeting
        pop.err("APOP mrose c4c9334bac560ecc979e58001b3e22fb")


def test_whole_session(box):
    user = box.user(SHORT, DOTS, TOP)
    sizes = [len(SHORT), len(DOTS), len(TOP)]
    with box.dialogue() as pop:
        assert pop.login(user) == "+OK 3 messages"
        assert pop.ok("STAT") == f"+OK 3 {sum(sizes)}"
        assert pop.list("LIST") == [f"{i} {n}" for i, n in enumerate(sizes, 1)]
        assert pop.ok("LIST 2") == f"+OK 2 {sizes[1]}"
        assert pop.retr(1) == SHORT
        assert pop.retr(2) == DOTS
        assert pop.retr(3) == TOP
        pop.ok("DELE 2")
        assert pop.ok("STAT") == f"+OK 2 {sizes[0] + sizes[2]}"
        assert pop.list("LIST") == [f"1 {sizes[0]}", f"3 {sizes[2]}"]
        for command in ("LIST 2", "RETR 2", "DELE 2", "TOP 2 1", "UIDL 2"):
            assert "deleted" in pop.err(command)
        pop.ok("NOOP")
        pop.ok("RSET")
        assert pop.ok("STAT") == f"+OK 3 {sum(sizes)}"
        pop.ok("DELE 1")
        assert pop.ok("QUIT") == "+OK 1 messages removed"
        assert pop.is_closed()
    with box.dialogue() as pop:
        pop.login(user)
        assert pop.retr(1) == DOTS
        assert pop.retr(2) == TOP


def test_fetched_in_a_row(box):
    """What follows is read ahead: it is the same whatever its sizes, and whatever comes between."""
    bodies = [b"%d%s\r\n" % (i, b"\r\n.x" * (i * 397 % 9001)) for i in range(1, 31)]
    bodies[7] = b"large\r\n" + (b"y" * 70 + b"\r\n") * 2000
    bodies[8] = b"larger\r\n" + (b"z" * 70 + b"\r\n") * 4000
    messages = [b"Subject: %d\r\n\r\n" % i + body for i, body in enumerate(bodies)]
    user = box.user(*messages)
    with box.dialogue() as pop:
        pop.login(user)
        for number, message in enumerate(messages, 1):
            assert pop.retr(number) == message, number
            if number == 3:
                pop.ok("DELE 5")
            if number == 4:
                pop.err("RETR 5")
                pop.ok("RSET")
        for number in (2, 3, 4, 20, 21, 2, 3, 3, 4, 30, 1, 2):
            assert pop.retr(number) == messages[number - 1], number


def test_nothing_is_removed_without_quit(box):
    """RFC 1939 6: a session that ends otherwise MUST NOT remove any messages."""
    user = box.user(SHORT, DOTS)
    with box.dialogue() as pop:
        pop.login(user)
        pop.ok("DELE 1")
        pop.ok("DELE 2")
    def again():
        with box.dialogue() as pop:
            pop.ok(f"USER {user}")
            return "IN-USE" not in pop.ask(f"PASS {PASSWORD}") and pop.ok("STAT")
    assert until("the lock is free", again) == f"+OK 2 {len(SHORT) + len(DOTS)}"


def test_empty_maildrop(box):
    with box.dialogue() as pop:
        pop.login(box.user())
        assert pop.ok("STAT") == "+OK 0 0"
        assert pop.list("LIST") == []
        assert pop.list("UIDL") == []
        pop.err("RETR 1")
        pop.ok("QUIT")


@pytest.mark.parametrize("lines", [0, 1, 2, 48, 49, 1000, 10**30])
def test_top(box, lines):
    user = box.user(TOP)
    header, _, body = TOP.partition(b"\r\n\r\n")
    wanted = header + b"\r\n\r\n" + b"".join(body.splitlines(True)[:lines])
    with box.dialogue() as pop:
        pop.login(user)
        pop.ok(f"TOP 1 {lines}")
        assert pop.raw() == wanted
        pop.ok("QUIT")


def test_uidl_is_stable_and_never_given_again(box):
    """RFC 1939 7: 1 to 70 characters of 0x21 to 0x7E, the same in every session."""
    user = box.user(SHORT, DOTS, TOP)
    with box.dialogue() as pop:
        pop.login(user)
        before = pop.list("UIDL")
        assert [line.split()[0] for line in before] == ["1", "2", "3"]
        ids = [line.split()[1] for line in before]
        assert len(set(ids)) == 3
        assert all(re.fullmatch(r"[!-~]{1,70}", each) for each in ids)
        assert pop.ok("UIDL 2") == f"+OK {before[1]}"
        pop.ok("DELE 3")
        pop.ok("QUIT")
    box.load(user, SHORT)
    with box.dialogue() as pop:
        pop.login(user)
        after = [line.split()[1] for line in pop.list("UIDL")]
        assert after[:2] == ids[:2]
        assert after[2] not in ids
        pop.ok("QUIT")


def test_the_view_is_that_of_login(box):
    user = box.user(SHORT)
    with box.dialogue() as pop:
        pop.login(user)
        box.load(user, DOTS)
        assert pop.ok("STAT") == f"+OK 1 {len(SHORT)}"
        pop.ok("QUIT")
    with box.dialogue() as pop:
        pop.login(user)
        assert pop.ok("STAT") == f"+OK 2 {len(SHORT) + len(DOTS)}"
        pop.ok("QUIT")


def test_one_session_at_a_time(box):
    """RFC 1939 4: exclusive access; RFC 2449 8.1.2: [IN-USE]."""
    user = box.user(SHORT)
    with box.dialogue() as first, box.dialogue() as second:
        first.login(user)
        second.ok(f"USER {user}")
        assert second.err(f"PASS {PASSWORD}").startswith("-ERR [IN-USE]")
        assert second.is_closed()
        first.ok("QUIT")
    with box.dialogue() as third:
        third.login(user)
        third.ok("QUIT")


@pytest.mark.parametrize(
    "command",
    [
        "", " ", "FROB", "RETR", "RETR 0", "RETR 2", "RETR x", "RETR -1", "RETR 4294967297",
        "RETR 1 2", "DELE", "LIST 1 2", "TOP 1", "TOP 1 x", "TOP 1 -1", "STAT now", "UIDL 9",
        "USER again", "PASS again", "AUTH PLAIN", "STLS", "X" * 600,
    ],
)  # fmt: skip
def test_bad_commands_are_refused_and_forgiven(box, command):
    user = box.user(SHORT)
    with box.dialogue() as pop:
        pop.login(user)
        pop.err(command)
        assert pop.retr(1) == SHORT
        pop.ok("QUIT")


def test_before_login_nothing_is_seen(box):
    with box.dialogue() as pop:
        for command in ("STAT", "LIST", "RETR 1", "DELE 1", "TOP 1 1", "UIDL", "NOOP", "RSET"):
            assert pop.err(command) == "-ERR Log in first"
        pop.ok("QUIT")
        assert pop.is_closed()


def test_nul_and_lone_cr_are_no_command(box):
    with box.dialogue() as pop:
        pop.send(b"CAPA\0\r\n")
        assert pop.line().startswith("-ERR")
        pop.send(b"CA\rPA\r\n")
        assert pop.line().startswith("-ERR")
        pop.send(b"quit\n")
        assert pop.line().startswith("+OK")


def test_pipelining(box):
    """RFC 2449 6.6: commands may come at once, their answers come in order."""
    user = box.user(SHORT, DOTS)
    with box.dialogue() as pop:
        pop.send(f"USER {user}\r\nPASS {PASSWORD}\r\nSTAT\r\nRETR 1\r\nDELE 2\r\nNOOP\r\n".encode())
        assert pop.line().startswith("+OK")
        assert pop.line() == "+OK 2 messages"
        assert pop.line().startswith("+OK 2 ")
        assert pop.line() == f"+OK {len(SHORT)} octets"
        assert pop.raw() == SHORT
        assert pop.line().startswith("+OK")
        assert pop.line().startswith("+OK")
        pop.ok("RSET")
        pop.ok("QUIT")


def test_every_split_of_a_dialogue(box):
    """Cut anywhere, a dialogue gives the same answers."""
    user = box.user(SHORT)
    said = f"CAPA\r\nUSER {user}\r\nPASS {PASSWORD}\r\nUIDL\r\nTOP 1 0\r\nRETR 1\r\nQUIT\r\n".encode()
    answers = set()
    for at in range(0, len(said), 3):
        with box.dialogue() as pop:
            pop.send(said[:at])
            pop.send(said[at:])
            answers.add(pop.file.read())
    assert len(answers) == 1


def test_who_lost_the_lock_removes_nothing(postgres, pop3_lab):
    """A lease may end while its holder still lives (a stopped process, a clock): then another
    session has the maildrop, and this one has no say any more."""
    user = postgres.user(SHORT, DOTS)
    with postgres.dialogue() as pop:
        pop.login(user)
        pop.ok("DELE 1")
        until("one lease", lambda: pop_leases(pop3_lab) == 1)  # sessions before may still give back
        pop3_lab.sql("UPDATE mansio.lease SET fence = fence + 1, holder = 'x' WHERE name LIKE 'pop3/%'")
        assert pop.err("QUIT").startswith("-ERR [SYS/TEMP] The lock on the maildrop was lost")
        assert pop.is_closed()
    pop3_lab.sql("DELETE FROM mansio.lease WHERE name LIKE 'pop3/%'")
    with postgres.dialogue() as pop:
        assert pop.login(user) == "+OK 2 messages"
        pop.ok("QUIT")
    assert pop_leases(pop3_lab) == 0


def test_killed_session_leaves_no_lock(postgres, pop3_lab):
    """What a session gives back on its way out reaches the database, cancelled as it is."""
    user = postgres.user(SHORT)
    with postgres.dialogue() as pop:
        pop.login(user)
        until("one lease", lambda: pop_leases(pop3_lab) == 1)
        pop3_lab.node.mansioctl("sessions", "kill", user)
        assert pop.line().startswith("-ERR [SYS/TEMP] ")
        assert pop.is_closed()
    until("it is given back", lambda: pop_leases(pop3_lab) == 0)  # whoever is sent away doesn't wait
    with postgres.dialogue() as pop:
        assert pop.login(user) == "+OK 1 messages"
        pop.ok("QUIT")
    assert pop_leases(pop3_lab) == 0


def pop_leases(lab):
    return len(lab.sql("SELECT name FROM mansio.lease WHERE name LIKE 'pop3/%' AND expires > now()"))


# ---- messages


def test_messages_come_back_byte_for_byte(box):
    messages = [
        b"",
        b"\r\n",
        b"A: b\r\n\r\n" + b"x" * 5000 + b"\r\n",
        b"A: b\r\n\r\n" + bytes(i for i in range(256) if i not in (10, 13)) * 9 + b"\r\n",
        b"A: b\r\n\r\nlone\rCR\r\n",
        b"A: b\r\n\r\n" + b".\r\n" * 3000,
    ]
    user = box.user(*messages)
    with box.dialogue() as pop:
        pop.login(user)
        assert pop.list("LIST") == [f"{i} {len(m)}" for i, m in enumerate(messages, 1)]
        for number, message in enumerate(messages, 1):
            assert pop.retr(number) == message
        pop.ok("QUIT")


def test_line_ends_are_made_whole(box):
    """RFC 1939 3: each line ends with CRLF, whatever got into the mailbox."""
    user = box.user(b"A: b\n\n.c\nlast")
    with box.dialogue() as pop:
        pop.login(user)
        assert pop.retr(1) == b"A: b\r\n\r\n.c\r\nlast\r\n"
        pop.ok("QUIT")


def test_big_message_in_slices(box):
    """Larger than any slice, with dots and line ends across their borders."""
    body = b"".join(b".%07d\r\n" % i for i in range(600_000))
    message = b"Subject: big\r\n\r\n" + body
    user = box.user(message)
    with box.dialogue() as pop:
        pop.login(user)
        assert pop.retr(1) == message
        pop.ok("TOP 1 3")
        assert pop.raw() == b"Subject: big\r\n\r\n" + body[:30]
        pop.ok("QUIT")


def test_many_messages(box):
    user = box.user(*[b"Subject: %d\r\n\r\n" % i for i in range(1200)])
    with box.dialogue() as pop:
        pop.login(user)
        assert len(pop.list("LIST")) == 1200
        for number in range(1, 1201, 2):
            pop.send(b"DELE %d\r\n" % number)
        for _ in range(600):
            assert pop.line().startswith("+OK")
        assert len(pop.list("UIDL")) == 600
        assert pop.ok("QUIT") == "+OK 600 messages removed"
    with box.dialogue() as pop:
        pop.login(user)
        assert [pop.retr(i) for i in (1, 600)] == [b"Subject: 1\r\n\r\n", b"Subject: 1199\r\n\r\n"]
        pop.ok("QUIT")


# ---- login, CAPA, TLS


def test_capabilities_before_and_after(box):
    user = box.user(SHORT)
    with box.dialogue("strict") as pop:
        before = pop.capabilities()
        assert "USER" not in before and "STLS" in before
        assert before["EXPIRE"] == ["NEVER"]
        assert before["IMPLEMENTATION"] == ["Mansio"]
        assert {"TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE"} <= set(before)
        assert "PLAIN" not in before.get("SASL", [])
        assert pop.err(f"USER {user}") == "-ERR No password in the clear: STLS first"
        pop.err(f"PASS {PASSWORD}")
        pop.start_tls(box.trusted())
        after = pop.capabilities()
        assert "USER" in after and "STLS" not in after
        assert "PLAIN" in after["SASL"]
        pop.login(user)
        assert pop.retr(1) == SHORT
        pop.ok("QUIT")


def test_what_came_before_tls_is_forgotten(box):
    """RFC 2595 4: commands pipelined behind STLS in the clear are never run."""
    user = box.user(SHORT)
    with box.dialogue("pop3") as pop:
        pop.ok(f"USER {user}")
        pop.send(b"STLS\r\nCAPA\r\n")
        assert pop.line().startswith("+OK")
        pop.file.close()
        pop.socket = box.trusted().wrap_socket(pop.socket, server_hostname="localhost")
        pop.file = pop.socket.makefile("rb")
        assert pop.err(f"PASS {PASSWORD}") == "-ERR USER first"
        pop.login(user)
        pop.ok("QUIT")


def test_implicit_tls_by_poplib(box):
    user = box.user(SHORT, DOTS)
    pop = poplib.POP3_SSL("localhost", box.ports["pop3s"], context=box.trusted(), timeout=60)
    assert b"STLS" not in pop.capa()
    pop.user(user)
    pop.pass_(PASSWORD)
    assert pop.stat() == (2, len(SHORT) + len(DOTS))
    assert b"\r\n".join(pop.retr(2)[1]) + b"\r\n" == DOTS
    pop.quit()


def test_wrong_credentials(box):
    """RFC 3206: [AUTH], the same for those who are there and those who aren't."""
    user = box.user(SHORT)
    answers = set()
    for name, password in ((user, "wrong"), ("nobody@alpha.test", PASSWORD), ("x", "y")):
        with box.dialogue() as pop:
            pop.ok(f"USER {name}")
            answers.add(pop.err(f"PASS {password}"))
            pop.login(user)
            pop.ok("QUIT")
    assert len(answers) == 1
    assert answers.pop().startswith("-ERR [AUTH] ")


def test_closed_after_three_failures(box):
    with box.dialogue() as pop:
        for _ in range(3):
            pop.ok("USER nobody@alpha.test")
            pop.err("PASS wrong")
        assert pop.is_closed()


def test_closed_after_too_many_bad_commands(box):
    with box.dialogue() as pop:
        for _ in range(19):
            pop.err("FROB")
        pop.send(b"FROB\r\n")
        assert pop.line() == "-ERR Unknown command"
        assert pop.line() == "-ERR Too many bad commands"
        assert pop.is_closed()


def test_passwords_dont_stay_in_memory(make_daemon, install):
    """A core dump, or who reads freed memory, finds none of those that were tried."""
    if install.is_sanitized:
        pytest.skip("the sanitizer's own areas are terabytes, and hold freed memory on purpose")
    daemon = make_daemon()
    box = memory_box(daemon)
    user = box.user(SHORT)
    tried = [f"battery-staple-{number}-{way}" for number in range(3) for way in ("pass", "plain")]
    said = [base64.b64encode(f"\0{user}\0{word}".encode()) for word in tried]
    for listener in ("pop3", "pop3s"):
        with box.dialogue(listener) as pop:
            pop.ok(f"USER {user}")
            pop.err(f"PASS {tried[0]}")
            pop.err(f"AUTH PLAIN {said[1].decode()}")
            pop.ok("QUIT")
            assert pop.is_closed()
    until("both have ended", lambda: not daemon.sessions())
    held = writable_memory(daemon.workers()[0]["pid"])
    assert not [word for word in [word.encode() for word in tried] + said if word in held]


def test_closed_after_too_many_exchanges_broken_off(box):
    """A challenge costs the directory a question, so it isn't to be had for nothing for ever."""
    user = box.user(SHORT)
    first = base64.b64encode(f"n,,n={user},r=abcdefgh".encode()).decode()
    with box.dialogue() as pop:
        for _ in range(20):
            assert pop.ask(f"AUTH SCRAM-SHA-256 {first}").startswith("+ ")
            assert pop.err("*") == "-ERR Cancelled"
        assert pop.line() == "-ERR Too many bad commands"
        assert pop.is_closed()


@pytest.mark.parametrize("initial", [True, False])
def test_scram(box, initial):
    user = box.user(SHORT)
    with box.dialogue() as pop:
        assert "SCRAM-SHA-256" in pop.capabilities()["SASL"]
        assert scram(pop, user, "wrong", initial).startswith("-ERR [AUTH] ")
        assert scram(pop, user, PASSWORD, initial) == "+OK 1 messages"
        assert pop.retr(1) == SHORT
        pop.ok("QUIT")


@pytest.mark.parametrize("initial", [True, False])
def test_plain(box, initial):
    user = box.user(SHORT)
    words = base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode()
    with box.dialogue("pop3s") as pop:
        if initial:
            assert pop.ok(f"AUTH PLAIN {words}") == "+OK 1 messages"
        else:
            assert pop.ask("auth plain") == "+ "
            assert pop.ok(words) == "+OK 1 messages"
        pop.ok("QUIT")


def test_auth_can_be_cancelled_and_refused(box):
    """RFC 5034 4: "*" cancels; what isn't base64, or offered, is refused; the session goes on."""
    user = box.user(SHORT)
    with box.dialogue("pop3s") as pop:
        assert pop.ask("AUTH PLAIN") == "+ "
        assert pop.err("*") == "-ERR Cancelled"
        pop.err("AUTH FROB")
        assert pop.ask("AUTH PLAIN") == "+ "
        pop.err("not base64!")
        pop.login(user)
        pop.ok("QUIT")
    with box.dialogue("pop3s") as pop:
        pop.err("AUTH PLAIN =")
        pop.err("AUTH")
        pop.login(user)
        pop.ok("QUIT")


def test_no_plain_without_tls(box):
    words = base64.b64encode(f"\0user1@alpha.test\0{PASSWORD}".encode()).decode()
    with box.dialogue("strict") as pop:
        pop.err(f"AUTH PLAIN {words}")


def test_passwords_may_hold_spaces(make_box):
    """RFC 1939 7: a server may treat spaces in the argument of PASS as part of it."""
    box = make_box(stored="{PLAIN}two  words ")
    user = box.user(SHORT)
    with box.dialogue() as pop:
        pop.login(user, "two  words ")
        pop.ok("QUIT")


# ---- ends


def test_silence_ends_without_a_word(make_box):
    """RFC 1939 3: the autologout sends nothing and removes nothing."""
    box = make_box(timeout="2s", login_timeout="2s")
    user = box.user(SHORT)
    with box.dialogue() as pop:
        assert pop.is_closed()
    with box.dialogue() as pop:
        pop.login(user)
        pop.ok("DELE 1")
        assert pop.is_closed()
    with box.dialogue() as pop:
        pop.login(user)
        assert pop.ok("STAT") == f"+OK 1 {len(SHORT)}"
        pop.ok("QUIT")


def test_reload_lets_transactions_finish(make_daemon):
    daemon = make_daemon()
    box = memory_box(daemon)
    user = box.user(SHORT)
    with box.dialogue() as stranger, box.dialogue() as pop:
        pop.login(user)
        daemon.ctl("reload", "--force")
        assert stranger.line().startswith("-ERR [SYS/TEMP] ")
        assert stranger.is_closed()
        assert pop.retr(1) == SHORT
        pop.ok("DELE 1")
        assert pop.ok("QUIT") == "+OK 1 messages removed"


def test_killed_session_is_told(make_daemon):
    daemon = make_daemon()
    box = memory_box(daemon)
    user = box.user(SHORT)
    with box.dialogue() as pop:
        pop.login(user)
        daemon.ctl("sessions", "kill", daemon.sessions("--service", "pop3")[0]["id"])
        assert pop.line() == "-ERR [SYS/TEMP] Ended by an administrator"
        assert pop.is_closed()


def test_log_and_metrics(make_daemon):
    daemon = make_daemon()
    box = memory_box(daemon)
    user = box.user(SHORT, DOTS)
    with box.dialogue() as pop:
        pop.login(user)
        pop.retr(1)
        pop.ok("DELE 1")
        pop.ok("QUIT")
    daemon.wait_log("event=maildrop" if "event=" in daemon.log() else "maildrop")
    line = next(row for row in daemon.log().splitlines() if "maildrop " in row)
    assert f"user={user}" in line and "retrieved=1" in line and "deleted=1" in line
    assert PASSWORD not in daemon.log()
    assert daemon.metric("mansio_pop3_logins_total") == 1
    assert daemon.metric("mansio_pop3_retrieved_total") == 1
    assert daemon.metric("mansio_pop3_deleted_total") == 1
    assert daemon.metric("mansio_pop3_sent_bytes_total") == len(SHORT)
