"""Money and tokens: what was used, and what is left for the run, a task and an attempt."""

from __future__ import annotations

import math

from swarmskill.config import OnExhaust
from swarmskill.core.copying import replace
from swarmskill.core.graph import bits
from swarmskill.core.state import State, Stop, TaskState
from swarmskill.model import NOTHING_USED, Task, Usage


def run_usage(state: State) -> Usage:
    """All that the run has used so far."""
    total = state.settled + state.beside
    for rank in bits(state.busy):
        used = state.tasks[state.graph.tasks[rank].id].used
        if used is not NOTHING_USED:
            total += used
    return total


def shortage(usage: Usage, max_cost: float | None, max_tokens: int | None) -> str:
    """Which limit is reached, as "$2.04 of $2.00" or "1200 of 1000 tokens"; "" if none is."""
    if max_cost is not None and (usage.cost_usd or 0.0) >= max_cost:
        return f"{dollars(usage.cost_usd or 0.0)} of {dollars(max_cost)}"
    if max_tokens is not None and usage.tokens >= max_tokens:
        return f"{usage.tokens} of {max_tokens} tokens"
    return ""


def dollars(usd: float) -> str:
    """A sum with its cents; below a cent with two digits that tell something, `$0.0001`."""
    if not 0 < usd < 0.01:
        return f"${usd:.2f}"
    return "$" + f"{usd:.{1 - math.floor(math.log10(usd))}f}".rstrip("0")


def exhaust(state: State) -> State:
    """Stop the run if its budget is used up and something is open that needs a worker."""
    config = state.config
    unlimited = config.max_cost is None and config.max_tokens is None
    if unlimited or state.stop is not Stop.NONE:
        return state
    needy = state.busy if state.failing else state.open & ~(state.active & ~state.busy)
    if not needy:
        return state
    short = shortage(run_usage(state), config.max_cost, config.max_tokens)
    return halt(state, short) if short else state


def halt(state: State, short: str) -> State:
    """Stop the run, as its budget is used up."""
    if state.stop is not Stop.NONE:
        return state
    stop = Stop.GRACEFUL if state.config.on_exhaust is OnExhaust.DRAIN else Stop.NOW
    return replace(state, stop=stop, stop_reason=f"the budget is used up: {short}", exhausted=True)


def task_shortage(task: TaskState, spec: Task) -> str:
    """Which limit of its own the task has reached; "" if none."""
    return shortage(task.usage, spec.max_cost, spec.max_tokens)


def run_left(state: State) -> float | None:
    """US dollars that the run may still spend; None for any sum."""
    return _left(state.config.max_cost, run_usage(state)) if state.config.max_cost is not None else None


def task_left(spec: Task, settled: Usage) -> float | None:
    """US dollars that attempts at the task may still spend after those that used `settled`; None for any sum."""
    return _left(spec.max_cost, settled) if spec.max_cost is not None else None


def left_for(state: State, task_id: str) -> float | None:
    """US dollars that one more attempt at the task may spend; None for any sum."""
    both = (run_left(state), task_left(state.graph.task(task_id), state.tasks[task_id].settled))
    return min((left for left in both if left is not None), default=None)


def _left(limit: float, used: Usage) -> float:
    return max(0.0, limit - (used.cost_usd or 0.0))
