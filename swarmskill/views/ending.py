"""The last words of `swarm run`: how it ended, where the work is, what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from swarmskill.core.state import State
from swarmskill.model import Outcome
from swarmskill.places import RunFolder
from swarmskill.views import commands
from swarmskill.views.marks import PLAIN, Look, duration, short
from swarmskill.views.outcome import Status, counts, counts_text, run_outcome, run_seconds, task_status
from swarmskill.views.reasons import why_ended
from swarmskill.views.remedies import going_on, mending
from swarmskill.views.run_json import ordered
from swarmskill.views.spending import unseen_costs, whole_budget
from swarmskill.views.tracking import tracked_text, tracking_rows

_MOST = 5


def ending_text(state: State, folder: RunFolder, now: float, *, look: Look = PLAIN) -> str:
    """A few lines for the end of a run, with commands that are ready to paste."""
    parts = (
        _outcome(state, now),
        _used(state),
        _branches(state),
        _tracked(state, look),
        _failed(state, look),
        _stopped(state, look),
    )
    return "\n".join([*(line for part in parts for line in part), *_next(state, folder)]) + "\n"


def _outcome(state: State, now: float) -> Iterator[str]:
    took = duration(run_seconds(state, now))
    yield f"run {state.run_id} {run_outcome(state).value} in {took}: {counts_text(counts(state))}"


def _used(state: State) -> Iterator[str]:
    budget = whole_budget(state)
    if budget.usage.tokens:
        yield f"used {budget.text}; by task: {commands.on_run('cost', state.run_id)}"
        yield from unseen_costs(state)


def _branches(state: State) -> Iterator[str]:
    if state.head == state.base:
        yield "no commit was made"
        return
    where = f"{commands.branch_name(state.run_id)} is at {short(state.head)}"
    if state.landed == state.head:
        yield f"{where}, landed on {state.config.branch}"
        return
    because = f" ({state.landing_refused})" if state.landing_refused else ""
    yield f"{where}, not landed{because}; to land: {state.landing_hint or commands.land(state.run_id)}"


def _tracked(state: State, look: Look) -> Iterator[str]:
    """What the tracker made of each task, and what of the list was never to be run."""
    if not state.config.tracker:
        return
    yield f"{tracked_text(state)}:"
    rows = list(tracking_rows(state))
    width = max(len(task_id) for task_id, _, _ in rows)
    for task_id, outcome, said in rows:
        yield look.clean(f"  {task_id:<{width}}  {outcome:<9}  {state.config.tracker}: {said}")
    for line in state.config.left_out:
        yield look.clean(f"  not run: {line}")


def _failed(state: State, look: Look) -> Iterator[str]:
    ended = [task_id for task_id in ordered(state) if task_status(state.tasks[task_id]) is Status.ENDED]
    own = [i for i in ended if state.tasks[i].standing not in (Outcome.SKIPPED, Outcome.CANCELLED)]
    for task_id in own[:_MOST]:
        task = state.tasks[task_id]
        why = why_ended(task) if task.answer else task.detail
        yield look.fit(f"{task_id} {task.standing}: {why}", look.width or 200) + f"  # {commands.why(task_id)}"
    if len(own) > _MOST:
        yield f"... and {len(own) - _MOST} more: {commands.on_run('status', state.run_id)}"


def _stopped(state: State, look: Look) -> Iterator[str]:
    """Why the run was stopped, what its agent says of it, and what has to be done before it can go on."""
    if state.summary:
        yield f"summary: {look.clean(state.summary)}"
    if not state.open:
        return
    if state.stop_reason:
        yield f"stopped: {look.clean(state.stop_reason)}"
    for agent, fix in mending(state):
        yield look.clean(fix if agent in fix else f"{agent}: {fix}")


def _next(state: State, folder: RunFolder) -> Iterator[str]:
    if state.open:
        yield f"go on: {going_on(state)}"
    yield f"report: {folder.report}"
