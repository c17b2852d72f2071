"""The last words of `swarm run`: how it ended, where the work is, what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from swarmskill.core.state import State
from swarmskill.model import Outcome
from swarmskill.places import RunFolder
from swarmskill.views import commands
from swarmskill.views.marks import PLAIN, Look, duration, short
from swarmskill.views.outcome import Status, counts, counts_text, run_outcome, run_seconds, task_status
from swarmskill.views.run_json import ordered

_MOST = 5


def ending_text(state: State, folder: RunFolder, now: float, *, look: Look = PLAIN) -> str:
    """A few lines for the end of a run, with commands that are ready to paste."""
    return "\n".join((*_outcome(state, now), *_branches(state), *_failed(state, look), *_next(state, folder))) + "\n"


def _outcome(state: State, now: float) -> Iterator[str]:
    took = duration(run_seconds(state, now))
    yield f"run {state.run_id} {run_outcome(state).value} in {took}: {counts_text(counts(state))}"


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


def _failed(state: State, look: Look) -> Iterator[str]:
    ended = [task_id for task_id in ordered(state) if task_status(state.tasks[task_id]) is Status.ENDED]
    own = [i for i in ended if state.tasks[i].outcome not in (Outcome.SKIPPED, Outcome.CANCELLED)]
    for task_id in own[:_MOST]:
        task = state.tasks[task_id]
        yield look.fit(f"{task_id} {task.outcome}: {task.detail}", look.width or 200) + f"  # {commands.why(task_id)}"
    if len(own) > _MOST:
        yield f"... and {len(own) - _MOST} more: {commands.on_run('status', state.run_id)}"


def _next(state: State, folder: RunFolder) -> Iterator[str]:
    if state.open:
        yield f"go on: {commands.go_on(state)}"
    yield f"report: {folder.report}"
