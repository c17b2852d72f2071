"""The seam between the mayor and whatever holds the workers' processes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import field
from pathlib import Path
from typing import Any, Protocol

from swarmskill.model import Ending
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One process to run, in its own process group, with its output in a log file.

    `name` is unique in the run and makes starting idempotent. `env` is the whole environment.
    `stdin` is a file to read from (None: the null device). `timeout`, `idle` and `grace` are
    seconds: after `timeout`, or once nothing was printed (by the job or by anything it started) nor any file
    changed in `cwd` for as long as `idle`, the whole group gets TERM, after `grace` more KILL. A job that `survives`
    goes on when the mayor dies, any other is killed then. The log keeps its first half and its last
    half when the output is longer than `log_limit` bytes, and `***` where any of the values in
    `masked` was printed. `slots` are files of `slots.SlotFolder` that the job holds while it lasts; the
    caller holds them until it has started. `label` and `agent` are for who shows the job to a person: what
    its work is called, and the agent whose stream it prints. One with a `screen` draws in the terminal that
    SWARM_TERMINAL names to it. `memory` are the bytes that it may use: all its processes together where
    `cgroup` names one to be made for it, else each by itself.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    log: Path
    stdin: Path | None = None
    timeout: float | None = None
    idle: float | None = None
    grace: float = 10.0
    survives: bool = True
    log_limit: int = 50_000_000
    masked: tuple[str, ...] = field(default=(), repr=False)
    label: str = ""
    agent: str = ""
    slots: tuple[str, ...] = ()
    screen: bool = False
    memory: int | None = None
    cgroup: str = ""

    def fields(self) -> dict[str, Any]:
        """The job as JSON can carry it, for the process that is to hold it."""
        return {
            "name": self.name,
            "argv": self.argv,
            "cwd": str(self.cwd),
            "env": dict(self.env),
            "log": str(self.log.absolute()),
            "stdin": str(self.stdin.absolute()) if self.stdin else None,
            "timeout": self.timeout,
            "idle": self.idle,
            "grace": self.grace,
            "survives": self.survives,
            "log_limit": self.log_limit,
            "masked": self.masked,
            "label": self.label,
            "agent": self.agent,
            "slots": self.slots,
            "screen": self.screen,
            "memory": self.memory,
            "cgroup": self.cgroup,
        }


@dataclass(frozen=True, slots=True)
class Started:
    """A job's process. `identity` tells it from a later process of the same pid, reboots included."""

    pid: int
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """How a job ended: `exit_code` as a shell tells it (128 + signal number for a signal).

    `over_memory` when the kernel killed it, or a process of it, for going over its cgroup's limit.
    """

    ending: Ending
    exit_code: int
    started_at: float
    ended_at: float
    over_memory: bool = False


class CannotStart(Exception):
    """The job's program cannot be started: not found, not executable, no such folder."""


class JobLost(Exception):
    """The job vanished, and nobody knows how it ended."""


class Backend(Protocol):
    """Holds processes. Every implementation passes `tests/contract/backends.py`."""

    name: str

    def open(self) -> None:
        """Connect to the run's process holder, starting it if there is none.

        Raises Refused when it cannot be started.
        """

    def start(self, job: Job) -> Started:
        """Start a job; one of that name that was started before is returned as it is.

        Raises CannotStart.
        """

    def find(self, name: str) -> Started | None:
        """The job of that name that was started before, running or ended; None if there is none."""

    def end(self, name: str, started: Started) -> Future[JobEnd]:
        """The job's end, as soon as it and all processes of its group are gone.

        The future raises JobLost if the job is gone and its end is not known.
        """

    def kill(self, name: str, *, force: bool = False) -> None:
        """End the job's whole group: TERM, then KILL after its grace; KILL at once with `force`."""

    def close(self) -> None:
        """Let go. Jobs that survive the mayor go on, the others are killed."""
