"""SASL EXTERNAL (RFC 4422 appendix A): who shows a certificate that the listener's authority vouches
for is the account that it was made out to, over IMAP, POP3 and submission."""

import base64
import imaplib
import json
import poplib
import re
import smtplib
import socket
import ssl
import time

import pytest
from mansio_local.node import NodeError
from mansio_test.certificates import Authority
from mansio_test.lab import HOST, PASSWORD
from mansio_test.wait import until

SERVICES = ("imaps", "pop3s", "submissions")
USER, OTHER = "user1@alpha.test", "user1@beta.test"


@pytest.fixture(scope="module")
def lab(make_lab, tmp_path_factory):
    made = make_lab("external", workers=1)
    made.ca = Authority(tmp_path_factory.mktemp("clients"), "People's CA")
    made.stranger = Authority(tmp_path_factory.mktemp("strangers"), "Nobody's CA")
    made.revoked = made.ca.write_list()
    config = made.node.config

    def with_clients():
        wanted = config()
        for name in (*SERVICES, "imap"):
            wanted["listeners"][name]["client_ca"] = str(made.ca.path)
        wanted["listeners"]["imaps"]["client_crl"] = str(made.revoked)
        wanted["listeners"]["pop3s"]["client_account"] = "either"
        wanted["listeners"]["submissions"]["client_account"] = "subject"
        wanted["login"] = {"delay": "0s", "failures_per_address": 0, "failures_per_account": 0}
        return wanted

    made.node.config = with_clients
    return made.up()


def certificate(lab, name, emails=(), subject=None, authority=None, hosts=(), **options):
    """A chain and a key; kept, as making them takes a while."""
    authority = authority or lab.ca
    kept = authority.directory / f"{name}.pem"
    if kept.exists():
        return kept, authority.directory / f"{name}.key"
    return authority.make(name, *hosts, emails=emails, subject=subject, **options)


def context(lab, shown):
    made = lab.trusted()
    if shown is not None:
        made.load_cert_chain(*map(str, shown))
    return made


def mine(lab):
    """What every service takes as USER's: its address in both places."""
    return certificate(lab, "mine", [USER], f"/CN=User/emailAddress={USER}")


def imap(lab, shown, authzid=""):
    """The tagged answer's first word, and the code if there is one: "OK", "NO AUTHENTICATIONFAILED"."""
    with imaplib.IMAP4_SSL(HOST, lab.port("imaps"), ssl_context=context(lab, shown)) as box:
        box.is_offered = "AUTH=EXTERNAL" in box.capabilities
        try:
            box.authenticate("EXTERNAL", lambda _: authzid.encode())
        except imaplib.IMAP4.error as error:
            return ("NO", box.is_offered, str(error))
        assert box.select()[0] == "OK"
        return ("OK", box.is_offered, "")


class Pop3(poplib.POP3_SSL):
    def auth_external(self, authzid):
        text = base64.b64encode(authzid.encode()).decode() or "="
        return self._shortcmd(f"AUTH EXTERNAL {text}")


def pop3(lab, shown, authzid=""):
    box = Pop3(HOST, lab.port("pop3s"), context=context(lab, shown))
    try:
        is_offered = "EXTERNAL" in box.capa().get("SASL", [])
        try:
            box.auth_external(authzid)
        except poplib.error_proto as error:
            return ("NO", is_offered, str(error))
        box.stat()
        return ("OK", is_offered, "")
    finally:
        box.close()


def submission(lab, shown, authzid=""):
    with smtplib.SMTP_SSL(HOST, lab.port("submissions"), context=context(lab, shown)) as client:
        client.ehlo()
        is_offered = "EXTERNAL" in client.esmtp_features["auth"].split()
        text = base64.b64encode(authzid.encode()).decode() or "="
        code, words = client.docmd("AUTH", f"EXTERNAL {text}")
        if code != 235:
            return ("NO", is_offered, f"{code} {words.decode()}")
        sender = authzid or USER
        assert client.mail(sender)[0] == 250
        return ("OK", is_offered, "")


