"""Submission, clause by clause: RFC 6409, RFC 4954, and whose addresses one may send as."""

import email
import email.utils
import json
import re

import pytest
from mansio_test.submission import Spooled, Submitter, b64
from mansio_test.wait import until

USER = "user1@alpha.test"
ELSEWHERE = "somebody@elsewhere.example"


@pytest.fixture(scope="module")
def lab(make_lab):
    lab = make_lab("submission", workers=1)
    extra = lab.directory / "extra.yaml"
    extra.write_text("login: {delay: 1ms, delay_max: 1ms}\n")  # guessing has tests of its own
    lab.node.extra = extra
    lab.set_up()
    lab.node.batch(
        [
            "domain add other.test --tenant alpha",
            "domain add alias.test --tenant alpha --alias-of alpha.test",
            f"address add nick@other.test --accounts {USER}",
            f"address add team@alpha.test --accounts '{USER} user2@alpha.test'",
            "address add others@alpha.test --accounts 'user2@alpha.test user3@alpha.test'",
            f"address add @other.test --accounts {USER}",
            f"tenant set alpha --postmaster {USER}",
            "address add postmaster@other.test --accounts user2@alpha.test",
        ]
    )
    lab.start()
    return lab


@pytest.fixture(scope="module")
def trusted(lab):
    return lab.trusted()


@pytest.fixture
def clear(lab):
    with Submitter(lab.port("submission")) as client:
        client.hello()
        yield client


@pytest.fixture
def secure(lab, trusted):
    with Submitter(lab.port("submissions"), trusted) as client:
        client.hello()
        yield client


@pytest.fixture
def user(secure):
    return secure.login(USER)


def capabilities(reply):
    return {line.split(" ")[0]: line.partition(" ")[2] for line in reply.lines[1:]}


# ---- what is offered, and to whom


def test_rfc8314_3_3_tls_from_the_first_byte_or_by_starttls(lab, trusted):
    with Submitter(lab.port("submissions"), trusted) as client:
        assert client.greeting.code == 220
        assert "STARTTLS" not in capabilities(client.hello())
        client.login(USER)
    with Submitter(lab.port("submission")) as client:
        assert "STARTTLS" in capabilities(client.hello())
        offered = capabilities(client.starttls(trusted))
        assert "STARTTLS" not in offered
        client.login(USER)


def test_rfc4954_3_auth_is_announced_where_it_may_be_used(clear, trusted):
    assert capabilities(clear.hello())["AUTH"] == "SCRAM-SHA-256"
    offered = capabilities(clear.starttls(trusted))
    assert offered["AUTH"].split(" ") == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]
    clear.login(USER)
    assert "AUTH" not in capabilities(clear.hello())


def test_rfc6409_7_extensions(secure):
    offered = capabilities(secure.hello())
    for name in ("PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SIZE", "CHUNKING", "SMTPUTF8"):
        assert name in offered
    assert not {"ETRN", "ATRN"} & set(offered)


def test_rfc6409_4_3_rfc4954_6_nothing_without_login(secure):
    for line in (
        f"MAIL FROM:<{USER}>",
        f"RCPT TO:<{ELSEWHERE}>",
        "DATA",
        f"VRFY {USER}",
    ):
        secure.expect(line, 530, "5.7.0")
    secure.send("BDAT 12 LAST\r\nMAIL FROM:\r\nNOOP\r\n")
    assert [reply.code for reply in secure.replies(2)] == [530, 250]
    for line in ("NOOP", "RSET", "HELP"):
        assert secure.ask(line).code in (250, 214)


def test_passwords_want_tls(clear):
    assert clear.plain(USER).code == 504
    clear.expect("AUTH LOGIN", 504, "5.5.4")
    clear.expect(f"MAIL FROM:<{USER}>", 530, "5.7.0")


# ---- AUTH, RFC 4954 4


def test_auth_comes_after_ehlo(lab, trusted):
    with Submitter(lab.port("submissions"), trusted) as client:
        assert client.plain(USER).code == 503
        client.hello("HELO")
        assert client.plain(USER).code == 503
        client.hello()
        assert client.plain(USER).code == 235


