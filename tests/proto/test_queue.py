"""mansioctl queue: what is to leave, seen and changed, with the daemon down and up."""

import contextlib
import json
import subprocess

import psycopg2
import pytest
from mansio_test.submission import Submitter
from mansio_test.wait import until

OK, USAGE, NOT_FOUND, BUSY = 0, 2, 5, 9
ANN, BERT = "user1@alpha.test", "user1@beta.test"
LATER = "2030-01-01T00:00:00"


class Queue:
    def __init__(self, lab):
        self.lab = lab

    def __call__(self, *words, exit=OK):
        done = subprocess.run(
            [str(self.lab.node.ctl), *map(str, words)],
            text=True, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert (
            done.returncode == exit
        ), f"{words} gave {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def json(self, *words, **more):
        return json.loads(self("--json", *words, **more).stdout)

    def list(self, *words):
        return self.json("queue", "list", *words)["items"]

    def recipients(self, *words):
        return [item["recipient"] for item in self.list(*words)]

    def id_of(self, recipient):
        return self.list("--recipient", recipient)[0]["id"]

    def claim(self, recipient, until):
        """As if a daemon were sending it."""
        self.lab.sql(
            f"UPDATE spool SET claimed_until = '{until}', holder = 'test', fence = fence + 1"
            f" WHERE forward_path = '{recipient}'"
        )


def send(lab, sender, *recipients, subject="Hello"):
    with Submitter(lab.port("submissions"), lab.trusted()) as client:
        client.hello()
        client.login(sender)
        client.expect(f"MAIL FROM:<{sender}>", 250)
        for recipient in recipients:
            client.expect(f"RCPT TO:<{recipient}>", 250)
        client.expect("DATA", 354)
        client.expect(
            f"From: <{sender}>\r\nSubject: {subject}\r\nX-Odd: a\x1b[2Jb\r\n\r\nthe body\r\n.", 250
        )


@pytest.fixture(scope="module")
def lab(make_lab):
    """Nothing leaves it: what tests put into the queue stays there."""
    lab = make_lab("queue", workers=1)
    whole = lab.node.config

    def config():
        parts = whole()
        parts["instances"] = {
            name: instance
            for name, instance in parts["instances"].items()
            if instance["module"] != "outbound"
        }
        return parts

    lab.node.config = config
    return lab.up()


@pytest.fixture
def queue(lab):
    queue = Queue(lab)
    lab.sql("UPDATE spool SET claimed_until = '-infinity'")
    queue("queue", "delete", "--all")
    send(lab, ANN, "one@example.org", "two@example.org", "three@x.example")
    send(lab, BERT, "one@example.net", subject="From Bert")
    return queue


def test_lists_the_oldest_first(queue):
    assert queue.recipients() == [
        "one@example.org", "two@example.org", "three@x.example", "one@example.net",
    ]  # fmt: skip
    item = queue.list("--recipient", "one@example.org")[0]
    assert (item["tenant"], item["sender"], item["state"], item["attempts"]) == (
        "alpha", ANN, "due", 0,
    )  # fmt: skip
    assert item["bytes"] > 100 and 0 <= item["age"] < 600 and "last_reply" not in item
    lines = queue("queue", "list").stdout.splitlines()
    assert lines[0].split() == [
        *"ID TENANT SENDER RECIPIENT SIZE AGE STATE ATTEMPTS NEXT LAST REPLY".split()
    ]
    assert lines[1].split()[:4] == [item["id"], "alpha", ANN, "one@example.org"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--tenant", "beta"], ["one@example.net"]),
        (["--tenant", "nobody"], []),
        (["--sender", "USER1@beta.test"], ["one@example.net"]),
        (["--sender", "<>"], []),
        (["--domain", "EXAMPLE.org"], ["one@example.org", "two@example.org"]),
        (["--domain", "example.org", "--recipient", "two@example.org"], ["two@example.org"]),
        (["--domain", "example.org", "--tenant", "beta"], []),
        (["--recipient", "one@example.net"], ["one@example.net"]),
        (["--state", "due", "--domain", "example.net"], ["one@example.net"]),
        (["--state", "sending"], []),
        (["--older", "1h"], []),
        (["--older", "2100-01-01T00:00:00Z", "--tenant", "beta"], ["one@example.net"]),
        (["--reply", "refused"], []),
    ],
)
def test_lists_what_is_looked_for(queue, words, found):
    assert queue.recipients(*words) == found


