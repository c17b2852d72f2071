"""Where task lists come from. Each source is one module, and one line here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from swarmskill.model import TaskList

SOURCES = {
    "tasks": "swarmskill.sources.taskfile:load_tasks",
}
"""Every source: its name, and the function that reads it, imported when it is first used."""


def load(name: str, path: str, *, repo_top: Path | None = None) -> TaskList:
    """Read a task list with the source of that name. Raises InputError, KeyError on a name unknown."""
    module, _, function = SOURCES[name].partition(":")
    loaded: TaskList = getattr(import_module(module), function)(path, repo_top=repo_top)
    return loaded
