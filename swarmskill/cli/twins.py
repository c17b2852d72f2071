"""Other runs of the same list that are at work now: said, not refused, for two may be wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from swarmskill.core.events import RunStarted
from swarmskill.ledger import read_first, read_holder
from swarmskill.model import Task
from swarmskill.places import RunFolder, run_ids, runs_folder


def find_twins(common_dir: Path, tasks: Sequence[Task]) -> Iterator[str]:
    """Ids of the runs of this repository that a mayor holds, and whose tasks have the same ids and subjects."""
    for run_id in run_ids(common_dir):
        folder = RunFolder(runs_folder(common_dir) / run_id)
        if read_holder(folder) is None:
            continue
        first = read_first(folder.ledger)
        if isinstance(first, RunStarted) and _names(first.tasks) == _names(tasks):
            yield run_id


def _names(tasks: Sequence[Task]) -> list[tuple[str, str]]:
    return [(task.id, task.subject) for task in tasks]
