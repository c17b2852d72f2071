"""Why no more workers of an agent start, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from swarmskill.core.gates import CLOSED
from swarmskill.core.state import Door, Gate, State
from swarmskill.errors import SwarmError
from swarmskill.views.marks import clock

_NOWHERE = Path("/nonexistent")


def gate_lines(state: State) -> Iterator[str]:
    """A line for each agent whose gate is not open, in the order of their names."""
    for agent in sorted(state.gates):
        yield gate_text(agent, state.gates[agent])


def gate_text(agent: str, gate: Gate) -> str:
    """What the agent waits for, and why."""
    if gate.door is Door.RESTING:
        return f"{agent} rests until {clock(gate.until)}: {gate.reason}"
    if gate.door in CLOSED:
        return shut_text(agent, gate)
    who = f"task {gate.probe} tries whether it answers" if gate.probe else "one worker may try whether it answers"
    return f"{agent} rested, {who}: {gate.reason}"


def shut_text(agent: str, gate: Gate) -> str:
    """That the agent cannot work or is left, why, and what helps."""
    if gate.door is Door.DEGRADED:
        return f"{agent} gets no more tasks: {gate.reason}; {how_to_mend(agent, gate)}"
    fix = how_to_mend(agent, gate)
    return f"{agent} cannot work: {gate.reason}" + (f"; {fix}" if fix else "")


def how_to_mend(agent: str, gate: Gate) -> str:
    """What a person can do so that the agent works again; "" for a gate that opens by itself."""
    if gate.door is Door.DEGRADED:
        return "look into its workers' logs; resuming the run gives it tasks again"
    if gate.door is not Door.SHUT:
        return ""
    if gate.strikes:
        return "wait until its service answers again"
    return _login(agent)


def _login(agent: str) -> str:
    """How to log in to the agent, in its adapter's words."""
    from swarmskill.agents.base import LoginState
    from swarmskill.agents.registry import find_agent

    try:
        login = find_agent(agent).login({}, _NOWHERE)  # what it would say to somebody who never logged in
    except SwarmError:
        return f"log in to {agent}"
    return f"log in: {login.how}" if login.state is LoginState.NO else f"log in to {agent}"
