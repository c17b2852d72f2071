"""Which run is whose child, told by the child, found by the parent wherever the child is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from swarmskill.codec import dump_json, encode_event
from swarmskill.config import RunConfig
from swarmskill.core.events import RunStarted, WorkerStarted
from swarmskill.lineage import collect_addresses, eldest, family, find_origin, read_family, record_origin
from swarmskill.model import Task
from swarmskill.places import RunFolder, newest_run_id, runs_folder
from swarmskill.writing import replace_file


def repository(place: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    return place.resolve()


def begin(top: Path, run_id: str, *, worktree: str = "") -> RunFolder:
    """A run of one task, `t`, with a worker if it has a worktree."""
    folder = RunFolder(runs_folder(top / ".git") / run_id)
    started = RunStarted(at=1, run_id=run_id, tasks=(Task(id="t", subject="s"),), config=RunConfig(), base="a" * 40)
    worker = WorkerStarted(at=2, task="t", attempt=1, pid=1, identity="x", worktree=worktree, base="a" * 40)
    replace_file(folder.ledger, encode_event(started, 1) + (encode_event(worker, 2) if worktree else b""))
    return folder


def environment(parent: RunFolder, top: Path, **more: str) -> dict[str, str]:
    told = {"SWARM_RUN_ID": parent.run_id, "SWARM_TASK_ID": "t", "SWARM_ATTEMPT": "2", "SWARM_REPO": str(top)}
    return {**told, **more}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return repository(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return repository(tmp_path / "there")


def ids(folder: RunFolder) -> list[tuple[int, str]]:
    return [(kin.level, kin.folder.run_id) for kin in family(folder)]


def test_children_and_their_children_are_found_in_any_repository(here: Path, there: Path) -> None:
    parent, near, far, low = begin(here, "1-p"), begin(here, "2-near"), begin(there, "3-far"), begin(here, "4-low")
    stranger = begin(here, "5-stranger")
    for child, of, top in ((near, parent, here), (far, parent, here), (low, far, there)):
        origin = record_origin(child, environment(of, top), top)
        assert origin is not None
        assert (origin.folder, origin.task, origin.attempt) == (of, "t", 2)
    assert ids(parent) == [(0, "1-p"), (1, "2-near"), (1, "3-far"), (2, "4-low")]
    assert [eldest(folder).run_id for folder in (low, far, stranger)] == ["1-p", "1-p", "5-stranger"]
    assert [one.state.run_id for one in read_family(far)] == ["3-far", "4-low"]
    assert newest_run_id(here / ".git") == "5-stranger"
    assert newest_run_id(there / ".git") == "3-far", "where there are only children, the newest of them"


def test_a_child_that_may_not_write_into_the_parents_folder_is_found_by_its_worktree(here: Path, there: Path) -> None:
    worktree = here / ".swarm" / "worktrees" / "1-p" / "t-2"
    parent, child = begin(here, "1-p"), begin(there, "2-c")
    replace_file(parent.assignment("t-2"), dump_json({"worktree": str(worktree), "base": "a"}).encode())
    (parent.path / "children").write_text("in the way, as a sandbox is")
    record_origin(child, environment(parent, here, SWARM_RESULT=str(worktree / ".swarm" / "result.json")), there)
    assert ids(parent) == [(0, "1-p"), (1, "2-c")]
    (parent.path / "children").unlink()
    collect_addresses(parent, worktree)
    (worktree / ".swarm" / "children" / "2-c.json").unlink()
    assert ids(parent) == [(0, "1-p"), (1, "2-c")], "it stays found when the worktree is gone"


def test_an_address_makes_no_child(here: Path, there: Path) -> None:
    parent, innocent = begin(here, "1-p"), begin(there, "2-i")
    for number, text in enumerate([dump_json({"folder": str(innocent.path)}), "{", "[]", '{"folder": "/nowhere"}']):
        replace_file(parent.path / "children" / f"{number}.json", text.encode())
    assert ids(parent) == [(0, "1-p")]


def test_an_assistants_worker_is_known_by_its_worktree(here: Path) -> None:
    worktree = here / ".swarm" / "worktrees" / "1-p" / "t-1"
    parent = begin(here, "1-p", worktree=str(worktree))
    origin = find_origin({}, worktree / "src")
    assert origin is not None
    assert (origin.folder, origin.task, origin.attempt) == (parent, "t", 1)
    assert find_origin({}, here) is None
    assert find_origin({}, worktree.with_name("t-9")) is None, "no worker is at it"


def test_runs_that_name_each_other_do_not_go_round_for_ever(here: Path) -> None:
    one, two = begin(here, "1-a"), begin(here, "2-b")
    record_origin(one, environment(two, here), here)
    record_origin(two, environment(one, here), here)
    assert ids(one) == [(0, "1-a"), (1, "2-b")]
    assert eldest(one).run_id == "2-b"


def test_a_run_that_cannot_be_read_says_so_and_the_others_are_read(here: Path) -> None:
    parent, child = begin(here, "1-p"), begin(here, "2-c")
    record_origin(child, environment(parent, here), here)
    child.ledger.write_bytes(b"damage\n" * 2)
    top, broken = read_family(parent)
    assert not top.trouble
    assert "damaged" in broken.trouble
