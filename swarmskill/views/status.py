"""The text of `swarm status`."""

from __future__ import annotations

from collections.abc import Sequence

from swarmskill.config import Mode
from swarmskill.core.state import Stage, State, Stop, TaskState
from swarmskill.model import Outcome, Phase
from swarmskill.views import commands
from swarmskill.views.base import Progress, Progresses
from swarmskill.views.gates import gate_lines
from swarmskill.views.marks import PLAIN, Look, amount, columns, cost_text, date, duration, pad, short, style_of
from swarmskill.views.outcome import (
    RunOutcome,
    Status,
    counts,
    counts_text,
    run_outcome,
    run_seconds,
    task_seconds,
    task_status,
    word,
)
from swarmskill.views.remedies import going_on
from swarmskill.views.run_json import detail, ordered
from swarmskill.views.spending import unseen_costs, whole_budget
from swarmskill.views.tracking import tracked_text

LIMIT = 50
"""Tasks that a table shows unless all are asked for."""

_WIDE = 100
"""Columns of a terminal that has room for the tokens, too."""

_OUTCOME_STYLES = {
    RunOutcome.RUNNING: "cyan",
    RunOutcome.COMPLETED: "green",
    RunOutcome.STOPPED: "yellow",
    RunOutcome.INTERRUPTED: "yellow",
    RunOutcome.INCOMPLETE: "red",
}


def status_text(
    state: State,
    now: float,
    *,
    look: Look = PLAIN,
    progress: Progresses | None = None,
    held: bool = True,
    show_all: bool = False,
) -> str:
    """Header, counts, and one line a task; beyond a limit only those that matter most, unless `show_all`."""
    outcome = run_outcome(state, held=held)
    lines = [*_header(state, now, look, outcome), "", *_table(state, now, look, progress or {}, show_all)]
    following = _next(state, outcome)
    if following:
        lines += ["", *(f"{label:<8}  {command}" for label, command in following)]
    return "\n".join(lines) + "\n"


def _header(state: State, now: float, look: Look, outcome: RunOutcome) -> list[str]:
    painted = look.paint(outcome.value, _OUTCOME_STYLES[outcome])
    time = duration(run_seconds(state, now))
    lines = [
        f"run       {state.run_id}  {painted}, {time} since {date(state.started_at)}",
        f"tasks     {len(state.tasks)}: {counts_text(counts(state))}",
        f"branch    {commands.branch_name(state.run_id)} at {short(state.head)}, {_landing(state, look)}",
    ]
    if state.stop is not Stop.NONE and outcome is not RunOutcome.COMPLETED:
        word = "stopped" if state.stage is Stage.OVER else "stopping"
        lines.append(f"{word:<8}  {look.clean(state.stop_reason) or 'on request'}")
    if tracked := tracked_text(state):
        lines.append(f"tracker   {state.config.tracker}, {tracked}")
    if used := whole_budget(state).text:
        lines.append(f"used      {used}")
    lines += [f"warning   {look.clean(line)}" for line in unseen_costs(state)]
    lines += [f"agent     {look.clean(line)}" for line in gate_lines(state)]
    if state.summary:
        lines.append(f"summary   {look.clean(state.summary)}")
    return lines


def _landing(state: State, look: Look) -> str:
    branch = look.clean(state.config.branch) or "HEAD"
    if state.head == state.base:
        return "nothing integrated yet" if state.open else "nothing integrated"
    if state.landed == state.head:
        return f"landed on {branch}"
    if state.landing_refused:
        return f"not landed on {branch}: {look.clean(state.landing_refused)}"
    return f"not landed on {branch}"


def _next(state: State, outcome: RunOutcome) -> list[tuple[str, str]]:
    """What to do next: with a run that nobody works on, and with workers that have windows."""
    found = []
    if outcome in (RunOutcome.STOPPED, RunOutcome.INTERRUPTED):
        found.append(("go on", going_on(state)))
    failed = [task_id for task_id in ordered(state) if _failed(state.tasks[task_id])]
    if failed:
        found.append(("why", commands.why(failed[0])))
    if state.config.mode is Mode.DISTRIBUTED and (failed or state.busy):
        found.append(("look", commands.attach(run=state.run_id)))
    if outcome is not RunOutcome.RUNNING and state.head not in (state.base, state.landed):
        found.append(("land", state.landing_hint or commands.land(state.run_id)))
    return found


def _failed(task: TaskState) -> bool:
    return task_status(task) is Status.ENDED and task.standing not in (Outcome.SKIPPED, Outcome.CANCELLED)


def _table(state: State, now: float, look: Look, progress: Progresses, show_all: bool) -> list[str]:
    chosen = ordered(state)
    left = 0 if show_all else max(0, len(chosen) - LIMIT)
    if left:
        most = sorted(chosen, key=lambda task_id: importance(state.tasks[task_id]))[:LIMIT]
        chosen = [task_id for task_id in chosen if task_id in set(most)]
    rows = [_row(state, task_id, now, look, progress.get(task_id, Progress())) for task_id in chosen]
    head = ("", "id", "subject", "agent", "state", "tries", "time", "tokens", "cost", "commit", "detail")
    marks = [style_of(state.tasks[task_id]) for task_id in chosen]
    lines = table(head, rows, look, marks)
    if left:
        lines.append(f"{look.sign('…')} and {left} more: swarm status {state.run_id} --all")
    return lines


def _row(state: State, task_id: str, now: float, look: Look, progress: Progress) -> tuple[str, ...]:
    task = state.tasks[task_id]
    seconds = task_seconds(task, now)
    doing = progress.last_action if task.phase is Phase.RUNNING and not task.stalled_since else ""
    narrow = 0 < look.width < _WIDE
    return (
        look.mark(task),
        look.fit(task_id, 20),
        look.fit(state.graph.task(task_id).subject, 40),
        look.fit(task.agent, 12) if len(state.bound) > 1 else "",
        word(task).replace("_", " "),
        str(task.attempt or ""),
        "" if seconds is None else duration(seconds),
        amount(task.usage.tokens) if task.usage.tokens and not narrow else "",
        cost_text(task.usage),
        short(task.commit),
        look.clean(doing or detail(state, task_id)),
    )


def importance(task: TaskState) -> tuple[int, float]:
    """A key that sorts what is under way first, then what went wrong, then what comes next, then what ended last."""
    status = task_status(task)
    if status is Status.IN_PROGRESS:
        return (0, task.assigned_at)
    if status is Status.ENDED:
        return (1 if _failed(task) else 4, -task.ended_at)
    if status is Status.PENDING:
        return (2 if task.phase is Phase.READY else 5, 0.0)
    return (3, -task.ended_at)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], look: Look, marks: Sequence[str] = ()) -> list[str]:
    """Aligned columns under dim headings; the last column takes what is left of the width.

    Columns without content are left out. `marks` are the styles of the first column, a row each.
    """
    used = [i for i in range(len(head)) if any(row[i] for row in rows)]
    widths = {i: max(columns(row[i]) for row in (head, *rows)) for i in used}
    lines = [look.paint(_line([head[i] for i in used], [widths[i] for i in used], look), "dim")]
    for index, row in enumerate(rows):
        line = _line([row[i] for i in used], [widths[i] for i in used], look)
        mark = row[0] if marks else ""
        lines.append(look.paint(mark, marks[index]) + line[len(mark) :] if mark else line)
    return lines


def _line(cells: Sequence[str], widths: Sequence[int], look: Look) -> str:
    line = "  ".join(pad(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()
    return look.fit(line, look.width) if look.width else line
