"""A folder with one file for each task, as Claude Code keeps its task list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarmskill.errors import InputError
from swarmskill.sources.taskfile import load_tasks


def write(folder: Path, **tasks: dict[str, Any]) -> Path:
    for name, task in tasks.items():
        (folder / f"{name.removeprefix('t')}.json").write_text(json.dumps(task))
    return folder


def task(number: int, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "subject": f"Task {number}", "description": "", "status": "pending", **more}


def test_each_file_is_a_task_in_the_order_of_the_names(tmp_path: Path) -> None:
    folder = write(tmp_path, **{f"t{number}": task(number) for number in (10, 9, 1)})
    (folder / ".lock").write_text("")
    (folder / ".highwatermark").write_text("11")
    assert [one.id for one in load_tasks(str(folder)).tasks] == ["1", "9", "10"]


def test_what_the_assistant_keeps_is_understood(tmp_path: Path) -> None:
    first = task(1, blocks=["2"], blockedBy=[], activeForm="Writing", owner="w", metadata={"files": ["a.txt"]})
    second = task(2, status="in_progress", blockedBy=["1"])
    done = task(3, status="completed")
    tasks = {one.id: one for one in load_tasks(str(write(tmp_path, t1=first, t2=second, t3=done))).tasks}
    assert (tasks["1"].files, tasks["1"].active_form) == (("a.txt",), "Writing")
    assert tasks["2"].blocked_by == ("1",)
    assert [one.done for one in tasks.values()] == [False, False, True]


def test_its_own_list_may_have_cycles_ours_may_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 -> 2 -> 1|2 -> 1 -> 2"):
        load_tasks(str(write(tmp_path, t1=task(1, blockedBy=["2"]), t2=task(2, blockedBy=["1"]))))


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[1]", "wants one task"), ("{", "ends in the middle"), ("\udcff", "cannot be read"), ("7", "wants one task")],
)
def test_a_file_that_is_no_task_is_named(tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path, t1=task(1))
    (tmp_path / "2.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=problem) as caught:
        load_tasks(str(tmp_path))
    assert str(tmp_path / "2.json") in caught.value.message
