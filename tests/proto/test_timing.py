"""Missing and existing accounts take the same time: a rank test over interleaved tries, without the
waits and throttles that a failed login meets otherwise, so that only real work is seen.

The short form tries some ways, each a few times; --long a thousand times each way. One test in a
hundred would fail of itself at p > 0.01: so a row is measured anew, up to three times, and what can
be told apart can be told apart each time.
"""

import base64
import http.client
import os
import random
import socket
import time

import pytest
from mansio_test.box import HOST
from mansio_test.discovery import CONFIG_PATH, POX_PATH, pox_request
from mansio_test.lab import PASSWORD
from mansio_test.ranks import told_apart

P = 0.01
TURNS = 3
# Logged in before; with app passwords; neither.
MEMBER, MANY, IDLE = "user1@alpha.test", "user2@alpha.test", "user3@alpha.test"
# Whose app passwords cost a hash each.
PLANTED, PLANTED_LABELS = "user4@beta.test", [f"program{n}" for n in range(8)]
CHEAP = {"argon2_memory": "1M", "argon2_passes": "1", "scram_iterations": "4096"}

EXTRA = """
instances: {{passwords: {{module: auth-password, settings: {settings}}}}}
listeners:
  slow-submission: {{address: ['{host}:{port}'], serve: submission, plaintext_login: true}}
login: {{delay: 0s, failures_per_address: 0, failures_per_network: 0, failures_per_account: 0,
  failures_per_tenant: 0{beat}}}
limits: {{connections_per_address: 0, connections_per_network: 0}}
log: {{level: error}}
"""


# ---- the test itself


def test_ranks_tell_what_differs():
    rng = random.Random(1)
    one = [rng.gauss(5, 1) for _ in range(1000)]
    same = [rng.gauss(5, 1) for _ in range(1000)]
    other = [rng.gauss(5.2, 1) for _ in range(1000)]
    assert told_apart(one, same) > P
    assert told_apart(one, other) < 0.001
    assert told_apart(one, one) > 0.99
    assert told_apart([1.0] * 50, [1.0] * 50) == 1.0
    assert told_apart([1.0, 2.0] * 50, [2.0, 1.0] * 50) > 0.99
    # As tables have it: U = 3 of 4 and 4 is p = 0.15 (normal, corrected by a half: 0.19).
    assert 0.1 < told_apart([1, 2, 3, 6], [4, 5, 7, 8]) < 0.25


# ---- the lab


@pytest.fixture(scope="module")
def slow(make_lab):
    """A lab without throttles, whose passwords are hashed as the tenant would."""
    lab = make_lab("timing", workers=1, accounts=4)
    config = lab.node.config
    lab.node.config = lambda: without(config(), "passwords")
    lab.slow_port = lab.free_port()
    lab.node.extra = lab.directory / "extra.yaml"
    write_extra(lab)
    lab.up()
    lines = []
    for user in (MEMBER, MANY, IDLE, PLANTED):
        lines.append(f"password set {user} --password {PASSWORD}")
    for label in ("phone", "tablet"):
        lines.append(f"password set {MANY}#{label} --password app-{label}")
    lab.node.batch(lines + ["policy allow imap pop3 submission autodiscover --platform"])
    return lab


def write_extra(lab, beat=""):
    settings = "{" + ", ".join(f"{key}: {value}" for key, value in CHEAP.items()) + "}"
    lab.node.extra.write_text(
        EXTRA.format(host=HOST, port=lab.slow_port, settings=settings, beat=beat)
    )


def without(config, instance):
    """The extra file has it in another way."""
    del config["instances"][instance]
    return config


# ---- ways in: each gives the seconds from the last word to the answer


