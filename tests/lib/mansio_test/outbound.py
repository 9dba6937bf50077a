"""Mail that leaves a lab: a zone of DNS, peers, a node that sends."""

import email
import email.policy
import itertools
import smtplib

import psycopg2
from mansio_local.node import HOST
from mansio_local.yaml import to_yaml

from .dns_zone import Zone
from .lab import PASSWORD
from .smtp_peer import Peer
from .wait import until

SENDER = "user1@alpha.test"

# Quick enough for a test to wait for; each attempt is still one of its own. Patient enough for peers
# that are threads of a test on a loaded machine: what they can't answer in time is sent again. What is
# to be given up a test makes old.
SETTINGS = {
    "hostname": "out.alpha.test",
    "loopback": True,
    "retry": ["300ms", "300ms", "600ms"],
    "give_up": "1h",
    "delay_report": "0s",
    "dead_time": "100ms",
    "dead_time_max": "500ms",
    "claim_time": "5s",
    "timeouts": {
        "connect": "3s", "greeting": "3s", "hello": "3s", "mail": "3s", "recipient": "3s",
        "data": "3s", "block": "3s", "end": "3s", "quit": "3s",
    },
}  # fmt: skip

# What nobody has claimed, or is about to: who waited for a row that the daemon has locked, with others
# locked already, could end one of both by a deadlock.
WAITS = (
    "(tenant_id, spool_id) IN (SELECT tenant_id, spool_id FROM mansio.spool"
    " WHERE claimed_until < now() FOR UPDATE SKIP LOCKED)"
)

MESSAGE = (
    b"From: <user1@alpha.test>\r\nTo: <x@peer.test>\r\nSubject: %s\r\n"
    b"Date: Sun, 22 Nov 2026 04:30:42 +0000\r\nMessage-ID: <%s@alpha.test>\r\n\r\nHello\r\n"
)


