"""Mail in over LMTP and SMTP, out over POP3, with every kind of store: the same bytes, the quota,
a reply for each recipient. What one store can do, the other must."""

import poplib
import shutil

import pytest
from mansio_test.lab import PASSWORD
from mansio_test.smtp import Client

MESSAGE = b"From: a@example.org\r\nSubject: x\r\n\r\n.\r\nHello\r\n"


class Route:
    """Ports of one installation."""

    def __init__(self, mx, lmtp, pop3):
        self.ports = {"mx": mx, "lmtp": lmtp}
        self.pop3 = pop3

    def client(self, mode):
        client = Client(self.ports[mode])
        client.hello("EHLO" if mode == "mx" else "LHLO")
        return client

    def read(self, user):
        """All messages of a mailbox; it is empty then."""
        box = poplib.POP3("127.0.0.1", self.pop3, timeout=30)
        box.user(user)
        box.pass_(PASSWORD)
        count = len(box.list()[1])
        made = [b"\r\n".join([*box.retr(i + 1)[1], b""]) for i in range(count)]
        for i in range(count):
            box.dele(i + 1)
        box.quit()
        return made


def over_memory(make_daemon, install):
    daemon = make_daemon(workers=1)
    build = install.build / "tests/modules"
    shutil.copy(build / "store-memory.so", daemon.modules / "store-memory.so")
    daemon.config["module_path"].append(str(install.prefix / "lib/mansio"))
    daemon.config["instances"] = {
        "memory": {"module": "store-memory", "settings": {"stored": "{PLAIN}" + PASSWORD}},
        "auth": {"module": "auth-password"},
    }
    pop3 = daemon.add("pop3", module="pop3")
    daemon.config["listeners"]["pop3"]["plaintext_login"] = True
    mx = daemon.add("mx", module="smtp", hostname="mx.alpha.test")
    lmtp = daemon.add("lmtp", module="smtp", mode="lmtp", hostname="mx.alpha.test")
    daemon.start()
    return Route(mx, lmtp, pop3)


@pytest.fixture
def route(make_daemon, install):
    return over_memory(make_daemon, install)


@pytest.mark.parametrize("mode", ["mx", "lmtp"])
def test_the_same_bytes_come_out(route, mode):
    texts = [MESSAGE, b"", b"no header\r\n", b"A: b\r\n\r\n" + b"\xff\xe4" * 400 + b"\r\n",
             b"A: b\r\n\r\n" + (b"." * 70 + b"\r\n") * 20000]
    with route.client(mode) as client:
        for text in texts:
            client.envelope("user1@alpha.test", "user2@alpha.test", "user1+x@alpha.test")
            codes = {client.data(text).code}
            codes |= set(client.codes(2)) if mode == "lmtp" else set()
            assert codes == {250}
    for user in ("user1@alpha.test", "user2@alpha.test"):
        made = route.read(user)
        assert len(made) == len(texts)
        for one, text in zip(made, texts):
            assert one.endswith(b"+0000\r\n" + text)
            assert one.startswith(b"Return-Path: <sender@example.org>\r\nDelivered-To: " + user.encode())


def test_tenants_dont_meet(route):
    with route.client("lmtp") as client:
        client.envelope("user3@alpha.test", "user3@beta.test")
        client.data(MESSAGE)
        assert client.reply().code == 250
    assert len(route.read("user3@alpha.test")) == len(route.read("user3@beta.test")) == 1


def test_quota_at_rcpt(route):
    """small@ has room for three messages; then 452 or 552, and nothing more comes in."""
    with route.client("mx") as client:
        for _ in range(3):
            client.envelope("small@alpha.test")
            assert client.data(MESSAGE).code == 250
        client.expect("MAIL FROM:<a@example.org>", 250)
        reply = client.ask("RCPT TO:<small@alpha.test>")
        assert (reply.code, reply.status) in ((452, "4.2.2"), (552, "5.2.2"))
        client.expect("RCPT TO:<user4@alpha.test>", 250)
        assert client.data(MESSAGE).code == 250
    assert len(route.read("small@alpha.test")) == 3
    assert len(route.read("user4@alpha.test")) == 1


def test_quota_at_delivery_for_each_recipient_of_lmtp(route):
    big = b"A: b\r\n\r\n" + (b"x" * 78 + b"\r\n") * 1500
    with route.client("lmtp") as client:
        client.envelope("small@alpha.test", "user5@alpha.test")  # without SIZE nobody can tell yet
        first, second = client.data(big), client.reply()
        assert first.code in (452, 552) and first.status in ("4.2.2", "5.2.2")
        assert second.code == 250
        client.expect(f"MAIL FROM:<a@example.org> SIZE={len(big)}", 250)
        assert client.ask("RCPT TO:<small@alpha.test>").code in (452, 552)
    assert route.read("small@alpha.test") == []
    assert len(route.read("user5@alpha.test")) == 1


def test_an_account_that_goes_between_rcpt_and_delivery(route):
    with route.client("lmtp") as client:
        client.expect("MAIL FROM:<a@example.org>", 250)
        reply = client.ask("RCPT TO:<gone@alpha.test>")
        if reply.code == 250:  # a store may know at once, or at the commit
            client.expect("RCPT TO:<user6@alpha.test>", 250)
            assert client.data(MESSAGE).code == 550
        else:
            assert (reply.code, reply.status) == (550, "5.1.1")
            client.expect("RCPT TO:<user6@alpha.test>", 250)
            client.expect("DATA", 354)
            client.send(MESSAGE.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert client.reply().code == 250
    assert len(route.read("user6@alpha.test")) == 1
