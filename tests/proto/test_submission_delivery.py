"""Submission to its end, with a store that does as it is told: stores, filters, settings."""

import re

import pytest
from mansio_test.submission import Submitter

USER = "user1@alpha.test"
ELSEWHERE = "somebody@elsewhere.example"
MESSAGE = (
    f"From: {USER}\r\nDate: Sun, 22 Nov 2026 04:30:42 +0000\r\nMessage-ID: <m@x>\r\n\r\nHello\r\n"
)
DELIVER, SEND = "1", "5"


def client_of(post, user=USER):
    client = Submitter(post.submission)
    client.hello()
    return client.login(user)


@pytest.fixture
def mail(post):
    return post.with_submission().start()


@pytest.fixture
def sifted(post):
    return post.with_submission(filters=["sifter"]).start()


def actions(post):
    return sorted((one.facts["action"], one.account, one.facts["to"]) for one in post.delivered())


def test_a_recipient_on_another_store_goes_by_the_spool_of_ones_own(mail):
    with client_of(mail) as client:
        to = ("user2@beta.test", "user2@alpha.test", ELSEWHERE)
        assert client.submit(USER, *to, text=MESSAGE).code == 250
        assert client.submit(USER, "user3+x@beta.test", text=MESSAGE).code == 250
        assert client.submit(USER, "caught@beta.test", text=MESSAGE).code == 250
    assert actions(mail) == [
        (DELIVER, 2, "<>"),
        (SEND, 1, "<caught@beta.test>"),
        (SEND, 1, f"<{ELSEWHERE}>"),
        (SEND, 1, "<user2@beta.test>"),
        (SEND, 1, "<user3+x@beta.test>"),
    ]
    assert {one.facts["pool"] for one in mail.delivered()} == {"catcher"}


def test_an_account_sends_to_so_many_in_an_hour(post):
    post.daemon.config["limits"]["recipients_per_account"] = 3
    post.with_submission().start()
    for to in (["user2@alpha.test"], [ELSEWHERE, "user3@alpha.test"]):
        with client_of(post) as client:
            client.expect(f"MAIL FROM:<{USER}>", 250)
            client.expect("RCPT TO:<nobody@alpha.test>", 550)
            for one in to:
                client.expect(f"RCPT TO:<{one}>", 250)
    with client_of(post) as client:
        client.expect(f"MAIL FROM:<{USER}>", 250)
        client.expect("RCPT TO:<user2@alpha.test>", 450, "4.7.1")
    with client_of(post, "user5@alpha.test") as client:
        assert client.submit("user5@alpha.test", ELSEWHERE).code == 250


@pytest.mark.parametrize("to", ["broken@alpha.test", "gone@alpha.test"])
def test_what_fails_for_one_is_said_for_all(mail, to):
    with client_of(mail) as client:
        reply = client.submit(USER, "user2@alpha.test", to, text=MESSAGE)
        assert reply.code == 451
    assert mail.delivered() == []


def test_quota_is_told_at_rcpt(mail):
    with client_of(mail) as client:
        client.expect(f"MAIL FROM:<{USER}>", 250)
        client.expect("RCPT TO:<full@alpha.test>", 452, "4.2.2")
        client.expect("RCPT TO:<fullhard@alpha.test>", 552, "5.2.2")
        client.expect("RCPT TO:<split@alpha.test>", 451, "4.3.5")
        client.expect("RCPT TO:<away@alpha.test>", 451, "4.4.3")


def test_a_sender_that_nobody_can_judge_now_is_put_off(mail):
    with client_of(mail) as client:
        client.expect("MAIL FROM:<away@alpha.test>", 451, "4.4.3")
        text = "From: away@alpha.test\r\n\r\n"
        assert client.submit(USER, ELSEWHERE, text=text).code == 451
    assert mail.delivered() == []


