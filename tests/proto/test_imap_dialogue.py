"""The frame of an IMAP session (RFC 3501 2.2, 3, 6.1, 6.2, 7.1) and its extensions: greeting, states,
lines and literals, login, TLS, ends. What concerns mailboxes is tested beside this file."""

import base64
import hashlib
import random
import re
import threading
import time

import pytest
from mansio_test.daemon import Daemon
from mansio_test.imap import PASSWORD, memory_box, scram
from mansio_test.proc import writable_memory
from mansio_test.wait import until

HUGE = 70_000  # more than the lines of a command may have
LITERAL_MAX = 65_536  # the setting's default


@pytest.fixture(scope="module")
def box(install, tmp_path_factory):
    daemon = Daemon(install, tmp_path_factory.mktemp("imap"))
    try:
        yield memory_box(daemon, bad_commands=1000)
        daemon.stop()
    finally:
        daemon.kill()
    assert "AddressSanitizer" not in daemon.log() and "runtime error:" not in daemon.log()


@pytest.fixture(scope="module")
def user(box):
    return box.user()


@pytest.fixture
def imap(box):
    with box.dialogue() as dialogue:
        yield dialogue


@pytest.fixture
def make_box(make_daemon):
    return lambda **settings: memory_box(make_daemon(), **settings)


def plain(user, password=PASSWORD):
    return base64.b64encode(f"\0{user}\0{password}".encode())


# ---- greeting, states, tagged replies


def test_greeting_brings_the_capabilities(box):
    """RFC 3501 7.1: the response code CAPABILITY."""
    with box.dialogue() as imap:
        match = re.fullmatch(rb"\* OK \[CAPABILITY ([^\]]+)\] IMAP at your service", imap.greeting)
        assert match[1].decode().split() == imap.capabilities()


def test_capabilities_before_and_after_login(imap, user):
    before = imap.capabilities()
    assert before[0] == "IMAP4rev1"
    assert {"LITERAL+", "SASL-IR", "STARTTLS", "ID", "ENABLE", "NAMESPACE"} <= set(before)
    assert {"AUTH=PLAIN", "AUTH=SCRAM-SHA-256"} <= set(before)
    assert "LOGINDISABLED" not in before
    end, _ = imap.ask(f"LOGIN {user} {PASSWORD}")
    after = imap.capabilities()
    assert end == f"OK [CAPABILITY {' '.join(after)}] Logged in".encode()
    assert not [name for name in after if name.startswith("AUTH=") or name == "STARTTLS"]
    extensions = "UIDPLUS IDLE NAMESPACE UNSELECT CHILDREN SPECIAL-USE MOVE CONDSTORE"
    assert set(extensions.split()) <= set(after)


def test_commands_in_the_wrong_state_are_bad(imap, user):
    """RFC 3501 3."""
    for command in ("NAMESPACE", "ENABLE CONDSTORE", "SELECT INBOX", "FETCH 1 FLAGS"):
        assert imap.bad(command).startswith(b"BAD ")
    imap.login(user)
    for command in (f"LOGIN {user} {PASSWORD}", "AUTHENTICATE PLAIN", "STARTTLS"):
        assert imap.bad(command) == b"BAD Expected no login again"
    imap.ok("NOOP")


@pytest.mark.parametrize(
    "command",
    [
        "", " ", " NOOP", "FROB", "UID", "UID ", "UID FROB", "UID NOOP", "NOOP ", "NOOP x", "NOOP  ",
        "CAPABILITY x", "LOGOUT x", "LOGIN", "LOGIN ", "LOGIN a", "LOGIN a ", "LOGIN a b c",
        "LOGIN (a) b", 'LOGIN "a b', 'LOGIN "a\\b" c', "LOGIN  a b", "AUTHENTICATE",
        "AUTHENTICATE ", "STARTTLS now", "ID", "ID x", "ID (", "ID (a b)", 'ID ("a")',
        'ID ("a" "b" )', f'ID ("a" "{"x" * 1025}")', f'ID ("{"a" * 31}" NIL)',
        "ID (" + '"a" NIL ' * 30 + '"a" NIL)', "\x01", "\xe4", "{", "NOOP {", "NOOP {x}",
    ],
)  # fmt: skip
def test_bad_commands_are_told_and_forgiven(imap, command):
    assert imap.bad(command).startswith(b"BAD Expected ")
    imap.ok("NOOP")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b"* NOOP",
        b"+ NOOP",
        b"(a) NOOP",
        b"a+b NOOP",
        b"\0",
        b"\xff\xfe",
        b"%s NOOP" % (b"t" * 65),
    ],
)
def test_without_a_tag_the_answer_is_untagged(imap, line):
    imap.send(line + b"\r\n")
    assert imap.reply().startswith(b"* BAD Expected ")
    imap.ok("NOOP")


