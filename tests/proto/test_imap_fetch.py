"""FETCH and UID FETCH (RFC 3501 6.4.5, 6.4.8, 7.4.2; RFC 7162 3.1.4) over the store in memory. Parts
and structures of real mail are judged in test_imap_corpus.py."""

import re

import pytest
from mansio_test.daemon import Daemon
from mansio_test.imap import memory_box
from mansio_test.imap_fetch import fetch, parse

TEXT = b"From: A <a@x.test>\r\nTo: b@y.test\r\nSubject: one\r\n\r\nHello\r\n"
MIXED = (
    b"Subject: mixed\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
    b"--o\r\n\r\nfirst\r\n--o\r\nContent-Type: image/png\r\n\r\nPNG\r\n--o--\r\n"
)
LARGE = b"Subject: large\r\n\r\n" + b"".join(b"%07d\r\n" % i for i in range(300_000))  # 2.7 MB


@pytest.fixture(scope="module")
def box(install, tmp_path_factory):
    daemon = Daemon(install, tmp_path_factory.mktemp("imap-fetch"))
    try:
        yield memory_box(daemon, bad_commands=1000)
        daemon.stop()
    finally:
        daemon.kill()
    assert "AddressSanitizer" not in daemon.log() and "runtime error:" not in daemon.log()


def opened(box, user, verb="SELECT"):
    imap = box.dialogue()
    imap.login(user)
    imap.ok(f"{verb} INBOX")
    return imap


@pytest.fixture
def make(box):
    """A dialogue with a mailbox of these messages."""
    made = []

    def make(*messages, verb="SELECT"):
        made.append(opened(box, box.user(*messages), verb))
        return made[-1]

    yield make
    for imap in made:
        imap.close()


@pytest.fixture(scope="module")
def reading(box):
    """A mailbox that tests only look at."""
    with opened(box, box.user(TEXT, MIXED), "EXAMINE") as imap:
        yield imap


def items(imap, what, number=1):
    got = fetch(imap, what)
    assert list(got) == [number], got
    return got[number]


def flags(imap, number=1):
    return set(items(imap, f"{number} FLAGS", number)["FLAGS"])


# ---- items


@pytest.mark.parametrize(
    "macro, names",
    [
        ("FAST", "FLAGS INTERNALDATE RFC822.SIZE"),
        ("ALL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE"),
        ("FULL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY"),
    ],
)
def test_macros(reading, macro, names):
    assert set(items(reading, f"1 {macro}")) == set(names.split())
    assert "(ALL)" not in macro and reading.bad(f"FETCH 1 ({macro})")


def test_items_that_the_store_knows(reading):
    got = items(reading, "1 (UID FLAGS INTERNALDATE RFC822.SIZE)")
    assert got["UID"] == 1 and got["RFC822.SIZE"] == len(TEXT)
    assert re.fullmatch(rb"[ \d]\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d \+0000", got["INTERNALDATE"])


def test_envelope(reading):
    a, b = [None, None, b"a", b"x.test"], [None, None, b"b", b"y.test"]
    a[0] = b"A"
    assert items(reading, "1 ENVELOPE")["ENVELOPE"] == [
        None, b"one", [a], [a], [a], [b], None, None, None, None,
    ]  # fmt: skip


def test_structure(reading):
    plain = [b"text", b"plain", None, None, None, b"7bit", 7, 1]
    assert items(reading, "1 BODY")["BODY"] == plain
    assert items(reading, "1 BODYSTRUCTURE")["BODYSTRUCTURE"] == plain + [None] * 4
    first = [b"text", b"plain", None, None, None, b"7bit", 5, 0]
    second = [b"image", b"png", None, None, None, b"7bit", 3]
    assert items(reading, "2 BODY", 2)["BODY"] == [first, second, b"mixed"]
    assert items(reading, "2 BODYSTRUCTURE", 2)["BODYSTRUCTURE"] == [
        first + [None] * 4, second + [None] * 4, b"mixed", [b"boundary", b"o"], None, None, None,
    ]  # fmt: skip


