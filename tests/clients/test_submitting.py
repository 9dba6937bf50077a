"""Programs that people send mail with: submission after STARTTLS and over TLS, every way of logging
in that a program has.

Each sends letters in one transaction to accounts here and to an address elsewhere; every byte
arrives here, and the spool holds one row a letter. The server's certificate is checked by all.
msmtp does SCRAM-SHA-256, which Debian builds curl without; the others know only passwords.
"""

import smtplib

import pytest
from mansio_test.clients import run
from mansio_test.lab import PASSWORD
from mansio_test.letters import LETTERS, SENDER, differences, trace
from mansio_test.submission import Spooled

MECHANISMS = {
    "smtplib": ("PLAIN", "LOGIN", "LOGIN-early"),
    "curl": ("PLAIN", "LOGIN"),
    "swaks": ("PLAIN", "LOGIN"),
    "nodemailer": ("PLAIN", "LOGIN"),
    "msmtp": ("PLAIN", "LOGIN", "SCRAM-SHA-256"),
}
WAYS = ("starttls", "tls")
MATRIX = [
    (program, way, mechanism)
    for program, mechanisms in MECHANISMS.items()
    for way in WAYS
    for mechanism in mechanisms
]
ELSEWHERE = "somebody@elsewhere.example"


class Program:
    """One program with one account: send() sends letters, each to all of the recipients."""

    def __init__(self, house, way, mechanism, place, node):
        self.house = house
        self.way = way
        self.mechanism = mechanism
        self.place = place
        self.node = node
        self.port = house.lab.port("submission" if way == "starttls" else "submissions")

    def files(self, letters):
        paths = []
        for number, letter in enumerate(letters):
            paths.append(self.place / f"letter{number}")
            paths[-1].write_bytes(letter)
        return paths


class Smtplib(Program):
    def send(self, user, to, letters):
        trusted = self.house.trusted()
        if self.way == "tls":
            smtp = smtplib.SMTP_SSL("localhost", self.port, timeout=60, context=trusted)
        else:
            smtp = smtplib.SMTP("localhost", self.port, timeout=60)
            smtp.starttls(context=trusted)
        with smtp:
            smtp.ehlo()
            smtp.user, smtp.password = user, PASSWORD
            if self.mechanism == "LOGIN-early":  # the name with the command, as .NET's SmtpClient
                smtp.auth("LOGIN", smtp.auth_login, initial_response_ok=True)
            else:
                way = smtp.auth_plain if self.mechanism == "PLAIN" else smtp.auth_login
                smtp.auth(self.mechanism, way, initial_response_ok=False)
            for letter in letters:
                assert smtp.sendmail(user, to, letter, ["BODY=8BITMIME"]) == {}


class Curl(Program):
    def send(self, user, to, letters):
        scheme = "smtps" if self.way == "tls" else "smtp"
        for path in self.files(letters):
            run(
                *("curl", "--silent", "--show-error", "--cacert", self.house.authority),
                *(["--ssl-reqd"] if self.way == "starttls" else []),
                *("--user", f"{user}:{PASSWORD}", "--login-options", f"AUTH={self.mechanism}"),
                *("--mail-from", user, "--upload-file", path),
                *(word for address in to for word in ("--mail-rcpt", address)),
                f"{scheme}://localhost:{self.port}/client.example.org",
            )


class Swaks(Program):
    def send(self, user, to, letters):
        for path in self.files(letter[: -len(b"\r\n")] for letter in letters):
            run(
                *("swaks", "--silent", "2", "--from", user, "--to", ",".join(to)),
                *("--helo", "client.example.org", "--server", "localhost", "--port", self.port),
                *("--tls" if self.way == "starttls" else "--tls-on-connect", "--tls-verify"),
                *("--tls-ca-path", self.house.authority, "--auth", self.mechanism),
                *("--auth-user", user, "--auth-password", PASSWORD),
                *("--timeout", "60", "--data", f"@{path}"),
            )


class Nodemailer(Program):
    def send(self, user, to, letters):
        said = self.node(
            "send.js",
            host="localhost",
            port=self.port,
            security=self.way,
            auth={"user": user, "pass": PASSWORD, "method": self.mechanism},
            ca=self.house.authority,
            letters=self.files(letters),
            to=to,
            **{"from": user},
        )
        for answer in said:
            assert answer == {"accepted": to, "rejected": []}


class Msmtp(Program):
    def send(self, user, to, letters):
        config = self.place / "msmtprc"
        config.write_text(
            f"account default\nhost localhost\nport {self.port}\ntls on\n"
            f"tls_starttls {'on' if self.way == 'starttls' else 'off'}\n"
            f"tls_trust_file {self.house.authority}\nauth {self.mechanism.lower()}\n"
            f"user {user}\npassword {PASSWORD}\nfrom {user}\ndomain client.example.org\n"
        )
        config.chmod(0o600)
        for path in self.files(letters):
            with path.open("rb") as letter:
                run("msmtp", "-C", config, "--", *to, stdin=letter)


PROGRAMS = {
    "smtplib": Smtplib,
    "curl": Curl,
    "swaks": Swaks,
    "nodemailer": Nodemailer,
    "msmtp": Msmtp,
}


@pytest.mark.parametrize(("program", "way", "mechanism"), MATRIX)
def test_every_byte_arrives_here_and_goes_on_elsewhere(
    house, program, way, mechanism, tmp_path, request
):
    node = request.getfixturevalue("node") if program == "nodemailer" else None
    user, other = house.users()
    letters = [letter.replace(SENDER.encode(), user.encode()) for letter in LETTERS]
    letters = letters if mechanism == "PLAIN" and way == "tls" else letters[:3]
    PROGRAMS[program](house, way, mechanism, tmp_path, node).send(
        user, [user, other, ELSEWHERE], letters
    )
    for address in (user, other):
        got = house.read(address)
        assert differences(got, letters) == []
        for data, letter in zip(got, letters):
            lines = trace(data, letter)
            assert lines.startswith(f"Return-Path: <{user}>\r\n".encode())
            assert b" with ESMTPSA" in lines
    spooled = Spooled.of(house.lab, user)
    assert [one.forward_path for one in spooled] == [ELSEWHERE] * len(letters)


@pytest.mark.parametrize("program", sorted(set(PROGRAMS) - {"nodemailer"}))
def test_a_wrong_password_is_told(house, program, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PASSWORD", "wrong")
    user, _ = house.users()
    with pytest.raises((AssertionError, smtplib.SMTPAuthenticationError)) as told:
        PROGRAMS[program](house, "tls", "PLAIN", tmp_path, None).send(user, [user], LETTERS[:1])
    assert program == "curl" or "535" in str(told.value)
    assert house.read(user) == []