def test_tags_and_verbs_come_in_any_case(imap):
    imap.send(b"a.B]3 nOoP\r\n")
    assert imap.reply() == b"a.B]3 OK Still here"
    imap.send(b"A0 noop\n")  # by hand, with LF alone
    assert imap.reply() == b"A0 OK Still here"


def test_logout(imap, user):
    """RFC 3501 6.1.3: BYE, then OK, then the end."""
    imap.login(user)
    imap.send(b"a LOGOUT\r\nb NOOP\r\n")
    assert imap.reply() == b"* BYE Until next time"
    assert imap.reply() == b"a OK Logged out"
    assert imap.is_closed()


def test_pipelining(imap, user):
    """RFC 3501 5.5: commands may come at once; they are run one after the other."""
    imap.send(
        f"a NOOP\r\nb LOGIN {user} {PASSWORD}\r\nc NAMESPACE\r\nd FROB\r\ne NOOP\r\n".encode()
    )
    assert imap.finish(b"a") == (b"OK Still here", [])
    assert imap.finish(b"b")[0].startswith(b"OK ")
    assert imap.finish(b"c") == (b"OK That is all", [b'NAMESPACE (("" "/")) NIL NIL'])
    assert imap.finish(b"d")[0].startswith(b"BAD ")
    assert imap.finish(b"e")[0].startswith(b"OK ")


def test_id_and_enable(imap, user):
    assert imap.ok("ID NIL") == [b'ID ("name" "Mansio")']
    assert imap.ok("id ()") == [b'ID ("name" "Mansio")']
    assert imap.ok('ID ("name" "a\\"b" "os" NIL "x" {1+}\r\ny)') == [b'ID ("name" "Mansio")']
    imap.login(user)
    assert imap.ok("ENABLE X-NONE Y") == [b"ENABLED"]
    imap.bad("ENABLE")
    imap.bad("ENABLE (X)")


def test_what_a_client_says_of_itself_makes_no_line_of_the_log(box, imap):
    imap.ok('ID ("name" {9+}\r\nx\r\nlevel=)')
    assert "\nlevel=" not in box.log()


# ---- lines and literals


def test_literals(imap, user):
    """RFC 3501 4.3: the server says when it wants the bytes."""
    tag = imap.goes_on(f"LOGIN {{{len(user)}}}")
    imap.send(user.encode() + b" {%d}\r\n" % len(PASSWORD))
    assert imap.reply().startswith(b"+ ")
    imap.send(PASSWORD.encode() + b"\r\n")
    assert imap.finish(tag)[0].startswith(b"OK ")


def test_literals_that_dont_wait(imap, user):
    """RFC 7888 3."""
    end, untagged = imap.ask(f"LOGIN {{{len(user)}+}}\r\n{user} {{{len(PASSWORD)}+}}\r\n{PASSWORD}")
    assert end.startswith(b"OK ") and untagged == []


def test_a_literal_may_look_like_commands(box, imap):
    """Its bytes are bytes: no line of it is run."""
    said = b"a\r\nx LOGOUT\r\ny {3+}\r\n"
    assert imap.no(b"LOGIN {%d+}\r\n%s p" % (len(said), said)).startswith(
        b"NO [AUTHENTICATIONFAILED]"
    )
    imap.ok("NOOP")


@pytest.mark.parametrize("command", [b"FROB", b"UID FROB", b"SELECT", b"FROB {1+}\r\nx"])
def test_a_literal_of_a_refused_command_isnt_asked_for(imap, command):
    """RFC 3501 7.5: the client gets a tagged BAD in place of "+", and sends nothing."""
    end, _ = imap.ask(command + b" {10}")
    assert end.startswith(b"BAD ")
    imap.ok("NOOP")


