"""Mail that leaves: from the spool to servers of the world outside, which behave as they like.

Each test has domains of its own, and ends with a spool without them.
"""

import json
import os
import signal
import socket
import threading

import pytest
from mansio_local import certificates
from mansio_test.outbound import SETTINGS, World, bounce, bounces, deliver
from mansio_test.smtp_peer import CLOSE, GARBAGE, LOSE, RESET, STALL, Peer, loopback_address
from mansio_test.wait import until

ANN = "user1@alpha.test"
BERT = "user2@alpha.test"


@pytest.fixture(scope="module")
def world(make_lab):
    world = World(make_lab("outbound", workers=1))
    world.lab.up()
    yield world
    world.close()


@pytest.fixture(autouse=True)
def clean(world):
    yield
    assert not world.spool()
    for peer in world.peers:
        assert not peer.violations
    for user in (ANN, BERT):
        world.inbox(user)


@pytest.fixture(scope="module")
def keys(world):
    """(authority, {name: (chain, key)})"""
    folder = world.lab.directory / "world-tls"
    folder.mkdir()
    certificates.make_authority(folder)
    made = {}

    def make(name, *hosts):
        certificates.make_certificate(folder, name, list(hosts))
        made[name] = (folder / f"{name}.pem", folder / f"{name}.key")
        return made[name]

    return folder / "ca.pem", make


def service_pid(world):
    status = json.loads(world.lab.node.mansioctl("--json", "status"))
    (pid,) = [row["pid"] for row in status["processes"] if row["role"] == "service"]
    return pid


def is_logged(world, *words):
    return any(all(word in line for word in words) for line in world.lab.log().splitlines())


# ---- the ordinary way


def test_what_is_in_the_spool_is_delivered(world):
    peer = world.peer("first.test")
    (message,) = deliver(world, peer, "a@first.test", "b@first.test", subject="first")
    assert sorted(message.recipients) == ["a@first.test", "b@first.test"]
    assert message.sender == ANN and message.hello == "out.alpha.test"
    assert b"Subject: first\r\n" in message.data and message.data.endswith(b"Hello\r\n")
    until("it was ended in good order", lambda: peer.sessions[0][-1] == "QUIT")
    assert not world.inbox()


def test_rfc5321_4_5_2_dots_and_long_bodies(world):
    peer = world.peer("dots.test")
    lines = [b".", b"..", b".x", b"x.", b"", b"." * 900] + [b".%d" % n for n in range(60000)]
    text = b"Subject: dots\r\nFrom: <user1@alpha.test>\r\n\r\n" + b"\r\n".join(lines) + b"\r\n"
    (message,) = deliver(world, peer, "a@dots.test", text=text)
    assert message.data.endswith(text.split(b"\r\n\r\n", 1)[1])


def test_a_connection_serves_many_messages(world):
    peer = world.peer("many.test")
    for _ in range(40):
        world.insert("a@many.test")  # sooner than they could go one by one
    world.until_empty()
    assert len(peer.messages) == 40
    # The first may be alone, and up to 20 are open at a time.
    assert max(session.count("DATA") for session in peer.sessions) > 1


def test_recipients_of_two_domains_go_two_ways(world):
    one, two = world.peer("one.test"), world.peer("two.test")
    world.send("a@one.test", "b@two.test")
    world.until_empty()
    assert [m.recipients for m in one.messages] == [["a@one.test"]]
    assert [m.recipients for m in two.messages] == [["b@two.test"]]


def test_pipelining_off(world):
    peer = world.peer("slow.test", extensions={"8BITMIME": ""})
    (message,) = deliver(world, peer, "a@slow.test", "b@slow.test", "c@slow.test")
    assert len(message.recipients) == 3


def test_rfc5321_3_2_helo_where_ehlo_is_unknown(world):
    peer = world.peer("old.test")
    peer.esmtp = False
    (message,) = deliver(world, peer, "a@old.test")
    assert peer.sessions[0][:2] == ["EHLO out.alpha.test", "HELO out.alpha.test"]
    assert not message.sender_parameters


