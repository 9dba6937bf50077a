"""The text of a message on its way in: where it ends, what it may hold, DATA and BDAT."""

import os
import random

import pytest
from mansio_test.wait import until

HEADER = b"Subject: x\r\n\r\n"
MODES = ("mx", "lmtp")


@pytest.fixture
def mail(post):
    return post.start()


# ---- the end


SMUGGLING = {
    "LF . LF": b"\n.\n",
    "LF . CRLF": b"\n.\r\n",
    "CRLF . LF": b"\r\n.\n",
    "CRLF . CR": b"\r\n.\r",
    "CR . CRLF": b"\r.\r\n",
    "CR . CR": b"\r.\r",
    "CR . LF": b"\r.\n",
    "CRLF . CRCRLF": b"\r\n.\r\r\n",
    "CRCRLF . CRLF": b"\r\r\n.\r\n",
    "CRLF NUL . CRLF": b"\r\n\0.\r\n",
    "CRLF . NUL CRLF": b"\r\n.\0\r\n",
    "CR NUL LF . CRLF": b"\r\0\n.\r\n",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", SMUGGLING)
def test_rfc5321_4_1_1_4_only_crlf_dot_crlf_ends_a_message(mail, mode, form):
    """RFC 5321 2.3.8: a lone CR or LF is no line end. What would be a second message to a laxer
    server stays inside the first, which is refused after its real end."""
    inner = (
        b"MAIL FROM:<admin@alpha.test>\r\nRCPT TO:<user2@alpha.test>\r\nDATA\r\n"
        b"Subject: smuggled\r\n\r\nboo\r\n.\r\n"
    )
    with mail.client(mode) as client:
        client.envelope()
        client.expect("DATA", 354)
        client.send(HEADER + b"a" + SMUGGLING[form] + inner)
        if form == "CRCRLF . CRLF":
            # The CRLF before this dot is a true one, so here the message ends, refused; what
            # follows is a pipelined transaction of the client's own.
            assert client.reply().code == 554
            client.replies(3)
            client.expect("RSET", 250)
        else:
            reply = client.reply()
            assert (reply.code, reply.status) == (554, "5.6.0")
        client.expect("NOOP", 250)
    if form != "CRCRLF . CRLF":
        assert mail.delivered() == []


@pytest.mark.parametrize("fault", [b"a\rb", b"a\nb", b"a\0b", b"\n", b"x" * 999, b"\0"])
def test_faults_are_refused_after_the_end_and_leave_the_dialogue_whole(mail, fault):
    with mail.client() as client:
        client.envelope()
        assert client.data(HEADER + fault + b"\r\n").code == 554
        client.envelope()
        assert client.data(HEADER + b"fine\r\n").code == 250
    (one,) = mail.delivered()
    assert one.bytes.endswith(HEADER + b"fine\r\n")
    until("counted", lambda: mail.daemon.metric("mansio_smtp_content_faults_total") == 1)


def test_rfc5321_4_5_3_1_6_lines_of_1000_octets_and_no_longer(mail):
    with mail.client() as client:
        client.envelope()
        # The dot that is put before a line doesn't count.
        longest = HEADER + b"x" * 998 + b"\r\n" + b"." + b"y" * 997 + b"\r\n"
        assert client.data(longest).code == 250
        client.envelope()
        reply = client.data(HEADER + b"x" * 999 + b"\r\n")
        assert (reply.code, reply.status) == (554, "5.6.0")
        client.envelope()
        assert client.data(HEADER + b"x" * 300000 + b"\r\n").code == 554
    (one,) = mail.delivered()
    assert one.bytes.endswith(longest)


def test_longer_lines_when_allowed(post):
    text = HEADER + b"x" * 200000 + b"\r\n"
    with post.set(line_max=262144).start().client() as client:
        client.envelope()
        assert client.data(text).code == 250
    assert post.delivered()[0].bytes.endswith(text)


def test_rfc5321_4_5_2_transparency(mail):
    rng = random.Random(7)
    with mail.client() as client:
        for _ in range(40):
            lines = [b"".join(rng.choices([b".", b"a", b""], k=4)) for _ in range(rng.randrange(9))]
            text = HEADER + b"".join(line + b"\r\n" for line in lines)
            client.envelope()
            assert client.data(text).code == 250
            (one,) = mail.take()
            assert one.bytes.endswith(b"\r\n" + text)


def test_an_empty_message(mail):
    with mail.client() as client:
        client.envelope()
        assert client.data(b"").code == 250
    assert mail.delivered()[0].bytes.endswith(b"+0000\r\n")


@pytest.mark.parametrize("size", [5000, 70000, 1 << 20, 3 << 20])
def test_sizes_in_memory_and_beyond(mail, size):
    text = HEADER + (b"0123456789" * 7 + b"\r\n") * (size // 72)
    with mail.client() as client:
        client.envelope()
        client.expect("DATA", 354)
        client.send(text + b".\r\nVRFY x\r\nRSET\r\n")  # what is behind the text isn't lost
        assert client.codes(3) == [250, 252, 250]
        client.envelope()
        client.send(b"BDAT %d LAST\r\n" % len(text) + text + b"VRFY x\r\n")
        assert client.codes(2) == [250, 252]
    for one in mail.delivered():
        assert one.bytes.endswith(text)


# ---- size


@pytest.mark.parametrize("mode", MODES)
def test_rfc1870_6_3_an_oversized_message_is_read_to_its_end_and_refused(post, mode):
    post.set(message_size_max=65536).start()
    body = (b"x" * 70 + b"\r\n") * 2000
    with post.client(mode) as client:
        client.envelope("user1@alpha.test", "user2@alpha.test")
        assert client.data(HEADER + body).code == 552
        if mode == "lmtp":
            assert client.reply().status == "5.3.4"
        client.envelope()
        client.send(b"BDAT %d\r\n" % len(body) + body)
        reply = client.reply()
        assert (reply.code, reply.status) == (552, "5.3.4")
        client.send(b"BDAT 2 LAST\r\n\r\n")
        assert client.reply().code == 552
        client.envelope()
        exact = HEADER + (b"x" * 62 + b"\r\n") * 1023
        exact += b"y" * (65536 - len(exact) - 2) + b"\r\n"
        assert client.data(exact).code == 250
        client.envelope()
        assert client.data(b"z" + exact).code == 552
    assert len(post.delivered()) == 1


# ---- BDAT


@pytest.mark.parametrize("mode", MODES)
def test_rfc3030_chunks_make_a_message(mail, mode):
    with mail.client(mode) as client:
        client.envelope()
        client.send(b"BDAT 14\r\n" + HEADER + b"BDAT 0\r\n" + b"BDAT 5\r\n.\r\na\r")
        assert client.codes(3) == [250, 250, 250]
        client.send(b"BDAT 6 LAST\r\n\n..b\r\n" + b"NOOP\r\n")
        assert client.codes(2) == [250, 250]
        # Without a final CRLF, and in one last chunk of nothing.
        client.envelope()
        client.send(b"BDAT 16\r\n" + HEADER + b"ab")
        client.send(b"BDAT 0 LAST\r\n")
        assert client.codes(2) == [250, 250]
    first, second = mail.delivered()
    assert first.bytes.endswith(HEADER + b".\r\na\r\n..b\r\n")
    assert second.bytes.endswith(HEADER + b"ab\r\n")


def test_rfc3030_2_a_refused_chunk_is_read_to_its_last_byte(mail):
    """MUST accept and discard: its bytes are never commands."""
    chunk = b"QUIT\r\nQUIT\r\n"
    for before in ([], ["MAIL FROM:<a@example.org>"]):
        with mail.client() as client:
            for line in before:
                client.expect(line, 250)
            client.send(b"BDAT 12\r\n" + chunk + b"BDAT 12 LAST\r\n" + chunk + b"NOOP\r\n")
            assert client.codes(3) == [503, 503, 250]
    with mail.client(hello=False) as client:
        client.send(b"BDAT 12\r\n" + chunk + b"NOOP\r\n")
        assert client.codes(2) == [503, 250]
    with mail.client() as client:  # after a DATA of its own the transaction is over
        client.envelope()
        assert client.data(HEADER).code == 250
        client.send(b"BDAT 12 LAST\r\n" + chunk + b"NOOP\r\n")
        assert client.codes(2) == [503, 250]


def test_rfc3030_2_no_data_after_bdat(mail):
    with mail.client() as client:
        client.envelope()
        client.send(b"BDAT 14\r\n" + HEADER)
        assert client.reply().code == 250
        client.expect("DATA", 503, "5.5.1")
        client.expect("MAIL FROM:<b@example.org>", 503)
        client.expect("RCPT TO:<user2@alpha.test>", 503)
        client.expect("RSET", 250)
        client.expect("DATA", 503)
        client.envelope("user3@alpha.test")
        client.send(b"BDAT 14 LAST\r\n" + HEADER)
        assert client.reply().code == 250
    (one,) = mail.delivered()
    assert one.account == 3 and one.bytes.count(HEADER) == 1


@pytest.mark.parametrize("size", ["", "x", "-1", "1x", "1 FIRST", "18446744073709551616", "0x10"])
def test_a_chunk_whose_size_is_unknown_ends_the_conn(mail, size):
    """There is no telling where it ends, so nothing behind it may be a command."""
    with mail.client() as client:
        client.envelope()
        client.send(f"BDAT {size}\r\nRSET\r\nMAIL FROM:<b@example.org>\r\n".encode())
        assert client.reply().code == 501
        if size:
            assert client.reply().code == 421
            assert client.is_ended()


def test_faults_in_chunks(mail):
    with mail.client() as client:
        for chunk in (b"a\nb\r\n", b"a\rb\r\n", b"a\0b\r\n", b"a\r", b"x" * 1001):
            client.envelope()
            client.send(b"BDAT %d\r\n" % len(HEADER) + HEADER)
            client.send(b"BDAT %d LAST\r\n" % len(chunk) + chunk)
            first, last = client.replies(2)
            assert first.code == 250
            assert (last.code, last.status) == (554, "5.6.0"), chunk
        client.envelope()
        client.send(b"BDAT 3\r\na\nbBDAT 3\r\nabcBDAT 2 LAST\r\n\r\n")
        assert client.codes(3) == [554, 554, 554]
        client.expect("NOOP", 250)
    assert mail.delivered() == []


def test_rfc2033_4_3_bdat_last_answers_each_recipient(mail):
    with mail.client("lmtp") as client:
        client.envelope("user1@alpha.test", "late@alpha.test", "user1@alpha.test")
        client.send(b"BDAT 14 LAST\r\n" + HEADER)
        assert client.codes(3) == [250, 452, 250]
        client.expect("MAIL FROM:<a@example.org>", 250)
        client.expect("RCPT TO:<nobody@alpha.test>", 550)
        # No recipient: zero replies.
        client.send(b"BDAT 14 LAST\r\n" + HEADER + b"NOOP\r\n")
        assert client.reply().status == "2.0.0"
        client.expect("MAIL FROM:<a@example.org>", 250)


def test_chunks_cut_at_random(mail):
    rng = random.Random(11)
    text = HEADER + b"".join(b"%d" % i * (i % 30) + b"\r\n" for i in range(300))
    with mail.client() as client:
        for _ in range(20):
            client.envelope()
            rest, wire, count = text, b"", 0
            while rest:
                size = rng.randrange(len(rest) // 2 + 2)
                last = b" LAST" if size >= len(rest) else b""
                piece, rest = rest[:size], rest[size:]
                wire += b"BDAT %d%s\r\n" % (len(piece), last) + piece
                count += 1
            while wire:
                size = rng.randrange(2000) + 1
                client.send(wire[:size])
                wire = wire[size:]
            assert set(client.codes(count)) == {250}
            (one,) = mail.take()
            assert one.bytes.endswith(b"\r\n" + text)


# ---- nothing is left of what isn't finished


@pytest.mark.parametrize("how", ["data", "bdat"])
def test_a_client_that_goes_in_mid_message_leaves_nothing(mail, how):
    worker = mail.daemon.workers()[0]["pid"]
    descriptors = len(os.listdir(f"/proc/{worker}/fd"))
    for _ in range(5):
        client = mail.client()
        client.envelope()
        if how == "data":
            client.expect("DATA", 354)
            client.send(HEADER + (b"x" * 70 + b"\r\n") * 20000)
        else:
            client.send(b"BDAT 5000000 LAST\r\n" + HEADER + (b"x" * 70 + b"\r\n") * 20000)
        client.close()
    until("no session is left", lambda: mail.daemon.sessions() == [])
    until("no file is left", lambda: len(os.listdir(f"/proc/{worker}/fd")) <= descriptors)
    assert mail.delivered() == []
    with mail.client() as client:
        client.envelope()
        assert client.data(HEADER).code == 250


def test_the_end_of_data_may_come_with_the_end_of_the_stream(mail):
    import socket

    with mail.client() as client:
        client.envelope()
        client.expect("DATA", 354)
        client.send(HEADER + b"x\r\n.\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.reply().code == 250
        assert client.is_ended()
    assert len(mail.delivered()) == 1
    with mail.client() as client:  # one byte too few
        client.envelope()
        client.expect("DATA", 354)
        client.send(HEADER + b"x\r\n.\r")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.reply() is None
    assert len(mail.delivered()) == 1
