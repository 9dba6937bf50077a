"""FETCH responses taken apart (RFC 3501 7.4.2 and 9), strictly: what the grammar doesn't have is an
error."""

import re

_SECTION = re.compile(
    rb"(?:BODY\[[^\]({]*(?: \((?:[^(){]|\{\d+\}\r\n)*\))?\](?:<\d+>)?|RFC822(?:\.HEADER|\.TEXT)?(?= ))"
)
_ATOM = re.compile(rb"[^\x00-\x20\x7f(){%*\"\]]+")
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00\x80-\xff]|\\["\\])*)"')


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def see(self, byte):
        return self.data[self.at : self.at + 1] == byte

    def take(self, text):
        found = self.data[self.at : self.at + len(text)]
        assert found == text, f"{text!r} wanted at {self.data[self.at : self.at + 40]!r}"
        self.at += len(text)

    def match(self, pattern):
        found = pattern.match(self.data, self.at)
        assert found, f"{pattern.pattern!r} wanted at {self.data[self.at : self.at + 40]!r}"
        self.at = found.end()
        return found

    def string(self):
        """nstring: bytes, or None."""
        if self.see(b'"'):
            return re.sub(rb"\\(.)", rb"\1", self.match(_QUOTED)[1])
        if self.see(b"{"):
            size = int(self.match(_LITERAL)[1])
            value = self.data[self.at : self.at + size]
            assert len(value) == size and b"\0" not in value
            self.at += size
            return value
        self.take(b"NIL")
        return None

    def value(self):
        """A list of values; a number; an atom as text; a string as bytes; None for NIL."""
        if self.see(b"("):
            return self.list()
        if self.see(b'"') or self.see(b"{"):
            return self.string()
        atom = self.match(_ATOM)[0]
        if atom == b"NIL":
            return None
        return int(atom) if atom.isdigit() else atom.decode()

    def list(self):
        self.take(b"(")
        values = []
        while not self.see(b")"):
            if values and self.see(b" "):
                self.take(b" ")
            values.append(self.value())
        self.take(b")")
        return values


def parse(reply):
    """The number of a message, and its items by name: of "3 FETCH (...)"."""
    reader = Reader(reply)
    number = int(reader.match(re.compile(rb"(\d+) FETCH \("))[1])
    items = {}
    while True:
        if section := _SECTION.match(reply, reader.at):
            reader.at = section.end()
            name = section[0].decode("latin-1")
            reader.take(b" ")
            value = reader.string()
        else:
            name = reader.match(_ATOM)[0].decode()
            reader.take(b" ")
            value = reader.value()
        assert name not in items or items[name] == value, f"{name} twice"
        items[name] = value
        if reader.see(b")"):
            reader.take(b")")
            assert reader.at == len(reply), f"{reply[reader.at:]!r} behind the end"
            return number, items
        reader.take(b" ")


def fetch(dialogue, what):
    """Items by number of "FETCH what" or "UID FETCH what"."""
    found = {}
    for reply in dialogue.ok(what if what.startswith("UID ") else f"FETCH {what}"):
        if b" FETCH (" in reply:
            number, items = parse(reply)
            found.setdefault(number, {}).update(items)
    return found
