"""Programs that fetch mail over POP3: in the clear, after STLS, and over TLS from the first byte.

Each lists, fetches and deletes the letters, and gets every byte. Each is broken off once, with a
letter deleted and no QUIT said, and then all of them are still there (RFC 1939 6). The server's
certificate is checked by all of them. getmail6 knows no STLS.
"""

import poplib
import stat
import subprocess

import pytest
from mansio_test.clients import run
from mansio_test.lab import PASSWORD
from mansio_test.letters import LETTERS, differences

MATRIX = [
    (program, security)
    for program in ("poplib", "curl", "fetchmail", "mpop", "getmail6", "node-pop3")
    for security in ("plain", "stls", "tls")
    if (program, security) != ("getmail6", "stls")
]
SEPARATOR = b"\1"  # no letter holds it


class Reader:
    """One program's way to a mailbox. fetch() empties it and returns what came; crash() fetches,
    and ends after something was deleted but before QUIT. `others`: see letters.trace."""

    others = False

    def __init__(self, house, security, user, place, node):
        self.house = house
        self.security = security
        self.user = user
        self.place = place
        self.node = node
        ports = {"plain": house.lab.port("pop3"), "stls": house.strict}
        self.port = ports.get(security, house.lab.port("pop3s"))
        self.environment = {"HOME": str(place), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def write(self, name, text, mode=stat.S_IRUSR | stat.S_IWUSR):
        path = self.place / name
        path.touch(mode)
        path.write_text(text)
        return path


class Poplib(Reader):
    def open(self):
        if self.security == "tls":
            trusted = self.house.trusted()
            pop = poplib.POP3_SSL("localhost", self.port, context=trusted, timeout=60)
        else:
            pop = poplib.POP3("localhost", self.port, timeout=60)
        if self.security == "stls":
            pop.stls(self.house.trusted())
        pop.user(self.user)
        pop.pass_(PASSWORD)
        return pop

    def take(self, pop):
        fetched = []
        for entry in pop.list()[1]:
            number, size = map(int, entry.split())
            fetched.append(b"".join(line + b"\r\n" for line in pop.retr(number)[1]))
            assert size == len(fetched[-1])
            assert pop.top(number, 0)[1][0].startswith(b"Return-Path:")
            pop.dele(number)
        assert pop.uidl()[1] == []
        return fetched

    def fetch(self):
        pop = self.open()
        fetched = self.take(pop)
        pop.quit()
        return fetched

    def crash(self):
        pop = self.open()
        self.take(pop)
        pop.close()


class Curl(Reader):
    """Several requests of one run go over one connection, which is one POP3 session."""

    def command(self, *requests):
        scheme = "pop3s" if self.security == "tls" else "pop3"
        words = ["curl"]
        for number, (message, *options) in enumerate(requests):
            words += ["--next"] if number else []
            words += ["--silent", "--show-error", "--cacert", self.house.authority]
            words += ["--user", f"{self.user}:{PASSWORD}"]
            words += ["--ssl-reqd"] if self.security == "stls" else []
            words += [*options, f"{scheme}://localhost:{self.port}/{message}"]
        return [str(word) for word in words]

    @staticmethod
    def deletion(number):
        return number, "--request", "DELE", "--list-only", "--head", "--output", "/dev/null"

    def fetch(self):
        numbers = range(1, len(LETTERS) + 1)
        listed = run(*self.command(("",))).stdout.split()
        files = [self.place / str(number) for number in numbers]
        run(*self.command(*((n, "--output", file) for n, file in zip(numbers, files))))
        fetched = [file.read_bytes() for file in files]
        sizes = [str(len(data)).encode() for data in fetched]
        assert [listed[n : n + 2] for n in range(0, len(numbers) * 2, 2)] == [
            [str(number).encode(), size] for number, size in zip(numbers, sizes)
        ]
        run(*self.command(*map(self.deletion, numbers)))
        return fetched

    def crash(self):
        """Killed while the letter that is too large for a pipe is on its way."""
        numbers = range(1, len(LETTERS) + 1)
        command = self.command(*map(self.deletion, numbers[:-1]), (numbers[-1],))
        with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
            assert curl.stdout.read(1000).startswith(b"Return-Path:")
            curl.kill()


class Agent(Reader):
    """A program that hands each message to a delivery agent: a script that puts them into one file,
    and, for a crash, kills the program when it comes with the second one."""

    others = True

    def agent(self, crash):
        out, pid = self.place / "mail", self.place / "client.pid"
        killer = f"[ ! -s '{out}' ] || kill -KILL $(cat '{pid}')\n" if crash else ""
        return self.write(
            "agent", f"#!/bin/sh\n{killer}{{ cat; printf '\\001'; }} >>'{out}'\n", 0o700
        )

    def fetch(self, keep=False, ok=(0,)):
        command = self.command(self.agent(crash=False), keep)
        run(*command, env=self.environment, cwd=self.place, ok=ok)
        return (self.place / "mail").read_bytes().split(SEPARATOR)[:-1]

    def crash(self):
        pid = self.place / "client.pid"
        command = self.command(self.agent(crash=True))
        wrapper = f"echo $$ >'{pid}'; exec \"$@\""
        done = subprocess.run(
            ["sh", "-c", wrapper, "sh", *map(str, command)],
            env=self.environment,
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == -9, done


class Fetchmail(Agent):
    def command(self, agent, keep=False):
        tls = {"plain": "sslproto ''", "stls": "sslproto TLS1.2+", "tls": "ssl"}[self.security]
        config = self.write(
            "fetchmailrc",
            f"poll localhost protocol pop3 port {self.port} uidl auth password\n"
            f"  user '{self.user}' password '{PASSWORD}' is 'root' here {tls}\n"
            f"  sslcertck sslcertfile '{self.house.authority}' no rewrite\n"
            f"  {'keep' if keep else 'fetchall nokeep'}\n"
            f"  mda '{agent}'\n",
        )
        return [
            *("fetchmail", "--fetchmailrc", config, "--idfile", self.place / "ids"),
            *("--pidfile", self.place / "pid", "--nosyslog", "--nodetach"),
        ]


class Mpop(Agent):
    def command(self, agent, keep=False):
        tls = f"tls on\ntls_trust_file {self.house.authority}\n"
        tls += f"tls_starttls {'on' if self.security == 'stls' else 'off'}\n"
        config = self.write(
            "mpoprc",
            f"account a\nhost localhost\nport {self.port}\nuser {self.user}\n"
            f"password {PASSWORD}\nkeep {'on' if keep else 'off'}\npipelining on\nuidls_file {self.place}/uidls\n"
            f"auth {'user' if self.security == 'plain' else 'plain'}\n"
            + ("tls off\n" if self.security == "plain" else tls)
            + f"delivery mda {agent}\naccount default : a\n",
        )
        return ["mpop", "-C", config]


class Getmail(Agent):
    def command(self, agent, keep=False):
        tls = self.security == "tls"
        self.write(
            "getmailrc",
            f"[retriever]\ntype = SimplePOP3{'SSL' if tls else ''}Retriever\n"
            f"server = localhost\nport = {self.port}\n"
            f"username = {self.user}\npassword = {PASSWORD}\n"
            + (f"ca_certs = {self.house.authority}\n" if tls else "")
            + f"[destination]\ntype = MDA_external\npath = {agent}\nallow_root_commands = true\n"
            f"[options]\nread_all = {not keep}\ndelete = {not keep}\n"
            "message_log_syslog = false\n",
        )
        return ["getmail", "--getmaildir", self.place, "--rcfile", "getmailrc"]


class NodePop3(Reader):
    def drive(self, **more):
        return self.node(
            "read.js",
            host="localhost",
            port=self.port,
            security=self.security,
            ca=self.house.authority,
            user=self.user,
            password=PASSWORD,
            into=self.place,
            **more,
        )

    def fetch(self):
        told = self.drive()
        fetched = [(self.place / number).read_bytes() for number, _ in told["list"]]
        assert [int(size) for _, size in told["list"]] == [len(data) for data in fetched]
        assert len({uid for _, uid in told["uidl"]}) == len(fetched)
        return fetched

    def crash(self):
        self.drive(crash=True, ok=(-9,))


PROGRAMS = {
    "poplib": Poplib,
    "curl": Curl,
    "fetchmail": Fetchmail,
    "mpop": Mpop,
    "getmail6": Getmail,
    "node-pop3": NodePop3,
}


@pytest.fixture
def reader(house, tmp_path, request, program, security):
    """A program before a mailbox with the letters."""
    user = house.users()[0]
    house.put(user, LETTERS)
    node = request.getfixturevalue("node") if program == "node-pop3" else None
    return PROGRAMS[program](house, security, user, tmp_path, node)


@pytest.mark.parametrize(("program", "security"), MATRIX)
def test_fetches_every_byte_and_deletes(house, reader):
    fetched = reader.fetch()
    assert differences(fetched, LETTERS, reader.others) == []
    assert house.read(reader.user) == []


@pytest.mark.parametrize(("program", "security"), MATRIX)
def test_deletes_nothing_without_quit(house, reader):
    reader.crash()
    assert differences(house.read(reader.user), LETTERS) == []


@pytest.mark.parametrize(("program", "security"), [(p, "tls") for p in ("fetchmail", "mpop", "getmail6")])
def test_what_is_kept_is_fetched_once(house, reader):
    """They know by UIDL (RFC 1939 7) what they have: a second run fetches what is new since."""
    assert differences(reader.fetch(keep=True), LETTERS, reader.others) == []
    assert differences(reader.fetch(keep=True, ok=(0, 1)), LETTERS, reader.others) == []
    house.put(reader.user, LETTERS[:1])
    assert differences(reader.fetch(keep=True), LETTERS + LETTERS[:1], reader.others) == []
    assert differences(house.read(reader.user), LETTERS + LETTERS[:1]) == []
