"""Short commands of the mayor's own (checks, worktree set-up), run as jobs of the backend.

The backend's keeper kills them when the mayor dies, so that a resumed run never meets a check of
its predecessor in the same folder.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from swarmskill.backends.base import Backend, CannotStart, Job, JobLost
from swarmskill.model import Ending
from swarmskill.validation.evidence import CommandEnd

_TAIL_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands to their end. `session` keeps the names of different mayors' jobs apart."""

    backend: Backend
    session: int
    grace: float
    _numbers: itertools.count[int]

    def run(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], *, log: Path, timeout: float | None
    ) -> CommandEnd:
        """Run a command and wait for its end. Never raises for what the command does."""
        log.parent.mkdir(parents=True, exist_ok=True)
        job = Job(
            name=f"command-{self.session}-{next(self._numbers)}",
            argv=tuple(argv),
            cwd=folder,
            env=environment,
            log=log,
            timeout=timeout,
            grace=self.grace,
            survives=False,
        )
        try:
            end = self.backend.end(job.name, self.backend.start(job)).result()
        except CannotStart as error:
            return CommandEnd(exit_code=127, output="", seconds=0.0, problem=str(error))
        except JobLost as error:
            return CommandEnd(exit_code=137, output=_tail(log), seconds=0.0, problem=str(error))
        problem = f"timed out after {timeout:.0f} s" if end.ending is Ending.TIMED_OUT else ""
        return CommandEnd(
            exit_code=end.exit_code, output=_tail(log), seconds=end.ended_at - end.started_at, problem=problem
        )


def new_commands(backend: Backend, session: int, grace: float) -> Commands:
    """Commands for the mayor of this session."""
    return Commands(backend, session, grace, itertools.count(1))


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