def test_unknown_recipients_are_no_errors_of_the_client(post):
    post.with_submission(errors_max=3).start()
    with client_of(post) as client:
        client.expect(f"MAIL FROM:<{USER}>", 250)
        for number in range(10):
            client.expect(f"RCPT TO:<nobody{number}@alpha.test>", 550, "5.1.1")
        client.expect("RCPT TO:<user2@alpha.test>", 250)


def test_recipients_are_bounded(post):
    post.with_submission(recipients_max=100).start()
    with client_of(post) as client:
        client.expect(f"MAIL FROM:<{USER}>", 250)
        for number in range(100):
            client.expect(f"RCPT TO:<x{number}@elsewhere.example>", 250)
        client.expect("RCPT TO:<one@elsewhere.example>", 452, "4.5.3")
        assert client.data(MESSAGE).code == 250
    assert len(post.delivered()) == 100


def test_a_refusal_of_a_filter_for_one_is_one_for_all(sifted):
    with client_of(sifted) as client:
        to = ("user2@alpha.test", "user3+plan-reject@alpha.test", ELSEWHERE)
        assert client.submit(USER, *to, text=MESSAGE).code == 551
        to = ("user2@alpha.test", "user3+plan-defer@alpha.test", ELSEWHERE)
        assert client.submit(USER, *to, text=MESSAGE).code == 450
    assert sifted.delivered() == []


def test_a_filter_discards_for_one(sifted):
    with client_of(sifted) as client:
        to = ("user2@alpha.test", "user3+plan-discard@alpha.test", ELSEWHERE)
        assert client.submit(USER, *to, text=MESSAGE).code == 250
    assert [one[:2] for one in actions(sifted)] == [(DELIVER, 2), (SEND, 1)]


def told(post):
    """Whom each report says it was delivered to; and how many other messages there are."""
    reports = [one for one in post.delivered() if b"multipart/report" in one.bytes]
    words = [re.findall(rb"^Final-Recipient: rfc822; (.*?)\r$", one.bytes, re.M) for one in reports]
    assert all(one.account == 1 for one in reports)
    return [[word.decode() for word in some] for some in words], len(post.delivered()) - len(words)


def submit_wishing(client, *to):
    client.expect(f"MAIL FROM:<{USER}>", 250)
    for one in to:
        client.expect(f"RCPT TO:<{one}> NOTIFY=SUCCESS", 250)
    return client.data(MESSAGE).code


def test_success_is_told_of_what_was_kept(sifted):
    """Not of what a filter threw away, nor of what didn't come to be."""
    with client_of(sifted) as client:
        to = ("user2@alpha.test", "user3+plan-discard@alpha.test", "user2+x@alpha.test", ELSEWHERE)
        assert submit_wishing(client, *to) == 250
        assert told(sifted) == ([["user2@alpha.test", "user2+x@alpha.test"]], 2)
        for to in (["user2@alpha.test", "gone@alpha.test"], ["broken@alpha.test"]):
            assert submit_wishing(client, *to) == 451
        assert submit_wishing(client, "user3+plan-discard@alpha.test") == 250
        assert submit_wishing(client, ELSEWHERE) == 250
    assert told(sifted) == ([["user2@alpha.test", "user2+x@alpha.test"]], 3)


def test_success_of_very_many_is_told_in_several_reports(post):
    post.with_submission(recipients_max=2000).start()
    to = [f"user2+{number}@alpha.test" for number in range(1001)]
    with client_of(post) as client:
        commands = [f"MAIL FROM:<{USER}>\r\n"]
        commands += [f"RCPT TO:<{one}> NOTIFY=SUCCESS\r\n" for one in to]
        client.send("".join(commands))
        assert all(client.reply().code == 250 for _ in commands)
        assert client.data(MESSAGE).code == 250
    assert told(post) == ([to[:1000], to[1000:]], 1)