def test_rfc3461_wishes_are_passed_on(world):
    peer = world.peer("wishes.test")
    world.insert(
        "a@wishes.test", ret="HDRS", envelope_id="a+b", notify="SUCCESS,DELAY",
        original_recipient="rfc822;x+y@wishes.test",
    )  # fmt: skip
    world.until_empty()
    (message,) = peer.messages
    assert {"RET=HDRS", "ENVID=a+2Bb"} <= set(message.sender_parameters)
    assert message.recipient_parameters == [
        ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;x+2By@wishes.test"]
    ]
    assert not world.inbox()  # success is that server's to report


def test_rfc3461_5_2_2_relayed_to_who_reports_nothing(world):
    peer = world.peer("nodsn.test", extensions={"PIPELINING": ""})
    world.insert("a@nodsn.test", "b@nodsn.test", notify="SUCCESS")
    world.until_empty()
    told = bounce(world)
    assert {name: block["Action"] for name, block in told.items()} == {
        "a@nodsn.test": "relayed", "b@nodsn.test": "relayed",
    }  # fmt: skip
    assert len(peer.messages) == 1


# ---- refusals


def test_some_recipients_are_refused(world):
    peer = world.peer("some.test")
    peer.say("rcpt", "550 5.1.1 no such user here", to="nobody@some.test")
    (message,) = deliver(world, peer, "a@some.test", "nobody@some.test", "b@some.test")
    assert sorted(message.recipients) == ["a@some.test", "b@some.test"]
    told = bounce(world)
    (name,) = told
    assert name == "nobody@some.test"
    assert told[name]["Status"] == "5.1.1" and told[name]["Action"] == "failed"
    assert "no such user here" in told[name]["Diagnostic-Code"]


def test_all_recipients_are_refused_in_one_report(world):
    peer = world.peer("all.test")
    peer.say("rcpt", "550 5.7.1 go away")
    deliver(world, peer, "a@all.test", "b@all.test")
    assert sorted(bounce(world)) == ["a@all.test", "b@all.test"]
    assert not peer.messages


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", ["mail", "data", "body"])
def test_refused_at(world, step, pipelining):
    domain = f"{step}-{pipelining}.test".lower()
    peer = world.peer(domain, extensions=None if pipelining else {})
    peer.say(step, "554 5.6.0 not that")
    deliver(world, peer, f"a@{domain}")
    assert bounce(world)[f"a@{domain}"]["Status"] == "5.6.0"
    assert not peer.messages


def test_a_reset_follows_a_refusal(world):
    """The connection serves the next message."""
    peer = world.peer("reset.test")
    peer.say("rcpt", "550 5.1.1 no", to="nobody@reset.test")
    world.send("nobody@reset.test")
    world.send("a@reset.test")
    world.until_empty()
    assert len(peer.messages) == 1
    bounce(world)


def test_notify_never_is_never(world):
    peer = world.peer("never.test")
    peer.say("rcpt", "550 5.1.1 no")
    world.insert("a@never.test", notify="NEVER")
    world.until_empty()
    assert not world.inbox()


def test_rfc5321_6_1_no_report_of_a_report(world):
    """A report to somebody elsewhere who doesn't take it ends there."""
    peer = world.peer("double.test")
    peer.say("rcpt", "550 5.1.1 no")
    world.insert("a@double.test", sender="gone@double.test")
    world.until_empty()
    mail = [line.split(" SIZE")[0] for s in peer.sessions for line in s if line[:4] == "MAIL"]
    assert mail == ["MAIL FROM:<gone@double.test>", "MAIL FROM:<>"]
    assert not world.inbox()


def test_rfc1870_too_large_is_not_even_tried(world):
    peer = world.peer("small.test", extensions={"SIZE": "1000", "PIPELINING": ""})
    deliver(world, peer, "a@small.test", text=b"Subject: big\r\n\r\n" + b"x\r\n" * 1000)
    assert bounce(world)["a@small.test"]["Status"] == "5.3.4"
    assert not any(line.startswith("MAIL") for session in peer.sessions for line in session)


def test_rfc6152_3_eight_bits_for_who_takes_seven(world):
    peer = world.peer("seven.test", extensions={"PIPELINING": ""})
    deliver(world, peer, "a@seven.test", text="Subject: x\r\n\r\nGrüße\r\n".encode())
    assert bounce(world)["a@seven.test"]["Status"] == "5.6.3"
    assert not peer.messages


