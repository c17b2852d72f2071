"""The tmux backend: each worker in a window that a person can attach to, and that nobody needs.

A window's process holds its worker as the keeper holds many (see `tmux_worker`), and tells by its journal. tmux only
shows: no key is sent, and no screen is read. So a worker and its end outlive the mayor as well as tmux.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from swarmskill.backends.base import CannotStart, Job, JobEnd, Started
from swarmskill.backends.processes import identity, kill_group
from swarmskill.backends.tmux_server import TmuxServer, check_tmux, clean_environment
from swarmskill.backends.window_ends import WindowEnds, where
from swarmskill.backends.windows import Story, WindowFiles
from swarmskill.errors import InternalError, Refused
from swarmskill.places import safe_key

_START_LIMIT = 60.0
"""Seconds for a window's process to come up, on however busy a machine."""

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class TmuxBackend:
    """The windows of one folder. May be used from several threads."""

    name = "tmux"

    def __init__(self, folder: Path) -> None:
        self._files = WindowFiles(str(folder.absolute()))
        self.server = TmuxServer(self._files)
        self._ends: WindowEnds | None = None
        self._mortal: set[str] = set()
        """Jobs of ours that must not survive us."""

    def open(self) -> None:
        """See that there is a tmux. Raises Refused."""
        check_tmux()
        if self._ends is None:
            try:
                self._files.make()
            except OSError as error:
                raise Refused(
                    f"{self._files.folder} cannot be made: {error.strerror}", hint="check the rights and the disk"
                ) from None
            self._ends = WindowEnds(self._files)

    def start(self, job: Job) -> Started:
        """Start a job in a new window; one of that name that was started before is returned as it is.

        Raises CannotStart, and Refused if tmux opens no window.
        """
        key = safe_key(job.name)
        if not job.survives:
            self._mortal.add(job.name)
        with self._files.locked():
            begun = self._coming(key) or self._begin(key, job)
        story = begun.result(_START_LIMIT)
        if story is not None and story.refused is None:
            return _located(story)
        with self._files.locked():
            self._files.bury(key)
        if story is not None:
            raise CannotStart(str(story.refused))
        raise CannotStart("the process in its window ended at its start; its last words are there")

    def find(self, name: str) -> Started | None:
        """The job of that name that was started before, running or ended; None if there is none."""
        key = safe_key(name)
        with self._files.locked():
            begun = self._coming(key)
        story = begun.result(_START_LIMIT) if begun else None
        return _located(story) if story and story.started else None

    def end(self, name: str, started: Started) -> Future[JobEnd]:
        """The job's end, as soon as it and all processes of its family are gone.

        The future raises JobLost if the job is gone and its end is not known, and is cancelled
        when the backend is closed first.
        """
        return self._opened().ended(safe_key(name), started)

    def kill(self, name: str, *, force: bool = False) -> None:
        """End the job's whole family: TERM, then KILL after its grace; KILL at once with `force`."""
        story = self._files.story(safe_key(name))
        if story and story.started and not story.end:
            holder = story.keeper
            kill_group(holder["pid"], holder["identity"], signal.SIGUSR1 if force else signal.SIGTERM)

    def running(self) -> dict[str, Started]:
        """The jobs that are not over, by name. The backend need not be open."""
        found = {}
        for key in self._files.jobs():
            story = self._files.story(key)
            if story and story.started and not story.end and story.is_held:
                found[str(story.started["name"])] = _located(story)
        return found

    def dismiss(self, names: Sequence[str]) -> None:
        """Close the windows of jobs that are over and of whose work nothing is left to be seen."""
        keys = [safe_key(name) for name in names]
        with suppress(Refused), self._files.locked():
            stories = {key: self._files.story(key) for key in keys}
            self.server.close_windows([key for key, story in stories.items() if story is None or story.end])

    def close(self) -> None:
        """Let go. Jobs that survive the mayor go on, the others are killed. `open` may follow."""
        if self._ends is None:
            return
        for name in self._mortal:
            self.kill(name)
        self._mortal.clear()
        ends, self._ends = self._ends, None
        ends.close()

    def _opened(self) -> WindowEnds:
        if self._ends is None:
            raise InternalError("the tmux backend is used while it is closed")
        return self._ends

    def _coming(self, key: str) -> Future[Story | None] | None:
        """The story of a job that has begun, or is about to; None if it may be begun. For the holder of the lock."""
        story = self._files.story(key)
        if story is not None:
            if story.end or self._opened().is_held(key, story):
                return self._opened().begun(key, None)
            self._files.bury(key)
            return None
        if not self._files.has_job(key):
            return None
        window = self.server.windows().get(key)
        if window is not None and not window.dead:
            return self._opened().begun(key, Started(window.pid, identity(window.pid)))
        self._files.drop_job(key)  # should its process come after all, it finds nothing to do
        return None

    def _begin(self, key: str, job: Job) -> Future[Story | None]:
        owner = None if job.survives else {"pid": os.getpid(), "identity": identity(os.getpid())}
        path = self._files.write_job(key, {**job.fields(), "owner": owner})
        variables = {**clean_environment(), "PYTHONPATH": str(_PACKAGE_ROOT)}
        words = ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
        pid = self.server.open_window(
            job.label or job.name, [*words, sys.executable, "-P", "-m", "swarmskill.backends.tmux_worker", path]
        )
        return self._opened().begun(key, Started(pid, identity(pid)))


def _located(story: Story) -> Started:
    found = where(story)
    assert found
    return found
