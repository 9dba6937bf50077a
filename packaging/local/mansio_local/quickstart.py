"""What packaging/quickstart does once there is a Python."""

import argparse
import imaplib
import ipaddress
import json
import os
import pathlib
import pwd
import secrets
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import time

from . import build, certificates, packages, people, supervisor
from .cluster import Cluster
from .node import HOST, Node, NodeError, names_of, place

HOME = pathlib.Path("/var/lib/mansio-quickstart")
USER = "mansio"
TENANT, DOMAIN, PEOPLE = "demo", "demo.test", ("alice", "bob")
# Where they are free; else others are taken.
WISHED_PORTS = {
    "smtp": 2525,
    "lmtp": 2024,
    "submission": 2587,
    "submissions": 2465,
    "imap": 2143,
    "imaps": 2993,
    "pop3": 2110,
    "pop3s": 2995,
    "http": 2080,
    "https": 2443,
    "metrics": 9108,
}
READ_SECONDS = 20  # of patience
STATE = HOME / "quickstart.json"


def say(text):
    print(text, flush=True)


def is_here(address):
    """Whether this machine has it."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def own_address(text):
    """Of this machine, not of loopback, where we listen anyway; or "none"."""
    if text == "none":
        return text
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if address.is_unspecified or address.is_loopback:
        raise argparse.ArgumentTypeError(f"name one address that others reach, not {address}")
    if not is_here(str(address)):
        raise argparse.ArgumentTypeError(
            f"{address} is no address of this machine; `hostname -I` lists them"
        )
    return str(address)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class Quickstart:
    def __init__(self):
        self.cluster = Cluster(HOME / "postgresql")
        self.node = Node(HOME / "node", HOME / "build" / "prefix", self.cluster)
        self.node.name, self.node.user = "quickstart", USER
        self.node.outbound = {}
        self.state = json.loads(STATE.read_text()) if STATE.exists() else {}
        if self.state:
            # Services of later versions get free ones.
            self.node.ports = self.wished_ports() | self.state["ports"]
            self.node.address = self.state.get("address")

    def wished_ports(self):
        """The node's, those that people know where they are free."""
        return {
            name: WISHED_PORTS[name] if is_free(WISHED_PORTS[name]) else port
            for name, port in self.node.ports.items()
        }

    # ---- setting up, once

    def install(self):
        top = build.TOP
        packages.install(packages.wanted(top / "packaging" / "local" / "packages"), say)
        try:
            pwd.getpwnam(USER)
        except KeyError:
            subprocess.run(
                ["useradd", "--system", "--user-group", "--no-create-home"]
                + ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", USER],
                check=True,
            )
        HOME.mkdir(mode=0o755, exist_ok=True)
        os.environ.pop("MANSIO_PREFIX", None)
        build.prefix(HOME / "build", say, build.copy_source(HOME / "source"))

    def set_up(self):
        say("making a private PostgreSQL")
        if self.cluster.state.exists():  # of an attempt cut short
            self.cluster.stop()
        self.node.stop()
        shutil.rmtree(self.cluster.directory, ignore_errors=True)
        shutil.rmtree(self.node.directory, ignore_errors=True)
        self.cluster = Cluster(HOME / "postgresql")
        self.node.cluster = self.cluster
        self.cluster.create()
        self.cluster.start()
        self.cluster.create_database()
        self.node.ports = self.wished_ports()
        self.node.prepare(self.hosts())
        self.node.write_config()
        self.node.hand_over()
        say("making the tenant, its domain and two accounts")
        self.node.apply_schema()
        passwords = {name: secrets.token_urlsafe(9) for name in PEOPLE}
        lines = [*people.words()]
        lines += [f"tenant add {TENANT}", f"domain add {DOMAIN} --tenant {TENANT}"]
        for name, password in passwords.items():
            lines.append(f"account add {name}@{DOMAIN}")
            stored = people.scram_stored(password)
            lines.append(f"password set {name}@{DOMAIN} --stored '{stored}'")
        lines.append(people.postmaster(f"{PEOPLE[0]}@{DOMAIN}"))
        self.node.batch(lines)
        self.keep({"passwords": passwords})

    def hosts(self):
        """What the certificate is for."""
        hosts = [socket.getfqdn(), "localhost", HOST, *names_of(DOMAIN)]
        return hosts + [self.node.address] if self.node.address else hosts

    def keep(self, more):
        here = {"ports": self.node.ports, "address": self.node.address}
        self.state = {**self.state, **here, **more}
        supervisor.replace_file(STATE, json.dumps(self.state))

    def adopt(self, address):
        """Listen there too; "none" takes that back."""
        self.node.address = None if address == "none" else address
        if self.state:
            certificates.make_certificate(self.node.directory / "tls", "server", self.hosts())
            self.node.hand_over()

    # ---- running

    def start(self):
        self.cluster.start()
        # A later version of this tree may have more of both.
        self.node.apply_schema()
        self.node.write_config()
        self.keep({})
        if self.node.is_running():
            self.node.mansioctl("reload")  # what was built anew; the same is left alone
        else:
            say("starting mansiod")
            self.node.start()

    def try_out(self):
        """A message from alice to bob, read back by bob as any mail program would."""
        mark = secrets.token_hex(8)
        text = (
            f"From: Alice <alice@{DOMAIN}>\r\nTo: Bob <bob@{DOMAIN}>\r\n"
            f"Subject: Salve\r\nMessage-ID: <{mark}@{DOMAIN}>\r\n\r\nThe first message.\r\n"
        )
        trusted = ssl.create_default_context(cafile=self.node.directory / "tls" / "ca.pem")
        with smtplib.SMTP(HOST, self.node.ports["submission"], timeout=30) as smtp:
            smtp.starttls(context=trusted)
            smtp.login(f"alice@{DOMAIN}", self.state["passwords"]["alice"])
            smtp.sendmail(f"alice@{DOMAIN}", [f"bob@{DOMAIN}"], text)
        deadline = time.monotonic() + READ_SECONDS
        with imaplib.IMAP4_SSL(HOST, self.node.ports["imaps"], ssl_context=trusted) as box:
            box.login(f"bob@{DOMAIN}", self.state["passwords"]["bob"])
            box.select("INBOX")
            while time.monotonic() < deadline:
                found = box.uid("SEARCH", "HEADER", "Message-ID", f"{mark}@{DOMAIN}")[1][0].split()
                if found:
                    told = box.uid("FETCH", found[0], "(BODY.PEEK[TEXT])")[1]
                    if b"The first message." in told[0][1]:
                        return
                box.noop()
                time.sleep(0.2)
        raise NodeError("the message was taken but is not there")

    def tell(self):
        ports, passwords = self.node.ports, self.state["passwords"]
        alice = f"alice@{DOMAIN}"
        server = self.node.address or HOST
        elsewhere = (
            f"It reaches this machine at {server}."
            if self.node.address
            else "It can't reach this machine yet: sudo packaging/quickstart --address ADDRESS,\n"
            "with this machine's address in your network, makes it listen there too."
        )
        say(
            f"""
Accounts (user name and password):
{chr(10).join(f"  {name}@{DOMAIN}   {passwords[name]}" for name in PEOPLE)}

Thunderbird: New Account, Email. Full name: Alice; email address: {alice};
password: {passwords["alice"]}; then "Manual configuration":
  incoming  IMAP  {server}  port {ports["imaps"]}  SSL/TLS  normal password  {alice}
  outgoing  SMTP  {server}  port {ports["submissions"]}  SSL/TLS  normal password  {alice}
A phone (Add account, Other or Personal, IMAP) is told the same words.
{elsewhere}
Other ways in, with STARTTLS: IMAP {ports["imap"]}, POP3 {ports["pop3"]}, submission {ports["submission"]};
with SSL/TLS: POP3 {ports["pop3s"]}.
The certificate is of an authority made here: accept it when asked, or trust
{self.node.directory}/tls/ca.pem

What a mail program finds by itself, where DNS leads it here by autoconfig.DOMAIN (Thunderbird) or
autodiscover.DOMAIN (Outlook), is what {alice} may use:
  curl "http://{place(server, ports["http"])}/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress={alice}"

Who may use what is policy. A change holds within a second, in open sessions and in that answer:
  sudo {self.node.ctl} policy show
  sudo {self.node.ctl} policy deny pop3 --tenant {TENANT}
  sudo {self.node.ctl} policy explain {alice} --service pop3
  sudo {self.node.ctl} policy clear pop3 --tenant {TENANT}

Mail for other domains leaves by their MX records, if this machine may reach port 25.

Administer     sudo {self.node.ctl} account list   (packaging/admin.md has more)
Configuration  {self.node.config_path}
Log            {self.node.log}
Stop           sudo packaging/quickstart stop"""
        )

    def up(self, address=None):
        self.install()
        if address is None and self.node.address and not is_here(self.node.address):
            say(f"this machine no longer has {self.node.address}: listening on loopback alone")
            address = "none"
        if address is not None:
            self.adopt(address)
        if not self.state:
            self.set_up()
        self.start()
        self.try_out()
        say("a message was submitted over SMTP and read back over IMAP")
        self.tell()

    def status(self):
        if not self.state:
            sys.exit("quickstart: nothing is set up; run: sudo packaging/quickstart")
        running = [
            f"{name} {'runs' if is_up else 'is stopped'}"
            for name, is_up in (
                ("PostgreSQL", self.cluster.is_running()),
                ("mansiod", self.node.is_running()),
            )
        ]
        say(", ".join(running))
        self.tell()

    def stop(self):
        if not self.state and not self.cluster.state.exists():
            sys.exit("quickstart: nothing is set up")
        self.node.stop()
        if self.cluster.state.exists():
            self.cluster.stop()
        say(f"stopped. Mail and accounts stay in {HOME} (the database in {self.cluster.data});")
        say(f"start again with: sudo packaging/quickstart; or remove them: sudo rm -r {HOME}")


def main():
    parser = argparse.ArgumentParser(prog="packaging/quickstart")
    parser.add_argument("command", nargs="?", default="up", choices=["up", "status", "stop"])
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        type=own_address,
        help="listen here too, for mail programs on other devices; none: no longer",
    )
    options = parser.parse_args()
    try:
        quickstart = Quickstart()
        if options.command == "up":
            quickstart.up(options.address)
        else:
            getattr(quickstart, options.command)()
    except (RuntimeError, OSError, subprocess.SubprocessError, imaplib.IMAP4.error) as error:
        sys.exit(f"quickstart: {error}")


if __name__ == "__main__":
    main()
