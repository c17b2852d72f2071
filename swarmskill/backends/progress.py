"""Signs of life in a folder that a worker works in. Imported by the keeper: standard library only."""

from __future__ import annotations

import os

_MOST = 20_000
"""Files and folders that are looked at. A worker that builds a larger tree than that prints something, too."""

_OURS = frozenset({".git", ".swarm"})
"""What others write into: mail for the worker is no sign of life."""


def newest_change(folder: str, since: float) -> float:
    """When a file below the folder was last changed, if that was after `since`; else `since`.

    Both in seconds since the epoch. What cannot be read is left out.
    """
    newest, left, folders = since, _MOST, [folder]
    while folders and left > 0:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            continue
        for entry in entries[:left]:
            if entry.name in _OURS:
                continue
            try:
                newest = max(newest, entry.stat(follow_symlinks=False).st_mtime)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
            except OSError:
                continue
        left -= len(entries)
    return newest
