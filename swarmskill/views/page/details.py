"""Tasks told in full: facts, story, checks, diff and the end of the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from swarmskill.core.events import Event, WorkerReported
from swarmskill.core.state import State, TaskState
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
                open=task.phase is Phase.ENDED and task.standing not in _UNLUCKY,
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
    """What was asked, and what the agent of the last attempt told; foreign text fits a line."""
    spec = state.graph.task(task_id)
    facts = [
        ("asked", " ".join(spec.description.split())),
        ("after", ", ".join(spec.blocked_by)),
        ("may write", ", ".join(spec.files)),
    ]
    if attempts:
        agent = agents.get((task_id, attempts[-1].number), "")
        facts += _agent_facts(state.tasks[task_id], attempts[-1], agent)
    for name, text in facts:
        if text:
            yield name, fit_line(text, limits.width)


def _agent_facts(task: TaskState, last: Attempt, agent: str) -> list[tuple[str, str]]:
    report, result = last.report, last.end.result if last.end else None
    model = f", model {report.model}" if report.model else ""
    return [
        ("agent", f"{agent}{model}"),
        ("used", usage_text(task.usage) if task.usage.tokens else ""),
        ("problem", problem_text(report.problem) if report.problem else ""),
        ("was denied", ", ".join(report.denied)),
        ("claims", result.detail if result else ""),
        ("said", " ".join(report.said.split())),
        ("merging took", "" if last.waited_to_merge is None else duration(last.waited_to_merge)),
    ]


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
