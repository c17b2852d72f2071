"""Many tasks that do nothing: what a run costs beside its workers, and that none is lost or made twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.real.harness import Project, project, slow_unless_in_ci

__all__ = ["project"]


def wide(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "subject": f"task {n}", "run": ["true"], "allow_empty": True} for n in range(1, count + 1)]


def chain(count: int) -> list[dict[str, Any]]:
    return [{**task, "blockedBy": [task["id"] - 1] if task["id"] > 1 else []} for task in wide(count)]


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        (wide, 40),
        (chain, 40),
        pytest.param(wide, 1000, marks=slow_unless_in_ci),
        pytest.param(chain, 1000, marks=slow_unless_in_ci),
    ],
    ids=lambda value: value if isinstance(value, int) else value.__name__,
)
def test_every_task_becomes_one_commit(project: Project, shape: Any, count: int, capsys: Any) -> None:
    (project.top / "a.txt").write_text("a\n")
    base = project.commit_all("start")
    ran = project.swarm("run", project.write_tasks(shape(count)), "--json")
    with capsys.disabled():
        print(
            f"\n{count} no-op tasks, {shape.__name__}: {ran.seconds:.1f} s, {ran.seconds / count * 1000:.0f} ms a task"
        )
    assert ran.code == 0, ran.stderr[-2000:]
    assert {task["outcome"] for task in ran.document["tasks"]} == {"completed"}
    order = [int(task) for task in project.trailers(f"{base}..main", "Swarm-Task")]
    assert sorted(order) == list(range(1, count + 1))
    assert project.trailers(f"{base}..main", "Swarm-Attempt") == ["1"] * count
    if shape is chain:
        assert order == sorted(order)
    assert project.git("rev-parse", "main^{tree}") == project.git("rev-parse", f"{base}^{{tree}}")
    assert project.git("status", "--porcelain") == ""
    assert project.attempts_left() == []
