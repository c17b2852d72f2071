"""The tmux windows of a run's workers: which run has them, and which of them are of no use any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

from swarmskill.backends.orphans import end_orphans, remove_dead_sockets
from swarmskill.backends.tmux import TmuxBackend
from swarmskill.config import TMUX, RunConfig
from swarmskill.core.state import State
from swarmskill.ledger import read_holder
from swarmskill.mayor.cleaning import Cleaned
from swarmskill.model import Outcome
from swarmskill.places import RunFolder, attempt_key


def tmux_of(folder: RunFolder, config: RunConfig) -> list[TmuxBackend]:
    """The backend of a run whose workers are in windows, not opened yet; none for any other run."""
    return [TmuxBackend(folder.windows)] if config.backend == TMUX else []


@contextmanager
def opened_windows(folder: RunFolder, config: RunConfig) -> Iterator[list[TmuxBackend]]:
    """The same, opened for as long as the context lasts. Raises Refused."""
    backends = tmux_of(folder, config)
    with ExitStack() as stack:
        for backend in backends:
            stack.enter_context(closing(backend)).open()
        yield backends


def dismiss_spent(backends: list[TmuxBackend], state: State) -> None:
    """Close the windows of all completed tasks; of a server that has none left nothing stays."""
    for backend in backends:
        backend.dismiss([name for task in state.tasks for name in spent_windows(state, task)])
        backend.server.tidy()


def spent_windows(state: State, task_id: str) -> list[str]:
    """Names of the jobs of a completed task. Those of any other are kept, to be looked at."""
    task = state.tasks[task_id]
    if state.config.keep_sessions or task.outcome is not Outcome.COMPLETED:
        return []
    return [attempt_key(task_id, attempt) for attempt in range(1, task.attempt + 1)]


def end_windows(folder: RunFolder, state: State, cleaned: Cleaned) -> None:
    """Close all windows of a run that nobody drives, unless workers are at work in them."""
    for backend in tmux_of(folder, state.config):
        _end(backend, state.run_id, cleaned)


def end_all_windows(folders: Iterable[RunFolder]) -> Cleaned:
    """The same for each of these runs, and for runs whose repository is gone."""
    cleaned = Cleaned()
    for folder in folders:
        if not folder.windows.is_dir():
            continue
        if read_holder(folder) is not None:
            cleaned.kept[f"tmux windows of {folder.run_id}"] = f"it is at work; swarm stop {folder.run_id}"
        else:
            _end(TmuxBackend(folder.windows), folder.run_id, cleaned, f" of {folder.run_id}")
    for count, words in ((end_orphans(), "tmux servers of lost repositories"), (remove_dead_sockets(), "dead sockets")):
        if count:
            cleaned.removed.append(f"{words}: {count}")
    return cleaned


def _end(backend: TmuxBackend, run_id: str, cleaned: Cleaned, whose: str = "") -> None:
    windows = backend.server.windows()
    if not windows:
        backend.server.tidy()
    elif busy := backend.running():
        cleaned.kept[f"tmux windows{whose}"] = f"workers are at work in them: {len(busy)}; swarm kill {run_id}"
    else:
        backend.server.end()
        cleaned.removed.append(f"tmux windows{whose}: {len(windows)}")
