"""Short commands of the mayor's own (checks, worktree set-up), run as jobs of the backend.

The backend kills them when the mayor dies, so that a resumed run never meets a check of its
predecessor in the same folder.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from swarmskill.agents.environment import secret_values
from swarmskill.backends.base import Backend, CannotStart, Job, JobEnd, JobLost
from swarmskill.model import Ending
from swarmskill.records import dataclass
from swarmskill.validation.commands import Ran

_PREFIX = "@command-"
"""No task's attempt is called so, whatever the task's id."""


_TAIL_BYTES = 65_536
_TRIES = 3


def is_command(name: str) -> bool:
    """Whether a job of that name is such a command, and no worker."""
    return name.startswith(_PREFIX)


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands to their end. `session` keeps the names of different mayors' jobs apart."""

    backend: Backend
    session: int
    grace: float
    secrets: tuple[str, ...] = ()
    """Names of variables whose values no log may show, beside those that look secret."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def run(
        self, argv: Sequence[str], environment: Mapping[str, str], *, cwd: Path, timeout: float | None, log: Path
    ) -> Ran:
        """Run a command and wait for its end. Does not raise for anything that the command does.

        One that vanishes without telling how it ended is run again: that says nothing about the work.
        """
        lost = ""
        for _ in range(_TRIES):
            try:
                return self.run_once(argv, environment, cwd=cwd, timeout=timeout, log=log)
            except JobLost as error:
                lost = str(error)
        return Ran(exit_code=137, output=_tail(log), seconds=0.0, cannot_start=lost)

    def run_once(
        self, argv: Sequence[str], environment: Mapping[str, str], *, cwd: Path, timeout: float | None, log: Path
    ) -> Ran:
        """As `run`, but one that vanishes is not run again: JobLost."""
        log.parent.mkdir(parents=True, exist_ok=True)
        job = Job(
            name=f"{_PREFIX}{self.session}-{next(self._numbers)}",
            argv=tuple(argv),
            cwd=cwd,
            env=environment,
            log=log,
            timeout=timeout,
            grace=self.grace,
            survives=False,
            masked=secret_values(environment, self.secrets),
        )
        try:
            return _ran(self.backend.end(job.name, self.backend.start(job)).result(), log)
        except CannotStart as error:
            return Ran(exit_code=127, output="", seconds=0.0, cannot_start=str(error))


def _ran(end: JobEnd, log: Path) -> Ran:
    return Ran(
        exit_code=end.exit_code,
        output=_tail(log),
        seconds=end.ended_at - end.started_at,
        timed_out=end.ending is Ending.TIMED_OUT,
    )


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
