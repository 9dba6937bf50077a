"""IMAP's SEARCH (RFC 3501 6.4.4, RFC 7162 3.1.5, 3.1.6): each key, programs by chance against an
evaluation of the plainest kind over the same messages; over the store in memory and over PostgreSQL."""

import base64
import datetime
import email.header
import random
import re

import pytest
from mansio_test.daemon import Daemon
from mansio_test.imap import lab_box, memory_box

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


@pytest.fixture(scope="module")
def memory(install, tmp_path_factory):
    daemon = Daemon(install, tmp_path_factory.mktemp("search"))
    try:
        yield memory_box(daemon, bad_commands=1000)
        daemon.stop()
    finally:
        daemon.kill()
    assert "AddressSanitizer" not in daemon.log() and "runtime error:" not in daemon.log()


@pytest.fixture(scope="module")
def search_lab(make_lab):
    return make_lab("search-lab", accounts=20)


@pytest.fixture(scope="module")
def postgres(install, search_lab):
    return lab_box(search_lab, install)


@pytest.fixture(params=["memory", "postgres"], scope="module")
def box(request):
    return request.getfixturevalue(request.param)


def day(date):
    return f"{date.day}-{MONTHS[date.month - 1]}-{date.year}"


class Letter:
    """A message, and what there is to find in it, in lower case."""

    def __init__(self, chance, number):
        pick = chance.choice
        self.number = number
        self.flags = {flag for flag in FLAGS if chance.random() < 0.4}
        self.keywords = {word for word in KEYWORDS if chance.random() < 0.3}
        self.received = datetime.date(2020, 1, 1) + datetime.timedelta(days=chance.randrange(40))
        self.sent = self.received - datetime.timedelta(days=chance.randrange(3))
        zone = pick(["+0000", "-1130", "+1400"])
        hour = pick([0, 23])
        self.fields = {
            "from": f"{pick(NAMES)} <{pick(WORDS)}@{pick(DOMAINS)}>",
            "to": ", ".join(f"{pick(NAMES)} <{pick(WORDS)}@{pick(DOMAINS)}>" for _ in range(2)),
            "subject": " ".join(pick(WORDS) for _ in range(chance.randint(1, 4))),
            "x-mark": pick(WORDS),
        }
        if chance.random() < 0.5:
            self.fields["cc"] = f"{pick(NAMES)} <{pick(WORDS)}@{pick(DOMAINS)}>"
        self.body = "\n".join(
            " ".join(pick(WORDS) for _ in range(6)) for _ in range(chance.randint(1, 5))
        )
        self.has_date = chance.random() < 0.9
        head = [f"{name.title()}: {self.written(chance, name)}" for name in self.fields]
        if self.has_date:
            head.append(
                f"Date: {self.sent.day} {MONTHS[self.sent.month - 1]} {self.sent.year}"
                f" {hour:02}:30:00 {zone}"
            )
        self.bytes = ("\r\n".join(head) + "\r\n" + self.coded(chance)).encode("latin-1")
        self.header = "\n".join(
            [f"{name}: {value}" for name, value in self.fields.items()]
            + [line.lower() for line in head if line.startswith("Date")]
            + [line.lower() for line in self.mime]
        )

    def written(self, chance, name):
        """A field as it may be written: words encoded, or folded."""
        value = self.fields[name]
        if name in ("from", "to", "cc"):
            return ",\r\n ".join(
                email.header.Header(each[: each.index(" <")], chance.choice(["utf-8", "iso-8859-1"])).encode()
                + each[each.index(" <") :]
                if not each.isascii()
                else each.title()
                for each in value.split(", ")
            )
        if not value.isascii():
            return email.header.Header(value, chance.choice(["utf-8", "iso-8859-1"])).encode(linesep="\r\n")
        return value.upper().replace(" ", chance.choice([" ", "\r\n "]))

    def coded(self, chance):
        """The rest of the message: fields of MIME, body."""
        charset = chance.choice(["utf-8", "iso-8859-1", "utf-16", "koi8-r" if self.body.isascii() else "utf-8"])
        body = self.body.upper().replace("\n", "\r\n") + "\r\n"
        body = body.replace("SS", "ß") if charset != "koi8-r" and chance.random() < 0.3 else body
        octets = body.encode(charset)
        how = "base64" if charset == "utf-16" else chance.choice(["base64", "quoted-printable"])
        if how == "base64":
            text = "\r\n".join(re.findall(".{1,60}", base64.b64encode(octets).decode()))
        else:
            text = "".join(
                chr(c) if 32 < c < 127 and c != 61 or c in (13, 10, 32) else f"={c:02X}" for c in octets
            )
            text = text.replace(" \r\n", "=20\r\n")
        self.mime = [f"Content-Type: text/plain; charset={charset}", f"Content-Transfer-Encoding: {how}"]
        return "\r\n".join(self.mime) + "\r\n\r\n" + text

    def append(self, imap):
        flags = " ".join(sorted(self.flags | self.keywords))
        date = f"{self.received.day:2}-{MONTHS[self.received.month - 1]}-{self.received.year}"
        imap.ok(
            f'APPEND mail ({flags}) "{date} 12:00:00 +0000" {{{len(self.bytes)}+}}\r\n'.encode() + self.bytes
        )


