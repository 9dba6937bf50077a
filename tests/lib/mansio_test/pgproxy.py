"""A proxy between mansiod and PostgreSQL that fails on command.

It reads the frontend's messages (PostgreSQL's protocol 3.0: a type byte and a length) and counts
steps: each Execute, which is a statement, and each Sync or simple Query, which is where a
transaction is committed. At the step that it is armed for, it breaks that connection, or every one
that passes through it, before the step reached the server or after the server has done it and
before its answer reaches us: the two moments at which a client can't know what became of its
transaction.
"""

import collections
import socket
import struct
import threading

SSL_REQUEST, CANCEL_REQUEST = 80877103, 80877102
STEPS = {b"E": "execute", b"S": "sync", b"Q": "query"}
# CommandComplete, EmptyQueryResponse, PortalSuspended: the end of an Execute.
ANSWERS = (b"C", b"I", b"s")
# Asked by the clock, for hints, of a new connection: not for a delivery.
BACKGROUND = (
    "epoch", "notify", "listen", "check_role", "schema_version", "lease_", "sweep_", "id_",
    "spool_claim", "standing", "credentials_used",
)  # fmt: skip


class Fault(collections.namedtuple("Fault", "step when")):
    """`step` counts from 0; `when` is "before" or "after"."""


class Step:
    """One that was passed on and isn't answered yet."""

    def __init__(self, kind, is_last):
        self.kind = kind
        self.is_last = is_last  # what it is answered with passes no more: the fault


class Pipe:
    """One connection: two threads, one a direction."""

    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self.server = socket.create_connection(("127.0.0.1", proxy.server_port))
        for end in (client, self.server):
            # As libpq and PostgreSQL have it: else each small answer waits for an acknowledgement.
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lock = threading.Lock()
        self.unanswered = collections.deque()
        self.silenced = threading.Event()
        self.statement = ""  # the last that was bound
        for run in (self.forward, self.back):
            threading.Thread(target=run, daemon=True).start()

    def close(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def exactly(self, end, count):
        parts = []
        while count > 0:
            part = end.recv(min(count, 1 << 20))
            if not part:
                raise ConnectionError("closed")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def startup(self):
        """The first packets have no type byte."""
        while True:
            (length,) = struct.unpack("!i", self.exactly(self.client, 4))
            body = self.exactly(self.client, length - 4)
            (code,) = struct.unpack("!i", body[:4])
            if code == SSL_REQUEST:
                self.client.sendall(b"N")
                continue
            self.server.sendall(struct.pack("!i", length) + body)
            return code != CANCEL_REQUEST

    def forward(self):
        try:
            if not self.startup():
                return
            while True:
                head = self.exactly(self.client, 5)
                (length,) = struct.unpack("!i", head[1:])
                body = self.exactly(self.client, length - 4)
                self.proxy.flowing.wait()
                if self.silenced.is_set():
                    continue  # the server must not see what follows the fault
                if head[:1] == b"B":
                    self.statement = body.split(b"\0", 2)[1].decode()
                if head[:1] in STEPS and not self.pass_step(STEPS[head[:1]], head + body):
                    return
                if head[:1] not in STEPS:
                    self.server.sendall(head + body)
        except (OSError, ConnectionError):
            pass
        finally:
            self.close()

    def pass_step(self, kind, packet):
        """0 where the fault is that it doesn't get there."""
        fault = None
        if not self.statement.startswith(self.proxy.passing):
            fault = self.proxy.step(f"{kind} {self.statement}" if kind == "execute" else kind)
        if fault == "before":
            self.proxy.strike(self)
            return False
        with self.lock:
            self.unanswered.append(Step(kind, fault == "after"))
        if fault == "after" and kind == "execute":
            # The statement has to be seen done: a Flush brings its answer.
            packet += b"H\x00\x00\x00\x04"
        if fault == "after":
            self.silenced.set()
        self.server.sendall(packet)
        return True

    def answered(self, kind):
        """A message of the server: is it the end of the fault's step, so that nothing passes?"""
        with self.lock:
            waiting = self.unanswered
            if kind in ANSWERS and waiting and waiting[0].kind == "execute":
                return waiting.popleft().is_last
            is_last = False
            # An error skips to the Sync, as does the Sync's own answer.
            while kind in (b"E", b"Z") and waiting and waiting[0].kind == "execute":
                is_last = waiting.popleft().is_last or is_last
            if kind == b"Z" and waiting:
                is_last = waiting.popleft().is_last or is_last
            return is_last

    def back(self):
        try:
            while True:
                head = self.exactly(self.server, 5)
                (length,) = struct.unpack("!i", head[1:])
                body = self.exactly(self.server, length - 4)
                if self.answered(head[:1]):
                    self.proxy.strike(self)
                    return
                self.client.sendall(head + body)
        except (OSError, ConnectionError):
            pass
        finally:
            self.close()


class Proxy:
    def __init__(self, server_port):
        self.server_port = server_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pipes = []
        self.passing = BACKGROUND  # statements that are no steps: how their names begin
        self.breaks_all = True  # or the one connection that the fault is on
        self.kinds = None  # steps seen while counting
        self.fault = None
        self.fired = None
        self.is_down = False
        self.flowing = threading.Event()  # cleared: as a network that swallows all
        self.flowing.set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.is_down:
                client.close()
                continue
            try:
                pipe = Pipe(self, client)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.pipes.append(pipe)

    def step(self, kind):
        """One step passes: None, or how it fails."""
        with self.lock:
            if self.kinds is None:
                return None
            number = len(self.kinds)
            self.kinds.append(kind)
            if self.fault is not None and number == self.fault.step:
                self.fired = kind
                return self.fault.when
            return None

    def arm(self, fault=None):
        """Count from here; fail at the fault's step."""
        with self.lock:
            self.kinds, self.fault, self.fired = [], fault, None

    def disarm(self):
        """Returns the kinds of the steps that passed since arm()."""
        with self.lock:
            kinds, self.kinds, self.fault = self.kinds, None, None
            return kinds

    def strike(self, pipe):
        if self.breaks_all:
            self.break_all()
        else:
            pipe.close()

    def break_all(self):
        with self.lock:
            pipes, self.pipes = self.pipes, []
        for pipe in pipes:
            pipe.close()

    def down(self):
        """As if the server were gone."""
        self.is_down = True
        self.break_all()

    def up(self):
        self.is_down = False

    def freeze(self):
        """Nothing of ours gets there any more, and nobody is told."""
        self.flowing.clear()

    def thaw(self):
        self.flowing.set()

    def close(self):
        self.flowing.set()
        self.down()
        self.listener.close()
