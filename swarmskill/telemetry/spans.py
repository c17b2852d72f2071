"""PURE. The spans of a run: the run, its tasks, their attempts, and what was done to check and to merge each.

Names of attributes are those of OpenTelemetry's conventions for generative AI where there is one, else ours (`swarm.`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import takewhile
from typing import Final

from swarmskill.core import events as ev
from swarmskill.core.state import State
from swarmskill.model import CheckResult, Outcome, Usage, Verdict
from swarmskill.records import dataclass
from swarmskill.views.attempts import attempt_agents
from swarmskill.views.events import event_text
from swarmskill.views.outcome import run_outcome, word

Value = str | int | float | bool
Attributes = Mapping[str, Value]

_LONGEST: Final = 500
_PROVIDERS: Final = {"claude": "anthropic", "codex": "openai", "gemini": "gcp.gemini", "qwen": "alibaba"}


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Times are seconds since the epoch, `error` is "" where all went well."""

    name: str
    start: float
    end: float
    attributes: Attributes = field(default_factory=dict)
    error: str = ""
    children: tuple[Span, ...] = ()


def trace_id(run_id: str) -> int:
    """The same for all that is told of a run, however often it is resumed; never 0."""
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:16], "big") or 1


def run_span(state: State, events: Sequence[ev.Event]) -> Span:
    """What the last session of a run did: from its start or resumption to its last event."""
    own = _last_session(events)
    agents = attempt_agents(state, events)
    by_task: dict[str, list[ev.AttemptEvent]] = {}
    for event in own:
        if isinstance(event, ev.AttemptEvent):
            by_task.setdefault(event.task, []).append(event)
    tasks = tuple(_task_span(state, task_id, told, agents) for task_id, told in by_task.items())
    outcome = run_outcome(state).value
    attributes: dict[str, Value] = {
        "swarm.run.id": state.run_id,
        "swarm.run.outcome": outcome,
        "swarm.run.session": state.session,
        "swarm.run.tasks": len(state.tasks),
        "vcs.ref.head.revision": state.head,
        **_usage(state.settled),
    }
    unlucky = [task for task in state.tasks.values() if task.outcome not in (Outcome.COMPLETED, None)]
    error = f"{len(unlucky)} of {len(state.tasks)} tasks did not complete" if unlucky else ""
    return Span("swarm run", own[0].at, max(event.at for event in own), attributes, error, tasks)


def _last_session(events: Sequence[ev.Event]) -> list[ev.Event]:
    """The events from the last resumption on."""
    later = list(takewhile(lambda event: not isinstance(event, ev.RunResumed), reversed(events)))
    return list(events[len(events) - len(later) - 1 :]) if len(later) < len(events) else list(events)


def _task_span(
    state: State, task_id: str, events: Sequence[ev.AttemptEvent], agents: Mapping[tuple[str, int], str]
) -> Span:
    task, spec = state.tasks[task_id], state.graph.task(task_id)
    by_attempt: dict[int, list[ev.AttemptEvent]] = {}
    for event in events:
        if not isinstance(event, ev.RetryRequested):
            by_attempt.setdefault(event.attempt, []).append(event)
    attempts = tuple(
        _attempt_span(task_id, number, told, agents.get((task_id, number), "")) for number, told in by_attempt.items()
    )
    attributes: dict[str, Value] = {
        "swarm.task.id": _cut(task_id),
        "swarm.task.subject": _cut(spec.subject),
        "swarm.task.outcome": word(task),
        "swarm.task.attempts": task.attempt,
        **_usage(task.usage),
    }
    error = _cut(task.detail or word(task)) if task.outcome not in (Outcome.COMPLETED, None) else ""
    return Span(f"task {_cut(task_id)}", _first(events), _last(events), attributes, error, attempts)


