"""Mail that leaves: from the spool to servers of the world outside, which behave as they like.

Each test has domains of its own, and ends with a spool without them.
"""

import json
import os
import signal
import socket
import threading

import pytest
from mansio_test.outbound import SETTINGS, bounce, bounces, deliver, made_world
from mansio_test.smtp_peer import CLOSE, LOSE, RESET, STALL, Peer, loopback_address
from mansio_test.wait import until

ANN = "user1@alpha.test"
BERT = "user2@alpha.test"


@pytest.fixture(scope="module")
def world(make_lab):
    yield from made_world(make_lab, "outbound")


@pytest.fixture(autouse=True)
def clean(world):
    yield
    world.leave_clean(ANN, BERT)


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


def test_an_administrator_gives_up(world):
    world.reload(retry=["12h"])
    peer = world.peer("typo.test").say("rcpt", "450 4.7.1 later")
    world.send("a@typo.test", "b@typo.test")
    idle = "SELECT count(*) FROM mansio.spool WHERE attempts = 1 AND claimed_until < now()"
    until("it was tried", lambda: world.sql(idle) == [(2,)])
    peer.forget()
    world.lab.node.mansioctl("queue", "hold", "--domain", "typo.test")
    world.sql("UPDATE mansio.spool SET flags = flags | 65536; SELECT 1")  # as queue bounce does
    world.hurry()
    world.until_empty()
    told = bounce(world)
    assert sorted(told) == ["a@typo.test", "b@typo.test"] and not peer.messages
    assert told["a@typo.test"]["Status"] == "5.4.7"
    world.reload(retry=SETTINGS["retry"])


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
