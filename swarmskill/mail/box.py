"""A Maildir: files are written in `tmp`, renamed into `new`, and moved to `cur` with flags in their names.

Names are `0000000012_3-1.000004.md` in `new` and `0000000012_3-1.000004,SA.md` in `cur`: an order, the
message's id, flags. The order, never a clock, says what comes first.

A worker can replace whatever lies in its worktree, also by links that lead elsewhere, and the mayor may
write where the worker may not. So every step below the trusted root is taken from an open folder, and
no link is followed.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from swarmskill.records import dataclass

SEEN: Final = "S"
ACKED: Final = "A"
TAKEN: Final = "T"
"""The mayor has reacted to it."""
CARRIED: Final = "C"
REFUSED: Final = "R"

_NAME: Final = re.compile(r"(?:(\d{1,18})_)?([^,]*)(?:,([A-Z]*))?\.md", re.DOTALL)
_LAST: Final = 10**18
_WRITING: Final = 5.0
"""Seconds that an empty file is left alone: who writes by hand may not know that mail is renamed into its place."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FRESH: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Unreadable(OSError):
    """A file that no mail program made: a folder, a pipe, a link, or one that is too large."""


@dataclass(frozen=True, slots=True, order=True)
class Stored:
    """A message's file. `order` is a large number where the name has none."""

    order: int
    name: str
    id: str
    flags: str
    folder: str

    def has(self, flag: str) -> bool:
        """Whether the flag is in its name."""
        return flag in self.flags


def file_name(order: int, message_id: str) -> str:
    """The name of a message's file in `new`."""
    return f"{order:010d}_{message_id}.md"


def read_name(name: str, folder: str) -> Stored:
    """What a file's name says."""
    match = _NAME.fullmatch(name)
    if match is None:
        return Stored(_LAST, name, name, "", folder)
    return Stored(int(match[1]) if match[1] else _LAST, name, match[2], match[3] or "", folder)


@contextmanager
def opened(root: Path, *parts: str) -> Iterator[int]:
    """An open folder below `root`; none of `parts` may be a link."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            below = os.open(part, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def make_folders(root: Path, *parts: str) -> None:
    """Make the folder below `root`, with all between. Raises OSError where a link is in the way."""
    for depth, part in enumerate(parts):
        with opened(root, *parts[:depth]) as handle:
            try:
                os.mkdir(part, dir_fd=handle)
            except FileExistsError:
                pass


class Box:
    """One Maildir, at `parts` below the trusted folder `root`. All methods raise OSError."""

    def __init__(self, root: Path, *parts: str) -> None:
        self._root = root
        self._parts = parts

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._root.joinpath(*self._parts)

    def make(self) -> None:
        """Make its three folders, as far as they are not there."""
        for folder in ("tmp", "new", "cur"):
            make_folders(self._root, *self._parts, folder)

    def stored(self, *folders: str) -> list[Stored]:
        """The files in these folders, by default `new` and `cur`, in order. A box that is gone is empty.

        A message that moves from `new` to `cur` meanwhile is there once.
        """
        several = len(folders) != 1
        found: dict[str, Stored] = {}
        for folder in folders or ("new", "cur"):
            try:
                with self._folder(folder) as handle:
                    names = os.listdir(handle)
            except FileNotFoundError:
                continue
            for name in names:
                if not name.startswith("."):
                    one = read_name(name, folder)
                    found[one.id if several else name] = one
        return sorted(found.values())

    def find(self, message_id: str) -> Stored | None:
        """The file of that message."""
        return next((one for one in self.stored() if one.id == message_id), None)

    def put(self, name: str, data: bytes) -> None:
        """Write a file and rename it into `new`: it is there whole or not at all."""
        with self._folder("tmp") as tmp, self._folder("new") as new:
            part = f"{os.getpid()}.{secrets.token_hex(8)}"
            handle = os.open(part, _FRESH, 0o644, dir_fd=tmp)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.rename(part, name, src_dir_fd=tmp, dst_dir_fd=new)

    def read(self, one: Stored, most: int | None = None) -> bytes:
        """The file's content. Raises Unreadable for what is no plain file, or has more than `most` bytes."""
        with self._folder(one.folder) as handle:
            try:
                file = os.fdopen(os.open(one.name, _FILE, dir_fd=handle), "rb")
            except FileNotFoundError:
                raise
            except OSError as error:  # a link, a socket, a file of someone else
                raise Unreadable(error.errno, f"it cannot be opened: {error.strerror}") from error
            with file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Unreadable("it is no plain file")
                data = file.read(-1 if most is None else most + 1)
                if most is not None and len(data) > most:
                    raise Unreadable(f"it has more than {most} bytes")
                return data

    def is_begun(self, one: Stored) -> bool:
        """Whether the file is empty, and so young that somebody may be about to write it where it lies."""
        try:
            with self._folder(one.folder) as handle:
                seen = os.stat(one.name, dir_fd=handle, follow_symlinks=False)
        except OSError:
            return False
        return not seen.st_size and stat.S_ISREG(seen.st_mode) and abs(time.time() - seen.st_mtime) < _WRITING

    def flag(self, one: Stored, flags: str) -> Stored:
        """Move the file to `cur` with these flags beside those it has. One that is gone stays gone."""
        together = "".join(sorted(set(one.flags + flags)))
        name = f"{one.name.removesuffix('.md').partition(',')[0]},{together}.md"
        try:
            with self._folder(one.folder) as source, self._folder("cur") as target:
                os.rename(one.name, name, src_dir_fd=source, dst_dir_fd=target)
        except FileNotFoundError:
            return one
        return Stored(one.order, name, one.id, together, "cur")

    def drop(self, one: Stored) -> None:
        """Remove a file that cannot be moved."""
        with self._folder(one.folder) as handle:
            try:
                os.unlink(one.name, dir_fd=handle)
            except FileNotFoundError:
                pass

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among those that lock it. The carrier never does in a worker's worktree: it must not wait for one."""
        with opened(self._root, *self._parts) as folder:
            handle = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)

    def next_order(self) -> int:
        """A number above all that were given out. Call it only where the box is `locked`."""
        path = self.path / "last"
        try:
            last = int(path.read_bytes())
        except (OSError, ValueError):
            last = max((one.order for one in self.stored() if one.order < _LAST), default=0)
        part = self.path / "tmp" / f"last.{os.getpid()}"
        part.write_text(str(last + 1), "utf-8")
        part.replace(path)
        return last + 1

    def _folder(self, name: str) -> AbstractContextManager[int]:
        return opened(self._root, *self._parts, name)
