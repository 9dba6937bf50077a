"""Selecting a mailbox, changing it, and being told what others do: each rule with its clause. What
many do at once is test_imap_random.py's."""

import itertools
import re
import socket
import time

import pytest
from mansio_test.imap_view import Client, Closed, ViewError

ONE = b"From: a@example.org\r\nSubject: one\r\n\r\nHello.\r\n"


@pytest.fixture(scope="module")
def imap_lab(make_lab):
    return make_lab("imap-mailbox", accounts=60).up()


USERS = itertools.count(1)


@pytest.fixture
def user():
    """Somebody whom no other test knows."""
    return f"user{next(USERS)}@alpha.test"


@pytest.fixture
def connect(imap_lab, user):
    """Make clients of the test's user, logged in."""
    made = []

    def make(who=user, port="imap"):
        made.append(Client(imap_lab.port(port), timeout=60).login(who))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def box(connect):
    """A client with four messages in INBOX, selected."""
    client = connect()
    fill(client, 4)
    client.select()
    client.learn()
    return client


def fill(client, count, mailbox="INBOX", flags=""):
    for _ in range(count):
        assert client.append(mailbox, ONE, flags=flags).startswith("OK [APPENDUID ")


def told(untagged, pattern):
    return [line.decode() for line in untagged if re.search(pattern, line.decode())]


def flags_of(client, number):
    return {f for f in client.view.messages[number - 1].flags if f != "\\Recent"}


# ---- SELECT, EXAMINE (RFC 3501 6.3.1, 6.3.2)


def test_select_tells_what_a_client_must_know(connect):
    """RFC 3501 6.3.1; PERMANENTFLAGS 7.1; RFC 7162 3.1.2.1"""
    client = connect()
    untagged = b"\n".join(client.select()).decode()
    assert "* 0 EXISTS" in untagged and "* 0 RECENT" in untagged and "[UNSEEN" not in untagged
    fill(client, 2, flags="\\Seen $Work")
    fill(client, 2)
    client.ok("STORE 4 +FLAGS ($WORK Other)")
    lines = [line.decode() for line in client.select()]
    text = "\n".join(lines)
    assert r"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Work Other)" in lines
    assert r"[PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft $Work Other \*)]" in text
    assert "* 4 EXISTS" in lines and "* OK [UNSEEN 3]" in text and "[UIDNEXT 5]" in text
    assert client.view.uid_validity > 0 and client.view.highest_modseq > 0


def test_a_mailbox_that_is_not_there(connect):
    """RFC 3501 6.3.1: and none is selected then"""
    client = connect()
    client.select()
    status, untagged = client.do("SELECT Nowhere")
    assert status.startswith("NO [NONEXISTENT]") and told(untagged, r"\[CLOSED\]")
    assert client.status("CHECK").startswith("BAD")
    for wrong in ("SELECT", "SELECT INBOX x", "SELECT INBOX (X)", "SELECT INBOX (CONDSTORE"):
        assert client.status(wrong).startswith("BAD"), wrong


def test_examine_changes_nothing(connect):
    """RFC 3501 6.3.2"""
    client = connect()
    fill(client, 2)
    untagged = client.select(verb="EXAMINE")
    assert client.view.read_only and told(untagged, r"PERMANENTFLAGS \(\)")
    for command in ("STORE 1 +FLAGS (\\Seen)", "EXPUNGE", "UID EXPUNGE 1:*", "MOVE 1 Archive"):
        assert client.status(command).startswith("NO"), command
    client.ok("COPY 1 Archive")
    assert client.view.recent == 2
    client.select(verb="EXAMINE")
    assert client.view.recent == 2  # still nobody's
    client.select()
    assert client.view.recent == 2  # ours
    client.select()
    assert client.view.recent == 0  # and no longer


def test_recent_is_one_session_s(connect):
    """RFC 3501 2.3.2: what was there is \\Recent to who selects first; what comes is to all who
    have it selected, and to none who select later."""
    one, two = connect(), connect()
    fill(one, 2)
    one.select()
    two.select()
    assert (one.view.recent, two.view.recent) == (2, 0)
    fill(two, 1)
    one.ok("NOOP")
    assert (one.view.recent, two.view.recent) == (3, 1)
    assert "\\Recent" in one.learn().messages[2].flags
    one.ok("CLOSE")
    two.select()
    assert two.view.recent == 0


