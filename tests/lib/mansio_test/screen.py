"""A program on a terminal of its own, and what stands on its screen. Knows the few control
sequences that ours uses and fails on any other, so that a new one is noticed."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

SEQUENCE = re.compile(rb"\x1b\[(\??)([0-9;]*)([A-Za-z])")


class Screen:
    """@words run on a terminal of so many columns and rows."""

    def __init__(self, words, columns=80, rows=24):
        self.columns, self.rows = columns, rows
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(words[0], words)
        self.pending, self.raw = b"", b""
        self.resize(columns, rows)
        self.is_alternate, self.has_cursor = False, True
        self.status = None
        self.is_resized = False
        self.clear()

    def clear(self):
        self.lines = [""] * self.rows
        self.row = self.column = 0

    def resize(self, columns, rows):
        """What was drawn for the size before may be on its way still: see fits()."""
        self.columns, self.rows = columns, rows
        self.is_resized = True
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.clear()

    def send(self, keys):
        os.write(self.fd, keys)

    def kill(self, number):
        os.kill(self.pid, number)

    def has_echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    # ---- what comes

    def _put(self, text):
        for character in text:
            if character == "\r":
                self.column = 0
            elif character == "\n":
                self.row += 1
            else:
                assert character.isprintable(), f"{character!r} on the screen"
                # Ordinary output may wrap and scroll; what owns the screen knows its size.
                if not self.is_alternate:
                    continue
                if self.is_resized and (self.row >= self.rows or self.column >= self.columns):
                    continue
                assert self.row < self.rows, f"line {self.row} of {self.rows}: {text!r}"
                assert self.column < self.columns, f"column {self.column}: {text!r}"
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
                self.column += 1

    def _obey(self, private, argument, letter):
        if private:
            assert (argument, letter) in {
                (b"1049", b"h"), (b"1049", b"l"), (b"25", b"h"), (b"25", b"l"),
            }, (private, argument, letter)  # fmt: skip
            if argument == b"1049":
                self.is_alternate = letter == b"h"
            else:
                self.has_cursor = letter == b"h"
        elif (argument, letter) == (b"", b"H"):
            self.row = self.column = 0
        elif letter in b"KJ" and self.is_resized and self.row >= self.rows:
            pass
        elif (argument, letter) == (b"", b"K"):
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif (argument, letter) == (b"", b"J"):
            self.lines[self.row] = self.lines[self.row][: self.column]
            self.lines[self.row + 1 :] = [""] * (self.rows - self.row - 1)
        elif (argument, letter) == (b"2", b"J"):
            self.lines = [""] * self.rows
        else:
            raise AssertionError(f"the sequence {argument + letter!r}")

    def _take(self, data):
        self.raw += data
        data = self.pending + data
        while data:
            if data[0] != 0x1B:
                text, escape, rest = data.partition(b"\x1b")
                self._put(text.decode())
                data = escape + rest
                continue
            found = SEQUENCE.match(data)
            if not found:
                assert len(data) < 16, f"no sequence: {data[:16]!r}"
                break
            self._obey(*found.groups())
            data = data[found.end() :]
        self.pending = data

    def read(self, seconds):
        """Take what comes within a while; False once the program has ended."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return True
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # EIO: the other side is closed
                data = b""
            if not data:
                return False
            self._take(data)
        return True

    def until(self, condition, seconds=60):
        """Read until @condition() holds; the screen's lines."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "\n".join(self.lines)
            if not self.read(0.1) and not condition():
                raise AssertionError(f"it ended: {self.raw[-400:]!r}")
        return self.lines

    def fits(self):
        """Two pictures from now on: whatever came before has been read with the first of them, so the
        second is of this size, or it is an error."""
        for self.is_resized in (True, False):
            seen = self.raw.count(b"\x1b[H")
            self.until(lambda seen=seen: self.raw.count(b"\x1b[H") > seen)

    def ended(self, seconds=60):
        """Its exit status as waitpid() has it, once it has ended."""
        end = time.monotonic() + seconds
        while self.status is None:
            assert time.monotonic() < end, "it doesn't end"
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
