"""What the tests with other people's programs share: one lab, users that nobody else uses, Node.js
packages installed as the lock file has them."""

import json
import os
import pathlib
import shutil

import pytest
from mansio_test.clients import USERS, House, run
from mansio_test.lab import Lab

NODE = pathlib.Path(__file__).resolve().parent / "node"


@pytest.fixture(scope="session")
def house(install, tmp_path_factory):
    lab = Lab(install.prefix, tmp_path_factory.mktemp("clients"), accounts=USERS)
    strict = {protocol: lab.free_port() for protocol in ("pop3", "imap")}
    extra = lab.directory / "extra.yaml"
    extra.write_text(
        "listeners:\n"
        + "".join(
            f"  strict-{protocol}: {{address: ['127.0.0.1:{port}'], serve: {protocol}, tls: starttls}}\n"
            for protocol, port in strict.items()
        )
    )
    lab.node.extra = extra
    try:
        lab.up()
        yield House(lab, strict["pop3"], strict["imap"])
    finally:
        lab.down()


@pytest.fixture(scope="session")
def node(install):
    """Run one of our scripts with what package-lock.json pins: node(script, job) -> its answer,
    both JSON. Installed into the build directory."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "node")  # two may run beside each other
    place = install.build / "tests" / "clients" / worker
    place.mkdir(parents=True, exist_ok=True)
    for path in NODE.iterdir():
        if path.is_file():
            shutil.copy(path, place / path.name)
    # npm has a list of authorities of its own; the machine's administrator may have added to his.
    trusted = {"NODE_EXTRA_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt"}
    command = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    patience = ("--fetch-retries", "5", "--fetch-retry-mintimeout", "1000", "--fetch-timeout", "60000")
    run(*command, *patience, cwd=place, env={**trusted, **os.environ}, timeout=220)

    def drive(script, ok=(0,), **job):
        text = json.dumps(job, default=str).encode()
        done = run("node", script, ok=ok, cwd=place, stdin=None, input=text)
        return json.loads(done.stdout or b"null")

    return drive
