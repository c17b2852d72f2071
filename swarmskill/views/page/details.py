"""Tasks told in full: facts, story, checks, diff and the end of the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from swarmskill.core.events import Event, WorkerReported
from swarmskill.core.state import State
from swarmskill.model import CheckResult, Outcome, Phase
from swarmskill.views.attempts import Attempt, attempt_agents
from swarmskill.views.events import event_text
from swarmskill.views.marks import clock, duration, usage_text
from swarmskill.views.page.patches import read_patch
from swarmskill.views.page.shapes import CheckLine, Limits, Material, TaskDetail, TaskMaterial, TaskRow, Text
from swarmskill.views.page.texts import fit_end, fit_line
from swarmskill.views.reasons import problem_text

Attempts = Mapping[str, Sequence[Attempt]]
Moments = tuple[tuple[str, str, str], ...]

_NOTHING = TaskMaterial()
_UNLUCKY = (Outcome.COMPLETED, Outcome.SKIPPED, Outcome.CANCELLED)


def tell_tasks(
    state: State,
    attempts: Attempts,
    events: Sequence[Event],
    rows: Sequence[TaskRow],
    material: Material,
    limits: Limits,
) -> tuple[TaskDetail, ...]:
    """The tasks of these rows in full, those that went wrong unfolded."""
    stories = _stories(events, {row.key for row in rows}, limits)
    agents = attempt_agents(state, events) if rows else {}
    left = limits.patch_total
    told = []
    for row in rows:
        own, found = attempts.get(row.key, ()), material.get(row.key, _NOTHING)
        task = state.tasks[row.key]
        patch = found.patch if left > 0 else ""
        files = read_patch(patch, limits.width)
        left -= sum(len(file.lines) for file in files)
        moments, before = stories.get(row.key, ((), 0))
        told.append(
            TaskDetail(
                row=row,
                open=task.phase is Phase.ENDED and task.outcome not in _UNLUCKY,
                facts=tuple(_facts(state, row.key, own, agents, limits)),
                story=moments,
                story_left_out=before,
                checks=tuple(_checks(own[-1], found, limits)) if own else (),
                files=files,
                patch_left_out=found.patch_left_out if patch else found.patch.count("\n") + found.patch_left_out,
                log=found.log,
            )
        )
    return tuple(told)


def _stories(events: Sequence[Event], wanted: set[str], limits: Limits) -> dict[str, tuple[Moments, int]]:
    """What happened to each of these tasks: the last moments, and how many came before them."""
    found: dict[str, list[Event]] = {}
    for event in events:
        task = getattr(event, "task", "")
        if task in wanted and not isinstance(event, WorkerReported):
            found.setdefault(task, []).append(event)
    return {
        task: (
            tuple(
                (clock(event.at), f"#{getattr(event, 'attempt', 0)}", fit_line(event_text(event), 600))
                for event in own[-limits.moments :]
            ),
            max(0, len(own) - limits.moments),
        )
        for task, own in found.items()
    }


def _facts(
    state: State, task_id: str, attempts: Sequence[Attempt], agents: Mapping[tuple[str, int], str], limits: Limits
) -> Iterator[tuple[str, str]]:
    task, spec = state.tasks[task_id], state.graph.task(task_id)
    if spec.description:
        yield "asked", fit_line(" ".join(spec.description.split()), limits.width)
    if spec.blocked_by:
        yield "after", fit_line(", ".join(spec.blocked_by), limits.width)
    if spec.files:
        yield "may write", fit_line(", ".join(spec.files), limits.width)
    last = attempts[-1] if attempts else None
    if last is None:
        return
    agent, model = agents.get((task_id, last.number), ""), last.report.model
    if agent:
        yield "agent", fit_line(f"{agent}, model {model}" if model else agent, limits.width)
    if task.usage.tokens:
        yield "used", usage_text(task.usage)
    if last.report.problem is not None:
        yield "problem", fit_line(problem_text(last.report.problem), limits.width)
    if last.report.denied:
        yield "was denied", fit_line(", ".join(last.report.denied), limits.width)
    if last.end is not None and last.end.result is not None and last.end.result.detail:
        yield "claims", fit_line(last.end.result.detail, limits.width)
    if last.report.said:
        yield "said", fit_line(" ".join(last.report.said.split()), limits.width)
    if last.waited_to_merge is not None:
        yield "merging took", duration(last.waited_to_merge)


def _checks(attempt: Attempt, found: TaskMaterial, limits: Limits) -> Iterator[CheckLine]:
    """The checks of an attempt; the one that decided against it is shown even where it is none of the task's own."""
    seen = False
    for check in attempt.checks:
        seen |= _is(check, attempt.failed)
        yield _check(attempt.failed if attempt.failed and _is(check, attempt.failed) else check, found, limits)
    if attempt.failed is not None and not seen:
        yield _check(attempt.failed, found, limits)


def _is(check: CheckResult, other: CheckResult | None) -> bool:
    return other is not None and (check.kind, check.name, check.passed) == (other.kind, other.name, other.passed)


def _check(check: CheckResult, found: TaskMaterial, limits: Limits) -> CheckLine:
    text = check.kind.value if check.name == check.kind else f"{check.kind.value}: {check.name}"
    output = fit_end(check.output.splitlines(), limits.log_lines, limits.width)
    if not output.lines:
        output = (found.outputs or {}).get(check.log, Text())
    return CheckLine(
        passed=check.passed,
        text=fit_line(text, 200),
        seconds=duration(check.seconds) if check.seconds else "",
        detail="" if check.passed else fit_line(check.detail, 600),
        output=output,
    )
