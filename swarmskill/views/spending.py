"""What a run and its tasks have used of their money and their tokens, and when to warn of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from swarmskill.core.budget import run_usage
from swarmskill.core.state import State
from swarmskill.model import Usage
from swarmskill.views.marks import amount, cost_text, money, usage_text

WARN_AT: Final = 0.8
"""The share of a limit from which on somebody is warned."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What was used, and the limits in US dollars and in tokens; None for no limit."""

    usage: Usage
    max_cost: float | None = None
    max_tokens: int | None = None

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.max_cost is not None or self.max_tokens is not None

    @property
    def text(self) -> str:
        """Tokens and cost with their limits, `12k of 50k tokens, ~$0.31 of $2.00`; "" if there is nothing to tell."""
        if not self.limited:
            return usage_text(self.usage) if self.usage.tokens or self.usage.cost_usd is not None else ""
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
            return cost_text(self.usage)
        if self.usage.tokens and self.usage.cost_usd is None:
            return f"cost not told (limit {money(self.max_cost)})"
        return f"{cost_text(self.usage) or money(0)} of {money(self.max_cost)}"


def run_budget(state: State) -> Budget:
    """The budget of the whole run."""
    return Budget(run_usage(state), state.config.max_cost, state.config.max_tokens)


def task_budget(state: State, task_id: str) -> Budget:
    """The budget of one task over all its attempts."""
    spec = state.graph.task(task_id)
    return Budget(state.tasks[task_id].usage, spec.max_cost, spec.max_tokens)


def budget_warnings(state: State, task_id: str = "") -> Iterator[tuple[str, str]]:
    """For each budget that is nearly used up a key, which is another one for other limits, and the warning.

    The run is looked at, and the task if one is named. Of a budget that is used up the run tells by itself.
    """
    if state.config.max_cost is not None or state.config.max_tokens is not None:
        yield from _warning("the run", run_budget(state))
    if task_id in state.tasks:
        yield from _warning(f"task {task_id}", task_budget(state, task_id))


def _warning(name: str, budget: Budget) -> Iterator[tuple[str, str]]:
    if WARN_AT <= budget.share < 1.0:
        key = f"{name} {budget.max_cost} {budget.max_tokens}"
        yield key, f"{name} has used {int(budget.share * 100)} % of its budget: {budget.text}"


def _share(used: float, limit: float) -> float:
    return used / limit if limit > 0 else 1.0
