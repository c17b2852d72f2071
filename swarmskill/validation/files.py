"""What the checks that look at files see: present in what would be committed, with a certain content."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from swarmskill.core.manifest import segments

TreeHas = Callable[[str], bool]
"""Whether a path (POSIX, relative, a file or a folder) is in the tree that would be committed."""


def absence(folder: Path, path: str, tree_has: TreeHas) -> str:
    """Why `path` does not count as present, with what to do about it; "" if it does."""
    relative = "/".join(segments(path))
    if not is_inside(path):
        return f"{path} is not a path inside the repository"
    if tree_has(relative):
        return ""
    target = folder / relative
    if not os.path.lexists(target):
        return f"{relative} does not exist"
    real = real_path(folder, relative)
    if real is None:
        return f"{relative} leads out of the worktree through a symbolic link, or to nothing"
    if tree_has(os.path.relpath(real, os.path.realpath(folder))):
        return ""
    if os.path.isdir(real) and not any(files for _, _, files in os.walk(real)):
        return f"{relative} is an empty folder, and git keeps none: put a file into it"
    return (
        f"{relative} exists in the worktree but would not be committed, for git ignores it: "
        "list it in the task's `files`, or take it out of .gitignore"
    )


def is_inside(path: str) -> bool:
    """Whether the path, by its text alone, names something inside the repository."""
    parts = segments(path)
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path


def real_path(folder: Path, relative: str) -> str | None:
    """Where the path leads with all symbolic links followed; None if out of the folder, or to nothing."""
    top = os.path.realpath(folder)
    try:
        real = os.path.realpath(folder / relative, strict=True)
    except OSError:
        return None
    return real if os.path.commonpath((top, real)) == top else None


def inside(folder: Path, path: str) -> str:
    """The path relative to the folder, if it is an absolute path into it; else as it is.

    Agents tend to name files by absolute paths.
    """
    for top in (str(folder), os.path.realpath(folder)):
        if path.startswith(top + "/"):
            return path[len(top) + 1 :]
    return path
