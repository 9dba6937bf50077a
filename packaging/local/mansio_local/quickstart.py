"""What packaging/quickstart does once there is a Python."""

import argparse
import json
import os
import pathlib
import poplib
import pwd
import secrets
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import time

from . import build, packages, people, supervisor
from .cluster import Cluster
from .node import HOST, Node, NodeError

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
    "metrics": 9108,
}
READ_SECONDS = 20  # of patience
STATE = HOME / "quickstart.json"


def say(text):
    print(text, flush=True)


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
        self.state = json.loads(STATE.read_text()) if STATE.exists() else {}
        if self.state:
            self.node.ports |= self.state["ports"]  # services of later versions get free ones

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
        for name, port in WISHED_PORTS.items():
            if is_free(port):
                self.node.ports[name] = port
        self.node.prepare([socket.getfqdn(), "localhost", HOST, f"mail.{DOMAIN}"])
        self.node.write_config()
        self.node.hand_over()
        say("making the tenant, its domain and two accounts")
        self.node.apply_schema()
        passwords = {name: secrets.token_urlsafe(9) for name in PEOPLE}
        lines = [f"tenant add {TENANT}", f"domain add {DOMAIN} --tenant {TENANT}"]
        for name, password in passwords.items():
            lines.append(f"account add {name}@{DOMAIN}")
            stored = people.scram_stored(password)
            lines.append(f"password set {name}@{DOMAIN} --stored '{stored}'")
        self.node.batch(lines)
        self.state = {"ports": self.node.ports, "passwords": passwords}
        supervisor.replace_file(STATE, json.dumps(self.state))

    # ---- running

    def start(self):
        self.cluster.start()
        self.node.apply_schema()  # a later version of this tree may have more of it
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
        while time.monotonic() < deadline:
            box = poplib.POP3_SSL(HOST, self.node.ports["pop3s"], context=trusted, timeout=30)
            box.user(f"bob@{DOMAIN}")
            box.pass_(self.state["passwords"]["bob"])
            for number in range(box.stat()[0], 0, -1):
                lines = box.retr(number)[1]
                if f"Message-ID: <{mark}@{DOMAIN}>".encode() in lines:
                    box.quit()
                    return
            box.quit()
            time.sleep(0.2)
        raise NodeError("the message was taken but is not there")

    def tell(self):
        ports, passwords = self.node.ports, self.state["passwords"]
        say(
            f"""
Connect a mail program, on this machine, to {HOST}:
  reading  POP3   port {ports['pop3']} with STARTTLS (STLS), or port {ports['pop3s']} with TLS
  sending  SMTP   port {ports['submission']} with STARTTLS, or port {ports['submissions']} with TLS
  names    {', '.join(f'{name}@{DOMAIN} (password {passwords[name]})' for name in PEOPLE)}
  trust    {self.node.directory}/tls/ca.pem, the authority that signed the certificate

Administer    sudo {self.node.ctl} tenant list      (add, set, show, remove; domain, account, ...)
Configuration {self.node.config_path}
Log           {self.node.log}
Stop          sudo packaging/quickstart stop"""
        )

    def up(self):
        self.install()
        if not self.state:
            self.set_up()
        self.start()
        self.try_out()
        say("a message was submitted over SMTP and read back over POP3")
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
        say(f"start again with: sudo packaging/quickstart; or remove them: rm -r {HOME}")


def main():
    parser = argparse.ArgumentParser(prog="packaging/quickstart")
    parser.add_argument("command", nargs="?", default="up", choices=["up", "status", "stop"])
    command = parser.parse_args().command
    try:
        getattr(Quickstart(), command)()
    except (RuntimeError, OSError, subprocess.SubprocessError, poplib.error_proto) as error:
        sys.exit(f"quickstart: {error}")


if __name__ == "__main__":
    main()
