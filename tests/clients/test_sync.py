"""Programs that keep a copy of mailboxes and make both sides equal: mbsync and offlineimap3, in the
clear, after STARTTLS, and over TLS from the first byte.

Messages lie on both sides at first. After a run both have all of them, once; a second run finds
nothing to do. Then each side changes: flags, removals, a new mailbox, new messages; another run
makes them equal again. mbsync is also killed in the middle, and again nothing is there twice.
"""

import mailbox
import os
import re
import signal
import subprocess
import time

import pytest
from mansio_test.clients import run
from mansio_test.imap import Dialogue
from mansio_test.lab import PASSWORD
from mansio_test.wait import until

MATRIX = [
    (program, security)
    for program in ("mbsync", "offlineimap")
    for security in ("plain", "starttls", "tls")
]


def message(number):
    """One that no other is, and that no program has a reason to change."""
    return (
        f"From: Sender <sender@example.org>\r\nTo: user@example.org\r\nSubject: number {number}\r\n"
        f"Message-ID: <{number}@example.org>\r\nDate: Mon, 03 Feb 2025 10:00:00 +0000\r\n\r\n"
        + f"This is number {number}.\r\n" * (number % 40 + 1)
    ).encode()


def batches(items, size):
    return [items[at : at + size] for at in range(0, len(items), size)]


def number_of(data):
    return int(re.search(rb"^Message-ID: <(\d+)@", data, re.M | re.I)[1])


class Copier:
    def __init__(self, house, security, user, place):
        self.house = house
        self.security = security
        self.user = user
        self.place = place
        self.near = place / "mail"
        self.near.mkdir()
        ports = {"plain": house.lab.port("imap"), "starttls": house.strict_imap}
        self.port = ports.get(security, house.lab.port("imaps"))
        self.environment = {
            "HOME": str(place), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TMPDIR": str(place),
        }  # fmt: skip
        self.configure()

    def write(self, name, text):
        path = self.place / name
        path.write_text(text)
        path.chmod(0o600)

    def sync(self, timeout=120):
        return run(*self.command, env=self.environment, cwd=self.place, timeout=timeout)

    # ---- both sides, as {number: flags}; a number that is there twice is an error

    def maildir(self, name="INBOX"):
        return mailbox.Maildir(self.near / name)

    def near_side(self, name="INBOX"):
        found = {}
        for each in self.maildir(name):
            number = number_of(each.as_bytes())
            assert number not in found, f"{number} is there twice"
            found[number] = "".join(sorted(set(each.get_flags()) & set("SRFD")))
        return found

    def far_side(self, name="INBOX"):
        letters = {r"\Seen": "S", r"\Answered": "R", r"\Flagged": "F", r"\Draft": "D"}
        found = {}
        for _, flags, data in self.house.mailbox(self.user, name):
            number = number_of(data)
            assert number not in found, f"{number} is there twice"
            assert re.sub(rb"^X-TUID: .*\r\n", b"", data, flags=re.M) == message(number)
            found[number] = "".join(sorted(letters[flag] for flag in flags if flag in letters))
        return found

    def both(self, name="INBOX"):
        near = self.near_side(name)
        assert near == self.far_side(name)
        return near

    def assert_idle(self):
        """A run that finds nothing to do leaves every file and every message as it is."""
        before = self.state()
        self.sync()
        assert self.state() == before

    def state(self):
        files = {path.name for path in self.near.glob("*/[cn][ue][rw]/*")}
        files |= {path.name for path in self.near.glob("*/*/[cn][ue][rw]/*")}
        with Dialogue(self.house.lab.port("imap")) as imap:
            imap.login(self.user)
            names = [re.search(rb' "/" (.*)$', line)[1] for line in imap.ok('LIST "" *')]
            told = [
                imap.ok(b"STATUS " + name + b" (MESSAGES UIDNEXT UNSEEN HIGHESTMODSEQ)")
                for name in names
            ]
        assert len(files) == sum(int(re.search(rb"MESSAGES (\d+)", each[0])[1]) for each in told)
        return files, names, told

    def put_near(self, numbers, name="INBOX"):
        box = self.maildir(name)
        for number in numbers:
            box.add(message(number).replace(b"\r\n", b"\n"))

    def put_far(self, numbers, name="INBOX"):
        """All at once, which is much faster than to wait for each answer."""
        with Dialogue(self.house.lab.port("imap")) as imap:
            imap.login(self.user)
            for some in batches(list(numbers), 100):
                tags = [
                    imap.begin(f"APPEND {name} {{{len(text)}+}}\r\n".encode() + text)
                    for text in map(message, some)
                ]
                for tag in tags:
                    end, _ = imap.finish(tag)
                    assert end.startswith(b"OK "), end

    def change_near(self, number, flags=None, remove=False):
        box = self.maildir()
        (key,) = [key for key, each in box.items() if number_of(each.as_bytes()) == number]
        if remove:
            box.remove(key)
            return
        each = box[key]
        each.set_flags(flags)
        box[key] = each

    def change_far(self, number, flags):
        with self.house.lab.imap(self.user) as imap:
            imap.select("INBOX")
            (uid,) = [
                uid
                for uid, _, data in self.house.mailbox(self.user, "INBOX")
                if number_of(data) == number
            ]
            assert imap.uid("STORE", str(uid), "+FLAGS", flags)[0] == "OK"
            if r"\Deleted" in flags:
                assert imap.expunge()[0] == "OK"


