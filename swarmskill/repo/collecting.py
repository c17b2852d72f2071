"""Keeps `git gc` away while objects are made that nothing refers to yet.

`git gc --prune=now` deletes every object that no ref led to when it began: also the one that we wrote a
moment later. git's own word for "not now" is the file `gc.pid`: a live process named there lets another
`git gc` wait for a better time (`--auto` quietly, else with an error). We hold it for milliseconds, and
when a gc runs already, we wait for its end.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType

_STALE = 12 * 3600.0
"""Seconds after which git believes no `gc.pid` any more."""

_POLL = 0.05


class GcPause:
    """Use as a context manager, from any thread and nested: git's garbage collection rests meanwhile.

    Waits up to `patience` seconds for one that runs; then goes on without: most collections spare what is
    younger than two weeks. A read-only or foreign folder is no reason to stop either.
    """

    def __init__(self, common_dir: Path, patience: float = 120.0) -> None:
        self._file = common_dir / "gc.pid"
        self._lock_file = common_dir / "gc.pid.lock"
        self._patience = patience
        self._mine = f"{os.getpid()} {socket.gethostname()}".encode()
        self._lock = threading.Lock()
        self._users = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._take()
            self._users += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._holder() == self._mine:
                with contextlib.suppress(OSError):
                    self._file.unlink()

    def _take(self) -> None:
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            try:
                if self._try():
                    return
            except OSError:
                return
            time.sleep(_POLL)

    def _try(self) -> bool:
        """One try to become the holder; never replaces a live one."""
        if self._is_live():
            return False
        with contextlib.suppress(FileNotFoundError):
            self._file.unlink()
        part = self._file.with_name(f"gc.pid.{uuid.uuid4().hex}")
        part.write_bytes(self._mine)
        try:
            os.link(part, self._file)
        except FileExistsError:
            return False
        finally:
            part.unlink()
        # A git that looked before we were there renames its lock file over ours in a moment.
        for _ in range(20):
            if not self._lock_file.exists():
                break
            time.sleep(_POLL)
        return self._holder() == self._mine

    def _holder(self) -> bytes:
        try:
            return self._file.read_bytes().strip()
        except OSError:
            return b""

    def _is_live(self) -> bool:
        """Whether git would believe the file: not too old, and its process alive, or on another machine."""
        try:
            age = time.time() - self._file.stat().st_mtime
            pid, _, host = self._holder().decode("ascii", "replace").partition(" ")
            if age > _STALE or not pid.isdecimal():
                return False
            if host != socket.gethostname():
                return True
            os.kill(int(pid), 0)
        except (FileNotFoundError, ProcessLookupError):
            return False
        except PermissionError:
            return True
        return True
