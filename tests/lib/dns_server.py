#!/usr/bin/python3
"""A small DNS server for tests, UDP and TCP on one free port of loopback.

Prints its port on a line of its own when it listens, and ends when its standard input does. What it
answers is a table below: records by name and type, and names that misbehave (servfail.test,
silent.test, garbage.test, wrong.test, cut.test, formerr.test). A name below secure.test is answered
with the AD bit, if the question has it.
"""
import struct
import sys

sys.dont_write_bytecode = True  # the source may be read-only, and isn't ours to write to

from mansio_test.dns_zone import (  # noqa: E402
    A, AAAA, CNAME, FORMERR, MX, NXDOMAIN, OK, PTR, SERVFAIL, SRV, TLSA, TXT, UDP_MAX,
    Question, Server, name_bytes, record, soa,
)  # fmt: skip
from mansio_test.dns_zone import address_bytes as address  # noqa: E402
from mansio_test.dns_zone import text_bytes as text  # noqa: E402

BIG = [b"x" * 255 for _ in range(20)]

# name: {type: [(ttl, data), ...]}; CNAME is given for any type.
ZONE = {
    "a.test": {A: [(300, address("192.0.2.1")), (200, address("192.0.2.2"))],
               AAAA: [(300, address("2001:db8::1"))],
               TXT: [(60, text(b"v=spf1 ", b"-all")), (60, text(b""))],
               MX: [(60, struct.pack(">H", 20) + name_bytes("MX2.a.test")),
                    (60, struct.pack(">H", 10) + name_bytes("mx1.a.test"))],
               CNAME: []},
    "null.test": {MX: [(60, struct.pack(">H", 0) + b"\0")]},
    "_25._tcp.mx1.a.test": {TLSA: [(60, bytes([3, 1, 1]) + bytes(range(32)))]},
    "_imaps._tcp.a.test": {SRV: [(60, struct.pack(">HHH", 5, 7, 993) + name_bytes("imap.a.test"))]},
    "1.2.0.192.in-addr.arpa": {PTR: [(60, name_bytes("a.test"))]},
    "1" + ".0" * 23 + ".8.b.d.0.1.0.0.2.ip6.arpa": {PTR: [(60, name_bytes("six.a.test"))]},
    "xn--mnchen-3ya.test": {A: [(60, address("192.0.2.9"))]},
    "www.test": {CNAME: [(30, name_bytes("host.test"))]},
    "host.test": {A: [(90, address("192.0.2.3"))]},
    "dangling.test": {CNAME: [(30, name_bytes("nowhere.test"))]},
    "loop1.test": {CNAME: [(30, name_bytes("loop2.test"))]},
    "loop2.test": {CNAME: [(30, name_bytes("loop1.test"))]},
    "out.test": {CNAME: [(30, name_bytes("target.other.test"))]},
    "target.other.test": {A: [(90, address("192.0.2.4"))]},
    "short.test": {A: [(0, address("192.0.2.5"))]},
    "cut.test": {TXT: [(60, text(*BIG))]},
    "formerr.test": {A: [(60, address("192.0.2.6"))]},
    "formerr2.test": {A: [(60, address("192.0.2.6"))]},
    "signed.secure.test": {A: [(60, address("192.0.2.7"))]},
}
for number in range(40):
    ZONE["chain%d.test" % number] = {CNAME: [(30, name_bytes("chain%d.test" % (number + 1)))]}

# Answered with the first CNAME alone: whoever asks must ask on.
UNFOLLOWED = ("out.test", "loop1.test", "loop2.test") + tuple("chain%d.test" % n for n in range(40))


def gather(name, kind):
    """The answer section: (records, 1 if the name at the chain's end exists)."""
    found = []
    for _ in range(8):
        here = ZONE.get(name)
        if here is None:
            exists = any(known.endswith("." + name) for known in ZONE)
            return found, exists
        if here.get(kind):
            return found + [record(name, kind, ttl, data) for ttl, data in here[kind]], True
        if not here.get(CNAME) or kind == CNAME:
            return found, True
        ttl, data = here[CNAME][0]
        found.append(record(name, CNAME, ttl, data))
        if name in UNFOLLOWED:
            return found, True
        name = next(n for n in list(ZONE) + ["nowhere.test"] if name_bytes(n) == data)
    return found, True


def answer(packet, is_tcp):
    """What to send for a question; None for nothing."""
    question = Question(packet)
    name = question.name
    flags = 0x81A0 if name.endswith("secure.test") and question.wants_ad else 0x8180
    if name == "silent.test":
        return None
    if name == "garbage.test":
        return packet[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question.bytes + b"\xc0\xff\xc0"
    if name == "servfail.test":
        return question.reply(rcode=SERVFAIL)
    if name.startswith("formerr") and question.has_edns:
        return question.reply(rcode=FORMERR)
    asked = name_bytes("other.test") + question.bytes[-4:] if name == "wrong.test" else None
    found, exists = gather(name, question.kind)
    is_empty = not exists or not found or name == "dangling.test"
    authority = [soa("test", 50)] if is_empty else []
    reply = question.reply(found, authority, OK if exists else NXDOMAIN, flags, asked)
    return question.truncated(flags) if not is_tcp and len(reply) > UDP_MAX else reply


def main():
    server = Server(answer)
    print(server.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
