"""Messages that tell a mail server apart from one that is nearly right, and how they must come
back: our three lines, then every byte of what was sent."""

import re

SENDER = "sender@example.org"
_NUMBERED = b"".join(b"%06d 0123456789 0123456789 0123456789\r\n" % i for i in range(78000))


def _letter(name, body, *fields):
    head = [
        f"From: Sender <{SENDER}>",
        "To: undisclosed-recipients:;",
        f"Subject: {name}",
        f"Message-ID: <{name}@example.org>",
        "Date: Mon, 03 Feb 2025 10:00:00 +0000",
        *fields,
    ]
    return "".join(line + "\r\n" for line in head).encode() + b"\r\n" + body


_EIGHT = ("MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8")
_EIGHT += ("Content-Transfer-Encoding: 8bit",)

# All are ASCII in the header, so every program may send them; the last line ends in CRLF.
LETTERS = [
    _letter("short", b"Hello.\r\n"),
    _letter("dots", b".\r\n..\r\n.x\r\n\r\n.\r\n...end\r\n"),
    _letter("eight", "Grüße, 日本語\r\n".encode() + b"\xff\xfe latin: \xe4\r\n", *_EIGHT),
    _letter("large", b".begin\r\n" + _NUMBERED + b".\r\nend\r\n"),  # 3 MB
]
assert len(LETTERS[-1]) > 3_000_000

# For SMTPUTF8 (RFC 6531): a header of which every program that is not told so would despair.
INTERNATIONAL = _letter("international", "Grüße\r\n".encode(), "X-Name: Jörg 日本", *_EIGHT)

_FIELD = rb":[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*"
_OURS = re.compile(rb"Return-Path" + _FIELD + rb"Delivered-To" + _FIELD + rb"Received" + _FIELD)
_TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received)" + _FIELD + rb")+")


def trace(data, letter, others=False):
    """The lines before a letter that came back whole; None if they aren't ours, or if anything
    else is there. (Where they end can't be seen from the front: a message may begin with white
    space.) others: the program that fetched it made line ends LF and put such lines of its own
    before and between ours."""
    if others:
        data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if not data.endswith(letter):
        return None
    before = data[: len(data) - len(letter)]
    if not others:
        return before if _OURS.fullmatch(before) else None
    ours = (b"Return-Path: <", b"Delivered-To: user", b"Received: from [")
    return before if _TRACE.fullmatch(before) and all(word in before for word in ours) else None


def differences(fetched, letters, others=False):
    """What is wrong with what was fetched, told in a few words each: a 3 MB diff helps nobody."""
    wrong = [] if len(fetched) == len(letters) else [f"{len(fetched)} for {len(letters)} letters"]
    for number, (data, letter) in enumerate(zip(fetched, letters), 1):
        if trace(data, letter, others) is None:
            wrong.append(f"{number}: {len(data)} bytes begin {data[:400]!r}, end {data[-80:]!r}")
    return wrong
