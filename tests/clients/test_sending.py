"""Programs that send mail: SMTP in the clear and after STARTTLS, LMTP over TCP and a unix socket.

Each sends the letters to accounts of two tenants in one transaction each, and every byte arrives
at both. Those that can do SMTPUTF8 (RFC 6531) write from and to addresses with letters beyond
ASCII. What the program asked for shows in our Received field: its protocol is checked there. The
server's certificate is checked by all of them. curl knows no LMTP, swaks no SMTPUTF8.
"""

import email
import email.policy
import smtplib

import pytest
from mansio_test.clients import run
from mansio_test.letters import INTERNATIONAL, LETTERS, SENDER, differences, trace
from mansio_test.pop3 import HOST

WAYS = ("plain", "starttls", "lmtp", "lmtp-unix")
MATRIX = [
    (program, way)
    for program in ("smtplib", "curl", "swaks", "nodemailer")
    for way in WAYS
    if program != "curl" or not way.startswith("lmtp")
]
# RFC 3848, RFC 6531 4.3
PROTOCOLS = {"plain": b"ESMTP", "starttls": b"ESMTPS", "lmtp": b"LMTP", "lmtp-unix": b"LMTP"}
UTF8_PROTOCOLS = {name: b"UTF8" + word.replace(b"ESMTP", b"SMTP") for name, word in PROTOCOLS.items()}


class Sender:
    """One program's way to mailboxes: send() sends letters, each to all of the recipients."""

    def __init__(self, house, way, place, node):
        self.house = house
        self.way = way
        self.place = place
        self.node = node
        self.is_lmtp = way.startswith("lmtp")
        self.port = house.lab.port("lmtp" if self.is_lmtp else "smtp")
        self.socket = house.lmtp_socket if way == "lmtp-unix" else None

    def files(self, letters):
        paths = []
        for number, letter in enumerate(letters):
            paths.append(self.place / f"letter{number}")
            paths[-1].write_bytes(letter)
        return paths


class Smtplib(Sender):
    def open(self):
        if self.is_lmtp:
            return smtplib.LMTP(str(self.socket or HOST), 0 if self.socket else self.port)
        smtp = smtplib.SMTP("localhost", self.port, timeout=60)
        if self.way == "starttls":
            smtp.starttls(context=self.house.trusted())
        return smtp

    def send(self, to, letters, sender=SENDER, utf8=False):
        options = ["BODY=8BITMIME", *(["SMTPUTF8"] if utf8 else [])]
        with self.open() as smtp:
            for letter in letters:
                smtp.ehlo_or_helo_if_needed()
                if utf8:
                    smtp.command_encoding = "utf-8"
                assert smtp.mail(sender, options)[0] == 250
                for address in to:
                    assert smtp.rcpt(address)[0] == 250
                assert smtp.data(letter)[0] == 250
                # Its LMTP leaves it to us that each recipient has a reply (RFC 2033 4.2).
                for _ in to[1:] if self.is_lmtp else ():
                    assert smtp.getreply()[0] == 250

    def send_utf8(self, to, sender):
        self.send(to, [INTERNATIONAL], sender, utf8=True)


class Curl(Sender):
    """It asks for SMTPUTF8 by itself when an address needs it."""

    def send(self, to, letters, sender=SENDER):
        for path in self.files(letters):
            run(
                *("curl", "--silent", "--show-error", "--cacert", self.house.authority),
                *(["--ssl-reqd"] if self.way == "starttls" else []),
                *("--mail-from", sender, "--upload-file", path),
                *(word for address in to for word in ("--mail-rcpt", address)),
                f"smtp://localhost:{self.port}/client.example.org",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            )

    def send_utf8(self, to, sender):
        self.send(to, [INTERNATIONAL], sender)