FLAGS = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"]
KEYWORDS = ["$Junk", "work"]
NAMES = ["anna", "bert smith", "zoë", "jürgen müller", "carla"]
WORDS = ["alpha", "beta", "gamma", "grün", "größe", "strasse", "x.y", "100%", "back\\slash", "it's"]
DOMAINS = ["example.org", "test.example"]
COUNT = 60


@pytest.fixture(scope="module")
def mail(box):
    """A mailbox with letters by chance, some of them gone again, so that numbers and UIDs differ."""
    chance = random.Random(6044)
    letters = [Letter(chance, i + 1) for i in range(COUNT)]
    imap = box.dialogue()
    imap.login(box.user())
    imap.ok("CREATE mail")
    for letter in letters:
        letter.append(imap)
    imap.ok("SELECT mail")
    imap.ok("STORE 3,17,40:42 +FLAGS.SILENT (\\Deleted)")
    gone = {3, 17, 40, 41, 42}
    imap.ok("UID EXPUNGE 3,17,40:42")
    left = [letter for letter in letters if letter.number not in gone]
    for number, letter in enumerate(left, 1):
        letter.uid, letter.number = letter.number, number
    (line,) = [line for line in imap.ok("UID SEARCH ALL")]
    assert numbers(line) == [letter.uid for letter in left]
    yield imap, left
    imap.close()


def numbers(line):
    assert re.fullmatch(rb"SEARCH( \d+)*( \(MODSEQ \d+\))?", line), line
    return [int(word) for word in line.split(b" (")[0].split()[1:]]


def search(imap, keys, uid=False):
    if isinstance(keys, str):
        keys = keys.encode()
    (line,) = [
        line for line in imap.ok((b"UID " if uid else b"") + b"SEARCH " + keys) if line.startswith(b"SEARCH")
    ]
    return numbers(line)


# ---- keys: how each is written, and what it means


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def fold(text):
    return text.lower().replace("ß", "ss")


def any_text(chance, letters):
    """Something to look for, now and then of two words, or a piece of one."""
    word = chance.choice(WORDS + DOMAINS + NAMES)
    if chance.random() < 0.3:
        word += " " + chance.choice(WORDS)
    if chance.random() < 0.3:
        word = word[chance.randrange(2) : chance.randint(3, len(word))]
    return chance.choice([word, word.upper()]) or "a"


