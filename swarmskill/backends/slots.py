"""Slots that several runs share: whoever has a slot's file locked has the slot.

The kernel takes a lock back when its holder ends, however that ends, so a dead run frees its slots and nobody
tidies up after it. A slot is claimed with an exclusive lock and then held with a shared one: so whoever claimed it
can hand it to another process, which locks it as well before the first lets go. Imported by the keeper: standard
library only.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from pathlib import Path


class SlotGone(Exception):
    """The slot is no longer held by whoever handed it over."""


def hold_slots(paths: Iterable[str]) -> list[int]:
    """Hold slots that another process has and hands over: open files, to be closed when they are free again.

    Raises SlotGone, and OSError for a file that cannot be opened.
    """
    held: list[int] = []
    for path in paths:
        file = _try_lock(path, fcntl.LOCK_SH)
        if file is None:
            let_go(held)
            raise SlotGone(path)
        held.append(file)
    return held


def let_go(files: Iterable[int]) -> None:
    """Free what these open files hold."""
    for file in files:
        os.close(file)


class SlotFolder:
    """As many slots as the limit says, in a folder that all who share them know; `whose` names them."""

    def __init__(self, path: Path, limit: int, whose: str) -> None:
        self.whose = whose
        self.limit = limit
        self._path = path
        self._line = path / "line"

    def make(self) -> None:
        """Make the folder, for its owner alone. Raises OSError."""
        self._line.mkdir(mode=0o700, parents=True, exist_ok=True)

    def claim(self) -> tuple[int, str] | None:
        """A free slot as an open file that holds it, and its path; None if all are taken. Raises OSError."""
        for path in self._slots():
            file = _try_lock(path, fcntl.LOCK_EX)
            if file is not None and _lock(file, fcntl.LOCK_SH):  # not atomic: somebody may have been quicker
                return file, path
            if file is not None:
                os.close(file)
        return None

    def in_use(self) -> int:
        """How many slots are taken now. Raises OSError."""
        used = 0
        for path in self._slots():
            file = _try_lock(path, fcntl.LOCK_EX)
            if file is None:
                used += 1
            else:
                os.close(file)
        return used

    def queue_up(self) -> Ticket:
        """Stand in line for a slot. Raises OSError."""
        return Ticket(self._line)

    def others_wait(self, ticket: Ticket | None) -> bool:
        """Whether somebody stands in line before the holder of the ticket, or at all without one. Raises OSError."""
        before = [name for name in os.listdir(self._line) if ticket is None or name < ticket.name]
        return any(_waits(self._line / name) for name in before)

    def _slots(self) -> list[str]:
        return [str(self._path / f"slot-{number}") for number in range(self.limit)]


class Ticket:
    """A place in the line, as good as its holder lives."""

    def __init__(self, line: Path) -> None:
        self.name = f"{time.time_ns():020}-{os.getpid()}"
        self._path = line / self.name
        self._file = _try_lock(str(self._path), fcntl.LOCK_EX)

    def close(self) -> None:
        """Leave the line."""
        self._path.unlink(missing_ok=True)
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _waits(ticket: Path) -> bool:
    """Whether the holder of a ticket lives; the ticket of a dead one is taken away."""
    try:
        file = os.open(ticket, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if not _lock(file, fcntl.LOCK_SH):
            return True
        ticket.unlink(missing_ok=True)
        return False
    finally:
        os.close(file)


def _try_lock(path: str, how: int) -> int | None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if _lock(file, how):
        return file
    os.close(file)
    return None


def _lock(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
