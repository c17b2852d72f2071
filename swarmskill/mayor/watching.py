"""Lets a view see a run: gives it frames, and what the agents print."""

from __future__ import annotations

import time
from collections.abc import Iterator

from swarmskill.agents.registry import find_agent
from swarmskill.core.events import Event
from swarmskill.core.graph import bits
from swarmskill.core.state import State
from swarmskill.places import RunFolder, attempt_key
from swarmskill.views.base import Progress, View
from swarmskill.views.follow import last_lines

_FRAME = 0.125
_LINES = 20


class Watching:
    """The mayor's watcher. A `live` view is redrawn while nothing happens, too."""

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
        """Draw a frame, if one is due."""
        if not self.live or time.monotonic() - self._drawn < _FRAME:
            return
        self._view.update(state, dict(self._progress(state)), time.time())
        self._drawn = time.monotonic()

    def _progress(self, state: State) -> Iterator[tuple[str, Progress]]:
        for rank in bits(state.busy):
            task = state.graph.tasks[rank]
            agent = find_agent(task.agent or state.config.agent)
            lines = last_lines(self._folder.log(attempt_key(task.id, state.tasks[task.id].attempt)), _LINES)
            actions = (agent.last_action(line) for line in reversed(lines))
            yield task.id, Progress(last_action=next((action for action in actions if action), ""))
