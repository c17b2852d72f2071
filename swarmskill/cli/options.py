"""Options and arguments that several verbs share, and how they find the run that is meant."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from swarmskill.core.events import Event
from swarmskill.core.state import State
from swarmskill.errors import UsageError
from swarmskill.places import RunFolder, find_run

RunArgument = Annotated[str, typer.Argument(metavar="[RUN]", help="Run id or a part of it; the newest by default.")]
TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="Task id.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@dataclass(frozen=True, slots=True)
class Recalled:
    """A run as its ledger tells it. `held` when a mayor is at work on it."""

    folder: RunFolder
    top: Path
    events: tuple[Event, ...]
    state: State
    held: bool


def chosen_run(wanted: str) -> tuple[RunFolder, Path]:
    """The run that the words mean, and the top folder of the checkout. Raises Refused."""
    from swarmskill.repo.locate import locate

    located = locate(Path.cwd())
    return find_run(located.common_dir, wanted), located.top


def recall(wanted: str) -> Recalled:
    """Read a run's ledger. Raises Refused or LedgerDamaged."""
    folder, top = chosen_run(wanted)
    return recall_folder(folder, top)


def recall_folder(folder: RunFolder, top: Path) -> Recalled:
    """Read the ledger in a run's folder. Raises Refused or LedgerDamaged."""
    from swarmskill.core.transitions import fold
    from swarmskill.ledger import read_holder, read_ledger

    held = read_holder(folder) is not None
    events = read_ledger(folder.ledger).events
    return Recalled(folder, top, events, fold(events), held)


def check_task(state: State, task_id: str) -> None:
    """Raise UsageError, with the nearest ids, if the run has no such task."""
    if task_id in state.tasks:
        return
    import difflib

    nearest = difflib.get_close_matches(task_id, list(state.tasks), n=3) or sorted(state.tasks)[:5]
    raise UsageError(f"run {state.run_id} has no task {task_id!r}", hint="there are: " + ", ".join(nearest))


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    from swarmskill.codec import dump_json

    print(dump_json(document))


def print_text(text: str) -> None:
    """Text on standard output, whatever its encoding can show."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding).rstrip("\n"))
