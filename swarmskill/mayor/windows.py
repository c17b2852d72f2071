"""The tmux windows of a run's workers: which run has them, and which of them are of no use any more."""

from __future__ import annotations

from swarmskill.backends.tmux import TmuxBackend
from swarmskill.core.state import State
from swarmskill.model import TMUX, Outcome, RunConfig
from swarmskill.places import RunFolder, attempt_key


def tmux_of(folder: RunFolder, config: RunConfig) -> list[TmuxBackend]:
    """The backend of a run whose workers are in windows, not opened yet; none for any other run."""
    return [TmuxBackend(folder.windows)] if config.backend == TMUX else []


def spent_windows(state: State, task_id: str) -> list[str]:
    """Names of the jobs of a completed task. Those of any other are kept, to be looked at."""
    task = state.tasks[task_id]
    if state.config.keep_sessions or task.outcome is not Outcome.COMPLETED:
        return []
    return [attempt_key(task_id, attempt) for attempt in range(1, task.attempt + 1)]
