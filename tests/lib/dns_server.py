#!/usr/bin/python3
"""A small DNS server for tests, UDP and TCP on one free port of loopback.

Prints its port on a line of its own when it listens, and ends when its standard input does. What it
answers is a table below: records by name and type, and names that misbehave (servfail.test,
silent.test, garbage.test, wrong.test, cut.test, formerr.test). A name below secure.test is answered
with the AD bit, if the question has it.
"""
import ipaddress
import socket
import struct
import sys
import threading

A, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT, TLSA = 1, 5, 6, 12, 15, 16, 28, 33, 41, 52


def name_bytes(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def text(*strings):
    return b"".join(bytes([len(s)]) + s for s in strings)


def address(value):
    return ipaddress.ip_address(value).packed


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


def read_question(packet):
    at = 12
    labels = []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += packet[at] + 1
    kind, _ = struct.unpack(">HH", packet[at + 1:at + 5])
    return ".".join(labels).lower(), kind, packet[12:at + 5]


def record(owner, kind, ttl, data):
    return name_bytes(owner) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


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
    name, kind, question = read_question(packet)
    has_edns = struct.unpack(">H", packet[10:12])[0] == 1
    flags = 0x8180
    rcode = 0
    authority = []
    if name == "silent.test":
        return None
    if name == "garbage.test":
        return packet[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + b"\xc0\xff\xc0"
    if name == "wrong.test":
        question = name_bytes("other.test") + question[-4:]
    if name == "servfail.test":
        rcode = 2
    if name.startswith("formerr") and has_edns:
        return packet[:2] + struct.pack(">HHHHH", 0x8181, 1, 0, 0, 0) + question
    found, exists = ([], True) if rcode else gather(name, kind)
    if not exists:
        rcode = 3
    if not rcode and not found or rcode == 3 or (found and name == "dangling.test"):
        soa = name_bytes("ns.test") + name_bytes("root.test") + struct.pack(">5I", 1, 2, 3, 4, 50)
        authority = [record("test", SOA, 100, soa)]
    if name.endswith("secure.test") and packet[3] & 0x20:
        flags |= 0x20
    body = b"".join(found + authority)
    if not is_tcp and 12 + len(question) + len(body) > 1232:
        flags |= 0x200
        found, authority, body = [], [], b""
    head = packet[:2] + struct.pack(">HHHHH", flags | rcode, 1, len(found), len(authority), 0)
    return head + question + body


def serve_udp(sock):
    while True:
        packet, peer = sock.recvfrom(65535)
        reply = answer(packet, False)
        if reply is not None:
            sock.sendto(reply, peer)


def serve_conn(conn):
    with conn:
        while True:
            head = conn.recv(2, socket.MSG_WAITALL)
            if len(head) < 2:
                return
            reply = answer(conn.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL), True)
            if reply is not None:
                conn.sendall(struct.pack(">H", len(reply)) + reply)


def serve_tcp(listener):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve_conn, args=(conn,), daemon=True).start()


def main():
    for _ in range(100):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            continue
        break
    tcp.listen(16)
    threading.Thread(target=serve_udp, args=(udp,), daemon=True).start()
    threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
    print(udp.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
