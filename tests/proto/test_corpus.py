"""The corpus through LMTP and SMTP and back over POP3, byte for byte after our own lines. What a
protocol must refuse gets its documented reply, and comes back exact when it got into the mailbox by
the store interface. corpus_refused.tsv lists those."""

import pathlib
import re
import shutil
import socket

import pytest
from mansio_test.lab import PASSWORD
from mansio_test.letters import trace

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = re.compile(r"(^|/)(README\.md|INDEX\.tsv|LICENSES/.*|\.gitattributes)$|\.(json|xml)$")
REFUSED = HERE / "corpus_refused.tsv"
READER = "user1@alpha.test"


class Dialogue:
    """A socket read by lines, bytes kept as they are."""

    def __init__(self, port, greets=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        if greets:
            self.reply()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), f"the server closed: {line!r}"
        return line[:-2]

    def reply(self):
        """The last line of an SMTP answer."""
        while True:
            line = self.line()
            if line[3:4] != b"-":
                return line.decode()

    def ask(self, command):
        self.send(command.encode() + b"\r\n")
        return self.reply()

    def close(self):
        self.socket.close()


def delivered(data):
    """The bytes that a message has when it comes by SMTP: LF becomes CRLF, an mbox From line goes,
    and the last line ends."""
    data = re.sub(rb"(?<!\r)\n", b"\r\n", data)
    if re.match(rb">?From ", data):
        data = data.split(b"\n", 1)[1] if b"\n" in data else b""
    return data if data.endswith(b"\r\n") or not data else data + b"\r\n"


def reason_to_refuse(data):
    """What RFC 5321 doesn't allow on the wire; empty if all is well."""
    if b"\0" in data:
        return "NUL (RFC 5321 4.5.2, RFC 5322 4)"
    if re.search(rb"\r(?!\n)", data):
        return "bare CR (RFC 5321 2.3.8)"
    if any(len(line) > 998 for line in data.split(b"\r\n")):
        return "line over 998 octets (RFC 5321 4.5.3.1.6)"
    return ""


@pytest.fixture(scope="module")
def corpus(shared):
    top = shared / "corpus"
    files = sorted(
        path
        for path in top.rglob("*")
        if path.is_file() and not SKIPPED.search(str(path.relative_to(top)))
    )
    assert len(files) > 700
    return {str(path.relative_to(top)): delivered(path.read_bytes()) for path in files}


@pytest.fixture(scope="module")
def lab(make_lab, install, tmp_path_factory):
    """One with the loader, and room for lines as they are."""
    lab = make_lab("corpus", accounts=4)
    modules = tmp_path_factory.mktemp("modules")
    shutil.copy(install.build / "tests" / "modules" / "store-loader.so", modules / "store-loader.so")
    lab.loader_port = lab.free_port()
    extra = lab.directory / "extra.yaml"
    extra.write_text(
        f"instances: {{loader: {{module: {modules}/store-loader.so}}}}\n"
        f"listeners: {{loader: {{address: ['127.0.0.1:{lab.loader_port}'], serve: loader}}}}\n"
    )
    lab.node.extra = extra
    return lab.up()


def submit(dialogue, data):
    """One transaction; the reply to the end of data."""
    assert dialogue.ask("MAIL FROM:<sender@example.org> BODY=8BITMIME").startswith("250")
    assert dialogue.ask(f"RCPT TO:<{READER}>").startswith("250")
    assert dialogue.ask("DATA").startswith("354")
    dialogue.send(re.sub(rb"(?:\A|(?<=\n))\.", b"..", data) + b".\r\n")
    return dialogue.reply()


def read_all(lab):
    """Every message of the reader's mailbox as bytes, in order; then they are deleted."""
    box = Dialogue(lab.port("pop3"), greets=False)
    assert box.line().startswith(b"+OK")
    messages = []

    def ask(command):
        box.send(command.encode() + b"\r\n")
        answer = box.line()
        assert answer.startswith(b"+OK"), f"{command}: {answer}"
        return answer

    ask(f"USER {READER}")
    ask(f"PASS {PASSWORD}")
    count = int(ask("STAT").split()[1])
    for number in range(1, count + 1):
        size = int(ask(f"LIST {number}").split()[2])
        ask(f"RETR {number}")
        lines = []
        while (line := box.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        data = b"".join(line + b"\r\n" for line in lines)
        assert len(data) == size, f"message {number}: LIST says {size}, RETR gave {len(data)}"
        messages.append(data)
        ask(f"DELE {number}")
    ask("QUIT")
    box.close()
    return messages


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_corpus_comes_back_byte_for_byte(lab, corpus, protocol):
    dialogue = Dialogue(lab.port(protocol))
    hello = "LHLO" if protocol == "lmtp" else "EHLO"
    assert dialogue.ask(f"{hello} client.example.org").startswith("250")
    taken, refused, wrong = [], {}, []
    for name, data in corpus.items():
        reply = submit(dialogue, data)
        if reply.startswith("250"):
            taken.append(name)
        else:
            refused[name] = reply
        why = reason_to_refuse(data)
        if bool(why) == reply.startswith("250") or (why and not reply.startswith("5")):
            wrong.append(f"{name}: {why or 'nothing against it'}: {reply}")
        if reply.startswith("421"):  # too many errors in a session
            dialogue.close()
            dialogue = Dialogue(lab.port(protocol))
            assert dialogue.ask(f"{hello} client.example.org").startswith("250")
    dialogue.close()
    assert not wrong, "\n".join(wrong)
    listed = dict(
        line.split("\t")[:2] for line in REFUSED.read_text().splitlines() if line[:1] != "#"
    )
    assert {name: reason_to_refuse(corpus[name]) for name in refused} == listed
    got = read_all(lab)
    assert len(got) == len(taken)
    different = [name for name, data in zip(taken, got) if trace(data, corpus[name]) is None]
    print(f"{protocol}: {len(taken)} came back, {len(refused)} refused")
    assert not different


def test_what_is_refused_is_read_back_exact(lab, corpus):
    """In a mailbox, whatever way it came: over POP3 as the same bytes (RFC 1939 has no others)."""
    dialogue = Dialogue(lab.loader_port, greets=False)
    names = [name for name, data in corpus.items() if reason_to_refuse(data)]
    for name in names:
        data = corpus[name]
        dialogue.send(b"DELIVER %s %d\r\n" % (READER.encode(), len(data)) + data)
        assert dialogue.line().startswith(b"OK"), name
    dialogue.close()
    got = read_all(lab)
    assert [name for name, data in zip(names, got) if data != corpus[name]] == []
    assert len(got) == len(names)
