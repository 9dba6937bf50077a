"""SMTP and LMTP, command by command: each test is named after what it holds us to."""

import pytest

MESSAGE = "From: a@example.org\r\nSubject: x\r\n\r\nHello\r\n"
MODES = ("mx", "lmtp")


@pytest.fixture
def mail(post):
    return post.start()


@pytest.mark.parametrize("mode", MODES)
def test_a_message_arrives_byte_for_byte(mail, mode):
    text = "Subject: x\r\n\r\n.\r\n..\r\n.dot\r\nno dot\r\n\r\n\xe4\r\n".encode()
    with mail.client(mode) as client:
        client.envelope()
        assert client.data(text).code == 250
        assert client.expect("QUIT", 221, "2.0.0")
        assert client.is_ended()
    (one,) = mail.delivered()
    assert one.bytes.endswith(b"\r\n" + text)
    prefix = one.bytes[: -len(text)]
    assert prefix.startswith(b"Return-Path: <sender@example.org>\r\nDelivered-To: user1@alpha.test\r\n")
    assert prefix.count(b"Received: ") == 1 and b"\r\n\r\n" not in prefix
    assert one.facts["from"] == "<sender@example.org>"


# ---- greeting, EHLO


def test_rfc5321_3_1_greets_with_220_and_our_name(mail):
    with mail.client(hello=False) as client:
        assert client.greeting.code == 220
        assert client.greeting.text.split(" ")[:2] == ["mx.alpha.test", "ESMTP"]
    with mail.client("lmtp", hello=False) as client:
        assert client.greeting.text.split(" ")[:2] == ["mx.alpha.test", "LMTP"]


@pytest.mark.parametrize("mode", MODES)
def test_ehlo_announces_what_works_and_nothing_else(mail, mode):
    with mail.client(mode, hello=False) as client:
        reply = client.hello("EHLO" if mode == "mx" else "LHLO")
        assert reply.lines[0].startswith("mx.alpha.test ")
        assert sorted(reply.lines[1:]) == [
            "8BITMIME",
            "CHUNKING",
            "ENHANCEDSTATUSCODES",
            "HELP",
            "PIPELINING",
            f"SIZE {50 << 20}",
            "SMTPUTF8",
        ]


def test_rfc2033_4_1_lmtp_has_neither_helo_nor_ehlo(mail):
    with mail.client("lmtp", hello=False) as client:
        client.expect("EHLO a", 500, "5.5.1")
        client.expect("HELO a", 500, "5.5.1")
        client.expect("LHLO a", 250)
    with mail.client(hello=False) as client:
        client.expect("LHLO a", 500, "5.5.1")


def test_rfc5321_4_1_4_mail_wants_a_greeting(mail):
    with mail.client(hello=False) as client:
        client.expect("MAIL FROM:<a@example.org>", 503, "5.5.1")
        client.expect("HELO client.example", 250)
        client.envelope()
        assert client.data(MESSAGE).code == 250
    assert " with SMTP " in mail.delivered()[0].field("Received")


def test_rfc5321_4_1_4_ehlo_in_a_transaction_resets_it(mail):
    with mail.client() as client:
        client.envelope()
        client.hello()
        client.expect("DATA", 503, "5.5.1")
        client.envelope()
        assert client.data(MESSAGE).code == 250


