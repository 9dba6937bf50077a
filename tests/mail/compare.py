#!/usr/bin/python3
"""Compare what core/mail finds in messages with what python's email package finds.

    compare.py DUMP CORPUS [--rows FILE]

Each message is brought into the form that SMTP would deliver: LF becomes CRLF, an mbox From line
goes. Every difference is a row: file, section:field, RFC clause, ours, theirs. A row whose clause
nobody wrote down (a "?") makes the comparison fail, and so do more than one message in twenty with
rows.
"""

import argparse
import collections
import email
import email.policy
import email.utils
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse

SKIPPED = re.compile(r"(^|/)(README\.md|INDEX\.tsv|LICENSES/.*|\.gitattributes)$|\.(json|xml)$")
TEXTS = ["subject", "in-reply-to", "message-id", "references", "date"]
ADDRESSES = ["from", "sender", "reply-to", "to", "cc", "bcc"]
DETAILS = {
    "id": "content-id",
    "description": "content-description",
    "md5": "content-md5",
    "language": "content-language",
    "location": "content-location",
}


class Raw(email.policy.Compat32):
    """Header values as the parser found them."""

    def header_fetch_parse(self, name, value):
        return value


RAW = Raw()


def messages(corpus):
    """Paths of the messages, from the corpus's folder."""
    for top, _, names in os.walk(corpus):
        for name in names:
            path = os.path.relpath(os.path.join(top, name), corpus)
            if not SKIPPED.search(path):
                yield path


def delivered(data):
    """The bytes that a message has when it came by SMTP."""
    data = re.sub(rb"(?<!\r)\n", b"\r\n", data)
    if re.match(rb">?From ", data):
        data = data.split(b"\n", 1)[1] if b"\n" in data else b""
    return data


def unfold(value):
    return re.sub(r"[\r\n\0]", "", value).strip(" \t\r\n")


def text(value):
    """Bytes of python's text, of which the undecodable are surrogates."""
    return str(value).encode("utf-8", "surrogateescape")


def addresses_of(values):
    """Names and addresses, the local parts without quotes."""
    if not values:
        return []
    try:  # Debian's has got the strict form, which gives nothing at all if anything is odd
        found = email.utils.getaddresses(values, strict=False)
    except TypeError:
        found = email.utils.getaddresses(values)
    return [(name, re.sub(r'^"(.*)"@', lambda m: re.sub(r"\\(.)", r"\1", m[1]) + "@", spec))
            for name, spec in found]


