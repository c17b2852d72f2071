"""What a task costs beside its worker: without git over ninja, and with the full promise over the bare git commands."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.measure import Cost, Row, Times, call, compare, interleaved, shared, timed
from tests.bench.places import ROOT, SYNCED, environment, make_repository, swarm

_WORKERS = 8
_FILES = 100


def without_git(scratch: Path, *, quick: bool) -> Iterator[Row]:
    """No-op tasks through core, ledger and keeper, over ninja."""
    for shape in ("chain", "wide"):
        for count in (100,) if quick else (100, 1000):
            folder = scratch / f"bare-{shape}-{count}"
            folder.mkdir()
            (folder / "build.ninja").write_text("".join(_ninja_lines(shape, count)))
            works = {"swarm": lambda: _bare(folder, shape, count), "ninja": lambda: _ninja(folder, count)}
            times = interleaved(1 if (shape, count) == ("chain", 1000) else 3, works)
            bar = 2.0 if (shape, count) == ("wide", 1000) else None
            yield compare(
                "no-op task, no repository", f"{shape} {count}", times, "swarm", "ninja", scale=1e3 / count, bar=bar,
                note="core, ledger with flushes and keeper; `swarm run` itself always has a repository",
            )  # fmt: skip


def with_git(scratch: Path, *, quick: bool) -> Iterator[Row]:
    """Tasks that write a file and have a check, run by `swarm run`, over the git commands that each needs."""
    for shape in ("chain", "wide"):
        for count in (20,) if quick else (100, 1000):
            place = scratch / f"full-{shape}-{count}"
            make_repository(place / "work", _FILES)
            (place / "tasks.json").write_text(json.dumps(_list(shape, count)))
            times = _long(place, shape, count) if count > 100 else _short(place, shape, count)
            yield compare(
                "task, full promise", f"{shape} {count}", times, "swarm", "bare git", scale=1e3, bar=1.5,
                note=f"{_FILES} files; one file written, one check; of 1000 git does the first and the last hundred",
            )  # fmt: skip
            shutil.rmtree(place)


def _short(place: Path, shape: str, count: int) -> Times:
    works = {"swarm": lambda: _swarm(place, count), "bare git": lambda: _bare_git(place, shape, count)}
    return shared(interleaved(3, works), dict.fromkeys(works, count))


def _long(place: Path, shape: str, count: int) -> Times:
    """One round: git does a hundred tasks before and a hundred after, since each costs it the same."""
    before = timed(lambda: _bare_git(place, shape, 100))
    ours = timed(lambda: _swarm(place, count))
    after = timed(lambda: _bare_git(place, shape, 100))
    both = Cost(before.wall + after.wall, before.cpu + after.cpu)
    return shared({"swarm": [ours], "bare git": [both]}, {"swarm": count, "bare git": 200})


def _bare(folder: Path, shape: str, count: int) -> None:
    place = folder / "run"
    shutil.rmtree(place, ignore_errors=True)
    words = [sys.executable, "-m", "tests.bench.bare", place, shape, str(count), str(_WORKERS)]
    call(words, folder=ROOT, env=environment(folder))


def _ninja(folder: Path, count: int) -> None:
    for name in (".ninja_log", ".ninja_deps"):
        (folder / name).unlink(missing_ok=True)
    said = call([Path(sys.executable).parent / "ninja", "-j", str(_WORKERS)], folder=folder)
    assert f"[{count}/{count}]" in said


def _ninja_lines(shape: str, count: int) -> Iterator[str]:
    yield "rule noop\n command = /bin/true\n"
    for n in range(count):
        yield f"build t{n}: noop" + (f" t{n - 1}\n" if shape == "chain" and n else "\n")


def _list(shape: str, count: int) -> list[dict[str, object]]:
    return [
        {
            "id": n,
            "subject": f"task {n}",
            "run": ["sh", "-c", f"echo {n} > out-{n}.txt"],
            "files": [f"out-{n}.txt"],
            "validation": {"files_exist": [f"out-{n}.txt"]},
            "blockedBy": [n - 1] if shape == "chain" and n else [],
        }
        for n in range(count)
    ]


def _swarm(place: Path, count: int) -> None:
    words = [swarm(), "run", place / "tasks.json", "--max-workers", str(_WORKERS), "--land", "never", "--json"]
    told = json.loads(call(words, folder=place / "work", env=environment(place)))
    assert sum(task["outcome"] == "completed" for task in told["tasks"]) == count


def _bare_git(place: Path, shape: str, count: int) -> None:
    """What a script would do: a worktree, the worker, its work as a commit that is kept, the merge, the removal."""
    git = _Script(place)
    with ThreadPoolExecutor(1 if shape == "chain" else _WORKERS) as pool:
        list(pool.map(git.task, range(count)))
    assert git.run("rev-list", "--count", "main..refs/heads/bare") == str(count)
    git.run("update-ref", "-d", "refs/heads/bare")


class _Script:
    def __init__(self, place: Path) -> None:
        self._top, self._env = place / "work", environment(place)
        self._lock = threading.Lock()  # git makes one worktree at a time, and a ref moves one step at a time
        self.run("update-ref", "refs/heads/bare", "main")

    def run(self, *words: str | Path, folder: Path | None = None) -> str:
        return call(["git", *SYNCED, *words], folder=folder or self._top, env=self._env).strip()

    def task(self, n: int) -> None:
        tree = self._top.parent / "trees" / str(n)
        with self._lock:
            base = self.run("rev-parse", "refs/heads/bare")
            self.run("worktree", "add", "-q", "--detach", tree, base)
        subprocess.run(["sh", "-c", f"echo {n} > out-{n}.txt"], cwd=tree, check=True)
        assert (tree / f"out-{n}.txt").is_file()
        self.run("add", "-A", folder=tree)
        written = self.run("write-tree", folder=tree)
        commit = self.run("commit-tree", "-p", base, "-m", f"task {n}", written)
        self.run("update-ref", f"refs/bare/{n}", commit)
        with self._lock:
            tip = self.run("rev-parse", "refs/heads/bare")
            merged = self.run("merge-tree", "--write-tree", tip, commit)
            new = self.run("commit-tree", "-p", tip, "-m", f"task {n}", merged)
            self.run("update-ref", "refs/heads/bare", new, tip)
            self.run("worktree", "remove", "--force", tree)
