"""`swarm tree`: the task graph as an indented tree, and below each task the runs that its workers started."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from swarmskill.core.budget import run_usage
from swarmskill.core.graph import Graph, natural
from swarmskill.lineage import Relative
from swarmskill.model import Outcome, Phase
from swarmskill.records import dataclass
from swarmskill.views.kinship import Family
from swarmskill.views.marks import PLAIN, Look, cost_text, count, elapsed, listed, style_of
from swarmskill.views.outcome import RunOutcome, counts, run_outcome, run_seconds, task_seconds, word
from swarmskill.views.run_json import tree_document, usage_row

_DEEPEST = 12
"""Levels that are drawn; deeper ones are numbered instead, so that a long chain stays readable."""

_STYLES = {
    RunOutcome.RUNNING: "cyan",
    RunOutcome.COMPLETED: "green",
    RunOutcome.STOPPED: "yellow",
    RunOutcome.INTERRUPTED: "yellow",
    RunOutcome.INCOMPLETE: "red",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """A line of the tree: a task by its rank, or a run where `rank` is None."""

    run: Relative
    rank: int | None = None


def tree_text(family: Family, now: float, *, look: Look = PLAIN) -> str:
    """Each task once, below the blocker that comes last; its other blockers are named beside it.

    A run that a worker started is below the worker's task. What a line tells of money is of the task's own
    workers, and for a run of it and all below it.
    """
    return "\n".join(_lines(family, now, look)) + "\n"


def family_document(family: Family, now: float, one: Relative | None = None) -> dict[str, Any]:
    """`swarm tree --json`: the graph of each run, each task with the runs that its workers started, and all costs.

    `total` is what the run used with all below it, `used` what it used itself.
    """
    one = one or family.top
    if one.trouble:
        return {"run_id": one.folder.run_id, "outcome": None, "problem": one.trouble, "tasks": []}
    document = tree_document(one.state, now, held=one.held)
    for row in document["tasks"]:
        task = one.state.tasks[row["id"]]
        seconds = task_seconds(task, now)
        row["attempts"] = task.attempt
        row["seconds"] = None if seconds is None else round(seconds, 3)
        row["used"] = usage_row(task.usage)
        row["runs"] = [family_document(family, now, child) for child in family.children(one, row["id"])]
    origin = one.kin.origin
    return {
        "run_id": document["run_id"],
        "folder": str(one.folder.path),
        "parent": {"run_id": origin.folder.run_id, "task": origin.task, "attempt": origin.attempt} if origin else None,
        "outcome": document["outcome"],
        "counts": counts(one.state),
        "seconds": round(run_seconds(one.state, now), 3),
        "used": usage_row(run_usage(one.state)),
        "total": usage_row(family.usage(one)),
        "tasks": document["tasks"],
    }


def _lines(family: Family, now: float, look: Look) -> Iterator[str]:
    places: dict[int, dict[int | None, list[int]]] = {}
    left: list[tuple[_Place, int, tuple[bool, ...]]] = [(_Place(family.top), 0, ())]
    while left:
        place, level, guides = left.pop()
        yield _line(family, place, now, level, guides, look)
        below = list(_below(family, place, places))
        for child in reversed(below):
            # guides past the deepest drawn level are not kept: a chain of 10 000 would copy 50 million
            longer = (*guides, child != below[-1]) if level <= _DEEPEST else ()
            left.append((child, level + 1, longer))


def _below(family: Family, place: _Place, known: dict[int, dict[int | None, list[int]]]) -> Iterator[_Place]:
    """A task's runs come before what waits for it."""
    run = place.run
    if run.trouble:
        return
    graph = run.state.graph
    if id(graph) not in known:
        known[id(graph)] = _placed(graph)
    if place.rank is None:
        yield from (_Place(child) for child in family.strangers(run))
    else:
        yield from (_Place(child) for child in family.children(run, graph.tasks[place.rank].id))
    yield from (_Place(run, rank) for rank in known[id(graph)].get(place.rank, []))