@pytest.mark.parametrize("command", [b"FROB", b"SELECT", b"LOGOUT x", b'"'])
def test_a_literal_of_a_refused_command_is_read_past(imap, command):
    """RFC 7888 4: it comes all the same; no line of it is run."""
    said = b"\r\nx LOGOUT\r\n"
    end, untagged = imap.ask(
        command + b" {%d+}\r\n%s {%d+}\r\n%s" % (len(said), said, len(said), said)
    )
    assert end.startswith(b"BAD ") and untagged == []
    imap.ok("NOOP")


def test_a_large_literal_isnt_let_come(imap):
    assert imap.no(b"LOGIN {%d}" % (LITERAL_MAX + 1)) == b"NO [TOOBIG] That literal is too large"
    tag = imap.goes_on(b"LOGIN {%d}" % LITERAL_MAX)
    imap.send(b"x" * LITERAL_MAX + b" {1}\r\n")
    assert imap.finish(tag)[0].startswith(b"NO [TOOBIG]")  # all of them together
    imap.ok("NOOP")


def test_a_large_literal_that_doesnt_wait_is_read_past(imap):
    said = b"x LOGOUT\r\n" * 7000
    assert len(said) > LITERAL_MAX
    assert imap.no(b"LOGIN {%d+}\r\n%s b" % (len(said), said)).startswith(b"NO [TOOBIG]")
    imap.ok("NOOP")


@pytest.mark.parametrize("size", [1 << 21, (1 << 63) - 1, 1 << 64, 10**30])
def test_a_literal_beyond_measure_ends_the_session(box, size):
    """RFC 7888 4 leaves the choice: what nobody can mean well isn't read past."""
    with box.dialogue() as imap:
        imap.send(b"a LOGIN {%d+}\r\n" % size)
        assert imap.reply() == b"* BYE That literal is too large to be read past"
        assert imap.reply().startswith(b"a NO [TOOBIG]")
        assert imap.is_closed()


@pytest.mark.parametrize("size", [(1 << 63) - 1, 1 << 64, 10**30])
def test_a_literal_beyond_measure_is_refused(imap, size):
    assert imap.no(b"LOGIN {%d}" % size).startswith(b"NO [TOOBIG]")
    imap.ok("NOOP")


def test_a_long_line_is_read_past(imap):
    """Its tag is known, and what comes behind it is a command again."""
    assert imap.bad(b"LOGIN a " + b"x" * HUGE) == b"BAD Expected a shorter command"
    imap.ok("NOOP")
    imap.send(b"x" * HUGE + b" NOOP\r\n")
    assert imap.reply() == b"* BAD Expected a shorter command"
    imap.ok("NOOP")


def test_the_literal_of_a_long_line_is_known_too(imap):
    said = b"x LOGOUT\r\n"
    imap.bad(b"LOGIN " + b"x" * HUGE + b" {%d+}\r\n%s" % (len(said), said))
    imap.ok("NOOP")
    imap.bad(b"LOGIN " + b"x" * HUGE + b" {10}")  # not asked for
    imap.ok("NOOP")


def test_a_long_line_may_come_cut_in_its_literal(imap):
    line = b"a LOGIN " + b"x" * HUGE + b" {12+}\r\n"
    for at in range(1, 10):
        imap.send(line[:-at])
        time.sleep(0.01)  # what is there is taken; sending alone would not part it
        imap.send(line[-at:] + b"\r\nx LOGOUT\r\n\r\n")
        assert imap.finish(b"a")[0].startswith(b"BAD ")
        imap.ok("NOOP")


def test_lines_between_literals_count_together(imap):
    piece = b"x" * 30_000
    imap.bad(b"LOGIN " + piece + b" {1+}\r\na" + piece + b" {1+}\r\na" + piece)
    imap.ok("NOOP")


@pytest.mark.parametrize("at", range(7))
def test_nul_is_nowhere_allowed(imap, at):
    command = bytearray(b"LOGIN a b")
    command.insert([0, 3, 5, 6, 7, 8, 9][at], 0)
    imap.bad(bytes(command))
    imap.bad(b"LOGIN {3+}\r\na\0b c")
    imap.ok("NOOP")


