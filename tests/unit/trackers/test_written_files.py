"""What is written into a user's files: one box, one status, and nothing else."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmskill.errors import UsageError
from swarmskill.answers import Answer, Reply
from swarmskill.model import Outcome, Task
from swarmskill.sources import checklist
from swarmskill.trackers.base import Desk, TaskEnding
from swarmskill.trackers.json_text import set_text
from swarmskill.trackers.registry import find_tracker
from swarmskill.trackers.rewriting import rewrite

LISTS = Path(__file__).parents[3] / "fixtures/lists"


def no_program(argv: Any, *, timeout: float) -> Any:
    raise AssertionError("no program is called")


def tell(name: str, task: Task, outcome: Outcome = Outcome.COMPLETED, **options: str) -> Answer:
    ending = TaskEnding(task=task, outcome=outcome, commit="c" * 40, detail="", run_id="r", attempt=1)
    desk = Desk(run=no_program, top=Path("/nowhere"), environment={})
    return find_tracker(name, options).tell(ending, desk)


def task(task_id: str, **metadata: Any) -> Task:
    return Task(id=task_id, subject=f"Task {task_id}", metadata=metadata)


def copy(tmp_path: Path, name: str) -> Path:
    path = tmp_path / Path(name).name
    path.write_bytes((LISTS / name).read_bytes())
    return path


def changed_lines(before: bytes, after: bytes) -> list[tuple[bytes, bytes]]:
    old, new = before.split(b"\n"), after.split(b"\n")
    assert len(old) == len(new)
    return [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]


def test_one_box_of_spec_kit_is_ticked_once(tmp_path: Path) -> None:
    file = copy(tmp_path, "spec-kit/specs/001-todo-cli/tasks.md")
    before = file.read_bytes()
    options = {"file": str(file), "mark": "X", "by": "id"}
    assert tell("checkbox", task("T005"), **options).reply is Reply.ACCEPTED
    after = file.read_bytes()
    assert changed_lines(before, after) == [
        (
            line := b"- [ ] T005 [P] [US1] Integration test of add and list in tests/integration/test_list.py",
            line.replace(b"[ ]", b"[X]"),
        )
    ]
    inode = file.stat().st_ino
    assert tell("checkbox", task("T005"), **options).reply is Reply.ACCEPTED
    assert (file.read_bytes(), file.stat().st_ino) == (after, inode)


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.COMPLETED}))
def test_only_a_completed_task_is_ticked(tmp_path: Path, outcome: Outcome) -> None:
    file = copy(tmp_path, "spec-kit/specs/001-todo-cli/tasks.md")
    before = file.read_bytes()
    assert tell("checkbox", task("T005"), outcome, file=str(file), by="id").reply is Reply.NOT_TOLD
    assert file.read_bytes() == before


def test_boxes_in_code_and_longer_ids_are_others(tmp_path: Path) -> None:
    file = tmp_path / "tasks.md"
    file.write_bytes(b"```\n- [ ] T1 a\n```\r\n- [ ] T10 b\r\n- [ ] **T1** a\r\n")
    tell("checkbox", task("T1"), file=str(file), by="id")
    assert file.read_bytes() == b"```\n- [ ] T1 a\n```\r\n- [ ] T10 b\r\n- [x] **T1** a\r\n"


def test_an_item_is_found_by_its_text_wherever_it_is_by_now(tmp_path: Path) -> None:
    file = copy(tmp_path, "checklist/TODO.md")
    tasks = {one.id: one for one in checklist.parse(file.read_text(), "TODO.md").tasks}
    file.write_text(f"- [ ] a new one\n{file.read_text()}")
    before = file.read_bytes()
    assert tell("checkbox", tasks["4"], file=str(file)).reply is Reply.ACCEPTED
    (pair,) = changed_lines(before, file.read_bytes())
    assert pair == (b"- [ ] Print it", b"- [x] Print it")
    assert file.read_text().index("[x] Print it") > file.read_text().index("## Later")
    tell("checkbox", tasks["2.2"], file=str(file))
    assert file.read_text().count("[x] Print it") == 2


def test_an_item_that_somebody_took_out_is_told(tmp_path: Path) -> None:
    file = copy(tmp_path, "checklist/TODO.md")
    answer = tell("checkbox", task("9", text="gone", occurrence=0), file=str(file))
    assert (answer.reply, "has no box of task 9 any more" in answer.detail) == (Reply.NOT_TOLD, True)


@pytest.mark.parametrize(
    ("data", "said"), [(None, "cannot be written: No such file"), (b"\xff- [ ] T1 a", "not UTF-8")]
)
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, data: bytes | None, said: str) -> None:
    file = tmp_path / "tasks.md"
    if data is not None:
        file.write_bytes(data)
    answer = tell("checkbox", task("T1"), file=str(file), by="id")
    assert (answer.reply, said in answer.detail) == (Reply.FAILED, True)


def test_the_mode_of_the_file_stays(tmp_path: Path) -> None:
    file = copy(tmp_path, "checklist/TODO.md")
    file.chmod(0o640)
    tell("checkbox", task("x", text="Write the changelog", occurrence=0), file=str(file))
    assert file.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["TODO.md"]


def test_what_somebody_else_writes_meanwhile_is_never_lost(tmp_path: Path) -> None:
    """The other writes between our reading and our writing, as often as it likes."""
    file = tmp_path / "list"
    file.write_text("0\n")
    others = iter(range(1, 4))

    def edit(text: str) -> str:
        if (number := next(others, None)) is not None:
            file.write_text(f"{text}{number}\n")
        return f"{text}ours\n"

    assert rewrite(file, edit).reply is Reply.ACCEPTED
    assert file.read_text() == "0\n1\n2\n3\nours\n"


def test_readers_see_the_old_or_the_new_file(tmp_path: Path) -> None:
    file = tmp_path / "list"
    text = "- [ ] T1 a\n" + "x" * 200_000
    file.write_text(text)
    seen, stop = set(), threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(len(file.read_bytes()))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(20):
        tell("checkbox", task("T1"), file=str(file), by="id")
        rewrite(file, lambda now: now.replace("[x]", "[ ]"))
    stop.set()
    reader.join()
    assert seen == {len(text)}


def test_one_status_of_task_master_is_set(tmp_path: Path) -> None:
    file = copy(tmp_path, "task-master/.taskmaster/tasks/tasks.json")
    options = {"file": str(file), "form": "task-master", "tag": "master"}
    before = file.read_bytes()
    tell("status", task("3"), **options)
    after = file.read_bytes()
    assert [pair[1].strip() for pair in changed_lines(before, after)] == [b'"status": "done",']
    assert "🙂".encode() in after
    tell("status", task("2.1"), **options)
    assert len(changed_lines(after, file.read_bytes())) == 1
    tell("status", task("2.2"), **options)  # the last subtask: the task is done with it
    tasks = json.loads(file.read_bytes())["master"]["tasks"]
    assert [one["status"] for one in tasks] == ["done", "done", "done", "deferred", "pending"]
    assert json.loads(file.read_bytes())["docs"] == json.loads(before)["docs"]


def test_one_status_of_claude_is_set(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        copy(tmp_path, f"claude/{name}.json")
    (tmp_path / "3.json").rename(tmp_path / "other.json")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    options = {"file": str(tmp_path), "form": "claude"}
    for number in ("2", "3", "1", "2"):
        assert tell("status", task(number), **options).reply is Reply.ACCEPTED
    assert (tmp_path / "1.json").read_bytes() == before["1.json"]
    assert (tmp_path / "2.json").read_bytes() == before["2.json"].replace(b'"pending"', b'"completed"')
    assert (tmp_path / "other.json").read_bytes() == before["other.json"].replace(b'"pending"', b'"completed"')
    assert tell("status", task("9"), **options).reply is Reply.NOT_TOLD
    assert tell("status", task("../1"), **options).reply is Reply.NOT_TOLD


def test_a_list_that_is_broken_by_now_is_told(tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    file.write_text("{")
    assert tell("status", task("1"), file=str(file), form="task-master", tag="").reply is Reply.FAILED
    file.write_text('{"master": {}}')
    assert tell("status", task("1"), file=str(file), form="task-master", tag="master").reply is Reply.NOT_TOLD


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(before=JSON, after=JSON, indent=st.sampled_from([None, 2, "\t"]), ascii_only=st.booleans())
def test_all_but_one_value_stays_byte_for_byte(before: Any, after: Any, indent: Any, ascii_only: bool) -> None:
    value = {"a": before, "tasks": [{"x": after, "status": "pending", "y": before}], "z": after}
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    changed = set_text(text, ["tasks", 0, "status"], "done")
    assert changed == text[::-1].replace('"gnidnep"', '"enod"', 1)[::-1] or '"pending"' in json.dumps([before, after])
    value["tasks"][0]["status"] = "done"
    assert json.loads(changed) == value


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ('{"id": 1}', '{"status": "done", "id": 1}'),
        ('{\n  "id": 1\n}', '{\n  "status": "done",\n  "id": 1\n}'),
        ('{"status": 3, "status": null}', '{"status": 3, "status": "done"}'),
        ('\ufeff{"status" : "a"}', '\ufeff{"status" : "done"}'),
    ],
)
def test_odd_objects(text: str, becomes: str) -> None:
    assert set_text(text, ["status"], "done") == becomes


@pytest.mark.parametrize(
    ("text", "trail"), [("[]", [0, "status"]), ("3", ["status"]), ("{}", ["status"]), ('{"a": 1}', ["b", "c"])]
)
def test_a_trail_that_leads_nowhere(text: str, trail: list[Any]) -> None:
    with pytest.raises(KeyError):
        set_text(text, trail, "done")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("checkbox", {}),
        ("checkbox", {"file": "f", "mark": "y"}),
        ("checkbox", {"file": "f", "color": "red"}),
        ("status", {"file": "f", "form": "xml"}),
        ("beads", {"x": "y"}),
        ("github", {"x": "y"}),
    ],
)
def test_options_that_cannot_be(name: str, options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        find_tracker(name, options)
