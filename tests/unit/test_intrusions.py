"""When a change of the main checkout is held against a worker."""

from __future__ import annotations

import pytest

from swarmskill.config import Isolation
from swarmskill.model import (
    Change,
    ChangeKind,
    CheckKind,
    CheckResult,
    Ending,
    Evidence,
    Task,
    Touch,
    Verdict,
    WorkerEnd,
)
from swarmskill.validation.contract import judge
from swarmskill.validation.scans import ALWAYS

FILE = Touch("file a.txt: changed", "a.txt")
NAMED = Touch("file a.txt: changed", "a.txt", named=True)
BRANCH = Touch("ref refs/heads/main: changed (was 123)")
NEW_REF = Touch("ref refs/heads/mine: new", harmless=True)
SETTING = Touch("setting .git/config: changed")


def verdict(
    *touched: Touch,
    isolation: Isolation = Isolation.EVIDENCE,
    changed: tuple[str, ...] = ("w.txt",),
    files: tuple[str, ...] = (),
    allow_empty: bool = False,
) -> Verdict:
    end = WorkerEnd(
        ending=Ending.EXITED, exit_code=0, started_at=0.0, ended_at=1.0, touched=touched, kept="refs/swarm/r/checkout-1"
    )
    results = tuple(CheckResult(kind=kind, name=kind.value, passed=True) for kind in ALWAYS)
    changes = tuple(Change(path, ChangeKind.ADDED, 1) for path in changed)
    task = Task(id="1", subject="s", files=files, allow_empty=allow_empty)
    return judge(task, end, Evidence(changes=changes, results=results), isolation)


def is_guilty(found: Verdict) -> bool:
    return found.failed is not None and found.failed.kind is CheckKind.ISOLATION


@pytest.mark.parametrize("touch", [FILE, NAMED, BRANCH, SETTING])
def test_strict_counts_every_touch_and_off_none(touch: Touch) -> None:
    assert is_guilty(verdict(touch, isolation=Isolation.STRICT))
    assert verdict(touch, isolation=Isolation.OFF).accepted


@pytest.mark.parametrize("isolation", Isolation)
def test_what_is_harmless_is_only_noted(isolation: Isolation) -> None:
    found = verdict(NEW_REF, isolation=isolation, changed=("w.txt",))
    assert found.accepted
    assert any("refs/heads/mine: new" in note for note in found.notes)
    assert not is_guilty(verdict(NEW_REF, isolation=isolation, changed=()))


@pytest.mark.parametrize("touch", [FILE, BRANCH, SETTING])
def test_a_change_alone_may_be_the_users(touch: Touch) -> None:
    found = verdict(touch)
    assert found.accepted
    assert any(touch.what in note for note in found.notes)


def test_a_worker_that_names_the_file_is_guilty() -> None:
    assert is_guilty(verdict(NAMED))


def test_a_worker_without_work_is_guilty_unless_it_may_have_none() -> None:
    assert is_guilty(verdict(FILE, changed=()))
    assert not is_guilty(verdict(FILE, changed=(), allow_empty=True))


def test_a_file_that_the_manifest_names_and_the_worker_did_not_make() -> None:
    assert is_guilty(verdict(FILE, files=("a.txt", "w.txt")))
    assert is_guilty(verdict(FILE, files=("./a.txt", "w.txt")))


def test_a_file_that_the_user_and_the_worker_both_changed_is_no_proof() -> None:
    assert not is_guilty(verdict(FILE, files=("a.txt",), changed=("a.txt",)))


@pytest.mark.parametrize("files", [("*.txt",), ("**",), (".",)])
def test_a_broad_manifest_is_no_proof(files: tuple[str, ...]) -> None:
    assert not is_guilty(verdict(FILE, files=files))


def test_the_verdict_and_the_note_tell_what_to_do() -> None:
    for found in (verdict(NAMED), verdict(FILE)):
        said = found.failed.detail if found.failed else "; ".join(found.notes)
        assert "file a.txt: changed" in said
        assert "git show refs/swarm/r/checkout-1:PATH" in said


def test_nothing_is_said_of_files_that_did_not_change() -> None:
    assert "git show" not in "; ".join(verdict(BRANCH).notes)