class Mbsync(Copier):
    dear = "Near &- dear"  # it knows nothing of modified UTF-7
    command = ("mbsync", "-c", "mbsyncrc", "both")

    def configure(self):
        kind = {"plain": "None", "starttls": "STARTTLS", "tls": "IMAPS"}[self.security]
        self.write(
            "mbsyncrc",
            f"IMAPAccount a\nHost localhost\nPort {self.port}\nUser {self.user}\nPass {PASSWORD}\n"
            f"SSLType {kind}\nCertificateFile {self.house.authority}\n"
            "\nIMAPStore far\nAccount a\n"
            f"\nMaildirStore near\nPath {self.near}/\nInbox {self.near}/INBOX\nSubFolders Verbatim\n"
            "\nChannel both\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\n"
            f"CopyArrivalDate yes\nSyncState {self.place}/state-\n",
        )


class Offlineimap(Copier):
    dear = "Near & dear"
    command = ("offlineimap", "-c", "offlineimaprc", "-u", "basic")

    def configure(self):
        tls = {"plain": "ssl = no\nstarttls = no\n", "starttls": "ssl = no\nstarttls = yes\n"}
        certificates = f"sslcacertfile = {self.house.authority}\n"
        self.write(
            "offlineimaprc",
            "[general]\naccounts = a\nmaxsyncaccounts = 1\n"
            "[Account a]\nlocalrepository = near\nremoterepository = far\nutf8foldernames = yes\n"
            f"[Repository near]\ntype = Maildir\nlocalfolders = {self.near}\nsep = /\n"
            "[Repository far]\ntype = IMAP\nremotehost = localhost\n"
            f"remoteport = {self.port}\nremoteuser = {self.user}\nremotepass = {PASSWORD}\n"
            f"{tls.get(self.security, 'ssl = yes' + chr(10))}"
            f"{certificates if self.security != 'plain' else ''}"
            "maxconnections = 2\n",
        )


PROGRAMS = {"mbsync": Mbsync, "offlineimap": Offlineimap}


@pytest.fixture
def copier(house, tmp_path, program, security, long):
    if program == "offlineimap" and security != "tls" and not long:
        pytest.skip("--long")  # a quarter of a minute
    return PROGRAMS[program](house, security, house.users()[0], tmp_path)


@pytest.mark.parametrize(("program", "security"), MATRIX)
def test_both_sides_become_equal(copier):
    count = 30
    copier.maildir()  # makes it
    copier.put_far(range(count))
    copier.put_near(range(count, 2 * count))
    copier.sync()
    assert copier.both().keys() == set(range(2 * count))
    copier.assert_idle()
    copier.change_near(3, "FS")
    copier.change_near(40, "RS")
    copier.change_near(5, remove=True)
    copier.change_far(7, r"(\Seen \Answered)")
    copier.change_far(41, r"(\Draft)")
    copier.change_far(42, r"(\Deleted)")
    copier.put_near([100])
    copier.put_far([101])
    copier.maildir(copier.dear)
    copier.put_near([200], copier.dear)
    with copier.house.lab.imap(copier.user) as imap:
        assert imap.create('"Far/out"')[0] == "OK"
    copier.put_far([201], '"Far/out"')
    copier.sync()
    after = copier.both()
    assert after.keys() == (set(range(2 * count)) | {100, 101}) - {5, 42}
    assert [after[number] for number in (3, 40, 7, 41)] == ["FS", "RS", "RS", "D"]
    assert copier.near_side("Far/out").keys() == {201}
    assert copier.far_side('"Near &- dear"').keys() == {200}
    copier.assert_idle()


@pytest.mark.parametrize(("program", "security"), [("mbsync", "tls")])
@pytest.mark.parametrize("moment", [0.02, 0.1, 0.3])
def test_a_killed_run_doubles_nothing(copier, moment, long):
    if moment != 0.1 and not long:
        pytest.skip("--long")
    copier.maildir()
    copier.put_far(range(100))
    copier.put_near(range(100, 200))
    with subprocess.Popen(
        copier.command, env=copier.environment, cwd=copier.place, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as program:  # fmt: skip
        time.sleep(moment)
        os.kill(program.pid, signal.SIGKILL)
    # What it had sent is still done: a run beside that would not know of it.
    until("its session has ended", lambda: not copier.house.sessions(copier.user))
    copier.sync()
    assert copier.both().keys() == set(range(200))
    copier.assert_idle()


@pytest.mark.parametrize(("program", "security"), [("mbsync", "tls")])
def test_ten_thousand_twice(copier, long):
    if not long:
        pytest.skip("--long")
    count = 5000
    copier.maildir()
    copier.put_far(range(count))
    copier.put_near(range(count, 2 * count))
    copier.sync(timeout=900)
    assert copier.both().keys() == set(range(2 * count))
    copier.assert_idle()
    assert copier.both().keys() == set(range(2 * count))
