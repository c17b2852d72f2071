"""What is told of memory limits, and what of them is left behind."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from swarmskill.backends.base import Job, JobEnd
from swarmskill.backends.delegation import Ground
from swarmskill.config import MemoryGuard, MemoryLimit
from swarmskill.mayor.memory import MemoryHold, clear_cgroups, guard_text, hint_text, over_text
from swarmskill.model import Ending
from swarmskill.places import RunFolder
from swarmskill.views.marks import size_text

BY_RLIMIT = MemoryLimit(4 << 30, MemoryGuard.RLIMIT)
BY_CGROUP = MemoryLimit(3 << 29, MemoryGuard.CGROUP)


def end(exit_code: int = 1, ending: Ending = Ending.EXITED, over: bool = False) -> JobEnd:
    return JobEnd(ending=ending, exit_code=exit_code, started_at=0.0, ended_at=1.0, over_memory=over)


@pytest.mark.parametrize(
    ("size", "text"),
    [(512 << 20, "512 MiB"), (4 << 30, "4 GiB"), (3 << 29, "1.5 GiB"), (1 << 40, "1 TiB"), (9, "9 bytes")],
)
def test_sizes_as_text(size: int, text: str) -> None:
    assert size_text(size) == text


def test_what_the_kernel_did_is_told_as_known() -> None:
    assert over_text(BY_CGROUP, end(137, over=True)) == "over its memory limit of 1.5 GiB"


@pytest.mark.parametrize(
    ("limit", "over"),
    [
        (BY_CGROUP, end(137)),
        (BY_CGROUP, end(0, over=True)),
        (BY_CGROUP, end(143, Ending.TIMED_OUT, over=True)),
        (None, end(137, over=True)),
    ],
)
def test_nothing_is_told_that_is_not_known(limit: MemoryLimit | None, over: JobEnd) -> None:
    assert over_text(limit, over) == ""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("Traceback\nMemoryError\n", "MemoryError"),
        ("FATAL ERROR: Scavenger: Allocation failed - JavaScript heap out of memory", "Allocation failed"),
        ("memory allocation of 1073741824 bytes failed", "allocation of 1073741824 bytes failed"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "bad_alloc"),
        ("ASSERTION FAILED: MemoryExhaustion: Crash intentionally because ...", "MemoryExhaust"),
        ("sh: fork: Cannot allocate memory", "Cannot allocate memory"),
        ("fatal error: runtime: out of memory", "out of memory"),
        ("java.lang.OutOfMemoryError: unable to create native thread", "OutOfMemory"),
    ],
)
def test_what_programs_say_without_memory_is_a_hint(tmp_path: Path, log: str, words: str) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 20_000 + log)
    assert hint_text(BY_RLIMIT, end(), path) == f'its memory limit of 4 GiB may be why: its log says "{words}"'


def test_an_abort_is_a_hint_and_a_plain_exit_code_is_none(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert hint_text(BY_RLIMIT, end(134), log) == "its memory limit of 4 GiB may be why: signal ABRT ended it"
    for code in (1, 2, 127, 137, 143):
        assert hint_text(BY_RLIMIT, end(code), log) == ""


def test_there_is_no_hint_where_nothing_failed_or_nothing_was_limited(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("MemoryError")
    assert hint_text(BY_RLIMIT, end(0), log) == ""
    assert hint_text(BY_RLIMIT, end(143, Ending.TIMED_OUT), log) == ""
    assert hint_text(BY_CGROUP, end(), log) == ""
    assert hint_text(None, end(), log) == ""


def test_the_guard_is_told_with_what_it_holds() -> None:
    assert guard_text(Ground("/sys/fs/cgroup/x")) == "memory limits: by cgroup, for all processes of a worker together"
    by_process = "memory limits: by RLIMIT_DATA, for each process of a worker by itself, as there is no cgroup: "
    assert guard_text(Ground(reason="no such thing")) == f"{by_process}no such thing"
    assert guard_text(Ground(reason="a shell", fix="alone")) == f"{by_process}a shell; for all together: alone"


def job(tmp_path: Path) -> Job:
    return Job(name="a-1", argv=("true",), cwd=tmp_path, env={}, log=tmp_path / "log")


def test_each_job_gets_a_cgroup_of_its_own_or_none(tmp_path: Path) -> None:
    by_cgroup = MemoryHold("run", MemoryGuard.CGROUP, "/ground")
    held = by_cgroup.hold(job(tmp_path), by_cgroup.limit(1 << 30))
    assert (held.memory, held.cgroup) == (1 << 30, "/ground/swarm-run-a-1")
    by_rlimit = MemoryHold("run", MemoryGuard.RLIMIT)
    held = by_rlimit.hold(job(tmp_path), by_rlimit.limit(1 << 30))
    assert (held.memory, held.cgroup) == (1 << 30, "")
    assert by_rlimit.hold(job(tmp_path), by_rlimit.limit(None)) == job(tmp_path)
    nothing = MemoryHold("run", MemoryGuard.NONE)
    assert nothing.hold(job(tmp_path), nothing.limit(1 << 30)) == job(tmp_path)


def test_no_limit_is_above_our_own() -> None:
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = MemoryHold("run", MemoryGuard.RLIMIT).limit(1 << 50)
    assert limit is not None
    assert limit.size == (1 << 50 if hard == resource.RLIM_INFINITY else min(hard, 1 << 50))


def test_empty_cgroups_of_this_run_are_cleared(tmp_path: Path) -> None:
    folder, ground = RunFolder(tmp_path / "run-7"), tmp_path / "ground"
    for name in ("swarm-run-7-a-1", "swarm-run-7-b-2", "swarm-run-8-a-1", "swarm-mayor"):
        (ground / name).mkdir(parents=True)
    (ground / "swarm-run-7-b-2" / "cgroup.procs").write_text("7\n")
    folder.path.mkdir()
    clear_cgroups(folder)
    assert len(list(ground.iterdir())) == 4
    (tmp_path / "other" / "swarm-run-7-a-2").mkdir(parents=True)
    folder.cgroups.write_text(f"{tmp_path}/gone\n{ground}\n{tmp_path}/other\n")
    clear_cgroups(folder)
    left = {path.name for path in ground.iterdir()}
    assert left == {"swarm-run-7-b-2", "swarm-run-8-a-1", "swarm-mayor"}
    assert not list((tmp_path / "other").iterdir())
