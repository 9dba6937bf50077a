"""An installed Mansio, and modules built against it as a stranger would: pkg-config alone."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[3]


def run(*command, check=True, timeout=300, **more):
    """Run to the end and return the result; what it said is in the failure."""
    result = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        **more,
    )
    if check and result.returncode != 0:
        raise AssertionError(
            f"{shlex.join(map(str, command))} gave {result.returncode}:\n"
            f"{result.stdout}{result.stderr}"
        )
    return result


class Install:
    """`make install` of a build tree, and how that was built."""

    def __init__(self, prefix, build):
        self.prefix = pathlib.Path(prefix)
        self.build = pathlib.Path(build)
        self.mansiod = self.prefix / "sbin/mansiod"
        self.mansioctl = self.prefix / "bin/mansioctl"
        self.library = self.prefix / "lib/libmansio.so.1"
        for path in (self.mansiod, self.mansioctl, self.library):
            if not path.exists():
                pytest.exit(f"{path} is not there: run `make install` in {self.build}", 2)
        makefile = (self.build / "Makefile").read_text()
        self.compiler = self.variable(makefile, "CC")
        self.sanitize = self.variable(makefile, "SANITIZE_CFLAGS")
        self.modules = {}  # bytes of those that were built, by what they were built of

    @staticmethod
    def variable(makefile, name):
        return re.search(rf"^{name} = ?(.*)$", makefile, re.M).group(1).strip()

    @property
    def is_sanitized(self):
        return bool(self.sanitize)

    def environment(self):
        """For pkg-config and compilers: this prefix, and nothing of the source tree."""
        keep = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        return {**keep, "PKG_CONFIG_PATH": str(self.prefix / "lib/pkgconfig"), "LC_ALL": "C.UTF-8"}

    def pkg_config(self, *options):
        return shlex.split(run("pkg-config", *options, "mansio", env=self.environment()).stdout)

    def build_module(self, target, sources, flags=(), with_pc_flags=True, libraries=()):
        """Compile a module, out of tree, with what mansio.pc says (or, for a test of what goes
        wrong then, with the include path alone) and install it by rename."""
        target = pathlib.Path(target)
        made = target.with_name(target.name + ".new")
        # The same sources need compiling once in a run: tests of one file mostly share theirs.
        texts = tuple(pathlib.Path(source).read_bytes() for source in sources)
        key = (tuple(map(str, sources)), texts, tuple(flags), with_pc_flags, tuple(libraries))
        if key in self.modules:
            made.write_bytes(self.modules[key])
            made.chmod(0o755)
            made.rename(target)
            return target
        cflags = (
            self.pkg_config("--cflags") if with_pc_flags else self.pkg_config("--cflags-only-I")
        )
        # A shared object must not bring the sanitizer's runtime along: mansiod has it.
        run(
            *shlex.split(self.compiler),
            *["-O1", "-g", "-fPIC", "-shared", "-Wall", "-Werror"],
            *cflags,
            *shlex.split(self.sanitize),
            *flags,
            *["-o", made],
            *sources,
            *self.pkg_config("--libs"),
            *libraries,
            env=self.environment(),
        )
        self.modules[key] = made.read_bytes()
        made.rename(target)
        return target

    def build_hello(self, directory):
        """contrib/hello by its own Makefile, copied away first, so that nothing beside it helps."""
        work = pathlib.Path(directory) / "hello"
        shutil.copytree(SOURCE / "contrib/hello", work)
        for left in work.glob("*.so"):
            left.unlink()
        cflags = f"-O2 -g -Wall -Wextra -Werror {self.sanitize}"
        run("make", "-C", work, f"CC={self.compiler}", f"CFLAGS={cflags}", env=self.environment())
        return work / "hello.so"


def change_build_id(source, target):
    """A copy of a program or library that differs in its build id, as a rebuilt one would."""
    data = bytearray(pathlib.Path(source).read_bytes())
    at = data.find(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0")
    assert at >= 0, f"{source} has no build id"
    for i in range(at + 16, at + 36):
        data[i] ^= 0x5A
    made = pathlib.Path(target).with_name(pathlib.Path(target).name + ".new")
    made.write_bytes(data)
    made.chmod(0o755)
    made.rename(target)
