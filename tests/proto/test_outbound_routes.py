"""Where mail that leaves goes, over what, and how long it takes: routes by DNS, TLS and smart hosts,
delays, and servers that keep others waiting.

Each test has domains of its own, and ends with a spool without them.
"""

import pytest
from mansio_local import certificates
from mansio_test.outbound import SETTINGS, bounce, bounces, deliver, made_world
from mansio_test.smtp_peer import CLOSE, GARBAGE, STALL
from mansio_test.wait import until

ANN = "user1@alpha.test"


@pytest.fixture(scope="module")
def world(make_lab):
    yield from made_world(make_lab, "outbound-routes")


@pytest.fixture(autouse=True)
def clean(world):
    yield
    world.leave_clean(ANN)


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
