"""A backend without processes, for tests of what uses one. It passes the contract of the real ones."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from swarmskill.backends.base import CannotStart, Job, JobEnd, JobLost, Started
from swarmskill.model import Ending


@dataclass
class FakeJob:
    """A job of the fake world; `end` is None while it runs."""

    job: Job
    started: Started
    owner: FakeBackend
    end: JobEnd | None = None
    waiting: list[Future[JobEnd]] = field(default_factory=list)


@dataclass
class FakeWorld:
    """What outlives a mayor: the jobs, and a clock that is moved by hand."""

    now: float = 1_000_000.0
    jobs: dict[str, FakeJob] = field(default_factory=dict)
    starts: int = 0

    def finish(self, name: str, ending: Ending, exit_code: int) -> None:
        """Let a job end; nothing if it is over."""
        held = self.jobs[name]
        if held.end is None:
            self.now += 1.0
            held.end = JobEnd(
                ending=ending, exit_code=exit_code, started_at=held.started.pid * 1.0, ended_at=held.started.pid + 1.0
            )
            for future in held.waiting:
                if future.set_running_or_notify_cancel():
                    future.set_result(held.end)


class FakeBackend:
    """Knows two programs: `sh -c "...exit N"` ends at once, `sleep N` runs until it is killed, or to its
    time or idle limit if that is shorter; any other is not found.
    """

    name = "fake"

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def open(self) -> None:
        """Nothing to do."""

    def start(self, job: Job) -> Started:
        """Start a job, idempotent by name. Raises CannotStart."""
        held = self._world.jobs.get(job.name)
        if held:
            held.owner = self
            return held.started
        program = job.argv[0] if job.argv else ""
        if program not in ("sh", "sleep"):
            raise CannotStart(f"{program!r}: not found")
        self._world.starts += 1
        started = Started(self._world.starts, f"fake.{self._world.starts}")
        self._world.jobs[job.name] = FakeJob(job, started, self)
        if program == "sh":
            self._world.finish(job.name, Ending.EXITED, int(job.argv[2].rpartition("exit ")[2]))
        else:
            self._sleep(job, float(job.argv[1]))
        return started

    def _sleep(self, job: Job, seconds: float) -> None:
        limits = {Ending.TIMED_OUT: job.timeout, Ending.STALLED: job.idle}
        due = [(limit, ending) for ending, limit in limits.items() if limit is not None and limit < seconds]
        if due:
            self._world.finish(job.name, min(due)[1], 143)

    def end(self, name: str, started: Started) -> Future[JobEnd]:
        """The job's end."""
        future: Future[JobEnd] = Future()
        held = self._world.jobs.get(name)
        if held is None or held.started != started:
            future.set_exception(JobLost(name))
        elif held.end:
            future.set_result(held.end)
        else:
            held.waiting.append(future)
        return future

    def kill(self, name: str, *, force: bool = False) -> None:
        """End the job."""
        if name in self._world.jobs:
            self._world.finish(name, Ending.KILLED, 137 if force else 143)

    def close(self) -> None:
        """Let go."""
        for name, held in self._world.jobs.items():
            if held.owner is self and not held.job.survives:
                self._world.finish(name, Ending.KILLED, 143)
