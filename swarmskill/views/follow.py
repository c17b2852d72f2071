"""Following a text file that grows: a worker's log or the ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

POLL = 0.1
"""Seconds between two looks at the file."""

_BLOCK = 1 << 16
_LONGEST = 1 << 20


def follow_lines(
    path: Path, stop: Callable[[], bool], *, pause: Callable[[], None] = lambda: time.sleep(POLL)
) -> Iterator[str]:
    """The file's lines from its start, and those that come, until `stop()` is true and all was read.

    The file need not exist yet. A file that was cut short or replaced is read from its start again.
    A line is given when its end is there, the last one also when the following ends, one over 1 MiB
    in pieces. Lines come without their newline; bytes that are not UTF-8 become U+FFFD.
    """
    tail = LineTail(path)
    try:
        while True:
            ending = stop()  # asked before reading, so that what was written before the end is read
            yield from tail.lines()
            if ending:
                break
            pause()
        yield from tail.rest()
    finally:
        tail.close()


def last_lines(path: Path, most: int) -> list[str]:
    """The file's last lines, at most `most`, from its last 64 KiB; [] if it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _BLOCK))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return lines[-most:] if most else []


class LineTail:
    """A growing file, read as far as it has got each time; see `follow_lines`, which reads it to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._begun = b""

    def lines(self) -> Iterator[str]:
        """The lines that are complete by now."""
        yield from self._read()
        if self._replaced():
            yield from self._read()  # what was written between the last reading and the replacement
            yield from self.rest()
            self.close()
            yield from self._read()

    def rest(self) -> Iterator[str]:
        """The line that has no end."""
        if self._begun:
            yield _text(self._begun)
        self._begun = b""

    def close(self) -> None:
        """Let the file go; the next reading begins at its start."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> Iterator[str]:
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except FileNotFoundError:
                return
        while block := self._file.read(_BLOCK):
            *whole, self._begun = (self._begun + block).split(b"\n")
            yield from (_text(line) for line in whole)
            if len(self._begun) > _LONGEST:
                yield from self.rest()

    def _replaced(self) -> bool:
        """Whether the path names another file by now, or ours was cut short."""
        if self._file is None:
            return False
        ours = os.fstat(self._file.fileno())
        if ours.st_size < self._file.tell():
            return True
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
