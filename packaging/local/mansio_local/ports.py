"""Free loopback ports.

Those that the system gives, or, with $MANSIO_PORTS=FIRST-LAST, those of that range in turn: programs
that look for ports beside each other then never find the same one, nor one that the system has
given to a client's connection since.
"""

import itertools
import os
import random
import socket


def candidates():
    text = os.environ.get("MANSIO_PORTS")
    if not text:
        return itertools.repeat(0)
    first, last = map(int, text.split("-"))
    start = random.randrange(first, last + 1)
    return itertools.cycle([*range(start, last + 1), *range(first, start)])


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
