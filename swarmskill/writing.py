"""Writing files so that nobody ever reads half of one."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole: readers see the old or the new content, never a part. Its mode stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    with suppress(OSError):
        temporary.chmod(stat.S_IMODE(path.stat().st_mode))
    temporary.replace(path)
