"""A crowd of mail programs for the policy race: sessions of several services that log in, work, are
ended, and come again, all in one thread; each visit is recorded (policy_history)."""

import asyncio
import base64
import collections
import random
import selectors
import ssl
import threading
import time

from .policy_history import Visit

STEP_SECONDS = 60  # of patience: a hang is looked for, not slowness
GOODBYES = {
    "pop3": "-ERR [SYS/PERM]",
    "imap": "* BYE [ALERT]",
    "submission": "421 4.7.",
    "hello": "Vale",
}


class Looks(selectors.EpollSelector):
    """Knows when it looked: what a look finds had not come when the look before it began. It came
    before it is read, which may be a good while after the look when there is much to read."""

    before = began = 0.0

    def select(self, timeout=None):
        self.before, self.began = self.began, time.monotonic()
        return super().select(timeout)

    def span(self):
        return self.before, time.monotonic()


class Closed(Exception):
    """By the server; the line before it is `last`."""


class Talk(asyncio.Protocol):
    """A connection: lines with the time at which they came."""

    def __init__(self, looks):
        self.looks = looks
        self.lines = collections.deque()
        self.rest = b""
        self.waiter = None
        self.closed = None
        self.transport = None
        self.goodbye = None  # (span, line) that the server ended it with

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        *lines, self.rest = (self.rest + data).split(b"\r\n")
        span = self.looks.span()
        self.lines.extend((span, line.decode("utf-8", "replace")) for line in lines)
        self.wake()

    def eof_received(self):
        self.close()

    def connection_lost(self, _):
        self.close()

    def close(self):
        if self.closed is None:
            self.closed = self.looks.span()
        self.wake()

    def wake(self):
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def line(self, seconds=STEP_SECONDS):
        """The next line and its span; Closed; TimeoutError."""
        until = time.monotonic() + seconds
        while not self.lines:
            if self.closed is not None:
                raise Closed
            self.waiter = asyncio.get_running_loop().create_future()
            await asyncio.wait_for(self.waiter, max(0.001, until - time.monotonic()))
        return self.lines.popleft()

    def send(self, text):
        self.transport.write(text.encode() + b"\r\n")


def plain(user, password):
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


class Refused(Exception):
    pass


class Busy(Exception):
    """The session before holds the maildrop still."""


class Client:
    """One dialogue. What begins with a goodbye is one, whenever it comes."""

    def __init__(self, talk, visit, password):
        self.talk, self.visit, self.password = talk, visit, password
        self.service = visit.way.service
        self.tags = 0

    async def next(self, seconds=STEP_SECONDS):
        span, line = await self.talk.line(seconds)
        if line.startswith(GOODBYES[self.service]) and self.visit.let_in is not None:
            self.talk.goodbye = span, line
        return span, line

    async def wanted(self, *begins):
        """The line that begins so; others may come before it in IMAP and EHLO."""
        while True:
            span, line = await self.next()
            if line.startswith(begins):
                return span, line
            if self.talk.goodbye:
                continue  # then the end
            if not line.startswith(("* ", "250-")):
                raise AssertionError(f"{self.service}: wanted {begins}, got {line!r}")

    async def ask(self, text, *begins):
        self.talk.send(text)
        return await self.wanted(*begins)

    def tag(self):
        self.tags += 1
        return f"a{self.tags}"

    async def login(self):
        user = self.visit.person.address
        span, line = await getattr(self, "login_" + self.service)(user)
        good, bad = {
            "pop3": ("+OK", ("-ERR [AUTH]", "-ERR [SYS/PERM]")),
            "imap": ("OK ", ("NO [AUTHENTICATIONFAILED]", "NO [AUTHORIZATIONFAILED]")),
            "submission": ("235 ", ("535 ",)),
            "hello": ("Intra,", ("Non licet",)),
        }[self.service]
        line = line.partition(" ")[2] if self.service == "imap" else line
        if line.startswith("-ERR [IN-USE]"):
            raise Busy
        if line.startswith(bad):
            self.visit.refused = span
            raise Refused
        if not line.startswith(good):
            raise AssertionError(f"{self.service}: login answered {line!r}")
        self.visit.let_in = span

    async def login_pop3(self, user):
        await self.wanted("+OK")
        if self.visit.way.mechanism == "PLAIN":
            return await self.ask(f"AUTH PLAIN {plain(user, self.password)}", "+OK", "-ERR")
        await self.ask(f"USER {user}", "+OK")
        return await self.ask(f"PASS {self.password}", "+OK", "-ERR")

    async def login_imap(self, user):
        await self.wanted("* OK")
        tag = self.tag()
        if self.visit.way.mechanism == "PLAIN":
            return await self.ask(f"{tag} AUTHENTICATE PLAIN {plain(user, self.password)}", tag)
        return await self.ask(f'{tag} LOGIN {user} "{self.password}"', tag)

    async def login_submission(self, user):
        await self.wanted("220 ")
        await self.ask("EHLO client.example", "250 ")
        return await self.ask(f"AUTH PLAIN {plain(user, self.password)}", "2", "5", "4")

    async def login_hello(self, user):
        await self.wanted("")
        return await self.ask(f"login {user} {self.password}", "")

    async def work(self, rng):
        """One step."""
        if self.service == "pop3":
            await self.ask(rng.choice(("NOOP", "STAT", "UIDL 99999")), "+OK", "-ERR")
        elif self.service == "submission":
            await self.ask(rng.choice(("NOOP", "RSET")), "250 ")
        elif self.service == "hello":
            await self.ask("salve", "salve", "Vale")
        elif rng.random() < 0.3:
            tag = self.tag()
            await self.ask(f"{tag} IDLE", "+ ", "* BYE")
            await self.rest(rng.uniform(0.2, 2))
            await self.ask("DONE", tag)
        else:
            tag = self.tag()
            await self.ask(
                f"{tag} {rng.choice(('NOOP', 'SELECT INBOX', 'STATUS INBOX (MESSAGES)'))}", tag
            )

    async def rest(self, seconds):
        """Sleep, or until the server says something of itself."""
        try:
            span, line = await self.next(seconds)
            self.talk.lines.appendleft((span, line))
            if not self.talk.goodbye and not line.startswith("* "):
                raise AssertionError(f"{self.service}: unasked {line!r}")
        except asyncio.TimeoutError:
            pass

    def leave(self):
        self.talk.send({"imap": "z LOGOUT", "hello": "quit"}.get(self.service, "QUIT"))