def test_no_auth_twice_and_none_in_a_transaction(user):
    assert user.plain(USER).code == 503
    user.expect(f"MAIL FROM:<{USER}>", 250)
    assert user.plain(USER).code == 503
    user.expect("RSET", 250)
    user.hello()
    assert user.plain(USER).code == 503


def test_initial_responses(secure):
    secure.send("AUTH PLAIN\r\n")
    assert secure.challenge() == b""
    secure.expect("*", 501)
    secure.expect("AUTH PLAIN =", 501, "5.5.2")
    secure.send("auth plain\r\n")
    assert secure.challenge() == b""
    secure.expect(b64(f"\0{USER}\0correct-horse"), 235, "2.7.0")


def test_a_mechanism_that_is_none(secure):
    secure.expect("AUTH CRAM-MD5", 504, "5.5.4")
    secure.expect("AUTH", 501, "5.5.4")
    secure.expect("AUTH PLAIN a b", 501, "5.5.4")


@pytest.mark.parametrize("text", ["=AAA", "AAA=BBB", "AA A", "AAA", "A*AA", "\xff\xfe"])
def test_what_is_no_base64(secure, text):
    secure.send("AUTH PLAIN\r\n")
    secure.challenge()
    assert secure.ask(text.encode("latin-1")).code == 501
    if " " not in text:
        assert secure.ask(b"AUTH PLAIN " + text.encode("latin-1")).code == 501
    secure.login(USER)


def test_long_responses(secure):
    """12,288 bytes are taken, whatever they say; more are not."""
    secure.send("AUTH PLAIN\r\n")
    secure.challenge()
    assert secure.ask(b64("\0a\0" + "x" * 12285)).code in (501, 535)
    secure.send("AUTH PLAIN\r\n")
    secure.challenge()
    assert secure.ask("A" * 20000).code == 500
    assert secure.ask("NOOP " + "x" * 5000).code == 500
    secure.login(USER)


def test_wrong_credentials_end_a_session(secure):
    for _ in range(2):
        reply = secure.plain(USER, "wrong")
        assert reply.code == 535 and reply.status == "5.7.8"
    assert secure.plain("nobody@alpha.test", "wrong").code == 535
    assert secure.reply().code == 421
    assert secure.is_ended()


def test_to_act_as_somebody_else_is_refused(secure):
    assert secure.plain(USER, authzid="user2@alpha.test").code == 535
    assert secure.plain(USER, authzid=USER).code == 235


def test_login(lab, trusted, secure):
    secure.send("AUTH LOGIN\r\n")
    assert secure.challenge()
    secure.send(b64(USER) + "\r\n")
    assert secure.challenge()
    secure.expect(b64("correct-horse"), 235)
    with Submitter(lab.port("submissions"), trusted) as client:  # as .NET's SmtpClient
        client.hello()
        client.send(f"AUTH LOGIN {b64(USER)}\r\n")
        assert client.challenge()
        client.expect(b64("correct-horse"), 235)


def test_scram(clear, secure):
    assert clear.scram(USER) == (True, 235)
    assert secure.scram(USER, "wrong") == (False, 535)
    assert secure.scram(USER) == (True, 235)
    clear.expect(f"MAIL FROM:<{USER}>", 250)


def test_a_client_that_does_not_believe_the_server_is_not_logged_in(secure):
    secure.send("AUTH SCRAM-SHA-256 " + b64(f"n,,n={USER},r=x") + "\r\n")
    secure.challenge()
    secure.expect("*", 501)
    secure.expect(f"MAIL FROM:<{USER}>", 530)


def test_no_starttls_after_a_login(clear):
    assert clear.scram(USER) == (True, 235)
    clear.expect("STARTTLS", 503, "5.5.1")
    assert "STARTTLS" not in capabilities(clear.hello())


def test_rfc3207_4_2_starttls_forgets_what_was_said(clear, trusted):
    clear.send("STARTTLS\r\nMAIL FROM:<x@alpha.test>\r\n")
    assert clear.reply().code == 220
    clear.wrap(trusted)
    clear.expect("AUTH PLAIN", 503)
    clear.hello()
    clear.login(USER)


@pytest.mark.parametrize("good", ["<>", USER, "e+3Dmc2@example.com"])
def test_rfc4954_5_auth_parameter_of_mail(user, good):
    user.expect(f"MAIL FROM:<{USER}> AUTH={good}", 250)