def test_garbage_is_survived(box):
    """Bytes at random, seeds fixed: answers or the end, and others are served on."""
    for seed in range(20):
        chance = random.Random(seed)
        with box.dialogue() as imap:
            try:
                imap.send(chance.randbytes(20_000) + b"\r\nz LOGOUT\r\n")
                imap.file.read()
            except ConnectionError:
                pass
    with box.dialogue() as imap:
        imap.ok("NOOP")


def some_command(chance):
    """One with literals that don't wait, whatever is in them; and what its answer begins with."""

    def literal(most=40):
        said = chance.choice(
            [b"", b"\r\n", b"\r\nx LOGOUT\r\n", b"{5+}\r\n", b"{5}", chance.randbytes(9)]
        )
        said = (said * most)[: chance.randrange(most)]
        return b"{%d+}\r\n" % len(said) + said

    kind = chance.randrange(7)
    if kind == 0:
        return b"NOOP", b"OK "
    if kind == 1:
        return b"FROB " + b" ".join(literal() for _ in range(chance.randrange(4))), b"BAD "
    if kind == 2:  # the literals together are too large
        return (
            b"LOGIN {40000+}\r\n%s {40000+}\r\n%s" % (b"x\r\n" * 13333 + b"x", b"y" * 40000),
            b"NO ",
        )
    if kind == 3:
        return b"LOGIN " + b"x" * chance.randrange(66_000, 140_000) + literal() + literal(), b"BAD "
    if kind == 4:
        return b'ID ("a" {6+}\r\n\r\nx LO)', b"OK "
    if kind == 5:
        return b'LOGIN "' + literal() + b"x", b"BAD "
    return b"NAMESPACE" + b" {70000+}\r\n" + b"x LOGOUT\r\n" * 7000 + literal(), b"BAD "


def test_synchrony_is_never_lost(box):
    """Each command, good or bad, has one answer, and nothing inside of one has any."""
    for seed in range(60):
        chance = random.Random(seed)
        commands = [some_command(chance) for _ in range(20)]
        said = b"".join(b"t%d %s\r\n" % (n, text) for n, (text, _) in enumerate(commands))
        with box.dialogue() as imap:
            sending = threading.Thread(target=send_cut, args=(imap, said, chance))
            sending.start()
            for number, (text, answer) in enumerate(commands):
                end, _ = imap.finish(b"t%d" % number)
                assert end.startswith(answer), (seed, number, text[:80], end)
            sending.join()
            imap.ok("NOOP")


def send_cut(imap, said, chance):
    while said:
        at = chance.choice([1, 2, 10, 1000, 100_000])
        imap.send(said[:at])
        said = said[at:]


def test_every_split_of_a_dialogue(box, user):
    """Cut anywhere, a dialogue gives the same answers."""
    said = (
        f"a CAPABILITY\r\nb FROB {{3+}}\r\nx\r\n\r\nc LOGIN {{{len(user)}+}}\r\n{user}"
        f' "{PASSWORD}"\r\nd NAMESPACE\r\n\r\ne ID ("name" {{2+}}\r\n\r\n)\r\nf LOGOUT\r\n'
    ).encode()
    answers = set()
    for at in range(len(said)):
        with box.dialogue() as imap:
            imap.send(said[:at])
            imap.send(said[at:])
            answers.add(imap.file.read())
    with box.dialogue() as imap:
        for at in range(len(said)):
            imap.send(said[at : at + 1])
        answers.add(imap.file.read())
    assert len(answers) == 1
    assert answers.pop().endswith(b"f OK Logged out\r\n")


# ---- login


@pytest.mark.parametrize("port", ["imap", "imaps"])
@pytest.mark.parametrize("initial", [True, False])
def test_plain(box, user, port, initial):
    """RFC 4959: the initial response may come with the command."""
    with box.dialogue(port) as imap:
        if initial:
            imap.ok(b"authenticate plain " + plain(user))
        else:
            tag = imap.goes_on("AUTHENTICATE PLAIN")
            imap.send(plain(user) + b"\r\n")
            assert imap.finish(tag)[0].startswith(b"OK [CAPABILITY ")
        imap.ok("NAMESPACE")