class Crowd:
    """@guests: (person, way) of each session, kept for the whole run. @ports: by service, and by
    service + "s" over TLS."""

    def __init__(self, guests, ports, passwords, authority, seed=1):
        self.guests, self.ports, self.passwords = guests, ports, passwords
        self.trusted = ssl.create_default_context(cafile=str(authority))
        self.seed = seed
        self.visits, self.problems = [], []
        self.open = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(120)
        assert not self.thread.is_alive(), "the crowd did not end"

    def run(self):
        self.looks = Looks()
        loop = asyncio.SelectorEventLoop(self.looks)
        try:
            loop.run_until_complete(self.main())
            loop.run_until_complete(asyncio.sleep(0.05))
        finally:
            loop.close()

    async def main(self):
        await asyncio.gather(*(self.guest(*guest) for guest in enumerate(self.guests)))

    async def guest(self, number, guest):
        rng = random.Random(f"{self.seed} {number}")
        await asyncio.sleep(rng.random())
        patience = time.monotonic() + STEP_SECONDS
        while not self.stopping.is_set():
            visit = Visit(*guest, asked=time.monotonic())
            try:
                await self.visit(visit, rng)
            except Busy:
                if time.monotonic() > patience:
                    self.problems.append(f"{visit}: its maildrop stays in use")
                await asyncio.sleep(0.05)
                continue
            except (AssertionError, OSError, asyncio.TimeoutError) as error:
                self.problems.append(f"{visit}: {error!r}")
                await asyncio.sleep(0.5)
            self.visits.append(visit)
            patience = time.monotonic() + STEP_SECONDS
            if not self.stopping.is_set():
                await asyncio.sleep(rng.uniform(0.5, 1.5) if visit.refused else rng.uniform(0, 0.3))

    async def visit(self, visit, rng):
        way = visit.way
        tls = {"ssl": self.trusted, "server_hostname": "localhost"} if way.protected else {}
        loop = asyncio.get_running_loop()
        _, talk = await loop.create_connection(
            lambda: Talk(self.looks),
            "127.0.0.1",
            self.ports[way.service + ("s" if way.protected else "")],
            local_addr=(way.network, 0),
            **tls,
        )
        client = Client(talk, visit, self.passwords[way.credential])
        try:
            await client.login()
            self.open += 1
            try:
                await self.stay(client, rng)
            finally:
                self.open -= 1
        except Refused:
            pass
        except Closed:
            if talk.goodbye is None:
                raise AssertionError("closed without a goodbye") from None
            visit.ended = talk.goodbye[0]
            visit.last_open = talk.closed[0]
        finally:
            talk.transport.abort()

    async def stay(self, client, rng):
        leaves = time.monotonic() + rng.uniform(1, 12)
        while time.monotonic() < leaves and not self.stopping.is_set():
            await client.rest(rng.uniform(0.3, 1.5))
            if client.talk.goodbye:
                raise_after = client.talk
                while True:  # up to the end
                    await raise_after.line()
            await client.work(rng)
        # It was open when we last looked and nothing had come.
        if not client.talk.goodbye and client.talk.closed is None:
            client.visit.last_open = self.looks.before
            client.leave()
