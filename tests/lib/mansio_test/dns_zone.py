"""A DNS server of our own for a zone of our own, over UDP and TCP.

    with Zone() as zone:
        zone.add("example.test", mx=[(10, "mx.example.test")])
        zone.add("mx.example.test", a=["127.0.0.2"], aaaa=["::1"])
        zone.fail("broken.test", "servfail")
        ... resolver: {servers: [zone.address]} ...

It knows nothing but what it was told (all else doesn't exist), may be told more at any time, and
records what it was asked. `python3 dns_zone.py FILE ADDRESS PORT` serves a zone from JSON, a list
of [name, {mx: ...}].
"""

import ipaddress
import json
import pathlib
import socket
import struct
import sys
import threading

A, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT, TLSA = 1, 5, 6, 12, 15, 16, 28, 33, 41, 52
OK, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5
TYPES = {"a": A, "cname": CNAME, "ptr": PTR, "mx": MX, "txt": TXT, "aaaa": AAAA}
UDP_MAX = 1232
CHAIN_MAX = 8
WAYS_TO_FAIL = ("servfail", "refused", "silent", "garbage", "truncate")


# ---- bytes of the wire (RFC 1035 4)


def name_bytes(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def text_bytes(*strings):
    return b"".join(bytes([len(s)]) + s for s in strings)


def address_bytes(value):
    return ipaddress.ip_address(value).packed


def record(owner, kind, ttl, data):
    return name_bytes(owner) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def soa(owner, ttl=0):
    data = name_bytes(f"ns.{owner}") + name_bytes(f"root.{owner}")
    return record(owner, SOA, ttl, data + struct.pack(">5I", 1, 2, 3, 4, ttl))


class Question:
    """What a packet asks."""

    def __init__(self, packet):
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1"))
            at += packet[at] + 1
        self.id = packet[:2]
        self.name = ".".join(labels).lower()
        self.kind = struct.unpack(">H", packet[at + 1 : at + 3])[0]
        self.bytes = packet[12 : at + 5]
        self.has_edns = struct.unpack(">H", packet[10:12])[0] == 1
        self.wants_ad = bool(packet[3] & 0x20)

    def reply(self, answers=(), authority=(), rcode=OK, flags=0x8180, question=None):
        body = b"".join([*answers, *authority])
        head = struct.pack(">HHHHH", flags | rcode, 1, len(answers), len(authority), 0)
        return self.id + head + (question or self.bytes) + body

    def truncated(self, flags=0x8180):
        return self.reply(flags=flags | 0x200)


# ---- serving


class Server:
    """Asks answer(packet, is_tcp) what to send for a packet: bytes, or None for nothing."""

    def __init__(self, answer, host="127.0.0.1", port=0):
        self.answer = answer
        self.host = host
        self.is_open = True
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for _ in range(100):
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            self.tcp = socket.socket(family, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.udp.bind((host, port))
                self.tcp.bind(self.udp.getsockname())
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
                if port:
                    raise
        self.tcp.listen(16)
        self.port = self.udp.getsockname()[1]
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def serve_udp(self):
        while self.is_open:
            try:
                packet, peer = self.udp.recvfrom(65535)
                reply = self.answer(packet, False)
                if reply is not None:
                    self.udp.sendto(reply, peer)
            except (OSError, IndexError, struct.error):
                continue  # closed, or no question at all

    def serve_conn(self, conn):
        with conn:
            conn.settimeout(60)
            try:
                while True:
                    head = conn.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    length = struct.unpack(">H", head)[0]
                    reply = self.answer(conn.recv(length, socket.MSG_WAITALL), True)
                    if reply is not None:
                        conn.sendall(struct.pack(">H", len(reply)) + reply)
            except (OSError, IndexError, struct.error):
                return

    def serve_tcp(self):
        while self.is_open:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_conn, args=(conn,), daemon=True).start()

    def close(self):
        self.is_open = False
        for end in (self.udp, self.tcp):
            try:
                end.shutdown(socket.SHUT_RDWR)  # wakes who waits on it
            except OSError:
                pass
            end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Zone(Server):
    """Records are kept for no time (TTL 0) unless told otherwise: a change holds at once."""

    def __init__(self, host="127.0.0.1", port=0, ttl=0):
        self.ttl = ttl
        self.lock = threading.Lock()
        self.names = {}  # name: {type: [data]}
        self.failing = {}  # (name, type or None): how
        self.asked = []  # (name, type) in order
        super().__init__(self.reply_to, host, port)

    # ---- what it says

    def add(self, name, mx=(), a=(), aaaa=(), cname=None, txt=(), ptr=None):
        """Records of a name, beside those that it has. @txt: strings of up to 255 bytes each."""
        found = {
            A: [address_bytes(value) for value in a],
            AAAA: [address_bytes(value) for value in aaaa],
            MX: [struct.pack(">H", preference) + name_bytes(host) for preference, host in mx],
            TXT: [text_bytes(value.encode()) for value in txt],
            CNAME: [name_bytes(cname)] if cname else [],
            PTR: [name_bytes(ptr)] if ptr else [],
        }
        with self.lock:
            here = self.names.setdefault(name.lower(), {})
            for kind, data in found.items():
                here[kind] = here.get(kind, []) + data
        return self

    def null_mx(self, name):
        """It takes no mail (RFC 7505)."""
        return self.add(name, mx=[(0, "")])

    def remove(self, name):
        with self.lock:
            self.names.pop(name.lower(), None)
            self.failing = {key: how for key, how in self.failing.items() if key[0] != name.lower()}

    def fail(self, name, how, kind=None):
        """From now on a name (one type of it) fails so: see WAYS_TO_FAIL; None: no longer."""
        assert how is None or how in WAYS_TO_FAIL, how
        with self.lock:
            self.failing[name.lower(), TYPES[kind] if kind else None] = how

    def questions(self, name=None):
        """What was asked: (name, type) in order, of one name or all."""
        with self.lock:
            return [row for row in self.asked if name is None or row[0] == name.lower()]

    # ---- answering

    def find(self, name, kind):
        """The answer section, and whether the name at the end of the chain exists."""
        found = []
        for _ in range(CHAIN_MAX):
            here = self.names.get(name)
            if here is None:
                # RFC 8020: a name above one that exists does, too.
                return found, any(known.endswith("." + name) for known in self.names)
            if here.get(kind) or not here.get(CNAME):
                return found + [record(name, kind, self.ttl, d) for d in here.get(kind, [])], True
            target = here[CNAME][0]
            found.append(record(name, CNAME, self.ttl, target))
            name = next((n for n in self.names if name_bytes(n) == target), "")
        return found, True

    def reply_to(self, packet, is_tcp):
        question = Question(packet)
        with self.lock:
            self.asked.append((question.name, question.kind))
            how = self.failing.get((question.name, question.kind)) or self.failing.get(
                (question.name, None)
            )
            found, exists = self.find(question.name, question.kind)
        if how == "silent":
            return None
        if how == "garbage":
            return question.id + b"\x81\x80\0\1\0\1\0\0\0\0" + question.bytes + b"\xc0\xff\xc0"
        if how == "servfail":
            return question.reply(rcode=SERVFAIL)
        if how == "refused":
            return question.reply(rcode=REFUSED)
        owner = question.name.rsplit(".", 1)[-1]
        reply = question.reply(
            found,
            [] if found and exists else [soa(owner, self.ttl)],
            OK if exists else NXDOMAIN,
            flags=0x8580,  # authoritative
        )
        room = UDP_MAX if question.has_edns else 512
        if not is_tcp and (how == "truncate" or len(reply) > room):
            return question.truncated()
        return reply


def main():
    path, host, port = sys.argv[1:]
    zone = Zone(host, int(port))
    for name, records in json.loads(pathlib.Path(path).read_text()):
        zone.add(name, **records)
    print(zone.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
