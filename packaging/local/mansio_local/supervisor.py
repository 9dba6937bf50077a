"""Keeps a mansiod running: starts it, starts it again when it dies, ends it when it is told to.

Stays behind as a process of its own (python3 -m mansio_local.supervisor). Writes the master's
process id into files by replacing them, so that a reader never sees half of one.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

PAUSE_FIRST, PAUSE_MOST = 0.1, 5.0  # seconds between starts
STOP_SECONDS = 60


def replace_file(path, text, mode=0o600):
    path = pathlib.Path(path)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def started_at(pid):
    """When a process began, in ticks since boot: with its id a name that is never used again. None
    if it has ended, also when its parent has not asked yet."""
    try:
        facts = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if facts[0] in "ZX" else int(facts[19])


class Supervisor:
    """`plan` is a dictionary: command, log, pid_file, env_file with its variables; optional: owner,
    a process [id, started] whose end is ours too, and then the cluster's whose directory is named
    beside it."""

    def __init__(self, plan):
        self.plan = plan
        self.is_stopping = False
        self.is_orphan = False
        self.child = None

    def on_stop(self, _number, _frame):
        self.is_stopping = True
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()

    def tell(self):
        """Who we are, and who runs."""
        replace_file(
            self.plan["pid_file"],
            json.dumps(
                {
                    "supervisor": os.getpid(),
                    "supervisor_started": started_at(os.getpid()),
                    "master": self.child.pid,
                }
            ),
        )
        variables = {**self.plan["variables"], "MANSIOD_PID": self.child.pid}
        text = "".join(f"{key}={value}\n" for key, value in variables.items())
        replace_file(self.plan["env_file"], text)

    def run(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.on_stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        pause = PAUSE_FIRST
        if self.plan.get("owner"):
            threading.Thread(target=self.watch_owner, daemon=True).start()
        while not self.is_stopping:
            began = time.monotonic()
            with open(self.plan["log"], "ab") as log:
                self.child = subprocess.Popen(
                    self.plan["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            self.tell()
            if self.is_stopping:  # told to between the two
                self.child.terminate()
            self.child.wait()
            if time.monotonic() - began > 10:
                pause = PAUSE_FIRST
            until = time.monotonic() + pause
            while not self.is_stopping and time.monotonic() < until:
                time.sleep(0.02)
            pause = min(2 * pause, PAUSE_MOST)
        if self.is_orphan:
            from .cluster import Cluster

            Cluster(self.plan["cluster"]).remove()
        return 0

    def watch_owner(self):
        """A test that was killed can't take down what it put up."""
        pid, started = self.plan["owner"]
        while not self.is_stopping:
            if started_at(pid) != started:
                self.is_orphan = True
                self.on_stop(None, None)
            time.sleep(1)


def leave_behind(plan_path):
    """Start a supervisor that outlives us."""
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[1])}
    subprocess.Popen(
        [sys.executable, "-B", "-m", "mansio_local.supervisor", str(plan_path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        start_new_session=True,
    )


def stop(pid_file):
    """End the supervisor of a directory and what it runs; nothing if it is gone."""
    try:
        told = json.loads(pathlib.Path(pid_file).read_text())
    except FileNotFoundError:
        return
    pid = told["supervisor"]
    if started_at(pid) != told["supervisor_started"]:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while started_at(pid) == told["supervisor_started"]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"mansiod's supervisor (pid {pid}) did not end")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(Supervisor(json.loads(pathlib.Path(sys.argv[1]).read_text())).run())
