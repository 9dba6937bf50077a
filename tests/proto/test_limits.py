"""Limits that all workers share, at their edges, from several source addresses: 127.0.0.N are
addresses of one network, 127.0.N.1 of several (as /24)."""

import imaplib
import os
import poplib
import select
import signal
import socket

import pytest
from mansio_test.install import run
from mansio_test.lab import PASSWORD
from mansio_test.smtp import MODULES, Client
from mansio_test.submission import Submitter
from mansio_test.wait import until

UNKNOWN, KNOWN = "nobody@alpha.test", "user1@alpha.test"


class From:
    """A client of any line protocol that comes from an address; `lines` it has read so far."""

    def __init__(self, port, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()  # empty: it was refused

    def line(self):
        """The next line; "" at the end, however it came."""
        try:
            return self.file.readline(65536).decode().rstrip("\r\n")
        except ConnectionResetError:
            return ""

    def send(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def ask(self, text):
        self.send(text)
        return self.line()

    def login(self, name, password=PASSWORD):
        return self.ask(f"LOGIN {name} {password}")

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Smtp(Client):
    """SMTP from an address."""

    def __init__(self, port, source="127.0.0.1", greeting=True):
        self.socket = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply() if greeting else None
        self.hello()

    def is_silent(self):
        """Nothing has come that wasn't read yet."""
        return not select.select([self.socket], [], [], 0)[0]


@pytest.fixture
def node(post, install):
    """Two workers that take mail and logins; not started."""
    install.build_module(post.daemon.modules / "porter.so", [MODULES / "porter.c"])
    post.with_submission()
    post.daemon.config["workers"] = 2
    post.daemon.config["login"] = {"delay": "0us"}
    post.porter = post.daemon.add("porter", "porter")
    post.daemon.config["listeners"]["porter"]["plaintext_login"] = True
    post.limits = post.daemon.config["limits"]
    return post


def change(node, **limits):
    """Settings that hold from now on."""
    node.limits.update(limits)
    node.daemon.write()
    assert node.daemon.ask("reload")["outcome"] == "live"


def hits(node, limit):
    return node.daemon.metric("mansio_core_limit_hits_total", limit=limit)


def is_taken(node, source):
    """Whether a connection from there is served."""
    with From(node.porter, source) as client:
        return client.greeting == "porter"


def open_many(node, count, source="127.0.0.1"):
    """As many connections, each served."""
    clients = [From(node.porter, source) for _ in range(count)]
    assert [client.greeting for client in clients] == ["porter"] * count
    return clients


def close_all(clients):
    for client in clients:
        client.close()


# ---- connections


def test_connections_of_an_address_over_workers(node):
    node.limits["connections_per_address"] = 30
    node.start()
    clients = open_many(node, 30)
    rows = node.daemon.workers()
    assert len(rows) == 2 and all(row["conns_open"] >= 1 for row in rows)  # neither has them all
    assert not is_taken(node, "127.0.0.1")
    assert is_taken(node, "127.0.0.2")
    assert hits(node, "connections_per_address") == 1
    assert node.daemon.metric("mansio_core_conns_refused_total", reason="address") == 1
    clients.pop().close()
    until("a place is free", lambda: is_taken(node, "127.0.0.1"))
    close_all(clients)


def test_connections_of_a_network_and_who_is_exempt(node):
    node.limits["connections_per_network"] = 3
    node.start()
    clients = [open_many(node, 1, f"127.0.0.{n}")[0] for n in (1, 2, 3)]
    assert not is_taken(node, "127.0.0.4")
    assert is_taken(node, "127.0.1.1")
    assert hits(node, "connections_per_network") == 1
    assert node.daemon.metric("mansio_core_conns_refused_total", reason="network") == 1
    # Live: a narrower network is another one, a trusted one isn't counted; both ways.
    change(node, ipv4_prefix=30)
    assert is_taken(node, "127.0.0.4")  # .4 to .7
    change(node, ipv4_prefix=24, exempt=["127.0.0.4"])
    assert is_taken(node, "127.0.0.4") and not is_taken(node, "127.0.0.5")
    change(node, exempt=[], connections_per_network=0)
    more = open_many(node, 5, "127.0.0.4")
    change(node, connections_per_network=8)
    # Those were taken uncounted, the first three weren't: five places are left.
    most = open_many(node, 5, "127.0.0.9")
    assert not is_taken(node, "127.0.0.9")
    close_all(clients + more + most)
    until("all are given back", lambda: is_taken(node, "127.0.0.9"))


def test_a_dead_worker_holds_nothing(node):
    node.limits["connections_per_address"] = 20
    node.start()
    clients = open_many(node, 20)
    assert not is_taken(node, "127.0.0.1")
    for row in node.daemon.workers():
        os.kill(row["pid"], signal.SIGKILL)
    # The master has seen both: what the one held is given back while the other still dies.
    until("both are gone", lambda: node.daemon.status()["crashes"] == 2)
    node.daemon.wait_settled()
    close_all(clients)
    close_all(open_many(node, 20))


# ---- sessions that are somebody's


def in_session(node, name):
    client = From(node.porter, "127.0.0.1")
    answer = client.login(name)
    if answer != "ok":
        client.close()
        return answer
    return client


def is_let_in(node, name):
    client = in_session(node, name)
    if isinstance(client, From):
        client.close()
    return isinstance(client, From)


def test_sessions_of_an_account_and_a_tenant(node):
    node.limits.update(sessions_per_account=3, sessions_per_tenant=5)
    node.start()
    ours = [in_session(node, KNOWN) for _ in range(3)]
    assert in_session(node, KNOWN) == "limit"
    ours += [in_session(node, "user2@alpha.test") for _ in range(2)]
    assert in_session(node, "user2@alpha.test") == "limit"
    assert is_let_in(node, "user1@beta.test")
    assert (hits(node, "sessions_per_account"), hits(node, "sessions_per_tenant")) == (1, 1)
    assert node.daemon.metric("mansio_core_logins_total", outcome="limited") == 2
    until("he has left", lambda: node.daemon.metric("mansio_core_sessions_logged_in") == 5)
    assert node.daemon.log().count("reason=sessions") == 2 or "held_back" in node.daemon.log()
    # Wrong passwords are wrong passwords still, and nobody learns more.
    with From(node.porter) as client:
        assert client.login(KNOWN, "wrong") == "denied"
    # Submission says it as RFC 4954 has it, and counts with all other services.
    with Submitter(node.submission) as client:
        client.hello()
        assert client.plain(KNOWN).code == 454
        assert client.reply().code == 421
    ours.pop(0).close()
    until("a place is free", lambda: is_let_in(node, KNOWN))
    change(node, sessions_per_account=2)
    assert in_session(node, KNOWN) == "limit"
    change(node, sessions_per_account=0, sessions_per_tenant=0)
    ours += [in_session(node, KNOWN) for _ in range(5)]
    close_all(ours)
    until("nobody is left", lambda: node.daemon.metric("mansio_core_sessions_logged_in") == 0)


# ---- failed logins


def failed(node, source, name=UNKNOWN):
    with From(node.porter, source) as client:
        return client.login(name, "wrong")


def test_failed_logins_of_a_network(node):
    node.daemon.config["login"].update(failures_per_network=4, failures_per_account=0)
    node.start()
    names = [f"user{n}@alpha.test" for n in range(5)]
    answers = [failed(node, f"127.0.0.{n + 1}", names[n]) for n in range(5)]
    assert answers == ["denied"] * 4 + ["limit"]
    with From(node.porter, "127.0.0.99") as client:  # nobody from there is heard
        assert client.login(KNOWN) == "limit"
    assert failed(node, "127.0.1.1") == "denied"
    assert hits(node, "failures_per_network") == 2
    change(node, exempt=["127.0.0.96/27"])
    with From(node.porter, "127.0.0.99") as client:
        assert client.login(KNOWN) == "ok"


def test_a_tenant_whose_names_are_tried_is_slow_and_not_deaf(node):
    """The order of answers is what shows who waits."""
    node.daemon.config["login"].update(failures_per_tenant=3, delay="1ms", delay_max="30s")
    node.start()
    assert [failed(node, f"127.0.{n}.1") for n in (1, 2)] == ["denied"] * 2
    with From(node.porter, "127.0.3.1") as slow:
        slow.send(f"LOGIN {UNKNOWN} wrong")
        until("it waits", lambda: node.daemon.metric("mansio_core_tarpit_waiting") == 1)
        # Names that are wait as names that aren't; who knows the password doesn't, nor beta.
        with From(node.porter, "127.0.4.1") as another:
            another.send(f"LOGIN {KNOWN} wrong")
            until("both wait", lambda: node.daemon.metric("mansio_core_tarpit_waiting") == 2)
        assert is_let_in(node, KNOWN)
        assert failed(node, "127.0.3.1", "nobody@beta.test") == "denied"
        assert not select.select([slow.socket], [], [], 0)[0]
    assert hits(node, "failures_per_tenant") == 2


# ---- messages and recipients


def test_messages_and_recipients_of_hosts(node):
    node.limits.update(messages_per_address=3, recipients_per_network=4)
    node.start()
    for n in range(3):
        with Smtp(node.mx, "127.0.0.1") as client:  # whatever the connection, or worker
            client.expect("MAIL FROM:<a@example.org>", 250)
    with Smtp(node.mx, "127.0.0.1") as client:
        client.expect("MAIL FROM:<a@example.org>", 451, "4.7.1")
        client.expect("NOOP", 250)
    with Smtp(node.mx, "127.0.0.2") as client:
        client.envelope(*[f"user{n}@alpha.test" for n in range(1, 5)])
        client.expect(f"RCPT TO:<{UNKNOWN}>", 550, "5.1.1")  # not counted, nor refused for it
        client.expect("RCPT TO:<user5@alpha.test>", 452, "4.7.1")
        client.expect("RCPT TO:<postmaster>", 250)  # whose mail is refused for nothing
        assert client.data("Subject: x\r\n\r\nwhat was accepted is delivered\r\n").code == 250
    with Smtp(node.mx, "127.0.1.2") as client:
        client.envelope("user5@alpha.test")
    with Client(node.lmtp_socket) as client:  # a unix socket speaks for many
        client.hello("LHLO")
        for _ in range(5):
            client.envelope("user1@alpha.test", "user2@alpha.test")
            client.expect("RSET", 250)
    assert hits(node, "messages_per_address") == 1
    assert hits(node, "recipients_per_network") == 1


def test_messages_of_accounts_and_tenants(node):
    node.limits.update(
        messages_per_account=2,
        messages_per_tenant=3,
        recipients_per_tenant=2,
        messages_per_address=1,
    )

    def send(name, code, to=()):
        with Submitter(node.submission) as client:
            client.hello()
            client.login(name)
            client.expect(f"MAIL FROM:<{name}>", code)
            return [client.ask(f"RCPT TO:<x{n}@elsewhere.example>").code for n in to]

    node.start()
    assert send(KNOWN, 250, range(2)) == [250, 250]
    send(KNOWN, 250)
    send(KNOWN, 451)
    assert send("user2@alpha.test", 250, range(1)) == [450]
    send("user3@alpha.test", 451)  # the tenant's
    assert send("user3@beta.test", 250, range(2)) == [250, 250]
    assert hits(node, "messages_per_account") == hits(node, "messages_per_tenant") == 1
    assert hits(node, "recipients_per_tenant") == 1 and hits(node, "messages_per_address") == 0


# ---- guessing at addresses


def test_who_guesses_waits_and_nobody_else(node):
    node.limits.update(misses_free=2, tarpit_delay="30s", tarpit_delay_max="30s", tarpit_places=1)
    node.start()
    with Smtp(node.mx) as guessing, Smtp(node.mx) as other, Smtp(node.mx, "127.0.9.1") as third:
        guessing.expect("MAIL FROM:<a@example.org>", 250)
        guessing.expect(f"RCPT TO:<{UNKNOWN}>", 550)
        guessing.expect(f"RCPT TO:<{UNKNOWN}>", 550)
        guessing.send(f"RCPT TO:<{UNKNOWN}>\r\n")
        until("it waits", lambda: node.daemon.metric("mansio_core_tarpit_waiting") == 1)
        # Known recipients are taken from the same address; others' guesses are free.
        other.envelope(KNOWN)
        third.expect("MAIL FROM:<a@example.org>", 250)
        third.expect(f"RCPT TO:<{UNKNOWN}>", 550)
        assert guessing.is_silent()
        # Where there are no places left in a worker, a guess is answered and the session ends;
        # else it waits as well.
        ended = 0
        more = [Smtp(node.mx, "127.0.0.1") for _ in range(12)]
        for client in more:
            client.expect("MAIL FROM:<a@example.org>", 250)
            client.send(f"RCPT TO:<{UNKNOWN}>\r\n")
        places = lambda: node.daemon.metric("mansio_core_tarpit_waiting")
        until(
            "all places are taken", lambda: places() in (1, 2) and hits(node, "tarpit_places") >= 11
        )
        for client in more:
            if not client.is_silent():
                assert [reply.code for reply in client.replies(2)] == [550, 421]
                ended += 1
        assert ended == 12 + 1 - places() and guessing.is_silent()
        # A reload's old workers, and a shutdown, wait for who has a transaction open, and for nobody
        # in the tarpit.
        other.close()
        third.close()
        assert node.daemon.stop() == 0
        assert guessing.replies(2)[0].code == 550
        close_all(more)


def test_who_guesses_too_much_is_told_and_sent_away(node):
    node.limits.update(misses_per_address=3, misses_per_network=5)
    node.start()

    def guess(source, count):
        with Smtp(node.mx, source) as client:
            client.expect("MAIL FROM:<a@example.org>", 250)
            for _ in range(count):
                client.expect(f"RCPT TO:<{UNKNOWN}>", 550, "5.1.1")
            reply = client.ask("NOOP")
            return reply.code

    assert guess("127.0.0.1", 3) == 250
    assert guess("127.0.0.1", 1) == 421
    assert guess("127.0.0.2", 1) == 250
    assert guess("127.0.0.3", 1) == 421  # the network's sixth
    assert guess("127.0.1.1", 3) == 250
    with Smtp(node.mx, "127.0.0.1") as client:
        client.envelope(KNOWN)
    assert (hits(node, "misses_per_address"), hits(node, "misses_per_network")) == (1, 1)


def test_a_window_is_a_part_of_an_hour(node):
    node.limits.update(messages_per_address=12, window="10m")
    node.start()
    with Smtp(node.mx) as client:
        for _ in range(2):
            client.expect("MAIL FROM:<a@example.org>", 250)
            client.expect("RSET", 250)
        client.expect("MAIL FROM:<a@example.org>", 451, "4.7.1")


@pytest.mark.parametrize(
    "limits, complaint",
    [
        ({"exempt": ["127.0.0.1/8"]}, "limits.exempt: network"),
        ({"ipv4_prefix": 7}, "limits.ipv4_prefix"),
        ({"window": "1s"}, "limits.window"),
        ({"messages_per_acount": 1}, "messages_per_account"),
    ],
)
def test_settings_are_checked(make_daemon, limits, complaint):
    daemon = make_daemon()
    daemon.config["limits"].update(limits)
    daemon.write()
    checked = run(daemon.program, "--check", "--config", daemon.path, check=False)
    assert checked.returncode != 0 and complaint in checked.stderr


# ---- quotas, and last uses, in a real directory


@pytest.fixture(scope="module")
def lab(make_lab):
    """One worker: what it has noted is a process's own."""
    return make_lab("limits", workers=1).up()


def test_quotas_say_otherwise(lab):
    lab.node.batch(
        [
            "quota set alpha --sessions 1",
            "quota set user2@alpha.test --sessions 2 --messages-hour 1",
        ]
    )
    with lab.imap(KNOWN):
        with pytest.raises(imaplib.IMAP4.error, match="or sessions, try later"):
            lab.imap(KNOWN)
        with From(lab.port("imap")) as client:
            client.send(f"a LOGIN {KNOWN} {PASSWORD}")
            assert client.line().startswith("* BYE Too many")
            assert client.line() == "a NO [LIMIT] Too many failed logins or sessions, try later"
        with pytest.raises(poplib.error_proto, match=r"-ERR \[SYS/TEMP\]"):
            lab.pop3(KNOWN)
        with lab.imap("user2@alpha.test"), lab.imap("user2@alpha.test"):
            with pytest.raises(imaplib.IMAP4.error, match="or sessions, try later"):
                lab.imap("user2@alpha.test")
        with lab.imap("user1@beta.test"), lab.imap("user1@beta.test"):
            pass
    with Submitter(lab.port("submissions"), lab.trusted()) as client:
        client.hello()
        client.login("user2@alpha.test")
        client.expect("MAIL FROM:<user2@alpha.test>", 250)
        client.expect("RSET", 250)
        client.expect("MAIL FROM:<user2@alpha.test>", 451, "4.7.1")


def used(lab, user):
    """When, by what service and from where the main password of a user was last used."""
    local, domain = user.split("@")
    return lab.sql(
        "SELECT c.last_used, c.last_service, c.last_network FROM mansio.credential c"
        " JOIN mansio.account a USING (tenant_id, account_id)"
        " JOIN mansio.domain d USING (tenant_id, domain_id)"
        f" WHERE a.local = '{local}' AND d.name = '{domain}' AND c.last_used IS NOT NULL"
    )


def test_last_uses_are_recorded(lab):
    user, late = "user5@alpha.test", "user6@alpha.test"
    lab.imap(user).logout()
    (first,) = until("its use is recorded", lambda: used(lab, user))
    assert first[1:] == ["imap", "127.0.0.1"]
    with pytest.raises(poplib.error_proto):
        lab.pop3("user7@alpha.test", "wrong")
    lab.pop3(user).quit()  # within five minutes of the last: nothing new
    lab.pop3(late).quit()
    lab.node.stop()  # what is noted is written at the end
    ((_, service, _),) = used(lab, late)
    assert service == "pop3"
    assert used(lab, user) == [first] and used(lab, "user7@alpha.test") == []
    lab.start()
