"""A session's bounds and ends: limits, time-outs, drain, TLS."""

import contextlib
import os
import smtplib
import ssl
import subprocess
import time

import pytest
from mansio_test.smtp import Client
from mansio_test.smtp_peer import loopback_address
from mansio_test.wait import until

MESSAGE = b"Subject: x\r\n\r\nHello\r\n"


# ---- limits


def test_peers_on_a_unix_socket_are_not_one_address(post):
    """A mail system before us opens as many conns there as it likes."""
    post.daemon.config["limits"]["connections_per_address"] = 2
    post.start()
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(Client(post.lmtp_socket))
            client.hello("LHLO")
        stack.enter_context(post.client())
        stack.enter_context(post.client())
        assert stack.enter_context(Client(post.mx, greeting=False)).is_ended()


def test_errors_end_a_session_with_421(post):
    with post.set(errors_max=5).start().client() as client:
        for _ in range(4):
            client.expect("MAIL", 501)
        client.expect("MAIL", 501)
        reply = client.reply()
        assert (reply.code, reply.status) == (421, "4.7.0")
        assert client.is_ended()


def test_guessing_at_addresses_counts_in_smtp_and_not_in_lmtp(post):
    post.set(errors_max=5).start()
    with post.client() as client:
        client.expect("MAIL FROM:<a@example.org>", 250)
        for _ in range(5):
            client.expect("RCPT TO:<nobody@alpha.test>", 550)
        assert client.reply().code == 421
    with post.client("lmtp") as client:
        client.expect("MAIL FROM:<a@example.org>", 250)
        for _ in range(20):
            client.expect("RCPT TO:<nobody@alpha.test>", 550)
        client.expect("RCPT TO:<user1@alpha.test>", 250)
        assert client.data(MESSAGE).code == 250


def test_refused_recipients_of_a_transaction_are_bounded(post):
    """Each takes memory until the transaction ends. Beyond, it is "later", and never that a good
    address is none."""
    address = 'RCPT TO:<"%s"@alpha.test>'
    post.set(recipients_max=100).start()
    with post.client("lmtp") as client:
        client.expect("MAIL FROM:<a@example.org>", 250)
        client.send((address % ("n" * 60) + "\r\n") * 100)
        assert client.codes(100) == [550] * 100
        lines = post.daemon.log().count("event=recipient-refused")
        for _ in range(30):
            client.send((address % "user1" + "\r\n") * 500)
            assert client.codes(500) == [452] * 500
        assert post.daemon.log().count("event=recipient-refused") == lines
        client.expect("RSET", 250)
        client.envelope()
        assert client.data(MESSAGE).code == 250


def test_an_accepted_message_forgives_errors(post):
    with post.set(errors_max=3).start().client() as client:
        for _ in range(5):
            client.expect("MAIL", 501)
            client.expect("MAIL", 501)
            client.envelope()
            assert client.data(MESSAGE).code == 250


def test_unknown_commands_end_a_session(post):
    with post.set(unknown_commands_max=3).start().client() as client:
        client.expect("XYZZY", 500, "5.5.1")
        client.expect("PLUGH", 500)
        client.expect("FROTZ", 500)
        assert client.reply().code == 421
        assert client.is_ended()


@pytest.mark.parametrize("verb", ["GET / HTTP/1.1", "POST / HTTP/1.0", "CONNECT x:25 HTTP/1.1"])
def test_browsers_are_sent_away_at_once(post, verb):
    with post.start().client(hello=False) as client:
        client.send(f"{verb}\r\nHost: x\r\n\r\nMAIL FROM:<a@example.org>\r\n")
        assert client.codes(2) == [500, 421]
        assert client.is_ended()


def test_transactions_end_a_session(post):
    with post.set(transactions_max=3).start().client() as client:
        for _ in range(3):
            client.envelope()
            assert client.data(MESSAGE).code == 250
        client.send("MAIL FROM:<a@example.org>\r\n")
        assert client.reply().code == 421
        assert client.is_ended()


