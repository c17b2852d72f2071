"""Learns, in a thread of its own, what becomes of the jobs in a run's windows.

What a window's process writes into its journal is told by inotify, its death by a file descriptor of the process
(pidfd). Where there is neither, both are looked for now and then.
"""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from swarmskill.backends.base import JobEnd, JobLost, Started
from swarmskill.backends.processes import is_alive
from swarmskill.backends.windows import JOURNAL, Story, WindowFiles
from swarmskill.model import Ending

if TYPE_CHECKING:
    from inotify_simple import INotify

_POLL = 0.1
"""Seconds between two looks where nobody tells."""


class WindowEnds:
    """Futures for what the journals of a folder will tell. `begun` and `ended` may be called from any thread."""

    def __init__(self, files: WindowFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._begun: dict[str, list[Future[Story | None]]] = {}
        self._ended: dict[str, list[tuple[Started, Future[JobEnd]]]] = {}
        self._holders: dict[str, Started] = {}
        """The processes in windows that have no journal yet."""
        self._news: set[str] = set()
        self._watched: dict[str, int] = {}
        """A pidfd for each job that somebody waits for."""
        self._closed = False
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._selector.register(self._reader, selectors.EVENT_READ, None)
        self._inotify = _watch(files.folder)
        if self._inotify:
            self._selector.register(self._inotify.fileno(), selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="swarm-tmux-ends", daemon=True)
        self._thread.start()

    def begun(self, key: str, holder: Started | None) -> Future[Story | None]:
        """The job's story once its worker has started or cannot; None if its `holder` dies before that."""
        future: Future[Story | None] = Future()
        with self._lock:
            if holder:
                self._holders[key] = holder
            self._begun.setdefault(key, []).append(future)
        self._look_at(key)
        return future

    def ended(self, key: str, started: Started) -> Future[JobEnd]:
        """The end of the job that started so. Raises JobLost in the future if nobody knows it."""
        future: Future[JobEnd] = Future()
        with self._lock:
            self._ended.setdefault(key, []).append((started, future))
        self._look_at(key)
        return future

    def close(self) -> None:
        """Wait for nothing more: all futures are cancelled."""
        self._closed = True
        self._wake()
        self._thread.join()
        for handle in (*self._watched.values(), self._reader, self._writer):
            os.close(handle)
        if self._inotify:
            self._inotify.close()
        self._selector.close()
        for futures in self._begun.values():
            for begun in futures:
                begun.cancel()
        for waiting in self._ended.values():
            for _, ended in waiting:
                ended.cancel()

    def is_held(self, key: str, story: Story | None) -> bool:
        """Whether the process in the job's window lives."""
        if story:
            return story.is_held
        holder = self._holders.get(key)
        return holder is not None and is_alive(holder.pid, holder.identity)

    def _look_at(self, key: str) -> None:
        with self._lock:
            self._news.add(key)
        self._wake()

    def _wake(self) -> None:
        try:
            os.write(self._writer, b"w")
        except BlockingIOError:
            pass  # it is full of words that say the same

    def _run(self) -> None:
        while not self._closed:
            for key in self._changed():
                if not self._closed:
                    self._settle(key)

    def _changed(self) -> set[str]:
        """Wait; the keys of jobs that are to be looked at."""
        with self._lock:
            waited = self._begun.keys() | self._ended.keys()
        blind = waited if not self._inotify else {key for key in waited if key not in self._watched}
        found = self._selector.select(_POLL if blind else None)
        changed = {selected.data for selected, _ in found if selected.data is not None}
        if any(selected.fd == self._reader for selected, _ in found):
            os.read(self._reader, 4096)
        if self._inotify and any(selected.fd == self._inotify.fileno() for selected, _ in found):
            changed |= self._told(waited)
        with self._lock:
            news, self._news = self._news, set()
        return changed | news | (blind if not found else set())

    def _told(self, waited: set[str]) -> set[str]:
        assert self._inotify
        events = self._inotify.read(timeout=0)
        if any(event.wd < 0 for event in events):  # the queue ran over
            return waited
        return {event.name.removesuffix(JOURNAL) for event in events if event.name.endswith(JOURNAL)}

    def _settle(self, key: str) -> None:
        """Answer whoever waits for what is known of the job by now."""
        story = self._files.story(key)
        held = self.is_held(key, story)
        if not held:
            story = self._files.story(key)  # its last words may have come meanwhile
        answers: list[Callable[[], None]] = []
        with self._lock:
            if not held or (story and (story.started or story.refused is not None)):
                self._holders.pop(key, None)
                done = story if story and (story.started or story.refused is not None) else None
                answers += [_giving(future, done) for future in self._begun.pop(key, [])]
            rest = []
            for started, future in self._ended.pop(key, []):
                answer = self._answer(key, started, future, story, held=held)
                if answer:
                    answers.append(answer)
                else:
                    rest.append((started, future))
            if rest:
                self._ended[key] = rest
            waited = key in self._begun or key in self._ended
        self._watch(key, story, waited=waited)
        for answer in answers:
            answer()

    def _answer(
        self, key: str, started: Started, future: Future[JobEnd], story: Story | None, *, held: bool
    ) -> Callable[[], None] | None:
        if story is None or where(story) != started:
            return _losing(future, key)
        if story.end:
            return _giving(future, job_end(story.end))
        if held:
            return None

        def bury() -> None:
            self._files.bury(key)
            _losing(future, key)()

        return bury

    def _watch(self, key: str, story: Story | None, *, waited: bool) -> None:
        """Have the death of the job's holder told, as long as somebody waits."""
        handle = self._watched.pop(key, None)
        if handle is not None:
            self._selector.unregister(handle)
            os.close(handle)
        holder = _holder(story) if story else self._holders.get(key)
        if not waited or holder is None or not hasattr(os, "pidfd_open"):
            return
        try:
            handle = os.pidfd_open(holder.pid)
        except OSError:
            self._look_at(key)
            return
        self._watched[key] = handle
        self._selector.register(handle, selectors.EVENT_READ, key)


def where(story: Story) -> Started | None:
    """The worker's process; None if it has not started."""
    return Started(story.started["pid"], story.started["identity"]) if story.started else None


def job_end(line: dict[str, Any]) -> JobEnd:
    """The end that a journal tells."""
    return JobEnd(
        ending=Ending(line["ending"]),
        exit_code=line["exit_code"],
        started_at=line["started_at"],
        ended_at=line["ended_at"],
        over_memory=line.get("over_memory", False),
    )


def _holder(story: Story) -> Started:
    return Started(story.keeper["pid"], story.keeper["identity"])


def _giving(future: Future[Any], answer: object) -> Callable[[], None]:
    def give() -> None:
        if future.set_running_or_notify_cancel():
            future.set_result(answer)

    return give


def _losing(future: Future[Any], key: str) -> Callable[[], None]:
    def lose() -> None:
        if future.set_running_or_notify_cancel():
            future.set_exception(JobLost(f"nobody knows how {key!r} ended: the process in its window is gone"))

    return lose


def _watch(folder: str) -> INotify | None:
    """What tells of changed files in the folder; None where there is no such thing."""
    try:
        from inotify_simple import INotify, flags

        inotify = INotify(nonblocking=True)
        inotify.add_watch(folder, flags.MODIFY | flags.MOVED_TO | flags.ONLYDIR)
    except (ImportError, OSError):  # not Linux, or the user has no instance left
        return None
    return inotify
