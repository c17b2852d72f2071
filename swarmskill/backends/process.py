"""The process backend: headless workers on this machine, held by the run's keeper."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from swarmskill.backends.base import CannotStart, Job, JobEnd, JobLost, Started
from swarmskill.backends.link import Link, connect
from swarmskill.backends.wire import Message
from swarmskill.errors import InternalError, Refused
from swarmskill.model import Ending

_ATTEMPTS = 3
"""How many keepers may die on us while we ask one thing."""

Key = tuple[str, int, str]


class ProcessBackend:
    """Talks to the keeper of one folder. May be used from several threads.

    A keeper that dies is replaced: the ends it had written down are told, all its other jobs are
    ended and count as lost. Futures are resolved by the thread that reads from the keeper; a
    callback on one must not wait for this backend.
    """

    name = "process"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._link: Link | None = None
        self._closed = False
        self._ids = itertools.count(1)
        self._replies: dict[int, Future[Message]] = {}
        self._awaited: dict[Key, list[Future[JobEnd]]] = {}
        self._watched: set[Key] = set()
        """Jobs whose end the keeper will tell on the present link."""
        self._told: dict[Key, JobEnd] = {}
        """Ends that came before anybody asked for them."""

    def open(self) -> None:
        """Connect to the run's keeper, starting it if there is none. Raises Refused."""
        self._closed = False
        self._connected()

    def start(self, job: Job) -> Started:
        """Start a job; one of that name that was started before is returned as it is.

        Raises CannotStart, and Refused if there is no keeper any more and none can be started.
        """
        reply = self._ask({"do": "start", "job": job.fields()})
        if reply["is"] == "cannot_start":
            raise CannotStart(str(reply["reason"]))
        return Started(_number(reply["pid"]), str(reply["identity"]))

    def find(self, name: str) -> Started | None:
        """The job of that name that was started before, running or ended; None if there is none."""
        reply = self._ask({"do": "find", "name": name})
        return Started(_number(reply["pid"]), str(reply["identity"])) if "pid" in reply else None

    def end(self, name: str, started: Started) -> Future[JobEnd]:
        """The job's end, as soon as it and all processes of its family are gone.

        The future raises JobLost if the job is gone and its end is not known, and is cancelled
        when the backend is closed first.
        """
        future: Future[JobEnd] = Future()
        key = (name, started.pid, started.identity)
        with self._lock:
            told = self._told.pop(key, None)
            if told is None:
                self._awaited.setdefault(key, []).append(future)
                if key not in self._watched:
                    self._watch(key)
        if told is not None:
            future.set_result(told)
        return future

    def kill(self, name: str, *, force: bool = False) -> None:
        """End the job's whole family: TERM, then KILL after its grace; KILL at once with `force`."""
        self._send({"do": "kill", "name": name, "force": force})

    def running(self) -> dict[str, Started]:
        """The jobs that are not over, by name."""
        jobs = self._ask({"do": "list"})["jobs"]
        assert isinstance(jobs, list)
        return {job["name"]: Started(job["pid"], job["identity"]) for job in jobs}

    def close(self) -> None:
        """Let go. Jobs that survive the mayor go on, the others are killed. `open` may follow."""
        with self._lock:
            self._closed = True
            link = self._link
        if link:
            link.close()
        self._drop_awaited(lambda future, _: future.cancel())

    def _connected(self) -> Link:
        with self._lock:
            if self._closed:
                raise InternalError("the process backend is used after it was closed")
            if self._link is None:
                self._watched.clear()
                self._link = Link(connect(self._folder), self._take, self._lost)
                for key in list(self._awaited):
                    self._watch(key)
            return self._link

    def _watch(self, key: Key) -> None:
        self._watched.add(key)
        try:
            self._send({"do": "watch", "name": key[0], "pid": key[1], "identity": key[2]})
        except Refused:
            self._give_up(key)

    def _send(self, message: Message) -> None:
        for _ in range(_ATTEMPTS):
            link = self._connected()
            try:
                link.send(message)
            except OSError:
                self._forget(link)
                continue
            return
        raise self._no_keeper()

    def _ask(self, message: Message) -> Message:
        """Send, and wait for the reply. Asking twice is harmless: starting is idempotent by name."""
        for _ in range(_ATTEMPTS):
            number = next(self._ids)
            reply: Future[Message] = Future()
            with self._lock:
                self._replies[number] = reply
                self._send({**message, "id": number})
            try:
                return reply.result()
            except ConnectionError:
                continue
        raise self._no_keeper()

    def _no_keeper(self) -> Refused:
        return Refused(
            f"the keeper in {self._folder} ends again and again", hint=f"look at {self._folder / 'keeper.log'}"
        )

    def _take(self, link: Link, message: Message) -> None:
        """One message came. Runs in the link's thread."""
        if message["is"] in ("started", "cannot_start", "jobs", "found"):
            self._take_reply(link, message)
        elif message["is"] == "lost":
            self._give_up(_key(message))
        else:
            self._take_end(_key(message), _job_end(message))

    def _take_reply(self, link: Link, message: Message) -> None:
        with self._lock:
            reply = self._replies.pop(_number(message["id"]), None)
            if message["is"] == "started" and link is self._link:
                self._watched.add(_key(message))
        if reply:
            reply.set_result(message)

    def _take_end(self, key: Key, end: JobEnd) -> None:
        with self._lock:
            self._watched.discard(key)
            futures = self._awaited.pop(key, [])
            if not futures:
                self._told[key] = end
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_result(end)

    def _give_up(self, key: Key) -> None:
        with self._lock:
            self._watched.discard(key)
            futures = self._awaited.pop(key, [])
        for future in futures:
            _lose(future, key)

    def _lost(self, link: Link) -> None:
        """The link broke. Runs in its thread: whoever waits for an end waits for a new keeper's word."""
        self._forget(link)
        with self._lock:
            again = bool(self._awaited) and not self._closed
        if again:
            try:
                self._connected()
            except (Refused, InternalError):
                self._drop_awaited(_lose)

    def _drop_awaited(self, drop: Callable[[Future[JobEnd], Key], object]) -> None:
        with self._lock:
            dropped = list(self._awaited.items())
            self._awaited.clear()
            self._watched.clear()
        for key, futures in dropped:
            for future in futures:
                drop(future, key)

    def _forget(self, link: Link) -> None:
        with self._lock:
            if self._link is not link:
                return
            self._link = None
            replies = list(self._replies.values())
            self._replies.clear()
        for reply in replies:
            reply.set_exception(ConnectionError("the keeper is gone"))


def _lose(future: Future[JobEnd], key: Key) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(JobLost(f"nobody knows how {key[0]!r} (process {key[1]}) ended"))


def _key(message: Message) -> Key:
    return str(message["name"]), _number(message["pid"]), str(message["identity"])


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def _job_end(message: dict[str, Any]) -> JobEnd:
    return JobEnd(
        ending=Ending(message["ending"]),
        exit_code=message["exit_code"],
        started_at=message["started_at"],
        ended_at=message["ended_at"],
        over_memory=message.get("over_memory", False),
    )