def test_rfc4954_5_auth_parameter_that_is_none(user):
    for bad in ("AUTH=", "AUTH", "AUTH=a+3", "AUTH=<> AUTH=<>"):
        user.expect(f"MAIL FROM:<{USER}> {bad}", 501, "5.5.4")


# ---- RFC 6409 6.1: senders


@pytest.mark.parametrize(
    "sender",
    [
        USER,
        "USER1@Alpha.Test",
        "user1+news@alpha.test",
        "user1@alias.test",
        "nick@other.test",
        "nick+x@other.test",
        "team@alpha.test",
        "",
    ],
)
def test_ones_own_senders(user, sender):
    user.expect(f"MAIL FROM:<{sender}>", 250)


@pytest.mark.parametrize(
    "sender",
    [
        "user2@alpha.test",
        "user1@beta.test",
        "user2+user1@alpha.test",
        "others@alpha.test",
        "nobody@alpha.test",
        "anything@other.test",
        "user1@elsewhere.example",
        "user1@[127.0.0.1]",
        "user1@localhost",
        "postmaster@alpha.test",
    ],
)
def test_senders_that_are_somebody_elses(user, sender):
    user.expect(f"MAIL FROM:<{sender}>", 553, "5.7.1")
    user.expect(f"RCPT TO:<{ELSEWHERE}>", 503)


def test_postmaster_is_whose_it_is_by_an_address(secure):
    secure.login("user2@alpha.test")
    secure.expect("MAIL FROM:<postmaster@other.test>", 250)
    secure.expect("RSET", 250)
    secure.expect("MAIL FROM:<postmaster@alpha.test>", 553)


def test_policy_knows_the_service(lab, user):
    listed = json.loads(lab.node.mansioctl("--json", "sessions", "list"))
    rows = listed["sessions"] if isinstance(listed, dict) else listed
    assert ("submission", USER) in {(row["service"], row["account"]) for row in rows}


def test_a_tenants_user_is_nobody_in_another(secure):
    secure.login("user1@beta.test")
    secure.expect(f"MAIL FROM:<{USER}>", 553, "5.7.1")
    secure.expect("MAIL FROM:<user1@beta.test>", 250)


# ---- recipients


def test_local_and_remote_recipients_together(lab, user):
    sender = "user1+together@alpha.test"
    before = lab.sql("SELECT count(*) FROM mansio.message_state")
    to = ("user2@alpha.test", ELSEWHERE, "b@Bucher.Example", "user1@beta.test")
    assert user.submit(sender, *to).code == 250
    after = lab.sql("SELECT count(*) FROM mansio.message_state")
    assert int(after[0][0]) - int(before[0][0]) == 2
    spooled = Spooled.of(lab, sender)
    assert sorted(one.forward_path for one in spooled) == ["b@bucher.example", ELSEWHERE]
    assert {one.tenant for one in spooled} == {"alpha"}
    assert user.submit(sender, ELSEWHERE).code == 250
    lab.check_invariants()


def test_rfc5891_domains_elsewhere_go_on_as_a_labels(lab, user):
    sender = "user1+idn@alpha.test"
    user.expect(f"MAIL FROM:<{sender}>", 250)
    user.expect("RCPT TO:<joe@b\xfccher.example>", 553, "5.6.7")
    user.expect("RSET", 250)
    to = ("joe@b\xfccher.example", "j\xf6@x.example", "joe@[192.0.2.1]", "joe@[IPv6:2001:db8::1]")
    assert user.submit(sender, *to, params=" SMTPUTF8").code == 250
    assert sorted(one.forward_path for one in Spooled.of(lab, sender)) == [
        "joe@[192.0.2.1]", "joe@[IPv6:2001:db8::1]", "joe@xn--bcher-kva.example", "j\xf6@x.example",
    ]  # fmt: skip
    assert {int(one.flags) & 8 for one in Spooled.of(lab, sender)} == {8}


def test_what_is_spooled_has_the_message_and_no_final_trace(lab, user):
    sender = "user1+trace@alpha.test"
    assert user.submit(sender, ELSEWHERE).code == 250
    (row,) = lab.sql(
        "SELECT encode(prefix, 'hex') FROM mansio.spool JOIN mansio.message"
        f" USING (tenant_id, message_id) WHERE reverse_path = '{sender}' AND prefix_no = 0"
    )
    prefix = bytes.fromhex(row[0]).decode()
    assert prefix.startswith("Received: from ")
    assert "Return-Path" not in prefix and "Delivered-To" not in prefix


