"""What benches beside peers share: our lab and the peers on one machine, run in turn, and a table
of medians and ratios."""

import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE.parents[1] / "packaging" / "local"))

from mansio_local import build  # noqa: E402
from mansio_local.ports import free_ports  # noqa: E402
from mansio_test.lab import Lab  # noqa: E402
from peers import Peers  # noqa: E402

DOMAIN, PASSWORD = "alpha.test", "correct-horse"
PEER_PORTS = ("smtp_port", "lmtp_port", "pop3_port", "imap_port", "imaps_port")


class SideBySide:
    """Our lab with users user1..userN of DOMAIN, and the peers with the same."""

    def __init__(self, directory, rounds, users, programs):
        self.directory, self.rounds = directory, rounds
        self.programs = {name: self.compile(name) for name in programs}
        self.lab = Lab(build.prefix(), directory / "lab", workers=2, accounts=users)
        self.lab.stored = "{PLAIN}" + PASSWORD  # as the peers': no hashing is measured
        # One client address makes all the connections here.
        extra = directory / "extra.yaml"
        extra.write_text(
            "limits: {connections_per_address: 0, connections_per_network: 0,"
            " sessions_per_account: 0}\nlog: {level: warning}\n"
        )
        self.lab.node.extra = extra
        self.lab.up()
        self.peers = None
        try:
            home = directory / "peers"
            home.mkdir()
            ports = dict(zip(PEER_PORTS, free_ports(len(PEER_PORTS))))
            self.peers = Peers(home, DOMAIN, users, PASSWORD, ports).start()
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.peers is not None:
            self.peers.stop()
        self.lab.down()

    def compile(self, name):
        program = self.directory / name
        subprocess.run(
            ["gcc", "-O2", "-D_GNU_SOURCE", "-o", program, HERE / f"{name}.c"], check=True
        )
        return program

    def print_durability(self):
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            print(f"{name} = {self.lab.sql(f'SHOW {name}')[0][0]}")

    def load(self, program, mode, port, *rest):
        """Run a load generator; what it tells. Answers that were no success are an error."""
        done = subprocess.run(
            list(map(str, [self.programs[program], mode, port, *rest])),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            log = (self.peers.directory / "dovecot.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{mode} at {port}: {done.stderr}\nDovecot's log ends with:\n{log}")
        told = json.loads(done.stdout)
        if told["refused"]:
            raise RuntimeError(f"{mode} at {port}: {told['refused']} answers were no success")
        return told

    def compare(self, title, unit, contenders, digits=0, warm_up=1):
        """Run each in turn, so many rounds; print medians, and ratios to the first. A contender is
        a name and what measures it: a rate and the load generator's share of a core. The first
        round, or so many, isn't kept: what comes first would pay for cold tables alone."""
        values = {name: [] for name, _ in contenders}
        cpu = {name: [] for name, _ in contenders}
        for turn in range(self.rounds + warm_up):
            for name, measure in contenders:
                rate, share = measure()
                if turn < warm_up:
                    continue
                values[name].append(rate)
                cpu[name].append(share)
        ours = statistics.median(values[contenders[0][0]])
        print(f"{title}")
        for name, _ in contenders:
            median = statistics.median(values[name])
            spread = f"{min(values[name]):.{digits}f} to {max(values[name]):.{digits}f}"
            ratio = "" if name == contenders[0][0] else f"   we are {ours / median:.2f} times that"
            share = statistics.median(cpu[name])
            print(
                f"  {name:22} {median:10.{digits}f} {unit} ({spread}; load {share:.2f} CPU){ratio}"
            )
        sys.stdout.flush()
