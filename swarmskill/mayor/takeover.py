"""Before a mayor acts: what an earlier one of the same run left at work is waited for, or ended.

Its workers are not meant, they are adopted. But a git that was killed half-way, or outlived its
mayor, and a check that ignores TERM would meet what the new mayor does in the same places.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress

from swarmskill.backends.process import ProcessBackend
from swarmskill.core.state import State
from swarmskill.errors import Refused
from swarmskill.mayor.commands import is_command
from swarmskill.model import Phase
from swarmskill.places import RunFolder, branch_ref
from swarmskill.repo.integrate import find_integrated
from swarmskill.repo.repository import Repository

_GIT_LIMIT = 20.0
"""Seconds. A daemon that some git started (a cache of credentials) may hold the leash for ever."""

_LOCK_LIMIT = 4.0
_COMMAND_LIMIT = 15.0
_LOOK_AGAIN = 0.02


@contextmanager
def leash(folder: RunFolder) -> Iterator[int]:
    """A locked file for all gits of this mayor to inherit; first the gits of an earlier one are waited for."""
    file = os.open(folder.leash, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _await(lambda: _lock(file), _GIT_LIMIT)
        yield file
    finally:
        os.close(file)


def clear_locks(repository: Repository, run_id: str) -> None:
    """Remove the locks on this run's refs that a killed git left; young ones may be in use and are waited for."""

    def free() -> bool:
        repository.clear_stale_locks(run_id)
        return not repository.ref_locks(run_id)

    _await(free, _LOCK_LIMIT)


def refuse_unexplained(repository: Repository, state: State) -> None:
    """Raise Refused if the run branch has work that the ledger cannot have known of.

    What an earlier mayor integrated without living to record it is still integrating in the ledger. Anything
    else there means that the ledger lost lines, and to go on would do the same tasks twice.
    """
    found = reversed(find_integrated(repository, state.run_id, state.head))
    strange = [task for task, attempt in found if not _is_integrating(state, task, attempt)]
    if strange:
        branch = branch_ref(state.run_id)
        raise Refused(
            f"{branch} has work that the ledger does not know: {', '.join(strange)}. Lines of the ledger are lost",
            hint=f"keep it: git branch swarm-found {branch}; do it again: git update-ref {branch} {state.head},"
            " then: swarm resume",
        )


def _is_integrating(state: State, task_id: str, attempt: int) -> bool:
    task = state.tasks.get(task_id)
    return task is not None and task.phase is Phase.INTEGRATING and task.attempt == attempt


def end_commands(backend: ProcessBackend) -> None:
    """End the checks of an earlier mayor; the keeper has only asked them to end, and gives them time."""
    left = {name: started for name, started in backend.running().items() if is_command(name)}
    ends = [backend.end(name, started) for name, started in left.items()]
    for name in left:
        backend.kill(name, force=True)
    wait(ends, timeout=_COMMAND_LIMIT)


def _lock(file: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _await(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(_LOOK_AGAIN)
