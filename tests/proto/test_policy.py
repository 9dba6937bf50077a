"""Policy as clients and administrators see it: who is let in, who stays, who is told goodbye how, and
how soon. One lab for all; each test takes back what it said.

A change must hold within a second; with --long that is the limit, else patience for a loaded machine.
"""

import contextlib
import datetime
import json
import os
import random
import signal
import socket
import subprocess
import time

import psycopg2
import pytest
from mansio_test import policy_changes
from mansio_test.lab import PASSWORD
from mansio_test.policy_guest import SERVICES, Batch, Guest, come, guests, is_let_in, prepare
from mansio_test.policy_model import Word, World
from mansio_test.wait import until

ALPHA, ALPHA2, ALPHA3, BETA = (
    "user1@alpha.test",
    "user2@alpha.test",
    "user3@alpha.test",
    "user1@beta.test",
)
APP_PASSWORD = "app-secret"  # of each fourth user
SIDE = "side.test"  # a second domain of alpha


@pytest.fixture(scope="module")
def governed(make_lab, hello_so):
    """With plans, a second domain, and words for the whole platform."""
    lab = prepare(make_lab("policy", accounts=4), hello_so)
    lab.node.config = many_failures(lab.node.config)
    lab.up()
    set_up(lab)
    return lab


def many_failures(config):
    """One connection of IMAP may try to log in until a change has come through."""

    def changed():
        made = config()
        made["instances"]["imap"]["settings"] = {"login_failures": 1000}
        return made

    return changed


def set_up(lab):
    policy_changes.set_up(lab, APP_PASSWORD)
    stored = lab.sql("SELECT stored FROM mansio.credential WHERE label = '' LIMIT 1")[0][0]
    lab.node.batch(
        [f"domain add {SIDE} --tenant alpha", f"account add user1@{SIDE}"]
        + [f"password set user1@{SIDE} --stored '{stored}'"]
    )


@pytest.fixture
def second(long):
    """How long after its commit a change may take to hold."""
    return 1.0 if long else 10.0


@pytest.fixture
def policy(governed):
    """Say words by mansioctl; they are taken back at the end. Gives a time at or before the commit
    could be seen by anybody else than us: what is measured from it is no less than what passed."""
    said = []

    def say(*words):
        begun = time.monotonic()
        governed.node.mansioctl("policy", *words)
        if words[0] in ("allow", "deny"):
            at = next(i for i, word in enumerate(words) if word.startswith("--"))
            scope = words[at : at + (1 if words[at] == "--platform" else 2)]
            said.append((words[1:at], scope))
        return begun, time.monotonic()

    yield say
    lines = []
    for services, scope in reversed(said):
        if scope == ("--platform",):
            lines.append(f"policy allow {' '.join(services)} --platform")
        elif (services, scope) not in said[: said.index((services, scope))]:
            lines.append(f"policy clear {' '.join(services)} {' '.join(scope)}")
    forgiving(governed, lines)


def all_ended(guests_, said, second):
    """All are told goodbye, within the time from when the command had returned; how long it took."""
    slowest = 0.0
    for guest in guests_:
        took = guest.ended(said[1] + second - time.monotonic()) - said[1]
        print(f"{guest.service} of {guest.user} ended {1000 * took:.0f} ms after the answer")
        slowest = max(slowest, took)
    return slowest


def is_refused(lab, second, service, user=ALPHA, **way):
    """In each worker: that one of them has ended a session doesn't say that the other knows yet."""
    who = f"{service} of {user} is refused"
    until(who, lambda: not is_let_in(lab, service, user, **way), seconds=second)
    return True


def is_taken(lab, second, service, user=ALPHA, **way):
    until(f"{service} of {user} is let in", lambda: is_let_in(lab, service, user, **way), second)
    return True


def all_stay(guests_):
    for guest in guests_:
        assert guest.works(), f"{guest.service} of {guest.user} was ended"


# ---- scopes


