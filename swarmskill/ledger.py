"""The ledger: an append-only file of events, and the lock that lets one mayor write it.

An event is on the disk before anything is done because of it. Events that arrive together are
written and flushed together, so that a flush bounds the latency of a step but not the throughput.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from swarmskill.codec import BadLine, NewerVersion, decode_event, dump_json, encode_event, load_json
from swarmskill.core.events import Event
from swarmskill.errors import LedgerDamaged, Refused, RunLocked
from swarmskill.places import RunFolder
from swarmskill.records import dataclass
from swarmskill.writing import replace_file


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a run: a process on a host. `identity` tells it from a later one of the same pid."""

    pid: int
    identity: str
    host: str
    since: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a ledger holds. `size` is the length in bytes of the sound part.

    `torn` tells that a last line which was not written whole is left out.
    """

    events: tuple[Event, ...]
    size: int
    torn: bool


def read_ledger(path: Path) -> Recorded:
    """All events of a ledger, in order.

    Raises Refused if it cannot be read or comes from a newer swarm, LedgerDamaged if a line before
    the last is not sound.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"cannot read the ledger {path}: {error.strerror}") from error
    events: list[Event] = []
    size = 0
    for line in _lines(data):
        try:
            events.append(_decode(line, len(events) + 1))
        except NewerVersion as error:
            hint = "use the version of swarm that wrote it, or a newer one"
            raise Refused(f"{path}: line {len(events) + 1}: {error}", hint=hint) from error
        except BadLine as error:
            if size + len(line) == len(data):
                return Recorded(tuple(events), size, torn=True)
            raise _damaged(path, len(events), error) from error
        size += len(line)
    return Recorded(tuple(events), size, torn=False)


def read_first(path: Path) -> Event | None:
    """The first event of a ledger, which is not read any further; None if there is none that is sound."""
    try:
        with path.open("rb") as file:
            return _decode(file.readline(), 1)
    except (OSError, BadLine, NewerVersion):
        return None


class Ledger:
    """The ledger of one run, held for writing. Use as a context manager: leaving releases the lock."""

    def __init__(self, folder: RunFolder, holder: Holder, *, patience: float = 0.5) -> None:
        # Not 0: a reader that asks who holds the run takes the lock for an instant.
        self._patience = patience
        self._folder = folder
        self._holder = holder
        from filelock import FileLock

        self._lock = FileLock(folder.lock)
        self._file = -1
        self._size = 0
        self._count = 0

    def __enter__(self) -> Self:
        """Take the lock. Raises RunLocked if another mayor holds it, Refused if it cannot be made."""
        from filelock import Timeout

        try:
            self._folder.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=self._patience, poll_interval=0.02)
            replace_file(self._folder.holder, dump_json(asdict(self._holder)).encode())
        except Timeout as error:
            raise _locked(self._folder) from error
        except OSError as error:
            raise _unwritable(self._folder.path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        with suppress(OSError):
            self._folder.holder.unlink()
        self._lock.release()

    def recover(self) -> Recorded:
        """Read what is there, cut a torn last line off, and be ready to append."""
        recorded = read_ledger(self._folder.ledger) if self._folder.ledger.exists() else Recorded((), 0, torn=False)
        try:
            self._file = os.open(self._folder.ledger, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            os.ftruncate(self._file, recorded.size)
            flush_folder(self._folder.path)
        except OSError as error:
            raise _unwritable(self._folder.ledger, error) from error
        self._size = recorded.size
        self._count = len(recorded.events)
        return recorded

    def append(self, events: Sequence[Event]) -> None:
        """Write the events and flush them to the disk.

        Raises Refused if this fails (disk full, read-only); the ledger then ends before the first
        of them.
        """
        data = b"".join(encode_event(event, self._count + n) for n, event in enumerate(events, 1))
        try:
            _write_all(self._file, data, self._size)
            flush(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise _unwritable(self._folder.ledger, error) from error
        self._size += len(data)
        self._count += len(events)


def read_holder(folder: RunFolder) -> Holder | None:
    """Who holds the run now, or None. A holder that died without leaving is not reported."""
    if not folder.holder.exists():
        return None
    try:
        file = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        # A folder that we may not write: its lock cannot be tried, so the file has to be believed.
        return _read_holder(folder)
    try:
        # The call that filelock makes, too; its import would take longer than all else that `swarm status` does.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody holds it, or it is on a file system without locks
        return _read_holder(folder)
    finally:
        os.close(file)
    return None


def flush(file: int) -> None:
    """Bring a file's content to the disk."""
    getattr(os, "fdatasync", os.fsync)(file)


def flush_folder(path: Path) -> None:
    """Bring a folder's list of names to the disk."""
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def this_host() -> str:
    """The name of this machine, as it stands in holder files."""
    import socket

    return socket.gethostname()


def _lines(data: bytes) -> Iterator[bytes]:
    # Not splitlines(): damage may hold the other bytes that it takes for line ends.
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end


def _decode(line: bytes, expected: int) -> Event:
    if not line.endswith(b"\n"):
        raise BadLine("the line has no end")
    number, event = decode_event(line[:-1])
    if number != expected:
        raise BadLine(f"line {expected} says that it is number {number}")
    return event


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def _read_holder(folder: RunFolder) -> Holder | None:
    try:
        return Holder(**load_json(folder.holder.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _locked(folder: RunFolder) -> RunLocked:
    holder = _read_holder(folder)
    who = f"process {holder.pid} on {holder.host}" if holder else "another process"
    return RunLocked(f"run {folder.run_id} is held by {who}", hint=f"watch it: swarm status {folder.run_id} --watch")


def _unwritable(path: Path, error: OSError) -> Refused:
    return Refused(
        f"cannot write {path}: {error.strerror}", hint="make room or mend the permissions, then: swarm resume"
    )


def _damaged(path: Path, sound: int, error: Exception) -> LedgerDamaged:
    return LedgerDamaged(
        f"{path}: line {sound + 1} is damaged ({error}), and more lines follow",
        hint=f"the {sound} events before it are sound; keep them: head -n {sound} {path}",
    )