def test_rfc6531_3_2_internationalized_mail(world):
    peer = world.peer("ascii.test", extensions={"PIPELINING": "", "8BITMIME": ""})
    both = world.peer("utf8.test")
    text = "Subject: Grüße\r\n\r\nHello\r\n".encode()
    options = {"mail_options": ["SMTPUTF8", "BODY=8BITMIME"], "text": text}
    world.send("a@ascii.test", **options)
    world.send("ü@utf8.test", **options)
    world.until_empty()
    assert bounce(world)["a@ascii.test"]["Status"] == "5.6.7"
    assert not peer.messages and len(both.messages) == 1
    assert "SMTPUTF8" in both.messages[0].sender_parameters
    # A header that doesn't need it goes everywhere.
    world.send("b@ascii.test", mail_options=["SMTPUTF8"])
    world.until_empty()
    assert len(peer.messages) == 1 and not world.inbox()


# ---- not now


def test_greylisting(world):
    peer = world.peer("grey.test")
    peer.say("rcpt", "451 4.7.1 greylisted", once_each=True)
    world.send("a@grey.test", "b@grey.test")
    world.until_empty()
    assert sorted(r for m in peer.messages for r in m.recipients) == ["a@grey.test", "b@grey.test"]
    assert not world.inbox()


def test_trouble_passes(world):
    """Whatever happens once, at whatever step: each message arrives, and arrives once."""
    peers = {}
    for step in ("connect", "ehlo", "mail", "rcpt", "data", "body"):
        for answer in (RESET, CLOSE, STALL, "451 4.3.0 later", "421 4.3.2 bye"):
            domain = f"{step}-{answer.split()[0]}.test".lower()
            peers[domain] = world.peer(domain).say(step, answer, times=1)
    for domain in peers:
        world.insert(f"a@{domain}", f"b@{domain}")
    world.until_empty()
    for domain, peer in peers.items():
        taken = sorted(r for m in peer.messages for r in m.recipients)
        assert taken == [f"a@{domain}", f"b@{domain}"], domain
    assert not world.inbox()


def test_broken_in_the_midst_of_a_message(world):
    peer = world.peer("halfway.test")
    peer.say("halfway", RESET, times=1)
    text = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 100000
    (message,) = deliver(world, peer, "a@halfway.test", text=text)
    assert message.data.endswith(text[-1000:]) and len(message.data) >= len(text)


@pytest.mark.parametrize("step", ["text", "after"])
def test_a_refusal_before_a_reset_is_heard(world, step):
    """Also one that didn't wait for the end of the message: what we write then fails."""
    peer = world.peer(f"hasty-{step}.test")
    if step == "after":
        peer.say("body", "554 5.7.1 not that").say("after", RESET)
    else:
        peer.say("text", "554 5.7.1 not that")
    deliver(world, peer, f"a@hasty-{step}.test")
    told = bounce(world)[f"a@hasty-{step}.test"]
    assert told["Status"] == "5.7.1" and "not that" in told["Diagnostic-Code"]
    assert len(peer.sessions) == 1 and not peer.messages


def test_replies_that_have_no_end(world):
    """A hundred lines are a reply, a thousand are none."""
    peer = world.peer("talks.test")
    peer.say("connect", "\n".join(["220 hello"] * 100)).say("rcpt", "\n".join(["250 ok"] * 100))
    peer.say("body", "\n".join(f"554 5.7.{n} line {n}" for n in range(100)))
    deliver(world, peer, "a@talks.test")
    told = bounce(world)["a@talks.test"]
    assert told["Status"] == "5.7.99" and len(told["Diagnostic-Code"]) < 2000
    peer.forget()
    peer.say("mail", "\n".join(["250 ok"] * 1000))
    world.insert("b@talks.test")
    until("it was tried", lambda: "lines" in world.spool()[0][2])
    world.give_up("b@talks.test")
    assert bounce(world)["b@talks.test"]["Status"] == "4.4.7" and not peer.messages


def test_a_message_that_a_server_can_not_bear_harms_no_other(world):
    world.reload(dead_time="10s", dead_time_max="10s")
    peer = world.peer("delicate.test")
    peer.say("data", CLOSE, sender=BERT)
    world.insert("a@delicate.test", sender=BERT)
    until("it was tried", lambda: [a for _, a, _ in world.spool()] != [0])
    world.send("b@delicate.test")
    until("another one has left", lambda: [m.sender for m in peer.messages] == [ANN])
    assert peer.messages[0].recipients == ["b@delicate.test"]
    world.give_up("a@delicate.test")
    assert bounce(world, BERT)["a@delicate.test"]["Status"] == "4.4.7"
    world.reload(dead_time="100ms", dead_time_max="500ms")


