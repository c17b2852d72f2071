"""The plan: what a run would do, told before anything is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from swarmskill.core.graph import Graph, critical_path
from swarmskill.model import Task, TaskList
from swarmskill.records import dataclass
from swarmskill.views.diagrams import plan_dot, plan_mermaid
from swarmskill.views.forecast import Forecast, forecast
from swarmskill.views.layout import columns, cut, duration, plural, printable, wrap
from swarmskill.views.ownership import Conflict, Resolution, conflicts, owners

__all__ = ["plan_dot", "plan_json", "plan_mermaid", "plan_text"]

WIDTH = 80
MAX_LINES = 20
"""Lines of one part of the text before the rest is only counted."""

MAX_WAVES = 12
MAX_LINES_OF_WAVES = 60
MIN_WAVE_LINES = 5
"""Of each wave at least so many tasks are shown, however many waves there are."""


def plan_json(tasks: TaskList, graph: Graph) -> dict[str, Any]:
    """The whole plan as plain values, nothing left out.

    Waves are lists of ids, the first being wave 1; tasks that are done have the wave None.
    Durations are seconds; `seconds` is None when nothing is known of how long tasks take, and then those
    of `by_workers` are lengths of a task. A task's `expected` is its estimate or what earlier runs tell.
    """
    plan = _survey(graph)
    wave_of = {rank: number for number, wave in enumerate(plan.forecast.waves, 1) for rank in wave}
    return {
        "source": tasks.source,
        "tasks": [_task_json(graph, task, wave_of.get(graph.rank[task.id])) for task in tasks.tasks],
        "waves": [_ids(graph, wave) for wave in plan.forecast.waves],
        "order": _ids(graph, plan.forecast.starts),
        "critical_path": plan.critical_path,
        "seconds": plan.forecast.seconds,
        "most_at_once": plan.forecast.most_at_once,
        "by_workers": {str(workers): round(seconds, 3) for workers, seconds in plan.forecast.by_workers},
        "enough_workers": plan.forecast.enough,
        "files": [{"path": path, "tasks": _ids(graph, ranks)} for path, ranks in plan.owners.items()],
        "conflicts": [
            {
                "path": conflict.path,
                "tasks": list(conflict.tasks),
                "entries": list(conflict.entries),
                "resolution": conflict.resolution.value,
            }
            for conflict in plan.conflicts
        ],
        "cross_cutting": [check.name for check in tasks.cross_cutting],
        "warnings": list(tasks.warnings),
    }


def plan_text(tasks: TaskList, graph: Graph, *, width: int = WIDTH) -> str:
    """The plan for people, `width` columns wide; long parts end in "... and N more"."""
    plan = _survey(graph)
    parts = [
        [_headline(graph, plan)],
        _waves_text(graph, plan, width),
        _files_text(graph, plan, width),
        _conflicts_text(plan, width),
        _path_text(graph, plan, width),
        _workers_text(plan),
        _warnings_text(tasks, width),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


@dataclass(frozen=True, slots=True)
class _Plan:
    forecast: Forecast
    owners: dict[str, list[int]]
    conflicts: list[Conflict]
    critical_path: list[str]


def _survey(graph: Graph) -> _Plan:
    return _Plan(forecast(graph), owners(graph), conflicts(graph), critical_path(graph))


def _ids(graph: Graph, ranks: Iterable[int]) -> list[str]:
    return [graph.tasks[rank].id for rank in ranks]


def _task_json(graph: Graph, task: Task, wave: int | None) -> dict[str, Any]:
    return {
        "id": task.id,
        "subject": task.subject,
        "blocked_by": list(task.blocked_by),
        "priority": task.priority,
        "done": task.done,
        "wave": wave,
        "files": list(task.files),
        "checks": [check.name for check in task.checks],
        "agent": task.agent,
        "estimate": task.estimate,
        "expected": graph.seconds[graph.rank[task.id]] if graph.timed and not task.done else None,
        "timeout": task.timeout,
    }


def _headline(graph: Graph, plan: _Plan) -> str:
    done = sum(task.done for task in graph.tasks)
    waves = plan.forecast.waves
    parts = [f"{plural(len(graph.tasks), 'task')} in {plural(len(waves), 'wave')}"]
    if done:
        parts.append(f"{done} done already")
    if waves:
        parts.append(f"up to {plan.forecast.most_at_once} at once")
    if plan.forecast.seconds is not None:
        parts.append(f"{duration(plan.forecast.seconds)} at least")
    return ", ".join(parts)


def _waves_text(graph: Graph, plan: _Plan, width: int) -> list[str]:
    waves = plan.forecast.waves
    limit = max(MIN_WAVE_LINES, MAX_LINES_OF_WAVES // max(1, min(len(waves), MAX_WAVES)))
    groups = [(f"Wave {number}", wave) for number, wave in enumerate(waves[:MAX_WAVES], 1)]
    done = tuple(rank for rank, task in enumerate(graph.tasks) if task.done)
    if done:
        groups.append(("Done already", done))
    shown = [graph.tasks[rank] for _, ranks in groups for rank in ranks[:limit]]
    rows = iter(columns([(printable(t.id), printable(t.subject), _after(graph, t)) for t in shown], width))
    parts = [[title, *_capped(list(islice(rows, min(len(ranks), limit))), len(ranks))] for title, ranks in groups]
    left = waves[MAX_WAVES:]
    if left:
        rest = f"... and {plural(len(left), 'more wave')} with {plural(sum(map(len, left)), 'task')}"
        parts.insert(MAX_WAVES, [rest])
    return [line for part in parts for line in part]


def _after(graph: Graph, task: Task) -> str:
    open_blockers = [printable(b) for b in task.blocked_by if not graph.task(b).done]
    return f"after {_some(open_blockers, 4)}" if open_blockers and not task.done else ""


def _files_text(graph: Graph, plan: _Plan, width: int) -> list[str]:
    open_tasks = [task for task in graph.tasks if not task.done]
    lines = []
    if plan.owners:
        in_conflict = {entry for conflict in plan.conflicts for entry in conflict.entries}
        rows = [
            (printable(path), _some(_ids(graph, ranks), 6), "shared" if path in in_conflict else "")
            for path, ranks in list(plan.owners.items())[:MAX_LINES]
        ]
        lines = ["Files", *_capped(columns(rows, width), len(plan.owners))]
    free = [printable(task.id) for task in open_tasks if not task.files]
    if free and plan.owners:
        lines += wrap(f"No manifest, may write anything: {_some(free, 12)}", width)
    elif free:
        lines.append("No task has a manifest: each may write anything.")
    return lines


def _conflicts_text(plan: _Plan, width: int) -> list[str]:
    if not plan.conflicts:
        return ["No two tasks share a file."] if plan.owners else []
    return ["Conflicts", *_capped(list(_conflict_rows(plan.conflicts[:MAX_LINES], width)), len(plan.conflicts))]


def _conflict_rows(shown: Sequence[Conflict], width: int) -> Iterator[str]:
    ways = {Resolution.ORDERED: "in order by blockedBy", Resolution.SERIALISED: "one at a time"}
    rows = []
    for conflict in shown:
        names = [printable(task_id) for task_id in conflict.tasks]
        rows.append((printable(conflict.path), f"{ways[conflict.resolution]}: {_some(names, 6, ' then ')}", ""))
    yield from columns(rows, width)


def _path_text(graph: Graph, plan: _Plan, width: int) -> list[str]:
    path = plan.critical_path
    if not path:
        return ["Nothing is left to do."]
    names = [printable(task_id) for task_id in path]
    if len(names) > MAX_LINES:
        half = MAX_LINES // 2
        names = [*names[:half], f"({len(names) - MAX_LINES} more)", *names[-half:]]
    known = plan.forecast.seconds is not None
    takes = f" ({duration(graph.weight[graph.rank[path[0]]])})" if known else ""
    return ["Critical path", *wrap(" -> ".join(names) + takes, width, indent=2)]


def _workers_text(plan: _Plan) -> list[str]:
    """How long it would take with more or fewer workers."""
    told = plan.forecast
    if not told.by_workers or told.most_at_once < 2:
        return []
    heads = [str(workers) for workers, _ in told.by_workers]
    known = told.seconds is not None
    cells = [duration(seconds) if known else f"{seconds:.0f}" for _, seconds in told.by_workers]
    widths = [max(len(head), len(cell)) for head, cell in zip(heads, cells, strict=True)]
    rows = [
        "  ".join([title, *(text.rjust(width) for text, width in zip(texts, widths, strict=True))])
        for title, texts in (("  workers ", heads), ("  expected", cells))
    ]
    unit = [] if known else ["  in lengths of a task, all taken for equally long: none has an estimate"]
    gain = f"  More than {plural(told.enough, 'worker')} gain nothing." if told.enough else ""
    return ["Duration by workers", *rows, *unit, *([gain] if gain else [])]


def _warnings_text(tasks: TaskList, width: int) -> list[str]:
    lines = [cut(f"  {printable(warning)}", max(width, 200)) for warning in tasks.warnings[:MAX_LINES]]
    return ["Warnings", *_capped(lines, len(tasks.warnings))] if lines else []


def _capped(lines: list[str], total: int) -> list[str]:
    return lines if len(lines) >= total else [*lines, f"  ... and {total - len(lines)} more"]


def _some(names: Sequence[str], limit: int, separator: str = ", ") -> str:
    if len(names) <= limit:
        return separator.join(names)
    return f"{separator.join(names[:limit])} and {len(names) - limit} more"