def test_rfc5321_4_5_3_1_4_command_lines_are_bounded_and_long_enough(post):
    with post.set(command_line_max=1024).start().client() as client:
        client.expect("NOOP " + "x" * (512 - 7), 250)
        client.expect("NOOP " + "x" * (1024 - 7), 250)
        client.expect("NOOP " + "x" * (1024 - 6), 500, "5.5.2")
        client.expect("NOOP " + "x" * 200000, 500, "5.5.2")
        client.expect("NOOP", 250)


# ---- time


def test_a_silent_client_is_told_421(post):
    with post.set(command_timeout="2s").start().client() as client:
        reply = client.reply()
        assert (reply.code, reply.status) == (421, "4.4.2")
        assert client.is_ended()


def test_a_byte_now_and_then_is_not_enough_for_a_command(post):
    """The deadline is of the step, not of each byte."""
    with post.set(command_timeout="2s").start().client() as client:
        client.socket.settimeout(0.1)
        told = b""
        for _ in range(100):
            try:
                client.send(b"N")
                told = client.socket.recv(1000)
                break
            except TimeoutError:
                pass
            except ConnectionError:
                break
        assert told.startswith(b"421 4.4.2 ")


@pytest.mark.parametrize("setting", ["data_timeout", "message_timeout"])
def test_slow_text_ends_with_421_and_leaves_nothing(post, setting):
    with post.set(**{setting: "1s"}).start().client() as client:
        client.envelope()
        client.expect("DATA", 354)
        client.send(b"Subject: x\r\n")
        if setting == "message_timeout":  # however diligently it comes
            client.socket.settimeout(0.05)
            told = None
            until_us = time.monotonic() + 20
            while told is None and time.monotonic() < until_us:
                try:
                    client.send(b"x\r\n")
                    told = client.socket.recv(1000)
                except TimeoutError:
                    pass
            assert told and told.startswith(b"421 4.4.2 ")
        else:
            assert client.reply().status == "4.4.2"
            assert client.is_ended()
    assert post.delivered() == []


def test_a_session_lasts_only_so_long(post):
    with post.set(session_timeout="2s").start().client() as client:
        replies = []
        for _ in range(10000):
            client.send("NOOP\r\n")
            replies.append(client.reply())
            if replies[-1] is None or replies[-1].code != 250:
                break
            time.sleep(0.01)
        assert replies[-1].code == 421


# ---- drain


def test_an_idle_session_is_told_421_when_drained(post):
    post.start()
    with post.client() as client:
        post.daemon.ask("reload", "--force")
        reply = client.reply()
        assert (reply.code, reply.status) == (421, "4.3.2")
        assert client.is_ended()


@pytest.mark.parametrize("step", ["envelope", "text", "commit"])
def test_a_transaction_under_way_is_finished_when_drained(post, step):
    post.start()
    with post.client() as client:
        client.envelope("slow@alpha.test")
        if step != "envelope":
            client.expect("DATA", 354)
            client.send(b"Subject: x\r\n")
        if step == "commit":
            client.send(b"\r\nHello\r\n.\r\n")
            until("delivering", lambda: "delivering" in str(post.daemon.sessions()))
        post.daemon.ask("reload", "--force")
        (post.files / "go").write_text("")
        if step == "envelope":
            client.expect("DATA", 354)
            client.send(MESSAGE + b".\r\n")
        elif step == "text":
            client.send(b"\r\nHello\r\n.\r\n")
        assert client.reply().code == 250
        # And then it is idle.
        assert client.reply().code == 421
        assert client.is_ended()
    assert len(post.delivered()) == 1


