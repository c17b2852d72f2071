"""Events as sentences and as JSON, and choosing among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from swarmskill.core import events as ev
from swarmskill.model import Claim, Ending, Verdict
from swarmskill.views.marks import (
    PLAIN,
    Look,
    amount,
    clock,
    count,
    duration,
    listed,
    money,
    pad,
    short,
    size_text,
    usage_text,
)
from swarmskill.views.reasons import problem_text
from swarmskill.views.tracking import answer_text

_RUN_WIDTH = 30
"""Room for the longest id that a run is given."""

Encode = Callable[[ev.Event], Mapping[str, Any]]
"""An event in the form that it has in the ledger."""


def events_document(run_id: str, events: Iterable[ev.Event], encode: Encode) -> dict[str, Any]:
    """`swarm events --json`: the events in the ledger's form."""
    return {"run_id": run_id, "events": [dict(encode(event)) for event in events]}


def select_events(
    events: Iterable[ev.Event], *, types: Iterable[str] = (), tasks: Iterable[str] = ()
) -> Iterator[ev.Event]:
    """The events of these types and about these tasks; nothing named means all.

    A type is the event's name, letter case, `_` and `-` aside, or a pattern of the name with `task.` or `run.`
    before it: `task.*` are the events about tasks, `*.stop*` those whose name begins with "stop".
    """
    kinds = [_plain(name) for name in types]
    wanted = set(tasks)
    for event in events:
        if kinds and not any(_is_of(event, kind) for kind in kinds):
            continue
        if wanted and getattr(event, "task", None) not in wanted:
            continue
        yield event


def _is_of(event: ev.Event, kind: str) -> bool:
    name = _plain(type(event).__name__)
    about = "task" if hasattr(event, "task") else "run"
    return fnmatchcase(f"{about}.{name}" if "." in kind else name, kind)


def about_width(task_ids: Iterable[str]) -> int:
    """The width of the column that tells what an event is about; few ids longer than it are let stand out."""
    return min(24, max((len(task_id) for task_id in task_ids), default=0) + len(" #1"))


def event_line(event: ev.Event, look: Look = PLAIN, width: int = 10, run_id: str = "") -> str:
    """One line for `swarm events`: time, task and attempt, what happened; with a run's id that comes first."""
    about = f"{event.task} #{event.attempt}" if isinstance(event, ev.AttemptEvent) else "run"
    first = f"{pad(run_id, _RUN_WIDTH)}  " if run_id else ""
    line = f"{first}{clock(event.at)}  {pad(look.clean(about), width)}  {look.clean(event_text(event))}"
    return look.fit(line, look.width) if look.width else line


def event_text(event: ev.Event) -> str:
    """What happened, without time, task and attempt. Foreign text in it is not made safe."""
    return _TEXTS[type(event)](event)


def verdict_text(verdict: Verdict) -> str:
    """A judgement in a few words."""
    failed = verdict.failed
    if failed is None:
        notes = verdict.notes or (("nothing was changed",) if verdict.empty else ())
        return "; ".join(("checks passed", *notes))
    detail = failed.detail or failed.name
    return f"{failed.kind} failed: {detail}"


def _run_started(event: ev.RunStarted) -> str:
    return f"started with {count(len(event.tasks), 'task')} from {short(event.base)}"


def _stop_requested(event: ev.StopRequested) -> str:
    how = "by force" if event.force else "now" if event.now else "after the running tasks"
    return f"asked to stop {how}" + (f": {event.reason}" if event.reason else "")


def _run_killed(event: ev.RunKilled) -> str:
    return "killed, its mayor being gone" + (f": {event.reason}" if event.reason else "")


def _worker_started(event: ev.WorkerStarted) -> str:
    warnings = "".join(f"; warning: {text}" for text in event.warnings)
    process = f", process {event.pid}" if event.pid else ""
    memory = f", at most {size_text(event.memory.size)} of memory ({event.memory.guard})" if event.memory else ""
    return f"worker started from {short(event.base)}{process}{memory}{warnings}"


def _spawn_failed(event: ev.SpawnFailed) -> str:
    return f"worker could not start: {event.reason}"


def _worker_stalled(event: ev.WorkerStalled) -> str:
    asked = "; asked how far it is" if event.nudged else ""
    return f"no progress for {duration(event.at - event.since)}{asked}"