def any_leaf(chance, letters):
    """A key as bytes, and a function that says whether it holds of a letter."""
    kind = chance.randrange(12)
    if kind < 2:
        flag = chance.choice(FLAGS)
        name, un = flag[1:].upper(), chance.random() < 0.5
        return ("UN" if un else "") + name, lambda m: (flag in m.flags) != un
    if kind == 2:
        word, un = chance.choice(KEYWORDS + ["other"]), chance.random() < 0.5
        return f"{'UN' if un else ''}KEYWORD {word}", lambda m: (word in m.keywords) != un
    if kind == 3:
        date = datetime.date(2020, 1, 1) + datetime.timedelta(days=chance.randrange(40))
        name = chance.choice(["BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"])
        how = {"BEFORE": lambda a: a < date, "ON": lambda a: a == date, "SINCE": lambda a: a >= date}[
            name.removeprefix("SENT")
        ]
        if name.startswith("SENT"):
            return f"{name} {day(date)}", lambda m: m.has_date and how(m.sent)
        return f"{name} {day(date)}", lambda m: how(m.received)
    if kind == 4:
        size = len(chance.choice(letters).bytes)
        if chance.random() < 0.5:
            return f"LARGER {size}", lambda m: len(m.bytes) > size
        return f"SMALLER {size}", lambda m: len(m.bytes) < size
    if kind == 5:
        low, high = sorted(chance.sample(range(1, COUNT + 1), 2))
        if chance.random() < 0.5:
            return f"UID {low}:{high}", lambda m: low <= m.uid <= high
        low, high = min(low, len(letters)), min(high, len(letters))
        return f"{high}:{low}", lambda m: low <= m.number <= high
    text = any_text(chance, letters)
    if kind == 6:
        return f"BODY {quote(text)}", lambda m: fold(text) in fold(m.body + "\n")
    if kind == 7:
        return f"TEXT {quote(text)}", lambda m: fold(text) in fold(m.header + "\n\n" + m.body)
    if kind == 8:
        return f"HEADER X-Mark {quote(text)}", lambda m: fold(text) in fold(m.fields["x-mark"])
    name = chance.choice(["from", "to", "cc", "subject"])
    return f"{name.upper()} {quote(text)}", lambda m: fold(text) in fold(m.fields.get(name, ""))


def any_program(chance, letters, depth=0):
    what = chance.random()
    if depth > 3 or what < 0.45:
        return any_leaf(chance, letters)
    one, holds_one = any_program(chance, letters, depth + 1)
    if what < 0.6:
        return f"NOT {one}", lambda m: not holds_one(m)
    other, holds_other = any_program(chance, letters, depth + 1)
    if what < 0.8:
        return f"OR {one} {other}", lambda m: holds_one(m) or holds_other(m)
    return f"({one} {other})", lambda m: holds_one(m) and holds_other(m)


def test_programs_by_chance(mail, long):
    imap, letters = mail
    chance = random.Random(3501)
    found = 0
    for _ in range(5000 if long else 300):
        keys, holds = any_program(chance, letters)
        if chance.random() < 0.5:
            more, holds_more = any_leaf(chance, letters)
            keys, holds = f"{keys} {more}", lambda m, a=holds, b=holds_more: a(m) and b(m)
        uid = chance.random() < 0.5
        charset = chance.choice(["", "CHARSET UTF-8 "])
        wanted = [m.uid if uid else m.number for m in letters if holds(m)]
        assert search(imap, charset + keys, uid) == wanted, keys
        found += bool(wanted)
    assert found > 60


def test_every_leaf_by_chance(mail):
    imap, letters = mail
    chance = random.Random(4)
    for _ in range(150):
        keys, holds = any_leaf(chance, letters)
        assert search(imap, keys) == [m.number for m in letters if holds(m)], keys


