"""What every store must do, asked of the store in memory and of PostgreSQL; and that each mistake
which a store can make is found. The cases are in tests/modules/store_conformance*.c."""

import contextlib
import re
import shutil
import socket

import pytest
from mansio_test.daemon import free_port
from mansio_test.install import SOURCE

PATIENCE = 120  # seconds, for a case on a loaded machine

# Each mistake of the store in memory, and a case that must find it (others may too).
MISTAKES = {
    "uid-reused": "uids_are_never_used_again",
    "tombstone-forgotten": "messages_that_came_and_went",
    "foreign-collection": "collections_of_another_tenant",
    "foreign-blob": "blobs_of_another_tenant",
    "half-plan": "over_quota_fails_all",
    "modseq-still": "modseq_grows_with_every_change",
    "quota-ignored": "over_quota_fails_one_of_each",
    "chunk-edge": "a_big_body_in_slices",
    "fence-ignored": "a_claim_that_was_lost",
    "rename-shallow": "trees_are_renamed_whole",
    "recent-twice": "recent_is_given_once",
    "bounce-apart": "a_claim_that_was_lost",
    "unchanged-ignored": "unchanged_since_holds_back",
    "move-leaves": "moved_is_there_and_no_longer_here",
    "copy-forgets": "copies_are_like_the_first",
    "copy-in-part": "copied_whole_or_not_at_all",
    "expunge-all": "expunge_takes_what_it_should",
    "nul-ends": "bytes_of_any_value",
    "prefix-shared": "several_recipients_of_two_tenants",
    "search-header": "search_finds_where_it_is_told",
    "told-apart": "a_report_stands_with_what_it_tells_of",
}


class Dialogue:
    """Commands to the module, in a worker or in the service process."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self.file = connection.makefile("r", encoding="utf-8", errors="replace", newline="\n")
        assert self.line() == "store-conformance"

    def line(self):
        line = self.file.readline()
        assert line.endswith("\n"), f"the process of the cases ended: {line!r}"
        return line.rstrip("\r\n")

    def ask(self, command):
        self.socket.sendall(command.encode() + b"\r\n")
        return self.line()

    def names(self):
        """(those of any process, those of the service process)"""
        lines = [self.ask("LIST")]
        while lines[-1] != ".":
            lines.append(self.line())
        rows = [line.split() for line in lines[:-1]]
        return [row[0] for row in rows if len(row) == 1], [row[0] for row in rows if len(row) > 1]

    def failures(self, names):
        """Run cases; returns what failed, as the module says it."""
        answers = [self.ask(f"RUN {name}") for name in names]
        wrong = []
        for name, answer in zip(names, answers):
            if answer != f"ok {name}":
                assert answer.startswith(f"not ok {name} # "), answer
                wrong.append(answer)
        return wrong

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.sendall(b"QUIT\r\n")
        self.file.close()
        self.socket.close()


class Provider:
    """A store that is judged: where its module listens, and how to take an account away."""

    def __init__(self, port, commands, remove_gone):
        self.port = port
        self.commands = commands  # a listening socket that the service process connects to
        self.remove_gone = remove_gone

    def in_worker(self):
        return Dialogue(socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE))

    def in_service(self):
        self.commands.settimeout(PATIENCE)
        return Dialogue(self.commands.accept()[0])


@contextlib.contextmanager
def commands_socket(directory):
    with socket.socket(socket.AF_UNIX) as listener:
        path = directory / "commands.sock"
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen(4)
        yield listener, f"unix:{path}"


def test_module(install, name):
    return install.build / "tests" / "modules" / f"{name}.so"


test_module.__test__ = False


@contextlib.contextmanager
def memory(make_daemon, install, tmp_path, mistake="none"):
    daemon = make_daemon(workers=1)
    for name in ("store-memory", "store-conformance"):
        shutil.copy(test_module(install, name), daemon.modules)
    with commands_socket(tmp_path) as (listener, address):
        daemon.config["instances"]["mail"] = {
            "module": "store-memory",
            "settings": {"mistake": mistake},
        }
        port = daemon.add("conformance", "store-conformance", service=address)
        daemon.start()
        yield Provider(port, listener, lambda: None)
        daemon.stop()


@contextlib.contextmanager
def postgres(install, tmp_path):
    from mansio_test.lab import Lab

    # The database's user and the daemon must reach what lies there.
    lab = Lab(install.prefix, tmp_path / "lab", workers=1, accounts=2)
    modules = tmp_path / "modules"
    modules.mkdir()
    so = shutil.copy(test_module(install, "store-conformance"), modules)
    port = free_port()
    with commands_socket(tmp_path) as (listener, address):
        extra = tmp_path / "extra.yaml"
        extra.write_text(
            f"instances: {{conformance: {{module: '{so}', settings: {{service: '{address}'}}}}}}\n"
            f"listeners: {{conformance: {{address: ['127.0.0.1:{port}'], serve: conformance}}}}\n"
        )
        lab.node.extra = extra
        try:
            lab.set_up()
            lab.node.batch(
                [
                    "account add small@alpha.test",
                    "quota add small@alpha.test --messages 3 --bytes 100000",
                    "account add gone@alpha.test",
                ]
            )
            lab.start()
            yield Provider(
                port, listener, lambda: lab.node.batch(["account remove gone@alpha.test --cascade"])
            )
        finally:
            lab.down()


@pytest.fixture(params=["memory", "postgres"])
def provider(request, make_daemon, install, tmp_path):
    if request.param == "memory":
        made = memory(make_daemon, install, tmp_path)
    else:
        made = postgres(install, tmp_path)
    with made as provider:
        yield provider


def test_store_conforms(provider):
    worker = provider.in_worker()
    anywhere, service = worker.names()
    assert len(anywhere) >= 50 and len(service) >= 7
    assert worker.ask("HOLD") == "ok hold"
    provider.remove_gone()
    wrong = worker.failures(anywhere)
    worker.close()
    master = provider.in_service()
    wrong += master.failures(service)
    master.close()
    print(f"{len(anywhere) + len(service) - len(wrong)} cases passed, {len(wrong)} failed")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_found(make_daemon, install, tmp_path, mistake):
    """A checker that can't fail is none: a store with this mistake fails the case that is for it."""
    case = MISTAKES[mistake]
    with memory(make_daemon, install, tmp_path, mistake) as provider:
        worker = provider.in_worker()
        anywhere, service = worker.names()
        assert case in anywhere + service
        if case in anywhere:
            assert worker.failures([case]), f"{case} doesn't see it"
        else:
            in_service = provider.in_service()
            assert in_service.failures([case]), f"{case} doesn't see it"
            in_service.close()
        worker.close()


def test_every_mistake_is_tried():
    """The store's list of mistakes and ours are the same."""
    source = (SOURCE / "tests" / "modules" / "store_memory.c").read_text()
    words = re.search(r"mistakes\[\] = \{(.*?)NULL\}", source, re.S).group(1)
    assert set(re.findall(r'"(.*?)"', words)) == {"none", *MISTAKES}
