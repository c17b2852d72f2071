"""Task files that are right: both spellings, both formats, and what each key comes to mean."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from swarmskill.model import Check, CheckKind, Requirements, Task, TaskList
from swarmskill.sources.keys import camel
from swarmskill.sources.taskfile import LIST_KEYS, TASK_KEYS, load_tasks

ROOT = Path(__file__).resolve().parents[2]


def load_text(folder: Path, text: str, name: str = "tasks.json") -> TaskList:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_tasks(str(path))


def load_value(folder: Path, value: Any) -> TaskList:
    return load_text(folder, json.dumps(value))


def load_one(folder: Path, **keys: Any) -> Task:
    """One task with these keys beside an id and a subject."""
    (task,) = load_value(folder, [{"id": "a", "subject": "do it"} | keys]).tasks
    return task


def test_the_reference_example_in_camel_case() -> None:
    loaded = load_tasks(str(ROOT / "fixtures/auth/tasks.json"))
    assert loaded.warnings == ()
    assert [(task.id, task.blocked_by) for task in loaded.tasks] == [
        ("1", ()),
        ("2", ("1",)),
        ("3", ("1",)),
        ("4", ("3",)),
        ("5", ("1", "2", "3", "4")),
    ]
    hashing = loaded.tasks[1]
    assert hashing.active_form == "Writing password hashing"
    assert hashing.run == ("python3", "tools/write_passwords.py")
    assert hashing.files == ("auth/passwords.py", "tests/test_passwords.py")
    assert hashing.metadata["issue_type"] == "feature"
    assert [(check.kind, check.paths, check.patterns) for check in hashing.checks] == [
        (CheckKind.FILES_EXIST, ("auth/passwords.py",), ()),
        (CheckKind.CONTENT_CHECK, ("auth/passwords.py",), ("def hash_password",)),
        (CheckKind.CONTENT_CHECK, ("auth/passwords.py",), ("def verify_password", "compare_digest")),
        (CheckKind.TESTS, (), ()),
    ]


def test_every_worker_of_the_reference_example_exists() -> None:
    for task in load_tasks(str(ROOT / "fixtures/auth/tasks.json")).tasks:
        assert (ROOT / "fixtures/auth/repo" / task.run[1]).is_file()


def test_a_yaml_file_with_every_key_in_snake_case() -> None:
    loaded = load_tasks(str(ROOT / "fixtures/tasks.yaml"))
    layout, prices, stock, research, receipt = loaded.tasks
    assert loaded.warnings == ()
    assert (layout.done, prices.done, stock.done) == (True, False, False)
    assert (prices.owner, prices.active_form, prices.priority) == ("ada", "Computing prices", 0)
    assert prices.description.startswith("Prices are whole cents.")
    assert (prices.estimate, prices.timeout, stock.timeout) == (300, 1200, 5400)
    assert stock.run == ("python3", "tools/write_stock.py", "--kind", "in memory")
    assert stock.requires == Requirements(tags=("linux",), capabilities=("python",))
    assert (stock.model, stock.agent, research.agent) == ("small", "command", "claude")
    assert (research.allow_empty, research.max_retries, stock.max_retries) == (True, 0, 1)
    assert receipt.blocked_by == ("stock", "research", "prices")
    assert stock.metadata["issue_type"] == "feature"
    assert stock.metadata["ol_priority"] == 1
    assert receipt.metadata == {"issue_type": "task"}


def test_the_checks_of_a_task_are_in_the_order_in_which_they_are_made() -> None:
    prices = load_tasks(str(ROOT / "fixtures/tasks.yaml")).tasks[1]
    assert prices.checks == (
        Check(kind=CheckKind.FILES_EXIST, name="files_exist", paths=("src/shop/prices.py",)),
        Check(
            kind=CheckKind.CONTENT_CHECK,
            name="content_check src/shop/prices.py",
            paths=("src/shop/prices.py",),
            patterns=("ROUND_HALF_EVEN",),
        ),
        Check(
            kind=CheckKind.CONTENT_CHECK,
            name="both functions",
            paths=("src/shop/prices.py",),
            patterns=("def total", "def tax"),
        ),
        Check(kind=CheckKind.LINT, name="lint", command="python3 -m compileall -q src"),
        Check(
            kind=CheckKind.TESTS, name="price tests", command="python3 -m pytest -q tests/test_prices.py", timeout=90
        ),
        Check(kind=CheckKind.COMMAND, name="command", command="python3 -c 'import shop.prices'"),
        Check(kind=CheckKind.CUSTOM, name="no floats", command="! grep -n 'float' src/shop/prices.py", shell=True),
        Check(kind=CheckKind.LINT, name="types", command="python3 -m compileall -q src", cross_cutting=True),
    )


def test_run_wide_checks_of_every_type() -> None:
    checks = load_tasks(str(ROOT / "fixtures/tasks.yaml")).cross_cutting
    assert [(check.name, check.kind) for check in checks] == [
        ("whole suite", CheckKind.TESTS),
        ("licence", CheckKind.FILES_EXIST),
        ("no debugger", CheckKind.COMMAND),
        ("version", CheckKind.CONTENT_CHECK),
    ]
    assert all(check.cross_cutting for check in checks)
    assert checks[0].command == "python3 -m pytest -q"
    assert checks[1].paths == ("LICENSE",)
    assert checks[2].shell


@pytest.mark.parametrize(
    "check",
    [
        {"name": "n", "type": "tests", "command": "pytest -q"},
        {"name": "n", "type": "tests", "tests": "pytest -q"},
        {"name": "n", "tests": "pytest -q"},
    ],
)
def test_a_cross_cutting_command_stands_under_either_key(tmp_path: Path, check: dict[str, Any]) -> None:
    loaded = load_value(tmp_path, {"tasks": [{"id": 1, "subject": "s"}], "crossCutting": [check]})
    assert loaded.cross_cutting == (Check(kind=CheckKind.TESTS, name="n", command="pytest -q", cross_cutting=True),)
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        ({"file": "a.py", "pattern": "x"}, CheckKind.CONTENT_CHECK),
        ({"type": "content_check", "content_check": {"file": "a.py", "pattern": "x"}}, CheckKind.CONTENT_CHECK),
        ({"type": "files_exist", "files_exist": ["a.py"]}, CheckKind.FILES_EXIST),
        ({"paths": ["a.py"], "type": "files_exist"}, CheckKind.FILES_EXIST),
        ({"command": "make"}, CheckKind.COMMAND),
        ({"type": "custom", "name": "mine", "command": "make"}, CheckKind.CUSTOM),
    ],
)
def test_flat_checks_in_all_their_forms(tmp_path: Path, check: dict[str, Any], kind: CheckKind) -> None:
    (made,) = load_one(tmp_path, validation={"cross_cutting": [check]}).checks
    assert (made.kind, made.cross_cutting) == (kind, True)
    assert kind in (CheckKind.COMMAND, CheckKind.CUSTOM) or made.paths == ("a.py",)


def _spelled(value: dict[str, Any], spell: Any) -> dict[str, Any]:
    return {spell(key): item for key, item in value.items()}


EVERY_KEY = {
    "id": 7,
    "subject": "s",
    "description": "d",
    "active_form": "doing s",
    "blocked_by": ["b"],
    "blocks": ["c"],
    "priority": 1,
    "status": "in_progress",
    "owner": "o",
    "files": ["a.py"],
    "validation": {"lint": "ruff check"},
    "run": ["true"],
    "agent": "claude",
    "model": "m",
    "timeout": 9,
    "estimate": 0,
    "max_retries": 2,
    "retry_delay": "10s",
    "on_failure": "fail-fast",
    "max_cost": 2.5,
    "max_tokens": 400_000,
    "max_memory": "1.5 GiB",
    "allow_empty": True,
    "requires": {"tags": ["x"]},
    "metadata": {"k": [1, None, 2.5]},
}


def test_both_spellings_and_both_formats_mean_the_same(tmp_path: Path) -> None:
    assert set(EVERY_KEY) == set(TASK_KEYS)
    others = [{"id": "b", "subject": "s"}, {"id": "c", "subject": "s"}]
    snake = load_value(tmp_path, [EVERY_KEY, *others])
    camel_case = load_value(tmp_path, [_spelled(EVERY_KEY, camel), *others])
    yaml = load_text(tmp_path, "# a comment\n" + json.dumps([EVERY_KEY, *others], indent=2), "tasks.yaml")
    assert snake.tasks == camel_case.tasks == yaml.tasks
    assert snake.warnings == camel_case.warnings == yaml.warnings == ()
    first, _, last = snake.tasks
    assert (first.id, first.blocked_by, last.blocked_by) == ("7", ("b",), ("7",))
    assert first.metadata == {"k": [1, None, 2.5]}


def test_an_edge_named_from_both_sides_counts_once(tmp_path: Path) -> None:
    tasks = [{"id": 1, "subject": "s", "blocks": [2, 2]}, {"id": 2, "subject": "s", "addBlockedBy": ["1", 1]}]
    assert load_value(tmp_path, tasks).tasks[1].blocked_by == ("1",)


@pytest.mark.parametrize(
    ("status", "done"),
    [("completed", True), ("Done", True), ("closed", True), ("pending", False), ("in-progress", False), (None, False)],
)
def test_a_status_says_whether_a_task_is_done(tmp_path: Path, status: str | None, done: bool) -> None:
    assert load_one(tmp_path, status=status).done is done


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(90, 90), (1.5, 1.5), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1d", 86400), ("0.5 H", 1800)],
)
def test_durations_are_seconds_or_have_units(tmp_path: Path, written: Any, seconds: float) -> None:
    task = load_one(tmp_path, timeout=written, estimate=written)
    assert (task.timeout, task.estimate) == (seconds, seconds)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1 << 24, 1 << 24),
        ("16777216", 1 << 24),
        ("16777216 B", 1 << 24),
        ("512M", 512 << 20),
        ("512 MiB", 512 << 20),
        ("512mb", 512 << 20),
        ("20000k", 20000 << 10),
        ("1.5G", 3 << 29),
        ("4g", 4 << 30),
        ("1T", 1 << 40),
        ("1024T", 1 << 50),
    ],
)
def test_amounts_of_memory_are_bytes_or_have_units(tmp_path: Path, written: Any, size: int) -> None:
    assert load_one(tmp_path, max_memory=written).max_memory == size


def test_null_is_as_good_as_an_absent_key(tmp_path: Path) -> None:
    nothing = dict.fromkeys(set(TASK_KEYS) - {"id", "subject"})
    assert load_one(tmp_path, **nothing) == Task(id="a", subject="do it")


def test_paths_get_their_shortest_spelling_once(tmp_path: Path) -> None:
    task = load_one(tmp_path, files=["./src//a.py", "src/a.py", "docs/", ".", "src/**/*.py", ".github/x.yml"])
    assert task.files == ("src/a.py", "docs", "**", "src/**/*.py", ".github/x.yml")


def test_defaults_fill_gaps_and_objects_are_merged_key_by_key(tmp_path: Path) -> None:
    defaults = {
        "timeout": "1m",
        "files": ["a"],
        "validation": {"lint": "l", "tests": "t"},
        "metadata": {"x": 1, "y": 1},
    }
    mine = {"id": 1, "subject": "s", "files": ["b"], "validation": {"tests": "mine"}, "metadata": {"y": 2}}
    first, second = load_value(
        tmp_path, {"defaults": defaults, "tasks": [mine, {"id": 2, "subject": "s", "timeout": 5}]}
    ).tasks
    assert [check.command for check in first.checks] == ["l", "mine"]
    assert [check.command for check in second.checks] == ["l", "t"]
    assert (first.files, second.files) == (("b",), ("a",))
    assert (first.metadata, second.metadata) == ({"x": 1, "y": 2}, {"x": 1, "y": 1})
    assert (first.timeout, second.timeout) == (60, 5)


def test_unknown_keys_are_kept_with_a_warning_that_names_the_nearest(tmp_path: Path) -> None:
    loaded = load_value(
        tmp_path,
        [
            {"id": 1, "subject": "s", "blokedBy": [2], "depends_on": [2], "zzz": {"k": 1}},
            {"id": 2, "subject": "s", "zzz": 1},
        ],
    )
    assert loaded.tasks[0].metadata == {"blokedBy": [2], "depends_on": [2], "zzz": {"k": 1}}
    assert loaded.warnings == (
        '/0/blokedBy: "blokedBy" is not a known key; kept in the metadata; did you mean "blockedBy"?',
        '/0/depends_on: "depends_on" is not a known key; kept in the metadata; did you mean "blockedBy"?',
        '/0/zzz: "zzz" is not a known key; kept in the metadata (and 1 more like it)',
    )


@pytest.mark.parametrize(
    ("keys", "warning"),
    [
        ({"validation": {"test": "pytest"}}, '"test" is no kind of check and is not made; did you mean "tests"?'),
        ({"validation": {"red_gate": {"command": "x"}}}, '"red_gate" is kept, but nothing checks it'),
        ({"validation": {"tests": "a && b"}}, "looks like shell, but runs without one"),
        ({"validation": {"tests": "CI=1 pytest"}}, "looks like shell, but runs without one"),
        ({"validation": {"custom": {"command": "x", "tiemout": 3}}}, 'did you mean "timeout"?'),
        ({"files": ["a.{py,txt}"]}, "braces are not expanded in paths"),
        ({"requires": {"tag": ["x"]}}, 'did you mean "tags"?'),
    ],
)
def test_what_may_be_a_slip_is_warned_of(tmp_path: Path, keys: dict[str, Any], warning: str) -> None:
    (said,) = load_value(tmp_path, [{"id": 1, "subject": "s"} | keys]).warnings
    assert warning in said


def test_of_very_many_warnings_a_hundred_are_told(tmp_path: Path) -> None:
    loaded = load_value(tmp_path, [{"id": 1, "subject": "s"} | {f"k{n}": n for n in range(150)}])
    assert len(loaded.warnings) == 101
    assert loaded.warnings[-1] == "... and 50 more warnings"
    assert len(loaded.tasks[0].metadata) == 150


def test_yaml_dates_and_words_stay_text(tmp_path: Path) -> None:
    text = "- {id: 2024-01-01, subject: yes, metadata: {at: 2024-01-01T10:00:00Z, no: off}}"
    (task,) = load_text(tmp_path, text, "t.yml").tasks
    assert (task.id, task.subject) == ("2024-01-01", "yes")
    assert task.metadata == {"at": "2024-01-01T10:00:00Z", "no": "off"}


def test_yaml_anchors_are_followed(tmp_path: Path) -> None:
    text = "- &a {id: 1, subject: s, files: [x]}\n- {<<: *a, id: 2}"
    assert load_text(tmp_path, text, "t.yaml").tasks[1].files == ("x",)


@pytest.mark.parametrize("text", ['[{"id": 1, "subject": "s"}]', "- id: 1\n  subject: s\n"])
def test_standard_input_and_files_of_other_names_are_told_apart_by_content(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    loaded = load_tasks("-")
    assert loaded.source == "stdin"
    assert loaded.tasks == load_text(tmp_path, text, "list.txt").tasks == (Task(id="1", subject="s"),)


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    assert load_text(tmp_path, '\ufeff[{"id": 1, "subject": "s"}]').tasks[0].id == "1"


def test_the_page_about_task_files_names_every_key() -> None:
    page = (ROOT / "references/task-file.md").read_text(encoding="utf-8")
    for key in (*TASK_KEYS, *LIST_KEYS):
        assert f"`{key}`" in page
        assert f"`{camel(key)}`" in page