@pytest.mark.parametrize("step, pipelining", [("mail", True), ("data", True), ("data", False)])
def test_a_claim_that_is_lost_meanwhile(world, step, pipelining):
    """Who lost it sends nothing under it any more, and keeps its wits."""
    domain = f"thief-{step}-{pipelining}.test".lower()
    extensions = {"PIPELINING": "", "8BITMIME": ""} if pipelining else {"8BITMIME": ""}
    peer = world.peer(domain, extensions=extensions)
    patient = {**SETTINGS["timeouts"], "mail": "9s", "data": "9s"}
    world.reload(claim_time="2s", timeouts=patient)
    stolen = []

    def answer(at, *args):
        if at == step and not stolen:
            stolen.append(world.steal(f"a@{domain}"))
            until("it was noticed", lambda: is_logged(world, "outbound-claim-lost", f"a@{domain}"))
        return Peer.answer(peer, at, *args)

    pid = service_pid(world)
    peer.answer = answer
    world.insert(*(f"{who}@{domain}" for who in "abc"))
    until("it is noticed, and all of it is sent", lambda: stolen and not world.hurry())
    assert service_pid(world) == pid
    assert sorted(r for m in peer.messages for r in m.recipients) == [
        f"{who}@{domain}" for who in "abc"
    ]
    world.reload(**{name: SETTINGS[name] for name in ("claim_time", "timeouts")})


def test_a_reply_that_is_lost_may_double_but_never_lose(world):
    peer = world.peer("lost.test")
    peer.say("body", LOSE, times=1)
    deliver(world, peer, "a@lost.test")
    assert 1 <= len(peer.messages) <= 2
    assert not world.inbox()


def test_an_administrator_has_it_tried_at_once(world):
    """mansioctl queue retry: the scheduler is told, whatever it waits for."""
    peer = world.peer("told.test")
    peer.say("rcpt", "451 4.2.1 come back later", times=2)
    usual = {name: world.settings[name] for name in ("retry", "give_up")}
    world.reload(retry=["12h"], give_up="1d")
    try:
        world.send("a@told.test", "b@told.test")
        until("both were tried", lambda: [row[1] for row in world.spool()] == [1, 1])
        world.lab.node.mansioctl("queue", "retry", "--domain", "told.test")
        world.until_empty()
    finally:
        world.reload(**usual)
    assert sorted(r for m in peer.messages for r in m.recipients) == ["a@told.test", "b@told.test"]


def test_given_up_after_a_time(world):
    peer = world.peer("late.test")
    peer.say("rcpt", "451 4.2.1 come back later")
    world.reload(give_up="3s")
    world.send("a@late.test")
    world.until_empty()
    world.reload(give_up=SETTINGS["give_up"])
    told = bounce(world)["a@late.test"]
    assert told["Action"] == "failed" and told["Status"] == "4.4.7"
    assert "come back later" in told["Diagnostic-Code"]
    assert len([s for s in peer.sessions if any("RCPT" in line for line in s)]) >= 2


def test_a_message_that_can_not_be_read_is_reported_too(world):
    peer = world.peer("damaged.test")
    peer.stop_listening()
    world.insert("a@damaged.test")
    until("it was tried", lambda: any("refused" in reply for _, _, reply in world.spool()))
    world.sql("UPDATE mansio.spool SET message_bytes = message_bytes + 1 RETURNING 1")
    peer.port = 25
    peer.listen()
    until("it was read", lambda: any("ends early" in reply for _, _, reply in world.spool()))
    world.give_up("a@damaged.test")
    ((report, told),) = bounces(world)
    assert told["a@damaged.test"]["Status"] == "4.4.7" and "ends early" in str(report)
    assert not peer.messages


def test_nobody_there(world):
    peer = world.peer("away.test")
    peer.stop_listening()
    for n in range(5):
        world.send("a@away.test", subject=f"away{n}")
    until("it was tried", lambda: any("refused" in reply for _, _, reply in world.spool()))
    world.give_up("a@away.test")
    reports = bounces(world, 5)
    assert all(told["a@away.test"]["Status"] == "4.4.7" for _, told in reports)
    assert "refused" in str(reports[0][0])


