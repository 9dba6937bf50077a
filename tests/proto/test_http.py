"""HTTP/1.1 as RFC 9110 and RFC 9112 have it, and what is refused because others read it otherwise."""

import pytest
from mansio_test.daemon import Daemon
from mansio_test.http import basic, memory_box


@pytest.fixture(scope="module")
def box(install, tmp_path_factory):
    daemon = Daemon(install, tmp_path_factory.mktemp("http"))
    try:
        yield memory_box(daemon)
        daemon.stop()
    finally:
        daemon.kill()
    assert "AddressSanitizer" not in daemon.log() and "runtime error:" not in daemon.log()


def test_get(box):
    with box.connection() as http:
        told = http.get("/echo?word=a%20b&x=y", "X-Word: one", "X-Word:\ttwo \t").echo()
        assert told["method"] == "1" and told["host"] == "localhost" and told["path"] == "/echo"
        assert told["query"] == "0:a b" and told["header"] == "0:one, two"
        assert told["port"] == "80" and told["tls"] == "0" and told["account"] == "-"


def test_post(box):
    with box.connection() as http:
        for body in (b"", b"x", b"GET / HTTP/1.1\r\n\r\n" * 1000):
            told = http.get("/echo", method="POST", body=body).echo()
            assert told["method"] == "4" and told["content"] == body


def test_login(box):
    with box.connection() as http:
        assert http.get("/who").status == 401
        assert http.get("/who", basic("user1@alpha.test")).echo()["account"] == "user1@alpha.test"
        assert http.get("/who", basic("user1@alpha.test", "wrong")).status == 401
