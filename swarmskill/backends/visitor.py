"""The keeper's end of one connection. Imported by the keeper: standard library only."""

from __future__ import annotations

import selectors
import socket
import sys
from collections.abc import Callable

from swarmskill.backends.wire import Lines, Message, encode

_READ_SIZE = 1 << 18


class Visitor:
    """Calls `answer` for each message, and `gone` once when the other side hangs up or talks nonsense.

    What is said waits for `flush`, so that the keeper can write its journal first.
    """

    __slots__ = ("_answer", "_gone", "_lines", "_out", "_selector", "_socket", "_writing")

    def __init__(
        self,
        connection: socket.socket,
        selector: selectors.BaseSelector,
        answer: Callable[[Visitor, Message], None],
        gone: Callable[[Visitor], None],
    ) -> None:
        self._socket = connection
        self._selector = selector
        self._answer = answer
        self._gone = gone
        self._lines = Lines()
        self._out = b""
        self._writing = False
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, self._ready)

    def say(self, message: Message) -> None:
        """Put a message into the queue."""
        self._out += encode(message)

    def flush(self) -> None:
        """Send what the other side takes now, and the rest when it takes more."""
        if not self._out or self._socket.fileno() < 0:
            return
        try:
            self._out = self._out[self._socket.send(self._out) :]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()
            return
        if bool(self._out) != self._writing:
            self._writing = bool(self._out)
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._writing else 0)
            self._selector.modify(self._socket, events, self._ready)

    def close(self) -> None:
        """End the connection; `gone` is not called."""
        if self._socket.fileno() >= 0:
            self._selector.unregister(self._socket)
            self._socket.close()

    def _ready(self, events: int) -> None:
        # Room to write needs nothing here: every turn of the keeper ends with a flush.
        if events & selectors.EVENT_READ and self._socket.fileno() >= 0:
            self._read()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        try:
            for message in self._lines.feed(data):
                self._answer(self, message)
        except (KeyError, TypeError, ValueError) as error:
            print(f"a visitor said what makes no sense: {error!r}", file=sys.stderr, flush=True)
            self._hang_up()

    def _hang_up(self) -> None:
        self.close()
        self._gone(self)
