"""Plain lines for a pipe or a dumb terminal: one line for each change, nothing that moves the cursor."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from swarmskill.answers import Reply
from swarmskill.core import events as ev
from swarmskill.core.gates import CLOSED
from swarmskill.core.graph import bits
from swarmskill.core.state import EMPTY, State, Stop, TaskState
from swarmskill.model import Outcome, Phase
from swarmskill.views.base import PLAIN_FRAME, Progresses
from swarmskill.views.events import event_text
from swarmskill.views.gates import shut_text
from swarmskill.views.marks import Look, Stream, clock, count, duration, elapsed, short, usage_text
from swarmskill.views.outcome import counts, counts_text, task_seconds
from swarmskill.views.reasons import feedback_text, problem_text, why_ended
from swarmskill.views.run_json import agent_name
from swarmskill.views.spending import whole_budget
from swarmskill.views.tracking import answer_text, tracked_verb

SILENCE = 300.0
"""Seconds without a line after which one tells that the run is alive: build servers end silent jobs."""

_MOST = 20
"""Tasks that one event may skip or open again with a line each; the rest are counted."""

Line = tuple[str, str]
"""What happened, in one word, and the rest."""


class PlainView:
    """Writes each change as a line. Goes silent when the reader is gone."""

    frame = PLAIN_FRAME

    def __init__(self, stream: Stream, look: Look) -> None:
        self._stream = stream
        self._look = look
        self._state = EMPTY
        self._last = 0.0
        self._alive = True

    def start(self, state: State = EMPTY) -> None:
        """Begin; of what `state` holds already nothing is told."""
        self._state = state

    def saw(self, event: ev.Event, state: State) -> None:
        """Tell what the event changed."""
        before, self._state = self._state, state
        for line in change_lines(before, event, state):
            self._write(event.at, format_line(line, self._look))

    def update(self, state: State, progress: Progresses, now: float) -> None:
        """Give a sign of life after a long silence."""
        if self._last and now - self._last >= SILENCE:
            self._write(now, format_line(("alive", counts_text(counts(state))), self._look))

    def note(self, line: str) -> None:
        """Write a line as it is."""
        self._put(self._look.clean(line))

    def stop(self) -> None:
        """Nothing is left to do: each line was written at once."""

    def _write(self, at: float, text: str) -> None:
        self._last = at
        self._put(f"{clock(at)} {text}")

    def _put(self, text: str) -> None:
        if not self._alive:
            return
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._alive = False  # the reader has gone (`swarm run | head`); the run goes on all the same


def format_line(line: Line, look: Look) -> str:
    """One change as text: the word in a column of its own."""
    word, rest = line
    return look.clean(f"{word.replace('_', ' '):<9} {rest}")


def change_lines(before: State, event: ev.Event, state: State) -> Iterator[Line]:
    """What changed from `before` to `state` through `event`; nothing for an event that changed nothing."""
    if state is before:
        return
    yield from _LINES[type(event)](event, before, state)
    own = state.graph.rank.get(getattr(event, "task", ""), -1)
    yield from _side_effects(before, state, own)
    yield from _gates_moved(before, state)
    if before.stop is Stop.NONE is not state.stop and not isinstance(event, ev.StopRequested | ev.RunKilled):
        yield from _stopping(state, "ending" if state.stop is Stop.NOW else "waiting for")


def _run_started(event: ev.RunStarted, before: State, state: State) -> Iterator[Line]:
    workers = count(state.config.max_workers, "worker")
    yield "run", f"{event.run_id}: {count(len(event.tasks), 'task')}, {workers}, from {short(event.base)}"


def _run_resumed(event: ev.RunResumed, before: State, state: State) -> Iterator[Line]:
    yield "resumed", f"{state.run_id}: {counts_text(counts(state))}"


def _stop_requested(event: ev.StopRequested, before: State, state: State) -> Iterator[Line]:
    yield from _stopping(state, "killing" if event.force else "ending" if event.now else "waiting for")


def _run_killed(event: ev.RunKilled, before: State, state: State) -> Iterator[Line]:
    yield "killed", event_text(event)


def _stopping(state: State, how: str) -> Iterator[Line]:
    working = (state.busy & ~state.queued).bit_count()
    if not working and state.stop_reason:
        yield "stopping", state.stop_reason
        return
    because = f" ({state.stop_reason})" if state.stop_reason else ""
    yield "stopping", f"{how} {count(working, 'worker')}{because}"


def _retry_requested(event: ev.RetryRequested, before: State, state: State) -> Iterator[Line]:
    if state.tasks[event.task].outcome is Outcome.COMPLETED:
        yield "asking", f"{event.task}: {state.config.tracker} once more"
    else:
        yield "reopened", _name(state, event.task)


def _worker_started(event: ev.WorkerStarted, before: State, state: State) -> Iterator[Line]:
    told = f"attempt {event.attempt}" + (f", {agent_name(state, event.task)}" if len(state.config.pool) > 1 else "")
    yield "started", f"{_name(state, event.task)} ({told}{_goes_on(state.tasks[event.task], event)})"


def _goes_on(task: TaskState, event: ev.WorkerStarted) -> str:
    """What of the attempt before the worker goes on with."""
    if task.place is None or task.place.worktree != event.worktree:
        return ""
    return ", goes on with its session" if task.session else ", goes on in its worktree"


def _worker_stalled(event: ev.WorkerStalled, before: State, state: State) -> Iterator[Line]:
    yield "stalled", f"{event.task}: {event_text(event)}"


def _worker_exited(event: ev.WorkerExited, before: State, state: State) -> Iterator[Line]:
    task, was = state.tasks[event.task], before.tasks[event.task]
    if task.phase is Phase.VALIDATING:
        yield "checking", f"{event.task} after {duration(event.end.ended_at - event.end.started_at)}"
    elif task.outcome is None and task.retries == was.retries:
        yield from _paused(event, state)
    else:
        yield from _decided(event, before, state)


def _limits_changed(event: ev.LimitsChanged, before: State, state: State) -> Iterator[Line]:
    yield "limits", event_text(event)


def _gate_rested(event: ev.GateRested, before: State, state: State) -> Iterator[Line]:
    yield "probing", f"{event.agent}: one worker tries whether its service answers"


def _summarised(event: ev.Summarised, before: State, state: State) -> Iterator[Line]:
    yield "summary", event.text


def _advised(event: ev.Advised, before: State, state: State) -> Iterator[Line]:
    yield "advice", event_text(event)


def _validated(event: ev.Validated, before: State, state: State) -> Iterator[Line]:
    if event.verdict.accepted:
        yield "merging", event.task
    else:
        yield from _decided(event, before, state)


def _tracked(event: ev.Tracked, before: State, state: State) -> Iterator[Line]:
    answer = event.answer
    if answer.reply is Reply.NOT_TOLD:
        return
    word = tracked_verb(state) if answer.taken else "untaken"
    yield word, f"{event.task}: {state.config.tracker} {answer_text(answer, again=event.again)}"


def _decided(event: ev.AttemptEvent, before: State, state: State) -> Iterator[Line]:
    """An attempt is over: completed, tried again, or ended."""
    task = state.tasks[event.task]
    if task.outcome is Outcome.COMPLETED:
        took = duration(task_seconds(task, event.at) or 0.0)
        notes = "".join(f"; {note}" for note in task.notes)
        used = f"  {usage_text(task.usage)}" if task.usage.tokens else ""
        yield "completed", f"{event.task} in {took}  {short(task.commit)}{used}{notes}"
    elif task.outcome is not None:
        yield task.outcome, f"{event.task}: {why_ended(task)}"
    elif task.feedback is not None:
        wait = f", next try in {elapsed(math.ceil(task.delayed_until - event.at))}" if task.delayed_until else ""
        yield "retry", f"{event.task}: {feedback_text(task.feedback)}{wait}"


def _paused(event: ev.WorkerExited, state: State) -> Iterator[Line]:
    """The attempt was broken off through no fault of the task, which waits for the next one."""
    agent = state.tasks[event.task].agent
    gate, problem = state.gates.get(agent), event.end.report.problem
    if problem is None:
        took = duration(event.end.ended_at - event.end.started_at)
        yield "halted", f"{event.task} after {took}"
        return
    until = f", next try in {elapsed(math.ceil(gate.until - event.at))}" if gate and gate.until > event.at else ""
    yield "paused", f"{event.task}: {agent}: {problem_text(problem)}{until}"


def _landed(event: ev.Landed, before: State, state: State) -> Iterator[Line]:
    yield "landed", f"{event.branch} at {short(event.head)}" + (f"; {event.note}" if event.note else "")


def _landing_refused(event: ev.LandingRefused, before: State, state: State) -> Iterator[Line]:
    yield "unlanded", event.reason + (f"; land it with: {event.hint}" if event.hint else "")


def _reported(event: ev.Reported, before: State, state: State) -> Iterator[Line]:
    took = duration(state.ended_at - state.started_at)
    used = "; ".join(filter(None, (f"{counts_text(counts(state))} in {took}", whole_budget(state).text)))
    yield "over", f"{used}; report: {event.path}"


_LINES: dict[type[ev.Event], Callable[[Any, State, State], Iterator[Line]]] = {
    ev.RunStarted: _run_started,
    ev.RunResumed: _run_resumed,
    ev.StopRequested: _stop_requested,
    ev.RunKilled: _run_killed,
    ev.RetryRequested: _retry_requested,
    ev.WorkerStarted: _worker_started,
    ev.SpawnFailed: _decided,
    ev.WorkerStalled: _worker_stalled,
    ev.WorkerStirred: lambda event, before, state: iter([("stirred", f"{event.task} gets on")]),
    ev.SpawnQueued: lambda event, before, state: iter([("queued", f"{event.task}: waits for {event.reason}")]),
    ev.SpawnWithdrawn: lambda event, before, state: iter(()),
    ev.LimitsChanged: _limits_changed,
    ev.WorkerReported: lambda event, before, state: iter(()),
    ev.GateRested: _gate_rested,
    ev.BackedOff: lambda event, before, state: iter(()),
    ev.Summarised: _summarised,
    ev.Advised: _advised,
    ev.WorkerExited: _worker_exited,
    ev.WorkerLost: _decided,
    ev.Validated: _validated,
    ev.Integrated: _decided,
    ev.IntegrationConflicted: _decided,
    ev.IntegrationRejected: _decided,
    ev.Tracked: _tracked,
    ev.Landed: _landed,
    ev.LandingRefused: _landing_refused,
    ev.Reported: _reported,
}


def _side_effects(before: State, state: State, own: int) -> Iterator[Line]:
    """The tasks beside the event's own that were skipped, cancelled or opened again."""
    if not before.run_id:
        return
    mask = ~(1 << own) if own >= 0 else -1
    for members, known in ((before.open & ~state.open & mask, True), (state.open & ~before.open & mask, False)):
        for number, rank in enumerate(bits(members)):
            if number == _MOST:
                word = "skipped" if known else "reopened"
                yield word, f"{members.bit_count() - _MOST} more"
                break
            yield _moved(state.graph.tasks[rank].id, state)


def _gates_moved(before: State, state: State) -> Iterator[Line]:
    """Agents that nothing helps but a person, and those that work again."""
    if before.gates == state.gates:
        return
    for agent, gate in sorted(state.gates.items()):
        was = before.gates.get(agent)
        if gate.door in CLOSED and (was is None or was.door is not gate.door):
            yield "shut", shut_text(agent, gate)
    for agent in sorted(before.gates):
        if agent not in state.gates:
            yield "open", f"{agent} may work again"


def _moved(task_id: str, state: State) -> Line:
    task: TaskState = state.tasks[task_id]
    if task.outcome is None:
        return "reopened", _name(state, task_id)
    return task.outcome, f"{task_id}: {why_ended(task)}"


def _name(state: State, task_id: str) -> str:
    return f'{task_id} "{state.graph.task(task_id).subject}"'
