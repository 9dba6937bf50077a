"""mansiod's settings from the command line: --check, --explain-settings, secrets, includes."""

import json
import pathlib
import re

import pytest
from mansio_test import proc
from mansio_test.hello import Client
from mansio_test.install import SOURCE, run
from mansio_test.wait import until

KEEPER = """
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/module.h>
#include <mansio/str.h>
static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "password", .type = MANSIO_SETTING_SECRET, .help = "What nobody sees."),
};
static int load(struct mansio_instance *instance)
{
    struct mansio_str name = mansio_instance_name(instance);
    struct mansio_str secret =
        mansio_secret_bytes(mansio_settings_secret(mansio_instance_settings(instance), "password"));
    mansio_log(MANSIO_LOG_INFO, "keeper", MANSIO_KV_STR("name", name),
               MANSIO_KV_INT("length", (int64_t)secret.len), MANSIO_KV_END);
    return 0;
}
MANSIO_MODULE("keeper", "1.0", "", .summary = "Keeps a secret.", .settings = settings,
              .setting_count = MANSIO_COUNT(settings), .load = load);
"""


FUSSY = """
#include <mansio/error.h>
#include <mansio/module.h>
static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "size", .type = MANSIO_SETTING_INT, .flags = MANSIO_SETTING_LIVE,
                   .max = 100, .help = "Can't be halved once it runs."),
};
static int reconfigure(struct mansio_instance *instance)
{
    return mansio_settings_int(mansio_instance_settings(instance), "size") >= 10
               ? 0
               : mansio_fail(MANSIO_E_BUSY, "it is full");
}
MANSIO_MODULE("fussy", "1.0", "", .summary = "Complains.", .settings = settings,
              .setting_count = MANSIO_COUNT(settings), .reconfigure = reconfigure);
"""


def check(daemon, text=None):
    daemon.write(text)
    return run(daemon.program, "--check", "--config", daemon.path, check=False)


def test_check_of_a_good_file(hello):
    result = check(hello)
    assert result.returncode == 0, result.stderr
    assert not hello.socket.exists()


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("workers: 2\nlisteners:\n  a:\n    adress: []\n", r":4:5: .*\"adress\".*\"address\""),
        ("workers: 1000000\n", r":1:10: "),
        ("drain:\n  time: 5 weeks\n", r":2:9: "),
        ("workers: 2\n bad indent: 3\n", r":2:\d+: "),
    ],
    ids=["nearest", "range", "duration", "indent"],
)
def test_check_names_file_line_and_column(hello, text, wanted):
    result = check(hello, text)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert re.search(re.escape(str(hello.path)) + wanted, said), said


def test_check_says_every_problem_of_a_file(hello):
    result = check(hello, "workers: many\nworkrs: 2\ndrain:\n  time: never\n")
    said = result.stdout + result.stderr
    for where in (":1:10:", ":2:1:", ":4:9:"):
        assert where in said, said


def test_check_in_an_included_file(hello):
    (hello.directory / "more.yaml").write_text("drain:\n  tim: 3s\n")
    result = check(hello, "include: [more.yaml]\nworkers: 2\n")
    assert "more.yaml:2:3:" in result.stdout + result.stderr


def test_explains_every_setting(hello):
    """Every key that the reader knows is explained; what is explained, the reader takes."""
    text = run(hello.program, "--explain-settings").stdout
    for key in ("workers", "module_path", "control", "listeners", "instances", "metrics", "drain"):
        assert re.search(rf"^\W*{key}\b", text, re.M), key
    hello.write()
    with_modules = run(hello.program, "--explain-settings", "--config", hello.path).stdout
    assert "greeting" in with_modules and "Salve, viator" in with_modules


def test_manual_points_at_explain_settings(install):
    for page in ("man8/mansiod.8", "man5/mansio.yaml.5"):
        text = (install.prefix / "share/man" / page).read_text()
        assert "explain\\-settings" in text, page