@pytest.mark.parametrize("initial", [True, False])
def test_scram(imap, user, initial):
    assert scram(imap, user, "wrong", initial).startswith(b"NO [AUTHENTICATIONFAILED] ")
    assert scram(imap, user, PASSWORD, initial).startswith(b"OK ")
    imap.ok("NAMESPACE")


def test_scram_bound_to_its_channel(box, user):
    """RFC 5929 4: the hash of the certificate. Somebody in between has another one."""
    with box.dialogue("imaps") as imap:
        assert "AUTH=SCRAM-SHA-256-PLUS" in imap.capabilities()
        binding = hashlib.sha256(imap.socket.getpeercert(binary_form=True)).digest()
        assert scram(imap, user, PASSWORD, binding=binding[::-1]).startswith(b"NO ")
        assert scram(imap, user, PASSWORD, binding=binding).startswith(b"OK ")
        imap.ok("NAMESPACE")


def test_login_mechanism(box, user):
    with box.dialogue("imaps") as imap:
        assert "AUTH=LOGIN" in imap.capabilities()
        tag = imap.begin("AUTHENTICATE LOGIN")
        for words in (user, PASSWORD):
            assert imap.reply().startswith(b"+ ")
            imap.send(base64.b64encode(words.encode()) + b"\r\n")
        assert imap.finish(tag)[0].startswith(b"OK ")


def test_authenticate_can_be_cancelled_and_refused(imap, user):
    """RFC 3501 6.2.2: "*" cancels with BAD; the session goes on."""
    tag = imap.goes_on("AUTHENTICATE PLAIN")
    imap.send(b"*\r\n")
    assert imap.finish(tag)[0].startswith(b"BAD ")
    tag = imap.goes_on("AUTHENTICATE PLAIN")
    imap.send(b"not base64!\r\n")
    assert imap.finish(tag)[0].startswith(b"BAD ")
    imap.no("AUTHENTICATE FROB")
    imap.login(user)


def test_initial_responses_that_are_none(imap, user):
    imap.bad("AUTHENTICATE PLAIN =")  # an empty message, which PLAIN hasn't
    imap.bad("AUTHENTICATE PLAIN not base64")
    imap.login(user)


def test_a_long_response_is_refused(imap, user):
    tag = imap.goes_on("AUTHENTICATE PLAIN")
    imap.send(b"A" * 40_000 + b"\r\n")
    assert imap.finish(tag)[0].startswith(b"BAD ")
    imap.login(user)


def test_wrong_credentials(box, user):
    """RFC 5530: the same for those who are there and those who aren't."""
    answers = set()
    for name, password in ((user, "wrong"), ("nobody@alpha.test", PASSWORD), ("x", "y")):
        with box.dialogue() as imap:
            answers.add(imap.no(f"LOGIN {name} {password}"))
            answers.add(imap.no(b"AUTHENTICATE PLAIN " + plain(name, password)))
            imap.login(user)
    assert len(answers) == 1
    assert answers.pop().startswith(b"NO [AUTHENTICATIONFAILED] ")


def test_closed_after_three_failures(imap):
    for _ in range(2):
        imap.no("LOGIN nobody@alpha.test wrong")
    end, untagged = imap.ask("LOGIN nobody@alpha.test wrong")
    assert end.startswith(b"NO ") and untagged == [b"BYE Too many failed logins"]
    assert imap.is_closed()


def test_closed_after_too_many_bad_commands(make_box):
    """In a row after login, in all before it: programs that err now and then may stay for days."""
    box = make_box()
    with box.dialogue() as imap:
        for _ in range(19):
            imap.bad("FROB")
        imap.ok("NOOP")
        imap.bad("FROB")
        assert imap.reply() == b"* BYE Too many bad commands"
        assert imap.is_closed()
    with box.dialogue() as imap:
        imap.login(box.user())
        imap.ok("SELECT INBOX")
        for _ in range(3):
            for _ in range(18):
                imap.bad("FETCH 1:* FLAGS")
            imap.no("SELECT nowhere")
            imap.bad("FROB")
            imap.ok("SELECT INBOX")
        for _ in range(20):
            imap.bad("FROB")
        assert imap.reply() == b"* BYE Too many bad commands"
        assert imap.is_closed()


