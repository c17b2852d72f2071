"""What became of what a worker offered, as mail tells it: taken, or asked for again. Pure, out of the state alone.

Told for a state, not for an event: a mayor that died before it could tell does so when it comes back, and the key makes
that once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from swarmskill.core import retries
from swarmskill.core.state import State, TaskState
from swarmskill.mail.kinds import Kind
from swarmskill.mail.message import MAYOR
from swarmskill.mail.roster import task_address
from swarmskill.model import CheckKind, Outcome, Phase
from swarmskill.records import dataclass

_UNJUDGED: Final = frozenset({CheckKind.EXIT, CheckKind.TIMEOUT, CheckKind.STALLED, CheckKind.MEMORY})
_JUDGED: Final = frozenset(CheckKind) - _UNJUDGED | {retries.CONFLICT}
"""Failures of what was offered, and not of how a worker ended."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One word about an offering of the task. The same `key` is the same word."""

    task: str
    kind: Kind
    to: tuple[str, ...]
    words: str
    key: str


def judgements(state: State, tasks: Iterable[str]) -> Iterator[Judgement]:
    """What is to be told of these tasks by now.

    The worker has ended by then. So that its work was taken is for the thread, which is the mayor's; what has
    to be done again is also for the task, whose next worker gets it.
    """
    for name in tasks:
        task = state.tasks[name]
        if task.outcome is Outcome.COMPLETED and task.commit:
            words = f"Attempt {task.attempt} is on the run branch as {task.commit}."
            yield Judgement(name, Kind.OFFERING_ACCEPTED, (MAYOR,), words, f"accepted {name} {task.commit}")
        elif task.phase is not Phase.ENDED and (judgement := _again(name, task)):
            yield judgement


def _again(name: str, task: TaskState) -> Judgement | None:
    failed = task.feedback
    if failed is None or failed.kind not in _JUDGED:
        return None
    words = f"What was offered was not accepted ({failed.kind}): {failed.detail}\nYour prompt has the whole of it."
    # With each failure one count grows, whatever attempts were broken off between.
    key = f"again {name} {failed.diff} {sum(count for _, count in task.retries)}"
    return Judgement(name, Kind.RETRY_REQUIRED, (task_address(name), MAYOR), words, key)
