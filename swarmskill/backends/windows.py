"""The files by which a run's tmux windows and its mayors know of each other.

They are in one private folder:

    KEY.job     what to run; it holds the worker's environment, so it is removed once that has started
    KEY.held    locked by the process in the window (see `tmux_worker`) for as long as it lives
    KEY.jsonl   its journal: that it began, whether the worker started, how it ended
    lock        locked by who changes the set of jobs
    socket      where the run's tmux server listens
    tmux.conf   how it is set up

Imported by that process: standard library only, and little of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from swarmskill.backends.journal import Journal
from swarmskill.backends.processes import is_alive
from swarmskill.backends.survivors import end_survivors
from swarmskill.backends.wire import encode

JOURNAL = ".jsonl"
_BURY_LIMIT = 2.0
_BURY_WAIT = 0.002


class Story:
    """What a journal tells of its one job. `keeper`, `started` and `end` are lines of it, {} where there is none."""

    __slots__ = ("end", "keeper", "refused", "started")

    def __init__(self) -> None:
        self.keeper: dict[str, Any] = {}
        self.started: dict[str, Any] = {}
        self.end: dict[str, Any] = {}
        self.refused: str | None = None
        """Why the job could not be started."""

    @property
    def is_held(self) -> bool:
        """Whether the process in the job's window lives."""
        return is_alive(self.keeper["pid"], self.keeper["identity"])


class WindowFiles:
    """The files of one run's windows. Raises OSError where the folder cannot be used."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def path(self, name: str) -> str:
        """A file of the folder."""
        return os.path.join(self.folder, name)

    def make(self) -> None:
        """Make the folder, private: jobs have secrets in them."""
        os.makedirs(self.folder, 0o700, exist_ok=True)

    def jobs(self) -> list[str]:
        """All jobs that have a journal."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return [name.removesuffix(JOURNAL) for name in names if name.endswith(JOURNAL)]

    def write_job(self, key: str, fields: Mapping[str, Any]) -> str:
        """Write down what is to be run; returns the file's path."""
        path = self.path(f"{key}.job")
        file = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(file, "wb") as stream:
            stream.write(encode(dict(fields)))
        os.replace(f"{path}.new", path)
        return path

    def read_job(self, key: str) -> dict[str, Any] | None:
        """What is to be run; None if there is nothing, or nothing any more."""
        try:
            with open(self.path(f"{key}.job"), "rb") as file:
                fields = json.load(file)
        except (FileNotFoundError, ValueError):
            return None
        return fields if isinstance(fields, dict) else None

    def has_job(self, key: str) -> bool:
        """Whether the job was written down and has not begun."""
        return os.path.exists(self.path(f"{key}.job"))

    def drop_job(self, key: str) -> None:
        """A process that comes for the job from now on finds none."""
        try:
            os.unlink(self.path(f"{key}.job"))
        except FileNotFoundError:
            pass

    def story(self, key: str) -> Story | None:
        """What the job's journal tells; None if there is none, or nothing in it yet."""
        try:
            with open(self.path(key + JOURNAL), "rb") as file:
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return None
        story = Story()
        for line in lines:
            try:
                _take(story, json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue  # torn by a power cut, or not written whole yet
        return story if story.keeper else None

    def journal(self, key: str) -> Journal:
        """The journal, to write; for the holder of the job's lock."""
        return Journal(self.path(key + JOURNAL))

    def lock_job(self, key: str) -> int:
        """The job's lock, held until the file is closed; -1 if another process has it."""
        return _lock(self.path(f"{key}.held"), fcntl.LOCK_EX | fcntl.LOCK_NB)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Change the set of jobs, alone."""
        file = _lock(self.path("lock"), fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(file)

    def bury(self, key: str) -> None:
        """End what is left of a job whose process died, or is just ending, and forget the job."""
        give_up = time.monotonic() + _BURY_LIMIT
        while (file := self.lock_job(key)) < 0:
            if time.monotonic() > give_up:
                return  # another process took it up meanwhile
            time.sleep(_BURY_WAIT)  # for a process that tells nobody when it is gone
        try:
            self.drop_job(key)
            if os.path.exists(self.path(key + JOURNAL)):
                journal = self.journal(key)
                end_survivors(journal)
                journal.close()
                os.replace(self.path(key + JOURNAL), self.path(f"{key}.lost"))
        finally:
            os.close(file)


def _take(story: Story, line: dict[str, Any]) -> None:
    kind = line["kind"]
    if kind == "keeper":
        story.keeper = line
    elif kind == "started":
        story.started = line
    elif kind == "ended":
        story.end = line
    elif kind == "refused":
        story.refused = str(line["reason"])


def _lock(path: str, how: int) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        os.close(file)
        return -1
    return file