def test_back_again(world):
    """A destination that was left alone is found alive."""
    peer = world.peer("back.test")
    peer.stop_listening()
    for n in range(5):
        world.send("a@back.test", subject=f"back{n}")
    until("it was tried", lambda: any("refused" in reply for _, _, reply in world.spool()))
    peer.port = 25
    peer.listen()
    world.until_empty()
    assert len(peer.messages) == 5 and not world.inbox()


def test_rfc5321_4_5_3_1_10_too_many_recipients(world):
    peer = world.peer("few.test")
    peer.say("rcpt", "452 4.5.3 too many recipients", to="d@few.test", times=1)
    peer.say("rcpt", "452 4.5.3 too many recipients", to="c@few.test", times=1)
    world.send("a@few.test", "b@few.test", "c@few.test", "d@few.test")
    world.until_empty()
    taken = sorted(r for m in peer.messages for r in m.recipients)
    assert taken == ["a@few.test", "b@few.test", "c@few.test", "d@few.test"]


# ---- routes


def test_rfc5321_5_1_the_next_host_takes_over(world):
    first, second = world.peer("mx1.test"), world.peer("mx2.test")
    world.zone.add("fail.test", mx=[(10, "mx.mx1.test"), (20, "mx.mx2.test")])
    first.stop_listening()
    (message,) = deliver(world, second, "a@fail.test")
    assert message.recipients == ["a@fail.test"]
    first.port = 25
    first.listen()
    first.say("connect", "554 5.3.2 no mail here")  # RFC 7504
    assert len(deliver(world, second, "b@fail.test")) == 1
    first.forget()
    first.say("mail", "421 4.3.2 shutting down")
    assert len(deliver(world, second, "c@fail.test")) == 1
    first.forget()
    assert len(deliver(world, first, "d@fail.test")) == 1


def test_rfc5321_5_1_equals_share_the_load(world):
    hosts = [world.peer(f"equal{n}.test") for n in range(2)]
    world.zone.add("equals.test", mx=[(10, "mx.equal0.test"), (10, "mx.equal1.test")])
    for _ in range(12):
        world.insert("a@equals.test")
        world.until_empty()
    assert all(peer.messages for peer in hosts)


def test_rfc5321_5_1_without_mx_the_domain_itself(world):
    peer = world.peer("implicit-mx.test")
    world.zone.add("implicit.test", a=[peer.host])
    assert len(deliver(world, peer, "a@implicit.test")) == 1


def test_rfc7505_null_mx(world):
    world.zone.null_mx("null.test")
    world.send("a@null.test")
    world.until_empty()
    assert bounce(world)["a@null.test"]["Status"] == "5.1.10"


def test_no_such_domain(world):
    world.send("a@nowhere.test")
    world.until_empty()
    assert bounce(world)["a@nowhere.test"]["Status"] == "5.1.2"


def test_dns_that_fails_is_asked_again(world):
    peer = world.peer("dns.test")
    world.zone.fail("dns.test", "servfail", "mx")
    world.send("a@dns.test")
    until("it was tried", lambda: "DNS" in world.spool()[0][2])
    world.zone.fail("dns.test", None, "mx")
    world.until_empty()
    assert len(peer.messages) == 1 and not world.inbox()


def test_mail_that_would_come_back(world):
    world.zone.add("loops.test", mx=[(10, "out.alpha.test"), (20, "mx.first.test")])
    world.send("a@loops.test")
    world.until_empty()
    assert bounce(world)["a@loops.test"]["Status"] == "5.4.6"


def test_rfc5321_5_1_nobody_behind_our_own_address(world):
    """We are in the list by another name: who is no nearer than we are would bring it back."""
    behind = world.peer("behind.test")
    world.zone.add("us.test", a=["192.0.2.7"])
    world.zone.add("around.test", mx=[(10, "us.test"), (20, "mx.behind.test")])
    world.reload(own_addresses=["192.0.2.7"])
    world.send("a@around.test")
    world.until_empty()
    assert bounce(world)["a@around.test"]["Status"] == "5.4.6"
    assert not behind.sessions
    nearer = world.peer("nearer.test")
    mx = [(5, "mx.nearer.test"), (10, "us.test"), (20, "mx.behind.test")]
    world.zone.add("around.test", mx=mx)
    nearer.say("connect", "421 4.3.2 later", times=1)
    assert len(deliver(world, nearer, "a@around.test")) == 1
    assert not behind.sessions and not world.inbox()
    world.reload(own_addresses=[])


