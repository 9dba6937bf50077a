"""Programs that read and keep mail over IMAP: in the clear, after STARTTLS, and over TLS from the
first byte.

Each lists mailboxes, fetches the letters and gets every byte, makes a mailbox, puts a letter there
with flags, flags, moves and removes a message of INBOX. What has come of it is then looked at by
another program. The server's certificate is checked by all of them; where STARTTLS is used, the
server takes no password without it.
"""

import imaplib
import re

import pytest
from mansio_test.clients import run
from mansio_test.lab import PASSWORD
from mansio_test.letters import LETTERS, differences

MATRIX = [
    (program, security)
    for program in ("imaplib", "curl", "imapflow")
    for security in ("plain", "starttls", "tls")
]
KEPT = "Kept & hübsch/2026"  # needs modified UTF-7, quotes and a level
KEPT_WIRE = "Kept &- h&APw-bsch/2026"


class Keeper:
    """One program's way to its mail. work() does all of the above; it returns what it saw: the names
    of mailboxes, and the messages."""

    def __init__(self, house, security, user, place, node):
        self.house = house
        self.security = security
        self.user = user
        self.place = place
        self.node = node
        ports = {"plain": house.lab.port("imap"), "starttls": house.strict_imap}
        self.port = ports.get(security, house.lab.port("imaps"))


class Imaplib(Keeper):
    def open(self):
        if self.security == "tls":
            return imaplib.IMAP4_SSL(
                "localhost", self.port, ssl_context=self.house.trusted(), timeout=60
            )
        imap = imaplib.IMAP4("localhost", self.port, timeout=60)
        if self.security == "starttls":
            imap.starttls(self.house.trusted())
        return imap

    def work(self):
        with self.open() as imap:
            imap.login(self.user, PASSWORD)
            names = [line.decode().rpartition(" ")[2].strip('"') for line in imap.list()[1]]
            self.ok(imap.create(f'"{KEPT_WIRE}"'))
            assert self.ok(imap.select("INBOX")) == [b"%d" % len(LETTERS)]
            uids = self.ok(imap.uid("SEARCH", "ALL"))[0].split()
            fetched = [self.ok(imap.uid("FETCH", uid, "(BODY.PEEK[])"))[0][1] for uid in uids]
            self.ok(imap.append(f'"{KEPT_WIRE}"', r"(\Seen $Kept)", None, LETTERS[0]))
            self.ok(imap.uid("STORE", uids[1], "+FLAGS", r"(\Flagged)"))
            self.ok(imap.uid("MOVE", uids[0], f'"{KEPT_WIRE}"'))
            self.ok(imap.store("2", "+FLAGS", r"(\Deleted)"))
            self.ok(imap.expunge())
            self.ok(imap.close())
        return names, fetched

    @staticmethod
    def ok(answer):
        status, data = answer
        assert status == "OK", answer
        return data


class Curl(Keeper):
    """One run, several requests over one connection. It prints what literals hold to standard
    output, or a file."""

    def command(self, *requests):
        scheme = "imaps" if self.security == "tls" else "imap"
        words = ["curl"]
        for number, (path, *options) in enumerate(requests):
            words += ["--next"] if number else []
            words += ["--silent", "--show-error", "--cacert", self.house.authority]
            words += ["--user", f"{self.user}:{PASSWORD}"]
            words += ["--ssl-reqd"] if self.security == "starttls" else []
            words += [*options, f"{scheme}://localhost:{self.port}/{path}"]
        return run(*words).stdout

    def work(self):
        numbers = range(1, len(LETTERS) + 1)
        letter = self.place / "letter"
        letter.write_bytes(LETTERS[0])
        files = [self.place / str(number) for number in numbers]
        listed = self.command(("",)).decode()
        names = [line.rpartition(" ")[2].strip('"') for line in listed.splitlines()]
        self.command(
            *((f"INBOX;MAILINDEX={n}", "--output", file) for n, file in zip(numbers, files))
        )
        kept = KEPT_WIRE.replace(" ", "%20").replace("&", "%26")
        self.command(
            ("", "--request", f'CREATE "{KEPT_WIRE}"'),
            (kept, "--upload-file", letter),
            (kept, "--request", r"STORE 1 +FLAGS.SILENT (\Seen $Kept)"),
            ("INBOX", "--request", r"STORE 1:* -FLAGS.SILENT (\Seen)"),
            ("INBOX", "--request", r"STORE 2 +FLAGS (\Flagged)"),
            ("INBOX", "--request", f'MOVE 1 "{KEPT_WIRE}"'),
            ("INBOX", "--request", r"STORE 2 +FLAGS (\Deleted)"),
            ("INBOX", "--request", "EXPUNGE"),
        )
        return names, [file.read_bytes() for file in files]


class ImapFlow(Keeper):
    def work(self):
        letter = self.place / "letter"
        letter.write_bytes(LETTERS[0])
        into = self.place / "into"
        into.mkdir()
        told = self.node(
            "mailbox.js",
            host="localhost",
            port=self.port,
            security=self.security,
            ca=self.house.authority,
            user=self.user,
            password=PASSWORD,
            into=into,
            keep=KEPT,
            letter=letter,
            move=1,
            flag=2,
            remove=3,
        )
        fetched = [(into / str(message["uid"])).read_bytes() for message in told["messages"]]
        assert [message["size"] for message in told["messages"]] == [len(data) for data in fetched]
        assert [message["subject"] for message in told["messages"]] == [
            re.search(rb"^Subject: (.*)\r$", letter, re.M)[1].decode() for letter in LETTERS
        ]
        assert told["status"]["messages"] == len(LETTERS)
        assert told["found"] == [2]
        return [folder["path"] for folder in told["folders"]], fetched


PROGRAMS = {"imaplib": Imaplib, "curl": Curl, "imapflow": ImapFlow}


@pytest.fixture
def keeper(house, tmp_path, request, program, security):
    """A program before a mailbox with the letters."""
    user = house.users()[0]
    house.put(user, LETTERS)
    node = request.getfixturevalue("node") if program == "imapflow" else None
    return PROGRAMS[program](house, security, user, tmp_path, node)


@pytest.mark.parametrize(("program", "security"), MATRIX)
def test_reads_and_keeps_mail(house, keeper):
    names, fetched = keeper.work()
    assert "INBOX" in names
    assert differences(fetched, LETTERS) == []
    inbox = house.mailbox(keeper.user, "INBOX")
    assert [uid for uid, _, _ in inbox] == [2, 4]
    assert r"\Flagged" in inbox[0][1] and r"\Flagged" not in inbox[1][1]
    assert differences([data for _, _, data in inbox], [LETTERS[1], LETTERS[3]]) == []
    kept = house.mailbox(keeper.user, f'"{KEPT_WIRE}"')
    assert kept[0][1:] == ({r"\Seen", "$Kept"}, LETTERS[0])
    assert differences([kept[1][2]], LETTERS[:1]) == []
    assert len(kept) == 2
