"""A block of lines at the bottom of a terminal that is drawn again and again, with the past above it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from swarmskill.views.marks import Look, Stream

if TYPE_CHECKING:
    from rich.text import Text

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_CLEAR_LINE, _CLEAR_BELOW = "\x1b[2K", "\x1b[J"


def terminal_size(stream: Stream) -> tuple[int, int]:
    """Columns and lines of the terminal that the stream is, else 80 and 24."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24


class Screen:
    """Draws the block. One frame is one write, so that it never shows half.

    Rich's own Live loses its place when the terminal gets narrower, because the lines drawn before
    wrap then; here their number is worked out anew for the width of now.
    """

    def __init__(self, stream: Stream, look: Look, size: Callable[[], tuple[int, int]] | None = None) -> None:
        from rich.console import Console

        self._stream = stream
        self._size = size or (lambda: terminal_size(stream))
        self._console = Console(width=80, height=24, legacy_windows=False)  # only knows the names of styles
        self._look = look
        self._drawn: list[int] = []
        self._last = ""
        self._alive = True

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return self._size()

    def open(self) -> None:
        """Begin to draw."""
        self._write(_HIDE)

    def draw(self, lines: Sequence[Text], above: Sequence[Text] = ()) -> None:
        """Replace the block by `lines`; lines `above` stay for good."""
        for line in lines:
            line.rstrip()
        widths = [line.cell_len for line in lines]
        text = "".join(self._line(line) for line in lines)
        if text == self._last and not above:
            return
        past = "".join(self._line(line) for line in above)
        room = _CLEAR_BELOW if above else ""  # a long line above wraps onto what was drawn
        self._write(f"{_BEGIN}{self._back()}{room}{past}{text}{_CLEAR_BELOW}{_END}")
        self._drawn, self._last = widths, text

    def close(self) -> None:
        """Leave the block as it is and let others write below it."""
        self._write(_SHOW)
        self._drawn, self._last = [], ""

    def _line(self, line: Text) -> str:
        if self._look.colour:
            parts = line.render(self._console)
            text = "".join(part.style.render(part.text) if part.style else part.text for part in parts)
        else:
            text = line.plain
        return f"{_CLEAR_LINE}{text}\n"

    def _back(self) -> str:
        """The way to the first line of the block as the terminal shows it by now."""
        width, height = self._size()
        rows = sum(max(1, -(-drawn // width)) for drawn in self._drawn)
        return f"\x1b[{min(rows, height - 1)}A\r" if rows else "\r"

    def _write(self, text: str) -> None:
        if not self._alive:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._alive = False  # the terminal is gone; the run goes on without it
