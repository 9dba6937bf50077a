"""Mail for Postfix, Exim and OpenSMTPD, which greylist, refuse, stall and reset: every recipient of
every message is accounted for. Delivered at least once, or back with its sender in a report."""

import collections
import concurrent.futures
import email
import email.policy
import hashlib
import random
import smtplib
import time

import pytest
from mansio_local.node import HOST
from mansio_test.certificates import Authority
from mansio_test.chaos import Chaos
from mansio_test.dns_zone import Zone
from mansio_test.lab import PASSWORD
from mansio_test.outbound import World
from mansio_test.real_mta import Exim, Network, OpenSmtpd, Packages, Postfix

MESSAGES = 5000
SENDERS = [f"user{number}@alpha.test" for number in range(1, 5)]
DOMAINS = {"postfix.test": Postfix, "exim.test": Exim, "opensmtpd.test": OpenSmtpd}
SEED = 4711
STUCK_SECONDS = 180  # without anything leaving the spool
SETTINGS = {
    "retry": ["1s", "1s", "2s"], "give_up": "1d", "dead_time": "200ms", "dead_time_max": "1s",
    "messages": 10, "report_size": "1M",
}  # fmt: skip


@pytest.fixture(scope="module")
def network(long):
    if not long:
        pytest.skip("only with --long: it downloads and runs other mail servers")
    network = Network()
    yield network
    network.close()


@pytest.fixture(scope="module")
def peers(network, tmp_path_factory):
    packages = Packages(tmp_path_factory.mktemp("packages"))
    authority = Authority(tmp_path_factory.mktemp("authority"))
    made = [
        kind(network, packages, domain, authority.make(domain, f"mx1.{domain}"))
        for domain, kind in DOMAINS.items()
    ]
    try:
        for mta in made:
            mta.wait_ready()
        yield {mta.domain: mta for mta in made}
    finally:
        for mta in made:
            mta.stop()
            mta.remove()


@pytest.fixture(scope="module")
def chaos(network, peers):
    """Two fronts for each, as MX of two preferences."""
    made = {
        domain: [Chaos(network.address(), mta.host, SEED + n) for n in range(2)]
        for domain, mta in peers.items()
    }
    yield made
    for fronts in made.values():
        for front in fronts:
            front.close()


@pytest.fixture(scope="module")
def world(network, chaos, make_lab):
    lab = make_lab("peers", workers=1)
    world = World(lab, **SETTINGS)
    world.zone.close()
    world.zone = Zone(network.ours, 53, ttl=60)
    for domain, fronts in chaos.items():
        for number, front in enumerate(fronts, 1):
            host = f"mx{number}.{domain}"
            world.zone.add(domain, mx=[(10 * number, host)])
            world.zone.add(host, a=[front.listener.getsockname()[0]])
    world.zone.null_mx("null.test")
    world.write()
    lab.up()
    yield world
    world.close()


def recipients_of(number, rng):
    """Some that are taken, some that are not: (all, those that are not)."""
    good = [f"ok-{number}-{n}@{rng.choice(list(DOMAINS))}" for n in range(rng.randint(1, 3))]
    bad = []
    if rng.random() < 0.15:
        bad = [rng.choice([f"no-{number}@{rng.choice(list(DOMAINS))}", f"ok-{number}@null.test",
                           f"ok-{number}@nowhere.test"])]  # fmt: skip
    both = good + bad
    rng.shuffle(both)
    return both, bad


