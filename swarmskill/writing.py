"""Writing files so that nobody ever reads half of one."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_TEMPORARY = ".tmp"


def is_temporary(name: str, file: str) -> bool:
    """Whether a file of this name is what `replace_file` is making a new `file` of."""
    return name.startswith(f".{file}.") and name.endswith(_TEMPORARY)


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file whole: readers see the old or the new content, never a part. Its mode stays.

    A `durable` one is on the disk when this returns, so that a power cut does not lose it either.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
    with temporary.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    with suppress(OSError):
        temporary.chmod(stat.S_IMODE(path.stat().st_mode))
    temporary.replace(path)
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