def test_a_name_that_looks_like_an_address(world):
    """Anybody can write "MX 10 127.0.0.1"; that is a name, and not where ourselves are."""
    peer = world.peer("numeric-peer.test")
    world.zone.add("numeric.test", mx=[(10, peer.host)])
    world.send("a@numeric.test")
    world.until_empty()
    assert bounce(world)["a@numeric.test"]["Status"] == "5.4.4"
    assert not peer.sessions


def test_a_domain_of_ours_on_another_store(world):
    """Its hosts are ourselves, as it should be: that is no loop."""
    peer = world.peer("our-own-mx.test")
    world.reload(own_addresses=[peer.host])
    world.zone.add("out.alpha.test", a=[peer.host])
    world.zone.add("beta.test", mx=[(10, "out.alpha.test")])
    world.zone.add("strange.test", mx=[(10, "mx.our-own-mx.test")])
    world.insert("user2@beta.test", "a@strange.test")
    world.until_empty()
    assert [m.recipients for m in peer.messages] == [["user2@beta.test"]]
    assert bounce(world)["a@strange.test"]["Status"] == "5.4.6"
    world.reload(own_addresses=[])


def test_an_address_literal(world):
    peer = world.peer("literal.test")
    assert len(deliver(world, peer, f"a@[{peer.host}]")) == 1


def test_a_name_that_is_another_name(world):
    peer = world.peer("alias-target.test")
    world.zone.add("alias.test", cname="alias-target.test")
    assert len(deliver(world, peer, "a@alias.test")) == 1


# ---- TLS


def test_tls_where_it_is_offered(world, keys):
    peer = world.peer("tls.test", tls=keys[1]("tls", "elsewhere.test"))
    (message,) = deliver(world, peer, "a@tls.test")
    assert message.tls and message.hello == "out.alpha.test"


def test_rfc7435_broken_tls_is_no_tls(world, keys):
    peer = world.peer("broken-tls.test", tls=keys[1]("broken", "elsewhere.test"))
    peer.say("starttls", GARBAGE)
    (message,) = deliver(world, peer, "a@broken-tls.test")
    assert message.tls is None
    refusing = world.peer("refused-tls.test", tls=keys[1]("refused", "elsewhere.test"))
    refusing.say("starttls", "454 4.7.0 not available")
    (message,) = deliver(world, refusing, "a@refused-tls.test")
    assert message.tls is None


@pytest.mark.parametrize("answer", [CLOSE, STALL])
def test_rfc7435_tls_that_goes_no_further_is_no_tls(world, keys, answer, long):
    """The handshake goes well, as TLS 1.3 has it, and then there is nothing."""
    if answer == STALL and not long:
        pytest.skip("only with --long: it waits for a time-out")
    domain = f"mute-{answer}.test".lower()
    peer = world.peer(domain, tls=keys[1](domain, "elsewhere.test")).say("tls", answer)
    (message,) = deliver(world, peer, f"a@{domain}")
    assert message.tls is None
    assert not world.inbox()


def test_ways_that_the_settings_name(world, keys):
    authority, make = keys
    smart = world.peer("smart.test", tls=make("smart", "mx.smart.test"), users={"us": "secret"})
    strict = world.peer("strict.test", tls=make("strict", "mx.strict.test"))
    wrong = world.peer("wrong.test", tls=make("wrong", "mx.other.test"))
    naked = world.peer("naked.test")
    routes = {
        "smart": {
            "domains": ["via.test", ".via.test"], "host": "mx.smart.test", "tls": "verify",
            "user": "us", "password": "secret",
        },
        "strict": {"domains": ["strict.test", "wrong.test"], "tls": "verify"},
        "encrypt": {"domains": ["naked.test"], "tls": "encrypt"},
    }  # fmt: skip
    world.reload(routes=routes, ca_file=str(authority))
    (message,) = deliver(world, smart, "a@via.test", "b@below.via.test")
    assert message.user == "us" and message.tls and len(message.recipients) == 2
    assert deliver(world, strict, "a@strict.test")[0].tls
    world.send("a@wrong.test")
    world.send("a@naked.test")
    world.give_up("a@wrong.test", "a@naked.test")
    told = {name: block for _, one in bounces(world, 2) for name, block in one.items()}
    assert set(told) == {"a@wrong.test", "a@naked.test"}
    assert not wrong.messages and not naked.messages
    world.reload(routes={})