class Line:
    def __init__(self, port):
        self.socket = socket.create_connection((HOST, port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def ask(self, text, ends=b""):
        """Seconds, and the line that begins so."""
        begun = time.perf_counter()
        self.socket.sendall(text.encode() + b"\r\n")
        while True:
            line = self.file.readline()
            taken = time.perf_counter() - begun
            assert line, f"closed after {text!r}"
            if line.startswith(ends) and line[3:4] != b"-":
                return taken, line


def refused(taken_and_line, *begins):
    taken, line = taken_and_line
    assert line.startswith(begins), line
    return taken


def imap(lab, user, password):
    with Line(lab.port("imap")) as line:
        line.file.readline()
        return refused(line.ask(f'a LOGIN {user} "{password}"', b"a "), b"a NO")


def pop3(lab, user, password):
    with Line(lab.port("pop3")) as line:
        line.file.readline()
        taken, answer = line.ask(f"USER {user}")
        assert answer.startswith(b"+OK")
        return taken + refused(line.ask(f"PASS {password}"), b"-ERR")


def greeted(lab):
    line = Line(lab.slow_port)
    line.file.readline()
    line.ask("EHLO client.example", b"250 ")
    return line


def b64(data):
    return base64.b64encode(data).decode()


def smtp_plain(lab, user, password):
    with greeted(lab) as line:
        token = b64(f"\0{user}\0{password}".encode())
        return refused(line.ask(f"AUTH PLAIN {token}"), b"535")


def smtp_scram(lab, user, _):
    """Both answers: the salt, and the refusal of a proof."""
    with greeted(lab) as line:
        nonce = b64(os.urandom(12))
        first, answer = line.ask("AUTH SCRAM-SHA-256 " + b64(f"n,,n={user},r={nonce}".encode()))
        assert answer.startswith(b"334 "), answer
        fields = base64.b64decode(answer[4:]).split(b",")
        final = b"c=biws," + fields[0] + b",p=" + b64(os.urandom(32)).encode()
        return first + refused(line.ask(b64(final)), b"535")


WAYS = {"imap": imap, "pop3": pop3, "smtp-plain": smtp_plain, "smtp-scram": smtp_scram}


def discovered(lab, host, method, target, body=None):
    """Who asks what servers there are, and says not who he is. The answer's length must not tell
    either: names are all of one."""
    fields = {"Host": host, "Content-Type": "text/xml; charset=utf-8"} if body else {"Host": host}
    connection = http.client.HTTPConnection(HOST, lab.port("http"), timeout=60)
    try:
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = time.perf_counter()
        connection.request(method, target, body=body, headers=fields)
        answer = connection.getresponse()
        text = answer.read()
        taken = time.perf_counter() - begun
    finally:
        connection.close()
    assert answer.status == 200 and b"imap" in text.lower(), (answer.status, text)
    return taken


def pox(lab, user, _):
    host = "autodiscover." + user.partition("@")[2]
    return discovered(lab, host, "POST", POX_PATH, pox_request(user))


def autoconfig(lab, user, _):
    host = "autoconfig." + user.partition("@")[2]
    query = "?emailaddress=" + user.replace("@", "%40")
    return discovered(lab, host, "GET", CONFIG_PATH + query)


DISCOVERY = {"pox": pox, "autoconfig": autoconfig}


def measure(lab, way, user, tries):
    """Seconds of missing and of existing accounts, interleaved, who comes first by lot."""
    rng = random.Random()
    missing, existing = [], []
    for turn in range(tries + 5):
        nobody = f"{rng.choice('abcdefgh')}{rng.randrange(1000, 9999)}"
        pair = [(missing, f"{nobody}@{user.split('@')[1]}"), (existing, user)]
        rng.shuffle(pair)
        for row, name in pair:
            taken = way(lab, name, f"wrong-{turn}")
            if turn >= 5:  # the first ones warm up
                row.append(taken)
    return missing, existing


def median(row):
    return sorted(row)[len(row) // 2]


def check(measured):
    """Up to three rows: told apart each time, or not. @measured gives a pair of rows."""
    said = []
    for _ in range(TURNS):
        missing, existing = measured()
        p = told_apart(missing, existing)
        said.append(
            f"p {p:.4f}, medians {1e6 * median(missing):.0f} and {1e6 * median(existing):.0f} us"
        )
        print(said[-1])
        if p > P:
            return None
    return "; ".join(said)


def known(lab, user):
    """What the directory says of them is remembered."""
    with Line(lab.port("imap")) as line:
        line.file.readline()
        assert b"OK" in line.ask(f'a LOGIN {user} "{PASSWORD}"', b"a ")[1]


SHORT = (("imap", MEMBER), ("smtp-scram", MANY))


@pytest.mark.parametrize("user", (MEMBER, MANY, IDLE))
@pytest.mark.parametrize("way", WAYS)
def test_missing_accounts_take_no_other_time(slow, long, way, user):
    if not long and (way, user) not in SHORT:
        pytest.skip("the others with --long")
    if user != IDLE:
        known(slow, user)
    apart = check(lambda: measure(slow, WAYS[way], user, 1000 if long else 80))
    assert not apart, f"{way}, {user}: {apart}"


@pytest.mark.parametrize("user", (MEMBER, IDLE))
@pytest.mark.parametrize("way", DISCOVERY)
def test_discovery_takes_no_other_time(slow, long, way, user):
    if not long and user != MEMBER:
        pytest.skip("the others with --long")
    if user != IDLE:
        known(slow, user)
    apart = check(lambda: measure(slow, DISCOVERY[way], user, 1000 if long else 120))
    assert not apart, f"{way}, {user}: {apart}"


def test_a_planted_difference_is_found(slow):
    """App passwords that cost a hash each are told from nobody's, where answers leave as soon as they
    can; many, for a machine that does other things has other differences, and one row of three is
    enough. Last: SCRAM isn't offered then."""
    write_extra(slow, beat=", beat: 0s")
    slow.node.mansioctl("reload")
    slow.node.batch(
        f"password set {PLANTED}#{label} --password app-{label} --no-scram"
        for label in PLANTED_LABELS
    )
    seen = (told_apart(*measure(slow, imap, PLANTED, 60)) for _ in range(TURNS))
    assert any(p < P / 10 for p in seen), f"{len(PLANTED_LABELS)} hashes more were not seen"
