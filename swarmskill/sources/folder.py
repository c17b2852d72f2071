"""A task list that is a folder with one JSON file for each task, as Claude Code keeps it: `~/.claude/tasks/SESSION`.

The files are read in the order of their names, `2.json` before `10.json`; hidden ones (its lock, its
high-water mark) and what is no JSON file are not tasks.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from swarmskill.core.graph import natural
from swarmskill.errors import InputError
from swarmskill.sources import syntax
from swarmskill.sources.findings import printable

_MOST_FILES = 100_000


def read_folder(path: Path) -> list[Any]:
    """The tasks in the folder, as the files have them. Raises InputError that names the file."""
    source = printable(str(path))
    try:
        names = sorted((name for name in os.listdir(path) if _is_task(name)), key=natural)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=source, hint=f"chmod u+rx {source}") from None
    if not names:
        hint = f"name the file with the list: {source}/tasks.json"
        raise InputError("is a folder without a file for each task (1.json, 2.json, …)", source=source, hint=hint)
    if len(names) > _MOST_FILES:
        raise InputError(f"has over {_MOST_FILES} files", source=source, hint="name a folder of tasks")
    return [_read(path / name) for name in names]


def _is_task(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")


def _read(file: Path) -> Any:
    source = printable(str(file))
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", source=source, hint="mend it, or remove it") from None
    task = syntax.parse_json(text, source)
    if not isinstance(task, dict):
        raise InputError("wants one task, an object", source=source, hint="name the list itself, if it is one")
    return task
