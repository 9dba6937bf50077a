"""Submission step by step: SMTP with TLS and AUTH."""

import base64
import hashlib
import hmac

from .lab import PASSWORD
from .smtp import Client

MESSAGE = (
    "From: {sender}\r\nTo: somebody@elsewhere.example\r\nSubject: x\r\n"
    "Date: Sun, 22 Nov 2026 04:30:42 +0000\r\nMessage-ID: <{mark}@client.example>\r\n\r\nHello\r\n"
)


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def mac(key, text):
    return hmac.digest(key, text, "sha256")


class Submitter(Client):
    """`trusted`: over TLS from the first byte."""

    def __init__(self, port, trusted=None, **more):
        self.trusted = trusted
        super().__init__(port, greeting=not trusted, **more)
        if trusted:
            self.wrap(trusted)
            self.greeting = self.reply()

    def wrap(self, trusted):
        self.file.close()
        self.socket = trusted.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def starttls(self, trusted):
        self.expect("STARTTLS", 220, "2.0.0")
        self.wrap(trusted)
        return self.hello()

    def challenge(self):
        """The words of a challenge, decoded: RFC 4954 4 sets them no limit of their own."""
        raw = self.file.readline(65536)
        assert raw.startswith(b"334 ") and raw.endswith(b"\r\n"), raw
        return base64.b64decode(raw[4:-2], validate=True)

    def plain(self, user, password=PASSWORD, authzid=""):
        return self.ask("AUTH PLAIN " + b64(f"{authzid}\0{user}\0{password}"))

    def login(self, user, password=PASSWORD):
        reply = self.plain(user, password)
        assert reply.code == 235 and reply.status == "2.7.0", reply
        return self

    def scram(self, user, password=PASSWORD, bound=None, flag="n"):
        """RFC 5802 over RFC 4954; whether the server proved itself, and its last reply."""
        header = f"{flag},,".encode()
        plus = "-PLUS" if flag.startswith("p=") else ""
        bare = f"n={user},r=clientnonce".encode()
        self.send(f"AUTH SCRAM-SHA-256{plus} {b64(header + bare)}\r\n")
        first = self.challenge()
        nonce, salt, rounds = (field[2:] for field in first.decode().split(",", 2))
        assert nonce.startswith("clientnonce") and len(nonce) > 30
        salted = hashlib.pbkdf2_hmac(
            "sha256", password.encode(), base64.b64decode(salt), int(rounds)
        )
        client = mac(salted, b"Client Key")
        without = f"c={b64(header + (bound or b''))},r={nonce}".encode()
        text = bare + b"," + first + b"," + without
        signed = mac(hashlib.sha256(client).digest(), text)
        proof = bytes(a ^ b for a, b in zip(client, signed))
        self.send(b64(without + b",p=" + b64(proof).encode()) + "\r\n")
        raw = self.file.readline(65536)
        if not raw.startswith(b"334 "):
            return False, int(raw[:3])
        wanted = b"v=" + b64(mac(mac(salted, b"Server Key"), text)).encode()
        proved = base64.b64decode(raw[4:-2]) == wanted
        return proved, self.ask("").code

    def submit(self, sender, *to, params="", text=None, mark="mark"):
        """A whole transaction; the reply to its text."""
        self.envelope(*to, sender=sender, params=params)
        return self.data(text or MESSAGE.format(sender=sender, mark=mark))


class Spooled:
    """A row of the spool."""

    COLUMNS = (
        "tenant", "reverse_path", "forward_path", "envelope_id", "ret", "notify",
        "original_recipient", "flags",
    )  # fmt: skip

    def __init__(self, values):
        for name, value in zip(self.COLUMNS, values):
            setattr(self, name, value)

    @classmethod
    def of(cls, lab, reverse_path=None):
        """What the spool has, oldest first."""
        rows = lab.sql(f"SELECT {', '.join(cls.COLUMNS)} FROM mansio.spool ORDER BY spool_id")
        spooled = [cls(row) for row in rows]
        return [one for one in spooled if reverse_path in (None, one.reverse_path)]
