"""A private PostgreSQL cluster on a free loopback port, as an unprivileged user.

Durability stays on: fsync, synchronous_commit and full_page_writes keep their defaults, in this
file and in what it writes.
"""

import contextlib
import json
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess
import time

from .ports import free_port

DATABASE = "mansio"
SUPERUSER = "postgres"
START_SECONDS = 60  # of patience


class ClusterError(RuntimeError):
    """What could not be done, and what the program that failed said."""


def binaries():
    """Where the server's programs are: the newest that Debian has installed."""
    found = sorted(
        pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    if not found:
        raise ClusterError("PostgreSQL is missing: install postgresql-15")
    return found[-1].parent


class Cluster:
    """One cluster. Its directory is reachable for the user that runs the server."""

    def __init__(self, directory, settings=None):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.state = self.directory / "cluster.json"
        self.settings = settings or {}
        self.port = None
        self.password = None
        if self.state.exists():
            kept = json.loads(self.state.read_text())
            self.port, self.password = kept["port"], kept["password"]

    # ---- who runs it

    @staticmethod
    def identity():
        """Keyword arguments for subprocess: the server refuses root, so root gives way."""
        if os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(SUPERUSER)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def run(self, program, *arguments, **options):
        done = subprocess.run(
            [str(binaries() / program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"},
            check=False,
            **self.identity(),
            **options,
        )
        if done.returncode != 0:
            raise ClusterError(f"{program}: {done.stdout.decode(errors='replace')[-2000:]}")

    # ---- life

    def create(self):
        """Make it: data directory, settings, password. Not started yet."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        if os.geteuid() == 0:
            shutil.chown(self.directory, SUPERUSER)
        self.port = free_port()
        template = os.environ.get("MANSIO_PG_TEMPLATE")
        if template:  # made before, for many (tests/lib/pgcluster)
            self.password = (pathlib.Path(template) / "password").read_text().strip()
            subprocess.run(["cp", "-a", pathlib.Path(template) / "data", self.data], check=True)
        else:
            self.password = secrets.token_hex(16)
            self.initdb()
        self.write_settings()
        self.state.touch(0o600)
        self.state.write_text(json.dumps({"port": self.port, "password": self.password}))

    def initdb(self):
        with contextlib.ExitStack() as stack:
            password_file = self.directory / "password"
            descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            stack.callback(password_file.unlink)
            with os.fdopen(descriptor, "w") as file:
                file.write(self.password + "\n")
            if os.geteuid() == 0:
                shutil.chown(password_file, SUPERUSER)
            # Only initdb's own files are not flushed; the server flushes as ever.
            self.run(
                "initdb",
                "--no-sync",
                "--no-instructions",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--auth=scram-sha-256",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                f"--pgdata={self.data}",
            )

    def write_settings(self):
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "256MB",
            "max_wal_size": "4GB",
            "log_timezone": "UTC",
            "timezone": "UTC",
            **self.settings,
        }
        with open(self.data / "postgresql.auto.conf", "w") as file:
            for name, value in settings.items():
                file.write(f"{name} = '{value}'\n")

    def start(self):
        """Start it and wait until it answers; at once if it runs already."""
        if self.is_running():
            return
        self.run(
            "pg_ctl",
            "start",
            f"--pgdata={self.data}",
            f"--log={self.log}",
            f"--timeout={START_SECONDS}",
            "--silent",
            "--wait",
        )

    def pid(self):
        """The server's process, None if it doesn't run."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, 0)
            # A number may be somebody else's by now.
            name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            return pid if name == "postgres" else None
        except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            return None

    def is_running(self):
        return self.pid() is not None

    def stop(self, mode="fast"):
        """End it in good order; "immediate" is what a crash is."""
        pid = self.pid()
        if pid is None:
            return
        number = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        os.kill(pid, number[mode])
        deadline = time.monotonic() + START_SECONDS
        while self.pid() == pid:
            if time.monotonic() > deadline:
                raise ClusterError(f"PostgreSQL (pid {pid}) did not end")
            time.sleep(0.02)

    def remove(self):
        self.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- use

    def dsn(self, user=SUPERUSER, password=None, database=DATABASE):
        password = self.password if password is None else password
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def psql(self, sql, database=DATABASE, user=SUPERUSER, password=None):
        """Run SQL; returns its rows as text, columns separated by tabs."""
        done = subprocess.run(
            ["psql", "-XAtqw", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-f", "-"]
            + [self.dsn(user, password, database)],
            input=sql,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            raise ClusterError(f"psql: {done.stderr.strip()}")
        return done.stdout

    def create_database(self, name=DATABASE):
        """With our tables found by their bare names, for people who look; the daemon says its own."""
        self.psql(
            f"CREATE DATABASE {name};\nALTER DATABASE {name} SET search_path TO mansio, public;",
            database="postgres",
        )