def test_what_is_sent_twice_to_one_address_goes_once(lab, user):
    sender = "user1+twice@alpha.test"
    to = (ELSEWHERE, "somebody@Elsewhere.Example", "Somebody@elsewhere.example")
    assert user.submit(sender, *to, "user2@alpha.test", "user2+x@alpha.test").code == 250
    paths = sorted(one.forward_path for one in Spooled.of(lab, sender))
    assert paths == ["Somebody@elsewhere.example", ELSEWHERE]


def test_recipients_that_are_refused(user):
    user.expect(f"MAIL FROM:<{USER}>", 250)
    for to, code, status in (
        ("nobody@alpha.test", 550, "5.1.1"),
        ("nobody@beta.test", 550, "5.1.1"),
        ("user2", 501, "5.1.3"),
        ("user2@", 501, "5.1.3"),
        ("user2@elsewhere", 554, "5.1.2"),  # RFC 6409 4.2
        ("user2@localhost", 554, "5.1.2"),
        ("user2@el..example", 501, "5.1.3"),
        ("user2@-x-.example", 501, "5.1.3"),
        ("user2@[300.1.1.1]", 501, "5.1.3"),
    ):
        user.expect(f"RCPT TO:<{to}>", code, status)
    user.expect("RCPT TO:<user2@[192.0.2.1]>", 250)
    user.expect("RCPT TO:<Postmaster>", 550)
    user.expect("RCPT TO:<postmaster@alpha.test>", 250)


def test_the_mx_stays_closed(lab):
    with Submitter(lab.port("smtp")) as client:
        offered = capabilities(client.hello())
        assert "AUTH" not in offered
        client.expect("AUTH PLAIN", 500)
        client.expect(f"MAIL FROM:<{USER}>", 250)
        client.expect(f"RCPT TO:<{ELSEWHERE}>", 550, "5.7.1")


def test_rfc3848_received(lab, user, clear):
    assert user.submit(USER, "user3@alpha.test", mark="received").code == 250
    assert clear.scram(USER) == (True, 235)
    assert clear.submit(USER, "user3@alpha.test", mark="received").code == 250
    box = lab.pop3("user3@alpha.test")
    tops = [b"\n".join(box.top(number, 0)[1]) for number in (1, 2)]
    box.quit()
    assert b" with ESMTPSA" in tops[0] and b" with ESMTPA\n" in tops[1]
    assert tops[0].startswith(b"Return-Path: <user1@alpha.test>\nDelivered-To: user3@alpha.test\n")


# ---- RFC 6409 8: what is done to a message

HEADER = (
    f"From: {USER}\r\nDate: Sun, 22 Nov 2026 04:30:42 +0000\r\nMessage-ID: <m@client.example>\r\n"
)


class Box:
    """A mailbox that only the test at hand is sent to."""

    def __init__(self, lab):
        self.lab = lab
        self.user = "user5@alpha.test"

    def take(self):
        """The message that is there, behind the trace fields."""
        box = self.lab.pop3(self.user)
        assert box.stat()[0] == 1
        text = b"\r\n".join(box.retr(1)[1]) + b"\r\n"
        box.dele(1)
        box.quit()
        trace, found, rest = text.partition(b" +0000\r\n")
        assert found and trace.startswith(b"Return-Path: ") and b"\r\nReceived: " in trace
        return rest.decode()


@pytest.fixture
def box(lab):
    return Box(lab)


def fields(text):
    header = text.partition("\r\n\r\n")[0].replace("\r\n ", " ")
    return [tuple(line.split(": ", 1)) for line in header.split("\r\n") if line]


def test_a_message_that_lacks_nothing_stays_as_it_is(user, box):
    text = HEADER + "Return-Path: <x@y>\r\nX: \xe4\r\n\r\n.\r\nbody\r\n"
    assert user.submit(USER, box.user, text=text.encode()).code == 250
    assert box.take() == text