def test_scram_with_a_smart_host_that_knows_it(world):
    """Our own submission service, which offers it first."""
    lab = world.lab
    world.zone.add("mail.beta.test", a=["127.0.0.1"])
    relay = {
        "domains": ["beta.test"], "host": "mail.beta.test", "port": lab.port("submissions"),
        "tls": "verify", "implicit_tls": True, "user": "user1@beta.test", "password": "correct-horse",
    }  # fmt: skip
    world.reload(routes={"us": relay}, ca_file=str(lab.directory / "tls" / "ca.pem"))
    text = b"From: <user1@beta.test>\r\nSubject: through\r\n\r\nHello\r\n"
    world.insert("user2@beta.test", sender="user1@beta.test", tenant="beta", text=text)
    (raw,) = until("it came", lambda: world.inbox("user2@beta.test"))
    assert b"Subject: through" in raw and b"ESMTPSA" in raw
    # A password that is wrong is no reason to send mail back at once.
    world.reload(routes={"us": {**relay, "password": "wrong"}})
    world.insert("user2@beta.test", sender="user1@beta.test", tenant="beta", text=text)
    until("it was tried", lambda: any("535" in reply for _, _, reply in world.spool()))
    world.reload(routes={"us": relay})
    (raw,) = until("it came", lambda: world.inbox("user2@beta.test"))
    world.until_empty()
    world.reload(routes={})


# ---- time


def test_rfc3461_a_delay_is_told_once(world):
    peer = world.peer("delayed.test")
    peer.say("rcpt", "451 4.2.1 not now")
    world.reload(delay_report="700ms")
    world.insert("a@delayed.test")
    told = bounce(world)["a@delayed.test"]
    assert told["Action"] == "delayed" and told["Status"] == "4.2.1"
    assert told["Will-Retry-Until"]
    until("it was tried again", lambda: int(world.spool()[0][1]) >= 5)
    peer.forget()
    world.until_empty()
    assert not world.inbox() and len(peer.messages) == 1
    world.reload(delay_report="0s")


def test_nobody_starves(world):
    """Behind a destination that stalls, with far more mail than may be in hand."""
    world.reload(connections=6, destination_connections=4, hold=60, claim=20)
    stuck = world.peer("stuck.test")
    stuck.say("connect", STALL)
    for n in range(60):
        world.insert("a@stuck.test", "b@stuck.test")
    others = [world.peer(f"quick{n}.test") for n in range(10)]
    for n in range(10):
        world.insert(*(f"{who}@quick{n}.test" for who in "ab"))
    until("the others have theirs", lambda: all(peer.messages for peer in others))
    assert len([row for row in world.spool() if row[0].endswith("@stuck.test")]) == 120
    stuck.forget()
    stuck.stalled.set()
    until("the rest has left", lambda: not world.hurry())
    assert len(stuck.messages) >= 60
    taken = [r for m in stuck.messages for r in m.recipients]
    assert sorted(taken) == ["a@stuck.test"] * 60 + ["b@stuck.test"] * 60
    world.reload(connections=200, destination_connections=20, hold=2000, claim=250)


def test_many_that_stall_do_not_stop_who_takes_mail(world):
    patient = {**SETTINGS["timeouts"], "greeting": "20s"}
    world.reload(connections=8, timeouts=patient)
    known = world.peer("known.test")
    assert deliver(world, known, "a@known.test")
    stuck = [world.peer(f"tar{n}.test").say("connect", STALL) for n in range(10)]
    world.insert(*(f"a@tar{n}.test" for n in range(10)))
    until("all stalls", lambda: sum(bool(peer.sessions) for peer in stuck) >= 6)
    world.insert("b@known.test")
    until("it is there", lambda: len(known.messages) == 2)
    assert len(world.spool()) >= 10
    for peer in stuck:
        peer.forget()
        peer.hang_up()
    until("the rest has left", lambda: not world.hurry())
    world.reload(connections=200, timeouts=SETTINGS["timeouts"])