def test_text_in_any_charset(mail):
    """RFC 3501 6.4.4: CHARSET is of the words that are looked for."""
    imap, letters = mail
    wanted = [m.number for m in letters if "größe" in m.fields["subject"]]
    assert wanted
    for charset in ("utf-8", "ISO-8859-1", "utf-16", "windows-1252", "cp850", "mac-roman"):
        octets = "GRÖSSE".encode(charset)
        if b"\0" in octets:
            continue  # no literal may have it
        keys = f"CHARSET {charset} SUBJECT {{{len(octets)}+}}\r\n".encode() + octets
        assert search(imap, keys) == wanted, charset
    assert imap.no("SEARCH CHARSET klingon SUBJECT x").startswith(b"NO [BADCHARSET]")
    # Without one, bytes beyond ASCII are taken for what they look like.
    assert search(imap, 'SUBJECT "größe"'.encode()) == wanted
    assert search(imap, 'SUBJECT "größe"'.encode("latin-1")) == wanted


def test_nothing_is_in_everything(mail):
    imap, letters = mail
    every = [m.number for m in letters]
    for key in ("SUBJECT", "FROM", "CC", "BCC", "BODY", "TEXT", "HEADER X-Mark"):
        assert search(imap, f'{key} ""') == every
    # ... but of a field that must be there (RFC 3501 6.4.4).
    assert search(imap, 'HEADER CC ""') == [m.number for m in letters if "cc" in m.fields]
    assert search(imap, 'NOT HEADER X-Other ""') == every
    assert search(imap, "ALL NOT ALL") == []


def test_sets(mail):
    imap, letters = mail
    last = letters[-1]
    assert search(imap, "*") == [last.number]
    assert search(imap, "UID *", uid=True) == [last.uid]
    assert search(imap, "UID 100000:*") == [last.number]  # RFC 3501 6.4.8
    assert search(imap, "UID 3,17,40:42") == []
    assert search(imap, f"2:4 NOT 3,{last.number}") == [2, 4]
    assert imap.bad(f"SEARCH {last.number + 1}").startswith(b"BAD ")


def test_recent_and_new(box):
    user = box.user(b"a: 1\r\n\r\n", b"a: 2\r\n\r\n")
    with box.dialogue() as imap:
        imap.login(user)
        imap.ok("SELECT INBOX")
        assert search(imap, "RECENT") == [1, 2] and search(imap, "OLD") == []
        imap.ok("STORE 1 +FLAGS (\\Seen)")
        assert search(imap, "NEW") == [2] and search(imap, "NOT NEW") == [1]
        imap.ok("UNSELECT")
        imap.ok("SELECT INBOX")
        assert search(imap, "RECENT") == [] and search(imap, "OLD UNSEEN") == [2]


def test_modseq(box):
    """RFC 7162 3.1.5, 3.1.6."""
    user = box.user(b"a: 1\r\n\r\n", b"a: 2\r\n\r\n", b"a: 3\r\n\r\n")
    with box.dialogue() as imap:
        imap.login(user)
        imap.ok("SELECT INBOX")
        assert b"MODSEQ" not in imap.ok("SEARCH ALL")[-1]
        answer = imap.ok("SEARCH MODSEQ 0")
        assert [line for line in answer if line.startswith(b"OK [HIGHESTMODSEQ")]
        highest = int(re.search(rb"\(MODSEQ (\d+)\)", answer[-1])[1])
        assert numbers(answer[-1]) == [1, 2, 3]
        assert imap.ok(f"SEARCH MODSEQ {highest + 1}") == [b"SEARCH"]
        imap.ok("STORE 2 +FLAGS (\\Flagged)")
        (line,) = imap.ok(f'UID SEARCH OR MODSEQ "/flags/\\\\flagged" all {highest + 1} SUBJECT nothing')
        assert numbers(line) == [2]
        assert int(re.search(rb"\(MODSEQ (\d+)\)", line)[1]) > highest
        assert imap.ok("FETCH 2 (UID FLAGS)")[0].count(b"MODSEQ") <= 1