def test_rfc822_is_another_name(reading):
    got = items(reading, "1 (RFC822 RFC822.HEADER RFC822.TEXT)")
    head, text = TEXT.split(b"\r\n\r\n")
    assert got == {"RFC822": TEXT, "RFC822.HEADER": head + b"\r\n\r\n", "RFC822.TEXT": text}


def test_sections_in_one_answer(reading):
    what = "BODY[1] BODY[2.MIME] BODY[2]<1.1> BODY[3] BODY[1.TEXT] BODY[HEADER.FIELDS (subject X)]"
    assert items(reading, f"2 (UID {what})", 2) == {
        "UID": 2,
        "BODY[1]": b"first",
        "BODY[2.MIME]": b"Content-Type: image/png\r\n\r\n",
        "BODY[2]<1>": b"N",
        "BODY[3]": None,
        "BODY[1.TEXT]": None,
        "BODY[HEADER.FIELDS (subject X)]": b"Subject: mixed\r\n\r\n",
    }


def test_empty_bytes_are_an_empty_string(reading):
    """RFC 3501 6.4.5: a partial fetch beyond the end."""
    (reply,) = reading.ok("FETCH 1 BODY[]<100000.1>")
    assert reply == b'1 FETCH (BODY[]<100000> "")'


def test_names_of_fields_in_any_form(reading):
    tag = reading.goes_on(b"FETCH 1 BODY[HEADER.FIELDS ({7}")
    reading.send(b'SUBJECT "to" "a b" "")]\r\n')
    end, (reply,) = reading.finish(tag)
    assert end.startswith(b"OK")
    label, value = list(parse(reply)[1].items())[0]
    assert label == 'BODY[HEADER.FIELDS (SUBJECT to "a b" "")]'
    assert value == b"To: b@y.test\r\nSubject: one\r\n\r\n"


def test_uid_fetch_always_says_the_uid(reading):
    """RFC 3501 6.4.8, and UIDs that aren't there are no error."""
    got = fetch(reading, "UID FETCH 2:9 (FLAGS)")
    assert {number: sorted(value) for number, value in got.items()} == {2: ["FLAGS", "UID"]}
    assert fetch(reading, "UID FETCH 7,9 BODY[]") == {}
    assert fetch(reading, "UID FETCH 9:* UID") == {2: {"UID": 2}}


def test_sets_in_any_order_answer_each_once(reading):
    assert list(fetch(reading, "2,1:2,*,1 UID")) == [1, 2]


@pytest.mark.parametrize(
    "what",
    [
        "", "1", "1 ", "1 ()", "1 (FLAGS", "1 FLAGS)", "1 (FLAGS  UID)", "1 NONE", "1 BODY[",
        "1 BODY[MIME]", "1 BODY[0]", "1 BODY[1.]", "1 BODY[]<1>", "1 BODY[]<0.0>", "1 BODY[X]",
        "1 BODY[HEADER.FIELDS ()]", "1 BODY.PEEK", "1 (BODY.PEEK)", "0 FLAGS", "1: FLAGS",
        "1 FLAGS (CHANGEDSINCE)", "1 FLAGS (VANISHED)", "1 FLAGS (CHANGEDSINCE 1 VANISHED)",
        "3 FLAGS", "1:3 FLAGS", "1 BINARY[]",
    ],
)  # fmt: skip
def test_bad(reading, what):
    assert reading.bad(f"FETCH {what}")


def test_an_empty_mailbox_has_no_messages(make):
    imap = make()
    assert imap.bad("FETCH 1 FLAGS") and imap.bad("FETCH 1:* FLAGS")
    assert imap.ok("UID FETCH 1:* FLAGS") == []


# ---- \Seen


@pytest.mark.parametrize("item", ["BODY[]", "RFC822", "RFC822.TEXT", "BODY[1]", "BODY[]<0.1>"])
def test_reading_sets_seen_and_says_so(make, item):
    imap = make(TEXT)
    assert "\\Seen" not in flags(imap)
    got = items(imap, f"1 {item}")
    assert "\\Seen" in got["FLAGS"] and len(got) == 2
    assert "\\Seen" in flags(imap)
    assert list(items(imap, f"1 {item}")) == [item.replace(".1>", ">")]  # it is no news then
    assert imap.ok("NOOP") == []


