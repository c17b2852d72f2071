"""The jobs of a keeper, from their start until the last process of their family is gone.

A job ends in this order: its main process exits (by itself, or after TERM and later KILL); what it
left behind gets TERM and after a short grace KILL; then its log is closed and its end is told.
Imported by the keeper: standard library only.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from swarmskill.backends.cgroups import inside, make_cgroup, remove_cgroup, remove_empty, was_over
from swarmskill.backends.families import Families
from swarmskill.backends.held import EXITED, KILLED, STALLED, TIMED_OUT, Held
from swarmskill.backends.joblog import JobLog
from swarmskill.backends.journal import Journal
from swarmskill.backends.processes import send, strike
from swarmskill.backends.progress import newest_change
from swarmskill.backends.slots import SlotGone, hold_slots, let_go
from swarmskill.backends.spawn import Spawner, Unstartable
from swarmskill.backends.timers import Timers
from swarmskill.backends.wire import Message

LEFTOVER_GRACE = 2.0
"""Seconds from TERM to KILL for what a main process left behind."""

_STRIKE_INTERVAL = 0.05
_STRIKE_LIMIT = 10.0
"""Seconds of KILL after which a process that does not die (in a hung disk's wait) is left alone."""

_READ_SIZE = 1 << 16
_READS_PER_TURN = 4
_READS_AT_END = 32
"""More than a pipe holds at most: 1 MiB."""


class Holding:
    """Starts, watches and ends jobs. `over` are the ends that are journalled but not yet told.

    `echo` is given all that jobs print, their secrets taken out.
    """

    def __init__(
        self,
        journal: Journal,
        timers: Timers,
        selector: selectors.BaseSelector,
        base: int,
        echo: Callable[[bytes], object] | None = None,
    ) -> None:
        self.jobs: dict[str, Held] = {}
        self.over: list[tuple[Message, set[Any]]] = []
        self._journal = journal
        self._timers = timers
        self._selector = selector
        self._spawner = Spawner()
        self._next_mark = base
        self._echo = echo
        self._families = Families()

    def start(self, fields: Mapping[str, Any]) -> Held:
        """Start a job that is neither running nor ended. Raises Unstartable."""
        try:
            log = JobLog(fields["log"], fields["log_limit"], fields["masked"], self._echo)
        except OSError as error:
            raise Unstartable(f"the log cannot be written: {error}") from None
        try:
            slots = hold_slots(fields.get("slots", ()))
        except (SlotGone, OSError) as error:
            log.close()
            raise Unstartable(f"its slot was lost: {error}") from None
        self._next_mark += 1
        mark = self._next_mark
        at = time.time()
        try:
            pid, pipe = self._spawn(fields, mark)
        except Unstartable:
            log.close()
            let_go(slots)
            raise
        job = Held(fields, pid, pipe, log, mark, at)
        job.slots = slots
        self._journal.started({**job.where, "mark": mark, "at": at})
        self.jobs[job.name] = job
        self._families.add(job)
        self._selector.register(pipe, selectors.EVENT_READ, lambda _: self._read(job, _READS_PER_TURN))
        if fields["timeout"] is not None:
            job.timer = self._timers.after(fields["timeout"], lambda: self._end(job, TIMED_OUT))
        if fields["idle"] is not None:
            self._watch_silence(job, fields["idle"])
        return job

    def _spawn(self, fields: Mapping[str, Any], mark: int) -> tuple[int, int]:
        """Start the job's process, in a cgroup of its own if it is to have one. Raises Unstartable."""
        cgroup = fields["cgroup"]
        words = (fields["argv"], fields["cwd"], fields["env"], fields["stdin"], mark)
        if not cgroup:
            return self._spawner.spawn(*words, memory=fields["memory"])
        try:
            make_cgroup(cgroup, fields["memory"])
            with inside(cgroup):
                return self._spawner.spawn(*words)
        except Unstartable:
            remove_empty(cgroup)
            raise
        except OSError as error:
            remove_empty(cgroup)
            raise Unstartable(f"it cannot be held to its memory limit: {error}") from None

    def kill(self, name: str, *, force: bool = False) -> None:
        """End a job early: TERM and after its grace KILL, or KILL at once."""
        job = self.jobs.get(name)
        if job is None:
            return
        if force:
            self._note(job, KILLED)
            self._force(job)
        elif job.ending == EXITED and not job.sweeping:
            self._end(job, KILLED)

    def kill_all(self, chosen: Callable[[Held], bool], *, force: bool = False) -> None:
        """End all jobs that `chosen` is true of."""
        for job in [job for job in self.jobs.values() if chosen(job)]:
            self.kill(job.name, force=force)

    def reap(self) -> None:
        """Collect all processes that ended, and finish the jobs of which nothing is left."""
        self._families.collect()
        for job in [job for job in self.jobs.values() if job.exit_code is not None]:
            self._settle(job)

    def _watch_silence(self, job: Held, limit: float) -> None:
        """End the job once it has shown no progress for so long: it printed nothing, and changed no file in its folder.

        The timer is put on when it fires, not at each read.
        """
        rest = job.heard + limit - time.monotonic()
        if rest <= 0:  # not before: a walk through its folder costs more than a look at a clock
            silent = limit - rest
            heard = time.time() - silent
            rest += newest_change(job.cwd, heard) - heard
        if rest > 0:
            job.idle_timer = self._timers.after(rest, lambda: self._watch_silence(job, limit))
        elif job.ending == EXITED and job.exit_code is None:
            self._end(job, STALLED)

    def _end(self, job: Held, why: str) -> None:
        """TERM to the group; KILL to all of the family when the grace is over."""
        self._note(job, why)
        if job.exit_code is None:
            # Not waited for yet, so the pid is still this process's and its group's alone.
            _signal_group(job.pid, signal.SIGTERM)
            _signal_group(job.pid, signal.SIGCONT)
            self._later(job, job.grace, lambda: self._force(job))

    def _note(self, job: Held, why: str) -> None:
        if job.ending == EXITED and job.exit_code is None:
            job.ending = why

    def _force(self, job: Held, since: float = 0.0, known: frozenset[tuple[int, str]] = frozenset()) -> None:
        """KILL, again and again until nothing of the family is left.

        `known` are those that were alive last time. While others come, it is a family that outruns us, not one
        that hangs, and `since` begins anew: such a one is never left alone.
        """
        now = time.monotonic()
        members = self._families.members(job, self._families.strays_of(job))
        alive = frozenset((process.pid, process.since) for process in members if not process.dead)
        since = since if since and alive <= known else now
        if job.exit_code is None:
            _signal_group(job.pid, signal.SIGKILL)
        if now - since < _STRIKE_LIMIT:
            strike(lambda: self._families.members(job, self._families.strays_of(job)))
            self._families.catch(job)
        elif job.exit_code is not None:
            print(f"job {job.name!r}: some of its processes cannot be killed", file=sys.stderr, flush=True)
            self._finish(job)
            return
        self._later(job, _STRIKE_INTERVAL, lambda: self._force(job, since, alive))
        self.reap()

    def _later(self, job: Held, seconds: float, action: Callable[[], None]) -> None:
        if job.timer:
            job.timer.cancel()
        job.timer = self._timers.after(seconds, action)

    def _settle(self, job: Held) -> None:
        """The main process is gone: finish the job, or tell what it left behind to end."""
        strays = self._families.strays_of(job)
        if not strays:
            self._finish(job)
        elif not job.sweeping:
            job.sweeping = True
            for process in self._families.members(job, strays):
                send(process, signal.SIGTERM)
                send(process, signal.SIGCONT)
            self._later(job, LEFTOVER_GRACE, lambda: self._force(job))

    def _read(self, job: Held, reads: int) -> None:
        """Move output from the pipe to the log."""
        for _ in range(reads if job.pipe >= 0 else 0):
            try:
                data = os.read(job.pipe, _READ_SIZE)
            except BlockingIOError:
                return
            if not data:
                self._close_pipe(job)
                return
            job.heard = time.monotonic()
            job.log.write(data)
            if len(data) < _READ_SIZE and reads == _READS_PER_TURN:
                return

    def _close_pipe(self, job: Held) -> None:
        if job.pipe >= 0:
            self._selector.unregister(job.pipe)
            os.close(job.pipe)
            job.pipe = -1

    def _finish(self, job: Held) -> None:
        # Not until the pipe's end: somebody outside the family may hold it open for ever.
        self._read(job, _READS_AT_END)
        self._close_pipe(job)
        job.log.close()
        for timer in (job.timer, job.idle_timer):
            if timer:
                timer.cancel()
        over = bool(job.cgroup) and was_over(job.cgroup)
        if job.cgroup and not remove_cgroup(job.cgroup):
            print(f"job {job.name!r}: {job.cgroup} cannot be removed", file=sys.stderr, flush=True)
        let_go(job.slots)
        del self.jobs[job.name]
        self._families.drop(job)
        end: Message = {
            **job.where,
            "ending": job.ending,
            "exit_code": job.exit_code,
            "started_at": job.started_at,
            "ended_at": time.time(),
            "over_memory": over,
        }
        self._journal.ended(end)
        self.over.append((end, job.watchers))


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except OSError:
        pass  # a zombie, or every process in it belongs to another user now
