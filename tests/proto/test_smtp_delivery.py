"""From a whole message to replies: outcomes of each recipient, quota, loops, trace, filters."""

import datetime
import email.utils
import re
import smtplib
import subprocess

import pytest
from mansio_test.wait import until

MESSAGE = b"Subject: x\r\n\r\nHello\r\n"
MODES = ("mx", "lmtp")


@pytest.fixture
def mail(post):
    return post.start()


@pytest.fixture
def sifted(post):
    return post.with_filters().start()


def message(**fields):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return lines.encode() + MESSAGE


def send(client, text, *to, sender="sender@example.org", lmtp=False):
    """One message; the reply, or in LMTP those of all recipients."""
    client.envelope(*to, sender=sender)
    first = client.data(text)
    return [first, *client.replies(len(to) - 1)] if lmtp else first


# ---- recipients


def test_rfc2033_4_2_a_reply_for_each_recipient_in_order(mail):
    to = ["user1@alpha.test", "late@alpha.test", "user2@beta.test", "latehard@alpha.test",
          "gone@alpha.test", "small@alpha.test", "user3@alpha.test"]
    with mail.client("lmtp") as client:
        replies = send(client, MESSAGE + b"y\r\n" * 1000, *to, lmtp=True)
        assert [(r.code, r.status) for r in replies] == [
            (250, "2.0.0"), (452, "4.2.2"), (250, "2.0.0"), (552, "5.2.2"), (550, "5.1.1"),
            (552, "5.2.3"), (250, "2.0.0"),
        ]
        client.expect("NOOP", 250)
    made = {(one.facts["pool"], one.account) for one in mail.delivered()}
    assert made == {("catcher", 1), ("second", 2), ("catcher", 3)}
    assert all(int(one.facts["flags"]) & 3 == 1 for one in mail.delivered())


def test_lmtp_a_store_that_is_away_defers_its_recipients_alone(mail):
    with mail.client("lmtp") as client:
        replies = send(client, MESSAGE, "broken@alpha.test", "user1@alpha.test", "user1@beta.test",
                       lmtp=True)
        assert [r.code for r in replies] == [451, 451, 250]
        assert replies[0].status == "4.3.0"
    assert [one.facts["pool"] for one in mail.delivered()] == ["second"]


def test_smtp_what_was_accepted_at_rcpt_is_delivered(mail):
    """Quota was asked then; MANSIO_PLAN_ACCEPTED."""
    with mail.client() as client:
        assert send(client, MESSAGE, "user1@alpha.test", "late@alpha.test").code == 250
    assert len(mail.delivered()) == 2
    assert all(int(one.facts["flags"]) & 3 == 2 for one in mail.delivered())


@pytest.mark.parametrize("who", ["broken", "gone", "hasty"])
def test_smtp_no_250_for_what_is_not_committed(mail, who):
    with mail.client() as client:
        reply = send(client, MESSAGE, "user1@alpha.test", f"{who}@alpha.test")
        assert reply.code == (451 if who != "hasty" else 451), reply
        assert reply.status == "4.3.0"
        assert send(client, MESSAGE, "user1@alpha.test").code == 250


@pytest.mark.parametrize("mode", MODES)
def test_one_account_gets_one_copy_however_many_addresses_lead_there(mail, mode):
    to = ["user1@alpha.test", "user1+x@alpha.test", "both@alpha.test", "user1@alpha.test",
          "user2@alpha.test"]
    with mail.client(mode) as client:
        replies = send(client, MESSAGE, *to, lmtp=mode == "lmtp")
        codes = [r.code for r in replies] if mode == "lmtp" else [replies.code]
        assert set(codes) == {250}
    made = mail.delivered()
    assert [one.account for one in made] == [1, 2]
    assert made[0].field("Delivered-To") == "user1@alpha.test"
    assert made[1].field("Delivered-To") == "both@alpha.test"


def test_lmtp_who_shares_an_account_shares_its_fate(mail):
    with mail.client("lmtp") as client:
        replies = send(client, MESSAGE, "late@alpha.test", "late+x@alpha.test", lmtp=True)
        assert [r.code for r in replies] == [452, 452]


