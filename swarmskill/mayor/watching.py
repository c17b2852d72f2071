"""Lets a view see a run: gives it frames, and what the agents print."""

from __future__ import annotations

import time

from swarmskill.core.events import Event, WorkerExited, WorkerReported, WorkerStarted
from swarmskill.core.state import State
from swarmskill.mayor.accounts import Accounts
from swarmskill.places import RunFolder
from swarmskill.views.base import LIVE_FRAME, Progresses, View
from swarmskill.views.nested import Nested
from swarmskill.views.spending import budget_warnings


class Watching:
    """The mayor's watcher; gives the view its frames."""

    def __init__(self, view: View) -> None:
        self.frame = view.frame
        self.accounts: Accounts | None = None
        """Where to ask what each worker is doing."""
        self.nested: Nested | None = None
        """Where to ask what runs the workers started; only a tree has a place for them."""
        self._view = view
        self._drawn = 0.0
        self._warned: set[str] = set()

    def look_below(self, folder: RunFolder) -> None:
        """Have the view show the runs that workers of this one start, if it is a tree."""
        if self.frame <= LIVE_FRAME:
            self.nested = Nested(folder)

    def event(self, event: Event, state: State) -> None:
        """Show an event, and once each what its worktree could not be given and which budget is nearly used up."""
        self._view.saw(event, state)
        if isinstance(event, WorkerStarted):
            for warning in event.warnings:
                self._warn(warning, warning)
        if isinstance(event, WorkerReported | WorkerExited):
            for key, warning in budget_warnings(state, event.task, self._model(event)):
                self._warn(key, warning)

    def say(self, line: str) -> None:
        """Show a line that stays."""
        self._view.note(line)

    def tick(self, state: State) -> None:
        """Draw a frame, if one is due."""
        if time.monotonic() - self._drawn < self.frame:
            return
        progress: Progresses = self.accounts.progress() if self.accounts else {}
        if self.nested is not None:
            progress = self.nested.add_to(progress)
        self._view.update(state, progress, time.time())
        self._drawn = time.monotonic()

    def _model(self, event: WorkerReported | WorkerExited) -> str:
        """The model that the worker's agent told, "" if it told none."""
        if isinstance(event, WorkerExited):
            return event.end.report.model
        return self.accounts.model(event.task) if self.accounts else ""

    def _warn(self, key: str, warning: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            self._view.note(f"warning: {warning}")
