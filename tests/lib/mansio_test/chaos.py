"""A front for a mail server that is not to be relied on: per connection it passes all through, cuts
it off in the midst, greylists, stalls, or is too busy. What it did is counted."""

import collections
import random
import socket
import struct
import threading

from .smtp_peer import Peer, Session

# How often each happens, of a hundred connections.
USUAL = {"pass": 50, "reset": 18, "greylist": 14, "busy": 10, "stall": 4, "refuse": 4}


class Chaos:
    def __init__(self, address, backend, seed, weights=None, stall_seconds=4):
        """Listens on (address, 25); `backend` is a host whose port 25 is behind it."""
        self.backend = backend
        self.random = random.Random(seed)
        self.weights = dict(USUAL if weights is None else weights)
        self.stall_seconds = stall_seconds
        self.lock = threading.Lock()
        self.done = collections.Counter()
        self.closing = threading.Event()
        # Who greylists speaks SMTP itself, and lets nobody in.
        self.greylister = Peer(accepting=False, name="grey.test")
        self.greylister.say("rcpt", "451 4.7.1 greylisted, come back")
        self.listener = socket.create_server((address, 25), backlog=256)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                how = self.random.choices(list(self.weights), list(self.weights.values()))[0]
                cut = self.random.randrange(12000) if how == "reset" else None
                self.done[how] += 1
            threading.Thread(target=self.serve, args=(conn, how, cut), daemon=True).start()

    def serve(self, conn, how, cut):
        try:
            if how in ("pass", "reset"):
                self.splice(conn, cut)
            elif how == "greylist":
                Session(self.greylister, conn, 0).run()
            elif how == "busy":
                conn.sendall(b"421 4.3.2 too busy\r\n")
            elif how == "stall":
                self.closing.wait(self.stall_seconds)
            elif how == "refuse":
                self.cut_off(conn)
        except OSError:
            pass
        finally:
            conn.close()

    @staticmethod
    def cut_off(*ends):
        for end in ends:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def splice(self, client, cut):
        """Both ways; RST to both once `cut` bytes passed (None: never), in whichever direction."""
        server = socket.create_connection((self.backend, 25), 30)
        left = [cut]

        def pump(source, sink):
            try:
                while data := source.recv(16384):
                    with self.lock:
                        room = left[0]
                        if room is not None:
                            left[0] -= len(data)
                    if room is not None and room < len(data):
                        sink.sendall(data[: max(room, 0)])
                        self.cut_off(client, server)
                        return
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                self.cut_off(client, server)

        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join(120)
        server.close()

    def close(self):
        self.closing.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.greylister.close()
