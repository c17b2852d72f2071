"""A worktree for an attempt: fresh by git, fresh by us, and one that another attempt had before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from swarmskill.config import WorktreeSetup
from swarmskill.repo.repository import Repository
from swarmskill.repo.worktree import Worktrees
from tests.bench.measure import Row, call, compare, interleaved
from tests.bench.places import environment, make_repository, path_of

_FRESH = "git worktree add"


def rows(scratch: Path, *, quick: bool) -> Iterator[Row]:
    """The pooled one was dirty: a file changed, one ignored and one new, and its base was another commit."""
    for files in (1000,) if quick else (1000, 20_000):
        work = _Work(scratch / f"of-{files}" / "work", files)
        works = {"pooled": work.pooled, "fresh": work.fresh, _FRESH: work.by_git}
        times = interleaved(3, works, daemons=False)
        work.clean()
        bar = 0.1 if files == 20_000 else None
        for ours in ("pooled", "fresh"):
            what = f"{ours}, {files} files"
            yield compare("worktree", what, times, ours, _FRESH, bar=bar if ours == "pooled" else None, scale=1e3)


class _Work:
    def __init__(self, top: Path, files: int) -> None:
        make_repository(top, files, 2)
        self._top, self._env = top, environment(top.parent)
        (top / ".git" / "info" / "exclude").write_text("*.log\n.swarm/\n")
        repository = Repository.open(top)
        self._bases = itertools.cycle([repository.resolve("work/0"), repository.resolve("work/1")])
        self._pool, self._others = (
            Worktrees(repository, "bench", top / ".swarm" / name, WorktreeSetup(), run_command=_no_command)
            for name in ("pool", "others")
        )
        self._numbers = itertools.count(1)
        self._dirty(self._pool.acquire("first", next(self._bases)).path)

    def pooled(self) -> None:
        """Acquire one that is free; it is made dirty and given back outside of what git does for the others."""
        self._dirty(self._pool.acquire(str(next(self._numbers)), next(self._bases)).path)

    def fresh(self) -> None:
        """Acquire one while none is free."""
        self._others.acquire(str(next(self._numbers)), next(self._bases))

    def by_git(self) -> None:
        """What a script would call."""
        tree = self._top.parent / f"tree{next(self._numbers)}"
        call(["git", "worktree", "add", "-q", "--detach", tree, next(self._bases)], folder=self._top, env=self._env)

    def clean(self) -> None:
        """Remove them."""
        self._pool.drain()
        for tree in self._others.list():
            self._others.remove(tree)

    def _dirty(self, tree: Path) -> None:
        assert not (tree / "left.txt").exists()
        assert not (tree / "left.log").exists()
        (tree / path_of(1)).write_text("changed")
        (tree / "left.txt").write_text("new")
        (tree / "left.log").write_text("ignored")
        self._pool.release(tree)


def _no_command(words: object, folder: Path) -> tuple[int, str]:
    raise AssertionError("no set-up was asked for")