def body_of(number, rng):
    size = rng.choice([200, 2000, 2000, 8000, 40000])
    lines = [b".%06d " % n + b"x" * rng.randint(0, 70) for n in range(size // 45)]
    return b"\r\n".join(lines) + b"\r\n.\r\nend of %d\r\n" % number


def submit(world, sender, letters):
    """Over one connection."""
    with smtplib.SMTP_SSL(
        HOST, world.lab.port("submissions"), timeout=120, context=world.lab.trusted()
    ) as client:
        client.login(sender, PASSWORD)
        for number, recipients, body in letters:
            head = (
                f"From: <{sender}>\r\nTo: undisclosed-recipients:;\r\nSubject: letter {number}\r\n"
                f"Date: Sun, 22 Nov 2026 04:30:42 +0000\r\nMessage-ID: <{number}@alpha.test>\r\n"
                f"X-Test-Id: {number}\r\nX-Digest: {hashlib.sha256(body).hexdigest()}\r\n\r\n"
            )
            assert client.sendmail(sender, recipients, head.encode() + body) == {}


def until_all_left(world):
    """As long as it takes, if only something happens."""
    best, since = None, time.monotonic()
    while True:
        left = int(world.lab.sql("SELECT count(*) FROM mansio.spool")[0][0])
        if left == 0:
            return
        if best is None or left < best:
            best, since = left, time.monotonic()
        stuck = time.monotonic() - since
        assert stuck < STUCK_SECONDS, f"{left} stay in the spool: {world.spool()[:20]}"
        time.sleep(0.5)


def recipient_in(letter):
    """The envelope's, as each server has it."""
    return (letter["Delivered-To"] or letter["Envelope-to"]).strip().strip("<>")


def whole(letter):
    """What came is what was sent."""
    body = letter.as_bytes().partition(b"\n\n")[2]
    body = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return hashlib.sha256(body).hexdigest() == letter["X-Digest"]


def bounced(reports):
    """(number, recipient) of every failure that reports tell of."""
    found = collections.Counter()
    for data in reports:
        report = email.message_from_bytes(data, policy=email.policy.SMTP)
        assert report.get_content_type() == "multipart/report", data[:2000]
        assert not any(part.defects for part in report.walk())
        _, status, returned = report.get_payload()
        inner = returned.get_payload()
        inner = inner[0] if isinstance(inner, list) else email.message_from_string(inner)
        for fields in status.get_payload()[1:]:
            assert fields["Action"] == "failed" and fields["Status"].startswith("5."), fields
            found[int(inner["X-Test-Id"]), fields["Final-Recipient"].split(";")[1].strip()] += 1
    return found


def test_every_recipient_is_accounted_for(world, peers, chaos):
    rng = random.Random(SEED)
    letters, wanted, unwanted = [], set(), set()
    for number in range(MESSAGES):
        recipients, bad = recipients_of(number, rng)
        letters.append((number, recipients, body_of(number, rng)))
        unwanted |= {(number, r) for r in bad}
        wanted |= {(number, r) for r in recipients if r not in bad}
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(SENDERS)) as pool:
        for done in [pool.submit(submit, world, sender, letters[n :: len(SENDERS)])
                     for n, sender in enumerate(SENDERS)]:  # fmt: skip
            done.result()
    submitted = time.monotonic()
    until_all_left(world)
    left = time.monotonic()
    delivered, torn = collections.Counter(), []
    for mta in peers.values():
        mta.settle()
        for letter in mta.letters():
            delivered[int(letter["X-Test-Id"]), recipient_in(letter)] += 1
            if not whole(letter):
                torn.append(letter["X-Test-Id"])
    back = bounced(report for sender in SENDERS for report in world.inbox(sender))
    twice = sum(count - 1 for count in delivered.values())
    did = sum((front.done for fronts in chaos.values() for front in fronts), collections.Counter())
    print(
        f"{MESSAGES} messages, {len(wanted) + len(unwanted)} recipients: {len(delivered)} delivered"
        f" ({twice} more than once), {len(back)} back; submitted in {submitted - started:.0f} s,"
        f" gone after {left - started:.0f} s; connections {dict(did)}"
    )
    assert not torn
    assert set(delivered) == wanted, sorted(set(delivered) ^ wanted)[:20]
    assert set(back) == unwanted, sorted(set(back) ^ unwanted)[:20]
    assert set(back.values()) <= {1}  # a failure is told once
    # Only a connection that broke behind the final dot may double a message.
    assert twice <= 10 * did["reset"]
    assert min(did[how] for how in ("pass", "reset", "greylist", "busy", "stall", "refuse")) > 0