def _attempt_span(task_id: str, number: int, events: Sequence[ev.AttemptEvent], agent: str) -> Span:
    attributes: dict[str, Value] = {"swarm.task.id": _cut(task_id), "swarm.attempt": number}
    if agent:
        attributes |= {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent}
    if agent in _PROVIDERS:
        attributes["gen_ai.provider.name"] = _PROVIDERS[agent]
    error = ""
    for event in events:
        if isinstance(event, ev.WorkerExited):
            report = event.end.report
            attributes |= {"process.exit.code": event.end.exit_code, **_usage(report.usage)}
            attributes |= {"gen_ai.response.model": report.model} if report.model else {}
            attributes |= {"gen_ai.conversation.id": report.session} if report.session else {}
            error = _cut(event_text(event)) if event.end.exit_code or report.problem else error
        elif _has_failed(event):
            error = _cut(event_text(event))
    children = tuple(_work_spans(events))
    name = f"invoke_agent {agent}" if agent else "attempt"
    return Span(name, _first(events), _last(events), attributes, error, children)


def _has_failed(event: ev.AttemptEvent) -> bool:
    match event:
        case ev.Validated(verdict=verdict):
            return not verdict.accepted
        case ev.SpawnFailed() | ev.WorkerLost() | ev.IntegrationConflicted() | ev.IntegrationRejected():
            return True
    return False


def _work_spans(events: Sequence[ev.AttemptEvent]) -> Iterator[Span]:
    """The worker's process, the checks and the merge, each from where the one before ended."""
    since = events[0].at
    for event in events:
        match event:
            case ev.WorkerExited(end=end):
                yield Span("worker", end.started_at, max(end.started_at, end.ended_at))
            case ev.Validated(verdict=verdict):
                checks = tuple(_check_spans(_made(verdict), since, event.at))
                yield Span("validate", since, event.at, {}, _why(verdict), checks)
            case ev.Integrated(merged=merged, commit=commit):
                attributes: Attributes = {"vcs.ref.head.revision": commit, "swarm.merged": merged}
                yield Span("integrate", since, event.at, attributes)
            case ev.IntegrationRejected(verdict=verdict):
                checks = tuple(_check_spans(_made(verdict), since, event.at))
                yield Span("integrate", since, event.at, {}, _why(verdict), checks)
            case ev.IntegrationConflicted():
                yield Span("integrate", since, event.at, {}, _cut(event_text(event)))
        since = max(since, event.at)


def _made(verdict: Verdict) -> tuple[CheckResult, ...]:
    """The checks; where a scan decided, which is none of the task's own, it is the last."""
    failed = verdict.failed
    if failed is None or any((check.kind, check.name) == (failed.kind, failed.name) for check in verdict.checks):
        return verdict.checks
    return (*verdict.checks, failed)


def _check_spans(checks: Sequence[CheckResult], since: float, until: float) -> Iterator[Span]:
    """The ledger tells how long each check took, and when all were done: they are laid one after the other."""
    at = max(since, until - sum(check.seconds for check in checks))
    for check in checks:
        end = min(until, at + check.seconds)
        attributes: Attributes = {
            "swarm.check.kind": check.kind.value,
            "swarm.check.name": _cut(check.name),
            "swarm.check.passed": check.passed,
        }
        error = "" if check.passed else _cut(check.detail or "failed")
        yield Span(f"check {check.kind.value}", at, end, attributes, error)
        at = end


def _why(verdict: Verdict) -> str:
    return _cut(verdict.failed.detail or verdict.failed.name) if verdict.failed else ""


def _usage(usage: Usage) -> Attributes:
    """Tokens as the conventions count them: the input with what came from a cache."""
    found: dict[str, Value] = {}
    if usage.tokens:
        found["gen_ai.usage.input_tokens"] = usage.input_tokens + usage.cached_tokens
        found["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
        found["gen_ai.usage.output_tokens"] = usage.output_tokens
    if usage.cost_usd is not None:
        found["gen_ai.usage.cost"] = round(usage.cost_usd, 6)
        found["swarm.cost.estimated"] = usage.estimated
    return found


def _first(events: Iterable[ev.Event]) -> float:
    return min(event.at for event in events)


def _last(events: Iterable[ev.Event]) -> float:
    return max(event.at for event in events)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
