"""Which ready tasks are started, against a greedy walk over a sorted list."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rpds import HashTrieMap

from swarmskill.core.choose import agent_limit, choose, eligible_tasks
from swarmskill.core.graph import bits, build_graph
from swarmskill.core.manifest import overlap
from swarmskill.core.state import Door, Gate, Stage, State, Stop, TaskState
from swarmskill.config import AgentOptions, RunConfig, Schedule, Share
from swarmskill.model import Phase, Task

MANIFESTS = ((), ("a",), ("a/x",), ("b",), ("a/y", "b/z"))


def state_of(
    manifests: list[tuple[str, ...]], *, ready: int, active: int = 0, busy: int = 0, workers: int = 2
) -> State:
    """Tasks 0, 1, 2… of equal weight, so that the rank is the number."""
    tasks = [Task(id=str(number), subject="", files=files) for number, files in enumerate(manifests)]
    config = RunConfig(max_workers=workers)
    states = HashTrieMap({task.id: TaskState(phase=Phase.READY) for task in tasks})
    return State(
        run_id="run", config=config, graph=build_graph(tasks), tasks=states, ready=ready, active=active, busy=busy
    )


def pooled(pool: tuple[Share, ...], agents: list[str], *, busy: int = 0, workers: int = 9) -> State:
    """Tasks 0, 1, 2… bound to these agents, "" for those that may go to any; all are ready that are not busy."""
    state = state_of([()] * len(agents), ready=(1 << len(agents)) - 1 & ~busy, active=busy, busy=busy, workers=workers)
    states = {str(number): TaskState(phase=Phase.READY, agent=agent) for number, agent in enumerate(agents)}
    bound = {name: _mask({i for i, agent in enumerate(agents) if agent == name}) for name in set(agents) - {""}}
    config = replace(state.config, pool=pool)
    return replace(state, config=config, tasks=HashTrieMap(states), bound=HashTrieMap(bound))


@given(
    st.lists(st.sampled_from(MANIFESTS), min_size=1, max_size=6),
    st.lists(st.sampled_from(["waiting", "ready", "merging", "running"]), min_size=6, max_size=6),
    st.integers(1, 4),
)
def test_the_best_that_fit_are_chosen(manifests: list[tuple[str, ...]], phases: list[str], workers: int) -> None:
    places = {name: {i for i in range(len(manifests)) if phases[i] == name} for name in set(phases)}
    running, merging = places.get("running", set()), places.get("merging", set())
    taken = [*running, *merging]
    chosen: list[int] = []
    for number in sorted(places.get("ready", set())):
        clash = any(overlap(a, b) for other in taken for a in manifests[number] for b in manifests[other])
        if len(running) + len(chosen) < workers and not clash:
            chosen.append(number)
            taken.append(number)
    state = state_of(
        manifests,
        ready=_mask(places.get("ready", set())),
        active=_mask(running | merging),
        busy=_mask(running),
        workers=workers,
    )
    assert [rank for rank, _ in choose(state)] == chosen


def test_nothing_is_eligible_while_the_run_stops_fails_lands_or_is_over() -> None:
    state = state_of([(), ()], ready=0b11)
    assert eligible_tasks(state) == 0b11
    for stop in set(Stop) - {Stop.NONE}:
        assert eligible_tasks(replace(state, stop=stop)) == 0
    for stage in set(Stage) - {Stage.RUNNING}:
        assert eligible_tasks(replace(state, stage=stage)) == 0
    assert eligible_tasks(replace(state, failing=True)) == 0


def test_under_the_wave_schedule_only_its_members_are_eligible() -> None:
    state = state_of([(), (), ()], ready=0b111)
    state = replace(state, wave=0b010, config=replace(state.config, schedule=Schedule.WAVE))
    assert list(bits(eligible_tasks(state))) == [1]


def test_a_manifest_stays_taken_after_the_slot_is_free() -> None:
    state = state_of([("a",), ("a/x",), ("b",)], ready=0b110, active=0b001, busy=0, workers=1)
    assert list(choose(state)) == [(2, "command")]


def test_a_free_task_goes_to_the_agent_with_the_most_room_and_to_the_first_of_several() -> None:
    state = pooled((Share("a", 2), Share("b", 3), Share("c", 1)), [""] * 8)
    assert [agent for _, agent in choose(state)] == ["b", "a", "b", "a", "b", "c"]


def test_a_bound_task_waits_for_its_agent_and_others_pass_it() -> None:
    state = pooled((Share("a", 1), Share("b", 1)), ["a", "a", ""], busy=0b001)
    assert list(choose(state)) == [(2, "b")]


def test_a_task_may_name_an_agent_outside_the_pool() -> None:
    assert list(choose(pooled((Share("a", 1),), ["c", "", "c"]))) == [(0, "c"), (1, "a"), (2, "c")]


def test_through_a_gate_goes_nobody_or_one_that_tries() -> None:
    state = pooled((Share("a"),), ["a", "a"])
    for gate, started in (
        (Gate(Door.RESTING, "", 1, 5.0), []),
        (Gate(Door.SHUT, ""), []),
        (Gate(Door.PROBING, "", 1, probe="1"), []),
        (Gate(Door.PROBING, "", 1), [(0, "a")]),
    ):
        assert list(choose(replace(state, gates=HashTrieMap({"a": gate})))) == started


def test_the_limit_of_an_agent_is_the_smallest_of_three() -> None:
    state = pooled((Share("a", 4), Share("b")), [], workers=6)
    config = replace(state.config, agents={"a": AgentOptions(max_workers=3), "c": AgentOptions(max_workers=7)})
    state = replace(state, config=config)
    assert [agent_limit(state, agent) for agent in ("a", "b", "c")] == [3, 6, 6]


def _mask(members: set[int]) -> int:
    return sum(1 << member for member in members)
