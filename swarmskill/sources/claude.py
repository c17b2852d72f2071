"""Claude Code's own task list: a folder in `~/.claude/tasks` with one JSON file for each task."""

from __future__ import annotations

import os
from pathlib import Path

from swarmskill.errors import UsageError
from swarmskill.sources.base import Edge, Loaded
from swarmskill.sources.taskfile import load_tasks


class ClaudeTasks:
    """The list that Claude Code shows with Ctrl-T and keeps with TaskCreate and TaskUpdate."""

    name = "claude"
    where = "LIST"

    def load(self, where: str, edge: Edge) -> Loaded:
        """Read a list by its name or its folder; by default that of `CLAUDE_CODE_TASK_LIST_ID`, or the newest."""
        folder = _folder(where, edge)
        file = os.path.realpath(folder)
        return Loaded(load_tasks(str(folder), repo_top=edge.top), "status", {"file": file, "form": "claude"}, file)

    def recognises(self, path: str, text: str) -> bool:
        """Never: it is a folder, and that is read as a list of tasks whoever wrote it."""
        return False


SOURCE = ClaudeTasks()


def _folder(where: str, edge: Edge) -> Path:
    home = Path(edge.environment.get("CLAUDE_CONFIG_DIR") or edge.home / ".claude") / "tasks"
    name = where or edge.environment.get("CLAUDE_CODE_TASK_LIST_ID", "")
    if name:
        for folder in (home / name, Path(name)):
            if folder.is_dir():
                return folder
        raise UsageError(f"there is no task list {name!r} in {home}", hint=f"there are: {_known(home)}")
    lists = [folder for folder in _lists(home) if any(folder.glob("*.json"))]
    if not lists:
        raise UsageError(f"there is no task list in {home}", hint="name one: --from claude:LIST")
    return max(lists, key=lambda folder: max(file.stat().st_mtime for file in folder.glob("*.json")))


def _lists(home: Path) -> list[Path]:
    try:
        return [folder for folder in home.iterdir() if folder.is_dir() and not folder.is_symlink()]
    except OSError:
        return []


def _known(home: Path) -> str:
    names = sorted(folder.name for folder in _lists(home))
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") if names else "none"