def _line(family: Family, place: _Place, now: float, level: int, guides: tuple[bool, ...], look: Look) -> str:
    # What is directly below the top run is not indented: most runs have no other.
    before = _guides(level - 1, guides[1:], look) if level else ""
    if place.rank is None:
        mark, style, text = "", "", _run_text(family, place.run, now, look)
    else:
        mark, style, text = _task_text(place.run, place.rank, now, look)
    room = max(8, look.width - len(before) - len(mark) - bool(mark)) if look.width else 0
    text = look.fit(text, room) if room else text
    if place.rank is None:
        head, space, rest = text.partition("  ")
        outcome = rest.partition(",")[0]
        known = RunOutcome(outcome) if outcome in set(RunOutcome) else None
        rest = look.paint(outcome, _STYLES[known]) + rest[len(outcome) :] if known else rest
        return look.paint(before, "dim") + look.paint(head, "bold") + space + rest
    return f"{look.paint(before, 'dim')}{look.paint(mark, style)} {text}"


def _run_text(family: Family, run: Relative, now: float, look: Look) -> str:
    name = run.folder.run_id if run is family.top else f"run {run.folder.run_id}"
    if run.trouble:
        return f"{name}  cannot be read: {look.clean(run.trouble)}"
    parts = [run_outcome(run.state, held=run.held).value]
    done = counts(run.state)["completed"]
    parts.append(f"{done} of {count(len(run.state.tasks), 'task')}")
    parts.append(elapsed(run_seconds(run.state, now)))
    total = family.usage(run)
    if total.cost_usd is not None:
        parts.append(cost_text(total) + (" with the runs below" if family.children(run) else ""))
    origin = run.kin.origin
    if origin is not None and run is not family.top and origin.attempt > 1:
        parts.append(f"by try {origin.attempt}")
    return f"{name}  {', '.join(parts)}"


def _task_text(run: Relative, rank: int, now: float, look: Look) -> tuple[str, str, str]:
    state = run.state
    spec = state.graph.tasks[rank]
    task = state.tasks[spec.id]
    above = _place(state.graph, rank)
    others = [look.clean(b) for b in dict.fromkeys(spec.blocked_by) if state.graph.rank[b] != above]
    after = f" (also after {listed(others)})" if others else ""
    plain = task.standing is Outcome.COMPLETED or task.phase is Phase.WAITING
    said = "" if plain else f"  {word(task).replace('_', ' ')}"
    seconds = task_seconds(task, now)
    if seconds is not None and task.phase is not Phase.ENDED:
        said += f" {elapsed(seconds)}"
    cost = f"  {cost_text(task.usage)}" if task.usage.cost_usd is not None else ""
    return look.mark(task), style_of(task), f"{look.clean(spec.id)}  {look.clean(spec.subject)}{after}{said}{cost}"


def _guides(level: int, guides: tuple[bool, ...], look: Look) -> str:
    """The lines that lead to a task; each guide tells whether more comes on that level."""
    if not level:
        return ""
    if level > _DEEPEST or len(guides) < level:
        return f"{look.sign('…')} level {level + 1}: "
    bar, tee, corner, dash = (look.sign(sign) for sign in "│├└─")
    lead = "".join(f"{bar}  " if more else "   " for more in guides[:-1])
    return lead + (tee if guides[-1] else corner) + dash + " "


def _placed(graph: Graph) -> dict[int | None, list[int]]:
    """The ranks below each rank, and below None those at the top."""
    below: dict[int | None, list[int]] = {}
    for rank in range(len(graph.tasks)):
        below.setdefault(_place(graph, rank), []).append(rank)
    for ranks in below.values():
        ranks.sort(key=lambda rank: natural(graph.tasks[rank].id))
    return below


def _place(graph: Graph, rank: int) -> int | None:
    """The blocker below which a task is shown: the one of the last generation."""
    return max(graph.blockers[rank], key=lambda b: (graph.generation[b], -b), default=None)