def test_rfc5321_4_1_4_a_wrong_name_is_no_reason_to_refuse(mail):
    with mail.client(hello=False) as client:
        for name in ("no_such_host", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a(b)c", "x" * 255):
            client.expect(f"EHLO {name}", 250)
        client.expect("EHLO a b", 501)
        client.expect("EHLO", 501)
        client.expect("EHLO " + "x" * 256, 501)
        client.expect("EHLO \xe4.example".encode(), 501)


# ---- MAIL


def test_mail_grammar(mail):
    with mail.client() as client:
        for good in (
            "MAIL FROM:<>",
            "mail from:<a@example.org>",
            "MAIL FROM: <a@example.org>",
            'MAIL FROM:<"a b"@example.org>',
            "MAIL FROM:<@x.example,@y.example:a@example.org>",
            "MAIL FROM:<a@[192.0.2.1]>",
            "MAIL FROM:<a@example.org> SIZE=1000 BODY=8BITMIME SMTPUTF8",
            "MAIL FROM:<a@example.org> body=7bit",
        ):
            client.expect(good, 250, "2.1.0")
            client.expect("RSET", 250)
    for bad, code, status in (
        ("MAIL", 501, "5.5.4"),
        ("MAIL <a@example.org>", 501, "5.1.7"),
        ("MAIL FROM:a@example.org", 501, "5.1.7"),
        ("MAIL FROM:<a@example.org", 501, "5.1.7"),
        ("MAIL FROM:<a>", 501, "5.1.7"),
        ("MAIL FROM:<a@example.org>x", 501, "5.1.7"),
        ("MAIL FROM:<a@example.org> SIZE=x", 501, "5.5.4"),
        ("MAIL FROM:<a@example.org> SIZE=1 SIZE=1", 501, "5.5.4"),
        ("MAIL FROM:<a@example.org> BODY=BINARYMIME", 501, "5.5.4"),
        ("MAIL FROM:<a@example.org> RET=FULL", 555, "5.5.4"),
        ("MAIL FROM:<a@example.org> AUTH=<>", 555, "5.5.4"),
        ("MAIL FROM:<a@example.org> \x00SIZE=1", 500, "5.5.2"),
        ("MAIL FROM:<a@example.org>\nRCPT TO:<user1@alpha.test>", 500, "5.5.2"),
        ("MAIL FROM:<a@example.org>\rRCPT TO:<user1@alpha.test>", 500, "5.5.2"),
    ):
        with mail.client() as client:
            client.expect(bad, code, status)
            client.expect("RCPT TO:<user1@alpha.test>", 503, "5.5.1")


def test_strict_paths_when_asked_for(post):
    with post.set(path_space=False).start().client() as client:
        client.expect("MAIL FROM: <a@example.org>", 501, "5.1.7")
        client.expect("MAIL FROM:<a@example.org>", 250)


def test_rfc5321_4_1_4_no_second_mail_in_a_transaction(mail):
    with mail.client() as client:
        client.envelope()
        client.expect("MAIL FROM:<b@example.org>", 503, "5.5.1")
        assert client.data(MESSAGE).code == 250
    assert mail.delivered()[0].facts["from"] == "<sender@example.org>"


def test_rfc1870_6_1_a_declared_size_over_the_limit_is_refused_at_mail(post):
    with post.set(message_size_max=100000).start().client() as client:
        client.expect("MAIL FROM:<a@example.org> SIZE=100001", 552, "5.3.4")
        client.expect("MAIL FROM:<a@example.org> SIZE=99999999999999999999", 552, "5.3.4")
        client.expect("MAIL FROM:<a@example.org> SIZE=100000", 250)


def test_rfc6531_3_5_addresses_beyond_ascii_want_smtputf8(mail):
    with mail.client() as client:
        client.expect("MAIL FROM:<\xe4@example.org>", 553, "5.6.7")
        client.expect("MAIL FROM:<a@example.org>", 250)
        client.expect("RCPT TO:<\xe4@alpha.test>", 553, "5.6.7")
        client.expect("RSET", 250)
        client.expect("MAIL FROM:<\xe4@example.org> SMTPUTF8", 250)
        client.expect("RCPT TO:<\xe4@alpha.test>", 550, "5.1.1")
        client.expect("RCPT TO:<user1@alpha.test>", 250)
        assert client.data(MESSAGE).code == 250
    (one,) = mail.delivered()
    assert one.facts["from"] == "<\xe4@example.org>"
    assert one.field("Return-Path") == "<\xe4@example.org>"
    assert " with UTF8SMTP " in one.field("Received")
    assert int(one.facts["flags"]) & 8


def test_helo_has_no_parameters(mail):
    with mail.client(hello=False) as client:
        client.expect("HELO a", 250)
        client.expect("MAIL FROM:<a@example.org> SIZE=1", 555, "5.5.4")


# ---- RCPT


@pytest.mark.parametrize("mode", MODES)
def test_recipients_are_judged_at_rcpt(mail, mode):
    with mail.client(mode) as client:
        client.expect("RCPT TO:<user1@alpha.test>", 503, "5.5.1")
        client.expect("MAIL FROM:<a@example.org>", 250)
        for address, code, status in (
            ("nobody@alpha.test", 550, "5.1.1"),
            ("user1@elsewhere.test", 550, "5.7.1"),
            ("user1@[127.0.0.1]", 550, "5.7.1"),
            ("closed@alpha.test", 450, "4.2.1"),
            ("away@alpha.test", 451, "4.4.3"),
            ("full@alpha.test", 452, "4.2.2"),
            ("fullhard@alpha.test", 552, "5.2.2"),
            ("split@alpha.test", 451, "4.3.5"),
            ("USER1+x@ALPHA.test", 250, "2.1.5"),
            ("late@alpha.test", 250, "2.1.5"),
        ):
            client.expect(f"RCPT TO:<{address}>", code, status)
        client.expect("RCPT TO:<user1@alpha.test> NOTIFY=NEVER", 555, "5.5.4")
        client.expect("RCPT TO:<user1@alpha.test> =", 501, "5.5.4")
        client.expect("RCPT TO:<>", 501, "5.1.3")
        client.expect("RCPT TO:<user1@alpha.test", 501, "5.1.3")
        client.expect("RCPT", 501, "5.5.4")


def test_rfc5321_4_5_1_postmaster_is_always_reached(mail):
    with mail.client() as client:
        client.envelope("Postmaster")
        assert client.data(MESSAGE).code == 250
        client.envelope("postmaster@alpha.test", sender="")
        assert client.data(MESSAGE).code == 250
    first, second = mail.delivered()
    assert first.account == second.account == 1
    assert second.field("Return-Path") == "<>"


def test_a_declared_size_over_an_accounts_limit_is_refused_at_rcpt(mail):
    with mail.client() as client:
        client.expect("MAIL FROM:<a@example.org> SIZE=2001", 250)
        client.expect("RCPT TO:<small@alpha.test>", 552, "5.2.3")
        client.expect("RCPT TO:<user1@alpha.test>", 250)


def test_rfc5321_4_5_3_1_8_at_least_100_recipients(post):
    with post.set(recipients_max=100).start().client() as client:
        client.expect("MAIL FROM:<a@example.org>", 250)
        for i in range(1, 101):
            client.expect(f"RCPT TO:<user{i}@alpha.test>", 250)
        # RFC 5321 4.5.3.1.10
        client.expect("RCPT TO:<user101@alpha.test>", 452, "4.5.3")
        assert client.data(MESSAGE).code == 250
    assert sorted(one.account for one in post.delivered()) == list(range(1, 101))


def test_recipients_on_another_store_come_again(mail):
    with mail.client() as client:
        client.envelope("user1@alpha.test")
        client.expect("RCPT TO:<user1@beta.test>", 452, "4.5.3")
        assert client.data(MESSAGE).code == 250
        client.envelope("user1@beta.test")
        client.expect("RCPT TO:<user1@alpha.test>", 452, "4.5.3")
        assert client.data(MESSAGE).code == 250
    assert [one.facts["pool"] for one in mail.delivered()] == ["catcher", "second"]


# ---- the rest


@pytest.mark.parametrize("mode", MODES)
def test_data_wants_an_accepted_recipient(mail, mode):
    """RFC 2033 4.2 MUST, RFC 5321 3.3."""
    with mail.client(mode) as client:
        client.expect("DATA", 503, "5.5.1")
        client.expect("MAIL FROM:<a@example.org>", 250)
        client.expect("DATA", 503, "5.5.1")
        client.expect("RCPT TO:<nobody@alpha.test>", 550)
        client.expect("DATA", 503, "5.5.1")
        client.expect("RCPT TO:<user1@alpha.test>", 250)
        client.expect("DATA now", 501, "5.5.4")
        assert client.data(MESSAGE).code == 250
        client.expect("DATA", 503, "5.5.1")


def test_rfc5321_4_1_1_5_rset(mail):
    with mail.client(hello=False) as client:
        client.expect("RSET", 250, "2.0.0")
        client.hello()
        client.envelope()
        client.expect("RSET", 250)
        client.expect("RCPT TO:<user1@alpha.test>", 503)
        client.expect("RSET x", 501, "5.5.4")


def test_small_commands(mail):
    with mail.client(hello=False) as client:
        client.expect("NOOP", 250, "2.0.0")
        client.expect("NOOP anything at all", 250)
        client.expect("noop", 250)
        client.expect("NOOP   ", 250)
        client.expect("VRFY user1@alpha.test", 252, "2.5.0")
        client.expect("VRFY", 501)
        listed = client.expect("HELP", 214).lines[0]
        assert "MAIL" in listed and "EHLO" in listed and "LHLO" not in listed
        client.expect("EXPN list", 500, "5.5.1")
        client.expect("", 500, "5.5.2")
        client.expect("QUIT now", 501)
        client.expect("STARTTLS", 502, "5.5.1")
        client.expect("QUIT", 221)
        assert client.is_ended()


def test_rfc2920_pipelining(mail):
    with mail.client() as client:
        client.send(
            "MAIL FROM:<a@example.org>\r\nRCPT TO:<user1@alpha.test>\r\n"
            "RCPT TO:<nobody@alpha.test>\r\nRCPT TO:<user2@alpha.test>\r\nDATA\r\n"
        )
        assert client.codes(5) == [250, 250, 550, 250, 354]
        client.send(
            f"{MESSAGE}.\r\nMAIL FROM:<b@example.org>\r\nRCPT TO:<user3@alpha.test>\r\nDATA\r\n"
        )
        assert client.codes(4) == [250, 250, 250, 354]
        client.send(f"{MESSAGE}.\r\nRSET\r\nNOOP\r\nQUIT\r\n")
        assert client.codes(4) == [250, 250, 250, 221]
        assert client.is_ended()
    assert [one.account for one in mail.delivered()] == [1, 2, 3]


def test_a_pipelined_group_is_answered_in_one_write(mail):
    with mail.client() as client:
        client.send("NOOP\r\n" * 50)
        first = client.socket.recv(65536)
        assert first.count(b"\r\n") == 50


def test_input_may_be_cut_anywhere(mail):
    dialogue = (
        b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<user1@alpha.test>\r\nDATA\r\n"
        b"Subject: x\r\n\r\n..\r\n.x\r\na.\r\n.\r\n"
        b"MAIL FROM:<b@example.org>\r\nRCPT TO:<user2@alpha.test>\r\nBDAT 5\r\na: b\nBDAT 4 LAST\r\n"
        b"\r\n\r\nQUIT\r\n"
    ).replace(b"a: b\nB", b"a: b\rB")  # the CRLF of the first chunk is cut by the next command
    dialogue = dialogue.replace(b"BDAT 4 LAST\r\n\r\n\r\n", b"BDAT 3 LAST\r\n\n\r\n")
    for cut in range(1, len(dialogue)):
        with mail.client(hello=False) as client:
            client.send(dialogue[:cut])
            client.send(dialogue[cut:])
            assert client.codes(10) == [250, 250, 250, 354, 250, 250, 250, 250, 250, 221], cut
        first, second = mail.take()
        assert first.bytes.endswith(b"Subject: x\r\n\r\n.\r\nx\r\na.\r\n"), cut
        assert second.bytes.endswith(b"\r\na: b\r\n\r\n"), cut


def test_every_refusal_has_an_enhanced_code_of_its_class(mail):
    """RFC 2034 4: all of 2yz, 4yz and 5yz but greeting and EHLO."""
    with mail.client() as client:
        for line in (
            "NOOP", "RSET", "VRFY x", "HELP", "XYZZY", "DATA", "RCPT TO:<x@alpha.test>",
            "MAIL FROM:<>", "RCPT TO:<nobody@alpha.test>", "RCPT TO:<full@alpha.test>", "BDAT 0",
        ):
            reply = client.ask(line)
            assert reply.status.split(".")[0] == str(reply.code)[0], reply


def test_bytes_of_clients_cant_make_reply_lines(mail):
    with mail.client() as client:
        reply = client.ask(b"MAIL FROM:<a@example.org> X\xff\xc2\x85Y=1")
        assert reply.code in (501, 555)
        client.expect("NOOP", 250)
        client.expect(b"RCPT TO:<a\r\x00b@alpha.test>", 500)
        client.expect("NOOP", 250)


def test_unix_socket(mail):
    with mail.client("lmtp") as _:
        pass
    from mansio_test.smtp import Client

    with Client(mail.lmtp_socket) as client:
        client.hello("LHLO")
        client.envelope()
        assert client.data(MESSAGE).code == 250
    assert " (unix) " in mail.delivered()[0].field("Received")
