"""Bringing branches onto the run branch: the merger as a run uses it, over bare git."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from swarmskill.config import RunConfig
from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.core.state import EMPTY, State
from swarmskill.core.transitions import step
from swarmskill.mayor.branch import RunBranch
from swarmskill.mayor.context import RunContext
from swarmskill.mayor.judging import Judge
from swarmskill.mayor.merging import Merger
from swarmskill.model import Ending, Task, Verdict, WorkerEnd
from swarmskill.places import RunFolder, runs_folder
from swarmskill.repo.collecting import GcPause
from swarmskill.repo.repository import Repository
from tests.bench.measure import Row, call, compare, interleaved
from tests.bench.places import SYNCED, environment, make_repository

_PLAIN, _CHECKOUT = "merge-tree + commit-tree + update-ref", "git merge in a checkout"


def rows(scratch: Path, *, quick: bool) -> Iterator[Row]:
    """Each branch changes one file and adds one; no checks, so that only the merging is seen."""
    branches = 20 if quick else 200
    for files in (1000,) if quick else (1000, 20_000):
        work = _Work(scratch / f"of-{files}" / "work", files, branches)
        works = {"swarm": lambda: work.swarm(8), _PLAIN: work.plain}
        if files == 1000:
            works["one by one"] = lambda: work.swarm(1)
        times = interleaved(3, works, daemons=False)
        title = f"integration of {branches} branches"
        note = "ours keeps each stack and the tip under refs of its own, so that nothing is collected or lost"
        for ours, bar in (("swarm", 1.5), ("one by one", None)):
            if ours not in works:
                continue
            what = f"{files} files" + (", merge_batch = 1" if ours != "swarm" else "")
            yield compare(title, what, times, ours, _PLAIN, scale=1e3 / branches, bar=bar, note=note)
        few = min(branches, 40)
        works = {"swarm": lambda: work.swarm(8, few), _CHECKOUT: lambda: work.in_checkout(few)}
        yield compare(title, f"{files} files, {few} branches", interleaved(1, works, daemons=False), "swarm", _CHECKOUT,
                      scale=1e3 / few)  # fmt: skip


class _Work:
    """One repository, put back to its start before each round."""

    def __init__(self, top: Path, files: int, branches: int) -> None:
        make_repository(top, files, branches)
        self._env = environment(top.parent)
        self._top = top
        self._repository = Repository.open(top)
        self._base = self._repository.resolve("main")
        self._commits = [self._repository.resolve(f"work/{n}") for n in range(branches)]
        self._runs = itertools.count(1)

    def swarm(self, batch: int, branches: int | None = None) -> None:
        """The merger, with answers that go nowhere."""
        commits, run_id = self._commits[:branches], f"20260101-00000{next(self._runs)}-bench"
        self._repository.ensure_run_branch(run_id, self._base)
        answers: list[ev.Event] = []
        run = _context(self._repository, run_id, self._base, batch)
        merger = Merger(run, Judge(run), answers.append)
        state, merges = _accepted(commits, self._base, run.config)
        for effect in merges:
            merger.add(effect, state)
        merger.work()
        assert [type(answer) for answer in answers] == [ev.Integrated] * len(commits)
        assert self._count(f"refs/heads/swarm/{run_id}") == len(commits)

    def plain(self) -> None:
        """The least that git needs for one commit per branch on a branch that moves."""
        tip = self._base
        self._git("update-ref", "refs/heads/bare", tip)
        for commit in self._commits:
            tree = self._git("merge-tree", "--write-tree", tip, commit)
            new = self._git("commit-tree", tree, "-p", tip, "-m", "work")
            self._git("update-ref", "refs/heads/bare", new, tip)
            tip = new
        assert self._count("refs/heads/bare") == len(self._commits)

    def in_checkout(self, branches: int) -> None:
        """What a person would type."""
        self._git("checkout", "-q", "--detach", self._base)
        for commit in self._commits[:branches]:
            self._git("merge", "-q", "--no-ff", "-m", "work", commit)

    def _count(self, ref: str) -> int:
        return int(self._git("rev-list", "--count", "--first-parent", f"{self._base}..{ref}"))

    def _git(self, *words: str) -> str:
        return call(["git", *SYNCED, *words], folder=self._top, env=self._env).strip()


def _context(repository: Repository, run_id: str, base: str, batch: int) -> RunContext:
    """What the merger needs of a run; attempts without checks need neither worktrees nor processes."""
    parts: dict[str, Any] = dict.fromkeys(
        ("worktrees", "backend", "workers", "handed", "commands", "guard", "accounts", "memory")
    )
    return RunContext(
        folder=RunFolder(runs_folder(repository.common_dir) / run_id),
        config=replace(RunConfig(), merge_batch=batch),
        repository=repository,
        environment={},
        branch=RunBranch(repository, run_id, base, print),
        no_gc=GcPause(repository.common_dir),
        **cast("dict[str, Any]", parts),
    )


def _accepted(commits: list[str], base: str, config: RunConfig) -> tuple[State, list[ef.Integrate]]:
    """A run of which every task has its work accepted, and waits to be integrated."""
    tasks = tuple(Task(id=str(n), subject=f"work {n}") for n in range(len(commits)))
    config = replace(config, max_workers=len(tasks))
    state, _ = step(EMPTY, ev.RunStarted(at=0.0, run_id="bench", tasks=tasks, config=config, base=base))
    merges: list[ef.Integrate] = []
    over = WorkerEnd(ending=Ending.EXITED, exit_code=0, started_at=0.0, ended_at=0.0)
    for task, commit in zip(tasks, commits, strict=True):
        about = {"at": 0.0, "task": task.id, "attempt": 1}
        for event in (
            ev.WorkerStarted(**about, pid=1, identity="", worktree="", base=base),
            ev.WorkerExited(**about, end=over),
            ev.Validated(**about, verdict=Verdict(), commit=commit),
        ):
            state, effects = step(state, event)
            merges += [effect for effect in effects if isinstance(effect, ef.Integrate)]
    return state, merges
