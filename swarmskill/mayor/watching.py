"""Lets a view see a run: gives it frames, and what the agents print."""

from __future__ import annotations

import time
from collections.abc import Iterator

from swarmskill.agents.registry import find_agent
from swarmskill.core.events import Event, WorkerStarted
from swarmskill.core.graph import bits
from swarmskill.core.state import State
from swarmskill.places import RunFolder, attempt_key
from swarmskill.views.base import Progress, View
from swarmskill.views.follow import last_lines

_LINES = 20


class Watching:
    """The mayor's watcher; gives the view its frames."""

    def __init__(self, view: View, folder: RunFolder) -> None:
        self.frame = view.frame
        self._view = view
        self._folder = folder
        self._drawn = 0.0
        self._warned: set[str] = set()

    def event(self, event: Event, state: State) -> None:
        """Show an event, and once each what its worktree could not be given."""
        self._view.saw(event, state)
        if isinstance(event, WorkerStarted):
            for warning in event.warnings:
                if warning not in self._warned:
                    self._warned.add(warning)
                    self._view.note(f"warning: {warning}")

    def say(self, line: str) -> None:
        """Show a line that stays."""
        self._view.note(line)

    def tick(self, state: State) -> None:
        """Draw a frame, if one is due."""
        if time.monotonic() - self._drawn < self.frame:
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
