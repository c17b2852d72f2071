"""What earlier runs let expect of new tasks: by the same task, then kind and size, then kind, then agent."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from swarmskill.codec import encode_event
from swarmskill.config import Land, RunConfig, Share
from swarmskill.core import events as ev
from swarmskill.core.graph import build_graph
from swarmskill.core.simulation import simulated_events
from swarmskill.core.transitions import fold
from swarmskill.history import expect
from swarmskill.model import Task
from swarmskill.places import RunFolder, runs_folder

AGENT = (Share("claude"),)


def task(task_id: str, kind: str = "", **keys: object) -> Task:
    return Task(id=task_id, subject=f"do {task_id}", metadata={"issue_type": kind} if kind else {}, **keys)


def ran(common_dir: Path, number: int, tasks: list[Task], took: dict[str, float], cut: int = 0) -> Path:
    """An earlier run by claude, its last `cut` lines not written."""
    folder = RunFolder(runs_folder(common_dir) / f"20260101-00000{number}-old-run")
    folder.path.mkdir(parents=True)
    config = RunConfig(pool=AGENT, land=Land.NEVER)
    told = simulated_events(tasks, config, took.__getitem__, run_id=folder.run_id)
    lines = [encode_event(event, n) for n, (event, _) in enumerate(told, 1)]
    folder.ledger.write_bytes(b"".join(lines[: len(lines) - cut]))
    return folder.ledger


def test_without_runs_nothing_is_expected(tmp_path: Path) -> None:
    assert expect(tmp_path, [task("a")], AGENT) == {}


def test_the_same_task_takes_as_long_as_before(tmp_path: Path) -> None:
    for number, seconds in enumerate((10.0, 30.0, 20.0)):
        ran(tmp_path, number, [task("a"), task("b")], {"a": seconds, "b": 500.0})
    assert expect(tmp_path, [task("a"), replace(task("b"), subject="another")], AGENT)["a"] == 20


def test_other_tasks_are_expected_to_be_like_those_of_their_kind_and_size(tmp_path: Path) -> None:
    small = [task(f"s{n}", "bug") for n in range(3)]
    large = [task(f"l{n}", "bug", description="x" * 5000) for n in range(3)]
    took = {**{one.id: 60.0 for one in small}, **{one.id: 900.0 for one in large}}
    ran(tmp_path, 1, small + large, took)
    asked = [
        task("x", "bug"),
        task("y", "bug", description="y" * 5100),
        task("z", "bug", description="z" * 900),
        task("w"),
    ]
    assert expect(tmp_path, asked, AGENT) == {"x": 60, "y": 900, "z": 480, "w": 480}


def test_two_samples_say_nothing_of_other_tasks(tmp_path: Path) -> None:
    ran(tmp_path, 1, [task("a"), task("b")], {"a": 5.0, "b": 5.0})
    assert expect(tmp_path, [task("c")], AGENT) == {}


def test_another_agent_is_not_expected_to_be_as_quick(tmp_path: Path) -> None:
    ran(tmp_path, 1, [task("a")], {"a": 5.0})
    assert expect(tmp_path, [task("a")], (Share("codex"),)) == {}
    assert expect(tmp_path, [task("a")], (Share("codex"), Share("claude"))) == {"a": 5}


def test_what_is_done_or_names_an_estimate_is_not_asked_for(tmp_path: Path) -> None:
    ran(tmp_path, 1, [task("a"), task("b")], {"a": 5.0, "b": 5.0})
    assert expect(tmp_path, [task("a", done=True), task("b", estimate=9.0)], AGENT) == {}


def test_only_completed_tasks_count_and_a_run_that_goes_on_is_read_again(tmp_path: Path) -> None:
    ledger = ran(tmp_path, 1, [task("a")], {"a": 5.0}, cut=2)
    assert expect(tmp_path, [task("a")], AGENT) == {}
    whole = ran(tmp_path / "other", 1, [task("a")], {"a": 5.0})
    ledger.write_bytes(whole.read_bytes())
    assert expect(tmp_path, [task("a")], AGENT) == {"a": 5}


def test_a_ledger_is_read_once(tmp_path: Path) -> None:
    ledger = ran(tmp_path, 1, [task("a")], {"a": 5.0})
    before = expect(tmp_path, [task("a")], AGENT)
    ledger.write_bytes(b"x" * ledger.stat().st_size)  # as long as before, so nobody looks into it
    assert expect(tmp_path, [task("a")], AGENT) == before == {"a": 5}


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"[1]", b'{"version":1,"runs":{"r":[1,[["a"]]]}}', b'{"version":9,"runs":{}}']
)
def test_a_cache_that_is_no_good_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    ran(tmp_path, 1, [task("a")], {"a": 5.0})
    cache = tmp_path / "swarm" / "history.json"
    cache.write_bytes(damage)
    assert expect(tmp_path, [task("a")], AGENT) == {"a": 5}
    assert expect(tmp_path, [task("a")], AGENT) == {"a": 5}


def test_a_damaged_ledger_and_a_folder_without_one_are_passed_over(tmp_path: Path) -> None:
    ran(tmp_path, 1, [task("a")], {"a": 5.0})
    damaged = ran(tmp_path, 2, [task("a")], {"a": 50.0})
    lines = damaged.read_bytes().splitlines(keepends=True)
    damaged.write_bytes(b"".join([lines[0], b"garbage\n", *lines[2:]]))
    os.makedirs(runs_folder(tmp_path) / "20260101-000003-no-run")
    assert expect(tmp_path, [task("a")], AGENT) == {"a": 5}


def test_the_core_takes_what_is_expected_as_data_and_the_estimate_first() -> None:
    tasks = (task("a"), task("b"), task("c", estimate=7.0), task("d"))
    graph = build_graph(tasks, {"a": 20.0, "b": 50.0, "c": 99.0})
    assert [one.id for one in graph.tasks] == ["b", "a", "d", "c"]
    assert [graph.seconds[graph.rank[name]] for name in "abcd"] == [20, 50, 7, 20]
    started = ev.RunStarted(
        at=0.0, run_id="r", tasks=tasks, config=RunConfig(max_workers=1), base="0" * 40, expected={"b": 50.0}
    )
    assert fold([started]).tasks["b"].attempt == 1


def test_an_event_of_before_there_was_a_history_still_counts() -> None:
    from swarmskill.codec import BadLine, decode_event
    import zlib

    started = ev.RunStarted(at=0.0, run_id="r", tasks=(task("a"),), config=RunConfig(), base="0" * 40)
    body = encode_event(started, 1).partition(b',"expected":{}')[0]
    line = body + b',"crc":"%08x"}' % zlib.crc32(body)
    try:
        assert decode_event(line) == (1, started)
    except BadLine as error:
        pytest.fail(str(error))
