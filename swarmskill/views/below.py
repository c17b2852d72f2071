"""The runs that a run's workers started, a row each, and what all of them used: for the report and the page."""

from __future__ import annotations

from collections.abc import Sequence

from swarmskill.core.state import State
from swarmskill.lineage import Relative
from swarmskill.model import Usage
from swarmskill.records import dataclass
from swarmskill.views.cost import By, Row, family_rows, total_of
from swarmskill.views.kinship import Family
from swarmskill.views.marks import amount, cost_text, count, duration
from swarmskill.views.outcome import counts, counts_text, run_outcome, run_seconds
from swarmskill.views.spending import at_least, whole_budget

UNREADABLE = "unreadable"
"""Stands for the outcome of a run whose ledger cannot be read."""


@dataclass(frozen=True, slots=True)
class Below:
    """A run below another one, as texts. `level` is 1 for a run of its own workers; the use is of this run alone.

    `near` if it is a run of the same repository. Task ids are as they were given.
    """

    run_id: str
    level: int
    outcome: str
    by: str
    task: str
    tasks: str
    time: str = ""
    tokens: str = ""
    cost: str = ""
    near: bool = False


def runs_below(family: Family, now: float) -> tuple[Below, ...]:
    """A row for each descendant of the family's top run, each below the one whose worker started it."""
    return tuple(_below(family, one, now) for one in family.relatives[1:])


@dataclass(frozen=True, slots=True)
class Sums:
    """Tokens and cost as texts, "" for what nobody told: what a run used itself, and what all of its family did."""

    own: tuple[str, str]
    whole: tuple[str, str]

    @property
    def text(self) -> str:
        """What all used, as `12k tokens, $0.31`; "" if no agent told."""
        tokens, cost = self.whole
        return ", ".join(filter(None, (f"{tokens or 0} tokens", cost))) if tokens or cost else ""


def sums_of(family: Family, rows: Sequence[Row] | None = None) -> Sums:
    """The sums of a family; `rows` are those of its costs, for whoever has them already."""
    rows = family_rows(family, By.AGENT) if rows is None else rows
    usage, untold = total_of(rows), sum(row.untold for row in rows)
    least = "at least " if untold and usage.cost_usd is not None else ""
    return Sums(_own(family.top.state), (_tokens(usage), f"{least}{cost_text(usage)}"))


def _own(state: State) -> tuple[str, str]:
    budget = whole_budget(state)
    return _tokens(budget.usage), at_least(budget.usage, budget.untold)


def _tokens(usage: Usage) -> str:
    return amount(usage.tokens) if usage.tokens else ""


def _below(family: Family, one: Relative, now: float) -> Below:
    origin = one.kin.origin
    place = (one.folder.run_id, one.kin.level)
    parent, task = (origin.folder.run_id, origin.task) if origin else ("", "")
    near = one.folder.path.parent == family.top.folder.path.parent
    if one.trouble:
        return Below(*place, UNREADABLE, parent, task, one.trouble, near=near)
    tokens, cost = _own(one.state)
    return Below(
        *place,
        run_outcome(one.state, held=one.held).value,
        parent,
        task,
        f"{count(len(one.state.tasks), 'task')}: {counts_text(counts(one.state))}",
        duration(run_seconds(one.state, now)),
        tokens,
        cost,
        near=near,
    )
