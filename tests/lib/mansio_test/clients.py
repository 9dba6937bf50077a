"""Other people's mail programs against a lab."""

import dataclasses
import itertools
import json
import re
import ssl
import subprocess

from .lab import Lab
from .letters import SENDER
from .wait import until

USERS = 90  # more than there are tests


def run(*command, ok=(0,), timeout=120, **more):
    """A program, to its end; what it said when that was not a good one."""
    done = subprocess.run(
        [str(word) for word in command],
        **{"stdin": subprocess.DEVNULL, **more},
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    said = (done.stdout[-2000:] + done.stderr[-4000:]).decode(errors="replace")
    assert done.returncode in ok, f"{command} gave {done.returncode}: {said}"
    return done


@dataclasses.dataclass(frozen=True)
class House:
    """Where mail goes in and out."""

    lab: Lab
    strict: int  # a port of POP3 that wants STLS before a password
    strict_imap: int  # likewise
    numbers: itertools.count = dataclasses.field(default_factory=lambda: itertools.count(1))

    @property
    def authority(self):
        return self.lab.directory / "tls" / "ca.pem"

    @property
    def lmtp_socket(self):
        return self.lab.node.run_directory / "lmtp.sock"

    def trusted(self):
        return ssl.create_default_context(cafile=str(self.authority))

    def users(self):
        """Two that no other test has, of two tenants."""
        number = next(self.numbers)
        assert number <= USERS, "make more"
        return [f"user{number}@alpha.test", f"user{number}@beta.test"]

    def sessions(self, user):
        """Those that a user has now."""
        said = self.lab.node.mansioctl("--json", "sessions", "list", "--account", user)
        return json.loads(said)["sessions"]

    def put(self, user, letters):
        """Into a mailbox, over LMTP."""
        with self.lab.lmtp() as lmtp:
            for letter in letters:
                lmtp.sendmail(SENDER, [user], letter)

    def read(self, user):
        """All of a mailbox, which stays as it is. A session that broke off may hold it for a
        moment; nobody else may."""

        def login():
            try:
                return self.lab.pop3(user)
            except Exception as error:
                assert "[IN-USE]" in str(error), error
                return None

        box = until("the mailbox free", login)
        count = box.stat()[0]
        messages = [b"".join(line + b"\r\n" for line in box.retr(n + 1)[1]) for n in range(count)]
        box.quit()
        return messages

    def mailbox(self, user, name):
        """All of a mailbox over IMAP, which stays as it is: UIDs, sets of flags, bytes."""
        imap = self.lab.imap(user)
        status, answer = imap.select(name, readonly=True)
        assert status == "OK", answer
        status, answer = (
            imap.fetch("1:*", "(UID FLAGS BODY.PEEK[])") if answer != [b"0"] else ("OK", [])
        )
        assert status == "OK", answer
        imap.logout()
        messages = []
        for head, data in (part for part in answer if isinstance(part, tuple)):
            uid = re.search(rb"UID (\d+)", head)[1]
            flags = re.search(rb"FLAGS \(([^)]*)\)", head)[1].decode().split()
            messages.append((int(uid), set(flags) - {r"\Recent"}, data))
        return messages
