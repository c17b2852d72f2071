"""What a run and its tasks have used of their money and their tokens, and when to warn of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from swarmskill.core.budget import run_usage
from swarmskill.core.state import State, TaskState
from swarmskill.model import Usage
from swarmskill.records import dataclass
from swarmskill.views.marks import amount, cost_text, count, money
from swarmskill.views.run_json import asked_model

WARN_AT: Final = 0.8
"""The share of a limit from which on somebody is warned."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What was used, and the limits in US dollars and in tokens; None for no limit."""

    usage: Usage
    max_cost: float | None = None
    max_tokens: int | None = None
    untold: int = 0
    """How many tasks used tokens of which nobody told the cost: what was used is a lower bound then."""

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.max_cost is not None or self.max_tokens is not None

    @property
    def text(self) -> str:
        """Tokens and cost with their limits, `12k of 50k tokens, ~$0.31 of $2.00`; "" if there is nothing to tell."""
        if not self.limited:
            if not self.usage.tokens and self.usage.cost_usd is None:
                return ""
            return ", ".join(filter(None, (f"{amount(self.usage.tokens)} tokens", self._cost)))
        of_tokens = "" if self.max_tokens is None else f" of {amount(self.max_tokens)}"
        return ", ".join(filter(None, (f"{amount(self.usage.tokens)}{of_tokens} tokens", self._cost)))

    @property
    def share(self) -> float:
        """The larger share of the limits that is used, 1.0 being all of it."""
        limits = ((self.usage.cost_usd or 0.0, self.max_cost), (self.usage.tokens, self.max_tokens))
        return max((_share(used, limit) for used, limit in limits if limit is not None), default=0.0)

    @property
    def _cost(self) -> str:
        if self.max_cost is None:
            return at_least(self.usage, self.untold)
        if self.usage.tokens and self.usage.cost_usd is None:
            return f"cost not told (limit {money(self.max_cost)})"
        least, told = ("at least ", f", {count(self.untold, 'task')} not told") if self.untold else ("", "")
        return f"{least}{cost_text(self.usage) or money(0)} of {money(self.max_cost)}{told}"


def at_least(usage: Usage, untold: int) -> str:
    """The cost, as a lower bound where that of some tasks is not told: `at least $0.04, 3 tasks not told`."""
    if usage.cost_usd is None or not untold:
        return cost_text(usage)
    return f"at least {cost_text(usage)}, {count(untold, 'task')} not told"


def run_budget(state: State) -> Budget:
    """The budget of the whole run, at a price that does not grow with its tasks: `untold` is not counted."""
    return Budget(run_usage(state), state.config.max_cost, state.config.max_tokens)


def whole_budget(state: State) -> Budget:
    """The budget of the whole run, with the number of tasks whose cost is not told."""
    return replace(run_budget(state), untold=sum(map(_is_untold, state.tasks.values())))


def unseen_costs(state: State) -> list[str]:
    """For each model that a limit in dollars does not see, as nobody knows its price, one line that says so."""
    found: dict[str, str] = {}
    for task_id, task in state.tasks.items():
        if _is_untold(task):
            found.update(price_warning(state, task_id, task.end.report.model if task.end else ""))
    return [found[key] for key in sorted(found)]


def price_warning(state: State, task_id: str, model: str) -> list[tuple[str, str]]:
    """The model's key and the warning, if the task used tokens that a limit in dollars does not see; else nothing.

    `model` is the one that its agent told, "" if it told none.
    """
    task = state.tasks[task_id]
    capped = state.config.max_cost is not None or state.graph.task(task_id).max_cost is not None
    if not capped or not _is_untold(task):
        return []
    name = model or asked_model(state, task_id) or f"what {task.agent} uses"
    return [(name, f"cost of {name} is not known: --max-cost does not see it; give it a price in [prices]")]


def _is_untold(task: TaskState) -> bool:
    return task.usage.tokens > 0 and task.usage.cost_usd is None


def task_budget(state: State, task_id: str) -> Budget:
    """The budget of one task over all its attempts."""
    spec = state.graph.task(task_id)
    return Budget(state.tasks[task_id].usage, spec.max_cost, spec.max_tokens)


def budget_warnings(state: State, task_id: str = "", model: str = "") -> Iterator[tuple[str, str]]:
    """For each budget that is nearly used up a key, which is another one for other limits, and the warning.

    Also for a model whose cost no limit sees; `model` is the one that the task's agent told.

    The run is looked at, and the task if one is named. Of a budget that is used up the run tells by itself.
    """
    if state.config.max_cost is not None or state.config.max_tokens is not None:
        yield from _warning("the run", run_budget(state))
    if task_id in state.tasks:
        yield from price_warning(state, task_id, model)
        yield from _warning(f"task {task_id}", task_budget(state, task_id))


def _warning(name: str, budget: Budget) -> Iterator[tuple[str, str]]:
    if WARN_AT <= budget.share < 1.0:
        key = f"{name} {budget.max_cost} {budget.max_tokens}"
        yield key, f"{name} has used {int(budget.share * 100)} % of its budget: {budget.text}"


def _share(used: float, limit: float) -> float:
    return used / limit if limit > 0 else 1.0