def test_the_smallest_limit_of_a_message_holds_in_smtp(mail):
    with mail.client() as client:
        reply = send(client, MESSAGE + b"y\r\n" * 1000, "user1@alpha.test", "small@alpha.test")
        assert (reply.code, reply.status) == (552, "5.2.3")
        assert send(client, MESSAGE, "user1@alpha.test", "small@alpha.test").code == 250
    assert len(mail.delivered()) == 2


# ---- loops


@pytest.mark.parametrize("mode", MODES)
def test_rfc5321_6_3_too_many_received_fields(mail, mode):
    hop = b"Received: from a by b; Thu, 1 Jan 1970 00:00:00 +0000\r\n"
    with mail.client(mode) as client:
        assert send(client, hop * 99 + MESSAGE, "user1@alpha.test").code == 250
        reply = send(client, hop * 100 + MESSAGE, "user1@alpha.test")
        assert (reply.code, reply.status) == (554, "5.4.6")
    assert len(mail.delivered()) == 1


def test_what_was_delivered_to_the_same_address_loops(mail):
    loop = message(Delivered_To="User1@alpha.test")
    with mail.client() as client:
        reply = send(client, loop, "user1@alpha.test")
        assert (reply.code, reply.status) == (554, "5.4.6")
        assert send(client, loop, "user2@alpha.test").code == 250
        # One reply for both: who had it is left out.
        assert send(client, loop, "user1@alpha.test", "user3@alpha.test").code == 250
    assert [one.account for one in mail.delivered()] == [2, 3]
    with mail.client("lmtp") as client:
        replies = send(client, loop, "user1@alpha.test", "user4@alpha.test", lmtp=True)
        assert [r.code for r in replies] == [554, 250]


# ---- trace


def test_rfc5321_4_4_received(mail):
    with mail.client() as client:
        reply = send(client, MESSAGE, "user1+tag@alpha.test")
        send(client, MESSAGE, "user1@alpha.test", "user2@alpha.test")
        client.expect("MAIL FROM:<a@example.org>", 250)
        client.expect("RCPT TO:<nobody@alpha.test>", 550)
        client.expect("RCPT TO:<user3@alpha.test>", 250)
        client.data(MESSAGE)
    one, *several = mail.delivered()
    received = one.field("Received")
    match = re.fullmatch(
        r"from client\.example \(\[127\.0\.0\.1\]\) by mx\.alpha\.test with ESMTP"
        r" id (\S+) for <user1\+tag@alpha\.test>; (.*)",
        received,
    )
    assert match, received
    assert match[1] in reply.text  # what operators find in their logs
    age = datetime.datetime.now(datetime.timezone.utc) - email.utils.parsedate_to_datetime(match[2])
    assert abs(age.total_seconds()) < 600
    # Nobody is told of others (RFC 5321 7.2).
    assert not any(" for " in other.field("Received") for other in several)
    until("logged", lambda: f"id={match[1]}" in mail.daemon.log())


def test_one_line_a_message_in_the_log(mail):
    with mail.client() as client:
        send(client, MESSAGE, "user1@alpha.test")
        send(client, b"a\nb\r\n", "user1@alpha.test")
    until("two lines", lambda: mail.daemon.log().count("event=message ") == 2)
    lines = [line for line in mail.daemon.log().splitlines() if "event=message " in line]
    for wanted in ("from=sender@example.org", "to=user1@alpha.test", f"bytes={len(MESSAGE)}",
                   "recipients=1", "commit=", "ip=127.0.0.1", "session="):
        assert wanted in lines[0], lines[0]
    assert "outcome=delivered" in lines[0] and "code=250" in lines[0]
    assert "outcome=rejected" in lines[1] and "code=554" in lines[1]
    assert "Hello" not in mail.daemon.log()