def test_rfc6409_8_2_8_3_date_message_id_and_from_are_added(user, box):
    text = "Subject: x\r\nTo: y@elsewhere.example\r\n\r\nbody\r\n"
    assert user.submit("user1+x@alpha.test", box.user, text=text).code == 250
    made = box.take()
    assert made.endswith(text)
    added = dict(fields(made[: -len(text)]))
    assert set(added) == {"Date", "From", "Message-ID"}
    assert added["From"] == "<user1+x@alpha.test>"
    assert email.utils.parsedate_to_datetime(added["Date"]).tzinfo is not None
    assert re.fullmatch(r"<[^@<>\s]+@[^@<>\s]+>", added["Message-ID"])


def test_from_of_the_null_path_is_the_account(user, box):
    assert user.submit("", box.user, text="Subject: x\r\n\r\n").code == 250
    assert dict(fields(box.take()))["From"] == f"<{USER}>"


def test_each_field_is_added_alone(user, box):
    lines = HEADER.split("\r\n")[:3]
    for missing in range(3):
        rest = "\r\n".join(lines[:missing] + lines[missing + 1 :]) + "\r\n\r\nbody\r\n"
        assert user.submit(USER, box.user, text=rest).code == 250
        made = box.take()
        assert made.endswith(rest)
        added = made[: -len(rest)]
        assert added.count("\r\n") == 1 and added.startswith(lines[missing].split(":")[0])


def test_message_ids_differ(user, box):
    made = set()
    for _ in range(3):
        assert user.submit(USER, box.user, text="\r\nbody\r\n").code == 250
        made.add(dict(fields(box.take()))["Message-ID"])
    assert len(made) == 3


def test_rfc5322_3_6_2_sender_is_added_where_there_are_many_authors(user, box):
    header = HEADER.replace(USER, f"{USER}, Team <team@alpha.test>")
    assert user.submit(USER, box.user, text=header + "\r\n").code == 250
    assert box.take() == f"Sender: <{USER}>\r\n{header}\r\n"
    text = header + "Sender: nick@other.test\r\n\r\n"
    assert user.submit(USER, box.user, text=text).code == 250
    assert box.take() == text


@pytest.mark.parametrize(
    "text, kept",
    [
        ("body\r\n", "\r\nbody\r\n"),
        ("hello there\r\nFrom: x@y\r\n\r\n", "\r\nhello there\r\nFrom: x@y\r\n\r\n"),
        ("\r\nbody\r\n", "\r\nbody\r\n"),
        ("Subject: x\r\nbody\r\nFrom: x@y\r\n", "Subject: x\r\n\r\nbody\r\nFrom: x@y\r\n"),
        ("From joe Thu Jan  1\r\nSubject: x\r\n\r\n", "Subject: x\r\n\r\n"),
        ("Subject: x\r\n", "Subject: x\r\n"),
    ],
)
def test_a_header_ends_with_an_empty_line(user, box, text, kept):
    assert user.submit(USER, box.user, text=text).code == 250
    made = box.take()
    assert made.endswith(kept)
    assert [line.split(":")[0] for line in made[: -len(kept)].split("\r\n")[:-1]] == [
        "Date", "From", "Message-ID",
    ]  # fmt: skip


def test_blind_copies_stay_blind(user, box):
    text = HEADER + "Bcc: a@b,\r\n c@d\r\nTo: e@f\r\nResent-Bcc: g@h\r\n\r\nBcc: body\r\n"
    assert user.submit(USER, box.user, text=text).code == 250
    assert box.take() == HEADER + "To: e@f\r\n\r\nBcc: body\r\n"
    assert user.submit(USER, box.user, text="Bcc: a@b\r\n" * 33 + HEADER + "\r\n").code == 554


def test_a_large_message_is_repaired_too(user, box):
    body = "".join(f"{number:070}\r\n" for number in range(40000))
    text = "Bcc: x@y\r\nX-Long: " + "y" * 900 + "\r\n" + "Z: z\r\n" * 50000 + HEADER + "\r\n"
    assert user.submit(USER, box.user, text=text + body).code == 250
    assert box.take() == text.removeprefix("Bcc: x@y\r\n") + body
    user.envelope(box.user, sender=USER)
    text = ("Subject: x\r\n\r\n" + body).encode()
    user.send(f"BDAT {len(text)} LAST\r\n".encode() + text)
    assert user.reply().code == 250
    made = box.take()
    assert made.endswith(text.decode()) and len(fields(made)) == 4


