"""Puts accepted attempts on top of each other, one commit each, without a work tree."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from swarmskill.core.effects import Integrate
from swarmskill.model import Task
from swarmskill.records import dataclass
from swarmskill.repo.integrate import commit_tree, merge
from swarmskill.repo.message import commit_message
from swarmskill.repo.repository import Repository

Key = tuple[str, int]
"""Task id and attempt."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An accepted attempt that waits to be integrated. `worktree` is its own, or None if it has none any more."""

    effect: Integrate
    task: Task
    worktree: Path | None

    @property
    def key(self) -> Key:
        """Which attempt it is."""
        return self.effect.task, self.effect.attempt


@dataclass(frozen=True, slots=True)
class Layer:
    """One attempt in a stack: `commit` holds its work, on top of `parent`."""

    waiting: Waiting
    parent: str
    commit: str

    @property
    def moved(self) -> bool:
        """Whether it lies on something else than it was made and checked on."""
        return self.parent != self.waiting.effect.base


@dataclass(frozen=True, slots=True)
class Stack:
    """Attempts on top of the run branch's `tip`.

    `conflicting` are those that do not merge with the tip itself, with the paths. What merges with the tip but
    not with a layer below it is in neither: that layer may never land, so it proves nothing yet.
    """

    tip: str
    layers: tuple[Layer, ...]
    conflicting: tuple[tuple[Waiting, tuple[str, ...]], ...] = ()

    @property
    def top(self) -> str:
        """The commit that holds all of them."""
        return self.layers[-1].commit if self.layers else self.tip


def stack_up(repository: Repository, run_id: str, tip: str, attempts: Iterable[Waiting]) -> Stack:
    """Merge each attempt onto the one before; the first of them is a layer or conflicting. Raises GitFailed."""
    layers: list[Layer] = []
    conflicting: list[tuple[Waiting, tuple[str, ...]]] = []
    top = tip
    for one in attempts:
        commit, paths = _put_on(repository, run_id, one, top)
        if commit:
            layers.append(Layer(one, top, commit))
            top = commit
            continue
        if top != tip:
            paths = merge(repository, tip, one.effect.commit).conflicts
        if paths:
            conflicting.append((one, paths))
    return Stack(tip, tuple(layers), tuple(conflicting))


def _put_on(repository: Repository, run_id: str, one: Waiting, top: str) -> tuple[str, tuple[str, ...]]:
    """The attempt's commit on top of `top`, or "" and the paths that do not merge."""
    effect = one.effect
    if top == effect.base and not repository.signs:
        return effect.commit, ()
    merged = merge(repository, top, effect.commit)
    if merged.conflicts:
        return "", merged.conflicts
    message = commit_message(one.task, run_id, effect.attempt)
    return commit_tree(repository, merged.tree, top, message), ()
