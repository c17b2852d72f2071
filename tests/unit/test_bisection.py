"""Bisection of a batch: what lands, what is refused, and what it costs, against trying one at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmskill.mayor.bisection import bisect

Passes = Callable[[frozenset[int]], bool]
"""Whether the checks pass on the tree that holds these attempts."""


class Branch:
    """A branch whose checks are a function of the attempts on it."""

    def __init__(self, passes: Passes) -> None:
        self.passes = passes
        self.landed: list[int] = []
        self.refused: dict[int, frozenset[int]] = {}
        """Attempt -> what was on the branch when it failed alone on it."""
        self.tried: list[tuple[int, ...]] = []

    def lands(self, stack: Sequence[int]) -> bool:
        self.tried.append(tuple(stack))
        if self.passes(frozenset((*self.landed, *stack))):
            self.landed += stack
            return True
        if len(stack) == 1:
            self.refused[stack[0]] = frozenset(self.landed)
        return False


def settled(attempts: Sequence[int], passes: Passes) -> Branch:
    branch = Branch(passes)
    assert bisect(attempts, branch.lands) == (len(branch.landed) == len(attempts))
    return branch


def one_at_a_time(attempts: Sequence[int], passes: Passes) -> Branch:
    branch = Branch(passes)
    for attempt in attempts:
        branch.lands([attempt])
    return branch


def never_together(groups: Sequence[frozenset[int]]) -> Passes:
    return lambda there: not any(group <= there for group in groups)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 20])
def test_a_sound_batch_takes_one_run(size: int) -> None:
    branch = settled(range(size), lambda there: True)
    assert (branch.landed, len(branch.tried)) == (list(range(size)), 1)


@pytest.mark.parametrize("size", [2, 3, 5, 8, 16, 31])
def test_one_guilty_is_found_in_logarithmic_time_wherever_it_is(size: int) -> None:
    for guilty in range(size):
        branch = settled(range(size), lambda there, guilty=guilty: guilty not in there)
        assert list(branch.refused) == [guilty]
        assert branch.landed == [one for one in range(size) if one != guilty]
        assert len(branch.tried) <= 1 + 2 * math.ceil(math.log2(size))


@pytest.mark.parametrize("pair", list(combinations(range(8), 2)))
def test_of_two_that_break_each_other_the_later_is_refused(pair: tuple[int, int]) -> None:
    branch = settled(range(8), never_together([frozenset(pair)]))
    assert list(branch.refused) == [pair[1]]
    assert len(branch.landed) == 7


def test_what_is_refused_failed_alone_even_if_its_failure_was_to_be_expected() -> None:
    branch = settled("ab", lambda there: there != frozenset("ab"))
    assert branch.tried == [("a", "b"), ("a",), ("b",)]


def test_a_failure_that_does_not_come_again_refuses_nobody() -> None:
    runs = iter([False])
    branch = settled(range(4), lambda there: next(runs, True))
    assert branch.landed == [0, 1, 2, 3]


@settings(max_examples=60)
@given(st.integers(1, 12), st.data())
def test_as_long_as_more_work_mends_nothing_it_ends_as_one_at_a_time(size: int, data: st.DataObject) -> None:
    one = st.frozensets(st.integers(0, size - 1), min_size=1, max_size=3)
    passes = never_together(data.draw(st.lists(one, max_size=6)))
    batch, serial = settled(range(size), passes), one_at_a_time(range(size), passes)
    assert batch.landed == serial.landed
    assert batch.refused == serial.refused


@settings(max_examples=60)
@given(st.integers(1, 10), st.sets(st.integers(1, 1023)))
def test_whatever_the_checks_say(size: int, failing: set[int]) -> None:
    """Also when work heals what earlier work broke."""
    branch = settled(range(size), lambda there: sum(1 << one for one in there) not in failing)
    assert sorted([*branch.landed, *branch.refused]) == list(range(size)), "each has one end"
    assert branch.landed == sorted(branch.landed), "the order is kept"
    assert len(branch.tried) <= 2 * size - 1
    assert len(set(branch.tried)) == len(branch.tried), "no stack is tried twice"
    for attempt, there in branch.refused.items():
        assert not branch.passes(there | {attempt})
        assert there == {one for one in branch.landed if one < attempt}, "on top of all that landed before it"