def test_what_is_added_is_in_the_envelope_too(lab, user):
    """What IMAP will show is computed from the message as it is kept."""
    text = "Subject: structured\r\n\r\n"
    assert user.submit(USER, "user6@alpha.test", text=text).code == 250
    kept = [
        bytes.fromhex(row[0])
        for row in lab.sql("SELECT encode(structure, 'hex') FROM mansio.message")
    ]
    (one,) = (structure for structure in kept if b"structured" in structure)
    assert b"user1" in one and b"alpha.test" in one


# ---- RFC 6409 6.3: authors


@pytest.mark.parametrize(
    "author",
    [
        USER,
        "Somebody Else <USER1+x@alias.test>",
        '"boss@elsewhere.example" <team@alpha.test>',
        "nick@other.test (boss@elsewhere.example)",
        f"us: {USER}, nick@other.test;",
        "\r\n\tFolded\r\n\t<user1@alpha.test>",
        f"{USER} <{USER}>",
        f"user1 @ alpha . test (a@b.example \\) \" c@d.example)",
        '"a@b.example \\" c@d.example (" <"user1"@alpha.test>',
        "Some: <user1@alpha.test>",
        "Somebody Else of the Office of Many Words in the Middle of the Town" * 5 + f" <{USER}>",
    ],
)
def test_ones_own_authors(user, author):
    assert user.submit(USER, "user7@alpha.test", text=f"From: {author}\r\n\r\n").code == 250


FOREIGN = [
    ("From: user2@alpha.test\r\n", 550),
    ("From: user1@beta.test\r\n", 550),
    (f'From: "{USER}" <boss@elsewhere.example>\r\n', 550),
    (f"From: {USER}, boss@elsewhere.example\r\n", 550),
    (f"From: us: {USER}, boss@elsewhere.example;\r\n", 550),
    ("From: boss\r\n", 550),
    (f"From: {USER} boss@elsewhere.example\r\n", 550),
    (f"From: boss@elsewhere.example <{USER}>\r\n", 550),
    (f"From: <{USER}> boss@elsewhere.example\r\n", 550),
    (f"From: <{USER}> boss@elsewhere.example (x\r\n", 550),
    (f'From: "" boss@elsewhere.example "" <{USER}>\r\n', 550),
    (f"From: <boss@elsewhere.example><{USER}>\r\n", 550),
    (f"From: <@elsewhere.example:boss@elsewhere.example,{USER}>\r\n", 550),
    (f"From: {USER}\r\nSender: boss@elsewhere.example <{USER}>\r\n", 550),
    ("From: others@alpha.test\r\n", 550),
    ("From : boss@elsewhere.example\r\n", 550),
    (f"From: {USER}\r\nSender: user2@alpha.test\r\n", 550),
    ("Sender: user2@alpha.test\r\n", 550),
    ("X: y\r\n" * 60000 + "From: boss@elsewhere.example\r\n", 550),
    (f"From: {USER}\r\nFrom: {USER}\r\n", 554),
    (f"From: {USER}\r\nSender: {USER}\r\nSender: {USER}\r\n", 554),
    (f"From: {USER}\r\nSender: {USER}, {USER}\r\n", 554),
    ("From:\r\n", 554),
    ("From: nobody:;\r\n", 554),
    (f"From: {', '.join([USER] * 51)}\r\n", 554),
    (f"From: {USER} {'(' + 'x' * 900 + ')' + chr(13) + chr(10) + ' '}" * 80 + "\r\n", 554),
]


@pytest.mark.parametrize("row", range(len(FOREIGN)))
def test_authors_that_are_somebody_else(lab, user, row):
    header, code = FOREIGN[row]
    sender = "user1+refused@alpha.test"
    reply = user.submit(sender, "user7@alpha.test", ELSEWHERE, text=header + "\r\nbody\r\n")
    assert reply.code == code
    assert Spooled.of(lab, sender) == []


# ---- RFC 3461


