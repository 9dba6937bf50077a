"""Debian packages: what is missing is installed, said aloud, only as root."""

import os
import pathlib
import subprocess


class PackagesError(RuntimeError):
    """What is missing, or what apt said."""


def wanted(path):
    """Names in a list: separated by white space, '#' begins a comment."""
    text = pathlib.Path(path).read_text()
    return [name for line in text.splitlines() for name in line.split("#")[0].split()]


def missing(names):
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    present = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in present]


def keep_debian_from_making_a_cluster():
    """postgresql-15 makes and starts a cluster of its own when it is installed; ours is private."""
    folder = pathlib.Path("/etc/postgresql-common")
    settings = folder / "createcluster.conf"
    if not settings.exists():
        folder.mkdir(exist_ok=True)
        settings.write_text("create_main_cluster = false\n")


def install(names, say=print):
    """Install what is missing of these."""
    names = missing(names)
    if not names:
        return
    if os.geteuid() != 0:
        raise PackagesError(f"missing packages: {' '.join(names)}\ninstall them, or use sudo")
    say(f"installing: {' '.join(names)}")
    if any(name.startswith("postgresql") for name in names):
        keep_debian_from_making_a_cluster()
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends"]
        # Our configuration file stands where the package brings one.
        + ["-o", "Dpkg::Options::=--force-confold", *names],
    ):
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise PackagesError(f"{' '.join(command[:2])}: {done.stdout[-3000:]}")
