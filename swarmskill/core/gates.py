"""One gate for each agent: what its service told one worker holds for all of them.

A limit or an overload closes the gate for a while that doubles each time; then one worker probes, and
when its model answers the gate is open. What needs a person shuts it until the run is resumed.
"""

from __future__ import annotations

import zlib
from typing import Final

from swarmskill.core.copying import replace
from swarmskill.core.effects import Effect, Rest
from swarmskill.core.events import AttemptEvent
from swarmskill.core.graph import bits, fixed_agent
from swarmskill.core.state import Door, Gate, State
from swarmskill.model import NOTHING_USED, Problem, Trouble

GATED: Final = frozenset({Trouble.RATE_LIMIT, Trouble.OVERLOADED, Trouble.NETWORK})
"""Troubles of an agent's service: they pass, and are no task's failure."""

CLOSED: Final = frozenset({Door.SHUT, Door.DEGRADED})
"""What only a person opens, by resuming the run."""

_BREAKDOWNS: Final = 6
_BREAKDOWN_SPAN: Final = 1800.0
"""So many breakdowns within so many seconds, and an agent is left."""

_LONGEST: Final = 300.0
"""Seconds; a longer time that the service itself names is kept whatever it is."""

_STRIKES: Final = 12
"""So often in a row, over half an hour, and it is for a person."""


def close_gate(state: State, event: AttemptEvent, problem: Problem) -> tuple[State, tuple[Effect, ...]]:
    """The service turned a worker of the task's agent away: all of them wait."""
    agent = state.tasks[event.task].agent
    gate = state.gates.get(agent)
    if gate is not None and gate.door is not Door.PROBING:
        return state, ()  # another worker was told the same
    strikes = gate.strikes + 1 if gate else 1
    kind = problem.kind.replace("_", " ")
    reason = f"{kind}: {problem.detail}" if problem.detail else kind
    if strikes > _STRIKES:
        return _put(state, agent, Gate(Door.SHUT, f"turned away {strikes} times in a row, {reason}", strikes)), ()
    seconds = _seconds(state.run_id, agent, strikes, problem.retry_after)
    gate = Gate(Door.RESTING, reason, strikes, event.at + seconds)
    return _put(state, agent, gate), (Rest(agent, strikes, gate.until),)


def shut_gate(state: State, agent: str, reason: str) -> State:
    """Nothing helps but a person: no more workers of this agent."""
    return _put(state, agent, Gate(Door.SHUT, reason))


def broke_down(state: State, agent: str, at: float) -> State:
    """A worker of the agent crashed or stalled. After more than five in half an hour the agent is left."""
    times = (*state.breakdowns.get(agent, ()), at)[-_BREAKDOWNS:]
    state = replace(state, breakdowns=state.breakdowns.insert(agent, times))
    if len(times) < _BREAKDOWNS or at - times[0] > _BREAKDOWN_SPAN:
        return state
    gate = state.gates.get(agent)
    if gate is not None and gate.door in CLOSED:
        return state
    reason = f"{_BREAKDOWNS} of its workers crashed or stalled within half an hour"
    return _put(state, agent, Gate(Door.DEGRADED, reason))


def leave_degraded(state: State) -> State:
    """Tasks of agents that are left are set free for the others of the pool, if there are any."""
    for agent in sorted(state.gates):
        gate = state.gates[agent]
        if gate.door is Door.DEGRADED and any(share.agent != agent for share in state.config.pool):
            for rank in bits(state.bound.get(agent, 0) & state.open & ~state.active):
                state = _set_free(state, rank, agent)
    return state


def _set_free(state: State, rank: int, agent: str) -> State:
    spec = state.graph.tasks[rank]
    if fixed_agent(spec):
        return state
    task = replace(state.tasks[spec.id], agent="", place=None, session="", session_used=NOTHING_USED)
    bound = state.bound.insert(agent, state.bound[agent] & ~(1 << rank))
    return replace(state, tasks=state.tasks.insert(spec.id, task), bound=bound)


def begin_probing(state: State, agent: str, strikes: int) -> State | None:
    """The wait is over; None if no such wait was under way."""
    gate = state.gates.get(agent)
    if gate is None or gate.door is not Door.RESTING or gate.strikes != strikes:
        return None
    return _put(state, agent, replace(gate, door=Door.PROBING, until=0.0))


def probe_started(state: State, agent: str, task_id: str) -> State:
    """A worker of the agent is started: if its gate is probed, it is the one that tries."""
    gate = state.gates.get(agent)
    if gate is None or gate.door is not Door.PROBING:
        return state
    return _put(state, agent, replace(gate, probe=task_id))


def answered(state: State, task_id: str) -> State:
    """The model of the task's worker answered: if it was the probe, the gate is open."""
    agent = state.tasks[task_id].agent
    gate = state.gates.get(agent)
    if gate is None or gate.probe != task_id:
        return state
    return replace(state, gates=state.gates.remove(agent))


def probe_gone(state: State, task_id: str) -> State:
    """The task's worker is gone, and nobody knows what its service would have said: another one may probe."""
    agent = state.tasks[task_id].agent
    gate = state.gates.get(agent)
    if gate is None or gate.probe != task_id:
        return state
    return _put(state, agent, replace(gate, probe=""))


def open_shut_gates(state: State) -> State:
    """Somebody resumed the run: what needed a person is taken for mended. A wait goes on."""
    gates, breakdowns = state.gates, state.breakdowns
    for agent, gate in list(gates.items()):
        if gate.door in CLOSED:
            gates = gates.remove(agent)
        if gate.door is Door.DEGRADED:
            breakdowns = breakdowns.remove(agent)
    return replace(state, gates=gates, breakdowns=breakdowns)


def _seconds(run_id: str, agent: str, strikes: int, asked: float | None) -> float:
    """How long to wait: about two, four, eight seconds and so on; longer where the service asks for more.

    Never less than our own, or a service that always says "in a second" would use up the strikes in moments.
    A bit more spreads the swarms of one user that are turned away at the same time; it is no chance (law 1).
    """
    spread = zlib.crc32(f"{run_id} {agent} {strikes}".encode()) / 2**32
    seconds = min(2.0**strikes, _LONGEST) * (0.75 + spread / 4)
    return seconds if asked is None else max(seconds, asked + spread)


def _put(state: State, agent: str, gate: Gate) -> State:
    return replace(state, gates=state.gates.insert(agent, gate))
