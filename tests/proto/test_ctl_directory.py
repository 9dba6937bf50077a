"""mansioctl's commands about the directory, in its own process: no daemon runs here. Over the
directory in memory, which shows objects and changes none, and over PostgreSQL, which does both."""

import json
import os
import pty
import re
import select
import subprocess

import pytest
from mansio_test.daemon import to_yaml
from mansio_test.lab import PASSWORD

OK, FAILED, USAGE, UNREACHABLE, DENIED, NOT_FOUND, STOPPING, TIMEOUT, EXISTS, BUSY = range(10)


class Ctl:
    def __init__(self, program, config):
        self.program, self.config = program, config

    def __call__(self, *words, text="", exit=OK):
        done = subprocess.run(
            [str(self.program), "--config", str(self.config), *map(str, words)],
            input=text, text=True, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == exit, f"{words} gave {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def json(self, *words, **more):
        return json.loads(self("--json", *words, **more).stdout)

    def keys(self, kind, *words):
        return [row["key"] for row in self.json(kind, "list", *words)["objects"]]


@pytest.fixture
def memory(install, tmp_path):
    path = tmp_path / "mansio.yaml"
    folders = [install.prefix / "lib" / "mansio", install.build / "tests" / "modules"]
    path.write_text(
        to_yaml(
            {
                "module_path": [str(folder) for folder in folders],
                "instances": {
                    "memory": {"module": "store-memory"},
                    "auth": {"module": "auth-password"},
                },
            }
        )
    )
    return Ctl(install.mansioctl, path)


def test_lists_and_shows(memory):
    assert memory.keys("tenant") == ["alpha", "beta"]
    assert memory.keys("domain", "--tenant", "beta") == ["beta.test"]
    assert memory("tenant", "list").stdout.splitlines()[0].split() == [
        "TENANT", "PLAN", "STATE", "POOL", "DESCRIPTION",
    ]  # fmt: skip
    assert memory.json("domain", "show", "alpha.test") == {"key": "alpha.test", "tenant": "alpha"}
    shown = memory("domain", "show", "alpha.test").stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["domain", "alpha.test"], ["tenant", "alpha"],
    ]  # fmt: skip


def test_a_cut_list_says_so(memory):
    done = memory("tenant", "list", "--limit", 1)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == "mansioctl: 1 of 2 are listed (see --limit)\n"
    assert memory.json("tenant", "list", "--limit", 1)["total"] == 2


@pytest.mark.parametrize(
    ("words", "exit", "said"),
    [
        (["tenant", "show", "gamma"], NOT_FOUND, "no tenant gamma"),
        (["tenant", "add"], USAGE, "tenant add needs NAME"),
        (["tenant", "ad", "x"], USAGE, 'unknown command "tenant ad"; did you mean "tenant add"?'),
        (["domain", "add", "x.test"], USAGE, "domain add needs --tenant: whose it is"),
        (["tenant", "set", "x"], USAGE, "tenant set: nothing to change was given"),
        (
            ["tenant", "set", "x", "--state", "suspendd"],
            USAGE,
            '--state suspendd: expected active, suspended, closed; did you mean "suspended"?',
        ),
        (["quota", "set", "x", "--bytes", "much"], USAGE, "bytes much: expected a number of bytes"),
        (["tenant", "list", "--plan", ""], USAGE, "--plan: empty"),
        (["account", "list", "--limit", "0"], USAGE, "--limit 0: expected 1 to"),
        (["tenant", "add", "gamma"], FAILED, "store-memory: its objects are always there"),
        (["password", "set", "x@y", "--password", "z"], NOT_FOUND, "no account x@y"),
        (["password", "make", "--scheme", "FROB"], USAGE, "FROB"),
        (["tenant", "list", "--config", "/nonexistent"], FAILED, "/nonexistent"),
    ],
)
def test_says_what_is_wrong(memory, words, exit, said):
    done = memory(*words, exit=exit, text=f"{PASSWORD}\n")
    assert said in done.stderr
    assert done.stdout == ""


def test_a_broken_configuration_is_told_whole(memory):
    memory.config.write_text("workers: many\nlog: {level: loud}\n")
    done = memory("tenant", "list", exit=FAILED)
    assert "mansio.yaml:1:" in done.stderr and "mansio.yaml:2:" in done.stderr


def test_without_a_directory(memory):
    text = memory.config.read_text().replace("store-memory", "auth-password")
    memory.config.write_text(text)
    assert "directory/1" in memory("tenant", "list", exit=NOT_FOUND).stderr


