"""An installation of this tree: the one that $MANSIO_PREFIX names, or one built here."""

import fcntl
import os
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[3]


class BuildError(RuntimeError):
    """What failed, and the end of what it said."""


def _run(command, directory, log):
    with open(log, "ab") as out:
        done = subprocess.run(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False
        )
    if done.returncode != 0:
        tail = log.read_bytes()[-4000:].decode(errors="replace")
        raise BuildError(f"{' '.join(map(str, command))} failed (all of it in {log}):\n{tail}")


def prefix(directory=None, say=print):
    """Where bin/, sbin/ and lib/ are. Without $MANSIO_PREFIX this tree is configured once and
    made each time, which takes seconds when nothing has changed."""
    given = os.environ.get("MANSIO_PREFIX")
    if given:
        return pathlib.Path(given)
    build = pathlib.Path(directory or TOP / "build" / "local")
    build.mkdir(parents=True, exist_ok=True)
    target = build / "prefix"
    log = build / "build.log"
    with open(build / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two labs may begin at once
        log.unlink(missing_ok=True)
        if not (TOP / "configure").exists():
            say("preparing the source (autogen.sh)")
            _run(["./autogen.sh"], TOP, log)
        if not (build / "config.status").exists():
            say("configuring")
            _run([TOP / "configure", "--quiet", f"--prefix={target}"], build, log)
        if not (target / "sbin" / "mansiod").exists():
            say("building, a minute or two")
        _run(["make", f"-j{os.cpu_count() or 1}", "install"], build, log)
    return target
