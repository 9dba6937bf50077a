"""Bodies that a worker holds (modules/postgres, body_cache): read again they are the same and aren't
asked for; and who may read what is asked each time."""

import json
import random
import re
import smtplib
import urllib.request

import pytest
from mansio_test.imap import Dialogue

USER, OTHER, FOREIGN = "user1@alpha.test", "user2@alpha.test", "user1@beta.test"


@pytest.fixture(scope="module")
def lab(make_lab):
    return make_lab("bodies", workers=1, accounts=2).up()


@pytest.fixture
def metric(lab):
    def metric(name):
        url = f"http://{lab.node.host}:{lab.port('metrics')}/metrics"
        with urllib.request.urlopen(url, timeout=20) as answer:
            text = answer.read().decode()
        found = re.findall(rf"^mansio_postgres_body_cache_{name}{{.*}} (\S+)$", text, re.M)
        assert found, text
        return sum(map(float, found))

    return metric


def deliver(lab, *users):
    """A message of 40 KiB that is nobody's; its bytes."""
    lines = [b"Subject: bodies"] + [b""] + [random.randbytes(35).hex().encode() for _ in range(570)]
    text = b"\r\n".join(lines) + b"\r\n"
    with smtplib.LMTP(lab.node.host, lab.port("lmtp"), timeout=60) as client:
        assert client.sendmail("a@example.org", users, text) == {}
        # Each recipient has a reply of his own (RFC 2033 4.2); smtplib reads the first.
        assert [client.getreply()[0] for _ in users[1:]] == [250 for _ in users[1:]]
    return text


def opened(lab, user):
    imap = Dialogue(lab.port("imap"))
    imap.login(user)
    imap.ok("SELECT INBOX")
    return imap


def read(imap, section="", number="*"):
    """What is there of the last message; None if nothing comes."""
    end, untagged = imap.ask(f"FETCH {number} BODY.PEEK[{section}]")
    bodies = [line for line in untagged if b" FETCH (" in line and b"{" in line]
    assert end.startswith(b"OK ") or not bodies
    return bodies[0].split(b"}\r\n", 1)[1][:-1] if bodies else None


def test_read_again(lab, metric):
    text = deliver(lab, USER, OTHER)
    with opened(lab, USER) as imap:
        hits, misses = metric("hits_total"), metric("misses_total")
        first = read(imap)
        assert first.endswith(text)
        assert (metric("hits_total"), metric("misses_total")) == (hits, misses + 1)
        assert metric("bytes") > len(text)
        assert read(imap) == first
        assert read(imap, "HEADER") == first[: first.index(b"\r\n\r\n") + 4]
        assert read(imap, "TEXT") == first[first.index(b"\r\n\r\n") + 4 :]
        assert (metric("hits_total"), metric("misses_total")) == (hits + 3, misses + 1)
    # Another recipient, whatever he reads it with, has the prefix that is his.
    with opened(lab, OTHER) as imap:
        theirs = read(imap)
        assert theirs.endswith(text) and b"user2" in theirs[: -len(text)]
    box = lab.pop3(OTHER)
    assert b"\r\n".join(box.retr(box.stat()[0])[1]) + b"\r\n" == theirs
    box.quit()
    assert (metric("hits_total"), metric("misses_total")) == (hits + 5, misses + 1)


def test_expunged_is_not_served(lab, metric):
    deliver(lab, USER)
    with opened(lab, USER) as reader, opened(lab, USER) as other:
        assert read(reader) is not None and read(reader) is not None
        hits = metric("hits_total")
        other.ok("STORE * +FLAGS (\\Deleted)")
        other.ok("EXPUNGE")
        assert read(reader) is None
        assert metric("hits_total") == hits


def test_of_another_tenant(lab, metric):
    """One message to both: each tenant has its own, and reads it once."""
    text = deliver(lab, USER, FOREIGN)
    misses = metric("misses_total")
    for user in (USER, FOREIGN):
        with opened(lab, user) as imap:
            assert read(imap).endswith(text)
    assert metric("misses_total") == misses + 2


def test_off_and_on_again(lab, metric):
    """A setting that holds at once: memory is given back, reading goes on."""
    text = deliver(lab, USER)
    with opened(lab, USER) as imap:
        for size, is_held in ((0, False), (8 << 20, True)):
            assert read(imap).endswith(text) and read(imap).endswith(text)
            lab.node.database_settings["body_cache"] = size
            lab.node.write_config()
            assert json.loads(lab.node.mansioctl("--json", "reload"))["outcome"] == "live"
            assert metric("bytes") == 0
            hits = metric("hits_total")
            assert read(imap).endswith(text) and read(imap).endswith(text)
            assert metric("hits_total") == hits + is_held
            assert (metric("bytes") > 0) == is_held