def test_password_make(memory):
    stored = memory("password", "make", text=f"{PASSWORD}\nmore\n").stdout.strip()
    assert stored.startswith("{ARGON2ID}$argon2id$") and "{SCRAM-SHA-256}" in stored
    alone = memory("password", "make", "--no-scram", "--scheme", "SHA512-CRYPT", text=PASSWORD)
    assert alone.stdout.startswith("{SHA512-CRYPT}$6$") and "SCRAM" not in alone.stdout
    assert memory("password", "make", text="\n", exit=USAGE).stderr == (
        "mansioctl: an empty password\n"
    )
    memory("password", "make", text="x" * 5000, exit=FAILED)


def talk(ctl, *words, answers):
    """On a terminal: answer each prompt; returns what was shown, and the exit status."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(ctl.program, [str(ctl.program), "--config", str(ctl.config), *words])
    shown = b""
    for answer in [*answers, None]:
        while answer is None or not shown.endswith(b": "):
            ready, _, _ = select.select([fd], [], [], 60)
            assert ready, shown
            try:
                part = os.read(fd, 65536)
            except OSError:  # the end of a terminal
                part = b""
            if not part:
                break
            shown += part
        if answer is not None:
            os.write(fd, answer)
            shown += b"|"
    os.close(fd)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_terminal_is_asked_twice_without_echo(memory):
    shown, status = talk(memory, "password", "make", answers=[b"s3cret\n", b"s3cret\n"])
    assert status == OK and "s3cret" not in shown and "{ARGON2ID}" in shown
    shown, status = talk(memory, "password", "make", answers=[b"s3cret\n", b"other\n"])
    assert status == USAGE and "two different passwords" in shown
    shown, status = talk(memory, "password", "make", answers=[b"\x03"])
    assert status == -2  # SIGINT


def test_batch(memory):
    lines = [
        "# a remark", "", "tenant list --json", "  'tenant'  show \"alpha\"", "tenant show gamma",
        "status", "tenant show 'beta", "domain show beta.test",
    ]  # fmt: skip
    text = "\n".join(lines)
    done = memory("batch", text=text, exit=NOT_FOUND)
    assert done.stderr == "mansioctl: line 5: no tenant gamma\n"
    assert "beta.test" not in done.stdout
    done = memory("batch", "--keep-going", text=text, exit=NOT_FOUND)
    assert done.stderr.splitlines() == [
        "mansioctl: line 5: no tenant gamma",
        "mansioctl: line 6: status: not in a batch",
        "mansioctl: line 7: a quote (') that doesn't end",
    ]
    assert done.stdout.split()[-4:] == ["domain", "beta.test", "tenant", "beta"]
    memory("batch", text="tenant list\n" * 2000)
    long = memory("batch", text="tenant list\n" + "x" * 300_000, exit=FAILED)
    assert "line 2: longer than" in long.stderr


def test_one_line_help_for_every_command(memory):
    words = [line.split()[0:2] for line in memory("help").stdout.splitlines() if line[:3] != "   "]
    assert ["tenant", "add"] in words and ["quota", "set"] in words
    text = memory("help", "tenant", "set").stdout
    assert "--upgrade-passwords yes|no" in text and "--no-FIELD" in text
    assert "--scram " not in text and "--pool" not in text  # read only; given when added


# ---- over PostgreSQL


@pytest.fixture(scope="module")
def database(make_lab):
    """A cluster with the schema and two tenants; no daemon."""
    lab = make_lab("ctl", accounts=2)
    lab.set_up()
    ctl = Ctl(lab.node.prefix / "bin" / "mansioctl", lab.node.config_path)
    ctl.sql = lab.sql
    return ctl


def test_a_tenants_whole_life(database):
    ctl = database
    ctl("plan", "add", "gold", "--description", "all of it")
    ctl("tenant", "add", "gamma", "--plan", "gold", "--reason", "order 4711")
    ctl("tenant", "add", "gamma", exit=EXISTS)
    ctl("domain", "add", "gamma.test", "--tenant", "gamma")
    ctl("domain", "add", "delta.test", "--tenant", "nobody", exit=NOT_FOUND)
    ctl("account", "add", "anna@gamma.test", "--description", "Anna")
    ctl("account", "add", "bert@gamma.test", "--state", "suspended")
    ctl("address", "add", "info@gamma.test", "--accounts", "anna@gamma.test,bert@gamma.test")
    ctl("address", "add", "@gamma.test", "--accounts", "anna@gamma.test")
    assert ctl.json("address", "show", "info@gamma.test")["accounts"] == [
        "anna@gamma.test", "bert@gamma.test",
    ]  # fmt: skip
    assert ctl.keys("account", "--domain", "gamma.test") == ["anna@gamma.test", "bert@gamma.test"]
    ctl("account", "set", "bert@gamma.test", "--state", "active", "--no-plan")
    assert ctl.json("account", "show", "bert@gamma.test")["state"] == "active"
    ctl("quota", "set", "anna@gamma.test", "--bytes", "10G", "--messages", 1000)
    quota = ctl.json("quota", "show", "anna@gamma.test")
    assert (quota["bytes"], quota["messages"]) == (10 << 30, 1000)
    assert "10G" in ctl("quota", "list").stdout
    ctl("quota", "set", "anna@gamma.test", "--no-messages")
    assert "messages" not in ctl.json("quota", "show", "anna@gamma.test")
    assert "gamma" in ctl("tenant", "remove", "gamma", exit=BUSY).stderr
    ctl("tenant", "remove", "gamma", "--cascade", "--reason", "gone")
    ctl("tenant", "show", "gamma", exit=NOT_FOUND)
    ctl("account", "show", "anna@gamma.test", exit=NOT_FOUND)
    ctl("plan", "remove", "gold")
    rows = ctl.json("audit", "list", "--kind", "tenant", "--object", "gamma")["objects"]
    assert [row["action"] for row in rows] == ["add", "remove"]
    assert [row.get("reason") for row in rows] == ["order 4711", "gone"]
    assert {row["actor"] for row in rows} == {"root"}
    latest = ctl.json("audit", "list", "--limit", 1)["objects"]
    assert (latest[0]["kind"], latest[0]["action"]) == ("plan", "remove")


def test_passwords(database):
    ctl, user = database, "user1@alpha.test"
    ctl("password", "set", user, text="new secret\n", exit=OK)
    row = ctl.json("password", "show", user)
    assert (row["scheme"], row["scram"], row["kind"]) == ("ARGON2ID", True, "main")
    assert "stored" not in row
    ctl("password", "set", f"{user}#phone", "--no-scram", text="other\n")
    assert [row["kind"] for row in ctl.json("password", "list", user)["objects"]] == ["main", "app"]
    assert ctl.json("tenant", "show", "alpha")["scram"] is False
    ctl("password", "set", f"{user}#phone", text="other\n")
    assert ctl.json("tenant", "show", "alpha")["scram"] is True
    ctl("password", "set", user, "--stored", "{FROB}xyz", exit=FAILED)
    ctl("password", "set", "nobody@alpha.test", text="x\n", exit=NOT_FOUND)
    ctl("password", "remove", f"{user}#phone")
    ctl("password", "remove", f"{user}#phone", exit=NOT_FOUND)
    ctl("batch", text=f"password set {user} --password '{PASSWORD}'\n")
    assert PASSWORD not in ctl("audit", "list", "--json").stdout


def test_app_passwords_share_the_main_ones_salt(database):
    """So that SCRAM, whose client is told one salt, may be used with any of them."""
    user = "user2@alpha.test"
    for key, text in ((user, "one"), (f"{user}#salt", "two"), (user, "three")):
        database("password", "set", key, text=f"{text}\n")
    rows = database.sql(
        "SELECT stored FROM mansio.credential WHERE account_id ="
        " (SELECT account_id FROM mansio.credential WHERE label = 'salt')"
    )
    salts = {re.search(r"\{SCRAM-SHA-256\}(\d+,[^,]+),", stored)[1] for (stored,) in rows}
    assert len(rows) == 2 and len(salts) == 1


def test_many_in_one_batch(database):
    lines = [f"account add many{i}@beta.test" for i in range(200)]
    database("batch", text="\n".join(lines))
    assert len(database.keys("account", "--domain", "beta.test")) == 202
    again = database("batch", "--keep-going", text="\n".join(lines), exit=EXISTS)
    assert len(again.stderr.splitlines()) == 200
    assert "line 200: " in again.stderr


def test_schema_status_and_a_second_apply(database):
    row = database.json("schema", "status")
    assert row["version"] == row["wanted"] >= row["oldest"] > 0
    assert database("schema", "apply").stdout == "nothing to do\n"


def test_without_the_database(database):
    text = database.config.read_text()
    broken = database.config.with_name("broken.yaml")
    broken.write_text(re.sub(r"port=\d+ dbname", "port=1 dbname", text))
    Ctl(database.program, broken)("--timeout", 5, "tenant", "list", exit=UNREACHABLE)


def test_a_password_that_cannot_be_read_is_named(database):
    text = database.config.read_text()
    broken = database.config.with_name("broken.yaml")
    broken.write_text(text.replace("secrets/admin", "secrets/absent"))
    told = Ctl(database.program, broken)("--timeout", 5, "tenant", "list", exit=UNREACHABLE).stderr
    assert "secrets/absent: No such file or directory" in told