def test_passwords_of_any_characters(make_box):
    password = 'a b"c\\d(\xe4{1}'
    box = make_box(stored="{PLAIN}" + password)
    user = box.user()
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    for form in (f'"{quoted}"', f"{{{len(password.encode())}+}}\r\n{password}"):
        with box.dialogue("imaps") as imap:
            imap.ok(f"LOGIN {user} {form}")


def test_passwords_dont_stay_in_memory(make_daemon, install):
    """A core dump, or who reads freed memory, finds none of those that were tried."""
    if install.is_sanitized:
        pytest.skip("the sanitizer's own areas are terabytes, and hold freed memory on purpose")
    daemon = make_daemon()
    box = memory_box(daemon, login_failures=10)
    user = box.user()
    tried = [
        f"battery-staple-{way}" for way in ("atom", "quoted", "literal", "plain", "asked", "bad")
    ]
    said = [plain(user, tried[3]), plain(user, tried[4])]
    for listener in ("imap", "imaps"):
        with box.dialogue(listener) as imap:
            imap.no(f"LOGIN {user} {tried[0]}")
            imap.no(f'LOGIN {user} "\\"{tried[1]}"')
            imap.no(f"LOGIN {user} {{{len(tried[2])}+}}\r\n{tried[2]}")
            imap.no(b"AUTHENTICATE PLAIN " + said[0])
            tag = imap.goes_on("AUTHENTICATE PLAIN")
            imap.send(said[1] + b"\r\n")
            assert imap.finish(tag)[0].startswith(b"NO ")
            imap.bad(f"LOGIN {user} {tried[5]} x")
            imap.ok("LOGOUT")
    until("both have ended", lambda: not daemon.sessions())
    held = writable_memory(daemon.workers()[0]["pid"])
    assert not [word for word in [word.encode() for word in tried] + said if word in held]


# ---- TLS


def test_login_is_disabled_in_the_clear(box, user):
    """RFC 3501 6.2.3: LOGINDISABLED, and no such login then."""
    with box.dialogue("strict") as imap:
        before = imap.capabilities()
        assert {"LOGINDISABLED", "STARTTLS"} <= set(before)
        assert not {"AUTH=PLAIN", "AUTH=LOGIN"} & set(before)
        refusal = b"NO [PRIVACYREQUIRED] No password in the clear: STARTTLS first"
        assert imap.no(f"LOGIN {user} {PASSWORD}") == refusal
        assert imap.no(f"LOGIN {user} {{20}}") == refusal  # the password isn't even asked for
        assert imap.no(b"AUTHENTICATE PLAIN " + plain(user)).startswith(b"NO [PRIVACYREQUIRED]")
        imap.start_tls(box.trusted())
        after = imap.capabilities()
        assert not {"LOGINDISABLED", "STARTTLS"} & set(after)
        assert {"AUTH=PLAIN", "AUTH=SCRAM-SHA-256"} <= set(after)
        assert imap.bad("STARTTLS") == b"BAD Expected no TLS to be started here, or not twice"
        imap.login(user)


@pytest.mark.parametrize(
    "more", [b"b NOOP\r\n", b"b LOGIN user1@alpha.test correct-horse\r\n", b"b LOGIN {5+}\r\n"]
)
def test_what_came_before_tls_is_forgotten(box, user, more):
    """RFC 3501 6.2.1: what was sent behind STARTTLS in the clear is never run."""
    with box.dialogue() as imap:
        imap.send(b"a STARTTLS\r\n" + more)
        assert imap.reply() == b"a OK Begin TLS"
        imap.wrap(box.trusted())
        assert imap.ask("NOOP") == (b"OK Still here", [])
        imap.bad("NAMESPACE")
        imap.login(user)


def test_implicit_tls(box, user):
    with box.dialogue("imaps") as imap:
        assert "STARTTLS" not in imap.capabilities()
        imap.login(user)
        imap.ok("NAMESPACE")


# ---- ends


