"""Which ready tasks are started, against a greedy walk over a sorted list."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from swarmskill.core.choose import choose, eligible_tasks
from swarmskill.core.graph import bits, build_graph
from swarmskill.core.manifest import overlap
from swarmskill.core.state import Stage, State, Stop
from swarmskill.model import RunConfig, Schedule, Task

MANIFESTS = ((), ("a",), ("a/x",), ("b",), ("a/y", "b/z"))


def state_of(
    manifests: list[tuple[str, ...]], *, ready: int, active: int = 0, busy: int = 0, workers: int = 2
) -> State:
    """Tasks 0, 1, 2… of equal weight, so that the rank is the number."""
    tasks = [Task(id=str(number), subject="", files=files) for number, files in enumerate(manifests)]
    config = RunConfig(max_workers=workers)
    return State(run_id="run", config=config, graph=build_graph(tasks), ready=ready, active=active, busy=busy)


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
    assert list(choose(state)) == chosen


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
    assert list(choose(state)) == [2]


def _mask(members: set[int]) -> int:
    return sum(1 << member for member in members)
