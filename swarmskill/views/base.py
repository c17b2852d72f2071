"""The seam between the mayor and what shows a run while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from swarmskill.core.events import Event
from swarmskill.core.state import EMPTY, State
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """What an agent's own output tells of a task just now."""

    last_action: str = ""
    below: tuple[str, ...] = ()
    """A line for each run that the worker started."""


Progresses = Mapping[str, Progress]
"""Progress by task id. Tasks may be missing, and all may be."""


LIVE_FRAME = 0.125
PLAIN_FRAME = 60.0
"""Plain lines are written at once; the frame lets their view give a sign of life."""


class View(Protocol):
    """Shows a run as it goes. No method raises because of the terminal: a view that cannot write goes silent.

    The caller calls `saw` after each event and `update` every `frame` seconds.
    """

    frame: float

    def start(self, state: State = EMPTY) -> None:
        """Begin; `state` is what is known already, for a run that is taken up again."""

    def saw(self, event: Event, state: State) -> None:
        """An event led to `state`."""

    def update(self, state: State, progress: Progresses, now: float) -> None:
        """Time has passed; `now` is in seconds since the epoch."""

    def note(self, line: str) -> None:
        """Show a line that stays."""

    def stop(self) -> None:
        """Show no more, and leave the terminal as it was."""


class SilentView:
    """Shows nothing."""

    frame = PLAIN_FRAME

    def start(self, state: State = EMPTY) -> None:
        """Nothing."""

    def saw(self, event: Event, state: State) -> None:
        """Nothing."""

    def update(self, state: State, progress: Progresses, now: float) -> None:
        """Nothing."""

    def note(self, line: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""
