"""How often a task may fail for which reason."""

from __future__ import annotations

import pytest

from swarmskill.core.retries import CONFLICT, LOST, PAUSED, SPAWN, may_retry, outcome_of
from swarmskill.model import CheckKind, Outcome, Task, Trouble

CAPS = {CheckKind.TESTS: 3, CheckKind.COMMAND: 3, CheckKind.TIMEOUT: 1, CheckKind.ISOLATION: 0, CONFLICT: 1, LOST: 5}
CAPS |= {Trouble.TURNS: 1, Trouble.REFUSED: 1, Trouble.BUDGET: 0}
FIXED = (LOST, CONFLICT, CheckKind.ISOLATION, Trouble.BUDGET)
KINDS = [*CheckKind, *Trouble, CONFLICT, LOST, SPAWN]


def _retries(kind: str, *, task_cap: int | None = None, run_cap: int | None = None) -> int:
    """How many attempts that fail for one and the same reason are tried again."""
    task, count = Task(id="1", subject="", max_retries=task_cap), 0
    while may_retry(task, run_cap, {kind: count}, kind):
        count += 1
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_cap(kind: str) -> None:
    assert _retries(kind) == CAPS.get(kind, 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cap", [0, 1, 7])
def test_a_cap_of_the_run_replaces_those_of_the_kinds(kind: str, cap: int) -> None:
    assert _retries(kind, run_cap=cap) == (CAPS[kind] if kind in FIXED else cap)


def test_a_cap_of_the_task_goes_before_that_of_the_run() -> None:
    assert _retries(CheckKind.LINT, task_cap=0, run_cap=5) == 0
    assert _retries(CheckKind.LINT, task_cap=4, run_cap=1) == 4


def test_without_a_cap_kinds_are_counted_apart() -> None:
    task = Task(id="1", subject="")
    assert may_retry(task, None, {CheckKind.LINT: 2, CheckKind.TIMEOUT: 1}, CheckKind.TESTS)
    assert not may_retry(task, None, {CheckKind.LINT: 2}, CheckKind.LINT)


def test_with_a_cap_kinds_are_counted_together_but_for_the_blameless() -> None:
    task = Task(id="1", subject="", max_retries=2)
    assert may_retry(task, None, {CheckKind.LINT: 1, LOST: 4, CONFLICT: 1}, CheckKind.TESTS)
    assert not may_retry(task, None, {CheckKind.LINT: 1, SPAWN: 1}, CheckKind.TESTS)


def test_kinds_that_were_read_from_a_ledger_are_plain_strings() -> None:
    assert not may_retry(Task(id="1", subject=""), None, {"timeout": 1}, "timeout")
    assert outcome_of("timeout") is Outcome.TIMED_OUT


def test_outcomes() -> None:
    special = {
        CheckKind.EXIT: Outcome.FAILED,
        SPAWN: Outcome.FAILED,
        CheckKind.TIMEOUT: Outcome.TIMED_OUT,
        CheckKind.STALLED: Outcome.TIMED_OUT,
        CheckKind.MEMORY: Outcome.FAILED,
        **dict.fromkeys(Trouble, Outcome.FAILED),
        LOST: Outcome.LOST,
        CONFLICT: Outcome.CONFLICTED,
    }
    assert {kind: outcome_of(kind) for kind in KINDS} == {kind: special.get(kind, Outcome.REJECTED) for kind in KINDS}


def test_a_worker_that_left_its_worktree_is_never_tried_again() -> None:
    assert _retries(CheckKind.ISOLATION, task_cap=3) == 0
    assert _retries(CheckKind.ISOLATION, run_cap=3) == 0


def test_no_kind_of_trouble_is_named_like_a_kind_of_check() -> None:
    assert not set(Trouble) & {*CheckKind, CONFLICT, LOST, SPAWN, PAUSED}
