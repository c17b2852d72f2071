"""Lets a view see a run: throttles its frames and reads what the agents print."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from swarmskill.agents.registry import find_agent
from swarmskill.core.events import Event
from swarmskill.core.graph import bits
from swarmskill.core.state import State
from swarmskill.places import RunFolder, attempt_key
from swarmskill.views.base import Progress, View

_FRAME = 0.125
_LOOK_BACK = 4096


class Watching:
    """The mayor's watcher. `live` views are redrawn several times a second."""

    def __init__(self, view: View, folder: RunFolder, *, live: bool) -> None:
        self.live = live
        self._view = view
        self._folder = folder
        self._drawn = 0.0

    def event(self, event: Event, state: State) -> None:
        """Show an event."""
        self._view.saw(event, state)

    def say(self, line: str) -> None:
        """Show a line that stays."""
        self._view.note(line)

    def tick(self, state: State) -> None:
        """Redraw, if a frame is due."""
        if not self.live or time.monotonic() - self._drawn < _FRAME:
            return
        self._view.update(state, dict(self._progress(state)), time.time())
        self._drawn = time.monotonic()

    def _progress(self, state: State) -> Iterator[tuple[str, Progress]]:
        for rank in bits(state.busy):
            task = state.graph.tasks[rank]
            agent = find_agent(task.agent or state.config.agent)
            key = attempt_key(task.id, state.tasks[task.id].attempt)
            actions = (agent.last_action(line) for line in _last_lines(self._folder.log(key)))
            yield task.id, Progress(last_action=next((action for action in actions if action), ""))


def _last_lines(log: Path) -> list[str]:
    """The last lines of a growing file, newest first; a line that is not whole yet is left out."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOOK_BACK))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return []
    return lines[-2::-1]
