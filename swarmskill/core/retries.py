"""How often a task may fail for which reason, and what it then ended as."""

from __future__ import annotations

from typing import Final

from swarmskill.model import CheckKind, Outcome, Task

LOST: Final = "lost"
CONFLICT: Final = "conflict"
SPAWN: Final = "spawn"

_CAPS: Final = {
    CheckKind.TESTS: 3,
    CheckKind.COMMAND: 3,
    CheckKind.TIMEOUT: 1,
    CheckKind.ISOLATION: 0,
    CONFLICT: 1,
    LOST: 5,
}
_CAP: Final = 2

_OUTCOMES: Final = {
    CheckKind.EXIT: Outcome.FAILED,
    SPAWN: Outcome.FAILED,
    CheckKind.TIMEOUT: Outcome.TIMED_OUT,
    LOST: Outcome.LOST,
    CONFLICT: Outcome.CONFLICTED,
}

_BLAMELESS: Final = frozenset({LOST, CONFLICT})
"""Not the worker's fault, so `--max-retries` neither counts nor limits them."""


def may_retry(task: Task, run_cap: int | None, counts: dict[str, int], kind: str) -> bool:
    """Whether a task that failed once more for `kind` gets another attempt.

    `counts` are the failures before this one. A cap of the task or of the run replaces the caps
    per kind with one over all kinds; what is never tried again stays so.
    """
    if _CAPS.get(kind, _CAP) == 0:
        return False
    cap = task.max_retries if task.max_retries is not None else run_cap
    if cap is None or kind in _BLAMELESS:
        return counts.get(kind, 0) < _CAPS.get(kind, _CAP)
    return sum(count for other, count in counts.items() if other not in _BLAMELESS) < cap


def outcome_of(kind: str) -> Outcome:
    """What a task ends as when its last attempt failed for `kind`."""
    return _OUTCOMES.get(kind, Outcome.REJECTED)
