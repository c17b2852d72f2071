"""Which ready tasks to start now, and with which agent."""

from __future__ import annotations

from collections.abc import Iterator

from swarmskill.config import Schedule
from swarmskill.core.graph import bits
from swarmskill.core.state import Door, Stage, State, Stop


def choose(state: State) -> Iterator[tuple[int, str]]:
    """Ranks of the tasks to start with the agent for each, best first.

    Never more than the free slots, of the run and of the agent, never two whose manifests overlap
    with each other or with a task that is active. A manifest is taken until its task is integrated,
    so that the next one starts from a tip that holds its work.
    """
    free = state.config.max_workers - state.busy.bit_count()
    if free <= 0 or state.queued:  # who waits for a slot already shows that there is none
        return
    eligible = eligible_tasks(state)
    if not eligible:
        return
    overlaps = state.graph.overlaps
    taken = 0
    for rank in bits(state.active & state.graph.contended):  # thousands may be active while merges are slow
        taken |= overlaps[rank]
    room = {agent: _room(state, agent, free) for agent in _agents(state)}
    fixed = _union(state, room)
    for _ in range(free):
        closed = _union(state, (agent for agent, places in room.items() if places <= 0))
        candidates = eligible & ~taken & ~closed
        nearest = _roomiest(state, room)
        if not nearest:
            candidates &= fixed
        if not candidates:
            return
        low = candidates & -candidates
        rank = low.bit_length() - 1
        agent = state.tasks[state.graph.tasks[rank].id].agent or nearest
        yield rank, agent
        room[agent] -= 1
        eligible ^= low
        taken |= overlaps[rank]


def eligible_tasks(state: State) -> int:
    """Ready tasks that the run's stage and schedule allow to start now, as a bit set."""
    if state.stage is not Stage.RUNNING or state.stop is not Stop.NONE or state.failing:
        return 0
    # Whoever is told that the task ended shall not hear first that it goes on.
    ready = state.ready & ~state.owed & ~state.delayed
    return ready & state.wave if state.config.schedule is Schedule.WAVE else ready


def agent_limit(state: State, agent: str) -> int:
    """How many workers of the agent may be at work at the same time."""
    config = state.config
    limits = [config.max_workers]
    limits += [share.workers for share in config.pool if share.agent == agent and share.workers is not None]
    options = config.agents.get(agent)
    if options is not None and options.max_workers is not None:
        limits.append(options.max_workers)
    return min(limits)


def _agents(state: State) -> list[str]:
    """The agents of the pool in their order, then those that tasks name."""
    return list(dict.fromkeys([*(share.agent for share in state.config.pool), *state.bound]))


def _room(state: State, agent: str, free: int) -> int:
    gate = state.gates.get(agent)
    if gate is not None and (gate.door is not Door.PROBING or gate.probe):
        return 0
    left = agent_limit(state, agent) - (state.busy & state.bound.get(agent, 0)).bit_count()
    return min(left, 1 if gate is not None else free)


def _roomiest(state: State, room: dict[str, int]) -> str:
    """The agent of the pool with the most room, the first of several; "" if none has any."""
    best = max((share.agent for share in state.config.pool), key=room.__getitem__)
    return best if room[best] > 0 else ""


def _union(state: State, agents: Iterator[str] | dict[str, int]) -> int:
    members = 0
    for agent in agents:
        members |= state.bound.get(agent, 0)
    return members
