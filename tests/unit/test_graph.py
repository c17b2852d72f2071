"""The task graph: ranks, weights, generations and cycles, against walks over every chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmskill.core.graph import EMPTY_GRAPH, bits, build_graph, critical_path, find_cycle, natural
from swarmskill.model import Task


def task(task_id: str, *blockers: str, priority: int = 2, done: bool = False, estimate: float | None = None) -> Task:
    return Task(id=task_id, subject=task_id, blocked_by=blockers, priority=priority, done=done, estimate=estimate)


@st.composite
def task_lists(draw: st.DrawFn) -> list[Task]:
    """Up to 7 tasks without a cycle, in any order."""
    ids = [str(number) for number in range(draw(st.integers(0, 7)))]
    tasks = [
        task(
            task_id,
            *draw(st.lists(st.sampled_from(ids[:index]), max_size=3) if index else st.just([])),
            priority=draw(st.integers(1, 2)),
            done=draw(st.sampled_from([False, False, False, True])),
            estimate=draw(st.sampled_from([None, 1.0, 2.0, 10.0])),
        )
        for index, task_id in enumerate(ids)
    ]
    return draw(st.permutations(tasks))


def chains(tasks: Sequence[Task], start: Task) -> Iterator[list[Task]]:
    """Every chain of open tasks that begins with `start`, each task blocked by the one before."""
    yield [start]
    for other in tasks:
        if start.id in other.blocked_by and not other.done:
            yield from ([start, *chain] for chain in chains(tasks, other))


def seconds(tasks: Sequence[Task], chain: Sequence[Task]) -> float:
    known = [one.estimate for one in tasks if one.estimate is not None]
    usual = median(known) if known else 1.0
    return sum(usual if one.estimate is None else one.estimate for one in chain)


@given(task_lists())
def test_weight_is_that_of_the_heaviest_chain_behind(tasks: list[Task]) -> None:
    graph = build_graph(tasks)
    for rank, one in enumerate(graph.tasks):
        heaviest = 0.0 if one.done else max(seconds(tasks, chain) for chain in chains(tasks, one))
        assert graph.weight[rank] == heaviest


@given(task_lists())
def test_generation_is_the_longest_chain_of_open_blockers(tasks: list[Task]) -> None:
    graph = build_graph(tasks)
    every = [chain for one in tasks if not one.done for chain in chains(tasks, one)]
    for rank, one in enumerate(graph.tasks):
        lengths = [len(chain) - 1 for chain in every if chain[-1] is one]
        assert graph.generation[rank] == max(lengths, default=0)


@given(task_lists())
def test_edges_are_seen_from_both_sides_once(tasks: list[Task]) -> None:
    graph = build_graph(tasks)
    edges = {(graph.rank[blocker], graph.rank[one.id]) for one in tasks for blocker in one.blocked_by}
    assert sorted(edges) == sorted((b, rank) for rank, bs in enumerate(graph.blockers) for b in bs)
    assert sorted(edges) == sorted((rank, d) for rank, ds in enumerate(graph.dependents) for d in ds)
    assert all(graph.task(one.id) is one for one in tasks)


@given(task_lists())
def test_order_has_each_rank_once_after_its_blockers(tasks: list[Task]) -> None:
    graph = build_graph(tasks)
    assert sorted(graph.order) == list(range(len(tasks)))
    place = {rank: index for index, rank in enumerate(graph.order)}
    assert all(place[blocker] < place[rank] for rank, bs in enumerate(graph.blockers) for blocker in bs)


@given(task_lists())
def test_rank_is_priority_then_weight_then_id(tasks: list[Task]) -> None:
    graph = build_graph(tasks)
    keys = [(one.priority, -graph.weight[rank], int(one.id)) for rank, one in enumerate(graph.tasks)]
    assert keys == sorted(keys)


@given(task_lists())
def test_the_critical_path_is_the_heaviest_chain(tasks: list[Task]) -> None:
    graph = build_graph(tasks)
    path = [graph.task(task_id) for task_id in critical_path(graph)]
    every = [chain for one in tasks if not one.done for chain in chains(tasks, one)]
    assert path in every or not every
    assert seconds(tasks, path) == max((seconds(tasks, chain) for chain in every), default=0.0)


@given(task_lists(), st.data())
def test_a_cycle_is_found_just_if_there_is_one(tasks: list[Task], data: st.DataObject) -> None:
    assert find_cycle(tasks) is None
    long = [chain for one in tasks for chain in chains(tasks, one)]
    if not long:
        return
    chain = data.draw(st.sampled_from(long))
    closing = task(chain[0].id, *chain[0].blocked_by, chain[-1].id)
    looped = [closing if one is chain[0] else one for one in tasks]
    cycle = find_cycle(looped)
    assert cycle is not None
    assert cycle[0] == cycle[-1]
    assert len(set(cycle)) == len(cycle) - 1
    blocked_by = {one.id: one.blocked_by for one in looped}
    assert all(blocker in blocked_by[one] for one, blocker in pairwise(cycle))
    with pytest.raises(CycleError):
        build_graph(looped)


def test_a_cycle_reads_in_the_direction_of_blocked_by() -> None:
    cycle = find_cycle([task("1", "2"), task("2", "3"), task("3", "1"), task("4", "1")])
    assert cycle in (["1", "2", "3", "1"], ["2", "3", "1", "2"], ["3", "1", "2", "3"])
    assert find_cycle([task("1", "1")]) == ["1", "1"]


def test_tasks_that_are_done_hold_nothing_up() -> None:
    graph = build_graph([task("a"), task("b", "a", done=True), task("c", "b", estimate=9.0)])
    assert graph.weight[graph.rank["a"]] == 9.0
    assert graph.generation[graph.rank["c"]] == 0
    assert critical_path(graph) == ["a"]


def test_natural_order() -> None:
    ids = ["task-10", "task-2", "10", "9", "a", "task-2b", "task", ""]
    assert sorted(ids, key=natural) == ["", "9", "10", "a", "task", "task-2", "task-2b", "task-10"]


@given(st.lists(st.text(alphabet="aé-_02٣²"), max_size=5))
def test_any_text_has_a_place_in_natural_order(ids: list[str]) -> None:
    sorted(ids, key=natural)


@given(st.sets(st.integers(0, 300)))
def test_bits_are_the_members_lowest_first(members: set[int]) -> None:
    assert list(bits(sum(1 << member for member in members))) == sorted(members)


def test_a_graph_of_nothing() -> None:
    assert build_graph([]) == EMPTY_GRAPH
    assert critical_path(EMPTY_GRAPH) == []