@pytest.mark.parametrize(
    "item", ["BODY.PEEK[]", "RFC822.HEADER", "BODY", "ENVELOPE", "BODYSTRUCTURE"]
)
def test_looking_leaves_seen_alone(make, item):
    imap = make(TEXT)
    assert "FLAGS" not in items(imap, f"1 {item}")
    assert "\\Seen" not in flags(imap)


def test_examine_leaves_seen_alone(make):
    imap = make(TEXT, verb="EXAMINE")
    assert items(imap, "1 (FLAGS BODY[])")["BODY[]"] == TEXT
    assert "\\Seen" not in flags(imap)


def test_flags_that_are_asked_for_are_the_new_ones(make):
    imap = make(TEXT, MIXED)
    imap.ok("STORE 2 +FLAGS (\\Flagged $x)")
    got = fetch(imap, "1:2 (FLAGS BODY[TEXT])")
    assert "\\Seen" in got[1]["FLAGS"]
    assert {"\\Seen", "\\Flagged", "$x"} <= set(got[2]["FLAGS"])


def test_another_session_hears_of_seen(box):
    user = box.user(TEXT)
    with opened(box, user) as one, opened(box, user) as two:
        fetch(one, "1 BODY[]")
        (told,) = two.ok("NOOP")
        assert b"\\Seen" in told and told.startswith(b"1 FETCH (")


# ---- CONDSTORE


def test_changedsince(make):
    imap = make(TEXT, TEXT, TEXT)
    first = {n: value["MODSEQ"][0] for n, value in fetch(imap, "1:* (MODSEQ)").items()}
    imap.ok("STORE 2 +FLAGS (\\Flagged)")
    highest = max(first.values())
    got = fetch(imap, f"1:* (UID) (CHANGEDSINCE {highest})")
    assert list(got) == [2] and set(got[2]) == {"UID", "MODSEQ"}
    assert got[2]["MODSEQ"][0] > highest
    assert fetch(imap, f"1:* (UID) (CHANGEDSINCE {got[2]['MODSEQ'][0]})") == {}
    assert list(fetch(imap, f"1:* (BODY.PEEK[]) (CHANGEDSINCE {highest})")) == [2]
    assert list(fetch(imap, "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 0)")) == [1, 2, 3]


def test_modseq_enables_condstore(make):
    """RFC 7162 3.1: and from then on flags come with it."""
    imap = make(TEXT, TEXT)
    assert set(items(imap, "1 FLAGS")) == {"FLAGS"}
    told = imap.ok("FETCH 1 MODSEQ")
    assert any(reply.startswith(b"OK [HIGHESTMODSEQ ") for reply in told)
    assert set(items(imap, "1 FLAGS")) == {"FLAGS", "MODSEQ"}
    assert set(items(imap, "1 BODY[]")) == {"FLAGS", "MODSEQ", "BODY[]"}


# ---- many, and large ones


def test_small_and_large_ones_come_in_order(make):
    messages = [
        LARGE if n % 40 == 7 else b"Subject: %d\r\n\r\n" % n + b"x" * (n * 997 % 70_000) + b"\r\n"
        for n in range(130)
    ]
    imap = make(*messages)
    got = fetch(imap, "1:* (UID BODY.PEEK[])")
    assert list(got) == list(range(1, 131))
    assert [got[n + 1]["BODY[]"] == message for n, message in enumerate(messages)] == [True] * 130
    heads = fetch(imap, "1:* (BODY.PEEK[HEADER] BODY.PEEK[TEXT]<3.4>)")
    for number, message in enumerate(messages, 1):
        head, text = message.split(b"\r\n\r\n", 1)
        assert heads[number] == {"BODY[HEADER]": head + b"\r\n\r\n", "BODY[TEXT]<3>": text[3:7]}
    got = fetch(imap, "1:* BODY[]")  # one change of flags a batch
    assert all("\\Seen" in value["FLAGS"] for value in got.values()) and len(got) == 130