def test_metrics(mail):
    with mail.client() as client:
        send(client, MESSAGE, "user1@alpha.test", "user2@alpha.test")
        send(client, MESSAGE, "broken@alpha.test")
        send(client, b"a\nb\r\n", "user1@alpha.test")
        client.expect("MAIL FROM:<a@example.org>", 250)
        client.expect("RCPT TO:<nobody@alpha.test>", 550)
        client.expect("RCPT TO:<a@elsewhere.test>", 550)
        client.expect("RCPT TO:<full@alpha.test>", 452)
        client.expect("RCPT TO:<away@alpha.test>", 451)
    wanted = {
        "messages_accepted": 1, "messages_deferred": 1, "messages_rejected": 1,
        "recipients_delivered": 2, "recipients_unknown": 1, "recipients_not_ours": 1,
        "recipients_over_quota": 1, "recipients_deferred": 1, "content_faults": 1,
    }
    for name, value in wanted.items():
        until(name, lambda: mail.daemon.metric(f"mansio_smtp_{name}_total", instance="mx") == value)
    assert mail.daemon.metric("mansio_smtp_delivery_seconds_count", instance="mx") == 1
    assert mail.daemon.metric("mansio_smtp_message_bytes_sum", instance="mx") == len(MESSAGE)


# ---- filters


@pytest.mark.parametrize(
    "word, greeting, code", [("reject", 554, 503), ("defer", 421, None), ("fail", 421, None)]
)
def test_filter_at_connect(post, word, greeting, code):
    post.instance("sifter", connect=word)
    post.with_filters().start()
    with post.client(hello=False) as client:
        assert client.greeting.code == greeting
        if code is None:
            assert client.is_ended()
        else:  # RFC 5321 3.1: 503 until QUIT
            for line in ("EHLO a", "MAIL FROM:<>", "NOOP"):
                client.expect(line, code)
            client.expect("QUIT", 221)


@pytest.mark.parametrize("word, code", [("reject", 551), ("rude", 550), ("defer", 450), ("fail", 451)])
def test_filter_at_greeting_sender_and_recipient(sifted, word, code):
    with sifted.client(hello=False) as client:
        client.expect(f"EHLO {word}.test", code)
        client.expect("MAIL FROM:<a@example.org>", 503)
        client.hello()
        client.expect(f"MAIL FROM:<{word}@example.org>", code)
        client.expect("RCPT TO:<user1@alpha.test>", 503)
        client.expect("MAIL FROM:<a@example.org>", 250)
        client.expect(f"RCPT TO:<user1+rcpt-{word}@alpha.test>", code)
        client.expect("DATA", 503)
        client.expect("RCPT TO:<user1+rcpt-accept@alpha.test>", 250)
        assert client.data(MESSAGE).code == 250


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "word, code, status",
    [("reject", 551, "5.7.2"), ("rude", 554, "5.7.1"), ("defer", 450, "4.7.2"),
     ("fail", 451, "4.3.0"), ("smuggle", 451, "4.3.0"), ("discard", 250, "2.0.0")],
)
def test_filter_at_message(sifted, mode, word, code, status):
    with sifted.client(mode) as client:
        reply = send(client, message(X_Sifter=word), "user1@alpha.test")
        assert (reply.code, reply.status) == (code, status)
        assert sifted.delivered() == []
        assert send(client, MESSAGE, "user1@alpha.test").code == 250


def test_filters_header_lines_stand_between_ours(sifted):
    with sifted.client() as client:
        assert send(client, message(X_Sifter="prefix"), "user1@alpha.test").code == 250
    (one,) = sifted.delivered()
    names = re.findall(rb"^([A-Za-z-]+):", one.bytes.split(b"\r\n\r\n")[0], re.M)
    assert names == [b"Return-Path", b"Delivered-To", b"X-Sifted", b"Received", b"X-Sifter",
                     b"Subject"]


def test_filters_discard_at_sender_and_recipient(sifted):
    with sifted.client() as client:
        assert send(client, MESSAGE, "user1@alpha.test", sender="discard@example.org").code == 250
        assert send(client, MESSAGE, "user1+rcpt-discard@alpha.test", "user2@alpha.test").code == 250
    assert [one.account for one in sifted.delivered()] == [2]


def test_filters_shape_the_plan(sifted):
    with sifted.client() as client:
        for detail in ("junk", "folder", "copy"):
            assert send(client, MESSAGE, f"user1+{detail}@alpha.test").code == 250
    made = [(one.facts["action"], one.facts["collection"]) for one in sifted.delivered()]
    assert made == [("4", ""), ("1", "Folder"), ("1", ""), ("1", "Copy")]


