"""What every verb that looks at a run needs. Without typer: frequent verbs answer before it is imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from swarmskill.errors import UsageError
from swarmskill.places import RunFolder, find_run
from swarmskill.records import dataclass

if TYPE_CHECKING:
    from swarmskill.core.events import Event
    from swarmskill.core.state import State
    from swarmskill.views.kinship import Family
    from swarmskill.views.marks import Look


@dataclass(frozen=True, slots=True)
class Recalled:
    """A run as its ledger tells it. `held` when a mayor is at work on it, `newest` if none came after it."""

    folder: RunFolder
    top: Path
    events: tuple[Event, ...]
    state: State
    held: bool
    newest: bool

    @property
    def hosted(self) -> bool:
        """Whether an assistant runs its workers, so that no mayor has to be at work on it."""
        from swarmskill.backends.host import HOSTED

        return self.state.config.backend in HOSTED

    @property
    def tended(self) -> bool:
        """Whether anybody is at work on it: a mayor, or the assistant that runs its workers."""
        return is_tended(self.folder, self.state, held=self.held)


def is_tended(folder: RunFolder, state: State, *, held: bool) -> bool:
    """Whether anybody is at work on a run; `mayor.assistant` knows, and is asked only where an assistant may be."""
    from swarmskill.backends.host import HOSTED

    if held or state.config.backend not in HOSTED:
        return held
    from swarmskill.mayor import assistant

    return assistant.is_tended(folder, state, held=held)


def recall(wanted: str) -> Recalled:
    """Read the ledger of the run that the words mean. Raises Refused or LedgerDamaged."""
    from swarmskill.core.leftover import without_dead
    from swarmskill.core.transitions import fold
    from swarmskill.ledger import read_holder, read_ledger
    from swarmskill.places import newest_run_id
    from swarmskill.repo.locate import locate

    located = locate(Path.cwd())
    folder = find_run(located.common_dir, wanted)
    held = read_holder(folder) is not None
    events = read_ledger(folder.ledger).events
    newest = newest_run_id(located.common_dir) == folder.run_id
    return Recalled(folder, located.top, events, without_dead(fold(events)), held, newest)


def recall_family(recalled: Recalled) -> Family:
    """The run with all the runs that its workers started, and theirs."""
    from swarmskill.mayor.kindred import family_of

    return family_of(recalled.folder, recalled.events, recalled.state, held=recalled.tended)


def check_task(state: State, task_id: str) -> None:
    """Raise UsageError, with the nearest ids, if the run has no such task."""
    if task_id in state.tasks:
        return
    import difflib

    nearest = difflib.get_close_matches(task_id, list(state.tasks), n=3) or sorted(state.tasks)[:5]
    raise UsageError(f"run {state.run_id} has no task {task_id!r}", hint="there are: " + ", ".join(nearest))


def look_here() -> Look:
    """What standard output can show."""
    from swarmskill.views.marks import look_of

    width = 0
    if sys.stdout.isatty():
        import shutil

        width = shutil.get_terminal_size().columns
    return look_of(sys.stdout, os.environ, width)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    from swarmskill.codec import dump_json

    print_json_line(dump_json(document))


def print_json_line(text: str) -> None:
    """JSON text and a line end on standard output: in UTF-8, whatever the locale."""
    sys.stdout.flush()
    sys.stdout.buffer.write(f"{text}\n".encode())
    sys.stdout.flush()


def print_text(text: str) -> None:
    """Text on standard output, whatever its encoding can show."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.rstrip("\n").encode(encoding, "replace").decode(encoding), flush=True)


def tell(line: str) -> None:
    """A line on standard error. Whoever read it may be gone: that ends nothing, and no more is said there."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def silence(*streams: TextIO) -> None:
    """Let what is still written to these streams, at the exit too, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