def test_pieces_of_a_large_one(make):
    imap = make(LARGE)
    got = items(imap, "1 (BODY[HEADER] BODY[TEXT] BODY[1]<1000000.1500000> BODY[2] BODY[]<2.9>)")
    text = LARGE.split(b"\r\n\r\n", 1)[1]
    assert got.pop("FLAGS") and got == {
        "BODY[HEADER]": b"Subject: large\r\n\r\n",
        "BODY[TEXT]": text,
        "BODY[1]<1000000>": text[1_000_000:2_500_000],
        "BODY[2]": None,
        "BODY[]<2>": LARGE[2:11],
    }


def test_many_pieces_in_one_answer(make):
    """2 MB of little sections."""
    imap = make(LARGE, LARGE[:200_000])
    what = " ".join(f"BODY.PEEK[]<{n * 10}.8000>" for n in range(250))
    for number, whole in enumerate((LARGE, LARGE[:200_000]), 1):
        got = items(imap, f"{number} ({what})", number)
        assert got == {f"BODY[]<{n * 10}>": whole[n * 10 : n * 10 + 8000] for n in range(250)}


def test_large_header(make):
    """Fields are chosen within the first MiB of a header; as bytes it comes whole."""
    head = b"".join(b"X-%05d: %s\r\n" % (n, b"v" * 60) for n in range(10_000)) + b"Last: 1\r\n\r\n"
    imap = make(head + b"text\r\n")
    got = items(imap, "1 (BODY.PEEK[HEADER] BODY.PEEK[HEADER.FIELDS (last x-00001)])")
    assert got["BODY[HEADER]"] == head
    assert got["BODY[HEADER.FIELDS (last x-00001)]"] == head[71:142] + b"Last: 1\r\n\r\n"


def test_nul_is_never_sent(make):
    """RFC 3501 9: CHAR8."""
    imap = make(b"Subject: a\0b\r\n\r\n\0" + b"x" * 20_000 + b"\0\0\r\n")
    wanted = b"Subject: a b\r\n\r\n " + b"x" * 20_000 + b"  \r\n"
    assert items(imap, "1 BODY.PEEK[]")["BODY[]"] == wanted


def test_pipelined(make):
    imap = make(TEXT, MIXED)
    tags = [imap.begin(f"FETCH {n} (UID BODY.PEEK[])") for n in (1, 2, 1)]
    got = [parse(reply) for tag in tags for reply in imap.finish(tag)[1]]
    assert [value["BODY[]"] for _, value in got] == [TEXT, MIXED, TEXT]


# ---- expunged by somebody else


def test_what_is_gone_is_passed_over(box):
    """RFC 2180 4.1.3, RFC 5530 3: what exists is answered, then NO."""
    user = box.user(TEXT, MIXED, TEXT)
    with opened(box, user) as one, opened(box, user) as two:
        two.ok("STORE 2 +FLAGS (\\Deleted)")
        two.ok("EXPUNGE")
        for what in ("(UID RFC822.SIZE)", "(UID BODY.PEEK[])"):
            tag = one.begin(f"FETCH 1:3 {what}")
            end, told = one.finish(tag)
            assert end.startswith(b"NO [EXPUNGEISSUED]")
            uids = [parse(reply)[1].get("UID") for reply in told if b"UID" in reply]
            assert [uid for uid in uids if uid] == [1, 3]
            assert not [reply for reply in told if reply.endswith(b"EXPUNGE")]
        # By UID it is as one that never was; and EXPUNGE may be told.
        told = one.ok("UID FETCH 2 BODY[]")
        assert b"2 EXPUNGE" in told
        assert list(fetch(one, "1:2 UID")) == [1, 2]


def test_closing_while_a_literal_comes_harms_nobody(box):
    user = box.user(LARGE)
    for _ in range(3):
        imap = opened(box, user)
        imap.begin("FETCH 1 BODY[]")
        imap.file.read(1000)
        imap.close()
    with opened(box, user) as imap:
        assert items(imap, "1 BODY[]")["BODY[]"] == LARGE
