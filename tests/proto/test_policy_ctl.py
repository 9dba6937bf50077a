"""mansioctl's commands about policy, app passwords and the audit log over PostgreSQL and a daemon
that runs, and top on a terminal. That the gate does what they say is other files' business, but for
what they foretell of sessions."""

import calendar
import json
import os
import poplib
import re
import signal
import subprocess
import time

import pytest
from mansio_test.lab import HOST, PASSWORD
from mansio_test.screen import Screen
from mansio_test.wait import until

OK, FAILED, USAGE, UNREACHABLE, DENIED, NOT_FOUND, STOPPING, TIMEOUT, EXISTS, BUSY = range(10)


class Ctl:
    def __init__(self, lab):
        self.program = lab.node.prefix / "bin" / "mansioctl"
        self.words = [str(self.program), "--config", str(lab.node.config_path)]

    def __call__(self, *words, text="", exit=OK):
        done = subprocess.run(
            [*self.words, *map(str, words)],
            input=text, text=True, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert (
            done.returncode == exit
        ), f"{words} gave {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def json(self, *words, **more):
        return json.loads(self("--json", *words, **more).stdout)

    def batch(self, *lines):
        """In one process, which is quicker."""
        self("batch", text="".join(f"{line}\n" for line in lines))

    def words_of(self, *words):
        return {row["key"]: row["word"] for row in self.json("policy", "show", *words)["objects"]}


@pytest.fixture(scope="module")
def lab(make_lab):
    return make_lab("policy-ctl", accounts=3).up()


@pytest.fixture(scope="module")
def ctl(lab):
    return Ctl(lab)


@pytest.fixture(scope="module")
def own_words(ctl):
    """What the lab began with."""
    return set(ctl.words_of())


@pytest.fixture(autouse=True)
def only_the_labs_words(ctl, own_words):
    """Each test leaves the words that the lab began with."""
    yield
    lines = []
    for key in set(ctl.words_of()) - own_words:
        scope, service = key.rsplit("/", 1)
        name, _, owner = scope.partition(":")
        lines.append(f"policy clear {service} --{name} {owner}")
    if lines:
        ctl.batch(*lines)


# ---- words


def test_options_and_services_stand_in_any_order(ctl):
    ctl("policy", "deny", "pop3", "--tenant", "alpha")
    ctl("policy", "deny", "--domain", "beta.test", "pop3", "imap")
    ctl("policy", "allow", "imap", "--account", "USER1@Alpha.test", "pop3")
    words = ctl.words_of()
    assert words["tenant:alpha/pop3"] == "deny"
    assert words["domain:beta.test/pop3"] == words["domain:beta.test/imap"] == "deny"
    assert words["account:user1@alpha.test/imap"] == "allow"
    assert words["account:user1@alpha.test/pop3"] == "allow"


def test_a_word_is_replaced_with_all_its_conditions(ctl):
    scope = ("--tenant", "alpha")
    ctl(
        "policy", "allow", "imap", *scope, "--network", "192.0.2.0/24,unix", "--tls", "required",
        "--mechanism", "plain,SCRAM-SHA-256", "--credential", "app", "--lock",
        "--hours", "Mon-Fri 08:00-18:00", "--zone", "Europe/Rome",
    )  # fmt: skip
    word = ctl.words_of(*scope)["tenant:alpha/imap"]
    for part in ("allow locked if", "192.0.2.0/24", "unix", "tls required", "SCRAM-SHA-256"):
        assert part in word
    assert "credentials app" in word and "hours Mon-Fri 08:00-18:00 Europe/Rome" in word
    ctl("policy", "deny", "imap", *scope, "--tls", "absent")
    assert ctl.words_of(*scope) == {"tenant:alpha/imap": "deny if tls absent"}


def test_lock_and_unlock_leave_the_rest_alone(ctl):
    scope = ("--tenant", "alpha")
    ctl("policy", "allow", "imap", *scope, "--tls", "required")
    ctl("policy", "lock", "imap", *scope)
    assert ctl.words_of(*scope) == {"tenant:alpha/imap": "allow locked if tls required"}
    ctl("policy", "unlock", "imap", *scope)
    assert ctl.words_of(*scope) == {"tenant:alpha/imap": "allow if tls required"}
    assert "tenant:alpha/pop3" in ctl("policy", "lock", "pop3", *scope, exit=NOT_FOUND).stderr
    assert ctl.words_of(*scope) == {"tenant:alpha/imap": "allow if tls required"}


def test_says_which_service_failed_and_which_did_not(ctl):
    ctl("policy", "deny", "imap", "--tenant", "alpha")
    failed = ctl("policy", "clear", "imap", "pop3", "--tenant", "alpha", exit=NOT_FOUND).stderr
    assert "no policy tenant:alpha/pop3; done before it: tenant:alpha/imap" in failed
    assert ctl.words_of("--tenant", "alpha") == {}
    # What can be seen to be wrong is wrong before anything is done.
    ctl("policy", "deny", "imap", "POP3", "--tenant", "alpha", exit=USAGE)
    assert ctl.words_of("--tenant", "alpha") == {}


def test_refuses_with_a_reason(ctl):
    rows = {
        "policy deny pop3": "needs a scope",
        "policy deny pop3 --tenant alpha --platform": "--platform and --tenant at once",
        "policy deny --tenant alpha": "needs SERVICE...",
        "policy allow imap --platform --tls maybe": "expected required, absent",
        "policy allow imap --platform --network ''": "--network: empty",
        "policy allow imap --platform --zone UTC": "--zone without --hours",
        "policy clear imap --platform --lock": "unknown option --lock",
        "policy allow imap --tenant alpha --network 10.0.0.1/8": "10.0.0.1/8",
        "policy allow imap --tenant alpha --credential fingers": "fingers",
        "policy allow imap --tenant alpha --hours Someday": "Someday",
        "policy allow imap --platform --hours 'Mon 08:00-09:00' --zone Mars/Town": (
            "no time zone Mars/Town: expected"
        ),
        "policy explain user1@alpha.test": "needs --service",
        "policy explain user1 --service imap": "expected USER@DOMAIN",
        "policy explain user1@alpha.test --service imap --tls --no-tls": "at once",
        "policy explain user1@alpha.test --service imap --at noon": "noon",
        "policy explain user1@alpha.test --service imap --network x": "--network x",
        "policy test maybe imap --platform": "expected allow, deny or clear",
        "policy test clear imap --platform --lock": "takes no conditions",
        "policy test deny --platform": "needs",
    }
    failed = ctl("batch", "--keep-going", text="".join(f"{line}\n" for line in rows), exit=USAGE)
    said = dict(re.findall(r"^mansioctl: line (\d+): (.*)$", failed.stderr, re.M))
    for number, (line, expected) in enumerate(rows.items(), 1):
        assert expected in said[str(number)], line
    assert len(said) == len(rows)
    assert "PostgreSQL" not in failed.stderr and "(MN" not in failed.stderr


def test_who_is_not_there(ctl):
    rows = {
        "policy deny imap --tenant nobody": "no tenant nobody",
        "policy deny imap --tenant alpha --network nowhere": (
            "no network named nowhere: expected one of `network list`"
        ),
        "policy deny imap --account nobody@alpha.test": "no account nobody@alpha.test",
        "policy explain nobody@alpha.test --service imap": "nobody@alpha.test",
        "policy test deny imap --domain nowhere.test": "no domain nowhere.test",
        "tenant add delta --plan nosuch": "no plan nosuch",
        "network add delta:office --networks unix": "delta",
    }
    for line, expected in rows.items():
        said = ctl(*line.split(), exit=NOT_FOUND).stderr
        assert expected in said, line
        assert "PostgreSQL" not in said and "(MN" not in said


def test_in_a_batch(ctl):
    ctl(
        "batch",
        text="policy deny pop3 imap --tenant alpha --reason 'a b'\npolicy lock pop3 --tenant alpha\n",
    )
    assert ctl.words_of("--tenant", "alpha") == {
        "tenant:alpha/imap": "deny", "tenant:alpha/pop3": "deny locked",
    }  # fmt: skip


# ---- show and history


def test_show_of_an_account_has_all_that_bear_on_it(ctl):
    ctl.batch(
        "policy deny pop3 --tenant beta",
        "policy deny pop3 --tenant alpha",
        "policy allow pop3 --domain alpha.test",
        "policy deny imap --account user1@alpha.test",
        "policy deny imap --account user2@alpha.test",
    )
    words = ctl.words_of("--account", "user1@alpha.test")
    assert {"tenant:alpha/pop3", "domain:alpha.test/pop3", "account:user1@alpha.test/imap"} < set(
        words
    )
    assert "platform/pop3" in words
    assert not {"tenant:beta/pop3", "account:user2@alpha.test/imap"} & set(words)
    assert set(ctl.words_of("--account", "user1@alpha.test", "--service", "imap")) == {
        "platform/imap", "account:user1@alpha.test/imap",
    }  # fmt: skip
    text = ctl("policy", "show", "--tenant", "alpha").stdout
    assert text.splitlines()[0].split() == ["SCOPE", "OWNER", "SERVICE", "WORD"]
    assert "where no scope speaks: deny" in text


def test_history_tells_who_when_from_to_and_why(ctl):
    scope = ("--account", "user3@beta.test")
    ctl.batch(
        "policy deny pop3 --account user3@beta.test --reason 'they asked'",
        "policy allow pop3 --account user3@beta.test --tls required",
        "policy clear pop3 --account user3@beta.test",
    )
    rows = ctl.json("policy", "history", *scope)["changes"]
    assert [(row["from"], row["to"]) for row in rows] == [
        ("-", "deny"), ("deny", "allow if tls required"), ("allow if tls required", "-"),
    ]  # fmt: skip
    assert rows[0]["reason"] == "they asked" and rows[0]["actor"]
    assert all(row["object"] == "account:user3@beta.test/pop3" for row in rows)
    assert ctl.json("policy", "history", *scope, "--service", "imap")["total"] == 0
    latest = ctl("policy", "history", *scope, "--limit", 1)
    assert "allow if tls required" in latest.stdout and "they asked" not in latest.stdout
    assert "the latest 1 of 3" in latest.stderr


def test_history_has_the_platforms_default(ctl):
    ctl.batch(
        "platform set --policy-default allow --reason 'for a day'",
        "platform set --password-scheme ARGON2ID",
        "policy deny pop3 --tenant beta",
        "platform set --policy-default deny",
    )
    rows = ctl.json("policy", "history")["changes"][-3:]
    assert [(row["object"], row["from"], row["to"]) for row in rows] == [
        ("platform", "default deny", "default allow"),
        ("tenant:beta/pop3", "-", "deny"),
        ("platform", "default allow", "default deny"),
    ]
    assert rows[0]["reason"] == "for a day"
    latest = ctl.json("policy", "history", "--platform")["changes"][-1]
    assert latest["to"] == "default deny"


# ---- explain


def explain(ctl, *words):
    return ctl.json("policy", "explain", *words)


def said(explained):
    return {row["scope"]: row["said"] for row in explained["scopes"]}


def test_explain_tells_each_scopes_word_and_which_decided(ctl):
    ctl.batch(
        "network add desk --networks 203.0.113.0/28",
        "policy deny pop3 --tenant alpha --network desk",
        "policy allow pop3 --domain alpha.test --tls required",
    )
    words = ("user1@alpha.test", "--service", "pop3", "--network")
    explained = explain(ctl, *words, "203.0.113.7")
    assert said(explained) == {
        "platform": "allows", "plan": "silent", "tenant": "denies", "domain": "allows",
        "account": "silent",
    }  # fmt: skip
    assert explained["allowed"] and explained["decided"] == "domain"
    assert explained["assumed"] == ["tls", "mechanism", "credential", "at"]
    tenant = explained["scopes"][2]
    assert tenant["owner"] == "alpha" and tenant["word"]["networks"] == ["desk"]

    explained = explain(ctl, *words, "203.0.113.77", "--no-tls")
    assert said(explained)["tenant"] == "silent" and said(explained)["domain"] == "unmet"
    assert explained["scopes"][2]["failed"] == ["networks"]
    assert explained["scopes"][3]["failed"] == ["tls"]
    assert not explained["allowed"] and explained["decided"] == "domain"

    ctl("policy", "lock", "pop3", "--tenant", "alpha")
    explained = explain(ctl, *words, "203.0.113.7", "--mechanism", "PASSWORD")
    assert not explained["allowed"] and explained["decided"] == "tenant"
    text = ctl("policy", "explain", *words, "203.0.113.7").stdout
    assert re.search(r"^tenant +alpha +deny locked if networks desk +denies; decides$", text, re.M)
    assert "denied: the tenant alpha denies pop3, and nobody more special has a say" in text
    ctl.batch("policy clear pop3 --tenant alpha", "network remove desk")


def test_explain_wants_the_network_only_where_a_word_does(ctl):
    ctl("policy", "deny", "pop3", "--tenant", "alpha", "--network", "192.0.2.0/24")
    failed = ctl("policy", "explain", "user1@alpha.test", "--service", "pop3", exit=USAGE)
    assert "the tenant's word on pop3 has a condition on networks: say --network" in failed.stderr
    assert explain(ctl, "user1@alpha.test", "--service", "imap")["allowed"]
    assert explain(ctl, "user1@beta.test", "--service", "pop3")["facts"]["network"] is None


def test_explain_of_a_unix_socket_counts_as_protected(ctl):
    ctl("policy", "allow", "imap", "--tenant", "alpha", "--tls", "required", "--network", "unix")
    words = ("user1@alpha.test", "--service", "imap", "--no-tls", "--network")
    assert explain(ctl, *words, "unix")["allowed"]
    assert explain(ctl, *words, "192.0.2.1")["scopes"][2]["failed"] == ["networks", "tls"]


def test_explain_at_another_time(ctl):
    ctl(
        "policy", "allow", "imap", "--tenant", "alpha",
        "--hours", "Mon-Fri 08:00-18:00", "--zone", "Europe/Rome",
    )  # fmt: skip
    words = ("user1@alpha.test", "--service", "imap", "--at")
    # A Wednesday in winter, then in summer, when Rome is two hours ahead.
    assert explain(ctl, *words, "2026-12-02T07:00:00Z")["allowed"]
    assert not explain(ctl, *words, "2026-12-02T06:59:59Z")["allowed"]
    assert explain(ctl, *words, "2027-06-02T06:00:00Z")["allowed"]
    late = explain(ctl, *words, "2027-06-02T18:00:00+02:00")
    assert not late["allowed"] and late["scopes"][2]["failed"] == ["hours"]
    assert late["until"] == "2027-06-03T06:00:00.000000Z"


def test_explain_of_states_and_domain_aliases(ctl):
    ctl("domain", "add", "alias.test", "--tenant", "alpha", "--alias-of", "alpha.test")
    explained = explain(ctl, "user2@alias.test", "--service", "imap")
    assert explained["account"] == "user2@alpha.test" and explained["asked"] == "user2@alias.test"
    assert explained["allowed"]
    ctl("account", "set", "user2@alpha.test", "--state", "suspended")
    explained = explain(ctl, "user2@alias.test", "--service", "imap")
    ctl("account", "set", "user2@alpha.test", "--state", "active")
    ctl("domain", "remove", "alias.test")
    assert not explained["allowed"] and explained["decided"] == "state"
    assert explained["state"] == "suspended"


def test_explain_notes_what_there_is_no_password_for(ctl):
    words = ("user2@alpha.test", "--service", "imap", "--credential")
    assert explain(ctl, *words, "main")["notes"] == []
    (note,) = explain(ctl, *words, "app")["notes"]
    assert "no app password that is good for imap" in note


# ---- test


def sessions_of(ctl, service):
    return ctl.json("sessions", "list", "--service", service)["sessions"]


def test_a_trial_foretells_who_would_go_and_changes_nothing(lab, ctl):
    pop3, imap = lab.pop3("user1@alpha.test"), lab.imap("user1@alpha.test")
    other = lab.pop3("user1@beta.test")
    before, rows = ctl.words_of(), ctl.json("policy", "history")["total"]
    (row,) = [row for row in sessions_of(ctl, "pop3") if row["tenant"] == "alpha"]
    assert row["network"] == HOST and row["mechanism"].upper() == "PASSWORD"
    assert row["credential"] == "main" and row["protected"] is False

    deny = ("policy", "test", "deny", "pop3", "imap", "--tenant", "alpha")
    pop3_result, imap_result = ctl.json(*deny)["services"]
    assert pop3_result["key"] == "tenant:alpha/pop3" and imap_result["key"] == "tenant:alpha/imap"
    assert pop3_result["accounts"]["seen"] == pop3_result["accounts"]["lose"] == 3
    assert pop3_result["sessions"]["end"] == imap_result["sessions"]["end"] == 1
    assert pop3_result["sessions"]["list"][0]["id"] == row["id"]
    assert pop3_result["sessions"]["seen"] == 2 and pop3_result["sessions"]["unknown"] == 0

    # Elsewhere, otherwise, for others: nobody who is here now is hit.
    for words in (("--network", "192.0.2.0/24"), ("--tls", "required"), ("--credential", "app")):
        (result,) = ctl.json("policy", "test", "deny", "pop3", "--tenant", "alpha", *words)[
            "services"
        ]
        assert result["accounts"]["fewer"] == 3 and result["accounts"]["lose"] == 0
        assert result["sessions"]["end"] == 0
    (result,) = ctl.json("policy", "test", "clear", "pop3", "--platform")["services"]
    assert result["accounts"]["lose"] == 6 and result["sessions"]["end"] == 2
    (result,) = ctl.json("policy", "test", "allow", "autodiscover", "--account", "user1@beta.test")[
        "services"
    ]
    assert result["accounts"]["seen"] == 1

    text = ctl("policy", "test", "deny", "pop3", "--tenant", "alpha", "--limit", 2).stdout
    assert "3 can get in now, and could no more" in text and "of which 1 would end" in text
    assert text.count("loses") == 2 and "... (see --limit)" in text

    assert ctl.words_of() == before and ctl.json("policy", "history")["total"] == rows
    assert pop3.noop() and imap.noop()[0] == "OK" and other.noop()

    # And it comes as foretold.
    ctl("policy", "deny", "pop3", "--tenant", "alpha", "--network", f"{HOST}/32")
    until(
        "they are ended",
        lambda: not any(row["tenant"] == "alpha" for row in sessions_of(ctl, "pop3")),
    )
    assert imap.noop()[0] == "OK" and other.noop()
    imap.logout()
    other.quit()
    pop3.close()


# ---- networks, app passwords, audit


def test_names_of_networks(ctl):
    ctl.batch(
        "network add office --networks 192.0.2.0/24,unix",
        "network add alpha:office --networks 198.51.100.0/24",
        "policy allow imap --tenant alpha --network office",
    )
    assert ctl.json("network", "show", "office")["networks"] == ["192.0.2.0/24", "unix"]
    words = ("--service", "imap", "--network")
    assert explain(ctl, "user1@alpha.test", *words, "198.51.100.1")["allowed"]
    assert not explain(ctl, "user1@alpha.test", *words, "192.0.2.1")["allowed"]
    ctl("network", "set", "alpha:office", "--networks", "192.0.2.0/25")
    assert explain(ctl, "user1@alpha.test", *words, "192.0.2.1")["allowed"]
    keys = {row["key"] for row in ctl.json("network", "list")["objects"]}
    assert keys == {"alpha:office", "office"}
    ctl.batch(
        "policy clear imap --tenant alpha", "network remove alpha:office", "network remove office"
    )
    ctl("network", "remove", "office", exit=NOT_FOUND)


def test_an_app_password_is_shown_once_and_good_for_its_services(lab, ctl):
    key = "user3@alpha.test#phone"
    words = ("password", "new", key, "--services", "imap,submission", "--expires", "30d")
    password = ctl(*words).stdout.strip()
    assert re.fullmatch(r"([a-km-np-z2-9]{5}-){3}[a-km-np-z2-9]{5}", password)
    ctl(*words, exit=EXISTS)
    (row,) = [
        row
        for row in ctl.json("password", "list", "user3@alpha.test")["objects"]
        if row["key"] == key
    ]
    assert row["services"] == ["imap", "submission"] and row["kind"] == "app"
    assert password not in json.dumps(row)
    lasts = calendar.timegm(time.strptime(row["expires"][:19], "%Y-%m-%dT%H:%M:%S")) - time.time()
    assert abs(lasts - 30 * 86400) < 120

    imap = lab.imap("user3@alpha.test", password)
    credentials = lambda: [row["credential"] for row in sessions_of(ctl, "imap")]
    until("its session alone", lambda: credentials() == ["app"])
    with pytest.raises(poplib.error_proto):
        lab.pop3("user3@alpha.test", password)
    assert (
        explain(ctl, "user3@alpha.test", "--service", "imap", "--credential", "app")["notes"] == []
    )
    assert (
        explain(ctl, "user3@alpha.test", "--service", "pop3", "--credential", "app")["notes"] != []
    )

    # Taken away, it takes its sessions along; others stay.
    main = lab.imap("user3@alpha.test")
    ctl("password", "remove", key, "--reason", "lost")
    with pytest.raises((imap.abort, imap.error, OSError)):
        for _ in range(1200):
            imap.noop()
            time.sleep(0.05)
    assert main.noop()[0] == "OK"
    main.logout()


def test_limits_of_app_passwords_alone(ctl):
    account = "user3@alpha.test"
    main = ("password", "set", account, "--services", "imap")
    assert "app passwords" in ctl(*main, text="x\n", exit=USAGE).stderr
    assert "app passwords" in ctl("password", "new", account, exit=USAGE).stderr
    failed = ctl(
        "batch", "--keep-going", exit=USAGE,
        text=f"password new {account}#x --expires 2020-01-01T00:00:00Z\n"
        f"password new {account}#x --expires soon\n"
        f"password new {account}#x --services POP3\n",
    ).stderr.splitlines()  # fmt: skip
    assert [word in line for word, line in zip(("is over", "soon", "POP3"), failed)] == [True] * 3
    ctl("password", "new", "nobody@alpha.test#x", exit=NOT_FOUND)
    made = ctl.json("password", "new", f"{account}#x", "--services", "imap")
    assert made["services"] == "imap" and len(made["password"]) == 23
    ctl("password", "set", f"{account}#x", "--services", "", "--expires", "1w", text="another\n")
    row = ctl.json("password", "show", f"{account}#x")
    assert not row.get("services") and row["expires"]
    ctl("password", "remove", f"{account}#x")


def test_limits_of_app_passwords_change_without_their_secret(lab, ctl):
    account = "user3@alpha.test"
    key = f"{account}#changed"
    password = ctl.json("password", "new", key, "--services", "imap")["password"]
    with pytest.raises(poplib.error_proto):
        lab.pop3(account, password)
    change = ("password", "change", key)
    assert ctl.json(*change, "--services", "pop3", "--expires", "1w")["done"] == "changed"
    row = ctl.json("password", "show", key)
    assert row["services"] == ["pop3"] and row["expires"]
    lab.pop3(account, password).quit()
    ctl(*change, "--all-services")
    after = ctl.json("password", "show", key)
    assert not after.get("services") and after["expires"] == row["expires"]
    ctl(*change, "--services", "imap,pop3", "--no-expires")
    after = ctl.json("password", "show", key)
    assert after["services"] == ["imap", "pop3"] and not after.get("expires")
    # Sessions that it is no longer good for end; the secret is the same all the time.
    box = lab.imap(account, password)
    ctl(*change, "--services", "pop3", "--reason", "too much")
    with pytest.raises((box.abort, box.error, OSError)):
        for _ in range(1200):
            box.noop()
            time.sleep(0.05)
    lab.pop3(account, password).quit()
    for words in (
        change,
        (*change, "--services", "imap", "--all-services"),
        (*change, "--expires", "1d", "--no-expires"),
        (*change, "--expires", "2020-01-01T00:00:00Z"),
        (*change, "--services", "POP3"),
        ("password", "change", account, "--all-services"),
    ):
        ctl(*words, exit=USAGE)
    ctl("password", "change", f"{account}#none", "--all-services", exit=NOT_FOUND)
    assert ctl.json("password", "show", key)["services"] == ["pop3"]
    ctl("password", "remove", key)


def test_audit_verify_finds_what_was_tampered_with(lab, ctl):
    ctl("policy", "deny", "pop3", "--tenant", "beta", "--reason", "for the log")
    result = ctl.json("audit", "verify")
    assert result["intact"] and result["bad"] is None and result["rows"] > 0
    (row,) = ctl.json("policy", "history", "--tenant", "beta", "--limit", 1)["changes"]
    number = row["key"]
    lab.sql(f"ALTER TABLE {audit_table(lab)} DISABLE TRIGGER USER")
    try:
        lab.sql(f"UPDATE {audit_table(lab)} SET reason = 'another' WHERE audit_id = {number}")
        failed = ctl("audit", "verify", exit=FAILED)
        assert f"audit row {number}" in failed.stderr and failed.stdout == ""
        assert not json.loads(ctl("--json", "audit", "verify", exit=FAILED).stdout)["intact"]
        lab.sql(f"UPDATE {audit_table(lab)} SET reason = 'for the log' WHERE audit_id = {number}")
    finally:
        lab.sql(f"ALTER TABLE {audit_table(lab)} ENABLE TRIGGER USER")
    ctl("audit", "verify")


def audit_table(lab):
    ((schema,),) = lab.sql(
        "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'audit' AND c.relkind = 'r'"
    )
    return f"{schema}.audit"


# ---- top


@pytest.fixture
def crowd(lab, ctl):
    """Sessions: two of alpha's, one of beta's, and one that nobody has logged in to."""
    until("those before have gone", lambda: not sessions_of(ctl, "imap"))
    boxes = [
        lab.imap("user1@alpha.test"),
        lab.imap("user2@alpha.test"),
        lab.imap("user1@beta.test"),
    ]
    boxes.append(lab.imap())
    yield boxes
    for box in boxes:
        box.shutdown()


def test_top_once(ctl, crowd):
    figures = ctl.json("top", "--once", "--interval", 1)
    assert {row["name"]: row["sessions"] for row in figures["services"]}["imap"] == 4
    assert [(row["name"], row["sessions"]) for row in figures["tenants"]] == [
        ("alpha", 2),
        ("beta", 1),
    ]
    assert figures["tenant_count"] == 2 and figures["silent"] == []
    assert figures["totals"]["workers"] == 2 and figures["totals"]["sessions"] >= 4
    assert {row["role"] for row in figures["processes"]} == {"worker", "service"}
    assert 0.9 < figures["interval"] < 10
    # Workers look for changes twice a second.
    assert figures["rates"]["db_statements"] > 0 and figures["rates"]["db_wait"] > 0
    text = ctl("top", "--interval", 1).stdout  # no terminal: once
    assert "\x1b" not in text and re.search(r"^imap +4 ", text, re.M)
    ctl("top", "--interval", 0, exit=USAGE)


@pytest.fixture
def on_screen(ctl):
    made = []

    def start(*words, **size):
        made.append(Screen([*ctl.words, "top", "--interval", "1", *words], **size))
        return made[-1]

    yield start
    for screen in made:
        screen.close()


def test_top_on_a_terminal_of_80_by_24(ctl, crowd, on_screen):
    screen = on_screen()
    wanted = {"logins", "sessions", "mail", "bytes", "database", "limits", "PROCESS", "worker"}

    def is_whole():  # a picture may come in pieces
        titles = {line.split()[0] for line in screen.lines if line and not line[0].isspace()}
        return wanted <= titles and any(" beta " in line for line in screen.lines)

    lines = screen.until(is_whole)
    assert screen.is_alternate and not screen.has_cursor and not screen.has_echo()
    assert re.match(r"mansio \S+  running, up \S+, generation \d+  \d\d:\d\d:\d\dZ$", lines[0])
    assert re.match(r"conns \d+  sessions \d+  tenants 2  workers 2$", lines[1])
    at = next(i for i, line in enumerate(lines) if line.startswith("SERVICE"))
    assert lines[at].split() == ["SERVICE", "SESSIONS", "SHARE", "TENANT", "SESSIONS", "SHARE"]
    assert re.match(r"imap +4 +[\d.]+% +alpha +2 +[\d.]+%$", lines[at + 1])
    assert re.search(r" beta +1 +[\d.]+%$", lines[at + 2])

    # It goes on by itself: a login shows.
    box = crowd[-1]
    box.login("user3@beta.test", PASSWORD)
    screen.until(lambda: re.search(r" beta +2 ", screen.lines[at + 1] + screen.lines[at + 2]))

    screen.resize(50, 12)
    screen.until(lambda: screen.lines[0].startswith("mansio") and "PROCESS" in screen.lines[10])
    screen.fits()
    screen.send(b"xq")
    assert screen.ended() == 0
    assert not screen.is_alternate and screen.has_cursor and screen.has_echo()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_top_gives_the_terminal_back_when_it_is_ended(on_screen, number):
    screen = on_screen()
    screen.until(lambda: screen.is_alternate and screen.lines[0])
    screen.kill(number)
    status = screen.ended()
    assert not screen.is_alternate and screen.has_cursor and screen.has_echo()
    if number == signal.SIGINT:
        assert status == 0
    else:
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == number


def test_top_stops_and_goes_on(on_screen):
    screen = on_screen()
    screen.until(lambda: screen.is_alternate and screen.lines[0])
    screen.kill(signal.SIGTSTP)  # who has no shell above it isn't stopped: it goes on at once
    screen.until(lambda: screen.raw.count(b"\x1b[?1049h") == 2 and screen.lines[0])
    assert screen.raw.count(b"\x1b[?1049l") == 1 and screen.is_alternate and not screen.has_echo()
    screen.send(b"q")
    assert screen.ended() == 0 and not screen.is_alternate


def test_top_without_a_daemon_leaves_the_screen_alone(on_screen):
    screen = on_screen("--socket", "/nonexistent/control.sock")
    assert os.WEXITSTATUS(screen.ended()) == UNREACHABLE
    assert b"cannot reach mansiod" in screen.raw and b"1049" not in screen.raw


# ---- help


def test_completes_and_explains_itself(ctl):
    def complete(*words):
        return subprocess.run(
            [ctl.program, "complete", *words], text=True, capture_output=True, check=True
        ).stdout.split()

    assert complete("policy", "") == [
        "allow", "clear", "deny", "explain", "history", "lock", "show", "test", "unlock",
    ]  # fmt: skip
    assert complete("policy", "deny", "--tls", "") == ["required", "absent"]
    assert complete("policy", "explain", "--credential", "a") == ["app"]
    assert "--tenant" in complete("policy", "deny", "pop3", "--t")
    assert complete("network", "a") == ["add"]
    for words in (
        "policy test",
        "policy explain",
        "network add",
        "audit verify",
        "password new",
        "top",
    ):
        text = subprocess.run(
            [ctl.program, "help", *words.split()], text=True, capture_output=True, check=True
        ).stdout
        assert text.startswith("usage: mansioctl [OPTION...] " + words)
