"""IMAP's mailboxes by name: LIST, LSUB, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS (RFC
3501 6.3.3 to 6.3.10), LIST with options (RFC 5258), special uses (RFC 6154), children (RFC 3348); over
the store in memory and over PostgreSQL."""

import random
import re

import pytest
from mansio_test.daemon import Daemon
from mansio_test.imap import lab_box, memory_box

SPECIAL = {"Archive", "Drafts", "Junk", "Sent", "Trash"}
ROW = re.compile(rb'(LIST|LSUB) \(([^)]*)\) "/" ("(?:[^"\\]|\\.)*"|[^ ]+)( \(.*\))?$')


@pytest.fixture(scope="module")
def memory(install, tmp_path_factory):
    daemon = Daemon(install, tmp_path_factory.mktemp("names"))
    try:
        yield memory_box(daemon, bad_commands=1000)
        daemon.stop()
    finally:
        daemon.kill()
    assert "AddressSanitizer" not in daemon.log() and "runtime error:" not in daemon.log()


@pytest.fixture(scope="module")
def postgres(install, make_lab):
    return lab_box(make_lab("names-lab", accounts=60), install)


@pytest.fixture(params=["memory", "postgres"])
def box(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def user(box):
    return box.user()


@pytest.fixture
def imap(box, user):
    with box.dialogue() as dialogue:
        dialogue.login(user)
        for name in SPECIAL - set(listed(dialogue, '"" *')):
            dialogue.ok(f"CREATE {name} (USE (\\{name}))")  # a store may begin without
        for name in rows(dialogue.ok('LSUB "" *')):
            dialogue.ok(f"UNSUBSCRIBE {name}")
        yield dialogue


def rows(untagged):
    """Names with their attributes and extended data, in the order they came."""
    found = {}
    for line in untagged:
        match = ROW.fullmatch(line)
        assert match, line
        name = match[3].decode()
        if name.startswith('"'):
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
        assert name not in found, f"{name} twice"
        found[name] = (set(match[2].decode().split()), match[4] and match[4].decode().strip())
    return found


def listed(imap, arguments):
    return rows(imap.ok(f"LIST {arguments}"))


def names(imap, arguments='"" *'):
    """Names but the usual ones."""
    return sorted(set(listed(imap, arguments)) - SPECIAL - {"INBOX"})


def make(imap, *mailboxes):
    for name in mailboxes:
        imap.ok(f'CREATE "{name}"')


# ---- LIST


def test_a_new_account_has_special_uses(imap):
    """RFC 6154 2."""
    found = listed(imap, '"" *')
    assert found.pop("INBOX") == ({"\\HasNoChildren"}, None)
    assert found == {name: ({"\\HasNoChildren", f"\\{name}"}, None) for name in SPECIAL}


def test_the_separator_is_told(imap):
    """RFC 3501 6.3.8."""
    for reference in ('""', "a", '"a/b/"', '"%"'):
        assert imap.ok(f'LIST {reference} ""') == [b'LIST (\\Noselect) "/" ""']


PATTERNS = [
    ('"" *', "a a/b a/b/c ab x y/z"),
    ('"" %', "a ab x y"),
    ('"" %/%', "a/b y/z"),
    ('"" a*', "a a/b a/b/c ab"),
    ('"" a%', "a ab"),
    ('"" a/%', "a/b"),
    ('"" a/*', "a/b a/b/c"),
    ('"" */c', "a/b/c"),
    ('"" %b', "ab"),
    ('"" *b', "a/b ab"),
    ('"" y', ""),
    ('"" y/%', "y/z"),
    ("a/ %", "a/b"),
    ("a %", "a ab"),
    ("a/b /c", "a/b/c"),
    ('"" A', ""),
    ('"" a/', ""),
    ('"" /a', ""),
    ('"" {1+}\r\nx', "x"),
    ('"" "x"', "x"),
    ('"" (a x)', "a x"),
    ('"" (a% "" %b)', "a ab"),
    ('() "" %', "a ab x y"),
    ('"" * RETURN ()', "a a/b a/b/c ab x y/z"),
]


def test_patterns(imap):
    make(imap, "a/b/c", "ab", "x", "y/z")
    imap.ok("DELETE y")
    for arguments, wanted in PATTERNS:
        assert names(imap, arguments) == wanted.split(), arguments


def test_inbox_in_any_case(imap):
    """RFC 3501 5.1."""
    make(imap, "inbox/Below")
    assert set(listed(imap, '"" inBox')) == {"INBOX"}
    assert set(listed(imap, '"" "Inbox/%"')) == {"INBOX/Below"}
    assert listed(imap, '"" INBOX')["INBOX"][0] == {"\\HasChildren"}
    assert b"INBOX" in imap.ok("STATUS iNbOx (MESSAGES)")[0]


def test_levels_that_are_no_mailboxes(imap):
    """RFC 3501 6.3.8: told where "%" is last; RFC 5258 3.5."""
    make(imap, "y/z/w")
    imap.ok("DELETE y/z")
    imap.ok("DELETE y")
    assert listed(imap, '"" %')["y"] == ({"\\Noselect", "\\HasChildren"}, None)
    assert listed(imap, "y/ %") == {"y/z": ({"\\Noselect", "\\HasChildren"}, None)}
    assert listed(imap, '"" % RETURN (CHILDREN)')["y"] == ({"\\NonExistent", "\\HasChildren"}, None)
    assert listed(imap, '"" y*') == {"y/z/w": ({"\\HasNoChildren"}, None)}
    imap.ok("DELETE y/z/w")
    assert listed(imap, '"" y%') == {}


def test_children_are_told(imap):
    """RFC 3348 3."""
    make(imap, "a/b", "a-b", "ab/c")
    found = listed(imap, '"" a*')
    assert {name for name, row in found.items() if "\\HasChildren" in row[0]} == {"a", "ab"}
    assert {name for name, row in found.items() if "\\HasNoChildren" in row[0]} == {
        "a/b", "a-b", "ab/c",
    }  # fmt: skip


def test_names_of_all_kinds(imap):
    """RFC 3501 5.1.3: modified UTF-7 on the wire, and what must be quoted is."""
    made = ["~peter/mail/&U,BTFw-/&ZeVnLIqe-", "a b", 'q"uo\\te', "&AOQ-", "A&-B", "(x)", "per%cent"]
    for name in made:
        imap.ok('CREATE "' + name.replace("\\", "\\\\").replace('"', '\\"') + '"')
    assert set(made) <= set(names(imap))
    assert names(imap, '"" "&AOQ-*"') == ["&AOQ-"]
    assert names(imap, '"~peter/mail/" "&U,BTFw-/%"') == ["~peter/mail/&U,BTFw-/&ZeVnLIqe-"]


def test_patterns_that_would_take_for_ever(imap):
    make(imap, "a" * 200 + "/" + "a" * 200)
    assert names(imap, '"" "' + "%a*a" * 150 + 'b"') == []
    assert imap.no('LIST "" "' + "a" * 2000 + '"').startswith(b"NO [LIMIT]")


BAD = [
    "LIST", 'LIST ""', 'LIST "" ', 'LIST  "" *', 'LIST "" * ', 'LIST "" * x', 'LIST "" () ',
     'LIST (FROB) "" *', 'LIST (RECURSIVEMATCH) "" *', 'LIST "" * RETURN (FROB)',
     'LIST "" "&bad" ', 'LSUB () "" *', 'LSUB "" * RETURN ()', 'LSUB ""', "CREATE", "CREATE a b",
     "CREATE a (USE \\Sent)", "CREATE a (FROB)", "DELETE", "DELETE a b", "RENAME a", "RENAME a b c",
     "SUBSCRIBE", "UNSUBSCRIBE a b", "STATUS a", "STATUS a ()", "STATUS a (FROB)",
     "STATUS a MESSAGES", "STATUS a (MESSAGES", "STATUS a (MESSAGES) ",
]  # fmt: skip


def test_bad_arguments(box, user):
    for i in range(0, len(BAD), 5):
        with box.dialogue() as imap:
            imap.login(user)
            for command in BAD[i : i + 5]:
                assert imap.bad(command).startswith(b"BAD Expected ")


# ---- LIST with options


def test_list_of_what_is_subscribed_to(imap):
    """RFC 5258 3.1, 3.2."""
    make(imap, "a/b", "c")
    for name in ("a/b", "gone/below", "Sent"):
        imap.ok(f"SUBSCRIBE {name}")
    assert listed(imap, '(SUBSCRIBED) "" *') == {
        "a/b": ({"\\Subscribed", "\\HasNoChildren"}, None),
        "gone/below": ({"\\NonExistent", "\\Subscribed", "\\HasNoChildren"}, None),
        "Sent": ({"\\Subscribed", "\\HasNoChildren", "\\Sent"}, None),
    }
    assert set(listed(imap, '(SUBSCRIBED REMOTE) "" %')) == {"Sent"}
    found = listed(imap, '"" (a* c) RETURN (SUBSCRIBED CHILDREN)')
    assert found == {
        "a": ({"\\HasChildren"}, None),
        "a/b": ({"\\Subscribed", "\\HasNoChildren"}, None),
        "c": ({"\\HasNoChildren"}, None),
    }


def test_list_recursively(imap):
    """RFC 5258 3.5, and its examples 8 to 10."""
    make(imap, "foo/bar", "foo/baz", "foo2")
    for name in ("foo/baz", "foo2/bar1", "quux/x"):
        imap.ok(f"SUBSCRIBE {name}")
    make(imap, "foo2/bar1")
    info = '("CHILDINFO" ("SUBSCRIBED"))'
    assert listed(imap, '(SUBSCRIBED RECURSIVEMATCH) "" %') == {
        "foo": ({"\\HasChildren"}, info),
        "foo2": ({"\\HasChildren"}, info),
        "quux": ({"\\NonExistent", "\\HasNoChildren"}, info),
    }
    assert set(listed(imap, '(SUBSCRIBED RECURSIVEMATCH) "" *')) == {"foo/baz", "foo2/bar1", "quux/x"}
    imap.ok("SUBSCRIBE foo2")
    found = listed(imap, '(RECURSIVEMATCH SUBSCRIBED) "" *')
    assert found["foo2"] == ({"\\Subscribed", "\\HasChildren"}, info)
    assert "foo" not in found  # what it would tell is told by foo/baz


def test_list_of_special_uses(imap):
    """RFC 6154 2."""
    imap.ok("SUBSCRIBE Sent")
    imap.ok("SUBSCRIBE INBOX")
    found = listed(imap, '(SPECIAL-USE) "" *')
    assert found == {name: ({"\\HasNoChildren", f"\\{name}"}, None) for name in SPECIAL}
    assert set(listed(imap, '(SPECIAL-USE SUBSCRIBED) "" *')) == {"Sent"}
    make(imap, "Old")
    imap.ok("RENAME Junk Old/Spam")
    info = '("CHILDINFO" ("SPECIAL-USE"))'
    found = listed(imap, '(SPECIAL-USE RECURSIVEMATCH) "" %')
    assert found["Old"] == ({"\\HasChildren"}, info)
    assert "INBOX" not in found and len(found) == len(SPECIAL)
    assert listed(imap, '"" Old/%')["Old/Spam"][0] == {"\\Junk", "\\HasNoChildren"}


# ---- CREATE


def test_create_makes_what_is_above(imap):
    """RFC 3501 6.3.3."""
    make(imap, "a/b/c/")
    assert names(imap) == ["a", "a/b", "a/b/c"]
    make(imap, "a/b/d")
    assert names(imap) == ["a", "a/b", "a/b/c", "a/b/d"]


@pytest.mark.parametrize("name", ["INBOX", "inbox", "a", "Sent", "a/"])
def test_create_what_is_there(imap, name):
    make(imap, "a")
    assert imap.no(f"CREATE {name}").startswith(b"NO [ALREADYEXISTS]")


@pytest.mark.parametrize("name", ['""', "/", "/a", "a//b", "a/b//", "&bad", '"a\x07"', "x" * 1001])
def test_names_that_nothing_can_have(imap, name):
    words = imap.ask(f"CREATE {name}")[0]
    assert words.startswith((b"NO [CANNOT]", b"BAD "))
    assert names(imap) == []


def test_create_with_a_use(imap):
    """RFC 6154 3."""
    assert imap.no("CREATE Mine (USE (\\Sent))").startswith(b"NO [USEATTR]")
    for use in ("\\All", "\\Flagged", "\\Sent \\Junk", "\\Frob"):
        assert imap.no(f"CREATE Mine (USE ({use}))").startswith(b"NO [USEATTR]")
    assert names(imap) == []
    imap.ok("DELETE Sent")
    imap.ok("CREATE Mine (USE (\\sent))")
    assert listed(imap, '"" Mine')["Mine"][0] == {"\\Sent", "\\HasNoChildren"}
    imap.ok("CREATE Plain (USE ())")
    assert imap.no("CREATE Mine (USE (\\Sent))").startswith(b"NO [ALREADYEXISTS]")


def test_uids_are_not_used_again(imap):
    """RFC 3501 6.3.3: the same name has a greater UIDVALIDITY, or greater UIDs."""
    values = []
    for _ in range(3):
        make(imap, "again")
        (line,) = imap.ok("STATUS again (UIDVALIDITY)")
        values.append(int(re.search(rb"UIDVALIDITY (\d+)", line)[1]))
        imap.ok("DELETE again")
    assert values == sorted(set(values))


# ---- DELETE


def test_delete(imap):
    """RFC 3501 6.3.4."""
    make(imap, "a/b", "c")
    imap.ok("DELETE c")
    assert imap.no("DELETE c").startswith(b"NO [NONEXISTENT]")
    imap.ok("DELETE a")
    assert names(imap) == ["a/b"]
    assert imap.no("DELETE a").startswith(b"NO [CANNOT]")
    assert imap.no("SELECT a").startswith(b"NO [NONEXISTENT]")
    make(imap, "a")
    imap.ok("DELETE a/b")
    assert listed(imap, '"" a')["a"][0] == {"\\HasNoChildren"}


def test_inbox_stays(imap):
    assert imap.no("DELETE inbox").startswith(b"NO [CANNOT]")


def test_a_special_use_may_go(imap):
    imap.ok("DELETE Trash")
    assert set(listed(imap, '"" %')) == SPECIAL - {"Trash"} | {"INBOX"}


def test_what_is_selected_may_go(imap, box, user):
    make(imap, "a")
    imap.ok("SELECT a")
    imap.ok("DELETE a")
    assert imap.bad("CHECK").startswith(b"BAD ")
    imap.ok("SELECT INBOX")


# ---- RENAME


def test_rename_takes_what_is_below(imap):
    """RFC 3501 6.3.5."""
    make(imap, "a/b/c", "a-", "ab")
    imap.ok("RENAME a z")
    assert names(imap) == ["a-", "ab", "z", "z/b", "z/b/c"]
    imap.ok("RENAME z/b x/y/b")
    assert names(imap) == ["a-", "ab", "x", "x/y", "x/y/b", "x/y/b/c", "z"]


def test_rename_of_a_level(imap):
    make(imap, "a/b/c", "a/d")
    imap.ok("DELETE a")
    imap.ok("RENAME a z")
    assert names(imap) == ["z/b", "z/b/c", "z/d"]
    assert imap.no("RENAME a y").startswith(b"NO [NONEXISTENT]")


def test_rename_keeps_messages(imap, box, user):
    make(imap, "a")
    imap.ok("APPEND a {6+}\r\na: b\r\n")
    (before,) = imap.ok("STATUS a (MESSAGES UIDNEXT UIDVALIDITY)")
    imap.ok("RENAME a b")
    (after,) = imap.ok("STATUS b (MESSAGES UIDNEXT UIDVALIDITY)")
    assert after == before.replace(b"STATUS a", b"STATUS b")


def test_rename_refused(imap):
    make(imap, "a/b", "c")
    assert imap.no("RENAME a c").startswith(b"NO [ALREADYEXISTS]")
    assert imap.no("RENAME a INBOX").startswith(b"NO [ALREADYEXISTS]")
    assert imap.no("RENAME a a").startswith(b"NO [ALREADYEXISTS]")
    assert imap.no("RENAME nobody x/y").startswith(b"NO [NONEXISTENT]")
    assert imap.no("RENAME a a/b/c").startswith(b"NO [CANNOT]")
    assert names(imap) == ["a", "a/b", "c"]  # nothing above was made for nothing


def test_rename_of_inbox_moves_its_messages(box):
    """RFC 3501 6.3.5."""
    user = box.user(b"a: 1\r\n\r\n", b"a: 2\r\n\r\n")
    with box.dialogue() as imap:
        imap.login(user)
        make(imap, "INBOX/below")
        (was,) = imap.ok("STATUS INBOX (UIDNEXT UIDVALIDITY)")
        imap.ok("RENAME INBOX old/mail")
        assert imap.ok("STATUS INBOX (MESSAGES)") == [b"STATUS INBOX (MESSAGES 0)"]
        assert imap.ok("STATUS INBOX (UIDNEXT UIDVALIDITY)") == [was]
        assert imap.ok("STATUS old/mail (MESSAGES UNSEEN)") == [
            b"STATUS old/mail (MESSAGES 2 UNSEEN 2)"
        ]
        assert names(imap) == ["INBOX/below", "old", "old/mail"]
        assert imap.no("RENAME INBOX old/mail").startswith(b"NO [ALREADYEXISTS]")
        imap.ok("RENAME INBOX INBOX/older")
        assert names(imap) == ["INBOX/below", "INBOX/older", "old", "old/mail"]


# ---- subscriptions


def test_what_an_account_begins_with_is_subscribed_to(postgres):
    """Mail programs show what LSUB lists: what nobody subscribed to would be hidden."""
    with postgres.dialogue() as imap:
        imap.login(postgres.user())
        assert set(rows(imap.ok('LSUB "" *'))) == {"INBOX"} | SPECIAL


def test_subscriptions(imap):
    """RFC 3501 6.3.6, 6.3.7, 6.3.9: names, whether or not there is such a mailbox."""
    make(imap, "a")
    for name in ("a", "never/there", "inbox", "b"):
        imap.ok(f"SUBSCRIBE {name}")
    imap.ok("SUBSCRIBE a")
    imap.ok("UNSUBSCRIBE b")
    imap.ok("UNSUBSCRIBE b")
    assert rows(imap.ok('LSUB "" *')) == {
        "INBOX": (set(), None), "a": (set(), None), "never/there": (set(), None),
    }  # fmt: skip
    imap.ok("DELETE a")
    assert set(rows(imap.ok('LSUB "" *'))) == {"INBOX", "a", "never/there"}
    assert imap.ok('LSUB "" ""') == [b'LSUB (\\Noselect) "/" ""']


def test_lsub_with_percent(imap):
    """RFC 3501 6.3.9: a level above what is subscribed to, though it is a mailbox."""
    make(imap, "foo/bar")
    imap.ok("SUBSCRIBE foo/bar")
    assert rows(imap.ok('LSUB "" %')) == {"foo": ({"\\Noselect"}, None)}
    assert rows(imap.ok('LSUB "" *')) == {"foo/bar": (set(), None)}
    imap.ok("SUBSCRIBE foo")
    assert rows(imap.ok('LSUB "" %')) == {"foo": (set(), None)}


# ---- STATUS


def test_status(box):
    """RFC 3501 6.3.10, RFC 7162 3.1.7."""
    user = box.user(b"a: 1\r\n\r\n", b"a: 2\r\n\r\n", b"a: 3\r\n\r\n")
    with box.dialogue() as imap:
        imap.login(user)
        assert imap.ok("STATUS INBOX (MESSAGES RECENT UNSEEN UIDNEXT)") == [
            b"STATUS INBOX (MESSAGES 3 RECENT 3 UIDNEXT 4 UNSEEN 3)"
        ]
        imap.ok("SELECT INBOX")
        imap.ok("STORE 1:2 +FLAGS (\\Seen \\Deleted)")
        imap.ok("UID EXPUNGE 1")
        imap.ok("UNSELECT")
        box.load(user, b"a: 4\r\n\r\n")
        (line,) = imap.ok("STATUS INBOX (UNSEEN HIGHESTMODSEQ RECENT messages)")
        match = re.fullmatch(rb"STATUS INBOX \(MESSAGES 3 RECENT 1 UNSEEN 2 HIGHESTMODSEQ (\d+)\)", line)
        imap.ok("SELECT INBOX")
        assert imap.ok("UID FETCH 4 (MODSEQ)")[0].endswith(b"MODSEQ (%s))" % match[1])
        assert imap.no("STATUS nowhere (MESSAGES)").startswith(b"NO [NONEXISTENT]")


# ---- against a model


class Model:
    """An account's names, as RFC 3501 has them, in the plainest way."""

    def __init__(self):
        self.made = {"INBOX"} | SPECIAL

    def above(self, name):
        parts = name.split("/")
        return {"/".join(parts[:i]) for i in range(1, len(parts))}

    def below(self, name):
        return {other for other in self.made if other.startswith(name + "/")}

    def create(self, name):
        if name in self.made:
            return False
        self.made |= self.above(name) | {name}
        return True

    def delete(self, name):
        if name not in self.made or name == "INBOX":
            return False
        self.made.remove(name)
        return True

    def rename(self, old, new):
        is_there = old in self.made or self.below(old)
        if not is_there or new in self.made or new.startswith(old + "/") and old != "INBOX":
            return False
        if old == "INBOX":
            return self.create(new)
        self.made |= self.above(new)
        moved = self.below(old) | ({old} & self.made)
        taken = {new + name[len(old) :] for name in moved}
        if taken & (self.made - moved):
            return None  # into what is there: whatever comes of it
        self.made = self.made - moved | taken
        return True

    def listed(self, pattern):
        regex = re.compile(
            "".join({"*": ".*", "%": "[^/]*"}.get(c, re.escape(c)) for c in pattern), re.S
        )
        names = {name for name in self.made if regex.fullmatch(name)}
        if pattern.endswith("%"):
            names |= {n for name in self.made for n in self.above(name) if regex.fullmatch(n)}
        return names


def test_random_changes_against_a_model(imap):
    chance = random.Random(3501)
    model, done = Model(), []
    pick = lambda: "/".join(chance.choice("abc") for _ in range(chance.randint(1, 3)))  # noqa: E731
    for _ in range(120):
        what, one, other = chance.choice(["CREATE", "CREATE", "DELETE", "RENAME"]), pick(), pick()
        if what == "RENAME":
            before = set(model.made)
            good = model.rename(one, other)
            if good is None:
                model.made = before
                continue
            end, _ = imap.ask(f"RENAME {one} {other}")
        else:
            good = model.create(one) if what == "CREATE" else model.delete(one)
            end, _ = imap.ask(f"{what} {one}")
        done.append((what, one, other, end))
        assert end.startswith(b"OK" if good else b"NO"), "\n".join(map(str, done))
        pattern = "".join(chance.choice(["a", "b", "/", "*", "%"]) for _ in range(chance.randint(1, 4)))
        assert set(listed(imap, f'"" "{pattern}"')) == model.listed(pattern), (pattern, done)
    assert set(listed(imap, '"" *')) == model.made
