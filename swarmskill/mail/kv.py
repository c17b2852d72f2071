"""Values that the workers of a run share: one file per key, with a version that every change raises."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from swarmskill.codec import dump_json, load_json
from swarmskill.errors import Refused, UsageError
from swarmskill.mail.watch import Watch
from swarmskill.records import dataclass
from swarmskill.writing import replace_file

VALUE_LIMIT: Final = 65_536
"""Bytes of a value at most."""

_PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The value of a key. `version` counts its changes from 1 and never goes back; times are since the epoch."""

    key: str
    value: str
    version: int
    writer: str
    written: float
    expires: float | None = None


class VersionConflict(Refused):
    """The key has another version than the one that the change was made for."""

    code = "version_conflict"


class Store:
    """The values of a run; `folder` is the run's mail folder. Methods raise OSError where it cannot be written.

    Whoever writes waits for others who do, for `patience` seconds at most.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._folder = folder / "kv"
        self._clock = clock

    def make(self) -> None:
        """Make the folder of the values, so that one who may not write can watch it."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> Entry | None:
        """The entry of a key; None if it was never written, or has expired."""
        return self._live(self._read(self._path(key)))

    def entries(self) -> list[Entry]:
        """All entries that have not expired, by key."""
        found = (self._live(self._read(path)) for path in self._folder.glob("*.json"))
        return sorted((one for one in found if one is not None), key=lambda one: one.key)

    def put(self, key: str, value: str, *, writer: str, ttl: float | None = None, expected: int | None = None) -> Entry:
        """Write a value, for `ttl` seconds or for good; with `expected` only if the key has that version.

        Version 0 means that there is no such key, or that it has expired. Raises VersionConflict.
        """
        if len(value.encode("utf-8", "backslashreplace")) > VALUE_LIMIT:
            hint = "put it into a file, and share the file's name"
            raise UsageError(f"the value of {key!r} is larger than {VALUE_LIMIT} bytes", hint=hint)
        with self._locked():
            path = self._path(key)
            last = self._read(path)
            live = self._live(last)
            current = live.version if live else 0
            if expected is not None and expected != current:
                hint = "read it again, and decide anew: swarm kv get KEY --json"
                raise VersionConflict(f"key {key!r} has version {current}, not {expected}", hint=hint)
            now = self._clock()
            entry = Entry(
                key=key,
                value=value,
                version=last.version + 1 if last else 1,
                writer=writer,
                written=now,
                expires=None if ttl is None else now + ttl,
            )
            replace_file(path, dump_json(asdict(entry)).encode())
        return entry

    def watch(self, key: str, after: int, timeout: float | None) -> Entry | None:
        """Wait until the key has a version above `after`; None if the time (seconds) is over before."""
        self.make()
        until = None if timeout is None else time.monotonic() + timeout
        with Watch() as watch:
            watch.add("kv", self._folder)
            while True:
                left = None if until is None else max(0.0, until - time.monotonic())
                watch.wait(left)
                entry = self.get(key)
                if entry is not None and entry.version > after:
                    return entry
                if until is not None and time.monotonic() >= until:
                    return None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the writers. A lock ends with its holder, however that ends."""
        self.make()
        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            until = time.monotonic() + self._patience
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise Refused("another worker keeps the shared values locked", hint="try again") from None
                    time.sleep(0.002)
            yield
        finally:
            os.close(handle)

    def _path(self, key: str) -> Path:
        """A name that no two keys share, even where letter case does not count."""
        return self._folder / f"{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.json"

    def _read(self, path: Path) -> Entry | None:
        try:
            return Entry(**load_json(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise Refused(f"{path} is no entry that swarm wrote", hint="remove it") from error

    def _live(self, entry: Entry | None) -> Entry | None:
        if entry is None or (entry.expires is not None and entry.expires <= self._clock()):
            return None
        return entry
