"""A program on a pseudo-terminal of its own, shown in another terminal for as long as that is there.

The program needs nobody to look: a tmux window that is closed, or a tmux that dies, changes nothing for it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import tty
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from swarmskill.agents.text import one_line

TERMINAL: Final = "SWARM_TERMINAL"
"""The variable by which whoever started us names the terminal to show the program in."""

_SIZE: Final = (50, 200)
_BLOCK: Final = 1 << 16
_MOST_WAITING: Final = 1 << 20
_TAIL: Final = 8192
_FORWARD: Final = re.compile(r"\x1b\[\d*C|[\r\n]+|\x1b\[[\d;]*H")
"""By these a screen that is drawn has its spaces and its lines."""


class Screen:
    """Runs one program. What is typed in the terminal behind the file `shown` is the program's; "" shows it nowhere.

    `typed_at` is when a key came last, by the clock that no one can set. Raises OSError if it cannot be started.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], shown: str) -> None:
        self.typed_at = 0.0
        self.exit_code: int | None = None
        self._shown = _open(shown)
        self._saved = _raw(self._shown)
        self._waiting = b""
        self._tail = b""
        self._size = _SIZE
        self.pid, self._master = pty.fork()
        if not self.pid:
            _become(argv, env)
        os.set_blocking(self._master, False)
        self._fit()

    def turn(self, seconds: float) -> None:
        """Pass on what is said on either side, for so long at most. Learns whether the program has ended."""
        self._fit()
        reading = [file for file in (self._master, self._shown) if file >= 0]
        writing = [self._shown] if self._waiting and self._shown >= 0 else []
        ready, _, _ = select.select(reading, writing, [], seconds if self._master >= 0 else min(seconds, 0.05))
        if self._shown in ready:
            self._hear()
        if self._master in ready:
            self._draw()
        self._flush()
        self._reap()

    def words(self, most: int) -> str:
        """What the screen said last, as far as words can be told from drawing."""
        drawn = _FORWARD.sub(" ", self._tail.decode("utf-8", "replace"))
        return one_line(drawn, _TAIL)[-most:].strip()

    def end(self, grace: float) -> int:
        """End the program: TERM, and KILL after `grace` seconds. Its exit code, 128 + number for a signal."""
        for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            give_up = time.monotonic() + seconds
            if self.exit_code is None:  # nobody but us waits for it, so the pid is still its own
                os.kill(self.pid, number)
            while self.exit_code is None and time.monotonic() < give_up:
                self.turn(0.05)
        return 128 + signal.SIGKILL if self.exit_code is None else self.exit_code

    def close(self) -> None:
        """Give the terminal back as it was."""
        if self._shown >= 0 and self._saved is not None:
            with suppress(termios.error, OSError):
                # Out of whatever modes it was drawn in: cursor, mouse, other screen, bracketed paste.
                os.write(self._shown, b"\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m\r\n")
                termios.tcsetattr(self._shown, termios.TCSANOW, self._saved)
        for file in (self._shown, self._master):
            if file >= 0:
                os.close(file)
        self._shown = self._master = -1

    def _draw(self) -> None:
        try:
            data = os.read(self._master, _BLOCK)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:  # the last of its processes has closed the terminal
                raise
            data = b""
        if not data:
            os.close(self._master)
            self._master = -1
            return
        self._tail = (self._tail + data)[-_TAIL:]
        if self._shown >= 0 and len(self._waiting) < _MOST_WAITING:
            self._waiting += data

    def _hear(self) -> None:
        try:
            typed = os.read(self._shown, _BLOCK)
        except BlockingIOError:
            return
        except OSError:
            typed = b""
        if not typed:
            self._lose()
            return
        self.typed_at = time.monotonic()
        with suppress(OSError):  # full, or over
            os.write(self._master, typed)

    def _flush(self) -> None:
        if self._shown < 0 or not self._waiting:
            return
        try:
            self._waiting = self._waiting[os.write(self._shown, self._waiting) :]
        except BlockingIOError:
            pass
        except OSError:
            self._lose()

    def _lose(self) -> None:
        """The terminal is gone: the program goes on without."""
        os.close(self._shown)
        self._shown, self._waiting = -1, b""

    def _fit(self) -> None:
        """Have the program's terminal as large as the one that shows it."""
        size = self._size
        if self._shown >= 0:
            with suppress(OSError):
                rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(self._shown, termios.TIOCGWINSZ, bytes(8)))
                size = (rows, columns) if rows and columns else size
        if self._master >= 0 and (size != self._size or not self._tail):
            self._size = size
            with suppress(OSError):
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))

    def _reap(self) -> None:
        if self.exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.exit_code = code if code >= 0 else 128 - code


def _open(path: str) -> int:
    if not path:
        return -1
    try:
        return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1


def _raw(file: int) -> list[Any] | None:
    """Have every key passed on as it is; how the terminal was set before."""
    try:
        saved = termios.tcgetattr(file)
        tty.setraw(file, termios.TCSANOW)
    except (termios.error, OSError, ValueError):
        return None
    return saved


def _become(argv: Sequence[str], env: Mapping[str, str]) -> None:
    try:
        os.execvpe(argv[0], list(argv), dict(env))
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\r\n".encode())
    finally:
        os._exit(127)
