"""A lab for tests: a private PostgreSQL and a mansiod with two tenants (see tests/lab)."""

import imaplib
import os
import pathlib
import poplib
import re
import smtplib
import ssl
import tempfile

from mansio_local import people
from mansio_local.cluster import Cluster
from mansio_local.node import HOST, Node, names_of
from mansio_local.ports import free_port

from . import invariants
from .wait import until

PASSWORD = "correct-horse"
TENANTS = (("alpha", "alpha.test"), ("beta", "beta.test"))
POOL_EVENT = re.compile(r"\bevent=database-(away|back) .*?\bpid=(\d+) .*?\bpool=(\S+)")


class Lab:
    """`node` and `cluster` are mansio_local's. Made stopped, so that a test may change what it
    likes first: up() does the rest."""

    def __init__(self, prefix, directory, workers=2, accounts=8, settings=None):
        self.directory = pathlib.Path(directory)
        self.accounts = accounts
        # The database's user must be able to reach its files: a test's directory may be 0700.
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="mansio-test.", dir="/var/tmp"))
        self.cluster = Cluster(self.home, settings)
        self.node = Node(self.directory, prefix, self.cluster)
        self.node.workers = workers
        self.node.ends_with = os.getpid()  # a test run that is killed leaves nothing behind
        self.others = []  # nodes beside
        self.stored = None  # the stored credential of every account; None: SCRAM-SHA-256 keys

    def up(self):
        self.set_up()
        self.start()
        return self

    def set_up(self):
        """All but starting the daemon."""
        self.cluster.create()
        self.cluster.start()
        self.cluster.create_database()
        names = [host for _, domain in TENANTS for host in names_of(domain)]
        self.node.prepare(["localhost", HOST, *names])
        self.node.write_config()
        self.node.apply_schema()
        stored = self.stored or people.scram_stored(PASSWORD)
        users = [f"user{number}" for number in range(1, self.accounts + 1)]
        lines = [*people.words()]
        for name, domain in TENANTS:
            lines += people.tenant(name, domain, users, stored)
        self.node.batch(lines)

    def start(self):
        self.node.start({"PASSWORD": PASSWORD})

    def beside(self, host="127.0.0.2"):
        """Another node of the same database, that listens there: prepared, not started."""
        node = Node(self.directory / f"node-{host}", self.node.prefix, self.cluster)
        node.name, node.host, node.workers = f"lab-{host}", host, self.node.workers
        node.ends_with = os.getpid()
        node.database_settings = self.node.database_settings
        node.prepare(["localhost", host], like=self.node)
        self.others.append(node)
        return node

    def down(self):
        try:
            for node in [*self.others, self.node]:
                node.stop()
        finally:
            self.cluster.remove()

    def log(self):
        path = self.node.log
        return path.read_text(errors="replace") if path.exists() else ""

    def pools_away(self):
        """Pools of connections, by process, that last said of the database that it is away: each
        tries again after a pause of its own, seconds long after a long outage."""
        away = set()
        for event, pid, pool in POOL_EVENT.findall(self.log()):
            (away.add if event == "away" else away.discard)((int(pid), pool))
        return {(pid, pool) for pid, pool in away if pathlib.Path(f"/proc/{pid}").exists()}

    def wait_until_back(self):
        """Every pool of every process has the database back: no answer now says "later" for it."""
        until("every pool has the database back", lambda: not self.pools_away(), 60)

    # ---- talking to it

    def port(self, name):
        return self.node.ports[name]

    @staticmethod
    def free_port():
        return free_port()

    def trusted(self):
        return ssl.create_default_context(cafile=str(self.directory / "tls" / "ca.pem"))

    def smtp(self, **options):
        return smtplib.SMTP(HOST, self.port("smtp"), timeout=60, **options)

    def lmtp(self):
        return smtplib.LMTP(HOST, self.port("lmtp"), timeout=60)

    def pop3(self, user, password=PASSWORD):
        box = poplib.POP3(HOST, self.port("pop3"), timeout=60)
        box.user(user)
        box.pass_(password)
        return box

    def imap(self, user=None, password=PASSWORD):
        """A connection, logged in as @user if that is given."""
        box = imaplib.IMAP4(HOST, self.port("imap"), timeout=60)
        if user is not None:
            box.login(user, password)
        return box

    def sql(self, text):
        """Rows of a query as the superuser, who sees past row-level security: lists of texts."""
        return [line.split("\t") for line in self.cluster.psql(text).splitlines()]

    def check_invariants(self):
        """What must be so of stored mail whatever happened."""
        invariants.check(self.cluster.dsn())