class Theirs:
    """Facts of python's email package, by (section, field)."""

    def __init__(self, data):
        self.facts = collections.defaultdict(list)
        self.bodies = {}
        self.part(email.message_from_bytes(data, policy=RAW), "", True)

    def add(self, section, field, value):
        self.facts[section, field].append(value)

    def first(self, part, name):
        value = part.get(name)
        return None if value is None else unfold(value)

    def params(self, part, section, field, header):
        try:
            found = part.get_params(header=header)
        except Exception as err:  # it is known to fail on a few
            self.add(section, field, ("error: %r" % err).encode())
            return
        for name, value in (found or [])[1:]:
            if isinstance(value, tuple):
                value = email.utils.collapse_rfc2231_value(value)
            else:
                value = re.sub(r"[\r\n\0]", "", value)
            if name:  # python makes an empty one of what stands behind the last semicolon
                self.add(section, field, text(name.lower()) + b"=" + text(value))

    def envelope(self, part, section):
        for field in TEXTS:
            value = self.first(part, field)
            if value is not None:
                self.add(section, field, text(value))
        date = self.first(part, "date")
        if date is not None:
            try:
                parsed = email.utils.parsedate_tz(date)
                if parsed:
                    seconds = email.utils.mktime_tz(parsed)
                    self.add(section, "date-seconds", b"%d" % seconds)
                    if parsed[9] is not None:
                        self.add(section, "date-zone", b"%d" % (parsed[9] // 60))
            except Exception:
                pass
        for field in ADDRESSES:
            values = [re.sub(r"[\r\n\0]", "", value) for value in part.get_all(field, [])]
            try:
                found = addresses_of(values)
            except RecursionError:  # python's reader calls itself for each entry of a group
                found = [("error", "RecursionError")]
            for name, spec in found:
                if spec:
                    self.add(section, field, b" ".join(text(name).split()) + b"|" + text(spec))

    def part(self, part, section, is_message):
        kind = part.get_content_type()
        self.add(section, "type", text(kind))
        if part.get("content-type") is not None:
            self.params(part, section, "param", "content-type")
        encoding = self.first(part, "content-transfer-encoding")
        if encoding:
            self.add(section, "encoding", text(encoding.lower()))
        if part.get("content-disposition") is not None:
            value = part.get_content_disposition()
            if value:
                self.add(section, "disposition", text(unfold(value)))
            self.params(part, section, "disposition-param", "content-disposition")
        for field, header in DETAILS.items():
            value = self.first(part, header)
            if value is not None:
                self.add(section, field, text(value))
        if is_message:
            self.envelope(part, section)
        if kind.startswith("multipart/"):
            self.add(section, "kind", b"1")
            children = part.get_payload() if part.is_multipart() else []
            for number, child in enumerate(children, 1):
                self.part(child, section + ".%d" % number, False)
        elif kind in ("message/rfc822", "message/global"):
            self.add(section, "kind", b"2")
            if part.is_multipart():
                self.part(part.get_payload(0), section + ".m", True)
        else:
            self.add(section, "kind", b"0")
            if not part.is_multipart():
                payload = part._payload  # get_payload() would decode it
                body = (payload or "").encode("ascii", "surrogateescape")
                self.bodies[section] = body
                self.add(section, "body-lines", b"%d" % body.count(b"\n"))


def ours_of(lines):
    facts = collections.defaultdict(list)
    for line in lines:
        section, field, value = line.split(b"\t")
        facts[section.decode(), field.decode()].append(urllib.parse.unquote_to_bytes(value))
    return facts


def show(values):
    joined = b" ; ".join(values)
    return "".join(chr(b) if 32 <= b < 127 else "\\x%02x" % b for b in joined)[:300]


# Why ours is as it is: (path, section and field, clause). What is not here has to be looked at.
REASONS = [
    (r"cpython.*/msg_25.txt", r":param", "RFC 2045 5.1: what is cut off in a quoted string is no parameter"),
    (r".*/multi-digest.msg|.*/multi-simple.msg|.*/thirdparty/012.eml", r".*",
     "RFC 5322 2.2.3: folding inside of a quoted boundary is undone"),
    (r".*/very-very-long-boundary.msg", r".*", "RFC 2046 5.1.1: a boundary has at most 70 characters (900 are taken)"),
    (r".*/JAMES-1593.eml", r":encoding", "RFC 2045 6.1: an encoding is a token; the quotes are no part of it"),
    (r"james-project/invalid.eml", r".*param", "RFC 2045 5.1: an open quoted string ends with the field"),
    (r".*/missing_body.eml", r":to", "RFC 5322 3.4: none; a group's name inside of angle brackets"),
    (r".*/mix_caps_content_type.eml", r":from", "RFC 5322 4.4: words that no dot joins are no local part"),
    (r".*/raw_email_multiple_from.eml", r".*", "RFC 5322 3.4: two addresses without a comma: the first counts"),
    (r".*/raw_email_with_at_display_name.eml", r":to", "RFC 5322 3.2.3: none; an address as a name without quotes"),
    (r".*/rfc2822/example10.eml|.*/stalwart-mail-parser/rfc/002.eml|stalwart-mail-parser/rfc/002.eml|.*/rfc3464-10.eml",
     r".*(from|to)", "RFC 5322 3.2.2: a comment is no part of a display name; it is one where there is none"),
    (r".*/rfc2822/example13.eml|.*/phish_sender3.eml|.*/malformed/019.eml", r".*",
     "RFC 5322 4.5: white space before the colon of a field"),
    (r"mimekit/mbox/.*-summary.txt|.*/lhost-x1-02.eml|.*/malformed/017.eml", r".*(type|kind)",
     "RFC 2045 5.1: a type ends where its token ends"),
    (r".*/simple.mbox.txt|.*/mail_malformed_1|.*/malformed/003.eml|.*/malformed/013.eml|.*/malformed/005.eml",
     r".*", "RFC 2046 5.1.2: inner and outer boundary are alike: it is the inner one's"),
    (r".*/disposition-notification.anonymized.eml", r".*date-.*", "RFC 5322 3.3: a comment before the zone"),
    (r".*/stack-overflow.txt", r":to", "none: python calls itself too deep"),
    (r".*/phish_sender6.eml", r":from", "RFC 5322 4.4: a source route"),
    (r".*/nice/unicode2", r":from", "RFC 5322 3.4: words that are no address are kept whole"),
    (r".*/legacy/039.eml|.*/m4008.txt", r".*disposition-param", "RFC 5322 3.2.4: a quoted pair"),
    (r".*/thirdparty/010.eml", r":param", "RFC 2045 5.1: a parameter without its semicolon is lost"),
]


def clause_of(path, place):
    """The clause of a difference; "?" if nobody has looked at it."""
    for path_pattern, place_pattern, clause in REASONS:
        if re.fullmatch(path_pattern, path) and re.fullmatch(place_pattern, place):
            return clause
    return "?"


def compare(path, data, ours, theirs):
    rows = []
    ignored = {"limited", "text", "header-start", "body-start", "body-end", "header-lines"}
    keys = {key for key in set(ours) | set(theirs.facts) if key[1] not in ignored}
    for section, field in sorted(keys):
        a, b = ours.get((section, field), []), theirs.facts.get((section, field), [])
        if field == "body-lines" and section not in theirs.bodies:
            continue
        if field in ADDRESSES:
            a = [b" ".join(value.split()) for value in a]
        if a != b:
            rows.append((path, section + ":" + field, a, b))
    for section, body in theirs.bodies.items():
        start = ours.get((section, "body-start"))
        end = ours.get((section, "body-end"))
        if start and end:
            found = data[int(start[0]) : int(end[0])]
            if found != body:
                rows.append((path, section + ":body", [found[:80]], [body[:80]]))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump")
    parser.add_argument("corpus")
    parser.add_argument("--rows")
    options = parser.parse_args()
    paths = sorted(messages(options.corpus))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        data = {}
        for number, path in enumerate(paths):
            with open(os.path.join(options.corpus, path), "rb") as source:
                data[path] = delivered(source.read())
            with open(os.path.join(scratch, "%d" % number), "wb") as target:
                target.write(data[path])
        out = subprocess.run(
            [os.path.abspath(options.dump)] + ["%d" % n for n in range(len(paths))],
            cwd=scratch, stdout=subprocess.PIPE, check=True).stdout
    lines = collections.defaultdict(list)
    for line in out.splitlines():
        number, rest = line.split(b"\t", 1)
        lines[int(number)].append(rest)
    for number, path in enumerate(paths):
        theirs = Theirs(data[path])
        for name, field, a, b in compare(path, data[path], ours_of(lines[number]), theirs):
            rows.append((name, field, clause_of(name, field), show(a), show(b)))
    with open(options.rows, "w") if options.rows else sys.stdout as target:
        for row in rows:
            print("\t".join(row), file=target)
    differing = {row[0] for row in rows}
    unknown = [row for row in rows if row[2].startswith("?")]
    print("# %d messages, %d with differences, %d rows, %d without a clause"
          % (len(paths), len(differing), len(rows), len(unknown)))
    for row in unknown[:20]:  # the rest is in the table of rows
        print("# not looked at: " + "  ".join(row))
    return 1 if unknown or not paths or len(differing) * 20 > len(paths) else 0


if __name__ == "__main__":
    sys.exit(main())