SCOPES = {
    "tenant": (("--tenant", "alpha"), (ALPHA, f"user1@{SIDE}"), (BETA,)),
    "plan": (("--plan", "gold"), (ALPHA, f"user1@{SIDE}"), (BETA,)),
    "domain": (("--domain", "alpha.test"), (ALPHA,), (f"user1@{SIDE}", BETA)),
    "account": (("--account", ALPHA), (ALPHA,), (ALPHA2, BETA)),
}


@pytest.mark.parametrize("scope", SCOPES)
def test_a_deny_ends_sessions_and_refuses_logins(governed, policy, second, scope):
    words, gone, stay = SCOPES[scope]
    out = [("pop3", user) for user in gone]
    others = [("pop3", user) for user in stay] + [("imap", user) for user in gone]
    with guests(governed, *out) as leaving, guests(governed, *others) as staying:
        said = policy("deny", "pop3", *words, "--reason", "test")
        all_ended(leaving, said, second)
        all_stay(staying)
        for user in gone:
            assert is_refused(governed, second, "pop3", user)
        assert all(is_taken(governed, second, "imap", user) for user in gone + stay)
    for user in stay:
        assert is_taken(governed, second, "pop3", user)
    policy("clear", "pop3", *words)
    until("it is allowed again", lambda: is_let_in(governed, "pop3", gone[0]))


def test_a_busy_database_holds_up_nobody_s_end(governed, policy, second):
    """Whatever has all connections that mail is served by, of both workers: a lock, slow searches.
    Who waited for it would be told after two seconds; others are slow once, but not each time."""
    took = []
    while len(took) < 3 and (not took or took[-1] > 1.5):
        took.append(ended_while_all_is_busy(governed, policy, second))
        policy("clear", "pop3", "imap", "--account", ALPHA)
    assert took[-1] < 1.5, took


def ended_while_all_is_busy(governed, policy, second):
    others = [("imap", user) for user in (ALPHA2, ALPHA3, BETA) for _ in range(16)]
    waiting = "SELECT count(*) >= 16 FROM pg_locks WHERE NOT granted"
    holder = psycopg2.connect(governed.cluster.dsn())
    with guests(governed, *others) as busy, guests(
        governed, ("pop3", ALPHA), ("imap", ALPHA)
    ) as leaving:
        try:
            holder.cursor().execute("LOCK TABLE mansio.message_state IN ACCESS EXCLUSIVE MODE")
            for guest in busy:
                guest.send("c SELECT INBOX")
            until("all are busy", lambda: governed.sql(waiting) == [["t"]])
            said = policy("deny", "pop3", "imap", "--account", ALPHA)
            return all_ended(leaving, said, second)
        finally:
            holder.close()
            # What could not be given back in time would keep others out for a while.
            governed.sql("DELETE FROM mansio.lease WHERE name LIKE 'pop3/%'")


def test_each_service_says_its_own_goodbye(governed, policy, second):
    with guests(governed, *((service, ALPHA) for service in SERVICES)) as leaving:
        said = policy("deny", *SERVICES, "--tenant", "alpha")
        all_ended(leaving, said, second)  # which knows the words
    for service in SERVICES:
        assert is_refused(governed, second, service)


def test_without_a_word_the_default_denies_a_third_party_s_protocol(governed, policy, second):
    """contrib/hello, built out of tree, has no line about policy."""
    with guests(governed, ("hello", BETA)) as leaving:
        said = policy("clear", "hello", "--platform")
        all_ended(leaving, said, second)
    assert is_refused(governed, second, "hello")
    policy("allow", "hello", "--tenant", "alpha")
    until("alpha is let in", lambda: is_let_in(governed, "hello"))
    assert is_refused(governed, second, "hello", BETA)
    policy("allow", "hello", "--platform")


