"""The keeper: one small process per run that holds the workers, so that they outlive the mayor.

Started by the process backend as `python -m swarmskill.backends.keeper FOLDER`. The folder holds
    lock         who has it locked is the keeper; a second one ends quietly
    address      where the keeper listens, for as long as it does
    ends.jsonl   the journal: how each job ended, on the disk before anybody is told
    keeper.log   what goes wrong in the keeper itself
It ends by itself once it has neither a job nor a visitor. TERM makes it end all jobs first. A
keeper that finds the jobs of one that was killed ends them: their output goes nowhere and nobody
can learn their exit status any more. Standard library only, and little of it: it starts in a run's
first moments.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from swarmskill.backends.held import Held
from swarmskill.backends.holding import Holding
from swarmskill.backends.journal import MARK_BITS, Journal
from swarmskill.backends.processes import identity
from swarmskill.backends.spawn import Unstartable
from swarmskill.backends.survivors import become_subreaper, end_survivors
from swarmskill.backends.timers import Timer, Timers
from swarmskill.backends.visitor import Visitor
from swarmskill.backends.wire import (
    Message,
    Unsafe,
    new_socket_path,
    read_address,
    remove_address,
    remove_socket,
    write_address,
)

IDLE_LIMIT = 1.0
_JOURNAL_RETRY = 1.0


class Keeper:
    """Serves one folder, which must be the current one and locked. Raises Unsafe and OSError."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._identity = identity(os.getpid())
        self._visitors: set[Visitor] = set()
        self._stopping = False
        self._done = False
        self._idle: Timer | None = None
        self._handlers: dict[object, Callable[[Visitor, dict[str, Any]], None]] = {
            "start": self._start,
            "watch": self._watch,
            "kill": self._kill,
            "list": self._list,
            "find": self._find,
            "bye": self._bye,
        }
        self._timers = Timers()
        self._selector = selectors.DefaultSelector()
        self._journal = Journal("ends.jsonl")
        end_survivors(self._journal)
        base = int.from_bytes(os.urandom(5), "big") << MARK_BITS
        self._holding = Holding(self._journal, self._timers, self._selector, base)
        self._journal.keeper(base, os.getpid(), self._identity)
        self._journal.commit()
        self._watch_signals()
        self._listen()

    def run(self) -> None:
        """Serve until there is nothing left to do."""
        while not self._done:
            for key, events in self._selector.select(self._timers.wait()):
                key.data(events)
            self._timers.run()
            self._tell()
            self._consider_leaving()
        for visitor in self._visitors:
            visitor.close()

    def _watch_signals(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        # Handlers, as ignored signals would stay ignored in every job.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)
        self._selector.register(reader, selectors.EVENT_READ, lambda _: self._take_signals(reader))

    def _take_signals(self, reader: int) -> None:
        numbers = os.read(reader, 4096)
        if signal.SIGTERM in numbers:
            self._holding.kill_all(lambda _: True, force=self._stopping)
            self._stopping = True
        if signal.SIGCHLD in numbers:
            self._holding.reap()

    def _listen(self) -> None:
        remove_socket(str(read_address(self._folder).get("socket", "")))  # of a keeper that was killed
        self._socket_path = new_socket_path()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self._socket_path)
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, lambda _: self._accept())
        write_address(self._folder, self._socket_path, os.getpid(), self._identity)

    def _accept(self) -> bool:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return False
        self._visitors.add(Visitor(connection, self._selector, self._answer, self._gone))
        return True

    def _gone(self, visitor: Visitor) -> None:
        self._visitors.discard(visitor)
        self._holding.kill_all(lambda job: not job.survives and job.owner is visitor)

    def _answer(self, visitor: Visitor, message: Message) -> None:
        """Do what one message asks. Raises KeyError, TypeError or ValueError for one that makes no sense."""
        self._handlers[message["do"]](visitor, message)

    def _start(self, visitor: Visitor, message: dict[str, Any]) -> None:
        fields = message["job"]
        end = self._journal.ends.get(fields["name"])
        if end is not None:
            where = {key: end[key] for key in ("name", "pid", "identity")}
            visitor.say({"is": "started", "id": message["id"], **where})
            visitor.say({"is": "ended", **end})
            return
        job = self._holding.jobs.get(fields["name"])
        if job is None:
            try:
                job = self._start_new(fields)
            except Unstartable as error:
                visitor.say({"is": "cannot_start", "id": message["id"], "reason": str(error)})
                return
        job.owner = visitor
        job.watchers.add(visitor)
        visitor.say({"is": "started", "id": message["id"], **job.where})

    def _start_new(self, fields: dict[str, Any]) -> Held:
        if self._stopping:
            raise Unstartable("the keeper of this run was told to end")
        return self._holding.start(fields)

    def _watch(self, visitor: Visitor, message: dict[str, Any]) -> None:
        where = {key: message[key] for key in ("name", "pid", "identity")}
        job = self._holding.jobs.get(where["name"])
        end = self._journal.ends.get(where["name"])
        if job is not None and job.where == where:
            job.watchers.add(visitor)
        elif end is not None and all(end[key] == where[key] for key in where):
            visitor.say({"is": "ended", **end})
        else:
            visitor.say({"is": "lost", **where})

    def _kill(self, _visitor: Visitor, message: dict[str, Any]) -> None:
        self._holding.kill(message["name"], force=message["force"])

    def _list(self, visitor: Visitor, message: dict[str, Any]) -> None:
        jobs = [{**job.where, "started_at": job.started_at} for job in self._holding.jobs.values()]
        visitor.say({"is": "jobs", "id": message["id"], "jobs": jobs})

    def _find(self, visitor: Visitor, message: dict[str, Any]) -> None:
        job, end = self._holding.jobs.get(message["name"]), self._journal.ends.get(message["name"])
        known = job.where if job else end
        where = {key: known[key] for key in ("name", "pid", "identity")} if known else {}
        visitor.say({"is": "found", "id": message["id"], **where})

    def _bye(self, visitor: Visitor, _message: dict[str, Any]) -> None:
        visitor.close()
        self._gone(visitor)
        if not self._visitors and not self._holding.jobs:
            self._leave()

    def _tell(self) -> None:
        """Make the ends of this turn durable, all at once, and only then send what is to be said."""
        for end, watchers in self._holding.over:
            for visitor in watchers:
                visitor.say({"is": "ended", **end})
        self._holding.over.clear()
        try:
            self._journal.commit()
        except OSError as error:
            # The disk is full. The mayor learns the end all the same: it has a ledger of its own.
            print(f"the journal cannot be written: {error}", file=sys.stderr, flush=True)
            self._timers.after(_JOURNAL_RETRY, lambda: None)
        for visitor in list(self._visitors):
            visitor.flush()

    def _consider_leaving(self) -> None:
        if self._holding.jobs or (self._visitors and not self._stopping):
            if self._idle:
                self._idle.cancel()
                self._idle = None
        elif self._idle is None:
            self._idle = self._timers.after(0 if self._stopping else IDLE_LIMIT, self._leave)

    def _leave(self) -> None:
        if not self._stopping and self._accept():
            return  # somebody came at the last moment
        remove_address(self._folder)
        remove_socket(self._socket_path)
        self._listener.close()
        self._journal.left()
        try:
            self._journal.commit()
        except OSError:
            pass
        self._done = True


def _detach(folder: str) -> bool:
    """Leave the mayor's process tree; False if another keeper serves the folder already."""
    if os.fork():
        os._exit(0)
    os.chdir(folder)
    lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True  # the lock stays open, and thereby held, until the process ends


def _report(**fields: str) -> None:
    """Tell the backend that waits for us how the start went, and let go of its pipe."""
    try:
        os.write(1, json.dumps(fields).encode())
    except OSError:
        pass  # it did not wait
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)


def main(folder: str) -> None:
    """Be the keeper of the folder, in the background."""
    try:
        if not _detach(folder):
            return
        become_subreaper()
        keeper = Keeper(folder)
    except Unsafe as error:
        _report(problem=f"{error} is not a private folder of ours", hint=f"remove {error}, or set TMPDIR to your own")
        return
    except OSError as error:
        _report(
            problem=f"the keeper cannot work in {folder}: {error}", hint="make room on the disk, or check its rights"
        )
        return
    _report(pid=str(os.getpid()), at=str(time.time()))
    keeper.run()


if __name__ == "__main__":
    main(sys.argv[1])