def test_rfc3461_what_goes_elsewhere_takes_its_wishes_along(lab, user):
    assert "DSN" in capabilities(user.hello())
    sender = "user1+wishes@alpha.test"
    user.expect(f"MAIL FROM:<{sender}> RET=hdrs ENVID=QQ+2B314", 250)
    user.expect(f"RCPT TO:<one@x.example> NOTIFY=delay,success ORCPT=rfc822;A+2BB@x.example", 250)
    user.expect(f"RCPT TO:<two@x.example> NOTIFY=NEVER", 250)
    user.expect(f"RCPT TO:<three@x.example>", 250)
    assert user.data("Subject: x\r\n\r\n").code == 250
    spooled = {one.forward_path.split("@")[0]: one for one in Spooled.of(lab, sender)}
    assert {(one.ret, one.envelope_id) for one in spooled.values()} == {("HDRS", "QQ+314")}
    assert spooled["one"].notify == "SUCCESS,DELAY"
    assert spooled["one"].original_recipient == "rfc822;A+B@x.example"
    assert spooled["two"].notify == "NEVER"
    assert spooled["three"].notify == spooled["three"].original_recipient == ""


def test_rfc3461_4_parameters_that_are_none(lab, user):
    for bad in ("RET=X", "RET", "ENVID=", "ENVID=a+0Ab", "ENVID=" + "x" * 101, "RET=FULL RET=FULL"):
        user.expect(f"MAIL FROM:<{USER}> {bad}", 501, "5.5.4")
    user.expect(f"MAIL FROM:<{USER}>", 250)
    for bad in ("NOTIFY=X", "NOTIFY=NEVER,DELAY", "ORCPT=x", "ORCPT=rfc822;a+0Ab"):
        user.expect(f"RCPT TO:<{ELSEWHERE}> {bad}", 501, "5.5.4")
    user.expect(f"RCPT TO:<{ELSEWHERE}> X=Y", 555, "5.5.4")
    with Submitter(lab.port("smtp")) as client:
        assert "DSN" not in capabilities(client.hello())
        client.expect("MAIL FROM:<x@example.org> RET=FULL", 555)
        client.expect("MAIL FROM:<x@example.org>", 250)
        client.expect(f"RCPT TO:<{USER}> NOTIFY=NEVER", 555)


def test_rfc3461_5_2_1_success_here_is_reported(lab, secure):
    secure.login("user8@alpha.test")
    sender = "user8+dsn@alpha.test"
    secure.expect(f"MAIL FROM:<{sender}> ENVID=mark", 250)
    secure.expect("RCPT TO:<user7+x@alpha.test> NOTIFY=SUCCESS ORCPT=rfc822;Seven@alpha.test", 250)
    secure.expect("RCPT TO:<user7@beta.test> NOTIFY=SUCCESS,FAILURE", 250)
    secure.expect("RCPT TO:<user6@beta.test> NOTIFY=FAILURE", 250)
    secure.expect("RCPT TO:<user6@alpha.test> NOTIFY=NEVER", 250)
    assert secure.data("Subject: told\r\n\r\nbody\r\n").code == 250

    def report():
        box = lab.pop3("user8@alpha.test")
        found = [b"\r\n".join(box.retr(n + 1)[1]) for n in range(box.stat()[0])]
        box.quit()
        return found

    (text,) = until("the report", report)
    message = email.message_from_bytes(text)
    assert message["Return-Path"] == "<>" and message["Delivered-To"].startswith("user8")
    assert message.get_content_type() == "multipart/report"
    _, status, header = message.get_payload()
    whole, *each = status.get_payload()
    assert whole["Original-Envelope-Id"] == "mark"
    assert [(one["Action"], one["Status"], one["Final-Recipient"]) for one in each] == [
        ("delivered", "2.0.0", "rfc822; user7+x@alpha.test"),
        ("delivered", "2.0.0", "rfc822; user7@beta.test"),
    ]
    assert each[0]["Original-Recipient"] == "rfc822; Seven@alpha.test"
    assert "Subject: told" in header.as_string() and "body" not in header.as_string()


def test_nobody_is_told_of_what_the_null_path_sent(lab, secure):
    secure.login("user5@beta.test")
    secure.expect("MAIL FROM:<>", 250)
    secure.expect("RCPT TO:<user5@beta.test> NOTIFY=SUCCESS", 250)
    assert secure.data("Subject: x\r\n\r\n").code == 250
    assert secure.submit("user5@beta.test", "user5@beta.test").code == 250
    box = lab.pop3("user5@beta.test")
    assert box.stat()[0] == 2
    box.quit()