def test_who_always_has_more_is_stopped_before_the_next_transaction(post):
    post.daemon.config["workers"] = 1
    post.daemon.config["drain"]["spread"] = "0s"
    post.start()
    with post.client() as client, post.client() as idle:
        client.envelope("slow@alpha.test")
        client.expect("DATA", 354)
        again = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<user1@alpha.test>\r\n" * 50
        client.send(MESSAGE + b".\r\n" + again)
        until("delivering", lambda: "delivering" in str(post.daemon.sessions()))
        post.daemon.ask("reload", "--force")
        assert idle.reply().code == 421  # so all of the worker have been asked to stop
        (post.files / "go").write_text("")
        assert client.codes(2) == [250, 421]


def test_a_killed_session_in_mid_commit_says_nothing_of_success(post):
    post.start()
    with post.client() as client:
        client.envelope("slow@alpha.test")
        client.expect("DATA", 354)
        client.send(MESSAGE + b".\r\n")
        until("delivering", lambda: "delivering" in str(post.daemon.sessions()))
        post.daemon.ctl("sessions", "kill", post.daemon.sessions()[0]["id"])
        assert client.reply().code == 421
        assert client.is_ended()
    assert post.delivered() == []


def test_live_settings_reach_open_sessions(post):
    post.start()
    with post.client() as client:
        before = post.daemon.status()["generation"]
        post.set(message_size_max=65536, hostname="other.alpha.test")
        post.daemon.write()
        assert post.daemon.reload()["outcome"] == "live"
        assert post.daemon.status()["generation"] == before
        client.expect("MAIL FROM:<a@example.org> SIZE=65537", 552)
        assert client.hello().lines[0].startswith("other.alpha.test ")


def test_a_hostname_that_is_none_is_refused(post):
    post.set(hostname="no host")
    post.daemon.write()
    result = post.daemon.install.mansiod
    made = subprocess.run(
        [str(result), "--config", str(post.daemon.path), "--check"], capture_output=True, text=True,
        timeout=60, check=False,
    )
    assert made.returncode != 0
    assert "hostname" in made.stdout + made.stderr


# ---- TLS


@pytest.fixture
def tls(post, tmp_path):
    """Listeners that offer STARTTLS, with a certificate of their own making."""
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=mx.alpha.test", "-addext",
         "subjectAltName=DNS:mx.alpha.test,DNS:localhost,IP:127.0.0.1", "-keyout", str(key),
         "-out", str(chain)],
        check=True, capture_output=True, timeout=60,
    )
    post.daemon.config["certificates"] = {"mx": {"chain": str(chain), "key": str(key)}}
    for name in ("mx", "lmtp"):
        post.daemon.config["listeners"][name]["tls"] = "starttls"
    post.context = ssl.create_default_context(cafile=str(chain))
    return post


def start_tls(client, context):
    """STARTTLS on a client, which goes on behind it."""
    client.expect("STARTTLS", 220, "2.0.0")
    client.file.close()
    client.socket = context.wrap_socket(client.socket, server_hostname="mx.alpha.test")
    client.file = client.socket.makefile("rb")


@pytest.mark.parametrize("mode, keyword", [("mx", "ESMTPS"), ("lmtp", "LMTPS")])
def test_rfc3207_4_2_what_was_said_before_tls_is_forgotten(tls, mode, keyword):
    tls.start()
    verb = "EHLO" if mode == "mx" else "LHLO"
    with tls.client(mode, hello=False) as client:
        assert "STARTTLS" in client.hello(verb).lines
        start_tls(client, tls.context)
        client.expect("MAIL FROM:<a@example.org>", 503)
        assert "STARTTLS" not in client.hello(verb).lines
        client.expect("STARTTLS", 503, "5.5.1")
        client.envelope()
        assert client.data(MESSAGE).code == 250
    received = tls.delivered()[0].field("Received")
    assert f" with {keyword} (TLSv1.3 with cipher TLS_" in received


