"""The seam between the mayor and whoever is told that a task has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Protocol

from swarmskill.answers import Answer
from swarmskill.model import Outcome, Task
from swarmskill.records import dataclass

CALL_TIMEOUT = 60.0
"""Seconds that one call of a tracker's program may take, unless its options say otherwise."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a tracker cannot be told anything here, and what to do about it."""

    problem: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnding:
    """A task that has ended. `commit` is the one on the run branch, "" unless the task completed.

    `again` when an earlier call may have been made and nobody knows its answer, so that the tracker may
    know already. `claimed` when this run's claim of the task was accepted.
    """

    task: Task
    outcome: Outcome
    commit: str
    detail: str
    run_id: str
    attempt: int
    again: bool = False
    claimed: bool = False


class Called(Protocol):
    """How a program ended: `exit_code` as a shell tells it, `output` the end of all that it printed.

    `cannot_start` says why there was no process, or is "".
    """

    @property
    def exit_code(self) -> int:
        """128 + signal number for a signal."""

    @property
    def output(self) -> str:
        """Standard output and standard error as they came, 4 000 characters or more if there are as many."""

    @property
    def timed_out(self) -> bool:
        """Whether it was ended at its time limit."""

    @property
    def cannot_start(self) -> str:
        """Why there was no process."""

    @property
    def log(self) -> str:
        """The file in the run's folder that keeps all that this call printed."""


class CallLost(Exception):
    """The program vanished, and nobody knows how it ended. Trackers let it pass: they are asked again."""


class CallProgram(Protocol):
    """Runs a tracker's program to its end, in the user's checkout. When the mayor dies it is ended, too."""

    def __call__(self, argv: Sequence[str], *, timeout: float) -> Called:
        """Run an argument list without a shell, with no input. Values that look secret are masked in its output.

        After `timeout` seconds it is ended with all that it started. Raises CallLost, or what ends this
        mayor's work, which no tracker may catch.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a tracker is lent for one call.

    `top` is the user's checkout, `environment` what the programs see: the mayor's own without git's.
    """

    run: CallProgram
    top: Path
    environment: Mapping[str, str] = field(repr=False)


class Tracker(Protocol):
    """One kind of outside list. Every implementation passes `tests/contract/test_trackers.py`.

    All of it is called from threads, but never twice at the same time.
    """

    name: str

    def missing(self, environment: Mapping[str, str]) -> Missing | None:
        """What keeps it from working here, such as a program that is not on PATH; None for nothing.

        Asked before a run starts or goes on; changes nothing and is quick.
        """

    def claim(self, task: Task, run_id: str, desk: Desk, *, again: bool) -> Answer:
        """Say that the task is ours, before its first worker starts. Most do nothing: ACCEPTED.

        Any reply that is not taken ends the task as failed, with the answer's detail. `again` when an
        earlier call may have been made. Does not raise for what the outside does, but CallLost.
        """

    def tell(self, ending: TaskEnding, desk: Desk) -> Answer:
        """Say how the task ended. To tell the same again must do no harm.

        Does not raise for what the outside does, but CallLost.
        """


MakeTracker = Callable[[Mapping[str, str]], Tracker]
"""Makes a tracker out of its options. Raises UsageError for an option that it does not know or cannot read."""