def test_lines_of_filters_go_to_all(sifted):
    with client_of(sifted) as client:
        text = "X-Sifter: prefix\r\n" + MESSAGE
        assert client.submit(USER, "user2@alpha.test", ELSEWHERE, text=text).code == 250
    assert [one.fields("X-Sifted") for one in sifted.delivered()] == [["yes and well"]] * 2


def test_what_was_delivered_before_may_be_sent_again_but_not_for_ever(post):
    post.with_submission(received_max=10).start()
    with client_of(post) as client:
        text = "Delivered-To: user2@alpha.test\r\n" + MESSAGE
        assert client.submit(USER, "user2@alpha.test", text=text).code == 250
        text = "Received: x\r\n" * 10 + MESSAGE
        assert client.submit(USER, "user2@alpha.test", text=text).code == 554


def test_without_from_check_anybody_may_be_the_author(post):
    post.with_submission(from_check=False).start()
    with client_of(post) as client:
        text = MESSAGE.replace(f"From: {USER}", "From: boss@elsewhere.example\r\nFrom: x")
        assert client.submit(USER, ELSEWHERE, text=text).code == 250
        client.expect("MAIL FROM:<boss@elsewhere.example>", 553)


def test_shared_senders(post):
    post.with_submission(shared_senders=False).start()
    with client_of(post) as client:
        client.expect("MAIL FROM:<both@alpha.test>", 553, "5.7.1")
        post.daemon.config["instances"]["submission"]["settings"]["shared_senders"] = True
        post.daemon.write()
        assert post.daemon.reload()["outcome"] == "live"
        client.expect("MAIL FROM:<both@alpha.test>", 250)


def test_a_listener_that_requires_tls_says_so_first(post):
    post.with_submission(tls="required").start()
    with Submitter(post.submission) as client:
        client.hello()
        assert client.plain(USER).code == 530


def test_login_failures(post):
    post.with_submission(login_failures=1).start()
    with Submitter(post.submission) as client:
        client.hello()
        assert client.plain(USER, "wrong").code == 535
        assert client.reply().code == 421
        assert client.is_ended()


def test_who_does_not_log_in_is_sent_away(post):
    """Whatever it says meanwhile; who has logged in isn't."""
    post.with_submission(login_timeout="2s").start()
    with Submitter(post.submission) as idle, Submitter(post.submission) as busy:
        with client_of(post) as client:
            busy.send(b"BDAT 1000000000\r\n")
            for end in (idle, busy):
                assert end.reply().code == 421
                assert end.is_ended()
            assert client.submit(USER, ELSEWHERE, text=MESSAGE).code == 250


def test_too_many_cancelled_exchanges_end_a_session(post):
    post.with_submission(errors_max=3).start()
    with Submitter(post.submission) as client:
        client.hello()
        for _ in range(3):
            client.send("AUTH PLAIN\r\n")
            client.challenge()
            client.expect("*", 501)
        assert client.reply().code == 421


def test_auth_split_at_every_byte(mail):
    """As it comes from a slow network."""
    with Submitter(mail.submission) as client:
        client.hello()
        for byte in b"AUTH LOGIN\r\ndXNlcjFAYWxwaGEudGVzdA==\r\nY29ycmVjdC1ob3JzZQ==\r\n":
            client.send(bytes([byte]))
        assert client.challenge() and client.challenge()
        assert client.reply().code == 235


def test_a_pipelined_group_behind_a_login(mail):
    """RFC 4954 4: with an initial response AUTH may stand in a group, here as its first."""
    with Submitter(mail.submission) as client:
        client.hello()
        client.send(
            "AUTH PLAIN AHVzZXIxQGFscGhhLnRlc3QAY29ycmVjdC1ob3JzZQ==\r\n"
            f"MAIL FROM:<{USER}>\r\nRCPT TO:<user2@alpha.test>\r\nDATA\r\n"
        )
        assert client.codes(4) == [235, 250, 250, 354]
        client.send(MESSAGE + ".\r\n")
        assert client.reply().code == 250