def _worker_exited(event: ev.WorkerExited) -> str:
    end = event.end
    took = duration(end.ended_at - end.started_at)
    if end.ending is Ending.TIMED_OUT:
        text = f"worker timed out after {took}"
    elif end.ending is Ending.STALLED:
        text = f"worker made no progress for too long and was ended after {took}"
    elif end.ending is Ending.KILLED:
        text = f"worker was stopped after {took}"
    else:
        text = f"worker ended after {took} with exit code {end.exit_code}"
    for known in (event.over_memory, event.hint):
        text += f", {known}" if known else ""
    if end.report.usage.tokens:
        text += f", {usage_text(end.report.usage)}"
    if end.report.problem is not None:
        text += f", {problem_text(end.report.problem)}"
    if end.report.denied:
        text += f", was denied {listed(list(end.report.denied), 2)}"
    if end.result_problem:
        return f"{text}; its result cannot be read: {end.result_problem}"
    if end.result is None:
        return text
    claim = "says it is blocked" if end.result.status is Claim.BLOCKED else "says it is done"
    return f"{text}, {claim}" + (f": {end.result.detail}" if end.result.detail else "")


def _limits_changed(event: ev.LimitsChanged) -> str:
    told = [(value, text) for name, text in _LIMIT_TEXTS.items() if (value := getattr(event, name)) is not None]
    parts = ["limit set to " + " and ".join(text(value) for value, text in told)] if told else []
    parts += ["no limit any more: " + ", ".join(event.lifted)] if event.lifted else []
    return "; ".join(parts)


_LIMIT_TEXTS: dict[str, Callable[[Any], str]] = {
    "max_cost": money,
    "max_tokens": lambda tokens: f"{amount(tokens)} tokens",
    "max_workers": lambda number: count(number, "worker"),
    "max_workers_per_user": lambda number: f"{count(number, 'worker')} of this user",
    "max_workers_per_repo": lambda number: f"{count(number, 'worker')} in this repository",
    "deadline": lambda seconds: f"{duration(seconds)} for the run",
    "timeout": lambda seconds: f"{duration(seconds)} for a worker",
    "stall_timeout": lambda seconds: f"{duration(seconds)} without progress before a worker is marked",
    "idle_timeout": lambda seconds: f"{duration(seconds)} without progress",
    "max_memory": lambda size: f"{size_text(size)} of memory for a worker",
}


def _advised(event: ev.Advised) -> str:
    if not event.text:
        return f"no advice for {event.task}: {event.problem}"
    return f"{event.agent} advises {event.task}: {event.text}"


def _integrated(event: ev.Integrated) -> str:
    how = "merged with newer work" if event.merged else "added"
    notes = "".join(f"; {note}" for note in event.verdict.notes)
    return f"{how} on the run branch as {short(event.commit)}{notes}"


def _refused(event: ev.LandingRefused) -> str:
    return f"not landed: {event.reason}" + (f" ({event.hint})" if event.hint else "")


_TEXTS: dict[type[ev.Event], Callable[[Any], str]] = {
    ev.RunStarted: _run_started,
    ev.RunResumed: lambda event: f"resumed, session {event.session}",
    ev.StopRequested: _stop_requested,
    ev.RunKilled: _run_killed,
    ev.RetryRequested: lambda event: "asked to try again",
    ev.WorkerStarted: _worker_started,
    ev.SpawnFailed: _spawn_failed,
    ev.WorkerStalled: _worker_stalled,
    ev.WorkerStirred: lambda event: "worker gets on",
    ev.SpawnQueued: lambda event: f"worker waits for {event.reason}",
    ev.SpawnWithdrawn: lambda event: "worker was not started",
    ev.LimitsChanged: _limits_changed,
    ev.WorkerReported: lambda event: f"worker has used {usage_text(event.usage)}",
    ev.GateRested: lambda event: f"{event.agent} may be tried again",
    ev.BackedOff: lambda event: "may be tried again",
    ev.Advised: _advised,
    ev.Summarised: lambda event: f"summed up: {event.text}",
    ev.WorkerExited: _worker_exited,
    ev.WorkerLost: lambda event: f"worker lost: {event.reason}",
    ev.Validated: lambda event: verdict_text(event.verdict),
    ev.Integrated: _integrated,
    ev.IntegrationConflicted: lambda event: "does not merge with the run branch: " + ", ".join(event.paths),
    ev.IntegrationRejected: lambda event: f"on the merged result {verdict_text(event.verdict)}",
    ev.Tracked: lambda event: f"tracker: {answer_text(event.answer, again=event.again)}",
    ev.Landed: lambda event: f"landed on {event.branch} at {short(event.head)}",
    ev.LandingRefused: _refused,
    ev.Reported: lambda event: f"report written: {event.path}",
}


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
