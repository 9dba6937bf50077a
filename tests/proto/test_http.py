"""HTTP/1.1 as RFC 9110 and RFC 9112 have it: requests, answers, connections, logins."""

import http.client
import json
import re
import subprocess
import threading

import pytest
from mansio_test.daemon import Daemon
from mansio_test.http import HOST, basic, memory_box
from mansio_test.lab import PASSWORD
from mansio_test.wait import until

USER = "user1@alpha.test"
METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS"


@pytest.fixture(scope="module")
def daemon(install, tmp_path_factory):
    daemon = Daemon(install, tmp_path_factory.mktemp("http"))
    try:
        yield daemon
        daemon.stop()
    finally:
        daemon.kill()
    assert "AddressSanitizer" not in daemon.log() and "runtime error:" not in daemon.log()


@pytest.fixture(scope="module")
def box(daemon):
    """Patient: a connection that ends was ended."""
    return memory_box(daemon, idle_timeout="1h")


# ---- requests


def test_what_a_handler_sees(box):
    with box.connection() as web:
        told = web.get("/echo?x=y&word=a%20b+c", "X-Word: one", "X-Word:\ttwo \t").echo()
    assert (told["method"], told["host"], told["port"]) == ("1", "localhost", "80")
    assert (told["path"], told["route"], told["tls"]) == ("/echo", "0", "0")
    assert (told["query"], told["header"], told["account"]) == ("0:a b c", "0:one, two", "-")


def test_paths_are_clean_and_routes_special(box):
    with box.connection() as web:
        for path, clean, route in (
            ("/e%63ho", "/echo", "0"),
            ("/tree/../echo", "/echo", "0"),
            ("/../%2e%2e/echo", "/echo", "0"),
            ("/tree/x/y", "/tree/x/y", "10"),
            ("/tree/%C3%A4", "/tree/ä", "10"),
            ("/tree/leaf", "/tree/leaf", "11"),
            ("/tree/leaf/", "/tree/leaf/", "10"),
            ("/ANY/case.XML", "/ANY/case.XML", "9"),
            ("/Any/Case.xml", "/Any/Case.xml", "9"),
        ):
            told = web.get(path).echo()
            assert (told["path"], told["route"]) == (clean, route), path
        for path in ("/", "/ECHO", "/echo/", "/tree", "/Any/Case.xmlx", "/%65cho%20"):
            assert web.get(path).status == 404, path
        assert web.get("/anything", host="SPECIAL.example.:81").echo()["host"] == "special.example"
        assert web.get("/anything", host="notspecial.example").status == 404


def test_methods(box):
    with box.connection() as web:
        head = web.get("/echo", method="HEAD")
        assert head.status == 200 and int(head.fields["content-length"]) > 0 and head.body == b""
        assert web.get("/tree/leaf", method="DELETE").echo()["method"] == "16"
        refused = web.get("/tree/leaf", method="POST")
        assert refused.status == 405
        assert refused.fields["allow"] == "GET, HEAD, DELETE, OPTIONS"
        assert web.get("/nothing", method="HEAD").status == 404
        for method in ("PATCH", "TRACE", "get", "PROPFIND", "X"):
            assert web.get("/echo", method=method).status == 501, method
        allowed = web.get("/echo", method="OPTIONS")
        assert allowed.status == 204 and allowed.fields["allow"] == "GET, HEAD, POST, PUT, OPTIONS"
        assert "content-length" not in allowed.fields
        assert web.get("*", method="OPTIONS").fields["allow"] == METHODS
        assert web.get("/nothing", method="OPTIONS").status == 404
        assert web.get("/options", method="OPTIONS").echo()["method"] == "32"
        assert web.get("/options", method="HEAD").status == 200
        assert web.get("/echo").status == 200  # all that on one connection


def test_absolute_form(box):
    with box.connection() as web:
        told = web.get("http://LocalHost:80/echo?word=1").echo()
        assert (told["path"], told["query"], told["host"]) == ("/echo", "0:1", "localhost")
        assert web.get("https://localhost/echo").status == 421
    with box.connection("https") as web:
        assert web.get("https://localhost:443/echo").echo()["port"] == "443"
        assert web.get("http://localhost/echo").status == 421


