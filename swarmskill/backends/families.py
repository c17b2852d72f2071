"""Which processes belong to which job of the keeper, whatever they did to hide it.

On Linux the keeper is a subreaper: a process of a job that loses its parent becomes the keeper's
child, a stray. So whatever is left of a job after its main process is a stray or below one, and in
the usual case one read tells that there is none. A stray is its job's by its session, or by the
mark that it inherited. Imported by the keeper: standard library only.
"""

from __future__ import annotations

import os
import signal

from swarmskill.backends.held import Held
from swarmskill.backends.processes import LINUX, Process, children, family, look, mark_of, table

_CATCH_ROUNDS = 200
"""In one go."""


class Families:
    """The processes of all jobs, and the only one who waits for the keeper's children."""

    def __init__(self) -> None:
        self._mains: dict[int, Held] = {}
        self._by_pid: dict[int, Held] = {}
        self._by_mark: dict[int, Held] = {}

    def add(self, job: Held) -> None:
        """A job was started."""
        self._mains[job.pid] = self._by_pid[job.pid] = self._by_mark[job.mark] = job

    def drop(self, job: Held) -> None:
        """A job is over."""
        del self._by_mark[job.mark]
        if self._by_pid.get(job.pid) is job:
            del self._by_pid[job.pid]

    def collect(self) -> None:
        """Wait for all children that ended, and note the exit codes of main processes."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            job = self._mains.pop(pid, None)
            if job:
                code = os.waitstatus_to_exitcode(status)
                job.exit_code = code if code >= 0 else 128 - code

    def members(self, job: Held, strays: list[Process]) -> list[Process]:
        """All living processes of the job."""
        if job.exit_code is not None and not strays:
            return []
        processes = table()
        roots = [process for stray in strays if (process := processes.get(stray.pid))]
        if job.exit_code is None and job.pid in processes:
            roots.append(processes[job.pid])
        return family(processes, roots)

    def strays_of(self, job: Held) -> list[Process]:
        """What lost its parent and came from the job: whoever is left of its family is one, or below one.

        Zombies count. A process may end between two looks and leave a child that neither look saw,
        but then itself is a zombie at the second, and we are told when it can be collected.
        """
        return [stray for stray in self._strays() if self._owner(stray) is job]

    def _strays(self) -> list[Process]:
        if LINUX:
            found = [look(pid) for pid in children() if pid not in self._mains]
            return [process for process in found if process]
        # No subreaper here: they went to the first process of the system, in a session that may tell.
        return [process for process in table().values() if not process.dead and self._is_lost(process)]

    def _is_lost(self, process: Process) -> bool:
        return process.parent == 1 or (process.session in self._by_pid and process.pid not in self._mains)

    def _owner(self, stray: Process) -> Held | None:
        """The job that a stray came from."""
        job = self._by_pid.get(stray.session) or self._by_mark.get(mark_of(stray.pid))
        if job is None and LINUX and len(self._by_mark) == 1:
            # It hid every trace but that it descends from us: it goes with the last job.
            return next(iter(self._by_mark.values()))
        return job

    def catch(self, job: Held) -> None:
        """KILL the job's strays until no new ones come.

        Stopped first and looked at then: one that hops from pid to pid lives too short for the
        other order. Our own children are safe to signal by pid, as nobody else waits for them.
        """
        seen: set[int] = set()
        for _ in range(_CATCH_ROUNDS if LINUX else 0):
            self.collect()
            new = [pid for pid in children() if pid not in self._mains and pid not in seen]
            for pid in new:
                os.kill(pid, signal.SIGSTOP)
            if not new:
                return
            for pid in new:
                process = look(pid)
                mine = process is not None and self._owner(process) is job
                os.kill(pid, signal.SIGKILL if mine else signal.SIGCONT)
            seen.update(new)