def test_the_most_special_word_decides_unless_one_is_locked(governed, policy, second):
    policy("deny", "imap", "--tenant", "alpha")
    policy("allow", "imap", "--account", ALPHA)
    until("the account's word counts", lambda: is_let_in(governed, "imap"))
    assert is_refused(governed, second, "imap", ALPHA2)
    with guests(governed, ("imap", ALPHA)) as leaving:
        said = policy("lock", "imap", "--tenant", "alpha")
        all_ended(leaving, said, second)
    assert is_refused(governed, second, "imap")
    policy("unlock", "imap", "--tenant", "alpha")
    until("it is unlocked", lambda: is_let_in(governed, "imap"))


# ---- conditions


def two(service="imap", **other):
    """Two ways of one account that differ in one thing."""
    return {"service": service, "user": ALPHA}, {"service": service, "user": ALPHA, **other}


CONDITIONS = {
    # a word; who must leave; who stays
    "deny-network": (
        ("deny", "imap", "--tenant", "alpha", "--network", "127.0.0.2/32,192.0.2.0/24"),
        *reversed(two(source="127.0.0.2")),
    ),
    "allow-network": (
        ("allow", "imap", "--tenant", "alpha", "--network", "127.0.0.2/31"),
        *two(source="127.0.0.3"),
    ),
    "allow-tls": (("allow", "imap", "--tenant", "alpha", "--tls", "required"), *two(tls=True)),
    "deny-tls": (
        ("deny", "imap", "--tenant", "alpha", "--tls", "required"),
        *reversed(two(tls=True)),
    ),
    "allow-mechanism": (
        ("allow", "imap", "--tenant", "alpha", "--mechanism", "plain,SCRAM-SHA-256"),
        *two(mechanism="PLAIN"),
    ),
    "deny-mechanism": (
        ("deny", "submission", "--domain", "alpha.test", "--mechanism", "PLAIN"),
        {"service": "submission", "user": ALPHA},
        {"service": "imap", "user": ALPHA, "mechanism": "PLAIN"},
    ),
    "hours-never": (
        ("allow", "imap", "--account", ALPHA, "--hours", "Mon-Sun {never}", "--zone", "UTC"),
        {"service": "imap", "user": ALPHA},
        {"service": "imap", "user": ALPHA2},
    ),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(governed, policy, second, name):
    words, out, stay = CONDITIONS[name]
    hour = (time.gmtime().tm_hour + 11) % 23
    never = f"{hour:02}:00-{hour + 1:02}:00"
    with guests(governed, out, stay) as (leaving, staying):
        said = policy(*(word.replace("{never}", never) for word in words))
        all_ended([leaving], said, second)
        all_stay([staying])
    assert is_refused(governed, second, **out)
    assert is_taken(governed, second, **stay)


def test_a_named_network_is_looked_up_when_it_changes(governed, policy, second):
    governed.node.mansioctl("network", "add", "desk", "--networks", "127.0.0.2/32 127.0.0.4/32")
    out, stay = reversed(two(source="127.0.0.3"))
    with guests(governed, out, stay) as (leaving, staying):
        policy("deny", "imap", "--tenant", "alpha", "--network", "desk")
        begun = time.monotonic()
        governed.node.mansioctl("network", "set", "desk", "--networks", "127.0.0.3/32")
        all_ended([leaving], (begun, time.monotonic()), second)
        all_stay([staying])
    policy("clear", "imap", "--tenant", "alpha")
    governed.node.mansioctl("network", "remove", "desk")


def test_hours_end_a_session_by_themselves(governed, policy, long):
    """Up to a minute: hours are told in minutes."""
    if not long:
        pytest.skip("waits for the next minute: --long")
    now = datetime.datetime.now(datetime.timezone.utc)
    if now.second > 50:
        time.sleep(61 - now.second)
        now = datetime.datetime.now(datetime.timezone.utc)
    end = (now + datetime.timedelta(minutes=1)).replace(second=0, microsecond=0)
    hours = f"Mon-Sun {now:%H:%M}-{end:%H:%M}"
    policy("allow", "imap", "--account", ALPHA, "--hours", hours, "--zone", "UTC")
    with guests(governed, ("imap", ALPHA)) as (guest,):
        left = end.timestamp() - time.time()
        at = guest.ended(left + 10) - (time.monotonic() - (time.time() - end.timestamp()))
        print(f"ended {at:.3f} s after the hour")
        assert -0.05 < at < 1.0
    assert not is_let_in(governed, "imap")


# ---- states and credentials


STATES = {
    "tenant": ("tenant", "alpha", (ALPHA, f"user1@{SIDE}"), (BETA,)),
    "domain": ("domain", "alpha.test", (ALPHA,), (f"user1@{SIDE}", BETA)),
    "account": ("account", ALPHA, (ALPHA,), (ALPHA2, BETA)),
}


@pytest.mark.parametrize("kind", STATES)
def test_suspension_ends_sessions(governed, second, kind):
    kind, name, gone, stay = STATES[kind]
    ways = [(service, gone[0]) for service in SERVICES] + [("imap", user) for user in gone[1:]]
    with guests(governed, *ways) as leaving:
        with guests(governed, *(("imap", user) for user in stay)) as staying:
            begun = time.monotonic()
            governed.node.mansioctl(kind, "set", name, "--state", "suspended")
            all_ended(leaving, (begun, time.monotonic()), second)
            all_stay(staying)
            assert is_refused(governed, second, "imap", gone[0])
            governed.node.mansioctl(kind, "set", name, "--state", "active")
    until("it is as before", lambda: is_let_in(governed, "imap", gone[0]))


@pytest.fixture
def apps(governed):
    """ALPHA3 with two app passwords."""
    lines = [
        f"password set {ALPHA3}#{label} --password {label}-secret" for label in ("phone", "tablet")
    ]
    governed.node.batch(lines)
    yield {label: {"user": ALPHA3, "password": f"{label}-secret"} for label in ("phone", "tablet")}
    lines = [f"password remove {ALPHA3}#{label}" for label in ("phone", "tablet")]
    forgiving(governed, lines + [f"password set {ALPHA3} --password {PASSWORD}"])


def forgiving(lab, lines):
    """Do what can be done: a test may have done the rest."""
    text = "".join(line + "\n" for line in lines)
    command = [str(lab.node.ctl), "batch", "--keep-going"]
    subprocess.run(command, input=text, text=True, capture_output=True, check=False)


def timed(function, *arguments):
    begun = time.monotonic()
    function(*arguments)
    return begun, time.monotonic()


def test_a_new_password_ends_sessions_of_the_old_alone(governed, apps, second):
    main = {"service": "imap", "user": ALPHA3}
    phone = {"service": "imap", **apps["phone"]}
    with guests(governed, main, {**main, "service": "pop3"}, phone) as (one, other, staying):
        said = timed(governed.node.batch, [f"password set {ALPHA3} --password new-horse"])
        all_ended([one, other], said, second)
        all_stay([staying])
    assert is_refused(governed, second, "imap", ALPHA3)
    assert is_taken(governed, second, "imap", ALPHA3, password="new-horse")


def stored_of(lab, label):
    return lab.sql(f"SELECT stored FROM mansio.credential WHERE label = '{label}'")[0][0]


@pytest.mark.parametrize("change", ("removed", "expired", "scoped"))
def test_an_app_password_s_end_is_its_sessions_end_alone(governed, apps, second, change):
    ways = ({"service": "imap", **apps["phone"]}, {"service": "imap", **apps["tablet"]})
    with guests(governed, *ways, ("imap", ALPHA3)) as (leaving, tablet, main):
        key = f"{ALPHA3}#phone"
        again = f"password set {key} --stored '{stored_of(governed, 'phone')}'"
        if change == "removed":
            said = timed(governed.node.batch, [f"password remove {key}"])
        elif change == "scoped":
            assert is_taken(governed, second, "submission", **apps["phone"])
            said = timed(governed.node.batch, [f"{again} --services submission"])
        else:
            when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
            at = time.monotonic() + when.replace(microsecond=0).timestamp() - time.time()
            governed.node.batch([f"{again} --expires {when:%Y-%m-%dT%H:%M:%S}Z"])
            # On a machine that has stalled since, it may be over already.
            assert not leaving.has_heard() or time.monotonic() > at
            said = (at, max(at, time.monotonic()))
        all_ended([leaving], said, second)
        all_stay([tablet, main])
    assert is_refused(governed, second, "imap", **apps["phone"])
    assert is_taken(governed, second, "imap", **apps["tablet"])
    if change == "scoped":
        assert is_taken(governed, second, "submission", **apps["phone"])


def test_app_passwords_alone_for_imap(governed, policy, apps, second):
    phone = {"service": "imap", **apps["phone"]}
    with guests(governed, ("imap", ALPHA3), ("pop3", ALPHA3), phone) as (leaving, *staying):
        said = policy("allow", "imap", "--tenant", "alpha", "--credential", "app")
        all_ended([leaving], said, second)
        all_stay(staying)
    assert is_refused(governed, second, "imap", ALPHA3)
    assert is_taken(governed, second, **phone)
    assert is_taken(governed, second, "pop3", ALPHA3)


# ---- whatever a session is busy with


def deliver(lab, user, size, count=1):
    text = "From: a@example.org\r\nSubject: x\r\n\r\n" + ("x" * 70 + "\r\n") * (size // 72)
    with lab.lmtp() as client:
        for _ in range(count):
            client.sendmail("a@example.org", [user], text)


def test_a_session_that_idles_is_told(governed, policy, second):
    with guests(governed, ("imap", ALPHA)) as (guest,):
        assert guest.ask("c SELECT INBOX", b"c ").startswith(b"c OK")
        assert guest.ask("d IDLE", b"+ ").startswith(b"+ ")
        said = policy("deny", "imap", "--tenant", "alpha")
        all_ended([guest], said, second)


def test_a_client_that_reads_nothing_is_cut_off(governed, policy, second):
    """In the middle of bodies that nobody takes: the session is gone, whoever reads or not."""
    deliver(governed, ALPHA2, 1000000, 12)
    with guests(governed, ("imap", ALPHA2)) as (guest,):
        guest.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert guest.ask("c SELECT INBOX", b"c ").startswith(b"c OK")
        guest.send("d FETCH 1:* BODY.PEEK[]")
        time.sleep(0.3)  # the buffers are full
        count = lambda: len(sessions_of(governed, ALPHA2, "imap"))
        assert count() == 1
        said = policy("deny", "imap", "--tenant", "alpha")
        until("it is gone", lambda: count() == 0, seconds=said[1] + second - time.monotonic() + 2)


def sessions_of(lab, user, service):
    told = json.loads(
        lab.node.mansioctl("--json", "sessions", "list", "--account", user, "--service", service)
    )
    return told["sessions"]


def test_a_message_on_its_way_is_refused_whole_or_taken_whole(governed, policy, second):
    before = governed.sql("SELECT count(*) FROM mansio.spool")[0][0]
    with guests(governed, ("submission", ALPHA)) as (guest,):
        assert guest.ask(f"MAIL FROM:<{ALPHA}>").startswith(b"250")
        assert guest.ask("RCPT TO:<somebody@elsewhere.example>").startswith(b"250")
        assert guest.ask("DATA").startswith(b"354")
        guest.send("Subject: half a messa")
        said = policy("deny", "submission", "--tenant", "alpha")
        all_ended([guest], said, second)
    assert governed.sql("SELECT count(*) FROM mansio.spool")[0][0] == before


def test_deletions_of_a_session_that_is_ended_are_not_made(governed, policy, second):
    deliver(governed, ALPHA3, 1000, 2)
    with guests(governed, ("pop3", ALPHA3)) as (guest,):
        assert guest.ask("DELE 1").startswith(b"+OK")
        said = policy("deny", "pop3", "--tenant", "alpha")
        all_ended([guest], said, second)
    policy("clear", "pop3", "--tenant", "alpha")
    until("it is allowed again", lambda: is_let_in(governed, "pop3", ALPHA3))
    with guests(governed, ("pop3", ALPHA3)) as (guest,):
        assert guest.ask("STAT").startswith(b"+OK 2 "), "RFC 1939 6: only QUIT removes"


def test_before_login_nobody_is_ended(governed, policy, second):
    with Guest(governed, "imap", ALPHA, login=False) as waiting:
        with guests(governed, ("imap", ALPHA)) as (guest,):
            said = policy("deny", "imap", "--tenant", "alpha")
            all_ended([guest], said, second)
        assert waiting.works()
        until("it is refused", lambda: not waiting.login(), seconds=second)
        policy("clear", "imap", "--tenant", "alpha")
        until("it may come in on the same connection", waiting.login)


# ---- whatever becomes of the node


def test_a_worker_that_is_killed_leaves_nobody_unjudged(governed, policy, second):
    policy("deny", "pop3", "--tenant", "alpha")
    status = json.loads(governed.node.mansioctl("--json", "status"))
    pids = [
        row["pid"] for row in status["processes"] if row.get("role", row.get("kind")) == "worker"
    ]
    assert len(pids) == 2
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until("others serve", lambda: is_let_in(governed, "imap"))
    for _ in range(6):
        assert not is_let_in(governed, "pop3")
        assert is_taken(governed, second, "pop3", BETA)


def test_changes_in_a_row_are_each_judged(governed, second):
    """Several within a second: the last one holds, and who was allowed throughout stays."""
    with Batch(governed) as batch, guests(governed, ("imap", BETA)) as staying:
        for turn in range(6):
            verb = "deny" if turn % 2 else "allow"
            said = batch.say(f"policy {verb} imap --tenant alpha")
        until("the last one holds", lambda: not is_let_in(governed, "imap"), seconds=second)
        batch.say("policy clear imap --tenant alpha")
        all_stay(staying)
    until("it is allowed again", lambda: is_let_in(governed, "imap"))
    assert said


# ---- what is explained is what is done


FAILED = {
    "network": "networks",
    "tls": "tls",
    "mechanism": "mechanisms",
    "credential": "credentials",
    "hours": "hours",
}


def explained(batch, person, way):
    tls = "--tls" if way.protected else "--no-tls"
    return batch.ask(
        f"--json policy explain {person.address} --service {way.service} --network {way.network}"
        f" {tls} --mechanism {way.mechanism} --credential {way.credential}"
    )


def check_explained(told, world, person, way):
    """As the naive model has it, scope by scope."""
    allowed, decided = world.judge(person, way)
    is_open = world.is_open(person)
    assert told["allowed"] == (allowed and is_open), told
    assert told["decided"] == (decided if is_open else "state"), told
    for row in told["scopes"]:
        word = world.words.get((row["scope"], person.owner(row["scope"]), way.service))
        said = world.says(word, way)
        failed = world.failed(word, way) if word else []
        wanted = {None: "silent", "allow": "allows", "deny": "denies"}[said]
        wanted = "unmet" if word and word.verb == "allow" and failed else wanted
        assert row["said"] == wanted, (row, word)
        assert sorted(row["failed"]) == sorted(FAILED[name] for name in failed), (row, word)


def test_explain_says_what_the_gate_does(governed, long, second):
    """Random words; each is asked about, judged by the model, and tried."""
    seed = int(os.environ.get("MANSIO_SEED") or random.SystemRandom().randrange(1 << 30))
    print(f"MANSIO_SEED={seed}")
    rng = random.Random(seed)
    words = {("platform", "", service): Word("allow") for service in SERVICES}
    first = World("deny", words, {policy_changes.OFFICE: (policy_changes.NETWORKS["pair"],)})
    drawn = policy_changes.Changes(first, governed.accounts, seed)
    everybody, seen = policy_changes.people(governed.accounts), []
    with Batch(governed) as batch:
        for _ in range(300 if long else 15):
            for _ in range(rng.randint(1, 4)):
                line, world = drawn.next()
                batch.say(line)
            for _ in range(3):
                person = rng.choice(everybody)
                way = policy_changes.way_of(rng, person, rng.choice(SERVICES))
                check_explained(explained(batch, person, way), world, person, way)
                allowed = world.allows(person, way)
                seen.append(allowed)
                login = {
                    "password": APP_PASSWORD if way.credential == "app" else PASSWORD,
                    "source": way.network,
                    "tls": way.protected,
                    "mechanism": way.mechanism,
                }
                until(
                    f"{person.address} by {way} is {'let in' if allowed else 'refused'}",
                    lambda: is_let_in(governed, way.service, person.address, **login) == allowed,
                    seconds=second,
                )
        for kind, name in world.closed:
            batch.say(f"{kind} set {name} --state active")
        for kind, owner, service in world.words:
            batch.say(f"policy clear {service} " + drawn.options((kind, owner, service)))
        batch.say("platform set --policy-default deny")
        batch.say(f"policy allow {' '.join(SERVICES)} --platform")
    assert not long or 0.1 < sum(seen) / len(seen) < 0.9, "the words are too one-sided to show much"


# ---- without hints, without the database


@pytest.fixture
def deaf(governed):
    """The lab, without hints on the bus."""
    settings = governed.node.database_settings
    reload(governed, {**settings, "hints": False})
    yield governed
    reload(governed, settings)


def reload(lab, settings):
    lab.node.database_settings = settings
    lab.node.write_config()
    lab.node.mansioctl("reload")


def test_without_hints_it_holds_within_a_second_too(deaf, policy, second):
    ways = [(service, ALPHA) for service in SERVICES]
    with guests(deaf, *ways) as leaving, guests(deaf, ("imap", BETA)) as staying:
        said = policy("deny", *SERVICES, "--tenant", "alpha")
        all_ended(leaving, said, second)
        all_stay(staying)


def test_another_node_s_sessions_end_too(governed, policy, second):
    other = governed.beside()
    other.write_config()
    other.start()
    way = {"service": "imap", "user": ALPHA, "node": other}
    with guests(governed, way, {**way, "user": BETA}) as (leaving, staying):
        said = policy("deny", "imap", "--tenant", "alpha")
        all_ended([leaving], said, second)
        all_stay([staying])
    assert is_refused(governed, second, **way)
    other.stop()


@contextlib.contextmanager
def every_worker_knows(lab):
    """Each worker has let ALPHA in to hello: what it knows of him is in its own memory."""
    with contextlib.ExitStack() as more:
        for _ in range(100):
            if len({row["pid"] for row in sessions_of(lab, ALPHA, "hello")}) == lab.node.workers:
                break
            more.enter_context(come(lab, service="hello", user=ALPHA))
        else:
            raise AssertionError("one worker gets all connections")
        yield


def test_while_the_database_is_away_decisions_hold_then_close(governed, long):
    """Guests of a protocol that asks it nothing; they are ended once nothing is held any more."""
    if not long:
        pytest.skip("stops the database for a while: --long")
    extra = governed.node.extra.read_text()
    governed.node.extra.write_text(extra + "policy: {hold: 4s}\n")
    reload(governed, {**governed.node.database_settings, "cache_hold": "60s"})
    with guests(governed, ("hello", ALPHA), ("hello", BETA)) as staying, every_worker_knows(
        governed
    ):
        away = time.monotonic()
        governed.cluster.stop()
        try:
            while time.monotonic() < away + 2:
                assert is_let_in(governed, "hello"), "a known decision holds"
                all_stay(staying)
                time.sleep(0.2)
            for guest in staying:
                guest.socket.settimeout(60)
                assert guest.file.readline().startswith(b"Vale")
            assert time.monotonic() - away > 3.5
            with pytest.raises(AssertionError):
                is_let_in(governed, "hello")  # neither yes nor no: try later
        finally:
            governed.cluster.start()
    governed.wait_until_back()
    assert is_let_in(governed, "hello"), "it is as before"