@pytest.mark.parametrize("size", [0, 1, 1000, 100_000, 262_144])
def test_bodies_by_length_and_in_chunks(box, size):
    body = bytes(i * 7 % 256 for i in range(size))
    step = size // 7 + 1
    pieces = [body[i : i + step] for i in range(0, size, step)]
    chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    with box.connection() as web:
        assert web.get("/echo", method="POST", body=body).echo()["content"] == body
        head = b"PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        told = web.ask(head + chunks + b"0\r\nX-Word: trailer\r\n\r\n").echo()
        assert told["content"] == body and told["method"] == "8" and told["header"].startswith("-")
        assert web.get("/echo").status == 200


def test_byte_by_byte(box):
    whole = (
        b"POST /echo?word=x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX-Word: 1\r\n\r\n"
        b"3;x=y\r\nabc\r\n2\r\n\r\n\r\n0\r\nX: y\r\n\r\n"
    )
    with box.connection() as web:
        for _ in range(2):
            for i in range(len(whole)):
                web.send(whole[i : i + 1])
            told = web.answer().echo()
            assert told["content"] == b"abc\r\n" and told["header"] == "0:1"


def test_pipelining_keeps_the_order(box):
    """RFC 9112 9.3.2: answers in the order of the requests, whatever is between them."""
    with box.connection() as web:
        text = b""
        for i in range(40):
            text += b"GET /echo?word=%d HTTP/1.1\r\nHost: h\r\n\r\n" % i
            text += b"POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nGET "
            text += b"HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n"
        web.send(text)
        for i in range(40):
            assert web.answer().echo()["query"] == f"0:{i}"
            assert web.answer().status == 404
            assert web.answer("HEAD").status == 200


def test_one_empty_line_is_forgiven(box):
    with box.connection() as web:
        for _ in range(3):
            assert web.ask(b"\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n").status == 200