MIXED = b"""From: "Doe, John" <john@example.org>
To: undisclosed: a@x.test, =?utf-8?b?SsO2cmc=?= <b@y.test>;
Subject: =?iso-2022-jp?B?GyRCJUYlOSVIGyhC?= =?utf-8?q?caf=C3=A9?=
Message-ID: <Mixed.1@example.org>
Date: Mon, 1 Jun 2020 23:59:59 -0800
Content-Type: multipart/mixed; boundary=outer

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-2022-jp

\x1b$B%F%9%H\x1b(B plain
--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p class=3D"big">html caf=C3=A9 soft=
ly</p>
--inner--
--outer
Content-Type: message/rfc822

From: Inner <inner@example.net>
Subject: =?utf-8?q?forw=C3=A4rded?=

forwarded body
--outer
Content-Type: application/pdf; name="Rechnung.pdf"
Content-Transfer-Encoding: base64
Content-Description: an enclosure

JVBERi0xLjQgaGlkZGVu
--outer--
""".replace(b"\n", b"\r\n")

DAMAGED = b"Subject: damaged\r\nDate: not a date\r\nContent-Type: text/plain; charset=nowhere\r\n\r\ncaf\xe9 caf\xc3\xa9\r\n"


@pytest.mark.parametrize(
    "keys, wanted",
    [
        ('SUBJECT "テスト"', [1]), ('SUBJECT "テストcafé"', [1]), ('SUBJECT "CAFE\u0301"', [1]),
        ('FROM "doe, john <john@"', [1]), ("FROM john@example.org", [1]), ("TO undisclosed", [1]),
        ('TO "jörg"', [1]), ('TO "<a@x.test>, jörg <b@y.test>;"', [1]), ("CC john", []), ('BODY "テスト"', [1]),
        ('BODY "html café softly"', [1]), ("BODY big", [1]),
        ('BODY "forwärded"', [1]), ("BODY inner@example.net", [1]), ('BODY "forwarded body"', [1]),
        ("BODY rechnung.pdf", [1]), ('BODY "an enclosure"', [1]), ("BODY hidden", []),
        ("BODY JVBER", []), ("BODY preamble", []), ('BODY "café"', [1, 2]), ("BODY john", []),
        ("TEXT john", [1]), ("TEXT mixed.1@", [1]), ('HEADER Message-Id "<mixed.1@example.org>"', [1]),
        ("HEADER message-id 2", []), ('HEADER "Content-Type" boundary=outer', [1]),
        ("SENTON 1-Jun-2020", [1]), ("SENTON 2-Jun-2020", []), ("SENTSINCE 1-Jan-1970", [1]),
        ("NOT SENTBEFORE 1-Jan-2030", [2]), ("BODY damaged", []), ("TEXT damaged", [2]),
        ("HEADER received loader", []),
    ],
)  # fmt: skip
def test_what_mail_is_made_of(odd, keys, wanted):
    assert search(odd, "CHARSET UTF-8 " + keys) == wanted


@pytest.fixture(scope="module")
def odd(box):
    imap = box.dialogue()
    imap.login(box.user(MIXED, DAMAGED))
    imap.ok("SELECT INBOX")
    yield imap
    imap.close()


def test_beyond_what_is_kept(box):
    """Of a long message the text that is searched has an end; what lies behind it is found as well,
    and not found where it isn't."""
    lines = b"".join(b"Line %d of many that say nothing\r\n" % i for i in range(12000))
    long = b"Subject: long\r\n\r\n" + lines + b"The needle is here.\r\n"
    coded = base64.encodebytes(lines + "Die Nädel hier.\r\n".encode("latin-1")).replace(b"\n", b"\r\n")
    mime = b"Content-Type: text/plain; charset=latin1\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    with box.dialogue() as imap:
        imap.login(box.user(long, b"Subject: short\r\n\r\nThe needle.\r\n", mime + coded))
        imap.ok("SELECT INBOX")
        assert search(imap, 'BODY "the needle"') == [1, 2]
        assert search(imap, 'TEXT "needle is"') == [1]
        assert search(imap, 'CHARSET UTF-8 TEXT "nÄdel HIER"') == [3]
        assert search(imap, "NOT BODY needle") == [3]
        assert search(imap, 'OR BODY "line 11999 " SUBJECT short') == [1, 2, 3]
        assert search(imap, 'BODY "line 11999 " NOT BODY needle') == [3]
        assert search(imap, "BODY haystack") == []