def test_who_takes_nothing_gets_nothing_of_what_is_kept_for_who_does(world):
    """To answer is not to take mail: each of these says "later" after a while, again and again."""
    patient = {**SETTINGS["timeouts"], "mail": "20s"}
    world.reload(connections=8, timeouts=patient)
    known = world.peer("kept.test")
    assert deliver(world, known, "a@kept.test")
    stuck = [world.peer(f"late{n}.test").say("mail", "450 4.7.1 later") for n in range(10)]
    world.insert(*(f"a@late{n}.test" for n in range(10)))
    until("all are put off", lambda: all(attempts for _, attempts, _ in world.spool()))
    for peer in stuck:
        peer.say("mail", STALL)
    claimed = "SELECT count(*) FROM mansio.spool WHERE claimed_until > now()"
    until("all are at it", lambda: world.hurry() and world.sql(claimed) == [(10,)])
    world.insert("b@kept.test")
    until("it is there", lambda: len(known.messages) == 2, 10)
    for peer in stuck:
        peer.forget()
        peer.hang_up()
    until("the rest has left", lambda: not world.hurry())
    world.reload(connections=200, timeouts=SETTINGS["timeouts"])


# ---- ends


def test_a_process_that_is_killed_loses_nothing(world):
    peer = world.peer("killed.test")
    peer.say("data", STALL, times=3)
    for n in range(20):
        world.insert(f"a{n}@killed.test")
    until("some are under way", lambda: any("DATA" in s for s in peer.sessions))
    os.kill(service_pid(world), signal.SIGKILL)
    world.until_empty()
    taken = [r for m in peer.messages for r in m.recipients]
    assert {f"a{n}@killed.test" for n in range(20)} == set(taken)
    assert not world.inbox()


def test_a_node_that_stops_gives_its_claims_back(world):
    peer = world.peer("stopped.test")
    peer.say("connect", STALL)
    for n in range(20):
        world.insert(f"a{n}@stopped.test")
    until("it is under way", lambda: peer.sessions)
    world.lab.node.stop()
    held = world.sql("SELECT count(*) FROM mansio.spool WHERE claimed_until > now()")
    assert held == [(0,)]
    assert len(world.spool()) == 20
    peer.forget()
    world.lab.start()
    world.until_empty()
    assert len(peer.messages) == 20 and not world.inbox()


def test_what_has_no_sender_is_the_postmasters_if_so_set(world):
    world.lab.node.mansioctl("platform", "set", "--postmaster", BERT)
    world.reload(double_bounce="postmaster")
    peer = world.peer("orphan.test")
    peer.say("rcpt", "550 5.1.1 no")
    world.insert("a@orphan.test", sender="")
    world.until_empty()
    assert bounce(world, BERT)["a@orphan.test"]["Status"] == "5.1.1"
    world.reload(double_bounce="drop")
    world.insert("a@orphan.test", sender="")
    world.until_empty()
    assert not world.inbox(BERT)


def test_rfc2920_3_1_354_for_nobody_gets_nothing(world):
    """A server that takes pipelined DATA though it took no recipient."""
    heard = []
    listener = socket.create_server((loopback_address(), 25))

    def serve():
        conn, _ = listener.accept()
        with conn, conn.makefile("rwb") as file:
            replies = {b"EHLO": b"250-x\r\n250 PIPELINING", b"RCPT": b"550 5.1.1 no", b"DATA": b"354 go",
                       b".": b"554 5.5.1 no valid recipients", b"QUIT": b"221 bye"}  # fmt: skip
            file.write(b"220 x\r\n")
            file.flush()
            for line in file:
                heard.append(line.strip())
                file.write(replies.get(heard[-1][:4], b"250 ok") + b"\r\n")
                file.flush()

    threading.Thread(target=serve, daemon=True).start()
    world.zone.add("eager.test", a=[listener.getsockname()[0]])
    world.insert("a@eager.test")
    world.until_empty()
    assert bounce(world)["a@eager.test"]["Status"] == "5.1.1"
    assert heard[3:5] == [b"DATA", b"."], heard
    listener.close()
