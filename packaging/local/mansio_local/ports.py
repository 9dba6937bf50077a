"""Free loopback ports.

Between finding a port free and a server's binding it, nobody else may find it. So each process takes
ports, in turn, from a block that it claims by the name of an abstract socket: the kernel gives such
a name once in a network namespace, whose the ports are too, and takes it back when the process ends.
Blocks lie outside the range that the system gives clients' connections ports of.
"""

import itertools
import pathlib
import random
import socket

BLOCK = 400
BLOCKS = range(12000, 60000, BLOCK)
EPHEMERAL = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")

CLAIMS = []  # sockets that stay open


def claim(first):
    """Whether the block that begins with this port is ours from now on."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0mansio-ports-{first}")
    except OSError:
        name.close()
        return False
    CLAIMS.append(name)
    return True


def candidates():
    """Ports to try, for ever; 0, where all blocks are taken, lets the system choose."""
    low, high = map(int, EPHEMERAL.read_text().split())
    outside = [first for first in BLOCKS if first + BLOCK <= low or first > high]
    blocks = outside or list(BLOCKS)
    random.shuffle(blocks)
    for first in blocks:
        if claim(first):
            return itertools.cycle(range(first, first + BLOCK))
    return itertools.repeat(0)


CANDIDATES = candidates()


def probe(host):
    """A socket bound to a port that nobody else is bound to."""
    for _ in range(10000):
        end = socket.socket()
        try:
            end.bind((host, next(CANDIDATES)))
            return end
        except OSError:
            end.close()
    raise OSError("no free port")


def free_port(host="127.0.0.1"):
    """A port that nobody listens on now."""
    with probe(host) as end:
        return end.getsockname()[1]


def free_ports(count):
    """So many different ones."""
    probes = []
    try:
        for _ in range(count):
            probes.append(probe("127.0.0.1"))
        return [end.getsockname()[1] for end in probes]
    finally:
        for end in probes:
            end.close()
