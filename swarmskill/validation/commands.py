"""The seam to whatever runs the commands of checks, and how a check's command becomes an argument list."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from swarmskill.model import Check
from swarmskill.records import dataclass

_SHELL_WORDS: Final = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "2>&1", "&"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended.

    `exit_code` is as a shell tells it (128 + signal number for a signal). `output` is the end of what
    it printed, 4 000 characters or more if there are as many. `cannot_start` says why there was no
    process, or is "".
    """

    exit_code: int
    output: str
    seconds: float
    timed_out: bool = False
    cannot_start: str = ""


class RunCommand(Protocol):
    """Runs one command to its end."""

    def __call__(self, argv: Sequence[str], *, cwd: Path, timeout: float, log: Path) -> Ran:
        """Run `argv` in `cwd`, with all its output in the file `log`, and no input.

        The environment is the implementer's matter. After `timeout` seconds the command and all its
        children are ended. Does not raise for anything that the command or its absence causes.
        """


def argument_list(check: Check) -> tuple[str, ...]:
    """What to run for the check. Raises ValueError when its command is no list of shell words."""
    if check.shell:
        return ("/bin/sh", "-c", check.command)
    words = tuple(shlex.split(check.command))
    if not words:
        raise ValueError("the command is empty")
    return words


def failure_of(check: Check, argv: Sequence[str], ran: Ran) -> str:
    """Why the command does not pass, with what to do about it where that is known; "" if it passes."""
    if ran.cannot_start:
        problem = f"cannot be started: {ran.cannot_start}"
    elif ran.timed_out:
        problem = f"timed out after {check.timeout:g} s"
    elif ran.exit_code != 0:
        problem = f"exit code {ran.exit_code}"
    else:
        return ""
    if not check.shell and not _SHELL_WORDS.isdisjoint(argv):
        problem += "; it is run without a shell, so it may need `shell: true` in the task"
    return problem
