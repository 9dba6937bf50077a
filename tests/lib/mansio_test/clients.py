"""Other people's mail programs against a lab."""

import dataclasses
import itertools
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