def test_filter_at_delivery_for_each_recipient_in_lmtp(sifted):
    to = ["user1+plan-reject", "user2+entry-reject", "user3+plan-defer", "user4+plan-discard",
          "user5+plan-fail", "user6", "user1"]
    with sifted.client("lmtp") as client:
        replies = send(client, MESSAGE, *(f"{name}@alpha.test" for name in to), lmtp=True)
    assert [(r.code, r.status) for r in replies] == [
        (551, "5.7.2"), (550, "5.7.3"), (450, "4.7.2"), (250, "2.0.0"), (451, "4.3.0"),
        (250, "2.0.0"), (551, "5.7.2"),
    ]
    assert [one.account for one in sifted.delivered()] == [6]


@pytest.mark.parametrize("how", ["plan", "entry"])
def test_filter_at_delivery_in_smtp(sifted, how):
    with sifted.client() as client:
        # All refuse: so does the reply.
        reply = send(client, MESSAGE, f"user1+{how}-reject@alpha.test", "user1@alpha.test")
        assert reply.code == (551 if how == "plan" else 550)
        assert sifted.take() == []
        # Some refuse: theirs goes to Junk.
        assert send(client, MESSAGE, f"user1+{how}-reject@alpha.test", "user2@alpha.test").code == 250
        made = [(one.account, one.facts["action"]) for one in sifted.take()]
        assert sorted(made) == [(1, "4"), (2, "1")]
        # One defers: it comes again for all.
        assert send(client, MESSAGE, "user1+plan-defer@alpha.test", "user2@alpha.test").code == 450
        assert sifted.take() == []


def test_a_filter_that_fails_may_be_gone_without(post):
    post.with_filters(filter_failure="accept").start()
    with post.client(hello=False) as client:
        client.expect("EHLO fail.test", 250)
        to = "user1+rcpt-fail@alpha.test"
        assert send(client, message(X_Sifter="fail"), to, sender="fail@example.org").code == 250
    assert len(post.delivered()) == 1
    until("counted", lambda: post.daemon.metric("mansio_smtp_filter_failures_total") == 4)


def test_an_unknown_filter_is_refused_with_its_name(post):
    post.set(filters=["nobody"])
    post.daemon.start(wait=False)
    assert post.daemon.process.wait(60) != 0
    assert "nobody" in post.daemon.log()


# ---- other people's clients


def test_smtplib(mail):
    with smtplib.SMTP("127.0.0.1", mail.mx) as client:
        refused = client.sendmail(
            "a@example.org", ["user1@alpha.test", "nobody@alpha.test"], MESSAGE.decode(),
            mail_options=["BODY=8BITMIME"],
        )
        assert set(refused) == {"nobody@alpha.test"} and refused["nobody@alpha.test"][0] == 550
        assert client.verify("user1")[0] == 252
    with smtplib.LMTP(str(mail.lmtp_socket)) as client:
        client.sendmail("a@example.org", ["user2@alpha.test"], MESSAGE.decode())
    assert [one.account for one in mail.delivered()] == [1, 2]


def test_curl(mail, tmp_path):
    path = tmp_path / "message"
    path.write_bytes(MESSAGE)
    command = ["curl", "-sS", f"smtp://127.0.0.1:{mail.mx}/client.example", "--mail-from",
               "a@example.org", "--mail-rcpt", "user1@alpha.test", "-T", str(path)]
    subprocess.run(command, check=True, timeout=60)
    assert mail.delivered()[0].bytes.endswith(MESSAGE)


@pytest.mark.parametrize("protocol", ["ESMTP", "LMTP"])
def test_swaks(mail, protocol):
    port = mail.mx if protocol == "ESMTP" else mail.lmtp
    command = ["swaks", "--protocol", protocol, "--server", f"127.0.0.1:{port}", "--from",
               "a@example.org", "--to", "user1@alpha.test", "--pipeline", "--helo", "swaks.example"]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert len(mail.delivered()) == 1