def test_rfc3207_5_nothing_sent_before_the_handshake_is_acted_upon(tls):
    """The injection of CVE-2011-0411 and kin."""
    tls.start()
    with tls.client() as client:
        client.send(
            "STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<user1@alpha.test>\r\n"
        )
        assert client.reply().code == 220
        client.file.close()
        client.socket = tls.context.wrap_socket(client.socket, server_hostname="mx.alpha.test")
        client.file = client.socket.makefile("rb")
        client.expect("NOOP", 250)
        client.expect("RCPT TO:<user1@alpha.test>", 503)
        client.expect("DATA", 503)
        client.hello()
        client.envelope("user2@alpha.test")
        assert client.data(MESSAGE).code == 250
    (one,) = tls.delivered()
    assert one.account == 2 and "evil" not in one.bytes.decode()


def test_starttls_wants_no_argument_and_no_transaction(tls):
    tls.start()
    with tls.client() as client:
        client.expect("STARTTLS now", 501)
        client.envelope()
        client.expect("STARTTLS", 503, "5.5.1")
        assert client.data(MESSAGE).code == 250


def test_a_failed_handshake_ends_the_conn_without_a_word(tls):
    tls.start()
    with tls.client() as client:
        client.expect("STARTTLS", 220)
        client.send(b"this is no handshake\r\n" * 10)
        rest = client.file.read()
        assert b"421" not in rest and b"500" not in rest
    with tls.client() as client:
        client.expect("NOOP", 250)


def test_rfc3207_4_tls_may_be_required(tls):
    tls.set(tls="required").start()
    with tls.client() as client:
        for line in ("MAIL FROM:<a@example.org>", "VRFY a", "RCPT TO:<a@alpha.test>", "DATA"):
            client.expect(line, 530, "5.7.0")
        client.send(b"BDAT 6\r\nQUIT\r\nNOOP\r\n")
        assert client.codes(2) == [530, 250]
        start_tls(client, tls.context)
        client.hello()
        client.envelope()
        assert client.data(MESSAGE).code == 250


def test_tls_from_the_first_byte(tls):
    tls.daemon.config["listeners"]["mx"]["tls"] = "implicit"
    tls.start()
    with smtplib.SMTP_SSL("localhost", tls.mx, context=tls.context) as client:
        client.sendmail("a@example.org", ["user1@alpha.test"], MESSAGE.decode())
    assert " with ESMTPS " in tls.delivered()[0].field("Received")


def test_other_clients_over_starttls(tls, tmp_path):
    tls.start()
    with smtplib.SMTP("localhost", tls.mx) as client:
        client.starttls(context=tls.context)
        client.sendmail("a@example.org", ["user1@alpha.test"], MESSAGE.decode())
    path = tmp_path / "message"
    path.write_bytes(MESSAGE)
    ca = tls.daemon.config["certificates"]["mx"]["chain"]
    subprocess.run(
        ["curl", "-sS", "--ssl-reqd", "--cacert", ca, f"smtp://localhost:{tls.mx}", "--mail-from",
         "a@example.org", "--mail-rcpt", "user2@alpha.test", "-T", str(path)],
        check=True, timeout=60,
    )
    subprocess.run(
        ["swaks", "--tls", "--server", f"127.0.0.1:{tls.mx}", "--from", "a@example.org", "--to",
         "user3@alpha.test", "--silent", "2", "--helo", "swaks.example"],
        check=True, timeout=60,
    )
    made = tls.delivered()
    assert [one.account for one in made] == [1, 2, 3]
    assert all(" with ESMTPS " in one.field("Received") for one in made)


def test_lmtp_is_not_for_port_25(post):
    """RFC 2033 5. Binding it needs root, which the tests about privileges have too."""
    if os.geteuid() != 0:
        pytest.fail("needs root")
    here = loopback_address()
    post.daemon.config["listeners"]["lmtp"]["address"].append(f"{here}:25")
    post.start()
    with Client(25, host=here) as client:
        assert client.greeting.code == 421
        assert client.is_ended()
