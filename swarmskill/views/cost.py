"""What a run cost, by task, agent or model: the text and the JSON of `swarm cost`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from swarmskill.core.events import Event
from swarmskill.core.graph import natural
from swarmskill.core.state import State
from swarmskill.model import NOTHING_USED, Usage
from swarmskill.views.attempts import attempt_agents, attempts_by_task
from swarmskill.views.marks import PLAIN, Look, cost_text
from swarmskill.views.run_json import asked_model, usage_row
from swarmskill.views.spending import run_budget
from swarmskill.views.status import table

_UNKNOWN = "(not told)"


class By(StrEnum):
    """What the rows are."""

    TASK = "task"
    AGENT = "agent"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Row:
    """What the attempts of one task, agent or model used. `name` is "" for a model that nobody told."""

    name: str
    attempts: int
    usage: Usage


def cost_rows(state: State, events: Sequence[Event], by: By) -> list[Row]:
    """A row for each name that had an attempt with a worker: tasks in their order, others by what they cost."""
    agents = attempt_agents(state, events)
    found: dict[str, Row] = {}
    for task_id, attempts in attempts_by_task(events).items():
        for attempt in attempts:
            agent = agents.get((task_id, attempt.number))
            if agent is None:
                continue
            names = {By.TASK: task_id, By.AGENT: agent, By.MODEL: attempt.report.model or asked_model(state, task_id)}
            row = found.get(names[by], Row(names[by], 0, NOTHING_USED))
            found[row.name] = Row(row.name, row.attempts + 1, row.usage + attempt.usage)
    if by is By.TASK:
        return sorted(found.values(), key=lambda row: natural(row.name))
    return sorted(found.values(), key=lambda row: (-(row.usage.cost_usd or 0.0), -row.usage.tokens, row.name))


def cost_document(state: State, events: Sequence[Event], by: By) -> dict[str, Any]:
    """`swarm cost --json`. The rows' names are under `task`, `agent` or `model`; a model may be null."""
    rows = cost_rows(state, events, by)
    return {
        "run_id": state.run_id,
        "by": by.value,
        "rows": [{by.value: row.name or None, "attempts": row.attempts, **usage_row(row.usage)} for row in rows],
        "total": {"attempts": sum(row.attempts for row in rows), **usage_row(_total(rows))},
        "limits": {"max_cost": state.config.max_cost, "max_tokens": state.config.max_tokens},
    }


def cost_table(state: State, events: Sequence[Event], by: By, *, look: Look = PLAIN) -> str:
    """The text of `swarm cost`: tokens by kind and the cost, with a total; "~" marks an estimate."""
    rows = cost_rows(state, events, by)
    total = _total(rows)
    if not total.tokens and total.cost_usd is None:
        return f"run {state.run_id}: no agent has told what it used\n"
    subjects = {row.name: state.graph.task(row.name).subject for row in rows} if by is By.TASK else {}
    cells = [_cells(row, look.fit(row.name, 24) or _UNKNOWN, look.clean(subjects.get(row.name, ""))) for row in rows]
    cells.append(_cells(Row("total", sum(row.attempts for row in rows), total), "total", ""))
    head = (by.value, "attempts", "input", "cached", "output", "cost", "subject")
    lines = [*table(*_aligned(head, cells), look), *_remarks(state, total)]
    return "\n".join(lines) + "\n"


def _remarks(state: State, total: Usage) -> list[str]:
    budget = run_budget(state)
    remarks = [f"limit: {budget.text}"] if budget.limited else []
    remarks += ["~ estimated from the price table"] if total.estimated else []
    return ["", *remarks] if remarks else []


def _cells(row: Row, name: str, subject: str) -> tuple[str, ...]:
    usage = row.usage
    tokens = (usage.input_tokens, usage.cached_tokens, usage.output_tokens)
    return (
        name,
        str(row.attempts),
        *(f"{number:,}" if usage.tokens else "" for number in tokens),
        cost_text(usage),
        subject,
    )


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """The cells with all numbers flush right; the first and the last column are text."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def align(row: Sequence[str]) -> list[str]:
        return [row[0], *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)), row[-1]]

    return align(head), [align(row) for row in rows]


def _total(rows: Iterable[Row]) -> Usage:
    total = NOTHING_USED
    for row in rows:
        total += row.usage
    return total