def test_secrets_stay_secret(hello, install):
    """From a file and from the environment: not in the log, ps, /proc, explanations, errors."""
    source = hello.directory / "keeper.c"
    source.write_text(KEEPER)
    install.build_module(hello.modules / "keeper.so", [source])
    by_file, by_environment = "lateo-in-scrinio", "lateo-in-aere"
    (hello.directory / "secret").write_text(by_file + "\n")
    (hello.directory / "secret").chmod(0o600)
    hello.environment["KEEPER_SECRET"] = by_environment
    for name, value in (("one", {"file": "secret"}), ("two", {"env": "KEEPER_SECRET"})):
        hello.config["instances"][name] = {"module": "keeper", "settings": {"password": value}}
    hello.start()
    hello.ask("reload", "--force")
    until("both were read", lambda: "name=two" in hello.log() and "name=one" in hello.log())
    assert f"length={len(by_file)}" in hello.log()
    assert f"length={len(by_environment)}" in hello.log()
    hello.config["workers"] = "many"
    hello.write()
    failure = hello.ctl("reload", check=False).stderr
    explained = run(
        hello.program, "--explain-settings", "--config", hello.path,
        env={"KEEPER_SECRET": by_environment}, check=False,
    )
    shown = [hello.log(), failure, explained.stdout, explained.stderr, str(hello.status())]
    for pid in [hello.master, *proc.children(hello.master)]:
        shown += proc.command_line(pid)
    for secret in (by_file, by_environment):
        for text in shown:
            assert secret not in text
    # The master must keep it for the next reload; those who talk to the world must not.
    for pid in proc.children(hello.master):
        assert by_environment.encode() not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()


def test_module_that_complains_of_live_settings_is_heard(hello, install):
    source = hello.directory / "fussy.c"
    source.write_text(FUSSY)
    install.build_module(hello.modules / "fussy.so", [source])
    instance = {"module": "fussy", "settings": {"size": 20}}
    hello.config["instances"]["one"] = instance
    hello.start()
    for size, message in ((15, "live settings applied"), (5, "but instance one: it is full")):
        instance["settings"]["size"] = size
        hello.write()
        answer = hello.ask("reload")
        assert answer["outcome"] == "live" and answer["message"].endswith(message), answer


def test_missing_secret_is_refused(hello, install):
    source = hello.directory / "keeper.c"
    source.write_text(KEEPER)
    install.build_module(hello.modules / "keeper.so", [source])
    hello.config["instances"]["one"] = {
        "module": "keeper",
        "settings": {"password": {"file": "nowhere"}},
    }
    result = check(hello)
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert re.search(rf"{re.escape(str(hello.path))}:\d+:\d+: password: .*No such file", said), said
    hello.config["instances"]["one"]["settings"]["password"] = {"env": "KEEPER_NOT_SET"}
    result = check(hello)
    assert result.returncode != 0 and "KEEPER_NOT_SET" in result.stdout + result.stderr


def test_json_log(hello):
    hello.config["log"] = {"format": "json"}
    hello.start()
    with Client(hello.port) as client:
        client.ask("x")
    hello.stop()
    # Until the configuration is read nobody knows that it should be JSON.
    lines = hello.log().splitlines()
    while not lines[0].startswith("{"):
        assert "event=" in lines.pop(0)
    rows = [json.loads(line) for line in lines]
    assert len(rows) >= 3
    assert all({"time", "level", "event", "process", "pid"} <= set(row) for row in rows)
    assert any(row["event"] == "session-end" and row["session"] for row in rows)


def test_sample_configuration_is_good(install, hello):
    """What we ship as an example passes the reader, but for the modules it names."""
    for sample in sorted((SOURCE / "packaging/config").glob("*.yaml")):
        result = run(hello.program, "--check", "--config", sample, check=False)
        said = result.stdout + result.stderr
        assert not re.search(r"unknown key|expected", said), said
