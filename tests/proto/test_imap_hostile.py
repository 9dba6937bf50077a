"""What a hostile IMAP client does to wear a worker down or to lose it: everyone else is served meanwhile,
and the client's own next command is still understood."""

import time

import pytest
from mansio_test.daemon import Daemon
from mansio_test.imap import memory_box

LONG = b"x" * 60_000
LONG_ENOUGH_S = 5  # each took 20 s and more where its work grew with the square of what was asked


@pytest.fixture(scope="module")
def box(install, tmp_path_factory):
    daemon = Daemon(install, tmp_path_factory.mktemp("imap-hostile"))
    try:
        yield memory_box(daemon, bad_commands=1000)
        daemon.stop()
    finally:
        daemon.kill()
    assert "AddressSanitizer" not in daemon.log() and "runtime error:" not in daemon.log()


def ask_quickly(imap, command):
    began = time.monotonic()
    untagged = imap.ok(command)
    assert time.monotonic() - began < LONG_ENOUGH_S
    return untagged


def test_a_command_that_becomes_too_long_behind_a_literal_gets_its_own_tag(box):
    """RFC 3501 2.2.1: the tag was read before the text had to be moved."""
    with box.dialogue() as imap:
        imap.send(b"a1 LOGIN {1+}\r\nx " + LONG + b"y" * 10_000 + b"\r\na2 NOOP\r\n")
        assert imap.reply() == b"a1 BAD Expected a shorter command"
        assert imap.reply().startswith(b"a2 OK ")


def test_literals_without_end_behind_a_refused_append_are_read_past(box):
    """RFC 7888 4. They come to more than the memory of a command, and none is taken for one."""
    with box.dialogue() as imap:
        imap.login(box.user())
        imap.send(b"a1 APPEND nosuch {1+}\r\ny")
        for _ in range(300):
            imap.send(b" " + LONG + b"{1+}\r\ny")
        imap.send(b" end\r\na2 NOOP\r\n")
        assert imap.reply().startswith(b"a1 NO [TRYCREATE] ")
        assert imap.reply().startswith(b"a2 OK ")


def test_nobody_fills_the_log_by_id(box):
    with box.dialogue() as imap:
        for i in range(100):
            imap.ok(f'ID ("name" "filler" "version" "{i}")')
    assert box.log().count("name=filler") == 1


def test_many_names_of_fields_of_a_long_header(box):
    """A quarter of a million lines, and as many names as a section may have, eight times."""
    lines = [b"%c%c:\r\n" % (97 + i % 26, 97 + i // 26 % 26) for i in range(190_000)]
    with box.dialogue() as imap:
        imap.login(box.user(b"".join(lines) + b"Zz: last\r\n\r\nbody\r\n"))
        imap.ok("EXAMINE INBOX")
        section = b"BODY.PEEK[HEADER.FIELDS (" + b"q1 " * 1000 + b"zZ)]"
        (answer,) = ask_quickly(imap, b"FETCH 1 (" + b" ".join([section] * 8) + b")")
        assert answer.count(b"Zz: last\r\n") == 8


@pytest.mark.parametrize("people", [800, 3500])
def test_many_messages_with_large_structures(box, people):
    """What many recipients take of a batch leaves room for the bytes, however many messages there are."""
    to = b",\r\n ".join(b"n%d <user%d@example.org>" % (i, i) for i in range(people))
    with box.dialogue() as imap:
        imap.login(box.user(*[b"To: " + to + b"\r\n\r\nbody\r\n"] * 40))
        imap.ok("EXAMINE INBOX")
        answers = imap.ok("FETCH 1:* (ENVELOPE BODY.PEEK[HEADER])")
        assert len(answers) == 40 and all(to in answer for answer in answers)


def test_many_questions_about_long_fields(box):
    """Five hundred keys about a To field with thousands of encoded names."""
    people = [b"=?utf-8?Q?n=C3=A4me%d?= <user%d@example.org>" % (i, i) for i in range(3500)]
    message = b"To: " + b",\r\n ".join(people) + b"\r\n\r\nbody\r\n"
    with box.dialogue() as imap:
        imap.login(box.user(*[message] * 4))
        imap.ok("EXAMINE INBOX")
        keys = b" ".join(b"TO n\xc3\xa4me%d" % i for i in range(500)).replace(b"TO ", b'TO "')
        keys = keys.replace(b" TO", b'" TO') + b'"'
        assert ask_quickly(imap, b"SEARCH CHARSET utf-8 " + keys) == [b"SEARCH 1 2 3 4"]
        assert ask_quickly(imap, b"SEARCH NOT (" + b"TO nobody " * 500 + b"TO no)") == [
            b"SEARCH 1 2 3 4"
        ]
