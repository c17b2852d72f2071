"""What a person can do so that a run with open tasks goes on."""

from __future__ import annotations

import math
from collections.abc import Iterator

from swarmskill.backends.host import HOSTED
from swarmskill.core.state import State
from swarmskill.views import commands
from swarmskill.views.gates import how_to_mend
from swarmskill.views.spending import run_budget


def mending(state: State) -> Iterator[tuple[str, str]]:
    """For each agent that is shut out its name and what helps."""
    for agent in sorted(state.gates):
        if fix := how_to_mend(agent, state.gates[agent]):
            yield agent, fix


def going_on(state: State) -> str:
    """The command that takes the run up again; with a higher limit if the budget stopped it."""
    if state.config.backend in HOSTED:
        return commands.resume_hosted(state.run_id)
    budget = run_budget(state)
    if not state.exhausted:
        return commands.resume(state.run_id)
    cost, tokens = budget.max_cost, budget.max_tokens
    more_cost = cost is not None and (budget.usage.cost_usd or 0.0) >= cost
    more_tokens = tokens is not None and budget.usage.tokens >= tokens
    if not (more_cost or more_tokens):  # the agent's own cap stopped it before ours did
        more_cost, more_tokens = cost is not None, cost is None
    return commands.resume(
        state.run_id,
        max_cost=_higher(cost, budget.usage.cost_usd) if more_cost else None,
        max_tokens=_higher(tokens, budget.usage.tokens) if more_tokens else None,
    )


def _higher(limit: float | None, used: float | None) -> int | None:
    """A limit that leaves as much again as there was."""
    return None if limit is None else max(1, math.ceil(limit + max(limit, used or 0.0)))
