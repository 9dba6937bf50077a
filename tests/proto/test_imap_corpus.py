"""The corpus over IMAP, out of PostgreSQL: each part of each message as a cutter of our own has it,
envelopes and structures as python's email package reads them (tests/mail/compare.py). What LMTP
takes comes by LMTP and has our lines before it; the rest got there by the store interface."""

import collections
import email.utils
import pathlib
import re
import sys
import urllib.parse

import pytest
from mansio_test import cutter
from mansio_test.imap import lab_box
from mansio_test.imap_fetch import fetch
from mansio_test.letters import trace

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "mail")]
import compare  # noqa: E402
import test_corpus  # noqa: E402

SECTIONS_AT_ONCE = 60
FIELDS = [b"from", b"Subject", b"received", b"Content-Type"]

# Messages that the cutter doesn't read as we do, and why.
NOT_CUT = {
    # Inner and outer boundary are alike: it goes from the outside in, we from the inside out.
    "mimekit/mbox/simple.mbox.txt",
    "spamscope-mail-parser/mail_malformed_1",
    "stalwart-mail-parser/malformed/003.eml",
    "stalwart-mail-parser/malformed/005.eml",
    "stalwart-mail-parser/malformed/013.eml",
    # A boundary of more than 900 bytes.
    "james-mime4j/testmsgs/very-very-long-boundary.msg",
    # An empty line between an inner boundary and an outer one: to us it ends a header.
    "mikel-mail/attachment_emails/attachment_message_rfc822_inline_image.eml",
    "stalwart-mail-parser/malformed/020.eml",
    "stalwart-mail-parser/malformed/021.eml",
    # More text behind the type: to python it is then none (RFC 2045 5.1: the token ends).
    "mimekit/mbox/content-length-summary.txt",
    "mimekit/mbox/jwz-summary.txt",
}


@pytest.fixture(scope="module")
def corpus(shared):
    top = shared / "corpus"
    names = sorted(compare.messages(top))
    assert len(names) > 700
    return {name: test_corpus.delivered((top / name).read_bytes()) for name in names}


def load(lab_port, box, user, corpus):
    dialogue = test_corpus.Dialogue(lab_port)
    assert dialogue.ask("LHLO client.example.org").startswith("250")
    for name, data in corpus.items():
        if test_corpus.reason_to_refuse(data):
            box.load(user, data)
            continue
        assert dialogue.ask("MAIL FROM:<sender@example.org> BODY=8BITMIME").startswith("250")
        assert dialogue.ask(f"RCPT TO:<{user}>").startswith("250")
        assert dialogue.ask("DATA").startswith("354")
        dialogue.send(re.sub(rb"(?:\A|(?<=\n))\.", b"..", data) + b".\r\n")
        assert dialogue.reply().startswith("250"), name
    dialogue.close()


class Mailbox:
    """A dialogue with the mailbox that holds them all; of each message what was sent, and the lines
    before it."""

    def __init__(self, imap, corpus):
        self.imap = imap
        self.names = list(corpus)
        self.data = [corpus[name].replace(b"\0", b" ") for name in self.names]
        self.prefixes = []


@pytest.fixture(scope="module")
def mailbox(make_lab, install, corpus):
    lab = make_lab("imap-corpus", accounts=4)
    box = lab_box(lab, install)
    user = box.user()
    load(lab.port("lmtp"), box, user, corpus)
    with box.dialogue() as imap:
        imap.login(user)
        imap.ok("SELECT INBOX")
        yield Mailbox(imap, corpus)


def test_messages_come_back_byte_for_byte(mailbox, corpus):
    got = fetch(mailbox.imap, "1:* (RFC822.SIZE BODY.PEEK[])")
    assert len(got) == len(corpus)
    wrong = []
    for number, data in enumerate(mailbox.data, 1):
        whole = got[number]["BODY[]"]
        before = whole[: len(whole) - len(data)]
        ours = not test_corpus.reason_to_refuse(corpus[mailbox.names[number - 1]])
        if (trace(whole, data) is None if ours else whole != data) or (
            got[number]["RFC822.SIZE"] != len(whole)
        ):
            wrong.append(mailbox.names[number - 1])
        mailbox.prefixes.append(before)
    assert not wrong


