"""The peers of the benches, at their best: Dovecot alone, and Postfix in front of it.

Everything of theirs lies in one directory and listens on loopback. What is set, and why, stands
beside each line of their configuration; what isn't named has its default. Needs root and the Debian
packages in PACKAGES.
"""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

PACKAGES = ["postfix", "dovecot-lmtpd", "dovecot-pop3d", "dovecot-imapd", "openssl"]
STOP_SECONDS = 30

DOVECOT = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
listen = 127.0.0.1
protocols = pop3 lmtp imap
default_internal_user = dovecot
default_login_user = dovenull
# Passwords in the clear, on both sides of the comparison: no hashing is measured.
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dir}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={user} home={dir}/mail/%u
}}
first_valid_uid = 1
# Its faster store: one file a message with fixed metadata.
mail_location = sdbox:~/sdbox
# mail_fsync stays at "optimized": what is delivered is flushed before the answer.
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
# All clients come from one address here.
mail_max_userip_connections = 100000
namespace inbox {{
  inbox = yes
  prefix =
}}
default_client_limit = 20000
default_process_limit = 2000
service anvil {{
  client_limit = 60000
}}
service auth {{
  client_limit = 60000
}}
# Its documented high-performance login mode, and mail processes that are used again.
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
  service_count = 0
  process_min_avail = 2
}}
service pop3 {{
  service_count = 200
  process_min_avail = 8
}}
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 2
}}
service imap {{
  service_count = 200
  process_min_avail = 8
}}
service lmtp {{
  # As many as there are sessions, ready when they come.
  process_min_avail = 20
  unix_listener {dir}/lmtp.sock {{
    mode = 0666
  }}
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
}}
service stats {{
  client_limit = 60000
}}
"""

POSTFIX = """
compatibility_level = 3.7
queue_directory = {dir}/postfix/queue
data_directory = {dir}/postfix/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/postfix/maillog
maillog_file_prefixes = {dir}
myhostname = peer.example.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{dir}/postfix/recipients
virtual_transport = lmtp:unix:{dir}/lmtp.sock
# As many deliveries at once as there are sessions; the default of 20 is that, said aloud.
lmtp_destination_concurrency_limit = 20
biff = no
"""


def ensure_user(name):
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(
            ["useradd", "-r", "-U", "-M", "-d", "/nonexistent", "-s", "/usr/sbin/nologin", name],
            check=True,
        )


def run(*command):
    """Output goes to a file: a daemon that stays behind would keep a pipe open."""
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False
        )
        if done.returncode != 0:
            said.seek(0)
            raise RuntimeError(f"{command}: {said.read().decode(errors='replace')}")


class Peers:
    """Dovecot, and Postfix before it, with users user1..userN of one domain."""

    USER = "mansio-bench"

    def __init__(self, directory, domain, users, password, ports):
        self.directory = pathlib.Path(directory)
        self.domain, self.users, self.password, self.ports = domain, users, password, ports

    def start(self):
        ensure_user(self.USER)
        top = self.directory
        top.chmod(0o755)
        for name in ("mail", "run", "state", "postfix/queue", "postfix/data", "postfix/etc"):
            (top / name).mkdir(parents=True)
        shutil.chown(top / "mail", self.USER, self.USER)
        shutil.chown(top / "postfix" / "data", "postfix")
        names = [f"user{n}@{self.domain}" for n in range(1, self.users + 1)]
        (top / "users").write_text("".join(f"{name}:{self.password}\n" for name in names))
        (top / "postfix" / "recipients").write_text("".join(f"{name} OK\n" for name in names))
        run(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
            *("-subj", "/CN=localhost", "-keyout", top / "key.pem", "-out", top / "cert.pem"),
        )
        words = {"dir": top, "user": self.USER, "domain": self.domain, **self.ports}
        (top / "dovecot.conf").write_text(DOVECOT.format(**words))
        run("dovecot", "-c", top / "dovecot.conf")
        etc = top / "postfix" / "etc"
        (etc / "main.cf").write_text(POSTFIX.format(**words))
        (etc / "master.cf").write_text(self.master_cf())
        run("postfix", "-c", etc, "start")
        return self

    def master_cf(self):
        """Debian's, with our port, and nothing in a chroot: that wants files we don't have."""
        lines = []
        for line in pathlib.Path("/usr/share/postfix/master.cf.dist").read_text().splitlines():
            words = line.split()
            if not words or line.startswith("#"):
                continue
            if not line[0].isspace() and len(words) >= 8:
                if words[0] == "smtp" and words[1] == "inet":
                    words[0] = f"127.0.0.1:{self.ports['smtp_port']}"
                words[4] = "n"
                line = " ".join(words)
            lines.append(line)
        return "\n".join(lines) + "\n"

    def delivered(self):
        """Messages in all mailboxes."""
        count = 0
        for user in (self.directory / "mail").iterdir():
            folder = user / "sdbox" / "mailboxes" / "INBOX" / "dbox-Mails"
            if folder.exists():
                count += sum(1 for entry in os.scandir(folder) if entry.name.startswith("u."))
        return count

    def stop(self):
        etc = self.directory / "postfix" / "etc"
        subprocess.run(
            ["postfix", "-c", str(etc), "stop"], stderr=subprocess.DEVNULL, check=False
        )
        try:
            pid = int((self.directory / "run" / "master.pid").read_text())
        except FileNotFoundError:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and pathlib.Path(f"/proc/{pid}").exists():
            time.sleep(0.05)
