"""mutt, its keys pressed by a script in a terminal that nobody looks at: a person's way through a
mailbox, in the clear, after STARTTLS, and over TLS from the first byte."""

import os
import pty
import select
import signal
import time

import pytest
from mansio_test.lab import PASSWORD
from mansio_test.letters import LETTERS, differences

SECONDS = 60  # of patience


def in_terminal(command, environment, place):
    """Run a program that wants a terminal; returns its exit status and what it wrote."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(place)
        os.execvpe(command[0], command, environment)
    written = b""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            some = os.read(terminal, 65536)
        except OSError:  # the program has ended
            break
        if not some:
            break
        written += some
    else:
        os.kill(pid, signal.SIGKILL)
        written += b"[killed]"
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written


@pytest.mark.parametrize("security", ["plain", "starttls", "tls"])
def test_a_way_through_a_mailbox(house, tmp_path, security):
    """Flags the second message, saves the first one elsewhere (COPY and \\Deleted), writes the
    third one to a file, deletes it, and leaves."""
    user = house.users()[0]
    house.put(user, LETTERS)
    ports = {"plain": house.lab.port("imap"), "starttls": house.strict_imap}
    port = ports.get(security, house.lab.port("imaps"))
    scheme = "imaps" if security == "tls" else "imap"
    keys = (
        "<first-entry><save-message><kill-line>=Kept<enter>"
        "<first-entry><next-entry><flag-message>"
        f"<next-entry><pipe-message><kill-line>cat >{tmp_path}/third<enter><delete-message>"
        "<sync-mailbox><quit>"
    )
    rc = tmp_path / "muttrc"
    rc.write_text(
        f"set imap_user='{user}'\nset imap_pass='{PASSWORD}'\nset imap_authenticators='scram-sha-256:plain:login'\n"
        f"set ssl_starttls={'yes' if security == 'starttls' else 'no'}\n"
        f"set ssl_force_tls={'no' if security == 'plain' else 'yes'}\n"
        f"set certificate_file='{house.authority}'\nset ssl_verify_host=yes\n"
        f"set folder='{scheme}://localhost:{port}/'\nset spoolfile=+INBOX\n"
        "set sort=mailbox-order\nset delete=yes\nset confirmappend=no\nset confirmcreate=no\n"
        "set move=no\nset mark_old=no\nset wait_key=no\nset pipe_decode=no\nset resolve=no\n"
        "set message_cachedir=''\nset header_cache=''\n"
        f"push '{keys}'\n"
    )
    environment = {
        "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TERM": "xterm", "LC_ALL": "C.UTF-8",
        "LINES": "40", "COLUMNS": "120", "TMPDIR": str(tmp_path),
    }  # fmt: skip
    status, written = in_terminal(["mutt", "-F", str(rc), "-n"], environment, tmp_path)
    assert status == 0, written[-3000:].decode(errors="replace")
    inbox = house.mailbox(user, "INBOX")
    assert [uid for uid, _, _ in inbox] == [2, 4], written[-3000:].decode(errors="replace")
    assert r"\Flagged" in inbox[0][1]
    kept = house.mailbox(user, "Kept")
    assert differences([data for _, _, data in kept], LETTERS[:1]) == []
    third = (tmp_path / "third").read_bytes()  # with the line ends of this system
    assert differences([third], [LETTERS[2]], others=True) == []