class World:
    """`lab` is not started yet: its node gets an `outbound` instance that asks this zone."""

    def __init__(self, lab, **settings):
        self.lab = lab
        self.zone = Zone()
        self.peers = []
        self.database = None
        self.numbers = itertools.count(1)
        self.settings = {**SETTINGS, **settings}
        self.extra = lab.directory / "outbound.yaml"
        self.write()
        lab.node.extra = self.extra

    def write(self, **settings):
        """What the node's configuration includes."""
        self.settings.update(settings)
        config = {
            "resolver": {
                "servers": [self.zone.address], "timeout": "500ms", "tries": 2, "cache": 0,
            },
            "instances": {"outbound": {"module": "outbound", "settings": self.settings}},
        }  # fmt: skip
        self.extra.parent.mkdir(parents=True, exist_ok=True)
        self.extra.write_text(to_yaml(config))

    def reload(self, **settings):
        self.write(**settings)
        self.lab.node.mansioctl("reload")

    def sql(self, text):
        """Rows of a query as the superuser, over a connection that lasts: tests ask often."""
        if self.database is None:
            self.database = psycopg2.connect(self.lab.cluster.dsn())
            self.database.autocommit = True
        with self.database.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall()

    def peer(self, domain, **options):
        """A peer that takes a domain's mail."""
        peer = Peer(name=f"mx.{domain}", **options)
        self.peers.append(peer)
        self.zone.add(domain, mx=[(10, f"mx.{domain}")])
        self.zone.add(f"mx.{domain}", a=[peer.host])
        return peer

    def send(self, *to, sender="user1@alpha.test", text=None, subject="x", **options):
        """Submit a message to these; its subject is how a test knows it again."""
        message = text or MESSAGE % (subject.encode(), subject.encode())
        user = options.pop("user", "user1@alpha.test")
        with smtplib.SMTP_SSL(
            HOST, self.lab.port("submissions"), timeout=60, context=self.lab.trusted()
        ) as client:
            client.login(user, PASSWORD)
            client.sendmail(sender, list(to), message, **options)

    def insert(self, *to, text=None, sender="user1@alpha.test", tenant="alpha", prefix=b"", flags=0,
               age=0, **columns):  # fmt: skip
        """Put a message into the spool by hand, with what no protocol takes as yet: ret, notify,
        envelope_id, original_recipient; and `age` seconds old."""
        text = text or MESSAGE % (b"inserted", b"inserted")
        first = next(self.numbers) << 24
        number = f"(SELECT tenant_id FROM mansio.tenant WHERE name = '{tenant}')"
        more = {"ret": "", "notify": "", "envelope_id": "", "original_recipient": "", **columns}
        rows = ", ".join(
            f"({number}, {first + n}, {first}, 0, {flags}, {len(prefix) + len(text)}, '{tenant}',"
            f" '{sender}', '{path}', {', '.join(repr(value) for value in more.values())},"
            f" now() - interval '{age} s')"
            for n, path in enumerate(to)
        )
        self.sql(
            f"INSERT INTO mansio.blob (tenant_id, blob_id, size, storage, body) VALUES"
            f" ({number}, {first}, {len(text)}, 1, '\\x{text.hex()}');"
            f" INSERT INTO mansio.message (tenant_id, message_id, blob_id, holders, prefix,"
            f" structure) VALUES ({number}, {first}, {first}, 1, '\\x{prefix.hex()}', '');"
            f" INSERT INTO mansio.spool (tenant_id, spool_id, message_id, prefix_no, flags,"
            f" message_bytes, tenant, reverse_path, forward_path, {', '.join(more)}, spooled_at)"
            f" VALUES {rows}; SELECT pg_notify('mansio', 'spool {b'due'.hex()}')"
        )

    def spool(self):
        """Rows of the spool: (forward path, attempts, last reply)."""
        return self.sql(
            "SELECT forward_path, attempts, last_reply FROM mansio.spool ORDER BY spool_id"
        )

    def hurry(self):
        """What waits is due now; how many rows there are."""
        self.sql(
            f"UPDATE mansio.spool SET next_at = now() WHERE {WAITS};"
            f" SELECT pg_notify('mansio', 'spool {b'due'.hex()}')"
        )
        return len(self.spool())

    def give_up(self, *recipients):
        """Until all that there is for these was tried once more, and was too old for another time."""
        names = ", ".join(f"'{recipient}'" for recipient in recipients)

        def is_given_up():
            self.sql(
                "UPDATE mansio.spool SET spooled_at = now() - interval '1 day', next_at = now()"
                f" WHERE forward_path IN ({names}) AND {WAITS};"
                f" SELECT pg_notify('mansio', 'spool {b'due'.hex()}')"
            )
            return not {row[0] for row in self.spool()} & set(recipients)

        until("it is given up", is_given_up, every=0.1)

    def steal(self, recipient, seconds=3):
        """A recipient's claim is somebody else's, for a while."""
        return self.sql(
            "UPDATE mansio.spool SET holder = 'thief', fence = fence + 1, claimed_until ="
            f" now() + interval '{seconds} s' WHERE forward_path = '{recipient}' RETURNING spool_id"
        )

    def until_empty(self, seconds=60):
        until("the spool is empty", lambda: not self.spool(), seconds)

    def inbox(self, user="user1@alpha.test"):
        """The messages of a mailbox, whole, oldest first; they are gone then."""
        box = self.lab.pop3(user)
        try:
            count = len(box.list()[1])
            found = [b"\r\n".join(box.retr(n + 1)[1]) + b"\r\n" for n in range(count)]
            for n in range(count):
                box.dele(n + 1)
            return found
        finally:
            box.quit()

    def leave_clean(self, *users):
        """At the end of a test: nothing waits, every peer was spoken to well, and mailboxes are empty."""
        assert not self.spool()
        for peer in self.peers:
            assert not peer.violations
        for user in users:
            self.inbox(user)

    def close(self):
        for peer in self.peers:
            peer.close()
        self.zone.close()
        if self.database is not None:
            self.database.close()


def made_world(make_lab, name):
    """What a fixture of a module yields: a world whose lab is up."""
    world = World(make_lab(name, workers=1))
    world.lab.up()
    yield world
    world.close()


def deliver(world, peer, *to, **options):
    """Send to these, and wait until the spool is empty; what the peer took for them."""
    world.send(*to, **options)
    world.until_empty()
    return [m for m in peer.messages if set(m.recipients) & set(to)]


def bounces(world, count=1, user=SENDER):
    """Reports in a mailbox: [(message, {recipient: its fields})]."""
    found = []
    until(f"{count} reports", lambda: found.extend(world.inbox(user)) or len(found) >= count)
    assert len(found) == count
    reports = []
    for raw in found:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert message.get_content_type() == "multipart/report", raw
        assert raw.startswith(b"Return-Path: <>\r\n")
        (status,) = [p for p in message.walk() if p.get_content_type() == "message/delivery-status"]
        blocks = status.get_payload()[1:]
        reports.append((message, {b["Final-Recipient"].split(";")[1].strip(): b for b in blocks}))
    return reports


def bounce(world, user=SENDER):
    return bounces(world, 1, user)[0][1]
