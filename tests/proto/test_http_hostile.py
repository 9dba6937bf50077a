"""HTTP from who means no good, or is slow: requests that two readers read differently, limits, time-outs.

Each form is one by which requests were smuggled past some server or proxy (RFC 9112 11.2). What is held:
it is refused, the connection ends, and what stands behind it is never taken for a request."""

import shutil
import socket
import threading

import pytest
from mansio_test.daemon import Daemon
from mansio_test.http import HOST, Connection, basic, memory_box
from mansio_test.install import run
from mansio_test.wait import until

USER = "user1@alpha.test"
HEAD = b"POST /echo HTTP/1.1\r\nHost: h\r\n"
NEXT = b"GET /tree/smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"0\r\n\r\n"


def framed(fields, body=b""):
    return HEAD + fields + b"\r\n" + body


SMUGGLING = {
    # One length for the one, another for the other.
    "CL.TE": (framed(b"Content-Length: 5\r\n" + CHUNKED, EMPTY), 400),
    "TE.CL": (framed(CHUNKED + b"Content-Length: 4\r\n", b"1c\r\n"), 400),
    "CL.TE in 1.0": (b"POST /echo HTTP/1.0\r\nContent-Length: 5\r\n" + CHUNKED + b"\r\n" + EMPTY, 400),
    "TE in 1.0": (b"POST /echo HTTP/1.0\r\n" + CHUNKED + b"\r\n" + EMPTY, 400),
    "CL.CL": (framed(b"Content-Length: 0\r\nContent-Length: 44\r\n"), 400),
    "CL.CL equal": (framed(b"Content-Length: 0\r\nContent-Length: 0\r\n"), 400),
    "CL list": (framed(b"Content-Length: 0, 44\r\n"), 400),
    "CL list equal": (framed(b"Content-Length: 0,0\r\n"), 400),
    "CL plus": (framed(b"Content-Length: +0\r\n"), 400),
    "CL minus": (framed(b"Content-Length: -1\r\n"), 400),
    "CL hex": (framed(b"Content-Length: 0x0\r\n"), 400),
    "CL words": (framed(b"Content-Length: 0 44\r\n"), 400),
    "CL overflow": (framed(b"Content-Length: 18446744073709551616\r\n"), 400),
    "CL empty": (framed(b"Content-Length:\r\n"), 400),
    "CL space": (framed(b"Content-Length : 0\r\n"), 400),
    "CL folded": (framed(b"Content-Length:\r\n 0\r\n"), 400),
    "CL in GET and TE": (b"GET /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n" + CHUNKED + b"\r\n", 400),
    # TE.TE: one of two takes it for no coding at all.
    "TE.TE": (framed(CHUNKED + b"Transfer-Encoding: cow\r\n", EMPTY), 400),
    "TE.TE before": (framed(b"Transfer-Encoding: cow\r\n" + CHUNKED, EMPTY), 501),
    "TE twice": (framed(CHUNKED + CHUNKED, EMPTY), 400),
    "TE twice in one": (framed(b"Transfer-Encoding: chunked, chunked\r\n", EMPTY), 400),
    "TE x": (framed(b"Transfer-Encoding: xchunked\r\n", EMPTY), 400),
    "TE identity": (framed(b"Transfer-Encoding: identity\r\n", EMPTY), 400),
    "TE chunked, identity": (framed(b"Transfer-Encoding: chunked, identity\r\n", EMPTY), 400),
    "TE gzip": (framed(b"Transfer-Encoding: gzip, chunked\r\n", EMPTY), 501),
    "TE quoted": (framed(b'Transfer-Encoding: "chunked"\r\n', EMPTY), 400),
    "TE parameter": (framed(b"Transfer-Encoding: chunked;a=b\r\n", EMPTY), 400),
    "TE comma": (framed(b"Transfer-Encoding: chunked,\r\n", EMPTY), 400),
    "TE empty": (framed(b"Transfer-Encoding:\r\n", EMPTY), 400),
    "TE space": (framed(b"Transfer-Encoding : chunked\r\n", EMPTY), 400),
    "TE tab": (framed(b"Transfer-Encoding\t: chunked\r\n", EMPTY), 400),
    "TE vertical tab": (framed(b"Transfer-Encoding:\x0bchunked\r\n", EMPTY), 400),
    "TE NUL": (framed(b"Transfer-Encoding: chunked\0\r\n", EMPTY), 400),
    "TE folded": (framed(b"Transfer-Encoding:\r\n chunked\r\n", EMPTY), 400),
    "TE folded before": (framed(b"X: y\r\n Transfer-Encoding: chunked\r\n", EMPTY), 400),
    "TE behind CR": (framed(b"X: y\rTransfer-Encoding: chunked\r\n", EMPTY), 400),
    "TE behind LF": (framed(b"X: y\nTransfer-Encoding: chunked\r\n", EMPTY), 400),
    "TE high": (framed(b"Transfer-Encoding\x80: chunked\r\n", EMPTY), 400),
    # Chunks that end elsewhere for others.
    "chunk LF": (framed(CHUNKED, b"0\n\n"), 400),
    "chunk extension LF": (framed(CHUNKED, b"1;a\nx\r\n" + EMPTY), 400),
    "chunk CR": (framed(CHUNKED, b"1\rx\r\n" + EMPTY), 400),
    "chunk hex": (framed(CHUNKED, b"0x0\r\n\r\n"), 400),
    "chunk sign": (framed(CHUNKED, b"-0\r\n\r\n"), 400),
    "chunk space": (framed(CHUNKED, b" 0\r\n\r\n"), 400),
    "chunk space behind": (framed(CHUNKED, b"0 \r\n\r\n"), 400),
    "chunk overflow": (framed(CHUNKED, b"10000000000000000\r\n"), 400),
    "chunk huge": (framed(CHUNKED, b"ffffffffffffffff\r\n"), 413),
    "chunk longer": (framed(CHUNKED, b"1\r\nxy\r\n" + EMPTY), 400),
    "chunk end without CR": (framed(CHUNKED, b"1\r\nx\n" + EMPTY), 400),
    "chunk end missing": (framed(CHUNKED, b"1\r\nx" + EMPTY), 400),
    "chunk empty": (framed(CHUNKED, b"\r\n\r\n"), 400),
    "trailer folded": (framed(CHUNKED, b"0\r\nX: y\r\n z\r\n\r\n"), 400),
    "trailer LF": (framed(CHUNKED, b"0\r\nX: y\n\r\n"), 400),
    # Lines.
    "line LF": (b"GET /echo HTTP/1.1\nHost: h\n\n", 400),
    "field LF": (b"GET /echo HTTP/1.1\r\nHost: h\n\r\n", 400),
    "end LF": (b"GET /echo HTTP/1.1\r\nHost: h\r\n\n", 400),
    "CR": (b"GET /echo HTTP/1.1\r\nHost: h\r\r\n\r\n", 400),
    "folded first": (b"GET /echo HTTP/1.1\r\n Host: h\r\n\r\n", 400),
    "folded": (framed(b"X: a\r\n\tb\r\n"), 400),
    "no colon": (framed(b"GET /tree/smuggled HTTP/1.1\r\n"), 400),
    "no name": (framed(b": x\r\n"), 400),
    "empty lines": (b"\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "NUL": (framed(b"X: a\0b\r\n"), 400),
    # The request line.
    "two spaces": (b"GET  /echo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "space in target": (b"GET /echo /x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "tab": (b"GET\t/echo\tHTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "space behind": (b"GET /echo HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /echo\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.10": (b"GET /echo HTTP/1.10\r\nHost: h\r\n\r\n", 400),
    "http/1.1": (b"GET /echo http/1.1\r\nHost: h\r\n\r\n", 400),
    "fragment": (b"GET /echo#x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "CONNECT": (b"CONNECT h:25 HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    "asterisk": (b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    # Whose it is.
    "no Host": (b"GET /echo HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET /echo HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400),
    "two equal Hosts": (b"GET /echo HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", 400),
    "empty Host": (b"GET /echo HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "Host with path": (b"GET /echo HTTP/1.1\r\nHost: h/x\r\n\r\n", 400),
    "Host with user": (b"GET /echo HTTP/1.1\r\nHost: i@h\r\n\r\n", 400),
    "Host with port twice": (b"GET /echo HTTP/1.1\r\nHost: h:80:80\r\n\r\n", 400),
    "Host with space": (b"GET /echo HTTP/1.1\r\nHost: h i\r\n\r\n", 400),
    "absolute with other Host": (b"GET http://i/echo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "absolute with other port": (b"GET http://h:81/echo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "absolute with user": (b"GET http://u@h/echo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "absolute of another scheme": (b"GET ftp://h/echo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    # Paths that mean something else once more decoded.
    "%2F": (b"GET /tree%2Fx HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "%5c": (b"GET /tree%5cx HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "%00": (b"GET /echo%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "%0d%0a": (b"GET /tree/%0d%0aX:%20y HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "overlong": (b"GET /tree/%c0%ae%c0%ae/echo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "not UTF-8": (b"GET /tree/%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "raw bytes": (b"GET /tree/\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "backslash": (b"GET /tree\\x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
}  # fmt: skip


def run_daemon(install, directory):
    daemon = Daemon(install, directory)
    try:
        yield daemon
        daemon.stop()
    finally:
        daemon.kill()
    assert "AddressSanitizer" not in daemon.log() and "runtime error:" not in daemon.log()


@pytest.fixture(scope="module")
def daemon(install, tmp_path_factory):
    yield from run_daemon(install, tmp_path_factory.mktemp("http"))


@pytest.fixture(scope="module")
def hasty_daemon(install, tmp_path_factory):
    yield from run_daemon(install, tmp_path_factory.mktemp("hasty"))


@pytest.fixture(scope="module")
def box(daemon):
    """Narrow, but patient: what is refused is refused for what it is."""
    return memory_box(
        daemon,
        login={"failures_per_address": 3},
        idle_timeout="1h",
        head="2K",
        target=512,
        fields=20,
        body="100K",
        requests=10,
        redirect=True,
        redirect_except=["/echo", "/who", "/tree/"],
        hsts="1d",
    )


@pytest.fixture(scope="module")
def hasty(hasty_daemon):
    return memory_box(
        hasty_daemon,
        idle_timeout="1s",
        head_timeout="1s",
        body_timeout="1s",
        answer_timeout="1s",
        rate="1G",
    )


@pytest.mark.parametrize("name", SMUGGLING)
def test_smuggling(box, daemon, name):
    """Refused, closed; what follows is no request, neither at once nor a byte at a time."""
    text, status = SMUGGLING[name]
    for pieces in ((text + NEXT + NEXT,), [bytes([c]) for c in text + NEXT]):
        with box.connection() as web:
            web.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for piece in pieces:
                    web.send(piece)
            except OSError:
                pass  # it has closed already
            answer = web.answer()
            assert answer.status == status
            assert answer.fields["connection"] == "close"
            assert web.is_closed()
    assert "smuggled" not in daemon.log()


def test_smuggling_would_be_seen(box, daemon):
    """The same, well-formed: both are answered, and the second is in the log."""
    for first in (framed(CHUNKED, EMPTY), framed(b"Content-Length: 0\r\n")):
        with box.connection() as web:
            web.send(first + NEXT.replace(b"smuggled", b"seen"))
            assert web.answer().status == 200
            assert web.answer().echo()["path"] == "/tree/seen"
    assert "/tree/seen" in daemon.log()


@pytest.mark.parametrize("path", ["/echo", "/tree/x", "/nothing", "/who", "/redirected"])
def test_a_body_is_never_a_request(box, daemon, path):
    """CL.0: whatever becomes of a request, its body is its own."""
    body = NEXT * 3
    for framing in (
        b"Content-Length: %d\r\n\r\n" % len(body) + body,
        CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
    ):
        with box.connection() as web:
            web.send(b"POST %s HTTP/1.1\r\nHost: h\r\n" % path.encode() + framing)
            answer = web.answer()
            assert answer.status in (200, 308, 401, 404, 405)
            if answer.fields.get("connection") != "close":
                assert (
                    web.ask(b"GET /echo?word=own HTTP/1.1\r\nHost: h\r\n\r\n").echo()["query"]
                    == "0:own"
                )
    assert "smuggled" not in daemon.log()


# ---- limits


TOO_LARGE = {
    "target": (b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n" % (b"a" * 512), 414),
    "target without end": (b"GET /" + b"a" * 100_000, 414),
    "method without end": (b"A" * 100_000, 414),
    "head": (b"GET /echo HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 2048 + b"\r\n\r\n", 431),
    "fields": (b"GET /echo HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 20 + b"\r\n", 431),
    "field without end": (b"GET /echo HTTP/1.1\r\nHost: h\r\n" + b"X" * 100_000, 431),
    "length": (framed(b"Content-Length: 102401\r\n"), 413),
    "length beyond numbers": (framed(b"Content-Length: 9223372036854775807\r\n"), 413),
    "chunk": (framed(CHUNKED, b"19001\r\n"), 413),
    "chunks": (framed(CHUNKED, b"19000\r\n" + b"x" * 102_400 + b"\r\n1\r\nx\r\n"), 413),
    "extension": (framed(CHUNKED, b"1;" + b"a" * 20_000), 431),
    "trailers": (framed(CHUNKED, b"0\r\n" + b"X: y\r\n" * 20_000), 431),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_too_large(box, name):
    text, status = TOO_LARGE[name]
    with box.connection() as web:
        try:
            web.send(text)
        except OSError:
            pass  # it has closed already
        answer = web.answer()
        assert answer.status == status and answer.fields["connection"] == "close"
        assert web.is_closed()


def test_large_enough(box):
    with box.connection() as web:
        assert web.get("/echo?" + "a" * 506).status == 200
        assert web.get("/echo", *["X: y"] * 19).status == 200
        assert (
            len(web.get("/echo", method="POST", body=b"x" * 102_400).echo()["content"]) == 102_400
        )


def test_requests_of_a_connection(box):
    with box.connection() as web:
        web.send(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n" * 20)
        for left in range(9, -1, -1):
            answer = web.answer()
            assert answer.status == 200
            assert (answer.fields.get("connection") == "close") == (left == 0)
        assert web.is_closed()


# ---- time


def drip(web, text, stop):
    """A byte now and then, for as long as somebody takes it."""
    for c in text:
        if stop.wait(0.05):
            return
        try:
            web.send(bytes([c]))
        except OSError:
            return


SLOW = {
    "fields": (b"", b"GET /echo HTTP/1.1\r\n" + b"X: y\r\n" * 1000),
    "field": (b"GET /echo HTTP/1.1\r\nHost: h\r\nX: ", b"a" * 1000),
    "body": (HEAD + b"Content-Length: 1000\r\n\r\n", b"x" * 1000),
    "chunks": (HEAD + CHUNKED + b"\r\n", b"1\r\nx\r\n" * 1000),
    "trailers": (HEAD + CHUNKED + b"\r\n0\r\n", b"X: y\r\n" * 1000),
    "unwanted": (b"POST /tree/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n", b"x" * 1000),
}


@pytest.mark.parametrize("name", SLOW)
def test_slow_senders(hasty, name):
    """Who sends just enough not to be silent is given up all the same."""
    begin, more = SLOW[name]
    stop = threading.Event()
    with hasty.connection() as web:
        web.send(begin)
        thread = threading.Thread(target=drip, args=(web, more, stop))
        thread.start()
        try:
            answer = web.answer()
            assert answer.status == (405 if name == "unwanted" else 408)
            assert answer.fields["connection"] == "close"
            assert web.is_closed()
        finally:
            stop.set()
            thread.join()


def test_silent_ones(hasty):
    """Nothing was asked, nothing is said (RFC 9112 9.5)."""
    with hasty.connection() as silent, hasty.connection() as idle:
        assert idle.get("/echo").status == 200
        assert silent.is_closed()
        assert idle.is_closed()
    with hasty.connection() as web:
        web.send(b"GET /echo HTTP/1.1\r\nHost")
        web.socket.shutdown(socket.SHUT_WR)
        assert web.is_closed()


def test_who_does_not_read(hasty, hasty_daemon):
    """Answers that nobody takes are held for as long as `answer_timeout` says."""
    requests = lambda: hasty_daemon.metric("mansio_http_requests_total")
    before = requests()
    end = socket.create_connection((HOST, hasty.ports["http"]))
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n" * 5)
    until("its first request", lambda: requests() > before)
    until(
        "its connection's end",
        lambda: not [row for row in hasty_daemon.sessions() if row["service"] in ("echo", "http")],
    )
    end.close()


def test_silence_after_haste(hasty, hasty_daemon):
    """What came fast earns no right to be silent; and settings are live."""
    settings = hasty_daemon.config["instances"]["http"]["settings"]
    settings["rate"] = 1
    hasty_daemon.write()
    hasty_daemon.reload()
    try:
        with hasty.connection() as web:
            answer = web.ask(HEAD + b"Content-Length: 2000\r\n\r\n" + b"x" * 1000)
            assert answer.status == 408 and web.is_closed()
        test_who_does_not_read(hasty, hasty_daemon)
    finally:
        settings["rate"] = "1G"
        hasty_daemon.write()
        hasty_daemon.reload()


# ---- the rest of the settings


def test_redirection(box):
    with box.connection() as web:
        answer = web.get("/a%20b?c=d", host="Mail.Example:8080")
        assert answer.status == 301
        assert answer.fields["location"] == "https://mail.example/a%20b?c=d"
        assert "strict-transport-security" not in answer.fields
        assert web.get("/x", method="POST", body=b"abc").status == 308
        assert web.get("/echo").status == 200
        assert web.get("/tree/../x").status == 301
        assert web.get("http://localhost?q").fields["location"] == "https://localhost/?q"
    with box.connection() as web:
        assert web.ask(b"GET /x HTTP/1.0\r\n\r\n").status == 403  # nowhere to send it
    with box.connection("https") as web:
        answer = web.get("/nothing")
        assert answer.status == 404
        assert answer.fields["strict-transport-security"] == "max-age=86400"


def test_too_many_failed_logins(box):
    """The throttle is everybody's: 429 even for who would be right."""
    with box.connection() as web:
        for _ in range(3):
            assert web.get("/who", basic(USER, "wrong")).status == 401
    with box.connection() as web:
        answer = web.get("/who", basic(USER))
        assert answer.status == 429 and int(answer.fields["retry-after"]) > 0
        assert web.get("/echo").status == 200  # whoever else comes by the connection isn't to blame


def test_nobody_can_judge(install, make_daemon):
    """Without a directory: 503, and come back. And a unix socket is as safe as TLS."""
    daemon = make_daemon(workers=1)
    shutil.copy(install.build / "tests" / "modules" / "http-echo.so", daemon.modules)
    daemon.config["module_path"].append(str(install.prefix / "lib" / "mansio"))
    port = daemon.add("http", module="http", redirect=True, redirect_except=["/who"])
    path = daemon.directory / "http.sock"
    daemon.config["instances"]["echo"] = {"module": "http-echo"}
    listener = daemon.config["listeners"]["http"]
    listener["address"].append(f"unix:{path}")
    listener["plaintext_login"] = True
    daemon.start()
    with Connection(port) as web:
        answer = web.get("/who", basic(USER))
        assert answer.status == 503 and int(answer.fields["retry-after"]) > 0
        assert web.get("/who").status == 401
        assert web.get("/secure").status == 301
    with Connection(path=path) as web:
        assert web.get("/secure").echo()["tls"] == "0"
        assert web.get("/who").status == 401
        assert web.get("https://localhost/echo").status == 200  # another program may have ended TLS


@pytest.mark.parametrize(
    "setting, value", [("realm", 'a"b'), ("redirect_except", ["x"]), ("fields", 1), ("rate", 0)]
)
def test_settings_are_checked(install, make_daemon, setting, value):
    daemon = make_daemon()
    daemon.config["module_path"].append(str(install.prefix / "lib" / "mansio"))
    daemon.add("http", module="http", **{setting: value})
    daemon.write()
    done = run(install.mansiod, "--check", "--config", daemon.path, check=False)
    assert done.returncode != 0 and setting in done.stderr
