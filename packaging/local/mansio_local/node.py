"""A mansiod in a directory: its configuration, secrets, certificates, directory objects.

Layout: mansio.yaml, mansioctl (a wrapper that knows the configuration), tls/, secrets/, run/ (the
sockets), log, and what the supervisor keeps.
"""

import json
import pathlib
import secrets
import shutil
import subprocess
import time

from . import certificates, supervisor
from .cluster import SUPERUSER
from .ports import free_ports
from .yaml import to_yaml

READY_SECONDS = 60  # of patience
DAEMON = ("serving", "spool")  # roles of the database that mansiod logs in as
ROLES = (*DAEMON, "admin")
HOST = "127.0.0.1"


def names_of(domain):
    """Host names of a mail domain that certificates are for: mail programs look for settings at the
    last two."""
    return [f"{name}.{domain}" for name in ("mail", "autoconfig", "autodiscover")]


def place(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class NodeError(RuntimeError):
    """What could not be done, and what was said about it."""


class Node:
    def __init__(self, directory, prefix, cluster):
        self.directory = pathlib.Path(directory).resolve()
        self.prefix = pathlib.Path(prefix)
        self.cluster = cluster
        self.config_path = self.directory / "mansio.yaml"
        self.ctl = self.directory / "mansioctl"
        self.log = self.directory / "mansiod.log"
        self.pid_file = self.directory / "supervisor.json"
        self.env_file = self.directory / "lab.env"
        self.run_directory = self.directory / "run"
        names = (
            *("smtp", "lmtp", "submission", "submissions"),
            *("imap", "imaps", "pop3", "pop3s", "http", "https", "metrics"),
        )
        self.ports = dict(zip(names, free_ports(len(names))))
        self.passwords = self.kept_passwords()
        self.name = "lab"
        self.user = None  # who the daemon becomes; None: stays who starts it
        self.host = HOST  # where it listens: another loopback address beside another node
        self.address = None  # and for mail programs beside that
        self.workers = 0
        self.outbound = None  # settings of what sends to others; None: mail for them waits
        self.database_port = None  # where the daemon looks for it; None: the cluster's own
        self.database_settings = {}  # of the module postgres, beside what a lab needs
        self.extra = None
        self.ends_with = None  # a process id whose end is the node's too, and its cluster's

    # ---- files

    def kept_passwords(self):
        """The database roles' as prepare() left them; none before that."""
        folder = self.directory / "secrets"
        return {
            role: (folder / role).read_text().strip() for role in ROLES if (folder / role).exists()
        }

    def prepare(self, hosts, like=None):
        """Directories, certificates, secrets of the database roles: another node's, if both are of
        one database."""
        for path in (self.directory, self.run_directory, self.directory / "secrets"):
            path.mkdir(parents=True, exist_ok=True)
        (self.directory / "secrets").chmod(0o700)
        certificates.make_authority(self.directory / "tls")
        certificates.make_certificate(self.directory / "tls", "server", hosts)
        self.passwords = like.passwords if like else {r: secrets.token_hex(16) for r in ROLES}
        for name, password in {**self.passwords, "superuser": self.cluster.password}.items():
            path = self.directory / "secrets" / name
            path.touch(0o600)
            path.write_text(password + "\n")
        self.ctl.write_text(
            "#!/bin/sh\n"
            f"exec '{self.prefix}/bin/mansioctl' --config '{self.config_path}' \"$@\"\n"
        )
        self.ctl.chmod(0o755)

    def hand_over(self):
        """For a daemon that becomes another user: its own are the sockets alone. What tells root
        and the master what to do stays root's, and keys and passwords are there to be read."""
        for folder in ("tls", "secrets"):
            for path in (self.directory / folder, *(self.directory / folder).iterdir()):
                shutil.chown(path, "root", self.user)
                path.chmod(0o750 if path.is_dir() else 0o640)
        for name in ("admin", "superuser"):  # mansioctl's alone
            shutil.chown(self.directory / "secrets" / name, "root", "root")
            (self.directory / "secrets" / name).chmod(0o600)
        (self.directory / "tls").chmod(0o755)  # who connects wants to read ca.pem
        (self.directory / "tls" / "ca.pem").chmod(0o644)
        (self.directory / "tls" / "ca.key").chmod(0o600)
        shutil.chown(self.run_directory, self.user, self.user)

    def config(self):
        tls = self.directory / "tls"
        port = self.database_port or self.cluster.port

        def role(name):
            path = str(self.directory / "secrets" / name)
            # What the daemon never needs it must not be able to read.
            return {"password": {"file": path}} if name in DAEMON else {"password_file": path}

        def listener(port, serve, **more):
            hosts = [self.host, self.address] if self.address else [self.host]
            return {"address": [place(host, port) for host in hosts], "serve": serve, **more}

        host = self.address or "localhost"  # mail programs are told so
        # On loopback nobody listens in; elsewhere passwords go through TLS only.
        clear = self.address is None
        listeners = {
            "mx": listener(self.ports["smtp"], "mx", tls="starttls"),
            "lmtp": {
                "address": [
                    f"{self.host}:{self.ports['lmtp']}",
                    f"unix:{self.run_directory / 'lmtp.sock'}",
                ],
                "serve": "lmtp",
            },
            "submission": listener(self.ports["submission"], "submission", tls="starttls"),
            "submissions": listener(self.ports["submissions"], "submission", tls="implicit"),
            "imap": listener(self.ports["imap"], "imap", tls="starttls", plaintext_login=clear),
            "imaps": listener(self.ports["imaps"], "imap", tls="implicit"),
            "pop3": listener(self.ports["pop3"], "pop3", tls="starttls", plaintext_login=clear),
            "pop3s": listener(self.ports["pop3s"], "pop3", tls="implicit"),
            "http": listener(self.ports["http"], "http"),
            "https": listener(self.ports["https"], "http", tls="implicit"),
        }
        return {
            "node": self.name,
            **({"user": self.user, "group": self.user} if self.user else {}),
            "workers": self.workers,
            "module_path": [str(self.prefix / "lib" / "mansio")],
            "control": {"socket": str(self.run_directory / "control.sock")},
            "metrics": {"address": f"{self.host}:{self.ports['metrics']}"},
            "certificates": {
                "server": {"chain": str(tls / "server.pem"), "key": str(tls / "server.key")}
            },
            "instances": {
                "database": {
                    "module": "postgres",
                    "settings": {
                        "connection": f"host={HOST} port={port} dbname=mansio",
                        **{name: role(name) for name in ROLES},
                        # Making roles takes a superuser; in a cluster of its own that does no harm.
                        "migrator": {"user": SUPERUSER, **role("superuser")},
                        **self.database_settings,
                    },
                },
                "passwords": {"module": "auth-password"},
                "mx": {"module": "smtp", "settings": {"mode": "mx"}},
                "lmtp": {"module": "smtp", "settings": {"mode": "lmtp"}},
                "submission": {"module": "smtp", "settings": {"mode": "submission"}},
                **(
                    {"outbound": {"module": "outbound", "settings": self.outbound}}
                    if self.outbound is not None
                    else {}
                ),
                "imap": {"module": "imap"},
                "pop3": {"module": "pop3"},
                "http": {"module": "http"},
                "autodiscover": {
                    "module": "autodiscover",
                    "settings": {"host": host, "redirect": place(host, self.ports["https"])},
                },
            },
            "listeners": listeners,
        }

    def write_config(self):
        text = "# Written by mansio_local; changes are lost when it is made anew.\n"
        if self.extra is not None:
            text += f"include: [{json.dumps(str(pathlib.Path(self.extra).resolve()))}]\n"
        supervisor.replace_file(self.config_path, text + to_yaml(self.config()), 0o644)

    # ---- mansioctl

    def mansioctl(self, *words, text=None):
        done = subprocess.run(
            [str(self.ctl), *map(str, words)],
            input=text,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            raise NodeError(f"mansioctl {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout

    def apply_schema(self):
        """Tables, and roles with the passwords that the configuration has."""
        self.mansioctl("schema", "apply")

    def batch(self, lines):
        return self.mansioctl("batch", text="".join(line + "\n" for line in lines))

    # ---- process

    def variables(self):
        """What lab.env says, all but MANSIOD_PID, which the supervisor adds."""
        return {
            "LAB_HOST": self.host,
            "SMTP_PORT": self.ports["smtp"],
            "LMTP_PORT": self.ports["lmtp"],
            "LMTP_UNIX": self.run_directory / "lmtp.sock",
            "SUBMISSION_PORT": self.ports["submission"],
            "SUBMISSIONS_PORT": self.ports["submissions"],
            "IMAP_PORT": self.ports["imap"],
            "IMAPS_PORT": self.ports["imaps"],
            "POP3_PORT": self.ports["pop3"],
            "POP3S_PORT": self.ports["pop3s"],
            "HTTP_PORT": self.ports["http"],
            "HTTPS_PORT": self.ports["https"],
            "METRICS_PORT": self.ports["metrics"],
            "CA_FILE": self.directory / "tls" / "ca.pem",
            "PG_DSN": self.cluster.dsn(),
            "PG_DSN_SERVING": self.cluster.dsn("mansio_serving", self.passwords["serving"]),
            "MANSIO_CONFIG": self.config_path,
            "MANSIOCTL": self.ctl,
        }

    def start(self, variables=None):
        """Leave a supervisor behind and wait until the node serves."""
        plan = self.directory / "supervisor.plan"
        variables = {**self.variables(), **(variables or {})}
        supervisor.replace_file(
            plan,
            json.dumps(
                {
                    "command": [
                        str(self.prefix / "sbin" / "mansiod"),
                        "--config",
                        str(self.config_path),
                    ],
                    "log": str(self.log),
                    "pid_file": str(self.pid_file),
                    "env_file": str(self.env_file),
                    "variables": {key: str(value) for key, value in variables.items()},
                    "owner": self.ends_with
                    and [self.ends_with, supervisor.started_at(self.ends_with)],
                    "cluster": str(self.cluster.directory),
                }
            ),
        )
        self.pid_file.unlink(missing_ok=True)
        supervisor.leave_behind(plan)
        try:
            self.wait_ready()
        except NodeError:
            self.stop()  # or it would try for ever
            raise

    def wait_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        said = "nothing"
        while time.monotonic() < deadline:
            try:
                if json.loads(self.mansioctl("--json", "status"))["state"] == "running":
                    return
            except (NodeError, ValueError, KeyError) as error:
                said = str(error)
            time.sleep(0.05)
        tail = self.log.read_bytes()[-3000:].decode(errors="replace") if self.log.exists() else ""
        raise NodeError(f"mansiod does not serve ({said}); the end of its log:\n{tail}")

    def stop(self):
        supervisor.stop(self.pid_file)
        self.pid_file.unlink(missing_ok=True)

    def is_running(self):
        try:
            told = json.loads(self.pid_file.read_text())
        except FileNotFoundError:
            return False
        return supervisor.started_at(told["supervisor"]) == told["supervisor_started"]

    def master_pid(self):
        return json.loads(self.pid_file.read_text())["master"]