def expected(data, prefix):
    """Sections of a message by name: what each is, None for what there isn't."""
    root, found = cutter.sections(data, prefix)
    wanted = dict(found)
    names = " ".join(name.decode() for name in FIELDS)
    head = cutter.Part(prefix + data, 0, len(prefix) + root.body, len(prefix) + root.body)
    for opposite in (False, True):
        label = f"HEADER.FIELDS{'.NOT' if opposite else ''} ({names})"
        wanted[label] = cutter.fields(head, prefix + data, FIELDS, opposite)
    for name in [name for name in found if name.endswith(".HEADER")]:
        inside = found[name]
        part = cutter.Part(inside, 0, len(inside), len(inside))
        wanted[f"{name}.FIELDS ({names})"] = cutter.fields(part, inside, FIELDS)
    numbers = [name for name in found if re.fullmatch(r"[\d.]+", name)]
    for name in numbers:
        for suffix in (".MIME", ".HEADER", ".TEXT"):
            wanted.setdefault(name + suffix, None)
        if name + ".1" not in found:
            wanted[name + ".1"] = None
    wanted["999"] = wanted["999.MIME"] = None
    return wanted


def partial(name, whole):
    """Some ranges of a section."""
    size = len(whole or b"")
    ranges = {0: 1, size // 3: 50, max(size - 3, 0): 10, size + 1: 5}
    for origin, length in ranges.items():
        cut = None if whole is None else whole[origin : origin + length]
        yield f"[{name}]<{origin}.{length}>", f"BODY[{name}]<{origin}>", cut


def test_parts_are_those_of_the_cutter(mailbox):
    wrong, sections = set(), 0
    for number, name in enumerate(mailbox.names, 1):
        if name in NOT_CUT:
            continue
        wanted = expected(mailbox.data[number - 1], mailbox.prefixes[number - 1])
        asked = [(f"[{section}]", f"BODY[{section}]", value) for section, value in wanted.items()]
        for section in list(wanted)[number % 3 :: 3]:
            asked += partial(section, wanted[section])
        for at in range(0, len(asked), SECTIONS_AT_ONCE):
            some = asked[at : at + SECTIONS_AT_ONCE]
            what = " ".join(f"BODY.PEEK{section}" for section, _, _ in some)
            ((_, got),) = fetch(mailbox.imap, f"{number} ({what})").items()
            for _, label, value in some:
                sections += 1
                if got[label] != value:
                    wrong.add((name, label, str(got[label])[:60], str(value)[:60]))
    assert not wrong, "\n".join(map(str, sorted(wrong)))
    print(f"{sections} sections of {len(mailbox.names)} messages")


# ---- ENVELOPE and BODYSTRUCTURE, as facts that compare.py compares


def add_params(facts, section, field, values):
    for name, value in zip(values[::2], values[1::2]):
        if name.endswith(b"*"):  # RFC 2231
            charset, language, text = value.decode("latin-1").split("'", 2)
            text = urllib.parse.unquote(text, encoding="latin-1")
            name, value = name[:-1], compare.text(
                email.utils.collapse_rfc2231_value((charset, language, text))
            )
        facts[section, field].append(name + b"=" + value)


def add_envelope(facts, section, envelope):
    date, subject, *lists, in_reply_to, message_id = envelope
    for field, value in zip(
        ("date", "subject", "in-reply-to", "message-id"), (date, subject, in_reply_to, message_id)
    ):
        if value is not None:
            facts[section, field].append(value)
    for field, addresses in zip(("from", "sender", "reply-to", "to", "cc", "bcc"), lists):
        for name, _, local, host in addresses or []:
            if host is not None and local + host:
                spec = local + (b"@" + host if host else b"")
                facts[section, field].append(b" ".join((name or b"").split()) + b"|" + spec)


def add_extension(facts, section, values):
    disposition, language, location = values
    if disposition is not None:
        facts[section, "disposition"].append(disposition[0])
        add_params(facts, section, "disposition-param", disposition[1] or [])
    if language is not None:
        whole = language if isinstance(language, list) else [language]
        facts[section, "language"].append(b",".join(tag.strip() for tag in whole))
    if location is not None:
        facts[section, "location"].append(location)


def add_structure(facts, section, body):
    if isinstance(body[0], list):
        count = next(i for i, value in enumerate(body) if not isinstance(value, list))
        facts[section, "type"].append(b"multipart/" + body[count])
        facts[section, "kind"].append(b"1")
        add_params(facts, section, "param", body[count + 1] or [])
        add_extension(facts, section, body[count + 2 :])
        for number, child in enumerate(body[:count], 1):
            add_structure(facts, f"{section}.{number}", child)
        return
    kind, subtype, params, identity, description, encoding, octets, *rest = body
    facts[section, "type"].append(kind + b"/" + subtype)
    add_params(facts, section, "param", params or [])
    for field, value in (("id", identity), ("description", description), ("encoding", encoding)):
        if value is not None:
            facts[section, field].append(value)
    assert isinstance(octets, int)
    is_message = (kind, subtype) == (b"message", b"rfc822")
    facts[section, "kind"].append(b"2" if is_message else b"0")
    if is_message:
        envelope, inside, *rest = rest
        add_envelope(facts, section + ".m", envelope)
        add_structure(facts, section + ".m", inside)
    if is_message or kind == b"text":
        lines, *rest = rest
        if not is_message:
            facts[section, "body-lines"].append(b"%d" % lines)
    md5, *rest = rest
    if md5 is not None:
        facts[section, "md5"].append(md5)
    add_extension(facts, section, rest)


EMPTY = {"type": b"text/plain", "kind": b"0", "encoding": b"7bit", "body-lines": b"0"}


def as_printed(theirs):
    """What IMAP prints where a header says nothing, and what it doesn't print."""
    sections = {section for section, field in theirs if field == "type"}
    for section in sections:
        # The grammar wants a part in each multipart.
        if theirs[section, "kind"] == [b"1"] and section + ".1" not in sections:
            theirs.update({(section + ".1", field): [value] for field, value in EMPTY.items()})
    for section in sections:
        if theirs[section, "kind"] == [b"0"] or theirs[section, "kind"] == [b"2"]:
            theirs.setdefault((section, "encoding"), [b"7bit"])
        else:
            for field in ("encoding", "id", "description", "md5"):
                theirs.pop((section, field), None)
        if not theirs[section, "type"][0].startswith(b"text/"):
            theirs.pop((section, "body-lines"), None)
        for field in ("sender", "reply-to"):
            if not theirs.get((section, field)) and theirs.get((section, "from")):
                theirs[section, field] = theirs[section, "from"]
        if (section, "language") in theirs:
            tags = theirs[section, "language"][0].split(b",")
            theirs[section, "language"] = [b",".join(tag.strip() for tag in tags)]
        for field in ("references", "date-seconds", "date-zone"):
            theirs.pop((section, field), None)


def is_known(name, place):
    """A clause says why ours is otherwise; what follows from that is known, too."""
    section, _, field = place.partition(":")
    places = [place]
    if field in ("sender", "reply-to"):
        places.append(f"{section}:from")
    if field in ("encoding", "body-lines"):
        places.append(f"{section}:type")
    return any(compare.clause_of(name, place) != "?" for place in places)


def test_structures_are_those_of_python(mailbox):
    got = fetch(mailbox.imap, "1:* (ENVELOPE BODYSTRUCTURE)")
    rows = []
    for number, name in enumerate(mailbox.names, 1):
        facts = collections.defaultdict(list)
        add_envelope(facts, "", got[number]["ENVELOPE"])
        add_structure(facts, "", got[number]["BODYSTRUCTURE"])
        theirs = compare.Theirs(mailbox.data[number - 1])
        as_printed(theirs.facts)
        theirs.bodies = {section: b"" for section, field in theirs.facts if field == "body-lines"}
        for _, place, ours, other in compare.compare(name, b"", facts, theirs):
            if not is_known(name, place):
                rows.append((name, place, compare.show(ours), compare.show(other)))
    assert not rows, f"{len(rows)}\n" + "\n".join(map(str, rows))


def test_body_is_bodystructure_without_extensions(mailbox):
    """RFC 3501 6.4.5: the non-extensible form."""

    def strip(body):
        if isinstance(body[0], list):
            count = next(i for i, value in enumerate(body) if not isinstance(value, list))
            return [strip(child) for child in body[:count]] + [body[count]]
        kept = 7 + (body[0] == b"text")
        if (body[0], body[1]) == (b"message", b"rfc822"):
            return body[:8] + [strip(body[8]), body[9]]
        return body[:kept]

    got = fetch(mailbox.imap, "1:* (BODY BODYSTRUCTURE)")
    assert [n for n, items in got.items() if strip(items["BODYSTRUCTURE"]) != items["BODY"]] == []
