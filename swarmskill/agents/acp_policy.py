"""What an agent that asks over the Agent Client Protocol is allowed. Pure, but for the links that paths go through."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from swarmskill.records import dataclass

READING_GIT: Final = tuple(
    ("git", word) for word in ("status", "diff", "log", "show", "blame", "ls-files", "rev-parse")
)

_WRITING: Final = frozenset({"edit", "delete", "move"})
_READING: Final = frozenset({"read", "search"})
_OPERATORS: Final = re.compile(r"[;&|<>`\n\r]|\$\(")
_WRITING_OPTIONS: Final = ("--output", "--ext-diff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Decides for one worker. `allowed` are commands as their first words; without `tools` nothing is allowed."""

    worktree: Path
    allowed: tuple[tuple[str, ...], ...] = ()
    yolo: bool = False
    tools: bool = True

    def allows(self, kind: str, paths: Iterable[str] = (), command: str = "") -> bool:
        """Whether a tool of that ACP kind may be used on these paths, or for this command."""
        if not self.tools or self.yolo:
            return self.tools
        touched = tuple(paths)
        if kind in _WRITING:
            return bool(touched) and all(map(self.may_write, touched))
        if kind in _READING:
            return all(map(self.is_inside, touched))
        if kind == "execute":
            return self.may_run(command)
        return kind == "think"

    def is_inside(self, path: str) -> bool:
        """Whether the path lies in the worktree, links followed. A relative one is taken from there."""
        try:
            return (self.worktree / path).resolve().is_relative_to(self.worktree.resolve())
        except (OSError, ValueError, RuntimeError):
            return False

    def may_write(self, path: str) -> bool:
        """Whether the path is a file of the worktree, and not git's own."""
        if not self.tools or not self.is_inside(path):
            return False
        inside = (self.worktree / path).resolve().relative_to(self.worktree.resolve())
        return bool(inside.parts) and inside.parts[0].lower() != ".git"

    def may_run(self, command: str) -> bool:
        """Whether each of the commands that `&&` joins is allowed, and nothing in it is for the shell to act on."""
        return bool(command.strip()) and all(map(self._may_run_one, command.split("&&")))

    def _may_run_one(self, command: str) -> bool:
        if _OPERATORS.search(command):
            return False
        try:
            words = shlex.split(command)
        except ValueError:
            return False
        if words[:1] == ["git"] and any(word.startswith(_WRITING_OPTIONS) for word in words):
            return any(_begins(words, prefix) for prefix in self.allowed)
        return any(_begins(words, prefix) for prefix in (*self.allowed, *READING_GIT))


def _begins(words: list[str], prefix: tuple[str, ...]) -> bool:
    return bool(prefix) and tuple(words[: len(prefix)]) == prefix