def test_lines_that_mansio_puts_before_a_message(received):
    """They are in the header that clients see, so they are searched (RFC 3501 6.4.4)."""
    imap = received
    assert search(imap, "HEADER Return-Path sender@") == [1]
    assert search(imap, "TEXT return-path") == [1]
    assert search(imap, "BODY return-path") == []
    assert search(imap, "HEADER Received lmtp") == [1]
    assert search(imap, "HEADER Received nothing") == []


@pytest.fixture
def received(postgres, search_lab):
    user = postgres.user()
    with search_lab.lmtp() as lmtp:
        lmtp.sendmail("sender@example.org", [user], b"Subject: x\r\n\r\nhello\r\n")
    with postgres.dialogue() as imap:
        imap.login(user)
        imap.ok("SELECT INBOX")
        yield imap


def test_while_mail_goes_away(box):
    """No number of a SEARCH means another message than the client knows (RFC 3501 7.4.1)."""
    user = box.user(*(b"Subject: %d\r\n\r\nword\r\n" % i for i in range(1, 6)))
    with box.dialogue() as imap, box.dialogue() as other:
        for each in (imap, other):
            each.login(user)
            each.ok("SELECT INBOX")
        other.ok("STORE 2 +FLAGS (\\Deleted)")
        other.ok("EXPUNGE")
        untagged = imap.ok("SEARCH SUBJECT 4")
        assert untagged[0] == b"SEARCH 4" and not [line for line in untagged if b"EXPUNGE" in line]
        assert search(imap, "BODY word")[-1] in (4, 5)
        imap.ok("NOOP")
        assert search(imap, "SUBJECT 4") == [3]
        assert search(imap, "ALL") == [1, 2, 3, 4]


@pytest.mark.parametrize("kept", ["nothing", "older"])
def test_without_texts_that_are_kept(postgres, search_lab, kept):
    """What the store can't tell is read: the same is found, of long and odd messages too."""
    chance = random.Random(7)
    letters = [Letter(chance, i + 1) for i in range(15)]
    user = postgres.user(*[letter.bytes for letter in letters], MIXED)
    for letter in letters:
        letter.uid, letter.flags, letter.keywords = letter.number, set(), set()
        letter.received = datetime.date.today()
    search_lab.sql(
        "DELETE FROM mansio.message_text"
        if kept == "nothing"
        else "UPDATE mansio.message_text SET content = chr(10) || 'x-mark: x-mark' || chr(10)"
    )
    with postgres.dialogue() as imap:
        imap.login(user)
        imap.ok("SELECT INBOX")
        for _ in range(60):
            keys, holds = any_program(chance, letters)
            keys = f"1:{len(letters)} {keys}"
            assert search(imap, keys) == [m.number for m in letters if holds(m)], keys
        last = [len(letters) + 1]
        for keys in ('BODY "html café softly"', 'HEADER Message-Id "<mixed.1@example.org>"', "BODY rechnung.pdf"):
            assert search(imap, keys) == last


def test_bad_programs_are_told(mail):
    imap, _ = mail
    for keys in ("", " ", "FROB", "SEEN ", "(SEEN", "OR SEEN", "NOT", "SUBJECT", "ON 1-Foo-2000", "UID", "1 )"):
        assert imap.bad(f"SEARCH {keys}" if keys else "SEARCH").startswith(b"BAD Expected ")
    assert imap.no("SEARCH " + "(" * 70 + "SEEN" + ")" * 70).startswith(b"NO [LIMIT]")
    assert imap.no("SEARCH " + "SEEN " * 600 + "SEEN").startswith(b"NO [LIMIT]")