class Swaks(Sender):
    """It ends the last line itself. (Told to leave data alone, it wants dots doubled by others.)"""

    send_utf8 = None

    def send(self, to, letters, sender=SENDER):
        tls = ["--tls", "--tls-verify", "--tls-ca-path", self.house.authority]
        for path in self.files(letter[: -len(b"\r\n")] for letter in letters):
            run(
                *("swaks", "--silent", "2", "--from", sender, "--to", ",".join(to)),
                *("--helo", "client.example.org", "--protocol", "LMTP" if self.is_lmtp else "ESMTP"),
                *(["--socket", self.socket] if self.socket else ["--server", HOST]),
                *([] if self.socket else ["--port", self.port]),
                *(tls if self.way == "starttls" else []),
                *("--timeout", "60", "--data", f"@{path}"),
            )


class Nodemailer(Sender):
    def drive(self, to, letters, sender, **more):
        said = self.node(
            "send.js",
            **({"socket": self.socket} if self.socket else {"host": "localhost", "port": self.port}),
            lmtp=self.is_lmtp,
            security="starttls" if self.way == "starttls" else "plain",
            ca=self.house.authority,
            letters=self.files(letters),
            to=to,
            **{"from": sender},
            **more,
        )
        for answer in said:
            assert answer == {"accepted": to, "rejected": []}

    def send(self, to, letters, sender=SENDER):
        self.drive(to, letters, sender)

    def send_utf8(self, to, sender):
        self.drive(to, [INTERNATIONAL], sender)


PROGRAMS = {"smtplib": Smtplib, "curl": Curl, "swaks": Swaks, "nodemailer": Nodemailer}


@pytest.fixture
def sender(house, tmp_path, request, program, way):
    node = request.getfixturevalue("node") if program == "nodemailer" else None
    return PROGRAMS[program](house, way, tmp_path, node)


def protocol(lines):
    """What our Received field says of how it came."""
    return lines.partition(b"Received:")[2].partition(b" with ")[2].split()[0]


@pytest.mark.parametrize(("program", "way"), MATRIX)
def test_every_byte_arrives_at_every_recipient(house, sender, way):
    to = house.users()
    sender.send(to, LETTERS)
    for user in to:
        got = house.read(user)
        assert differences(got, LETTERS) == []
        for data, letter in zip(got, LETTERS):
            lines = trace(data, letter)
            assert lines.startswith(f"Return-Path: <{SENDER}>\r\n".encode())
            assert f"\r\nDelivered-To: {user}\r\n".encode() in lines
            assert protocol(lines) == PROTOCOLS[way]


@pytest.mark.parametrize(("program", "way"), [(p, w) for p, w in MATRIX if PROGRAMS[p].send_utf8])
def test_addresses_beyond_ascii(house, sender, way):
    user = house.users()[0]
    address = user.replace("user", "nömé")
    house.lab.node.mansioctl("address", "add", address, "--accounts", user)
    sender.send_utf8([address], "jörg@example.org")
    got = house.read(user)
    assert differences(got, [INTERNATIONAL]) == []
    lines = trace(got[0], INTERNATIONAL)
    assert lines.startswith("Return-Path: <jörg@example.org>\r\n".encode())
    assert f"\r\nDelivered-To: {address}\r\n".encode() in lines
    assert protocol(lines) == UTF8_PROTOCOLS[way]


@pytest.mark.parametrize(("program", "way"), [("nodemailer", "starttls")])
def test_what_nodemailer_composes(house, sender, tmp_path):
    """A subject beyond ASCII, text that begins lines with dots, an attachment of 2 MB."""
    user = house.users()[0]
    file = tmp_path / "numbers.bin"
    file.write_bytes(bytes(range(256)) * 8192)
    text = ".\n..\nGrüße\n"
    sender.drive([user], [], SENDER, composed={"subject": "Grüße", "text": text, "file": str(file)})
    (data,) = house.read(user)
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert message["subject"] == "Grüße"
    assert message.get_body().get_content().replace("\r\n", "\n") == text
    (attachment,) = message.iter_attachments()
    assert attachment.get_content() == file.read_bytes()
