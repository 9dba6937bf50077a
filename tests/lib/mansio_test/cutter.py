"""Messages cut into the parts that IMAP numbers, by offsets (RFC 3501 6.4.5, RFC 2046 5.1): written
apart from the parser that it judges. Goes from the outside in: a multipart is split at its own
boundary first, and each piece then by itself."""

import email.message
import email.policy
import re

_FIELD = re.compile(rb"[!-9;-~]*[ \t]*:")
_MBOX = re.compile(rb">?From ")


class _Raw(email.policy.Compat32):
    def header_fetch_parse(self, name, value):
        return value


def lines_of(data, start, end):
    """Offsets of lines: first byte, and behind the line end."""
    while start < end:
        newline = data.find(b"\n", start, end)
        behind = end if newline < 0 else newline + 1
        yield start, behind
        start = behind


def _without_end(data, start, end):
    """`end` moved before the line end that stands there."""
    if end > start and data[end - 1 : end] == b"\n":
        end -= 1
        if end > start and data[end - 1 : end] == b"\r":
            end -= 1
    return end


class Part:
    """`kind`: leaf, multipart, message (its one child is the message's root)."""

    def __init__(self, data, start, end, hard_end, default="text/plain"):
        """Bytes from `start` up to `end`; `hard_end` is behind the line end that belongs to the
        boundary there."""
        self.data, self.start = data, start
        self.body = self._end_of_header(start, hard_end)
        self.end = max(end, self.body)
        self.children = []
        self.fields = self._read_fields()
        self._read_type(default)
        if self.kind == "multipart" and self.boundary:
            self._split(hard_end)
        elif self.kind == "message":
            self.children = [Part(data, self.body, self.end, hard_end)]

    def _end_of_header(self, start, end):
        for first, behind in lines_of(self.data, start, end):
            line = self.data[first:behind]
            if line in (b"\n", b"\r\n"):
                return behind
            if line[:1] not in (b" ", b"\t") and not _FIELD.match(line) and not _MBOX.match(line):
                return first
        return end

    def _read_fields(self):
        """Names in lower case, and offsets of each field with its folded lines."""
        fields, last = [], None
        for first, behind in lines_of(self.data, self.start, self.body):
            line = self.data[first:behind]
            if line[:1] in (b" ", b"\t"):
                if last:
                    last[2] = behind
                continue
            last = None
            if (match := _FIELD.match(line)) and line not in (b"\n", b"\r\n"):
                last = [match[0][:-1].rstrip(b" \t").lower(), first, behind]
                fields.append(last)
        return fields

    def value(self, name):
        """Of the first field of a name, unfolded; None."""
        for known, first, behind in self.fields:
            if known == name:
                raw = self.data[first:behind].split(b":", 1)[1]
                return re.sub(rb"[\r\n\0]", b"", raw).strip(b" \t")
        return None

    def _read_type(self, default):
        message = email.message.Message(policy=_Raw())
        message.set_default_type(default)
        value = self.value(b"content-type")
        if value is not None:
            message["Content-Type"] = value.decode("ascii", "surrogateescape")
        self.type = message.get_content_type()
        self.boundary = (message.get_boundary() or "").encode("ascii", "surrogateescape")
        if self.type.startswith("multipart/"):
            self.kind = "multipart"
        else:
            self.kind = "message" if self.type in ("message/rfc822", "message/global") else "leaf"

    def _split(self, hard_end):
        """The pieces between boundaries; the last line end of a message without its closing
        boundary belongs to that."""
        opened, closed = None, False
        default = "message/rfc822" if self.type == "multipart/digest" else "text/plain"
        for first, behind in lines_of(self.data, self.body, self.end):
            line = self.data[first:behind].rstrip(b" \t\r\n\v\f")
            if line not in (b"--" + self.boundary, b"--" + self.boundary + b"--"):
                continue
            if opened is not None and opened < first:
                self._add(opened, _without_end(self.data, opened, first), first, default)
            opened = behind
            if line != b"--" + self.boundary:
                closed = True
                break
        if opened is not None and not closed:
            end = self.end
            if end == len(self.data):
                end = _without_end(self.data, opened, end)
            self._add(opened, end, hard_end, default)

    def _add(self, start, end, hard_end, default):
        self.children.append(Part(self.data, start, end, hard_end, default))


def cut(data):
    """The root of a message."""
    return Part(data, 0, len(data), len(data))


def sections(data, prefix=b""):
    """What each section of a message is, by its name between the brackets. HEADER.FIELDS aside."""
    root = cut(data)
    found = {
        "": prefix + data,
        "HEADER": prefix + data[: root.body],
        "TEXT": data[root.body :],
    }

    def add(part, name):
        found[name] = data[part.body : part.end]
        found[name + ".MIME"] = (prefix if part is root else b"") + data[part.start : part.body]
        if part.kind == "message":
            inside = part.children[0]
            found[name + ".HEADER"] = data[inside.start : inside.body]
            found[name + ".TEXT"] = data[inside.body : inside.end]
        add_parts(part, name + ".")

    def add_parts(part, before):
        """What the numbers behind a part mean."""
        if part.kind == "multipart":
            for number, child in enumerate(part.children, 1):
                add(child, f"{before}{number}")
            if not part.children:
                found[before + "1"] = found[before + "1.MIME"] = b""
        elif part.kind == "message":
            add_message(part.children[0], before)

    def add_message(inside, before):
        if inside.kind == "multipart":
            add_parts(inside, before)
        else:
            add(inside, before + "1")

    add_message(root, "")
    return root, found


def fields(part, data, names, opposite=False):
    """HEADER.FIELDS of a message's root, or its opposite."""
    wanted = {name.lower() for name in names}
    chosen = b"".join(
        data[first:behind] for name, first, behind in part.fields if (name in wanted) != opposite
    )
    if chosen and not chosen.endswith(b"\n"):
        chosen += b"\r\n"
    return chosen + b"\r\n"
