"""The live tree on a terminal."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from swarmskill.core.events import Event
from swarmskill.core.state import EMPTY, State
from swarmskill.model import Outcome
from swarmskill.views.base import LIVE_FRAME, Progresses
from swarmskill.views.board import Board
from swarmskill.views.marks import Look, Stream, clock
from swarmskill.views.plain import change_lines, format_line
from swarmskill.views.screen import Screen

FRAME = 0.12
"""Seconds between two frames at least."""

_LASTING = frozenset(
    {"retry", "halted", "stopping", "reopened", "resumed", "landed", "unlanded", "limits", "shut", "summary"}
)
_LASTING_OUTCOMES = frozenset(Outcome) - {Outcome.COMPLETED, Outcome.SKIPPED, Outcome.CANCELLED}
_ROOM_FOR_FOOTER = 10
"""Lines of a terminal that is high enough for it."""


class LiveView:
    """Draws the tree at most 8 times a second, and below it the `footer`, which tells what keys do."""

    frame = LIVE_FRAME

    def __init__(
        self, stream: Stream, look: Look, *, size: Callable[[], tuple[int, int]] | None = None, footer: str = ""
    ) -> None:
        self._look = look
        self._screen = Screen(stream, look, size)
        self._board = Board(look)
        self._footer = footer
        self._above: list[Text] = []
        self._next_frame = 0.0
        self._tallest = 0
        self._shape = (0, 0)

    def start(self, state: State = EMPTY) -> None:
        """Begin; `state` is what is known already."""
        self._board.follow(state)
        self._screen.open()

    def saw(self, event: Event, state: State) -> None:
        """Count what changed; what went wrong stays on the terminal as a line above the tree."""
        before = self._board.state
        for word, rest in change_lines(before, event, state):
            if word in _LASTING or word in _LASTING_OUTCOMES:
                text = f"{clock(event.at)} {format_line((word, rest), self._look)}"
                self._above.append(Text(text, "" if word not in _LASTING_OUTCOMES else "red"))
        self._board.follow(state)

    def update(self, state: State, progress: Progresses, now: float) -> None:
        """Draw a frame, unless the last one is too young."""
        self._board.update(state, progress, now)
        if now < self._next_frame and self._next_frame - now <= FRAME:
            return
        self._next_frame = now + FRAME
        self._draw()

    def note(self, line: str) -> None:
        """Show a line that stays, above the tree."""
        self._above.append(Text(self._look.clean(line)))
        if self._board.now:
            self._draw()

    def stop(self) -> None:
        """Leave the head of the tree as the last word, and the cursor below it."""
        if self._board.state.run_id:
            self._screen.draw(self._board.head(self._screen.size[0]), self._take_above())
        self._screen.close()

    def _draw(self) -> None:
        self._screen.draw(self.lines(), self._take_above())

    def _take_above(self) -> list[Text]:
        above, self._above = self._above, []
        return above

    def lines(self) -> list[Text]:
        """The lines of the tree, none wider than the terminal and all together lower than it."""
        width, height = self._screen.size
        if (width, height) != self._shape:
            self._shape, self._tallest = (width, height), 0
        footer = self._footer_lines(width) if height >= _ROOM_FOR_FOOTER else []
        lines = [row.text for row in self._board.rows(width, height - 1 - len(footer))]
        # the tree never gets lower, or the text above it would jump whenever a worker ends
        self._tallest = max(self._tallest, len(lines))
        return lines + [Text()] * (self._tallest - len(lines)) + footer

    def _footer_lines(self, width: int) -> list[Text]:
        if not self._footer:
            return []
        return [Text(self._look.fit(self._footer, width - 1), "dim")]
