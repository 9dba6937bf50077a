"""Boxes for tests of protocols that read mail: a daemon over a store, and mail put into it."""

import shutil
import socket
import ssl
import sys

from .daemon import free_port
from .install import SOURCE
from .lab import PASSWORD

sys.path.insert(0, str(SOURCE / "packaging" / "local"))
from mansio_local.certificates import make_authority, make_certificate  # noqa: E402
from mansio_local.people import scram_stored  # noqa: E402

HOST = "127.0.0.1"


class Box:
    """Where mail is read. Of a protocol P there are the ports P (passwords without TLS, STARTTLS),
    `strict` (STARTTLS first) and Ps; load() puts bytes into a mailbox as they are."""

    def __init__(self, ports, authority, log):
        self.ports = ports
        self.authority = authority
        self.log = log
        self.users = 0

    def trusted(self):
        return ssl.create_default_context(cafile=str(self.authority))

    def user(self, *messages):
        """A user whose mailbox holds these and nothing else."""
        self.users += 1
        name = f"user{self.users}@alpha.test"
        for message in messages:
            self.load(name, message)
        return name

    def load(self, user, message):
        with socket.create_connection((HOST, self.ports["loader"]), timeout=60) as loader:
            loader.sendall(f"DELIVER {user} {len(message)}\r\n".encode() + message)
            answer = loader.makefile("rb").readline()
        assert answer.startswith(b"OK"), answer


def _listener(port, serve, **more):
    return {"address": [f"{HOST}:{port}"], "serve": serve, **more}


def memory_box(daemon, made, protocol, stored=None, modules=(), login=None, **settings):
    """Over the store in memory, which lives in one worker. @made is a kind of Box; the settings are
    the protocol's. @modules are further ones of tests/modules, an instance each."""
    build = daemon.install.build / "tests" / "modules"
    for name in ("store-memory", "store-loader", *modules):
        shutil.copy(build / f"{name}.so", daemon.modules / f"{name}.so")
    tls = daemon.directory / "tls"
    authority = make_authority(tls)
    certificate, key = make_certificate(tls, "server", ["localhost", HOST])
    ports = {name: free_port() for name in (protocol, "strict", f"{protocol}s", "loader")}
    config = daemon.config
    config["workers"] = 1
    config["module_path"].append(str(daemon.install.prefix / "lib" / "mansio"))
    config["certificates"] = {"server": {"chain": str(certificate), "key": str(key)}}
    config["login"] = {"delay": "0s", "failures_per_address": 0, **(login or {})}
    config["instances"] = {
        "memory": {
            "module": "store-memory",
            "settings": {"stored": stored or scram_stored(PASSWORD)},
        },
        "auth": {"module": "auth-password"},
        "loader": {"module": "store-loader"},
        protocol: {"module": protocol, "settings": settings},
        **{name: {"module": name} for name in modules},
    }
    begun = "off" if protocol == "http" else "starttls"
    config["listeners"] = {
        protocol: _listener(ports[protocol], protocol, tls=begun, plaintext_login=True),
        "strict": _listener(ports["strict"], protocol, tls=begun),
        f"{protocol}s": _listener(ports[f"{protocol}s"], protocol, tls="implicit"),
        "loader": _listener(ports["loader"], "loader"),
    }
    daemon.start()
    return made(ports, authority, daemon.log)


def lab_box(lab, install, made, protocol):
    """Over PostgreSQL. The lab is not up yet."""
    ports = {name: lab.free_port() for name in ("strict", "loader")}
    module = install.build / "tests" / "modules" / "store-loader.so"
    extra = lab.directory / "extra.yaml"
    extra.write_text(
        f"instances: {{loader: {{module: {module}}}}}\n"
        "listeners:\n"
        f"  loader: {{address: ['{HOST}:{ports['loader']}'], serve: loader}}\n"
        f"  strict: {{address: ['{HOST}:{ports['strict']}'], serve: {protocol}, tls: starttls}}\n"
        "login: {delay: 0s, failures_per_address: 0}\n"
    )
    lab.node.extra = extra
    lab.up()
    ports.update({name: lab.port(name) for name in (protocol, f"{protocol}s")})
    return made(ports, lab.directory / "tls" / "ca.pem", lab.log)
