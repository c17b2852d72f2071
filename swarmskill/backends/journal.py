"""What a run's keepers did, one JSON object a line: which jobs they started and how these ended.

`kind` is one of
    keeper   a keeper began; `base` is what the marks of its jobs have in common
    started  name, pid, identity, mark, at
    ended    name, pid, identity, ending, exit_code, started_at, ended_at, over_memory
    refused  name, reason: it could not be started; only where a keeper has one job (see `windows`)
    left     the keeper ended with no job left

An end is on the disk before anybody is told of it. A start need not be: what a power cut takes,
it takes from the process, too. Imported by the keeper: standard library only.
"""

from __future__ import annotations

import json
import os

from swarmskill.backends.wire import Message, encode

MARK_BITS = 20
"""The low bits of a mark count a keeper's jobs, the others are the keeper's base."""


class Journal:
    """The journal of one run. Only the holder of the keeper's lock may have one."""

    def __init__(self, path: str) -> None:
        self.ends: dict[str, Message] = {}
        """The last end of each job, by name."""
        self.open: dict[str, Message] = {}
        """Starts without an end, by name: jobs of a keeper that died."""
        self.bases: list[int] = []
        """The bases of the keepers that did not leave in order."""
        self.keepers = 0
        self._pending: list[Message] = []
        self._unwritten = b""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._load()

    def keeper(self, base: int, pid: int, identity: str) -> None:
        """A keeper begins, and answers for what the ones before left behind."""
        self._pending.append({"kind": "keeper", "base": base, "pid": pid, "identity": identity})

    def started(self, start: Message) -> None:
        """A job runs."""
        self._pending.append({"kind": "started", **start})

    def refused(self, name: str, reason: str) -> None:
        """A job cannot be started."""
        self._pending.append({"kind": "refused", "name": name, "reason": reason})

    def ended(self, end: Message) -> None:
        """A job is over."""
        self.ends[str(end["name"])] = end
        self._pending.append({"kind": "ended", **end})

    def left(self) -> None:
        """The keeper ends, and none of its jobs is left."""
        self._pending.append({"kind": "left"})

    def commit(self) -> None:
        """Write what is pending; on return the ends are on the disk.

        Raises OSError; what could not be written is kept for the next time.
        """
        if not self._pending and not self._unwritten:
            return
        durable = any(message["kind"] == "ended" for message in self._pending)
        self._unwritten += b"".join(map(encode, self._pending))
        self._pending.clear()
        while self._unwritten:
            self._unwritten = self._unwritten[os.write(self._file, self._unwritten) :]
        if durable:
            (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(self._file)

    def close(self) -> None:
        """Let go of the file; what was not committed is lost."""
        os.close(self._file)

    def _load(self) -> None:
        with open(self._file, "rb", closefd=False) as file:
            data = file.read()
        for line in data.split(b"\n"):
            try:
                message = json.loads(line)
                self._take(message)
            except (ValueError, KeyError, TypeError):
                continue  # a line that a power cut tore: its job counts as lost
        if data and not data.endswith(b"\n"):
            self._unwritten = b"\n"

    def _take(self, message: Message) -> None:
        kind = message.pop("kind")
        if kind == "keeper":
            self.keepers += 1
            self.bases.append(int(str(message["base"])))
        elif kind == "left":
            self.bases.clear()
        elif kind == "started":
            self.open[str(message["name"])] = message
            self.ends.pop(str(message["name"]), None)
        elif kind == "ended":
            self.ends[str(message["name"])] = message
            self.open.pop(str(message["name"]), None)