def test_connections_end_as_asked(box):
    with box.connection() as web:
        answer = web.get("/echo", "Connection: x, Close")
        assert answer.fields["connection"] == "close" and web.is_closed()
    with box.connection() as web:
        answer = web.ask(b"GET /echo HTTP/1.0\r\n\r\n")
        assert answer.fields["connection"] == "close" and answer.echo()["host"] == ""
        assert web.is_closed()
    with box.connection() as web:
        for _ in range(3):
            answer = web.ask(b"GET /echo HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            assert answer.fields["connection"] == "keep-alive"


def test_continue(box):
    """RFC 9110 10.1.1"""
    head = b"POST %s HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with box.connection() as web:
        assert web.ask(head % (b"/echo", 3)).status == 100
        assert web.ask(b"abc").echo()["content"] == b"abc"
        # Who has begun to send isn't told.
        assert web.ask(head % (b"/echo", 3) + b"abc").echo()["content"] == b"abc"
    for path, size, status in ((b"/nothing", 3, 404), (b"/who", 3, 401), (b"/echo", 262_145, 413)):
        with box.connection() as web:
            answer = web.ask(head % (path, size))
            assert answer.status == status and answer.fields["connection"] == "close"
            assert web.is_closed()
    with box.connection() as web:
        assert web.get("/echo", "Expect: 200-maybe").status == 417 and web.is_closed()


def test_unwanted_bodies(box):
    """Small ones are read and dropped, so that the connection lives; others end it."""
    for method, path in (("POST", "/nothing"), ("DELETE", "/echo"), ("POST", "/tree/x")):
        with box.connection() as web:
            assert web.get(path, method=method, body=b"x" * 60_000).status in (404, 405)
            assert web.get("/echo").status == 200
            assert web.get(path, method=method, body=b"x" * 70_000).fields["connection"] == "close"
            assert web.is_closed()
    with box.connection() as web:
        assert web.get("/tree/x", method="GET", body=b"x").status == 413  # takes no body
        assert web.get("/echo").status == 200


# ---- answers


def test_no_handler_can_split_an_answer(box):
    with box.connection() as web:
        answer = web.get("/bad/x")
        assert answer.status == 500  # what is no status
        assert b"Injected" not in answer.head and answer.fields["x-good"] == "good"
        results = answer.body.decode().split()
        assert results == ["-200"] * 10 + ["0", "-200"]
        assert web.get("/echo").status == 200


def test_errors_of_handlers(box):
    """An error's class is told, its answer is not."""
    with box.connection() as web:
        for code, status in ((100, 503), (103, 503), (201, 500), (300, 413), (500, 500)):
            answer = web.get(f"/fail/{code}")
            assert answer.status == status, code
            assert b"leaked" not in answer.body
            assert ("retry-after" in answer.fields) == (status == 503)


def test_answers_without_content(box):
    with box.connection() as web:
        for status in (204, 304):
            answer = web.get(f"/status/{status}")
            assert answer.status == status and "content-length" not in answer.fields
        for status in (201, 299, 418, 599):
            assert web.get(f"/status/{status}").body == b"some words"


def test_large_answer(box):
    with box.connection() as web:
        for _ in range(3):
            assert web.get("/large").body == b"x" * 4_000_000
        assert web.get("/large", method="HEAD").fields["content-length"] == "4000000"


# ---- logins


def test_login_where_it_is_needed(box):
    with box.connection() as web:
        answer = web.get("/who")
        assert answer.status == 401
        assert answer.fields["www-authenticate"] == 'Basic realm="Mansio", charset="UTF-8"'
        for _ in range(3):
            told = web.get("/who", basic(USER)).echo()
            assert told["account"] == USER and told["authorization"] == "-201"
        assert web.get("/who").status == 401  # a login is a request's
        told = web.get("/who", basic(USER), method="POST", body=b"x" * 9000).echo()
        assert told["content"] == b"x" * 9000


def test_login_where_it_is_taken_or_ignored(box):
    with box.connection() as web:
        assert web.get("/maybe").echo()["account"] == "-"
        assert web.get("/maybe", basic(USER)).echo()["account"] == USER
        assert web.get("/maybe", basic(USER, "wrong")).status == 401
        assert web.get("/echo", basic(USER, "wrong")).echo()["account"] == "-"
        assert web.get("/echo", "Authorization: rubbish").status == 200


@pytest.mark.parametrize(
    "field",
    [
        basic(USER, "wrong"),
        basic("nobody@alpha.test"),
        basic(USER, ""),
        basic("", PASSWORD),
        basic(USER + "\0", PASSWORD),
        "Authorization: Basic !!!",
        "Authorization: Basic dXNlcg==",
        "Authorization: Basic",
        "Authorization: Bearer abc",
        "Authorization: Negotiate " + "A" * 4000,
        "Authorization:",
    ],
)
def test_wrong_credentials(box, field):
    with box.connection() as web:
        for left in (2, 1, 0):
            answer = web.get("/who", field)
            assert answer.status == 401 and "www-authenticate" in answer.fields
            assert (answer.fields.get("connection") == "close") == (left == 0)
        assert web.is_closed()


def test_passwords_need_tls(box):
    with box.connection("strict") as web:
        for fields in ((), (basic(USER),), (basic(USER, "wrong"),)):
            answer = web.get("/who", *fields)
            assert answer.status == 403 and "www-authenticate" not in answer.fields
        assert web.get("/maybe").status == 200
        assert web.get("/secure").status == 403
    with box.connection("https") as web:
        told = web.get("/who", basic(USER)).echo()
        assert (told["account"], told["tls"], told["port"]) == (USER, "1", "443")
        assert web.get("/secure").status == 200


def test_each_request_has_a_session(box, daemon):
    with box.connection() as web:
        ids = {web.get("/echo").echo()["session"] for _ in range(5)}
        assert len(ids) == 5
        web.send(b"GET /sleep HTTP/1.1\r\nHost: h\r\n\r\n")
        rows = until(
            "the session of a request",
            lambda: [row for row in daemon.sessions() if row["service"] == "echo"],
        )
        assert rows[0]["instance"] == "http-echo" and rows[0]["activity"] == "request"
        assert web.answer().status == 200
    until("sessions are over", lambda: not [r for r in daemon.sessions() if r["service"] == "echo"])


def test_killed_in_mid_request(box, daemon):
    """Nothing of an answer was sent: it can be said that there is none."""
    with box.connection() as web:
        web.send(b"GET /sleep?seconds=120 HTTP/1.1\r\nHost: h\r\n\r\n")
        rows = until(
            "the session of a request",
            lambda: [row for row in daemon.sessions() if row["service"] == "echo"],
        )
        daemon.ctl("sessions", "kill", rows[0]["id"])
        answer = web.answer()
        assert answer.status == 503 and answer.fields["connection"] == "close"
        assert web.is_closed()
    with box.connection() as web:
        assert web.get("/echo").status == 200
        (row,) = until("its session alone", lambda: len(rows := daemon.sessions()) == 1 and rows)
        daemon.ctl("sessions", "kill", row["id"])
        assert web.is_closed()  # between requests there is nothing to say


def theirs(daemon):
    return [row for row in daemon.sessions() if row["service"] == "echo" and row.get("account")]


def test_one_persons_end_is_not_the_connections(box, daemon):
    """Whose session is ended is told to come again; the requests behind it, another's too, are answered."""
    user2 = basic("user2@alpha.test")
    head = "{} {} HTTP/1.1\r\nHost: h\r\n{}\r\n{}\r\n"
    with box.connection() as web:
        web.send(head.format("POST", "/sleep/mine", basic(USER), "Content-Length: 3\r\n").encode())
        web.send(b"abc" + head.format("GET", "/who", user2, "").encode())
        web.send(head.format("GET", "/who", basic(USER), "").encode())
        rows = until("the session of a request", lambda: theirs(daemon))
        daemon.ctl("sessions", "kill", rows[0]["id"])
        ended = web.answer()
        assert ended.status == 503 and ended.fields["retry-after"] == "30"
        assert "connection" not in ended.fields and b"leaked" not in ended.body
        assert web.answer().echo()["account"] == "user2@alpha.test"
        assert web.answer().echo()["account"] == USER
        assert web.get("/echo").status == 200
    assert not theirs(daemon)


def test_an_end_in_the_midst_of_a_body_ends_the_connection(box, daemon):
    with box.connection() as web:
        lines = ("POST /who HTTP/1.1", "Host: h", "Content-Length: 9", basic(USER), "", "")
        web.send("\r\n".join(lines).encode() + b"half")
        rows = until("the session of a request", lambda: theirs(daemon))
        daemon.ctl("sessions", "kill", rows[0]["id"])
        ended = web.answer()
        assert ended.status == 503 and ended.fields["connection"] == "close"
        assert web.is_closed()


def test_a_connection_that_ends_takes_its_request_along(box, daemon):
    """Who kills the connection's own session ends both; so does a client that goes."""
    with box.connection() as web:
        lines = ("GET /sleep/mine HTTP/1.1", "Host: h", basic(USER), "", "")
        web.send("\r\n".join(lines).encode())
        until("the session of a request", lambda: theirs(daemon))
        outer = [row for row in daemon.sessions() if row["service"] == "http"]
        daemon.ctl("sessions", "kill", outer[0]["id"])
        assert web.answer().status == 503 and web.is_closed()
    assert not theirs(daemon)


def test_drain(box, daemon):
    """Idle connections end at once; a request in hand is answered, and is the last."""
    mine = "\r\n".join(("GET /sleep/mine HTTP/1.1", "Host: h", basic(USER), "", "")).encode()
    with box.connection() as idle, box.connection() as busy, box.connection() as mine_too:
        assert idle.get("/echo").status == 200
        busy.send(b"GET /sleep HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
        mine_too.send(mine * 2)
        until(
            "both requests run",
            lambda: len([r for r in daemon.sessions() if r["service"] == "echo"]) == 2,
        )
        daemon.config["workers"] = 2 if daemon.config["workers"] == 1 else 1
        daemon.write()
        thread = threading.Thread(target=daemon.reload)
        thread.start()
        try:
            assert idle.is_closed()
            for web in (busy, mine_too):
                answer = web.answer()
                assert answer.status == 200 and answer.fields["connection"] == "close"
                assert web.is_closed()
        finally:
            thread.join()
    daemon.wait_settled()


# ---- what is told


def test_log_and_metrics(box, daemon):
    with box.connection() as web:
        before = daemon.metric("mansio_http_answers_4xx_total")
        received = daemon.metric("mansio_http_received_bytes_total")
        web.get("/nothing?token=geheim&x=" + "y" * 50)
        web.get("/who", basic(USER, "geheim-auch"))
        web.get("/echo", method="POST", body=b"z" * 5000)
        told = web.get("/tree/" + "l" * 500).echo()
    lines = lambda: [line for line in daemon.log().splitlines() if "l" * 190 in line]
    (line,) = until("the last one is told, which comes after its answer", lines)
    assert "event=request" in line and f"session={told['session']}" in line
    assert "status=200" in line and "l" * 200 not in line and "duration=" in line
    assert "geheim" not in daemon.log() and PASSWORD not in daemon.log()
    assert daemon.metric("mansio_http_answers_4xx_total") == before + 2
    assert daemon.metric("mansio_http_received_bytes_total") == received + 5000
    assert daemon.metric("mansio_http_requests_total") > 0
    assert daemon.metric("mansio_http_duration_seconds_count") > 0


# ---- real clients


def test_python(box):
    for make, port in (
        (lambda: http.client.HTTPConnection(HOST, box.ports["http"], 60), "http"),
        (
            lambda: http.client.HTTPSConnection(
                "localhost", box.ports["https"], timeout=60, context=box.trusted()
            ),
            "https",
        ),
    ):
        web = make()
        for i in range(3):
            web.request("POST", "/echo", body=iter([b"ab", b"c" * i]), encode_chunked=True,
                        headers={"Transfer-Encoding": "chunked"})  # fmt: skip
            answer = web.getresponse()
            text = answer.read()
            assert answer.status == 200 and text.endswith(b"ab" + b"c" * i), port
        web.request("HEAD", "/echo")
        assert web.getresponse().read() == b""
        web.close()


def test_curl(box, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"b" * 200_000)
    plain = f"http://localhost:{box.ports['http']}"
    common = [
        "curl",
        "-sS",
        "--max-time",
        "60",
        "--resolve",
        f"localhost:{box.ports['http']}:{HOST}",
    ]

    def curl(*words):
        done = subprocess.run([*common, *words], capture_output=True, text=True, check=True)
        return done.stdout

    # More than a mebibyte or a slow answer to "Expect" makes curl wait; here it is told at once.
    told = curl("-H", "Expect: 100-continue", "--data-binary", f"@{body}", f"{plain}/echo")
    assert told.endswith("b" * 200_000)
    chunked = curl("-H", "Transfer-Encoding: chunked", "--data-binary", f"@{body}", f"{plain}/echo")
    assert chunked.endswith("b" * 200_000)
    assert f"account={USER}" in curl("--anyauth", "-u", f"{USER}:{PASSWORD}", f"{plain}/who")
    said = curl("-v", "-I", f"{plain}/echo", f"{plain}/large", "-w", "%{num_connects}\n")
    assert re.findall(r"^\d$", said, re.MULTILINE) == ["1", "0"]  # the connection is used again
    told = curl("--cacert", str(box.authority), "--resolve", f"localhost:{box.ports['https']}:{HOST}",
                f"https://localhost:{box.ports['https']}/secure")  # fmt: skip
    assert "tls=1" in told


NODE = """
const http = require("http");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const job = JSON.parse(process.argv[1]);
const ask = (options, body) => new Promise((resolve, reject) => {
  const request = http.request({ host: job.host, port: job.port, agent, ...options }, (answer) => {
    let text = "";
    answer.on("data", (data) => (text += data));
    answer.on("end", () => resolve([answer.statusCode, text, request.reusedSocket]));
  });
  request.on("error", reject);
  if (body) { request.write(body); request.write(body); }
  request.end();
});
(async () => {
  const told = [];
  told.push(await ask({ path: "/echo", method: "POST" }, "abc"));
  told.push(await ask({ path: "/who", auth: job.auth }));
  told.push(await ask({ path: "/who" }));
  told.push(await ask({ path: "/echo", method: "HEAD" }));
  agent.destroy();
  console.log(JSON.stringify(told));
})();
"""


def test_node(box):
    job = {"host": HOST, "port": box.ports["http"], "auth": f"{USER}:{PASSWORD}"}
    done = subprocess.run(
        ["node", "-e", NODE, json.dumps(job)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [row[0] for row in told] == [200, 200, 401, 200]
    assert told[0][1].endswith("abcabc") and f"account={USER}" in told[1][1]
    assert [row[2] for row in told] == [False, True, True, True]
