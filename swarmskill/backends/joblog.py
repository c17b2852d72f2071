"""A job's log: its first half and its last half when it is longer than the limit.

It is one file at all times, so that anybody can read it while the job runs. Once the file is an
eighth over its limit, the middle is cut out in place: a follower sees the file get shorter and goes
on from its new end. Imported by the keeper: standard library only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence

from swarmskill.backends.masking import Masker

_CHUNK = 1 << 20
_NOTICE = b"\n[swarm: %015d bytes were left out here]\n"
_LEAST_SLACK = 1 << 16


class JobLog:
    """Appends to one log file, and goes on after what an earlier process of the job wrote.

    None of the values in `masked` gets into the file, nor any that is cut in two by two writes. `echo` is
    given all that is written, before anything is left out of it.

    Raises OSError if the file cannot be opened, never later: a full disk costs output, not the job.
    """

    __slots__ = ("_echo", "_file", "_head", "_limit", "_masker", "_noticed", "_omitted", "_size", "_slack", "_tail")

    def __init__(
        self, path: str, limit: int, masked: Sequence[str] = (), echo: Callable[[bytes], object] | None = None
    ) -> None:
        self._file = _open(path)
        self._echo = echo
        self._masker = Masker(masked) if masked else None
        self._limit = limit
        self._head = limit // 2
        self._tail = limit - self._head
        self._slack = max(limit // 8, _LEAST_SLACK)
        self._size = os.lseek(self._file, 0, os.SEEK_END)
        self._omitted = 0
        self._noticed = False

    def write(self, data: bytes) -> None:
        """Append. Loses what the disk does not take."""
        self._write(self._masker.feed(data) if self._masker else data)

    def _write(self, data: bytes) -> None:
        if self._echo:
            self._echo(data)
        try:
            while data:
                written = os.write(self._file, data)
                self._size += written
                data = data[written:]
            if self._size > self._limit + self._slack:
                self._cut()
        except OSError:
            self._omitted += len(data)

    def close(self) -> None:
        """Bring the file down to its limit and let go of it."""
        if self._masker:
            self._write(self._masker.close())
        try:
            if self._size > self._limit + len(_NOTICE % 0):
                self._cut()
        except OSError:
            pass
        os.close(self._file)

    def _cut(self) -> None:
        """Move the last half up behind the first, with a line between that tells how much is missing."""
        notice_size = len(_NOTICE % 0)
        goal = self._head + notice_size
        source = self._size - self._tail
        self._omitted += source - (goal if self._noticed else self._head)
        self._noticed = True
        while source < self._size:
            piece = os.pread(self._file, min(_CHUNK, self._size - source), source)
            if not piece:
                break
            goal += os.pwrite(self._file, piece, goal)
            source += len(piece)
        os.pwrite(self._file, _NOTICE % self._omitted, self._head)
        os.ftruncate(self._file, goal)
        self._size = os.lseek(self._file, 0, os.SEEK_END)


def _open(path: str) -> int:
    # Workers may write near the log: a symlink would send our writes elsewhere, a FIFO would block us.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        file = os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(f"the log {path} is not a regular file")
    return file
