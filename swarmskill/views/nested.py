"""What the live tree tells of runs that workers started: looked up beside, for it takes its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace

from swarmskill.lineage import read_family
from swarmskill.places import RunFolder
from swarmskill.views.base import Progress, Progresses
from swarmskill.views.kinship import Family
from swarmskill.views.marks import cost_text, count, elapsed
from swarmskill.views.outcome import RunOutcome, counts, run_outcome, run_seconds

_LOOK = 2.0
"""Seconds from the end of one look to the next."""


class Nested:
    """Adds the child runs to what the workers are doing. A look in the background follows each call that is due."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._found: Mapping[str, tuple[str, ...]] = {}
        self._thread: threading.Thread | None = None
        self._looked = float("-inf")

    def add_to(self, progress: Progresses) -> Progresses:
        """The same with a line for each child run of a worker's task, as of the last look. Never waits."""
        working = self._thread is not None and self._thread.is_alive()
        if not working and time.monotonic() - self._looked >= _LOOK:
            self._looked = time.monotonic()
            self._thread = threading.Thread(target=self._look, name="nested", daemon=True)
            self._thread.start()
        if not self._found:
            return progress
        found = self._found
        more = {task: replace(progress.get(task, Progress()), below=lines) for task, lines in found.items()}
        return {**progress, **more}

    def _look(self) -> None:
        self._found = nested_lines(Family.of(read_family(self._folder)), time.time())
        self._looked = time.monotonic()


def nested_lines(family: Family, now: float) -> dict[str, tuple[str, ...]]:
    """A line for each run that is not over, by the task of the family's top run from which it comes."""
    found: dict[str, list[str]] = {}
    for one in family.relatives[1:]:
        if one.held and not one.trouble:
            done = f"{counts(one.state)['completed']} of {count(len(one.state.tasks), 'task')}"
            workers = count(one.state.busy.bit_count(), "worker")
            outcome = run_outcome(one.state)
            word = "" if outcome is RunOutcome.RUNNING else outcome.value
            parts = [word, done, workers, elapsed(run_seconds(one.state, now)), cost_text(family.usage(one))]
            line = f"{'  ' * (one.kin.level - 1)}run {one.folder.run_id}  {', '.join(filter(None, parts))}"
            found.setdefault(family.tops_task(one), []).append(line)
    return {task: tuple(lines) for task, lines in found.items()}
