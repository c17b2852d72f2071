"""What of a run is worth telling somebody who does not look."""

from __future__ import annotations

from collections.abc import Iterator

from swarmskill.config import Notable
from swarmskill.core.events import Event
from swarmskill.core.gates import CLOSED
from swarmskill.core.state import Stage, State
from swarmskill.model import Outcome, Phase
from swarmskill.records import dataclass
from swarmskill.views.gates import shut_text
from swarmskill.views.outcome import counts, counts_text, run_outcome
from swarmskill.views.reasons import why_ended
from swarmskill.views.spending import budget_warnings

_FAILURES = frozenset({Outcome.FAILED, Outcome.REJECTED, Outcome.CONFLICTED, Outcome.TIMED_OUT, Outcome.LOST})


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: its kind, a sentence, and the task that it is about, if there is one."""

    kind: Notable
    text: str
    task: str = ""


def notices(before: State, event: Event, after: State) -> Iterator[Notice]:
    """What the event, which led from one state to the other, brought about that is worth telling."""
    if after is before:
        return
    task_id = getattr(event, "task", "")
    yield from _ended(before, task_id, after)
    yield from _budget(before, task_id, after)
    for agent in sorted(after.gates):
        gate, was = after.gates[agent], before.gates.get(agent)
        if gate.door in CLOSED and (was is None or was.door is not gate.door):
            yield Notice(Notable.ESCALATION, shut_text(agent, gate))
    if after.stage is Stage.OVER and before.stage is not Stage.OVER:
        why = f" ({after.stop_reason})" if after.stop_reason else ""
        text = f"run {after.run_id} {run_outcome(after, held=False).value}{why}: {counts_text(counts(after))}"
        yield Notice(Notable.FINISH, text)


def _ended(before: State, task_id: str, after: State) -> Iterator[Notice]:
    """The task that the event is about has ended; those that it drags along are told of with it."""
    task, was = after.tasks.get(task_id), before.tasks.get(task_id)
    if task is None or was is None or task.phase is not Phase.ENDED or was.phase is Phase.ENDED:
        return
    subject = after.graph.task(task_id).subject
    if task.outcome is Outcome.BLOCKED:
        yield Notice(Notable.ESCALATION, f'task {task_id} "{subject}" is blocked: {why_ended(task)}', task_id)
    elif task.outcome in _FAILURES:
        text = f'task {task_id} "{subject}" {task.outcome.value.replace("_", " ")}: {why_ended(task)}'
        yield Notice(Notable.FAILURE, text, task_id)


def _budget(before: State, task_id: str, after: State) -> Iterator[Notice]:
    known = {key for key, _ in budget_warnings(before, task_id)} if before.run_id else set()
    for key, warning in budget_warnings(after, task_id):
        if key not in known:
            yield Notice(Notable.BUDGET, warning, task_id if key.startswith("task ") else "")
    if after.exhausted and not before.exhausted:
        yield Notice(Notable.BUDGET, after.stop_reason)
