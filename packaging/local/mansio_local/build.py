"""An installation of this tree: the one that $MANSIO_PREFIX names, or one built here."""

import fcntl
import os
import pathlib
import shutil
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


def copy_source(target):
    """Keep a copy of this tree up to date, so that a build leaves nothing in somebody's clone. Times
    are kept: what has not changed isn't built again. What was built in the tree is left out."""
    made = shutil.ignore_patterns(
        *(".git", "__pycache__", "autom4te.cache", ".libs", ".deps", "Makefile", "config.status"),
        *("*.o", "*.lo", "*.la"),
    )

    def left_out(folder, names):
        top = [name for name in names if name.startswith("build")] if folder == str(TOP) else []
        return {*made(folder, names), *top}

    shutil.copytree(TOP, target, symlinks=True, ignore=left_out, dirs_exist_ok=True)
    return target


def prefix(directory=None, say=print, source=TOP):
    """Where bin/, sbin/ and lib/ are. Without $MANSIO_PREFIX the tree is configured once and
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
        if not (source / "configure").exists():
            say("preparing the source (autogen.sh)")
            _run(["./autogen.sh"], source, log)
        if not (build / "config.status").exists():
            say("configuring")
            _run([source / "configure", "--quiet", f"--prefix={target}"], build, log)
        if not (target / "sbin" / "mansiod").exists():
            say("building, a minute or two")
        _run(["make", f"-j{os.cpu_count() or 1}", "install"], build, log)
    return target
