"""Task Master's list: tags, subtasks, dependencies, statuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarmskill.errors import InputError
from swarmskill.sources.task_master import SOURCE, parse

SAMPLE = Path(__file__).parents[3] / "fixtures/lists/task-master/.taskmaster/tasks/tasks.json"


def task(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "title": f"Task {number}", "description": "", "status": "pending", "dependencies": [], **more}


def read(*tasks: dict[str, Any]) -> Any:
    return parse({"master": {"tasks": list(tasks)}}, "tasks.json", "master")


def test_the_sample() -> None:
    listed = parse(json.loads(SAMPLE.read_text()), "tasks.json", "master")
    assert [(one.id, one.subject, one.blocked_by, one.priority, one.done) for one in listed.tasks] == [
        ("1", "Initialize Repo", (), 1, True),
        ("2.1", "Configure the client", ("1",), 1, False),
        ("2.2", "Handle the callback", ("2.1", "1"), 1, False),
        ("3", "Show who is signed in", ("2.1", "2.2"), 3, False),
    ]
    assert "It is a part of task 2, Sign in with a provider" in listed.tasks[1].description
    assert "How it is tested: A missing variable" in listed.tasks[1].description
    assert [warning.split(":")[0] for warning in listed.warnings] == ["/master/tasks/3", "/master/tasks/4"]
    assert "5 is left out: it waits for 4" in listed.warnings[1]


def test_the_other_tag() -> None:
    assert [one.subject for one in parse(json.loads(SAMPLE.read_text()), "t", "docs").tasks] == ["Write the guide"]


def test_a_list_of_before_there_were_tags() -> None:
    assert [one.id for one in parse({"tasks": [task(1), task(2, dependencies=["1"])]}, "t", "").tasks] == ["1", "2"]


def test_subtasks_may_name_others_in_every_way() -> None:
    subtasks = [task(1), task(2, dependencies=[1]), task(3, dependencies=["1.2", "2"])]
    tasks = {
        one.id: one.blocked_by for one in read(task(1, subtasks=subtasks), task(2), task(3, dependencies=["1.1"])).tasks
    }
    assert tasks == {"1.1": (), "1.2": ("1.1",), "1.3": ("1.2",), "2": (), "3": ("1.1",)}


def test_a_task_that_is_done_is_done_in_all_its_parts() -> None:
    listed = read(task(1, status="done", subtasks=[task(1)]), task(2, dependencies=[1]))
    assert [(one.id, one.done) for one in listed.tasks] == [("1.1", True), ("2", False)]


def test_nobody_waits_for_what_was_cancelled() -> None:
    listed = read(task(1, status="cancelled"), task(2, dependencies=[1]))
    assert [(one.id, one.blocked_by) for one in listed.tasks] == [("2", ())]


@pytest.mark.parametrize("status", ["deferred", "blocked", "review"])
def test_what_is_set_aside_holds_up_who_waits_for_it(status: str) -> None:
    listed = read(
        task(1, status=status), task(2, dependencies=[1]), task(3, dependencies=[2]), task(4, status="in-progress")
    )
    assert [one.id for one in listed.tasks] == ["4"]
    assert len(listed.warnings) == 3


@pytest.mark.parametrize(
    ("tasks", "place", "problem"),
    [
        ([task(1), task(1)], "/master/tasks/1", "used twice"),
        ([task(1, dependencies=[7])], "/master/tasks/0/dependencies/0", "no task has the id"),
        ([task(1, dependencies=[1])], "/master/tasks/0/dependencies/0", "waits for itself"),
        ([task(1, status="finished?")], "/master/tasks/0/status", "not a status"),
        ([task(1, title="")], "/master/tasks/0/title", "blank"),
        ([{"title": "x"}], "/master/tasks/0/id", "as an id"),
        (["x"], "/master/tasks/0", "wants a task"),
        (
            [task(1, dependencies=[2]), task(2, dependencies=[1])],
            "/master/tasks/0/dependencies/0",
            "wait for each other",
        ),
        (
            [task(1, subtasks=[task(1, dependencies=["9.9"])])],
            "/master/tasks/0/subtasks/0/dependencies/0",
            "no task has",
        ),
        ([task(1, status="deferred")], "/master/tasks", "no task to be done"),
        ([], "/master/tasks", "no task to be done"),
    ],
)
def test_what_is_refused(tasks: list[Any], place: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        read(*tasks)
    assert caught.value.place == place
    assert caught.value.hint


def test_a_tag_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(InputError, match="there are: master, docs"):
        parse(json.loads(SAMPLE.read_text()), "t", "feature")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (SAMPLE.read_text(), True),
        (json.dumps({"tasks": [task(1)]}), True),
        ('{"tasks": [{"id": 1, "subject": "s"}]}', False),
        ('[{"id": 1, "title": "s"}]', False),
        ('{"tasks": []}', False),
        ("{", False),
        ("[" * 100_000, False),
    ],
)
def test_it_is_known_by_its_content(text: str, is_one: bool) -> None:
    assert SOURCE.recognises("tasks.json", text) is is_one
