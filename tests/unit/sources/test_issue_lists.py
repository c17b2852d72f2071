"""Beads and GitHub issues, as their programs print them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarmskill.errors import InputError, UsageError
from swarmskill.sources import beads, github
from swarmskill.sources.base import Edge

FIXTURES = Path(__file__).parents[3] / "fixtures"


def bead(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"bd-{number}",
        "title": f"Bead {number}",
        "status": "open",
        "issue_type": "task",
        "priority": 2,
        **more,
    }


def issue(number: int, body: str = "", state: str = "OPEN") -> dict[str, Any]:
    return {
        "number": number,
        "title": f"Issue {number}",
        "body": body,
        "state": state,
        "labels": [],
        "url": f"u/{number}",
    }


def edge(*answers: str) -> tuple[Edge, list[list[str]]]:
    """A world in which programs answer in turn, and the list of what was run."""
    calls: list[list[str]] = []
    left = list(answers)

    def run(argv: Any) -> str:
        calls.append(list(argv))
        return left.pop(0)

    return Edge(top=None, home=Path("/nowhere"), environment={}, read=lambda path: "", run=run), calls


@pytest.mark.parametrize("name", ["ready.json", "ready-envelope.json"])
def test_every_shape_of_ready_beads(name: str) -> None:
    world, calls = edge((FIXTURES / "beads" / name).read_text())
    loaded = beads.SOURCE.load("", world)
    assert calls == [["bd", "ready", "--json", "-n", "10000"]]
    tasks = loaded.tasks.tasks
    assert [(task.id, task.priority) for task in tasks] == [("todo-a1", 1), ("todo-a3", 0)]
    assert "It is done when: model.txt is there" in tasks[0].description
    assert tasks[1].files == ("help.txt",)
    assert tasks[0].metadata["beads_id"] == "todo-a1"
    assert loaded.tasks.warnings == ("todo-a2: is left out: it is of the type epic",)
    assert (loaded.tracker, loaded.shared) == ("beads", True)


@pytest.mark.parametrize("name", ["show-array.json", "show-object.json", "show-envelope-object.json"])
def test_every_shape_of_a_shown_bead(name: str) -> None:
    world, calls = edge((FIXTURES / "beads" / name).read_text())
    (task,) = beads.load_beads(["todo-a1"], world).tasks.tasks
    assert calls == [["bd", "show", "todo-a1", "--json"]]
    assert (task.id, task.blocked_by, task.done) == ("todo-a1", (), False)


def test_nothing_is_ready() -> None:
    with pytest.raises(InputError, match="bd ready: nothing is ready$"):
        beads.SOURCE.load("", edge((FIXTURES / "beads/ready-empty.json").read_text())[0])
    with pytest.raises(InputError, match="but epics"):
        beads.SOURCE.load("", edge(json.dumps([bead(1, issue_type="epic")]))[0])


@pytest.mark.parametrize("printed", ["No ready work\n", "{", '{"error": "no database"}', "[1]", '[{"id": 3}]', '"x"'])
def test_what_bd_should_not_print(printed: str) -> None:
    with pytest.raises(InputError, match="bd ready: ") as caught:
        beads.SOURCE.load("", edge(printed)[0])
    assert caught.value.hint


def test_beads_of_an_epic_or_a_label() -> None:
    world, calls = edge(json.dumps([bead(1)]))
    beads.SOURCE.load("epic=bd-9,label=core", world)
    assert calls[0][5:] == ["--parent", "bd-9", "--label", "core"]
    with pytest.raises(UsageError, match="cannot be asked"):
        beads.SOURCE.load("state=open", world)


def test_edges_among_chosen_beads() -> None:
    on = [{"id": "bd-1", "dependency_type": "blocks", "status": "open"}]
    on += [{"id": "bd-9", "dependency_type": "parent-child", "status": "open"}]
    on += [{"id": "bd-8", "dependency_type": "blocks", "status": "closed"}]
    on += [{"id": "bd-7", "dependency_type": "related", "status": "open"}]
    world, _ = edge(json.dumps([bead(2, dependencies=on)]), json.dumps(bead(1)))
    tasks = beads.load_beads(["bd-2", "bd-1", "bd-2"], world).tasks.tasks
    assert [(task.id, task.blocked_by) for task in tasks] == [("bd-2", ("bd-1",)), ("bd-1", ())]


@pytest.mark.parametrize(
    ("shown", "problem"),
    [
        (bead(1, dependencies=[{"id": "bd-5", "dependency_type": "blocks", "status": "open"}]), "waits for bd-5"),
        (bead(1, dependencies=[{"depends_on_id": "bd-5", "type": "waits-for"}]), "waits for bd-5"),
        (bead(1, issue_type="epic"), "of the type epic"),
        ([], "no such issue"),
    ],
)
def test_beads_that_cannot_be_chosen(shown: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        beads.load_beads(["bd-1"], edge(json.dumps(shown))[0])


@pytest.mark.parametrize("ids", [[], ["--help"]])
def test_ids_that_are_none(ids: list[str]) -> None:
    with pytest.raises(UsageError):
        beads.load_beads(ids, edge()[0])


def test_the_sample_of_github() -> None:
    states = ['{"number": 5, "state": "CLOSED"}', '{"number": 6, "state": "OPEN"}']
    world, calls = edge((FIXTURES / "lists/github/issues.json").read_text(), *states)
    loaded = github.SOURCE.load("milestone=Release 2,repo=octo/todo", world)
    assert calls[0][:7] == ["gh", "issue", "list", "-R", "octo/todo", "--milestone", "Release 2"]
    assert [call[3] for call in calls[1:]] == ["5", "6"]
    assert [(task.id, task.blocked_by, task.done) for task in loaded.tasks.tasks] == [
        ("11", (), True),
        ("12", ("11",), False),
        ("13", ("12",), False),
        ("14", ("11", "12", "13"), False),
    ]
    assert loaded.tasks.tasks[1].metadata["labels"] == ["enhancement"]
    assert "- [ ] it has a title" in loaded.tasks.tasks[1].description
    assert (loaded.tracker, loaded.options, loaded.shared) == ("github", {"repo": "octo/todo"}, False)
    assert [warning.split(":")[0] for warning in loaded.tasks.warnings] == ["#15", "#10"]


@pytest.mark.parametrize(
    ("body", "waits"),
    [
        ("Blocked by #2", ("2",)),
        ("**blocked by:** #2", ()),
        ("- blocked by: #2, #3 and #4", ("2", "3", "4")),
        ("It depends on #2 & #3.", ("2", "3")),
        ("see #2", ()),
        ("unblocked by #2", ()),
        ("blocked by #1", ()),
        ("blocked by #2\nblocked by #2", ("2",)),
    ],
)
def test_words_that_are_edges(body: str, waits: tuple[str, ...]) -> None:
    listed = github.parse([issue(1, body), issue(2), issue(3), issue(4)], "github", {})
    assert listed.tasks[0].blocked_by == waits


def test_what_waits_for_what_is_left_out_is_left_out() -> None:
    listed = github.parse([issue(1, "blocked by #9"), issue(2, "blocked by #1"), issue(3)], "github", {"9": "OPEN"})
    assert [task.id for task in listed.tasks] == ["3"]
    assert len(listed.warnings) == 2


def test_two_issues_that_wait_for_each_other() -> None:
    with pytest.raises(InputError, match="1 -> 2 -> 1"):
        github.parse([issue(1, "blocked by #2"), issue(2, "blocked by #1")], "github:label=x", {})


def test_nothing_is_open() -> None:
    with pytest.raises(InputError, match="no open issue"):
        github.parse([issue(1, state="CLOSED")], "github:label=x", {})


@pytest.mark.parametrize("where", ["", "milestone", "milestone=", "state=open", "repo=a/b", "label=-x"])
def test_what_github_cannot_be_asked_for(where: str) -> None:
    with pytest.raises(UsageError, match="milestone=|are no task list"):
        try:
            github.SOURCE.load(where, edge()[0])
        except UsageError as error:
            raise UsageError(f"{error.message} {error.hint}") from None


def test_gh_must_print_issues() -> None:
    with pytest.raises(InputError, match="printed no list of issues"):
        github.SOURCE.load("label=x", edge("{}")[0])
