"""How often a task may fail for which reason, and what it then ended as."""

from __future__ import annotations

from typing import Final

from swarmskill.model import CheckKind, OnFailure, Outcome, Task, Trouble

LOST: Final = "lost"
CONFLICT: Final = "conflict"
SPAWN: Final = "spawn"
PAUSED: Final = "paused"
"""No failure: the attempt was broken off by us, or by a limit of the agent's service."""

_CAPS: Final[dict[str, int]] = {
    CheckKind.TESTS: 3,
    CheckKind.COMMAND: 3,
    CheckKind.TIMEOUT: 1,
    CheckKind.ISOLATION: 0,
    Trouble.BUDGET: 0,
    Trouble.TURNS: 1,
    Trouble.REFUSED: 1,
    CONFLICT: 1,
    LOST: 5,
}
_CAP: Final = 2

_OUTCOMES: Final[dict[str, Outcome]] = {
    CheckKind.EXIT: Outcome.FAILED,
    CheckKind.MEMORY: Outcome.FAILED,
    SPAWN: Outcome.FAILED,
    CheckKind.TIMEOUT: Outcome.TIMED_OUT,
    CheckKind.STALLED: Outcome.TIMED_OUT,
    **dict.fromkeys(Trouble, Outcome.FAILED),
    LOST: Outcome.LOST,
    CONFLICT: Outcome.CONFLICTED,
}

CONTINUED: Final = frozenset(
    {
        PAUSED,
        CheckKind.FILES_EXIST,
        CheckKind.CONTENT_CHECK,
        CheckKind.LINT,
        CheckKind.TESTS,
        CheckKind.COMMAND,
        CheckKind.CUSTOM,
        CheckKind.TIMEOUT,
        CheckKind.STALLED,
        CheckKind.CLAIM,
        CheckKind.EMPTY,
        CheckKind.SCOPE,
        CheckKind.MARKERS,
        CheckKind.SIZE,
        CheckKind.SECRETS,
        Trouble.TURNS,
        Trouble.DENIED,
        Trouble.CONTEXT_FULL,
    }
)
"""After these an agent that can goes on in the same worktree and conversation: what it did is there, and it
knows why. Not where that would repeat what failed, nor where the next attempt needs a new base."""

_LONGEST: Final = 300.0
"""Seconds to which a delay grows; a longer one that somebody asked for stays as it is."""

_MOST_DOUBLINGS: Final = 40

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


def delay_of(task: Task, run_delay: float, failures: int) -> float:
    """Seconds before a task that failed `failures` times is tried again: twice as long each time.

    Five minutes at most, or what was asked for if that is more.
    """
    first = task.retry_delay if task.retry_delay is not None else run_delay
    return min(first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), max(first, _LONGEST))


def on_failure_of(task: Task, of_run: OnFailure) -> OnFailure:
    """What the run, whose own policy is `of_run`, does when this task ends without being completed."""
    return task.on_failure if task.on_failure is not None else of_run


def outcome_of(kind: str) -> Outcome:
    """What a task ends as when its last attempt failed for `kind`."""
    return _OUTCOMES.get(kind, Outcome.REJECTED)
