"""A message is committed whole or not at all, and 250 means committed: a proxy before PostgreSQL
fails every statement and every commit of a delivery in turn, before and after it took effect."""

import smtplib
import time

import pytest
from mansio_test.pgproxy import Fault, Proxy

TO = ["user1@alpha.test", "user2@alpha.test", "user1@beta.test"]
FROM = "sender@example.org"
RECOVERY_SECONDS = 60  # of patience


@pytest.fixture(scope="module")
def faulty(make_lab):
    """A lab whose daemon reaches its database through the proxy."""
    lab = make_lab("faulty", workers=1)
    lab.set_up()
    lab.proxy = Proxy(lab.cluster.port)
    lab.node.database_port = lab.proxy.port
    lab.node.write_config()
    lab.start()
    yield lab
    lab.proxy.close()


def message(mark, size):
    body = "".join(f"{n:08d} all that is here must be there\r\n" for n in range(size // 44 + 1))
    return f"From: <{FROM}>\r\nMessage-ID: <{mark}>\r\nSubject: {mark}\r\n\r\n{body}".encode()


def entries(lab, mark):
    """In how many mailboxes it is: asked of the tables, past row-level security."""
    return int(
        lab.sql(
            "SELECT count(*) FROM message_state s JOIN message m USING (tenant_id, message_id)"
            f" WHERE position('{mark}'::bytea IN m.structure) > 0"
        )[0][0]
    )


def send_smtp(lab, mark, size):
    """One transaction to three mailboxes of two tenants: [the code of its end]."""
    with lab.smtp() as client:
        client.ehlo()
        try:
            client.sendmail(FROM, TO, message(mark, size))
            return [250]
        except smtplib.SMTPRecipientsRefused as error:
            return [code for code, _ in error.recipients.values()]
        except smtplib.SMTPResponseException as error:
            return [error.smtp_code]


def send_lmtp(lab, mark, size):
    """The same over LMTP: a code for each recipient that was accepted."""
    with lab.lmtp() as client:
        client.ehlo()
        code, _ = client.mail(FROM)
        if code != 250:
            return [code]
        accepted = []
        codes = []
        for address in TO:
            code, _ = client.rcpt(address)
            (accepted if code == 250 else codes).append(code)
        if not accepted:
            return codes
        client.putcmd("DATA")
        code, _ = client.getreply()
        if code != 354:
            return [*codes, code]
        client.send(message(mark, size) + b".\r\n")
        return codes + [client.getreply()[0] for _ in accepted]


def wait_until_it_works(lab, send):
    """The daemon finds its database again by itself."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    number = 0
    while time.monotonic() < deadline:
        mark = f"well-{time.monotonic_ns()}-{number}@example.org"
        number += 1
        if set(send(lab, mark, 100)) == {250}:
            return
        time.sleep(0.05)
    raise AssertionError("mail is not taken again")


def steps_of(lab, send, size):
    """What a delivery consists of when nothing fails and its statements are prepared."""
    wait_until_it_works(lab, send)
    lab.proxy.arm()
    mark = f"count-{send.__name__}-{size}@example.org"
    assert set(send(lab, mark, size)) == {250}
    kinds = lab.proxy.disarm()
    assert entries(lab, mark) == 3
    return kinds


@pytest.mark.parametrize("send", [send_smtp, send_lmtp])
@pytest.mark.parametrize("size", [2_000, 1_500_000])
def test_each_statement_and_commit_fails_in_turn(faulty, send, size, record_property):
    kinds = steps_of(faulty, send, size)
    assert "execute" in kinds and ("sync" in kinds or "query" in kinds)
    tried = fired = 0
    for step in range(len(kinds) + 2):  # a few more may come: the directory's own questions
        for when in ("before", "after"):
            wait_until_it_works(faulty, send)
            mark = f"{send.__name__}-{size}-{step}-{when}@example.org"
            faulty.proxy.arm(Fault(step, when))
            codes = send(faulty, mark, size)
            fired += faulty.proxy.fired is not None
            faulty.proxy.disarm()
            tried += 1
            wait_until_it_works(faulty, send)
            there = entries(faulty, mark)
            where = f"{kinds[step:step + 1]} {step} {when}: {codes}, {there} entries"
            assert all(code == 250 or 400 <= code < 500 for code in codes), where
            if send is send_smtp:
                assert there in (0, 3), f"torn: {where}"
                assert codes != [250] or there == 3, f"a false 250: {where}"
            else:
                # Recipients stand alone, but what is said of each must be true.
                assert codes.count(250) <= there, f"a false 250: {where}"
    print(f"{send.__name__} {size}: {fired} of {tried} faults fired, {len(kinds)} steps a delivery")
    record_property("faults", f"{fired} of {tried}")
    assert fired >= 2 * len(kinds) - 2
    faulty.check_invariants()


def test_no_answer_while_the_database_is_away(faulty):
    """Temporary errors while it is away, and service again without a restart."""
    faulty.proxy.down()
    try:
        with faulty.smtp() as client:
            client.ehlo()
            with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as e:
                client.sendmail(FROM, TO, message("away@example.org", 100))
        error = e.value
        codes = (
            [code for code, _ in error.recipients.values()]
            if isinstance(error, smtplib.SMTPRecipientsRefused)
            else [error.smtp_code]
        )
        assert all(400 <= code < 500 for code in codes)
    finally:
        faulty.proxy.up()
    wait_until_it_works(faulty, send_smtp)
    assert entries(faulty, "away@example.org") == 0
