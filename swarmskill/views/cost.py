"""What a run cost, by task, agent or model: the text and the JSON of `swarm cost`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from swarmskill.core.budget import run_usage
from swarmskill.core.events import Advised, Event, Summarised
from swarmskill.core.graph import natural
from swarmskill.core.state import State
from swarmskill.lineage import Relative
from swarmskill.model import NOTHING_USED, Usage
from swarmskill.records import dataclass
from swarmskill.views.attempts import Attempt, attempt_agents, attempts_by_task
from swarmskill.views.kinship import Family
from swarmskill.views.marks import PLAIN, Look, cost_text, count, usage_text
from swarmskill.views.run_json import asked_model, usage_row
from swarmskill.views.spending import unseen_costs, whole_budget
from swarmskill.views.status import table

_UNKNOWN = "(not told)"
_SUMMARY = "(summary)"
"""Stands for a task in the row of the call that summed a run up."""


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
    runs: int = 0
    """Runs that workers of this task started, and theirs, whose use is in it."""
    untold: int = 0
    """Attempts that used tokens of which nobody told the cost."""


def cost_rows(
    state: State, events: Sequence[Event], by: By, tried: Mapping[str, Sequence[Attempt]] | None = None
) -> list[Row]:
    """A row for each name that had an attempt with a worker, or a call beside them.

    Tasks come in their order, others by what they cost. `tried` are the attempts by task, for whoever has them already.
    """
    agents = attempt_agents(state, events)
    found: dict[str, Row] = {}
    tried = attempts_by_task(events) if tried is None else tried
    for task_id, attempts in tried.items():
        for attempt in attempts:
            agent = agents.get((task_id, attempt.number))
            if agent is None:
                continue
            names = {By.TASK: task_id, By.AGENT: agent, By.MODEL: attempt.report.model or asked_model(state, task_id)}
            row = found.get(names[by], Row(names[by], 0, NOTHING_USED))
            untold = bool(attempt.usage.tokens) and attempt.usage.cost_usd is None
            found[row.name] = Row(row.name, row.attempts + 1, row.usage + attempt.usage, untold=row.untold + untold)
    for call in events:
        if isinstance(call, Advised | Summarised) and call.report.usage != NOTHING_USED:
            task_id = call.task if isinstance(call, Advised) else _SUMMARY
            names = {By.TASK: task_id, By.AGENT: call.agent, By.MODEL: call.report.model}
            row = found.get(names[by], Row(names[by], 0, NOTHING_USED))
            found[row.name] = replace(row, usage=row.usage + call.report.usage)
    return _sorted(found.values(), by)


def _sorted(rows: Iterable[Row], by: By) -> list[Row]:
    if by is By.TASK:
        return sorted(rows, key=lambda row: natural(row.name))
    return sorted(rows, key=lambda row: (-(row.usage.cost_usd or 0.0), -row.usage.tokens, row.name))


def family_rows(family: Family, by: By, tried: Mapping[str, Sequence[Attempt]] | None = None) -> list[Row]:
    """The rows of a run and all its descendants; what those used counts for the task from which they come.

    `tried` are the top run's own attempts by task, for whoever has them already.
    """
    found: dict[str, Row] = {}
    for one in family.relatives:
        if one.trouble:
            continue
        origin = family.tops_task(one) if by is By.TASK else ""
        if origin:
            row = found.get(origin, Row(origin, 0, NOTHING_USED))
            found[origin] = replace(row, runs=row.runs + 1)
        for row in cost_rows(one.state, one.events, by, tried if one is family.top else None):
            name = origin or row.name
            sofar = found.get(name, Row(name, 0, NOTHING_USED))
            found[name] = replace(
                sofar,
                attempts=sofar.attempts + row.attempts,
                usage=sofar.usage + row.usage,
                untold=sofar.untold + row.untold,
            )
    return _sorted(found.values(), by)


def cost_document(family: Family, by: By) -> dict[str, Any]:
    """`swarm cost --json`, of a run with all its descendants.

    `attempts_without_cost` used tokens of which nobody told the cost: the total's cost is a lower bound then.
    The rows' names are under `task`, `agent` or `model`; a model may be null. `runs` tells what each of them used.
    """
    state, rows = family.top.state, family_rows(family, by)
    return {
        "run_id": state.run_id,
        "by": by.value,
        "rows": [_row_document(row, by) for row in rows],
        "total": {
            "attempts": sum(row.attempts for row in rows),
            "attempts_without_cost": sum(row.untold for row in rows),
            **usage_row(total_of(rows)),
        },
        "limits": {"max_cost": state.config.max_cost, "max_tokens": state.config.max_tokens},
        "runs": [_run_row(one) for one in family.relatives],
    }


def _row_document(row: Row, by: By) -> dict[str, Any]:
    runs = {"runs": row.runs} if by is By.TASK else {}
    return {by.value: row.name or None, "attempts": row.attempts, **runs, **usage_row(row.usage)}


def _run_row(one: Relative) -> dict[str, Any]:
    origin = one.kin.origin
    parent = {"parent": origin.folder.run_id, "task": origin.task, "attempt": origin.attempt} if origin else {}
    told = {"problem": one.trouble} if one.trouble else usage_row(run_usage(one.state))
    return {"run_id": one.folder.run_id, **parent, **told}


def cost_table(family: Family, by: By, *, look: Look = PLAIN) -> str:
    """The text of `swarm cost`: tokens by kind and the cost, with a total; "~" marks an estimate."""
    state, rows = family.top.state, family_rows(family, by)
    total = total_of(rows)
    if not total.tokens and total.cost_usd is None:
        return f"run {state.run_id}: no agent has told what it used\n"
    subjects = (
        {row.name: state.graph.task(row.name).subject for row in rows if row.name != _SUMMARY} if by is By.TASK else {}
    )
    cells = [_cells(row, look.fit(row.name, 24) or _UNKNOWN, look.clean(subjects.get(row.name, ""))) for row in rows]
    cells.append(_cells(Row("total", sum(row.attempts for row in rows), total), "total", ""))
    head = (by.value, "attempts", "input", "cached", "output", "cost", "subject")
    lines = [*table(*_aligned(head, cells), look), *_remarks(state, total, sum(row.untold for row in rows))]
    if len(family.relatives) > 1:
        lines += ["", *_below(family)]
    return "\n".join(lines) + "\n"


def _below(family: Family) -> Iterator[str]:
    """What of it was used by the run itself, and by each run below it."""
    for one in family.relatives:
        used = "cannot be read" if one.trouble else usage_text(run_usage(one.state))
        origin = one.kin.origin
        by = f"started by {origin.folder.run_id}, task {origin.task}" if origin and one is not family.top else "itself"
        yield f"{one.folder.run_id}  {used or 'told nothing'}  ({by})"


def _remarks(state: State, total: Usage, untold: int) -> list[str]:
    budget = whole_budget(state)
    remarks = [f"limit: {budget.text}"] if budget.limited else []
    if untold and total.cost_usd is not None:
        remarks.append(f"at least {cost_text(total)}: the cost of {count(untold, 'attempt')} is not told")
    remarks += unseen_costs(state)
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


def total_of(rows: Iterable[Row]) -> Usage:
    """What all of these used."""
    total = NOTHING_USED
    for row in rows:
        total += row.usage
    return total