def test_silence_ends_with_bye(make_box):
    """RFC 3501 5.4 and 7.1.5: the autologout says BYE."""
    box = make_box(timeout="2s", login_timeout="2s")
    user = box.user()
    with box.dialogue() as imap:
        assert imap.reply() == b"* BYE Silent for too long"
        assert imap.is_closed()
    with box.dialogue() as imap:
        imap.login(user)
        assert imap.reply() == b"* BYE Silent for too long"
        assert imap.is_closed()
    with box.dialogue() as imap:
        imap.login(user)
        imap.goes_on('ID ("a" {5}')
        imap.send(b"abc")  # and no more
        assert imap.reply() == b"* BYE Silent for too long"
        assert imap.is_closed()


def test_reload_says_bye_to_the_idle_and_lets_commands_finish(make_daemon):
    daemon = make_daemon()
    box = memory_box(daemon)
    user = box.user()
    with box.dialogue() as stranger, box.dialogue() as idle, box.dialogue() as busy:
        idle.login(user)
        tag = busy.goes_on(f"LOGIN {{{len(user)}}}")
        busy.send(user[:3].encode())
        daemon.ctl("reload", "--force")
        for imap in (stranger, idle):
            assert imap.reply() == b"* BYE Going on elsewhere, come back at once"
            assert imap.is_closed()
        busy.send(f"{user[3:]} {PASSWORD}\r\n".encode())
        assert busy.finish(tag)[0].startswith(b"OK ")
        assert busy.reply() == b"* BYE Going on elsewhere, come back at once"
        assert busy.is_closed()
    with box.dialogue() as imap:
        imap.login(user)


def test_shutdown_says_bye(make_daemon):
    daemon = make_daemon()
    box = memory_box(daemon)
    with box.dialogue() as imap:
        imap.ok("NOOP")
        daemon.stop()
        assert imap.reply().startswith(b"* BYE ")
        assert imap.is_closed()


def test_killed_session_is_told(make_daemon):
    daemon = make_daemon()
    box = memory_box(daemon)
    user = box.user()
    with box.dialogue() as imap:
        imap.login(user)
        daemon.ctl("sessions", "kill", user)
        assert imap.reply() == b"* BYE [ALERT] Ended by an administrator"
        assert imap.is_closed()


def test_live_settings_reach_open_sessions(make_daemon):
    daemon = make_daemon()
    box = memory_box(daemon)
    user = box.user()
    with box.dialogue() as imap:
        imap.login(user)
        daemon.config["instances"]["imap"]["settings"]["id_name"] = ""
        daemon.write()
        daemon.ctl("reload")
        assert imap.ok("ID NIL") == [b"ID NIL"]


def test_texts_that_would_break_a_line_are_refused(make_daemon):
    daemon = make_daemon()
    box = memory_box(daemon)
    settings = daemon.config["instances"]["imap"]["settings"]
    for setting in ("greeting", "id_name"):
        for text in ("[ALERT] x", "a\tb", "\xe4"):
            settings[setting] = text
            daemon.write()
            refused = daemon.ctl("reload", check=False)
            assert refused.returncode != 0
            assert f"{setting}: expected printable ASCII" in refused.stderr + refused.stdout
        del settings[setting]
    with box.dialogue() as imap:
        imap.ok("NOOP")


def test_log_and_metrics(make_daemon):
    daemon = make_daemon()
    box = memory_box(daemon)
    user = box.user()
    with box.dialogue() as imap:
        imap.no(f"LOGIN {user} wrong-horse")
        imap.bad("FROB")
        imap.login(user)
        imap.ok('ID ("name" "tester" "version" "1.0")')
        imap.ok("LOGOUT")
    daemon.wait_log("client-id")
    line = next(row for row in daemon.log().splitlines() if "client-id" in row)
    assert "name=tester" in line and "version=1.0" in line
    assert PASSWORD not in daemon.log() and "wrong-horse" not in daemon.log()
    assert daemon.metric("mansio_imap_logins_total") == 1
    assert daemon.metric("mansio_imap_login_failures_total") == 1
    assert daemon.metric("mansio_imap_bad_commands_total") == 1
    until("all are counted", lambda: daemon.metric("mansio_imap_commands_total") == 5)
