"""The view model of a run's page: state and events in, everything that is shown out. Reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from swarmskill.core.events import Event
from swarmskill.core.graph import natural
from swarmskill.core.state import Stage, State
from swarmskill.model import Outcome, Phase
from swarmskill.views import commands
from swarmskill.views.attempts import Attempt, attempts_by_task
from swarmskill.views.base import Progress, Progresses
from swarmskill.views.below import runs_below, sums_of
from swarmskill.views.cost import By, Row, cost_rows, family_rows
from swarmskill.views.gates import gate_lines
from swarmskill.views.kinship import Family
from swarmskill.views.marks import amount, cost_text, date, duration, money, safe, short
from swarmskill.views.outcome import (
    RunOutcome,
    Status,
    counts,
    run_outcome,
    run_seconds,
    task_seconds,
    tone,
)
from swarmskill.views.page.details import tell_tasks
from swarmskill.views.page.gantt import draw_gantt, last_chain
from swarmskill.views.page.graph import draw_graph, draw_waves
from swarmskill.views.page.shapes import WHOLE, CostTable, Kin, Limits, Material, Page, TaskRow
from swarmskill.views.page.texts import fit_line
from swarmskill.views.remedies import going_on
from swarmskill.views.run_json import agent_name, detail
from swarmskill.views.spending import run_budget
from swarmskill.views.status import importance

_MARKS = {True: "✓", False: "✗"}
_MOST_COSTS = 25

Attempts = Mapping[str, Sequence[Attempt]]


def page_of(
    state: State,
    events: Sequence[Event],
    now: float,
    *,
    material: Material | None = None,
    limits: Limits = WHOLE,
    held: bool = True,
    progress: Progresses | None = None,
    family: Family | None = None,
    linked: bool = False,
) -> Page:
    """The page of a run. `held` tells whether anybody is at work on it; `now` is in seconds since the epoch.

    `progress` is what its workers do just now. Its costs are those of the `family`, if it has one: of the run and
    of all that its workers started. `linked` where the runs of the repository have pages of their own.
    """
    attempts, until = attempts_by_task(events), state.started_at + run_seconds(state, now)
    chain = last_chain(state, attempts, until)
    small = len(state.tasks) <= limits.nodes
    outcome = run_outcome(state, held=held)
    if family is not None and not family.relatives[1:]:
        family = None
    spent = {
        by: family_rows(family, by, attempts) if family else cost_rows(state, events, by, attempts)
        for by in (By.AGENT, By.MODEL, By.TASK)
    }
    kin = _kin(family, spent[By.AGENT], now, linked=linked) if family else None
    chosen, doing = told_tasks(state, limits.tasks), progress or {}
    told = set(told_tasks(state, limits.details))
    rows = tuple(_row(state, task_id, now, doing.get(task_id, Progress()), told=task_id in told) for task_id in chosen)
    details = tell_tasks(state, attempts, events, [row for row in rows if row.anchor], material or {}, limits)
    return Page(
        run_id=state.run_id,
        outcome=outcome.value,
        running=outcome is RunOutcome.RUNNING,
        facts=tuple(_facts(state)),
        tiles=(*_tiles(state, attempts, now), *_spent(state, kin)),
        counts=_counts(state),
        troubles=tuple(_troubles(state)),
        summary=fit_line(state.summary or "", 4000),
        graph=draw_graph(state, frozenset(chain)) if small and state.tasks else None,
        waves=None if small else draw_waves(state),
        gantt=draw_gantt(state, attempts, chain, until),
        costs=tuple(_costs(spent)),
        rows=rows,
        rows_left_out=len(state.tasks) - len(rows),
        details=details,
        details_left_out=len(state.tasks) - len(details) if limits.details else 0,
        commands=tuple(_commands(state, outcome)),
        made_at=date(now),
        kin=kin,
    )


def told_tasks(state: State, most: int) -> list[str]:
    """The tasks that a page tells when it cannot tell all: those that matter most, in the order of their ids."""
    if len(state.tasks) <= most:
        return sorted(state.tasks, key=natural)
    best = sorted(state.tasks, key=lambda task_id: (importance(state.tasks[task_id]), natural(task_id)))[:most]
    return sorted(best, key=natural)


def _facts(state: State) -> list[tuple[str, str]]:
    branch = safe(state.config.branch) or "the checkout"
    if state.landed and state.landed == state.head:
        landing = f"landed on {branch} at {short(state.head)}"
    elif state.head == state.base:
        landing = "nothing integrated" + (" yet" if state.open else "")
    else:
        because = f": {safe(state.landing_refused)}" if state.landing_refused else " yet"
        landing = f"not landed on {branch}{because}"
    facts = [
        ("started", date(state.started_at)),
        ("branch", f"{commands.branch_name(state.run_id)} at {short(state.head)}, {landing}"),
        ("workers", f"at most {state.config.max_workers} of {safe(_pool(state))}, {state.config.schedule.value}"),
    ]
    if state.stop_reason:
        facts.append(("stopped" if state.stage is Stage.OVER else "stopping", safe(state.stop_reason)))
    return facts


def _pool(state: State) -> str:
    return ", ".join(share.agent for share in state.config.pool)


def _tiles(state: State, attempts: Attempts, now: float) -> list[tuple[str, str, str]]:
    """What a glance should tell: a number, its name, and what belongs to it."""
    found, whole = counts(state), len(state.tasks)
    done = found[Status.COMPLETED]
    tries = sum(len(own) for own in attempts.values())
    again = sum(max(0, len(own) - 1) for own in attempts.values())
    return [
        (f"{done} of {whole}", "completed", f"{100 * done // whole} %" if whole else ""),
        (duration(run_seconds(state, now)), "time", _parallel(attempts, run_seconds(state, now))),
        (str(tries), "attempts", f"{again} not the first" if again else "one each"),
    ]


def _spent(state: State, kin: Kin | None) -> Iterator[tuple[str, str, str]]:
    """Tokens and cost, with the limits of the run; where it has runs below it, those of all, and what is its own."""
    budget = run_budget(state)
    usage = budget.usage
    tokens, cost = amount(usage.tokens) if usage.tokens else "", cost_text(usage)
    own = (f"itself {tokens or 0} ", f"itself {cost or money(0)} ") if kin else ("", "")
    limits = (
        "" if budget.max_tokens is None else f"of {amount(budget.max_tokens)}",
        "" if budget.max_cost is None else f"of {money(budget.max_cost)}",
    )
    tokens, cost = kin.sums.whole if kin else (tokens, cost)
    if tokens:
        yield tokens, "tokens", f"{own[0]}{limits[0]}".strip()
    if cost:
        yield cost, "cost", f"{own[1]}{limits[1]}".strip() or ("estimated" if usage.estimated else "")


def _kin(family: Family, rows: Sequence[Row], now: float, *, linked: bool) -> Kin:
    below = tuple(
        replace(one, task=fit_line(one.task, 60), tasks=fit_line(one.tasks, 200)) for one in runs_below(family, now)
    )
    return Kin(below, sums_of(family, rows), linked)


def _parallel(attempts: Attempts, seconds: float) -> str:
    """How much work was done at the same time."""
    worked = sum(one.end.ended_at - one.end.started_at for own in attempts.values() for one in own if one.end)
    return f"{duration(worked)} of work" if worked and seconds else ""


def _counts(state: State) -> tuple[tuple[str, str, int, float], ...]:
    """For the bar: class, word, number and share in percent of what there is."""
    whole = len(state.tasks) or 1
    classes = {Status.PENDING: Phase.WAITING.value, Status.IN_PROGRESS: Phase.RUNNING.value}
    return tuple(
        (classes.get(Status(name), name) if name in set(Status) else name, name.replace("_", " "), number, share)
        for name, number in counts(state).items()
        if number and (share := round(100.0 * number / whole, 3))
    )


def _troubles(state: State) -> list[str]:
    return [safe(line) for line in gate_lines(state)]


def _row(state: State, task_id: str, now: float, doing: Progress, *, told: bool) -> TaskRow:
    task, spec = state.tasks[task_id], state.graph.task(task_id)
    seconds = task_seconds(task, now)
    ended = task.phase is Phase.ENDED
    done = task.standing is Outcome.COMPLETED
    action = "" if ended or task.stalled_since else doing.last_action
    return TaskRow(
        key=task_id,
        id=fit_line(task_id, 60),
        subject=fit_line(spec.subject, 120),
        kind=tone(task),
        word="queued" if task.queued else tone(task).replace("_", " "),
        mark=_MARKS[done] if ended else "",
        agent=safe(agent_name(state, task_id)),
        attempts=str(task.attempt or ""),
        time="" if seconds is None else duration(seconds),
        tokens=amount(task.usage.tokens) if task.usage.tokens else "",
        cost=cost_text(task.usage),
        commit=short(task.commit),
        detail=fit_line(action or detail(state, task_id), 240),
        retry=ended and not done and task.standing is not Outcome.SKIPPED,
        anchor=f"t{state.graph.rank[task_id]}" if told else "",
    )


def _costs(spent: Mapping[By, Sequence[Row]]) -> list[CostTable]:
    """By task, agent and model, if any agent told what it used; tasks with the dearest first."""
    tables = []
    for by, found in spent.items():
        rows = sorted(found, key=lambda row: (-(row.usage.cost_usd or 0.0), -row.usage.tokens))
        if not any(row.usage.tokens or row.usage.cost_usd for row in rows):
            return []
        dearest = max((row.usage.cost_usd or 0.0 for row in rows), default=0.0)
        most = max((row.usage.tokens for row in rows), default=0)
        tables.append(
            CostTable(
                by.value,
                (by.value, "attempts", "input", "cached", "output", "cost"),
                tuple(
                    (
                        fit_line(row.name, 60) or "(not told)",
                        str(row.attempts),
                        f"{row.usage.input_tokens:,}",
                        f"{row.usage.cached_tokens:,}",
                        f"{row.usage.output_tokens:,}",
                        cost_text(row.usage),
                    )
                    for row in rows[:_MOST_COSTS]
                ),
                tuple(
                    round(100 * (row.usage.cost_usd or 0.0) / dearest if dearest else 100 * row.usage.tokens / most, 1)
                    for row in rows[:_MOST_COSTS]
                ),
                max(0, len(rows) - _MOST_COSTS),
            )
        )
    return tables


def _commands(state: State, outcome: RunOutcome) -> list[str]:
    run, found = state.run_id, []
    if outcome in (RunOutcome.STOPPED, RunOutcome.INTERRUPTED):
        found.append(safe(going_on(state)))
    failed = [
        i for i, task in state.tasks.items() if task.phase is Phase.ENDED and task.standing is not Outcome.COMPLETED
    ]
    own = [i for i in failed if state.tasks[i].standing not in (Outcome.SKIPPED, Outcome.CANCELLED)]
    if own:
        first = min(own, key=natural)
        found += [safe(commands.why(first, run)), safe(commands.retry(first, run))]
    if outcome is not RunOutcome.RUNNING and state.head not in (state.base, state.landed):
        found.append(safe(state.landing_hint or commands.land(run)))
    if state.head != state.base:
        found.append(safe(commands.history(state.base, run)))
    return found