def test_lists_by_state_age_and_reply(queue, lab):
    lab.sql(
        f"UPDATE spool SET next_at = '{LATER}', spooled_at = now() - interval '3 h',"
        " last_reply = 'connecting: Connection REFUSED' WHERE forward_path = 'two@example.org'"
    )
    queue.claim("one@example.org", LATER)
    assert queue.recipients("--state", "waiting") == ["two@example.org"]
    assert queue.recipients("--state", "sending") == ["one@example.org"]
    assert queue.recipients("--state", "due") == ["three@x.example", "one@example.net"]
    assert queue.recipients("--older", "2h") == queue.recipients("--reply", "connection refused")
    assert queue.recipients("--older", "2h") == ["two@example.org"]
    assert queue.recipients("--older", "4h") == queue.recipients("--reply", "timed out") == []
    assert queue.json("queue", "retry", "--older", "2h")["items"] == 1
    assert queue.json("queue", "delete", "--reply", "refused")["items"] == 1
    assert len(queue.recipients()) == 3


def test_sums_up_by_domain(queue, lab):
    lab.sql(
        f"UPDATE spool SET next_at = '{LATER}', spooled_at = now() - interval '3 h',"
        " last_reply = '450 4.7.1 wait\x1b[2J' WHERE forward_path = 'two@example.org'"
    )
    lab.sql("UPDATE spool SET forward_path = 'ONE@EXAMPLE.ORG' WHERE forward_path LIKE 'one@%org'")
    rows = queue.json("queue", "domains")["domains"]
    assert [(row["domain"], row["recipients"]) for row in rows] == [
        ("example.org", 2), ("example.net", 1), ("x.example", 1),
    ]  # fmt: skip
    first = rows[0]
    assert (first["due"], first["waiting"], first["sending"]) == (1, 1, 0)
    assert 3 * 3600 <= first["age"] < 4 * 3600 and first["bytes"] > 200
    assert first["last_reply"].startswith("450 4.7.1 wait") and "last_reply" not in rows[1]
    lines = queue("queue", "domains", "--tenant", "alpha").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["DOMAIN", "example.org", "x.example"]
    assert "\x1b" not in "".join(lines)
    assert queue.json("queue", "domains", "--state", "sending") == {"domains": []}


def test_gives_a_message_whole(queue, lab):
    identity = queue.id_of("one@example.net")
    text = subprocess.run(
        [str(lab.node.ctl), "queue", "show", identity, "--message"], capture_output=True, check=True
    ).stdout
    assert text.startswith(b"Received: ") and b"\r\nSubject: From Bert\r\n" in text
    assert text.endswith(b"\r\nX-Odd: a\x1b[2Jb\r\n\r\nthe body\r\n")
    assert len(text) == queue.json("queue", "show", identity)["bytes"]


def test_holds_and_releases(queue):
    assert queue.json("queue", "hold", "--domain", "example.org")["items"] == 2
    held = ["one@example.org", "two@example.org"]
    assert queue.recipients("--state", "held") == held
    assert "next" not in queue.list("--state", "held")[0]
    assert queue.json("queue", "domains")["domains"][0]["held"] == 2
    done = queue("queue", "retry", "--all")
    assert done.stderr == "mansioctl: 2 held: left alone (see queue release)\n"
    assert queue.recipients("--state", "held") == held
    assert queue.json("queue", "release", "--tenant", "beta")["items"] == 0
    assert queue.json("queue", "release", queue.id_of(held[0]))["items"] == 1
    assert queue.recipients("--state", "held") == held[1:]
    assert queue.json("queue", "delete", "--state", "held")["items"] == 1
    assert len(queue.recipients("--state", "due")) == 3


def test_gives_up_with_a_record(queue, lab):
    before = len(queue.json("audit", "list", "--kind", "spool")["objects"])
    identity = queue.id_of("one@example.net")
    assert queue.json("queue", "bounce", identity, "--reason", "typo")["items"] == 1
    rows = queue.json("audit", "list", "--kind", "spool")["objects"][before:]
    assert [(r["action"], r["object"], r["reason"]) for r in rows] == [("bounce", identity, "typo")]
    (given_up,) = lab.sql("SELECT forward_path FROM spool WHERE flags & 65536 > 0")
    assert given_up == ["one@example.net"]


def test_a_cut_list_says_so(queue):
    done = queue("queue", "list", "--limit", 1)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == "mansioctl: 1 of 4 are listed (see --limit)\n"
    assert queue.json("queue", "list", "--limit", 1)["total"] == 4


def test_shows_all_about_one(queue):
    identity = queue.id_of("one@example.net")
    item = queue.json("queue", "show", identity)
    assert item["sender"] == BERT and item["id"] == identity
    assert "Subject: From Bert\r\n" in item["header"] and "the body" not in item["header"]
    assert item["header"].startswith("Received: ")
    shown = queue("queue", "show", identity).stdout
    assert "Subject: From Bert\n" in shown and "the body" not in shown
    assert ["recipient", "one@example.net"] in [line.split() for line in shown.splitlines()]
    assert "X-Odd: a\\x1b[2Jb\n" in shown  # nothing that a terminal would obey
    assert "\n    by " in shown and "\\x09" not in shown  # folded fields are read by people
    queue.claim("one@example.net", LATER)
    assert queue.json("queue", "show", identity)["state"] == "sending"