def test_switching_says_closed(connect):
    """RFC 7162 3.2.11"""
    client = connect()
    assert not told(client.select(), "CLOSED")
    lines = client.select("Archive")
    assert lines[0].startswith(b"* OK [CLOSED]")
    client.ok("CLOSE")
    assert not told(client.select(), "CLOSED")


# ---- leaving


def test_close_expunges_without_a_word(box, connect):
    """RFC 3501 6.4.2"""
    box.ok("STORE 2:3 +FLAGS.SILENT (\\Deleted)")
    assert box.ok("CLOSE") == []
    assert box.status("CHECK").startswith("BAD")
    box.select()
    assert box.learn().uids() == [1, 4]
    box.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    box.select(verb="EXAMINE")
    box.ok("CLOSE")
    box.select()
    assert box.view.exists == 2


def test_unselect_expunges_nothing(box):
    """RFC 3691 2"""
    box.ok("STORE 2:3 +FLAGS.SILENT (\\Deleted)")
    assert box.ok("UNSELECT") == []
    box.select()
    assert box.view.exists == 4


# ---- STORE (RFC 3501 6.4.6)


def test_store_adds_removes_replaces(box):
    box.ok("STORE 1 FLAGS (\\Seen $Work)")
    assert flags_of(box, 1) == {"\\Seen", "$Work"}
    box.ok("STORE 1 +FLAGS \\Draft $More")  # without brackets too
    assert flags_of(box, 1) == {"\\Seen", "\\Draft", "$Work", "$More"}
    box.ok("STORE 1 -FLAGS ($WORK \\Seen \\Flagged)")
    assert flags_of(box, 1) == {"\\Draft", "$More"}
    box.ok("STORE 1 FLAGS ()")
    assert flags_of(box, 1) == set()
    untagged = box.ok("UID STORE 3,9:* +FLAGS (\\Seen)")  # 9:* has the last (6.4.8)
    assert [line.split(b" ")[1] for line in untagged] == [b"3", b"4"]
    for wrong in (
        "STORE 5 +FLAGS (x)",
        "STORE 0 +FLAGS (x)",
        "STORE 1 +FLAGS (\\Recent)",
        "STORE 1 *FLAGS (x)",
        "STORE 1 FLAGS",
        "STORE 1 FLAGS (x) y",
        "STORE x FLAGS (x)",
        "STORE 1:9 FLAGS (x)",
        "STORE 1 (UNCHANGEDSINCE) FLAGS (x)",
    ):
        assert box.status(wrong).startswith("BAD"), wrong
    assert box.ok("UID STORE 77 +FLAGS (\\Seen)") == []


def test_silent_hides_the_client_s_own_change_alone(box, connect):
    """RFC 3501 6.4.6: others' changes SHOULD be told, silent or not"""
    assert box.ok("STORE 1:2 +FLAGS.SILENT (\\Seen)") == []
    other = connect()
    other.select()
    other.ok("STORE 2:3 +FLAGS (\\Flagged)")
    untagged = box.ok("STORE 1:2 +FLAGS.SILENT (\\Answered)")
    assert len(told(untagged, "FETCH")) == 2
    assert flags_of(box, 2) == {"\\Seen", "\\Flagged", "\\Answered"}
    assert flags_of(box, 3) == {"\\Flagged"}
    assert box.ok("NOOP") == []


