"""A mansiod of the test's own: its directory, configuration, process and mansioctl."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess

from mansio_local.ports import free_port
from mansio_local.yaml import to_yaml

from . import proc
from .install import run
from .wait import until

STARTUP_SECONDS = 60  # of patience, not of expectation: a sanitizer build on a loaded machine


class Daemon:
    """One node. `config` is the configuration as a dictionary; write() puts it on disk. Directory layout: mansio.yaml, modules/, control.sock, log."""

    def __init__(self, install, directory, workers=2, environment=None, program=None):
        self.install = install
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.modules = self.directory / "modules"
        self.modules.mkdir(exist_ok=True)
        self.path = self.directory / "mansio.yaml"
        self.socket = self.directory / "control.sock"
        self.log_path = self.directory / "log"
        self.program = program or install.mansiod
        self.environment = environment or {}
        self.process = None
        self.master = None
        self.port = free_port()
        self.metrics_port = free_port()
        self.expected = ()  # sanitizer reports that the test asks for
        self.config = {
            "workers": workers,
            "module_path": [str(self.modules)],
            "control": {"socket": str(self.socket)},
            "metrics": {"address": f"127.0.0.1:{self.metrics_port}"},
            "drain": {"spread": "200ms", "time": "20s"},
            "limits": {
                "connections_per_address": 0,
                "connections_per_network": 0,
                "tarpit_delay_max": "0us",
            },
            "instances": {},
            "listeners": {},
        }

    # ---- configuration

    def add(self, instance, module="hello", port=None, **settings):
        """An instance with a listener of its own name on a loopback port; returns the port."""
        port = port or free_port()
        self.config["instances"][instance] = {"module": module, "settings": settings}
        self.config["listeners"][instance] = {
            "address": [f"127.0.0.1:{port}"],
            "serve": instance,
        }
        return port

    def write(self, text=None):
        made = self.path.with_suffix(".new")
        made.write_text(text if text is not None else to_yaml(self.config))
        made.rename(self.path)

    # ---- process

    def command(self):
        return [str(self.program), "--config", str(self.path)]

    def start(self, wrapper=(), wait=True, pass_fds=(), user=None):
        """Start it in the foreground; the wrapper comes before it on the command line."""
        if not self.path.exists():
            self.write()
        keep = ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
        environment = {key: os.environ[key] for key in keep if key in os.environ}
        environment.update(self.environment)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*map(str, wrapper), *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.directory,
                pass_fds=pass_fds,
                user=user,
            )
        self.master = self.process.pid
        if wait:
            self.wait_ready()
        return self

    def is_ready(self):
        assert self.process.poll() is None, f"mansiod ended with {self.process.returncode}"
        status = self.status()
        return status["state"] == "running" and status

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"mansiod ended with {self.process.returncode}:\n{self.tail()}")
            return self.is_ready()

        until("mansiod running", ready, STARTUP_SECONDS)

    def signal(self, number, pid=None):
        os.kill(pid or self.master, number)

    def stop(self, seconds=60):
        """Stop in good order; returns the exit status. What does not end in time is a failure."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        family = proc.children(self.master)
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill(family)
            raise AssertionError(f"mansiod did not end within {seconds} s of SIGTERM") from None

    def kill(self, family=None):
        """End it and its children, each by its id, whatever state they are in."""
        if self.process is None:
            return
        family = family if family is not None else proc.children(self.master)
        for pid in [self.master, *family]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)

    # ---- mansioctl

    def ctl(self, *words, check=True, timeout=300, **more):
        """Run mansioctl against this daemon; returns the finished process."""
        return run(
            self.install.mansioctl,
            "--socket",
            self.socket,
            *words,
            check=check,
            timeout=timeout,
            **more,
        )

    def ask(self, *words, **more):
        """mansioctl --json, parsed."""
        return json.loads(self.ctl("--json", *words, **more).stdout)

    def status(self):
        return self.ask("status")

    def reload(self, **more):
        return self.ask("reload", **more)

    def sessions(self, *words):
        return self.ask("sessions", "list", *words)["sessions"]

    def workers(self, status=None):
        """The rows of workers of the generation in service."""
        status = status or self.status()
        return [
            row
            for row in status["processes"]
            if row["role"] == "worker" and row["generation"] == status["generation"]
        ]

    def wait_settled(self, seconds=60):
        """Until only the newest generation is left, every process of it up."""

        def settled():
            status = self.status()
            rows = status["processes"]
            return (
                len(status["generations"]) == 1
                and status["state"] == "running"
                and all(row["state"] in ("accepting", "starting") and row["pid"] for row in rows)
                and len(self.workers(status)) == status["generations"][0]["workers"]
                and all(row["state"] == "accepting" for row in self.workers(status))
                and status
            )

        return until("one generation, all its processes up", settled, seconds, every=0.05)

    # ---- what it says

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def tail(self, lines=60):
        return "\n".join(self.log().splitlines()[-lines:])

    def wait_log(self, text, seconds=60):
        until(f"{text!r} in the log", lambda: text in self.log(), seconds)

    def metrics(self):
        """The Prometheus end point's text."""
        with socket.create_connection(("127.0.0.1", self.metrics_port), 60) as s:
            s.settimeout(60)
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        return head.decode(), body.decode()

    def metric(self, name, **labels):
        """The sum of a metric's samples that have these labels."""
        total, found = 0.0, False
        for line in self.metrics()[1].splitlines():
            if line.startswith("#") or not line.strip():
                continue
            series, _, value = line.rpartition(" ")
            if series.split("{")[0] != name:
                continue
            if all(f'{key}="{wanted}"' in series for key, wanted in labels.items()):
                total, found = total + float(value), True
        assert found, f"no metric {name} {labels}"
        return total