def test_retries_and_tells_the_scheduler(queue, lab):
    lab.sql(f"UPDATE spool SET next_at = '{LATER}', attempts = 3, last_reply = '451 later'")
    assert {item["state"] for item in queue.list()} == {"waiting"}
    identity = queue.id_of("two@example.org")
    with contextlib.closing(psycopg2.connect(lab.cluster.dsn())) as listener:
        listener.set_session(autocommit=True)
        listener.cursor().execute("LISTEN mansio")
        done = queue.json("queue", "retry", identity)
        assert done == {"done": "retried", "items": 1, "busy": 0}

        def told():
            listener.poll()
            return [n.payload for n in listener.notifies if n.payload.startswith("spool ")]

        assert bytes.fromhex(until("a hint", told)[0].split()[1]) == b"due"
    states = {item["recipient"]: (item["state"], item["attempts"]) for item in queue.list()}
    assert states["two@example.org"] == ("due", 3)
    assert states["one@example.org"] == ("waiting", 3)
    assert queue.json("queue", "retry", "--domain", "example.org")["items"] == 2
    assert queue.json("queue", "retry", "--all")["items"] == 4
    assert {item["state"] for item in queue.list()} == {"due"}
    assert queue("queue", "retry", identity).stdout == ""


def test_deletes_with_a_record(queue, lab):
    before = len(queue.json("audit", "list", "--kind", "spool")["objects"])
    identity = queue.id_of("one@example.net")
    queue("queue", "delete", identity, "--reason", "spam")
    assert "one@example.net" not in queue.recipients()
    rows = queue.json("audit", "list", "--kind", "spool")["objects"][before:]
    assert [(r["action"], r["object"], r["tenant"], r["reason"]) for r in rows] == [
        ("remove", identity, "beta", "spam")
    ]
    was = rows[0]["before"]
    was = json.loads(was) if isinstance(was, str) else was
    assert (was["sender"], was["recipient"]) == (BERT, "one@example.net")
    done = queue.json("queue", "delete", "--domain", "example.org")
    assert done == {"done": "deleted", "items": 2, "busy": 0}
    assert queue.recipients() == ["three@x.example"]
    assert queue.json("queue", "delete", "--all")["items"] == 1
    assert queue.recipients() == []
    lab.check_invariants()


def test_what_is_being_sent_is_left_alone(queue):
    queue.claim("two@example.org", LATER)
    identity = queue.id_of("two@example.org")
    for verb in ("retry", "delete"):
        done = queue("queue", verb, identity, exit=BUSY)
        assert done.stderr == "mansioctl: 1 being sent right now: left alone\n"
    assert queue.json("queue", "delete", "--domain", "example.org", exit=BUSY) == {
        "done": "deleted", "items": 1, "busy": 1,
    }  # fmt: skip
    assert "two@example.org" in queue.recipients()


@pytest.mark.parametrize(
    ("words", "exit", "said"),
    [
        (["delete"], USAGE, "queue delete needs ids, or what to look for; --all is the whole"),
        (["retry"], USAGE, "queue retry needs ids"),
        (["delete", "--all", "--tenant", "alpha"], USAGE, "nothing goes with it"),
        (["delete", "--all", "12"], USAGE, "nothing goes with it"),
        (["delete", "12", "--tenant", "alpha"], USAGE, "not both"),
        (["delete", "12x"], USAGE, "12x: no id of the queue"),
        (["delete", "12"], NOT_FOUND, "1 of 1 ids aren't in the queue: nothing is done"),
        (["show", "12"], NOT_FOUND, "12 isn't in the queue"),
        (["show", "x"], USAGE, "no id"),
        (["show"], USAGE, "queue show needs ID"),
        (["list", "--limit", "0"], USAGE, "--limit 0"),
        (["list", "--domain", "a b"], USAGE, "no name of a domain"),
        (["list", "--state", "gone"], USAGE, "expected due, waiting, sending or held"),
        (["delete", "--older", "soon"], USAGE, "expected how long"),
        (["domains", "--older", "5"], USAGE, "expected how long"),
    ],
)
def test_says_what_is_wrong(queue, words, exit, said):
    assert said in queue("queue", *words, exit=exit).stderr
    assert len(queue.recipients()) == 4


def test_many_ids_and_none_is_done_if_one_is_wrong(queue):
    ids = [item["id"] for item in queue.list()]
    queue("queue", "delete", *ids[:2], "12", exit=NOT_FOUND)
    assert len(queue.recipients()) == 4
    queue("queue", "delete", *ids[:2])
    assert len(queue.recipients()) == 2


def test_works_with_the_daemon_down(queue, lab):
    lab.node.stop()
    try:
        assert queue.json("queue", "retry", "--tenant", "beta")["items"] == 1
        queue("queue", "delete", "--sender", ANN)
        assert queue.recipients() == ["one@example.net"]
        assert "From Bert" in queue.json("queue", "show", queue.id_of("one@example.net"))["header"]
    finally:
        lab.start()
