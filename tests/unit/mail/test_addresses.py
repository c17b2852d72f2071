"""Whom an address means, where a task is called like the mayor or like another task's worker."""

from __future__ import annotations

import pytest

from swarmskill.mail.roster import Whom, task_address, whom, worker_address

TASKS = {"1", "1-1", "mayor", "task:2"}


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("mayor", (Whom.MAYOR, "mayor")),
        ("task:mayor", (Whom.TASK, "mayor")),
        ("mayor-1", (Whom.WORKER, "mayor-1")),
        ("1", (Whom.TASK, "1")),
        ("1-1", (Whom.TASK, "1-1")),
        ("worker:1-1", (Whom.WORKER, "1-1")),
        ("1-1-1", (Whom.WORKER, "1-1-1")),
        ("task:2", (Whom.TASK, "task:2")),
        ("task:task:2", (Whom.TASK, "task:2")),
    ],
)
def test_a_tasks_id_comes_before_a_workers_name(address: str, meant: tuple[Whom, str]) -> None:
    assert whom(address, TASKS) == meant


def test_what_is_meant_can_always_be_said() -> None:
    for task in TASKS:
        assert whom(task_address(task), TASKS) == (Whom.TASK, task)
    for worker in ("1-1", "1-1-1", "mayor-1"):
        assert whom(worker_address(worker, TASKS), TASKS) == (Whom.WORKER, worker)
    assert worker_address("mayor", TASKS) == "mayor"
