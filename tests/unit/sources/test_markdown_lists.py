"""Boxes in Markdown, spec-kit's list and plain checklists."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmskill.boxes import Box, read_markdown, tick
from swarmskill.errors import InputError
from swarmskill.model import TaskList
from swarmskill.sources import checklist, spec_kit
from swarmskill.sources.mentions import mentioned_paths

LISTS = Path(__file__).parents[3] / "fixtures/lists"


def boxes(text: str) -> list[Box]:
    return [part for part in read_markdown(text) if isinstance(part, Box)]


def edges(listed: TaskList) -> dict[str, tuple[str, ...]]:
    return {task.id: task.blocked_by for task in listed.tasks}


@pytest.mark.parametrize(
    "line", ["- [ ] a", "* [ ] a", "+ [x] a", "3. [X] a", "12) [ ] a", "\t- [ ] a", "  -  [ ]  a  "]
)
def test_a_box_is_any_list_item_with_one(line: str) -> None:
    (box,) = boxes(f"# head\r\n{line}\r\n")
    assert (box.line, box.text, box.done) == (2, "a", line.lower().count("x") == 1)


@pytest.mark.parametrize(
    "line", ["-[ ] a", "- [] a", "- [ ]a", "- [y] a", "- [ ]", "[ ] a", "- a [ ] b", "    x - [ ] a"]
)
def test_what_is_no_box(line: str) -> None:
    assert boxes(line) == []


def test_code_and_comments_are_examples() -> None:
    text = "```\n- [ ] a\n```\n~~~~ md\n```\n- [ ] b\n~~~~\n<!-- - [ ] c -->\n<!--\n- [ ] d\n-->\n- [ ] e\n"
    assert [box.text for box in boxes(text)] == ["e"]


def test_a_tick_changes_one_character() -> None:
    text = "\ufeff- [ ] a\r\n\t* [ ] ü 🙂\r\n- [ ] c"
    ticked = tick(text, boxes(text)[-2], "X")
    assert ticked == "\ufeff- [ ] a\r\n\t* [X] ü 🙂\r\n- [ ] c"


def test_the_sample_of_spec_kit() -> None:
    path = "fixtures/lists/spec-kit/specs/001-todo-cli/tasks.md"
    listed = spec_kit.parse((LISTS.parents[1] / path).read_text(), path)
    assert edges(listed) == {
        "T001": (),
        "T002": (),  # what was before it is done
        "T003": ("T002",),
        "T004": ("T003",),
        "T005": ("T003",),
        "T006": ("T004", "T005"),
        "T007": ("T004", "T005"),
        "T008": ("T006", "T007"),
        "T009": ("T008",),
        "T010": ("T009",),
    }
    tasks = {task.id: task for task in listed.tasks}
    assert [task_id for task_id, task in tasks.items() if task.done] == ["T001"]
    assert tasks["T001"].files == ()  # plan.md is read, not written
    assert (tasks["T002"].files, tasks["T009"].files, tasks["T010"].files) == (("ruff.toml",), ("docs",), ())
    assert tasks["T006"].files == ("src/todo/model.py",)
    assert tasks["T006"].subject == "Create the Task model in src/todo/model.py"
    assert "Phase 3: User Story 1" in tasks["T006"].description
    assert "specs/001-todo-cli/" in tasks["T006"].description
    assert tasks["T006"].metadata["story"] == "US1"


def test_a_barrier_holds_for_all_that_is_above_it() -> None:
    text = "## Phase 1\n- [ ] T001 a\n## Phase 2\n- [x] T002 b\n## Phase 3\n- [ ] T003 c\n- [ ] T004 [P] d\n- [ ] T005 [P] e\n- [ ] T006 f\n"
    assert edges(spec_kit.parse(text, "t")) == {
        "T001": (),
        "T002": (),
        "T003": ("T001",),
        "T004": ("T003",),
        "T005": ("T003",),
        "T006": ("T004", "T005"),
    }


def test_neighbours_that_are_marked_run_side_by_side_but_tests_come_first() -> None:
    text = "### Tests\n- [ ] T1 [P] [US1] a\n- [ ] T2 [US1] [P] b\n### Implementation\n- [ ] T3 [P] c\n"
    assert edges(spec_kit.parse(text, "t")) == {"T1": (), "T2": (), "T3": ("T1", "T2")}


def test_a_dependency_that_is_written_out_counts_beside_the_order() -> None:
    text = "- [x] T001 a\n- [ ] T002 [P] b (depends on T001)\n- [ ] T003 [P] c (Depends on T001, T002 and T001)\n"
    assert edges(spec_kit.parse(text, "t")) == {"T001": (), "T002": ("T001",), "T003": ("T001", "T002")}


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ("# Tasks\n", "no line such as", ""),
        ("- [ ] T001 a\n- [ ] T001 b\n", "used twice", "line 2"),
        ("- [ ] TXXX a\n", "stands for a number", "line 1"),
        ("- [ ] T001 a (depends on T009)\n", "no task has the id", "line 1"),
        ("- [ ] T001 [P] a (depends on T002)\n- [ ] T002 [P] b (depends on T001)\n", "wait for each other", "line 1"),
    ],
)
def test_what_spec_kit_cannot_have_meant(text: str, problem: str, place: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        spec_kit.parse(text, "tasks.md")
    assert (caught.value.source, caught.value.place) == ("tasks.md", place)
    assert caught.value.hint


def test_boxes_without_an_id_are_left_alone_and_told() -> None:
    listed = spec_kit.parse("- [ ] T001 a\n- [ ] reviewed by Ada\n", "t")
    assert len(listed.tasks) == 1
    assert "line 2" in listed.warnings[0]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("Create User in src/models/user.py", ("src/models/user.py",)),
        ("Edit `app/[slug]/page.tsx` and (docs/a.md).", ("app/[slug]/page.tsx", "docs/a.md")),
        ("Implement authentication/authorization and/or logging", ()),
        ("Set up Node.js 20.1 with Next.js, e.g. v1.2.3", ()),
        ("GET /api/users.json of https://a.example/b.py", ()),
        ("Write README.md and Dockerfile, `setup.cfg`", ("README.md", "Dockerfile", "setup.cfg")),
        ("Run tests/smoke.py per contracts/users.md", ()),
        ("Create src/ and ./tests/unit/", ("src", "tests/unit")),
        ("Contract test in tests/contract/test_[Name].py", ()),
        ("Never ../outside.py or .git/config.toml", ()),
    ],
)
def test_paths_that_a_sentence_names(text: str, paths: tuple[str, ...]) -> None:
    assert mentioned_paths(text, None) == paths


def test_the_sample_of_a_checklist() -> None:
    listed = checklist.parse((LISTS / "checklist/TODO.md").read_text(), "TODO.md")
    assert [(task.id, task.subject, task.blocked_by, task.done) for task in listed.tasks] == [
        ("1", "Choose a format", (), True),
        ("2", "Add the model", (), False),
        ("2.1", "Store it in a file", ("2",), False),
        ("2.1.1", "Lock the file", ("2.1",), False),
        ("2.2", "Print it", ("2",), False),
        ("3", "Write the changelog", (), False),
        ("4", "Print it", (), False),
    ]
    tasks = {task.id: task for task in listed.tasks}
    assert "One file for each user." in tasks["2.1"].description
    assert "heading: Later" in tasks["4"].description
    assert [tasks[one].metadata["occurrence"] for one in ("2.2", "4")] == [0, 1]


def test_a_file_without_boxes_is_no_checklist() -> None:
    with pytest.raises(InputError, match=r"TODO\.md: has no item with a box"):
        checklist.parse("- a\n", "TODO.md")