def test_store_tells_no_expunge(box, connect):
    """RFC 3501 7.4.1; RFC 2180 4.2"""
    other = connect()
    other.select()
    other.ok("STORE 2 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    status, untagged = box.do("STORE 1:3 +FLAGS (\\Seen)")
    assert status.startswith("NO [EXPUNGEISSUED]")  # 4.2.3: the others have it
    assert [line.split(b" ")[1] for line in untagged] == [b"1", b"3"]
    status, untagged = box.do("STORE 2 +FLAGS (\\Seen)")
    assert status.startswith("NO [EXPUNGEISSUED]") and not untagged  # 4.2.2
    status, _ = box.do("STORE 1:3 +FLAGS.SILENT (\\Draft)")
    assert status.startswith("OK")  # 4.2.1
    assert box.view.exists == 4
    assert box.ok("NOOP") == [b"* 2 EXPUNGE"]
    assert box.learn().uids() == [1, 3, 4]
    assert flags_of(box, 2) == {"\\Seen", "\\Draft"}


def test_uid_commands_may_tell_an_expunge(box, connect):
    """RFC 3501 7.4.1: UID STORE is another command; 6.4.8: what isn't there is passed over"""
    other = connect()
    other.select()
    other.ok("UID STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.ok("UID EXPUNGE 2")
    status, untagged = box.do("UID STORE 2:3 +FLAGS (\\Seen)")
    assert status.startswith("OK") and b"* 2 EXPUNGE" in untagged


# ---- CONDSTORE (RFC 7162)


def test_condstore_is_announced(connect):
    client = connect()
    if "SEARCH" not in client.status("SEARCH ALL").upper():  # all of it is there, or none
        assert b"CONDSTORE" in b" ".join(client.ok("CAPABILITY"))


@pytest.mark.parametrize(
    "how",
    [
        "ENABLE CONDSTORE",
        "STATUS Archive (HIGHESTMODSEQ)",
        "STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)",
        "FETCH 1 (MODSEQ)",
        "UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)",
    ],
)
def test_what_enables_condstore(box, how):
    """RFC 7162 3.1: HIGHESTMODSEQ is told then, and MODSEQ from then on"""
    status, untagged = box.do(how)
    assert told(untagged, r"^\* OK \[HIGHESTMODSEQ \d+\]"), (status, untagged)
    box.view.wants_modseq = True
    assert told(box.ok("STORE 2 +FLAGS (\\Flagged)"), r"^\* 2 FETCH \(FLAGS .* MODSEQ \(\d+\)\)$")
    assert not told(box.do(how)[1], "HIGHESTMODSEQ \\d+\\] Told")


def test_unchangedsince(box, connect):
    """RFC 7162 3.1.3"""
    box.select(rest=" (CONDSTORE)")
    box.learn()
    since = box.view.messages[3].modseq
    untagged = box.ok(f"STORE 1:4 (UNCHANGEDSINCE {since}) +FLAGS.SILENT (\\Seen)")
    assert len(told(untagged, r"FETCH \(MODSEQ \(\d+\)\)")) == 4  # told though silent
    assert len({m.modseq for m in box.view.messages}) == 1
    now = box.view.messages[0].modseq
    assert now > since
    other = connect()
    other.select()
    other.ok("STORE 2 +FLAGS (\\Flagged)")
    status, untagged = box.do(f"STORE 4,2,1 (UNCHANGEDSINCE {now}) +FLAGS (\\Draft)")
    assert status.startswith("OK [MODIFIED 2]")
    assert flags_of(box, 2) == {"\\Seen", "\\Flagged"}  # told why (RECOMMENDED)
    assert flags_of(box, 1) == flags_of(box, 4) == {"\\Seen", "\\Draft"}
    status, _ = box.do(f"UID STORE 1:4 (UNCHANGEDSINCE {now}) +FLAGS (\\Answered)")
    assert status.startswith("OK [MODIFIED 1:2,4]")
    assert box.status("STORE 3 (UNCHANGEDSINCE 0) +FLAGS (x)").startswith("OK [MODIFIED 3]")
    # An unchanged message keeps its modseq (3.1.11).
    before = box.view.messages[0].modseq
    box.ok("STORE 1 +FLAGS (\\Draft)")
    assert box.view.messages[0].modseq == before


def test_modified_beside_expunged(box, connect):
    """RFC 7162 3.1.3 example 11: both in one"""
    box.select(rest=" (CONDSTORE)")
    box.learn()
    since = box.view.highest_modseq
    other = connect()
    other.select()
    other.ok("STORE 2 +FLAGS (\\Flagged)")
    other.ok("STORE 4 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    status, _ = box.do(f"STORE 1:4 (UNCHANGEDSINCE {since}) +FLAGS (\\Seen)")
    assert status.startswith("NO [MODIFIED 2]")
    assert flags_of(box, 1) == flags_of(box, 3) == {"\\Seen"}


# ---- EXPUNGE (RFC 3501 6.4.3, RFC 4315 2.1)


def test_expunge(box, connect):
    other = connect()
    other.select()
    box.ok("STORE 1,3,4 +FLAGS.SILENT (\\Deleted)")
    untagged = box.ok("EXPUNGE")
    assert len(told(untagged, "EXPUNGE")) == 3 and box.view.uids() == [2]
    other.ok("NOOP")
    assert other.view.exists == 1
    assert box.ok("EXPUNGE") == []
    assert box.status("EXPUNGE 1").startswith("BAD")


def test_uid_expunge_takes_what_is_named_and_deleted(box):
    box.ok("STORE 1,3,4 +FLAGS.SILENT (\\Deleted)")
    box.ok("UID EXPUNGE 1:3")
    assert box.view.uids() == [2, 4]
    assert box.ok("UID EXPUNGE 2,99") == []
    assert box.status("UID EXPUNGE").startswith("BAD")


def test_digits_never_mean_the_last_message(box):
    """RFC 3501 9: that is "*" alone, though no UID is as high as 4294967295."""
    for numbers in ("4294967295", "5:4294967295", "4294967295:4294967295"):
        assert not box.ok(f"UID FETCH {numbers} FLAGS")
        assert not box.ok(f"UID STORE {numbers} +FLAGS (\\Deleted)")
        assert told(box.ok(f"UID SEARCH UID {numbers}"), "SEARCH$")
    assert len(box.ok("UID FETCH 1:4294967295 FLAGS")) == 4
    assert len(box.ok("UID FETCH 4294967295:* FLAGS")) == 1
    assert box.status("FETCH 4294967295 FLAGS").startswith("BAD")


def test_uids_are_never_used_again(box):
    """RFC 3501 2.3.1.1"""
    box.ok("STORE 3:4 +FLAGS.SILENT (\\Deleted)")
    box.ok("EXPUNGE")
    assert box.append("INBOX", ONE).split("]")[0].endswith(" 5")
    assert box.learn().uids() == [1, 2, 5]


# ---- COPY and MOVE


def test_copy_takes_all_along(box, connect):
    """RFC 3501 6.4.7; RFC 4315 3"""
    box.ok("STORE 2 +FLAGS (\\Flagged $Work)")
    status, _ = box.do("COPY 2:3 Archive")
    assert re.match(r"OK \[COPYUID \d+ 2:3 1:2\] ", status)
    status, _ = box.do("UID COPY 1,3:4,99 Archive")
    assert re.match(r"OK \[COPYUID \d+ 1,3:4 3:5\] ", status)
    other = connect()
    other.select("Archive")
    assert other.view.recent == 5
    other.learn()
    assert flags_of(other, 1) == {"\\Flagged", "$Work"}
    assert not re.search("COPYUID", other.ok("UID COPY 77 INBOX") or "")


def test_copy_where_nothing_is(box):
    """RFC 3501 6.4.7: TRYCREATE"""
    assert box.status("COPY 1 Nowhere").startswith("NO [TRYCREATE]")
    assert box.status("MOVE 1 Nowhere").startswith("NO [TRYCREATE]")
    for wrong in ("COPY 1", "COPY 9 Archive", "COPY 1 Archive x", "MOVE 1:9 Archive"):
        assert box.status(wrong).startswith("BAD"), wrong


@pytest.mark.parametrize("verb", ["COPY", "MOVE"])
def test_copy_is_all_or_none(box, connect, verb):
    """RFC 3501 6.4.7; RFC 2180 4.4.1: and EXPUNGE is told"""
    other = connect()
    other.select()
    other.ok("STORE 2 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    status, untagged = box.do(f"{verb} 1:3 Archive")
    assert status.startswith("NO [EXPUNGEISSUED]") and b"* 2 EXPUNGE" in untagged
    assert b"MESSAGES 0" in box.ok("STATUS Archive (MESSAGES)")[0]
    assert re.search(r"COPYUID \d+ 1,3 1:2\]", str(box.do(f"UID {verb} 1:3 Archive")))


def test_move(box, connect):
    """RFC 6851 3.3; 4.3: COPYUID before EXPUNGE; 4.4: HIGHESTMODSEQ"""
    other = connect()
    other.select("Archive")
    other.idle()
    status, untagged = box.do("MOVE 2:3 Archive")
    assert re.match(r"\* OK \[COPYUID \d+ 2:3 1:2\]", untagged[0].decode())
    assert sorted(untagged[1:]) == [b"* 2 EXPUNGE", b"* 3 EXPUNGE"]
    assert re.match(r"OK \[HIGHESTMODSEQ \d+\]", status)
    other.wait_for(lambda view: view.exists == 2)
    box.ok("UID MOVE 1 INBOX")  # into itself: another UID
    assert box.learn().uids() == [4, 5]


# ---- APPEND (RFC 3501 6.3.11)


def test_append_keeps_flags_and_date(connect):
    client = connect()
    client.select()
    date = "07-Feb-1994 21:52:25 -0800"
    status = client.append("INBOX", ONE, flags="\\Seen $Work", date=date, plus=False)
    assert re.match(r"OK \[APPENDUID \d+ 1\]", status)
    assert client.view.exists == 1  # told before the tagged reply
    client.learn()
    assert flags_of(client, 1) == {"\\Seen", "$Work"}
    assert b'" 8-Feb-1994 05:52:25 +0000"' in client.ok("FETCH 1 (INTERNALDATE)")[0]
    assert b"{%d}\r\n%b" % (len(ONE), ONE) in client.ok("FETCH 1 (BODY.PEEK[])")[0]


def test_append_to_nowhere_asks_for_nothing(connect):
    """RFC 3501 6.3.11: TRYCREATE; a literal that isn't wanted isn't asked for (4.3)"""
    client = connect()
    for plus in (False, True):
        assert client.append("Nowhere", ONE, plus=plus).startswith("NO [TRYCREATE]")
    assert b"+ " not in b"".join(line[:5] for line in client.lines if line.startswith(b"S: +"))
    client.ok("NOOP")


def test_append_too_large_is_refused_before_it_is_sent(imap_lab, connect):
    client = connect()
    client.raw(b"x APPEND INBOX {60000000}\r\n")
    assert client.line().startswith(b"x NO [TOOBIG]")
    client.raw(b"x APPEND INBOX {2000000000+}\r\n")  # and what comes all the same has its end
    assert client.line().startswith(b"* BYE")
    assert client.line().startswith(b"x NO [TOOBIG]")
    with pytest.raises(Closed):
        client.line()


def test_append_of_what_is_no_message(connect):
    client = connect()
    assert client.append("INBOX", b"").startswith("NO [CANNOT]")
    assert client.append("INBOX", b"a\0b").startswith("BAD")  # CHAR8 (RFC 3501 9)
    assert client.append("INBOX", ONE, flags="\\Recent").startswith("BAD")
    assert client.append("INBOX", ONE, date="07-Feb-1994").startswith("BAD")
    assert client.append("INBOX", ONE, date="32-Feb-1994 21:52:25 -0800").startswith("BAD")
    assert client.status("APPEND INBOX").startswith("BAD")
    assert client.status("APPEND INBOX x").startswith("BAD")
    client.raw(b"x APPEND INBOX {3+}\r\nabc {3+}\r\ndef\r\n")  # two (RFC 3502) aren't offered
    assert client.line().startswith(b"x BAD")
    client.ok("NOOP")
    client.select()
    assert client.view.exists == 0


def test_append_in_small_pieces(connect):
    client = connect()
    data = b"x APPEND INBOX (\\Seen) {%d+}\r\n%b\r\ny NOOP\r\n" % (len(ONE), ONE)
    for at in range(len(data)):
        client.socket.sendall(data[at : at + 1])
    assert client.line().startswith(b"x OK [APPENDUID ")
    assert client.line().startswith(b"y OK")


def test_append_over_quota(imap_lab, connect, user):
    """RFC 5530 3: OVERQUOTA, before the message is sent where that is known"""
    imap_lab.node.mansioctl("quota", "set", user, "--bytes", "1000")
    client = connect()
    client.raw(b"x APPEND INBOX {2000}\r\n")
    assert client.line().startswith(b"x NO [OVERQUOTA]")
    assert client.append("INBOX", ONE).startswith("OK")


def test_no_uid_comes_after_the_last(imap_lab, connect, user):
    """RFC 3501 2.3.1.1: UIDs have 32 bits, so has the next one, and none is used twice: what would
    take more is refused, whole, and nothing is lost of it."""
    client = connect()
    assert client.status("CREATE Other").startswith("OK")
    fill(client, 3, "Other")

    imap_lab.sql(
        f"UPDATE collection_counters k SET uid_next = {2**32 - 3} FROM account a, domain d"
        " WHERE (a.tenant_id, a.account_id) = (k.tenant_id, k.account_id)"
        " AND (d.tenant_id, d.domain_id) = (a.tenant_id, a.domain_id)"
        f" AND k.collection_id = k.account_id AND a.local || '@' || d.name = '{user}'"
    )
    client.select("Other")
    assert client.status("COPY 1:3 INBOX").startswith("NO [LIMIT]")  # two would fit
    assert "4294967293:4294967294]" in client.status("COPY 1:2 INBOX")
    assert client.append("INBOX", ONE).startswith("NO [LIMIT]")
    for way in (imap_lab.smtp, imap_lab.lmtp):
        for to in ([user], [user, "user60@alpha.test"]):
            with way() as agent:
                agent.ehlo()
                agent.mail("sender@example.org")
                assert [agent.rcpt(address)[0] for address in to] == [250] * len(to)
                agent.putcmd("DATA")
                assert agent.getreply()[0] == 354
                agent.send(ONE + b".\r\n")
                answers = len(to) if way == imap_lab.lmtp else 1
                assert [agent.getreply()[0] for _ in range(answers)] == [451] * answers
    assert "given out all its UIDs" in imap_lab.log()
    for verb in ("COPY", "MOVE"):
        assert client.status(f"{verb} 1:3 INBOX").startswith("NO [LIMIT]")
    client.select("INBOX")
    status = client.ok("STATUS INBOX (UIDNEXT MESSAGES)")
    assert told(status, "UIDNEXT 4294967295 MESSAGES 2|MESSAGES 2 UIDNEXT 4294967295"), status
    imap_lab.check_invariants()


# ---- IDLE (RFC 2177)


def test_idle_tells_as_it_happens(box, connect):
    other = connect()
    other.select()
    other.idle()
    box.ok("STORE 1 +FLAGS (\\Flagged)")
    other.wait_for(lambda view: view.messages[0].flags)
    fill(box, 1)
    other.wait_for(lambda view: view.exists == 5)
    box.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    box.ok("EXPUNGE")
    other.wait_for(lambda view: view.exists == 4)
    assert other.done()[0].startswith("OK")
    assert other.ok("NOOP") == []
    assert other.learn().uids() == [1, 3, 4, 5]


def test_idle_tells_a_delivery_within_milliseconds(imap_lab, connect, user):
    client = connect()
    client.select()
    client.idle()
    took = []
    with imap_lab.lmtp() as lmtp:
        for number in range(1, 12):
            lmtp.sendmail("a@example.org", [user], ONE)
            began = time.monotonic()
            client.wait_for(lambda view, number=number: view.exists == number)
            took.append(time.monotonic() - began)
    print(f"from 250 to EXISTS: {1000 * sorted(took)[len(took) // 2]:.2f} ms in the middle")
    assert sorted(took)[len(took) // 2] < 1  # a machine under load; the figure is a bench's


def test_idle_ends_by_done_alone(box):
    for wrong in (b"NOOP\r\n", b"\r\n", b"x" * 3000 + b"\r\n", b"DONE \r\n"):
        box.idle()
        box.raw(wrong)
        assert box.finish()[0].startswith("BAD"), wrong
    box.idle()
    box.raw(b"done\r\n")
    assert box.finish()[0].startswith("OK")
    assert box.status("IDLE now").startswith("BAD")


def test_idle_without_a_mailbox(connect):
    """RFC 2177 3: in the authenticated state too"""
    client = connect()
    client.idle()
    assert client.done()[0].startswith("OK")


def test_idle_with_done_in_pieces_and_pipelined(box):
    box.send("IDLE")
    for byte in b"DONE\r\nz NOOP\r\n":
        box.socket.sendall(bytes([byte]))
        time.sleep(0.002)
    assert box.finish()[0].startswith("OK")
    assert box.line().startswith(b"z OK")


def test_a_mailbox_that_goes(box, connect):
    """RFC 2180 3.3: others hear BYE; who did it is merely without a mailbox"""
    box.ok("CREATE Short")
    other = connect()
    other.select("Short")
    other.idle()
    box.select("Short")
    box.ok("DELETE Short")
    assert box.status("CHECK").startswith("BAD")
    box.ok("NOOP")
    with pytest.raises(Closed):
        other.wait_for(lambda view: False)
    assert other.view.bye


def test_a_mailbox_that_goes_while_another_is_deleted(box, connect):
    """RFC 2180 3.3: DELETE of one mailbox doesn't hide that the selected one has gone"""
    box.ok("CREATE Mine")
    box.ok("CREATE Theirs")
    other = connect()
    other.select("Mine")
    box.ok("DELETE Mine")
    other.send("DELETE Theirs")
    with pytest.raises(Closed):
        other.wait_for(lambda view: False)
    assert other.view.bye


def test_a_mailbox_that_is_renamed(box, connect):
    """RFC 2180 3.4: it is the same under another name"""
    box.ok("CREATE Before")
    fill(box, 1, "Before")
    other = connect()
    other.select("Before")
    box.ok("RENAME Before After")
    assert other.ok("STORE 1 +FLAGS (\\Seen)")
    fill(box, 1, "After")
    other.ok("NOOP")
    assert other.view.exists == 2


def test_check_and_noop_look_for_themselves(box, connect):
    """RFC 3501 6.1.2, 6.4.1: at once, whatever hints do"""
    other = connect()
    other.select()
    for verb in ("NOOP", "CHECK"):
        count = other.view.exists
        fill(box, 1)
        other.ok(verb)
        assert other.view.exists == count + 1


def test_ends_in_mid_idle_and_mid_append(imap_lab, connect):
    """A client that goes away leaves nothing behind but what was whole."""
    one, two = connect(), connect()
    one.select()
    one.idle()
    two.raw(b"x APPEND INBOX {1000+}\r\nhalf")
    one.socket.shutdown(socket.SHUT_RDWR)
    two.socket.shutdown(socket.SHUT_RDWR)
    three = connect()
    three.select()
    assert three.view.exists == 0


def test_large_mailbox(connect, imap_lab):
    """Thousands of messages: numbers, pieces of STORE, EXPUNGE of every other one."""
    client = connect()
    fill(client, 50)
    client.select()
    while client.view.exists < 6400:
        client.ok(f"COPY 1:{min(client.view.exists, 6400 - client.view.exists)} INBOX")
    untagged = client.ok("STORE 1:* +FLAGS (\\Seen)")
    assert len(told(untagged, "FETCH")) == 6400
    client.ok("UID STORE 1:* +FLAGS.SILENT (\\Flagged)")
    assert client.ok("NOOP") == []
    odd = ",".join(str(uid) for uid in range(1, 6400, 2))
    client.ok(f"UID STORE {odd} +FLAGS.SILENT (\\Deleted)")
    untagged = client.ok("EXPUNGE")
    assert len(untagged) == 3200
    client.learn()
    assert client.view.uids() == list(range(2, 6401, 2))
    assert all("\\Flagged" in m.flags for m in client.view.messages)
    untagged = client.ok("UID MOVE 2:* Archive")
    assert len(told(untagged, "EXPUNGE")) == 3200 and client.view.exists == 0


def test_views_are_strict():
    """The client of these tests finds what it should: see test_imap_random.py."""
    with pytest.raises(ViewError):
        from mansio_test.imap_view import View

        View().untagged(b"* 1 EXPUNGE", "STORE")


def test_nothing_is_left_wrong(imap_lab):
    imap_lab.check_invariants()
