"""The plan view: waves, ownership, conflicts, critical path and diagrams."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from swarmskill.core.graph import build_graph
from swarmskill.model import Task, TaskList
from swarmskill.sources.taskfile import load_tasks
from swarmskill.views.layout import cells, cut, duration, wrap
from swarmskill.views.plan import plan_dot, plan_json, plan_mermaid, plan_text

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def task(task_id: str, *blocked_by: str, **keys: Any) -> Task:
    return Task(id=task_id, subject=keys.pop("subject", f"do {task_id}"), blocked_by=blocked_by, **keys)


def plan(*tasks: Task) -> dict[str, Any]:
    planned = plan_json(TaskList(tasks), build_graph(tasks))
    json.dumps(planned)
    return planned


def text(*tasks: Task, warnings: tuple[str, ...] = ()) -> str:
    return plan_text(TaskList(tasks, warnings=warnings), build_graph(tasks))


def test_the_reference_example_as_text() -> None:
    loaded = load_tasks(str(FIXTURES / "auth/tasks.json"))
    assert plan_text(loaded, build_graph(loaded.tasks)) == (
        "5 tasks in 4 waves, up to 2 at once, 9s at least\n"
        "\n"
        "Wave 1\n"
        "  1  Create the user model\n"
        "Wave 2\n"
        "  3  Add the login endpoint           after 1\n"
        "  2  Hash passwords                   after 1\n"
        "Wave 3\n"
        "  4  Issue signed tokens after login  after 3\n"
        "Wave 4\n"
        "  5  Test the whole login             after 1, 2, 3, 4\n"
        "\n"
        "Files\n"
        "  auth/__init__.py         1\n"
        "  auth/login.py            3\n"
        "  auth/passwords.py        2\n"
        "  auth/tokens.py           4\n"
        "  auth/users.py            1\n"
        "  tests/test_auth.py       5\n"
        "  tests/test_login.py      3\n"
        "  tests/test_passwords.py  2\n"
        "  tests/test_tokens.py     4\n"
        "  tests/test_users.py      1\n"
        "\n"
        "No two tasks share a file.\n"
        "\n"
        "Critical path\n"
        "  1 -> 3 -> 4 -> 5 (9s)\n"
        "\n"
        "Duration by workers\n"
        "  workers     1   2   5  10  20\n"
        "  expected  11s  9s  9s  9s  9s\n"
        "  More than 2 workers gain nothing.\n"
    )


def test_waves_order_and_critical_path() -> None:
    planned = plan(
        task("model", estimate=5),
        task("hash", "model", estimate=1),
        task("login", "model", estimate=3),
        task("tests", "hash", "login", estimate=2),
    )
    assert planned["waves"] == [["model"], ["login", "hash"], ["tests"]]
    assert planned["order"] == ["model", "login", "hash", "tests"]
    assert planned["critical_path"] == ["model", "login", "tests"]
    assert (planned["seconds"], planned["most_at_once"]) == (10, 2)
    assert [(entry["id"], entry["wave"]) for entry in planned["tasks"]] == [
        ("model", 1),
        ("hash", 2),
        ("login", 2),
        ("tests", 3),
    ]
    assert planned["conflicts"] == []


def test_done_tasks_are_in_no_wave_and_hold_no_file() -> None:
    planned = plan(task("a", done=True, files=("x",)), task("b", "a", files=("x",)), task("c", "b"))
    assert planned["waves"] == [["b"], ["c"]]
    assert planned["critical_path"] == ["b", "c"]
    assert planned["files"] == [{"path": "x", "tasks": ["b"]}]
    assert planned["conflicts"] == []
    assert (planned["tasks"][0]["done"], planned["tasks"][0]["wave"]) == (True, None)
    assert "Done already\n  a  do a\n" in text(task("a", done=True), task("b", "a"))


def test_a_list_with_everything_done() -> None:
    assert plan(task("a", done=True))["waves"] == []
    assert text(task("a", done=True)).startswith("1 task in 0 waves, 1 done already\n")
    assert "Nothing is left to do." in text(task("a", done=True))


def test_tasks_that_share_a_file_are_serialised_in_the_order_of_their_starts() -> None:
    tasks = (task("a", files=("x",)), task("b", files=("x",), priority=0), task("c", files=("X/y",)))
    planned = plan(*tasks)
    assert planned["waves"] == [["b", "a", "c"]]
    assert planned["order"] == ["b", "a", "c"]
    assert planned["most_at_once"] == 1
    assert planned["conflicts"] == [
        {"path": "X/y", "tasks": ["b", "a", "c"], "entries": ["X/y", "x"], "resolution": "serialised"},
        {"path": "x", "tasks": ["b", "a"], "entries": ["x"], "resolution": "serialised"},
    ]
    assert "  X/y  one at a time: b then a then c\n  x    one at a time: b then a\n" in text(*tasks)


def test_tasks_that_share_a_file_but_wait_for_each_other_anyway() -> None:
    tasks = (task("a", files=("src/**",)), task("b", "a"), task("c", "b", files=("src/x.py",)))
    assert plan(*tasks)["conflicts"] == [
        {"path": "src/x.py", "tasks": ["a", "c"], "entries": ["src/x.py", "src/**"], "resolution": "ordered"}
    ]
    assert "  src/x.py  in order by blockedBy: a then c\n" in text(*tasks)


def test_a_task_without_overlap_starts_beside_those_that_wait_for_a_file() -> None:
    planned = plan(
        task("a", files=("x",), estimate=4),
        task("b", files=("x",), estimate=3),
        task("c", files=("y",), estimate=1),
        task("d", "c", estimate=1),
    )
    assert planned["order"] == ["a", "c", "d", "b"]
    assert (planned["seconds"], planned["most_at_once"]) == (7, 2)


def test_a_thousand_tasks_on_one_file_are_one_conflict() -> None:
    planned = plan(*(task(f"t{n}", files=("CHANGELOG.md",)) for n in range(1000)))
    (conflict,) = planned["conflicts"]
    assert len(conflict["tasks"]) == len(planned["order"]) == 1000
    assert planned["most_at_once"] == 1


def test_long_lists_are_capped_in_text_but_not_in_json() -> None:
    tasks = [task(f"t{n}", *([f"t{n - 1}"] if n % 20 else []), files=(f"f{n}", f"s{n % 50}")) for n in range(1000)]
    shown = text(*tasks)
    assert len(shown.splitlines()) < 200
    assert "... and 8 more waves with 400 tasks" in shown
    assert "  ... and 1030 more\n" in shown
    assert all(cells(line) <= 80 for line in shown.splitlines())
    planned = plan(*tasks)
    assert (len(planned["files"]), len(planned["conflicts"])) == (1050, 50)
    assert sum(map(len, planned["waves"])) == 1000


def test_wide_and_hostile_names_stay_in_eighty_columns_on_one_line() -> None:
    shown = text(
        task("日本" * 30, subject="語" * 90, files=("語" * 90,)),
        task("b" * 200, "日本" * 30, subject="\x1b[2J\n" * 9, files=("語" * 90,)),
        warnings=("/0/x: \x1b]0;odd\x07",),
    )
    lines = shown.splitlines()
    assert all(line.isprintable() for line in lines)
    head = lines[: lines.index("Critical path")]
    assert max(map(cells, head)) <= 80
    assert "Warnings\n  /0/x: ]0;odd\n" in shown


def test_tasks_without_a_manifest_are_named() -> None:
    assert "No manifest, may write anything: b\n" in text(task("a", files=("x",)), task("b"))
    assert "No task has a manifest: each may write anything.\n" in text(task("a"))


def test_mermaid() -> None:
    tasks = (task("a", done=True), task("b", "a", files=("x",)), task("c", files=("x",), subject='"];\nend<b>#'))
    assert plan_mermaid(TaskList(tasks), build_graph(tasks)) == (
        "flowchart TD\n"
        '    t1["a#58; do a #40;done#41;"]:::done\n'
        '    t2["b#58; do b"]\n'
        '    t3["c#58; #34;#93;#59; end#60;b#62;#35;"]\n'
        "    t1 --> t2\n"
        '    t2 -. "x" .- t3\n'
        "    classDef done fill:#e6e6e6,stroke:#999999,color:#666666\n"
    )


def test_dot() -> None:
    tasks = (task("a", done=True), task("b", "a", files=("x",)), task("c", files=("x",), subject='\\N "q" &lt;\n<b>'))
    lines = plan_dot(TaskList(tasks), build_graph(tasks)).splitlines()
    assert lines[0] == "digraph swarm {"
    assert lines[3].startswith('    t1 [label="a: do a (done)", style="rounded,filled"')
    assert lines[5] == r'    t3 [label="c: \\N \"q\" &amp;lt; <b>"];'
    assert lines[6:] == [
        "    t1 -> t2;",
        '    t2 -> t3 [dir=none, style=dashed, constraint=false, label="x"];',
        "}",
    ]


def test_no_label_can_leave_its_quotes() -> None:
    hostile = "".join(map(chr, range(0x20, 0x180))) + "`--x--> ]:::done %%{init}%%"
    tasks = (task(hostile, subject=hostile),)
    mermaid = plan_mermaid(TaskList(tasks), build_graph(tasks)).splitlines()[1]
    label = re.fullmatch(r'    t1\["([^"]*)"\]', mermaid)
    assert label is not None
    assert not re.search(r"[<>&\[\]{}|`:%]|--", label[1])
    dot = plan_dot(TaskList(tasks), build_graph(tasks)).splitlines()[3]
    assert re.fullmatch(r'    t1 \[label="(?:[^"\\]|\\["\\])*"\];', dot)


def test_durations_and_cuts() -> None:
    assert [duration(s) for s in (0, 59.4, 60, 425, 3600, 7800)] == ["0s", "59s", "1m", "7m 05s", "1h", "2h 10m"]
    assert cut("abcdef", 5) == "ab..."
    assert cut("日本語", 5) == "日..."
    assert wrap("aa bb cc", 5) == ["aa bb", "cc"]


def test_the_duration_is_foretold_by_workers_and_where_more_gain_nothing() -> None:
    three = [task(name, estimate=60.0) for name in "abc"]
    planned = plan(*three, task("d", "a", "b", "c", estimate=30.0))
    assert planned["by_workers"] == {"1": 210, "2": 150, "5": 90, "10": 90, "20": 90}
    assert planned["enough_workers"] == 3
    assert "More than 3 workers gain nothing." in text(*three)


def test_without_estimates_durations_are_in_lengths_of_a_task() -> None:
    planned = plan(task("a"), task("b"), task("c", "a"))
    assert planned["seconds"] is None
    assert planned["by_workers"] == {"1": 3, "2": 2, "5": 2, "10": 2, "20": 2}
    assert "lengths of a task" in text(task("a"), task("b"), task("c", "a"))


def test_what_earlier_runs_tell_counts_as_an_estimate() -> None:
    tasks = (task("a"), task("b", estimate=10.0))
    planned = plan_json(TaskList(tasks), build_graph(tasks, {"a": 40.0, "b": 99.0}))
    assert [(one["estimate"], one["expected"]) for one in planned["tasks"]] == [(None, 40), (10, 10)]
    assert planned["seconds"] == 40


def test_a_very_long_list_is_planned_without_that() -> None:
    planned = plan(*(task(str(number)) for number in range(2001)))
    assert planned["by_workers"] == {}
    assert planned["enough_workers"] is None
