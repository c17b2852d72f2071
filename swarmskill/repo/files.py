"""Small deeds on files that several modules need: whole writes, and removal of what resists."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace the file by `data` in one step; its mode stays. Raises OSError, and then nothing changed.

    Not `durable`, a power cut may leave it empty.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        mode = 0o644
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def remove_tree(path: Path) -> None:
    """Remove a file, link or folder with all in it, folders without permissions too. Absent is fine.

    Links are removed, never followed. Raises OSError if something cannot be removed.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    shutil.rmtree(path, onerror=_open_up)


def _open_up(
    function: Callable[..., Any],
    name: str,
    info: tuple[type[BaseException], BaseException, Any],
) -> None:
    """Called by rmtree where something resists: give ourselves permission and try once more."""
    if isinstance(info[1], FileNotFoundError):
        return
    parent = os.path.dirname(name)
    os.chmod(parent, 0o700)
    if function in (os.open, os.scandir, os.lstat) or (os.path.isdir(name) and not os.path.islink(name)):
        os.chmod(name, 0o700)
        shutil.rmtree(name)
    else:
        os.unlink(name)


def inside(relative: str) -> bool:
    """Whether a relative POSIX path stays below where it starts, git's own folder left out."""
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if relative.startswith("/") or not parts or ".." in parts or "\0" in relative:
        return False
    return parts[0].lower() != ".git"


def behind_link(top: Path, relative: str) -> bool:
    """Whether one of the folders on the way to `top/relative` is a symbolic link."""
    folder = top
    for part in Path(relative).parts[:-1]:
        folder = folder / part
        if folder.is_symlink():
            return True
    return False
