"""Clients of contrib/hello: one that talks step by step, and a crowd that never stops."""

import asyncio
import collections
import random
import socket
import threading
import time


class Client:
    """A blocking client with a deadline on every step."""

    def __init__(self, port, host="127.0.0.1", timeout=60):
        self.socket = socket.create_connection((host, port), timeout)
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()

    def line(self):
        """The next line without its end; "" at the end of the stream."""
        raw = self.file.readline(65536)
        assert raw == b"" or raw.endswith(b"\r\n"), f"cut in mid-line: {raw!r}"
        return raw.decode().rstrip("\r\n")

    def send(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def ask(self, text):
        self.send(text)
        return self.line()

    @property
    def local(self):
        """Our address as the daemon shows it."""
        host, port = self.socket.getsockname()[:2]
        return f"{host}:{port}"

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Crowd:
    """N clients in one thread, each in a dialogue of its own, reconnecting at once when told
    goodbye. Counts what happens; anything that no client should ever see goes to `problems`.

    An end of the connection is in order only between lines and after a line of goodbye. A reset is
    in order only for the conns of a worker that a test kills: those ports are asked for later, in
    `resets`, each with its time.
    """

    STEP_SECONDS = 60  # of patience for one answer: a hang, not slowness, is what is looked for

    def __init__(self, port, count, pause=0.15, answer=None):
        self.port = port
        self.count = count
        self.pause = pause
        self.answer = answer or (lambda text: text)
        self.problems = []
        self.resets = []  # (local port, when the conn was asked for, when it was lost)
        self.greetings = collections.Counter()
        self.goodbyes = collections.Counter()
        self.connected = 0
        self.lines = 0
        self.ports = {}
        self.stopping = False
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.main()), daemon=True)

    # ---- from the test's thread

    def start(self):
        self.thread.start()
        assert self.ready.wait(60), f"{self.connected} of {self.count} connected: {self.problems}"
        return self

    def stop(self):
        self.stopping = True
        self.thread.join(90)
        assert not self.thread.is_alive(), "the crowd did not end"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def check(self, resets_allowed=False):
        """Nothing went wrong so far."""
        assert not self.problems, f"{len(self.problems)} problems, first: {self.problems[:5]}"
        if not resets_allowed:
            assert not self.resets, f"{len(self.resets)} resets: {self.resets[:5]}"

    def summary(self):
        return (
            f"{self.connected} connections, {self.lines} lines, goodbyes {dict(self.goodbyes)}, "
            f"greetings {dict(self.greetings)}"
        )

    # ---- in the thread

    async def main(self):
        clients = [asyncio.create_task(self.client(i)) for i in range(self.count)]
        await asyncio.gather(*clients)

    async def client(self, number):
        rng = random.Random(number)
        await asyncio.sleep(rng.random() * 0.2)
        while not self.stopping:
            asked = time.monotonic()
            try:
                reader, writer = await self.step(
                    asyncio.open_connection("127.0.0.1", self.port), number, "connect"
                )
            except OSError as error:
                self.problems.append((number, "refused", repr(error)))
                await asyncio.sleep(0.05)
                continue
            except asyncio.TimeoutError:
                continue
            port = writer.get_extra_info("sockname")[1]
            self.ports[port] = number
            try:
                await self.dialogue(number, reader, writer, rng)
            except ConnectionError:
                self.resets.append((port, asked, time.monotonic()))
            except asyncio.TimeoutError:
                pass
            finally:
                self.ports.pop(port, None)
                writer.close()

    async def step(self, awaitable, number, what):
        try:
            return await asyncio.wait_for(awaitable, self.STEP_SECONDS)
        except asyncio.TimeoutError:
            self.problems.append((number, "hang", what))
            raise

    async def line(self, number, reader, what):
        """A line, or None at an end in order: between lines."""
        raw = await self.step(reader.readline(), number, what)
        if raw.endswith(b"\r\n"):
            return raw[:-2].decode()
        if raw:
            self.problems.append((number, "cut in mid-line", repr(raw)))
        return None

    async def dialogue(self, number, reader, writer, rng):
        greeting = await self.line(number, reader, "greeting")
        if greeting is None:
            # A worker that dies between accept and greeting closes without a word.
            raise ConnectionResetError("closed before the greeting")
        self.greetings[greeting] += 1
        self.connected += 1
        if self.connected >= self.count:
            self.ready.set()
        counter = 0
        while not self.stopping:
            text = f"line-{number}-{counter}"
            counter += 1
            writer.write(text.encode() + b"\r\n")
            answer = await self.line(number, reader, text)
            if answer == self.answer(text):
                self.lines += 1
                await asyncio.sleep(self.pause * (0.5 + rng.random()))
                continue
            if answer is None:
                raise ConnectionResetError("closed without a goodbye")
            # Not the answer: then it is the goodbye, and the end follows.
            self.goodbyes[answer] += 1
            after = await self.line(number, reader, "end after goodbye")
            if after is not None:
                self.problems.append((number, "went on after goodbye", f"{answer!r} {after!r}"))
            return
