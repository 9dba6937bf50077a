"""PROXY headers: who must send one, who is then known by what it says, and what counts for limits."""

import shutil
import socket
import ssl
import struct

import pytest

from mansio_test.certificates import Authority
from mansio_test.daemon import free_port
from mansio_test.install import SOURCE, run
from mansio_test.wait import until

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v1(peer="198.51.100.7", port=4242):
    return f"PROXY TCP4 {peer} 203.0.113.1 {port} 25\r\n".encode()


def v2(peer="198.51.100.7", port=4242, more=b""):
    ends = socket.inet_aton(peer) + socket.inet_aton("203.0.113.1") + struct.pack("!HH", port, 25)
    return V2 + b"\x21\x11" + struct.pack("!H", len(ends) + len(more)) + ends + more


class Client:
    """Speaks lines after whatever header it is given."""

    def __init__(self, where, header=b""):
        if isinstance(where, int):
            self.socket = socket.create_connection(("127.0.0.1", where), 60)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(60)
            self.socket.connect(str(where))
        self.file = None
        for part in header if isinstance(header, list) else [header]:
            self.socket.sendall(part)

    def line(self):
        self.file = self.file or self.socket.makefile("rb")
        return self.file.readline().decode().rstrip("\r\n")

    def ask(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.line()

    def is_cut(self):
        try:
            return self.socket.recv(1000) == b""
        except ConnectionResetError:
            return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.file:
            self.file.close()
        self.socket.close()


@pytest.fixture(scope="session")
def secure_so(install, tmp_path_factory):
    target = tmp_path_factory.mktemp("secure") / "secure.so"
    return install.build_module(target, [SOURCE / "tests/proto/modules/secure.c"])


@pytest.fixture
def node(make_daemon, secure_so, tmp_path):
    daemon = make_daemon()
    shutil.copy(secure_so, daemon.modules / "secure.so")
    daemon.config["instances"]["secure"] = {"module": "secure", "settings": {}}
    daemon.unix = tmp_path / "proxied.sock"

    def listen(name, address=None, **more):
        port = free_port()
        daemon.config["listeners"][name] = {
            "address": [address or f"127.0.0.1:{port}"],
            "serve": "secure",
            **more,
        }
        return port

    daemon.listen = listen
    daemon.proxied = listen("proxied", proxy_from=["192.0.2.0/24", "127.0.0.0/8"])
    daemon.others = listen("others", proxy_from=["192.0.2.0/24", "2001:db8::/32", "unix"])
    listen("unix", address=f"unix:{daemon.unix}", proxy_from=["unix"])
    return daemon


def test_known_by_the_header(node):
    node.start()
    for header in (
        v1(),
        v2(),
        v2(more=b"\x02\x00\x02us"),
        [bytes([byte]) for byte in v1()],
        [bytes([byte]) for byte in v2()],
    ):
        with Client(node.proxied, header) as client:
            assert client.line() == "ready"
            assert client.ask("peer") == "198.51.100.7:4242 198.51.100.7 203.0.113.1:25"
            assert [row["peer"] for row in node.sessions()] == ["198.51.100.7:4242"]
        until("gone", lambda: not node.sessions())
    with Client(node.proxied, v1() + b"one\r\ntwo\r\n") as client:  # in one segment with the header
        assert [client.line() for _ in range(3)] == ["ready", "said one", "said two"]
    with Client(node.unix, v2()) as client:
        assert client.line() == "ready"
        assert client.ask("peer") == "198.51.100.7:4242 198.51.100.7 203.0.113.1:25"


def test_a_proxy_may_speak_for_itself(node):
    """LOCAL and UNKNOWN: health checks, mostly."""
    node.start()
    for header in (b"PROXY UNKNOWN\r\n", V2 + b"\x20\x00\x00\x00", V2 + b"\x21\x00\x00\x00"):
        with Client(node.proxied, header) as client:
            host, port = client.socket.getsockname()
            assert client.line() == "ready"
            assert client.ask("peer").startswith(f"{host}:{port} {host} ")


def test_who_must_send_one_and_does_not_is_cut(node):
    node.start()
    for header in (b"EHLO there\r\n", b"PROXY TCP4 1.2.3.4\r\n", V2 + b"\x31\x11\x00\x00", b"\x16"):
        with Client(node.proxied, header) as client:
            assert client.is_cut()
    cut = lambda: node.metric("mansio_core_conns_refused_total", reason="proxy")
    until("counted", lambda: cut() == 4)
    node.wait_log("event=proxy-header-missing")
    with Client(node.proxied) as client:  # says nothing at all
        assert client.is_cut()
    until("counted, too", lambda: cut() == 5)


def test_from_elsewhere_it_is_what_the_protocol_makes_of_it(node):
    node.start()
    with Client(node.others, v1()) as client:
        assert client.line() == "ready"
        assert client.line() == "said " + v1().decode().rstrip("\r\n")
        assert client.ask("peer").startswith("127.0.0.1:")


def test_limits_count_the_client(node):
    node.config["limits"]["connections_per_address"] = 2
    node.start()

    def held(address):
        client = Client(node.proxied, v2(address))
        assert client.line() == "ready"
        return client

    clients = [held(f"198.51.100.{n // 2}") for n in range(8)]  # four addresses by one proxy
    with Client(node.proxied, v1("198.51.100.0")) as client:
        assert client.is_cut()
    full = lambda: node.metric("mansio_core_conns_refused_total", reason="address")
    until("counted", lambda: full() == 1)
    clients.pop(0).__exit__()

    def again():
        with Client(node.proxied, v1("198.51.100.0")) as client:
            return client.line() == "ready"

    until("room again", again)
    for client in clients:
        client.__exit__()


def test_tls_behind_the_header(node, tmp_path):
    """Header and ClientHello in one segment, and apart."""
    ca = Authority(tmp_path / "ca")
    chain, key = ca.make("mail", "mail.test")
    node.config["certificates"] = {"mail": {"chain": str(chain), "key": str(key)}}
    port = node.listen("tls", tls="implicit", proxy_from=["127.0.0.1"])
    node.start()
    for size in (1, 20, 60, 100000):
        context = ssl.create_default_context(cafile=str(ca.path))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="mail.test")
        pending = v1()
        with socket.create_connection(("127.0.0.1", port), 60) as client:

            def step(function, *words):
                nonlocal pending
                while True:
                    try:
                        return function(*words)
                    except ssl.SSLWantReadError:
                        pending += outgoing.read()
                        while pending:
                            client.sendall(pending[:size])
                            pending = pending[size:]
                        incoming.write(client.recv(65536))

            step(tls.do_handshake)
            assert step(tls.read, 100) == b"ready\r\n"
            tls.write(b"peer\r\n")
            assert step(tls.read, 100).startswith(b"198.51.100.7:4242 198.51.100.7 ")


def test_a_network_that_is_none_is_told_with_its_place(node):
    node.config["listeners"]["proxied"]["proxy_from"] = ["127.0.0.1/8"]
    node.write()
    said = run(node.install.mansiod, "--check", "--config", node.path, check=False).stderr
    assert 'listeners.proxied.proxy_from: network "127.0.0.1/8"' in said and "127.0.0.0/8" in said