WAYS = {"imaps": imap, "pop3s": pop3, "submissions": submission}
DENIED = {"imaps": "AUTHENTICATIONFAILED", "pop3s": "[AUTH]", "submissions": "535 5.7.8"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("authzid", ["", USER, "USER1@Alpha.Test"])
def test_whose_certificate_it_is(lab, service, authzid):
    assert WAYS[service](lab, mine(lab), authzid) == ("OK", True, "")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("authzid", ["user2@alpha.test", OTHER, "user1@nowhere.test", "user1"])
def test_nobody_acts_as_somebody_else(lab, service, authzid):
    """Neither of one's own tenant nor of another; and without a server name of a tenant's, a bare name
    is nobody's."""
    said, is_offered, words = WAYS[service](lab, mine(lab), authzid)
    assert (said, is_offered) == ("NO", True) and DENIED[service] in words, words


@pytest.mark.parametrize("service", SERVICES)
def test_refusals_look_the_same(lab, service):
    """Of an account that isn't there, one of another tenant's domain that isn't, one that is suspended:
    the words of a wrong password."""
    lab.node.mansioctl("account", "set", "user8@alpha.test", "--state", "suspended")
    said = set()
    for address in (
        "nobody@alpha.test",
        "user1@nowhere.test",
        "user8@alpha.test",
        "a..b@alpha.test",
    ):
        name = address.replace("@", "-")
        shown = certificate(lab, name, [address], f"/CN=User/emailAddress={address}")
        said.add(WAYS[service](lab, shown))
    said.add(WAYS[service](lab, mine(lab), "user2@alpha.test"))
    assert len(said) == 1 and DENIED[service] in said.pop()[2]


@pytest.mark.parametrize("service", SERVICES)
def test_certificates_that_nobody_vouches_for(lab, service):
    """It is not offered, and refused: no certificate, an expired one, one of a foreign authority, one
    for servers alone, one that names nobody."""
    subject = f"/CN=User/emailAddress={USER}"
    for shown in (
        None,
        certificate(lab, "expired", [USER], subject, days=-1),
        certificate(lab, "foreign", [USER], subject, authority=lab.stranger),
        certificate(lab, "server-alone", [USER], subject, usage="serverAuth"),
        certificate(lab, "nameless", [], "/CN=user1@alpha.test"),
        certificate(lab, "host", [], "/CN=User", hosts=("alpha.test",)),
    ):
        said, is_offered, words = WAYS[service](lab, shown)
        assert (said, is_offered) == ("NO", False), shown
        assert DENIED[service] not in words


def test_where_in_the_certificate(lab):
    """subjectAltName by default, the subject where the listener says so, or either."""
    old = certificate(lab, "old", [], f"/CN=User/emailAddress={USER}")
    new = certificate(lab, "new", [USER], "/CN=User")
    two = certificate(lab, "two-places", [USER], f"/CN=User/emailAddress={OTHER}")
    assert [WAYS[service](lab, old)[:2] for service in SERVICES] == [
        ("NO", False),
        ("OK", True),
        ("OK", True),
    ]
    assert [WAYS[service](lab, new)[:2] for service in SERVICES] == [
        ("OK", True),
        ("OK", True),
        ("NO", False),
    ]
    assert imap(lab, two, USER)[0] == pop3(lab, two, USER)[0] == "OK"
    assert (
        imap(lab, two, OTHER)[0]
        == pop3(lab, two, OTHER)[0]
        == submission(lab, two, USER)[0]
        == "NO"
    )
    assert submission(lab, two, OTHER)[0] == "OK"


def test_several_addresses(lab):
    """The first, or whichever of them is asked for; none that isn't among them."""
    several = certificate(lab, "several", [USER, OTHER, "user3@alpha.test"])

    def whose(authzid):
        with imaplib.IMAP4_SSL(HOST, lab.port("imaps"), ssl_context=context(lab, several)) as box:
            box.authenticate("EXTERNAL", lambda _: authzid.encode())

            def accounts():  # those before may take a moment to go
                rows = [row for row in sessions(lab) if row["service"] == "imap"]
                return len(rows) == 1 and rows[0]["account"]

            return until("one session", accounts)

    assert whose("") == USER
    assert whose(OTHER) == OTHER
    assert whose("User3@ALPHA.test") == "user3@alpha.test"
    assert imap(lab, several, "user2@alpha.test")[0] == "NO"


def sessions(lab):
    return json.loads(lab.node.mansioctl("--json", "sessions", "list"))["sessions"]


def test_a_bare_name_is_of_the_domain_that_tls_named(lab):
    made = context(lab, mine(lab))
    with socket.create_connection((HOST, lab.port("pop3s")), timeout=60) as plain:
        with made.wrap_socket(plain, server_hostname="mail.alpha.test") as end:
            lines = end.makefile("rb")
            assert lines.readline().startswith(b"+OK")
            end.sendall(b"AUTH EXTERNAL " + base64.b64encode(b"user1") + b"\r\n")
            assert lines.readline().startswith(b"+OK")


def test_each_shape_of_the_exchange(lab):
    """With an initial response, without, given up, and with what is no base64 (RFC 4954 4)."""
    with smtplib.SMTP_SSL(HOST, lab.port("submissions"), context=context(lab, mine(lab))) as client:
        client.ehlo()
        assert client.docmd("AUTH", "EXTERNAL") == (334, b"")
        assert client.docmd("*")[0] == 501
        assert client.docmd("AUTH", "EXTERNAL") == (334, b"")
        assert client.docmd("%%%")[0] == 501
        assert client.docmd("AUTH", "EXTERNAL AA==")[0] == 501  # a NUL
        assert client.docmd("AUTH", "EXTERNAL") == (334, b"")
        assert client.docmd("")[0] == 235


def test_starttls(lab):
    """On a listener with STARTTLS it comes with TLS."""
    with imaplib.IMAP4(HOST, lab.port("imap")) as box:
        assert "AUTH=EXTERNAL" not in box.capabilities
        box.starttls(context(lab, mine(lab)))
        assert "AUTH=EXTERNAL" in box.capabilities
        assert box.authenticate("EXTERNAL", lambda _: b"")[0] == "OK"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_taken_up_again_is_no_better(lab, version):
    """TLS keeps who it was, the certificate isn't shown again: what nobody vouched for the first time,
    nobody vouches for later."""
    subject = f"/CN=User/emailAddress={USER}"
    for shown, answer in (
        (mine(lab), b"+OK"),
        (certificate(lab, "foreign", [USER], subject, authority=lab.stranger), b"-ERR"),
        (certificate(lab, "expired", [USER], subject, days=-1), b"-ERR"),
        (signed_by_a_user(lab), b"-ERR"),
    ):
        made = context(lab, shown)
        made.minimum_version = made.maximum_version = version
        kept = None
        for is_again in (False, True):
            with socket.create_connection((HOST, lab.port("pop3s")), timeout=60) as plain:
                with made.wrap_socket(plain, server_hostname="localhost", session=kept) as end:
                    lines = end.makefile("rb")
                    assert lines.readline().startswith(b"+OK")
                    assert end.session_reused == is_again
                    kept = end.session
                    end.sendall(b"AUTH EXTERNAL =\r\n")
                    assert lines.readline().startswith(answer), (shown, is_again)
                    end.sendall(b"QUIT\r\n")  # a maildrop is one session's
                    assert lines.readline().startswith(b"+OK")


def signed_by_a_user(lab):
    """A certificate with a user's own as its authority, which is none, and the whole chain."""
    user, key = mine(lab)
    one = Authority.__new__(Authority)
    one.directory, one.path, one.key = lab.ca.directory, user, key
    chain, key = one.make("by-a-user", emails=[USER])
    chain.write_text(chain.read_text() + user.read_text())
    return chain, key


def test_a_password_still_works(lab):
    with imaplib.IMAP4_SSL(HOST, lab.port("imaps"), ssl_context=context(lab, mine(lab))) as box:
        assert box.login("user2@alpha.test", PASSWORD)[0] == "OK"


def test_policy_tells_certificates_from_passwords(lab):
    """A word about certificates ends the session that one let in, and lets none in any more."""
    who = "user5@alpha.test"
    shown = certificate(lab, "governed", [who])
    deny = ("policy", "deny", "imap", "--account", who, "--credential", "certificate")
    with imaplib.IMAP4_SSL(HOST, lab.port("imaps"), ssl_context=context(lab, shown)) as box:
        box.authenticate("EXTERNAL", lambda _: b"")
        lab.node.mansioctl(*deny)
        with pytest.raises((imaplib.IMAP4.abort, OSError)):
            until_it_ends(box)
    said, is_offered, words = until("it is refused", lambda: refused(lab, shown))
    assert (said, is_offered) == ("NO", True) and DENIED["imaps"] in words
    with imaplib.IMAP4_SSL(HOST, lab.port("imaps"), ssl_context=context(lab, shown)) as box:
        assert box.login(who, PASSWORD)[0] == "OK"
    lab.node.mansioctl("policy", "clear", "imap", "--account", who)
    until("it is let in again", lambda: imap(lab, shown)[0] == "OK")


def refused(lab, shown):
    answer = imap(lab, shown)
    return answer[0] == "NO" and answer


def until_it_ends(box):
    for _ in range(600):
        assert box.noop()[0] == "OK"
        time.sleep(0.05)


def test_a_session_ends_with_its_certificate(lab):
    """The gate ends it, in the protocol's words, and lets nobody in by it any more; on the same
    connection a password does."""
    for life in (3, 6, 12, 24):
        end = int(time.time() + life)
        shown = certificate(lab, f"brief-{life}", [USER], end=end)
        if imap_until_it_ends(lab, shown):
            break
        assert time.time() >= end  # this machine is slower than that
    assert time.time() >= end
    said, is_offered, words = imap(lab, shown)
    assert (said, is_offered) == ("NO", False)
    with imaplib.IMAP4_SSL(HOST, lab.port("imaps"), ssl_context=context(lab, shown)) as box:
        assert box.login(USER, PASSWORD)[0] == "OK"


def imap_until_it_ends(lab, shown):
    """False if it couldn't begin."""
    box = imaplib.IMAP4_SSL(HOST, lab.port("imaps"), ssl_context=context(lab, shown))
    try:
        box.authenticate("EXTERNAL", lambda _: b"")
        assert box.readline().startswith(b"* BYE [ALERT]")
        assert box.readline() == b""
        return True
    except imaplib.IMAP4.error:
        return False
    finally:
        box.shutdown()


# ---- lists of revoked certificates: the imaps listener has one


def test_a_revoked_certificate(lab):
    """From the reload on that brings the list: its session ends with the old generation, and nobody gets
    in by it; not by a session of TLS that is taken up again either."""
    shown = certificate(lab, "lost", [USER])
    made = context(lab, shown)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    first = imaplib.IMAP4_SSL(HOST, lab.port("imaps"), ssl_context=made)
    try:
        first.authenticate("EXTERNAL", lambda _: b"")
        assert was_resumed(lab, made, first.sock.session)
        lab.ca.revoke(shown[0])
        lab.ca.write_list()
        lab.node.mansioctl("reload")
        assert first.readline().startswith(b"* BYE")
        assert not was_resumed(lab, made, first.sock.session)
    finally:
        first.shutdown()
    said, is_offered, words = imap(lab, shown)
    assert (said, is_offered) == ("NO", False)
    assert 'reason="certificate revoked"' in lab.log()
    assert imap(lab, mine(lab))[0] == "OK"
    assert pop3(lab, shown)[0] == "OK"  # that listener has no list


def was_resumed(lab, made, session):
    with socket.create_connection((HOST, lab.port("imaps")), timeout=60) as plain:
        with made.wrap_socket(plain, server_hostname="localhost", session=session) as end:
            assert end.makefile("rb").readline().startswith(b"* OK")
            return end.session_reused


def test_a_list_that_is_out_of_date(lab):
    """Then nobody gets in by a certificate, and the log says so; passwords go on."""
    lab.ca.write_list(end=time.time() - 60)
    try:
        lab.node.mansioctl("reload")
        assert imap(lab, mine(lab))[:2] == ("NO", False)
        with imaplib.IMAP4_SSL(HOST, lab.port("imaps"), ssl_context=context(lab, mine(lab))) as box:
            assert box.login(USER, PASSWORD)[0] == "OK"
        assert "event=crl-expired" in lab.log()
        assert 'reason="CRL has expired"' in lab.log()
        assert pop3(lab, mine(lab))[0] == "OK"
    finally:
        lab.ca.write_list()
        lab.node.mansioctl("reload")
    assert imap(lab, mine(lab))[:2] == ("OK", True)


def test_what_is_no_list_of_that_authority(lab):
    """Refused, with the place in the configuration; what runs goes on."""
    good = lab.revoked.read_text()
    lab.stranger.write_list()
    wrong = ("no list\n", (lab.stranger.directory / "revoked.pem").read_text())
    try:
        for text in wrong:
            lab.revoked.write_text(text)
            with pytest.raises(NodeError) as refused:
                lab.node.mansioctl("reload")
            assert re.search(
                r"mansio\.yaml:\d+:\d+: listeners\.imaps\.client_crl: .*revoked\.pem: found",
                str(refused.value),
            )
            assert imap(lab, mine(lab))[0] == "OK"
    finally:
        lab.revoked.write_text(good)
