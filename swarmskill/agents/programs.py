"""Finding the program behind an agent."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from swarmskill.agents.base import NO_OPTIONS, Program
from swarmskill.config import AgentOptions

_VERSION: Final = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+[\w.+-]*)")


class NoAnswer(Exception):
    """A program did not tell its version; the text says why."""


def program_words(program: Program, options: AgentOptions = NO_OPTIONS) -> tuple[str, ...]:
    """The words that start the program: the user's own, or its usual ones."""
    return options.command or program.command


def missing_program(program: Program, options: AgentOptions = NO_OPTIONS) -> str:
    """Why the program cannot be started, with what to do about it; "" if it can."""
    word = program_words(program, options)[0]
    return "" if find_program(word) else f"the program {word!r} is not there: install it with `{program.install}`"


def find_program(word: str, path: str | None = None) -> str:
    """The file that the word starts, "" if there is none. `path` is as PATH, by default the process's own."""
    if "/" in word:
        return word if os.access(word, os.X_OK) and os.path.isfile(word) else ""
    return shutil.which(word, path=path) or ""


def ask_version(
    words: Sequence[str], environment: Mapping[str, str], seconds: float, *, flag: str = "--version"
) -> str:
    """What the program answers to `--version` or another flag: the number, "" if it tells none.

    Raises NoAnswer if it cannot be started, fails, or takes longer. Nothing that it started is left running
    then.
    """
    command = [*words, flag]
    try:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise NoAnswer(f"`{' '.join(command)}` cannot be started: {error.strerror}") from error
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise NoAnswer(f"`{' '.join(command)}` did not answer in {seconds:g} seconds") from None
    if process.returncode:
        last = (err.strip() or out.strip()).decode(errors="replace").rpartition("\n")[2]
        raise NoAnswer(f"`{' '.join(command)}` failed ({process.returncode}): {last or 'it said nothing'}")
    found = _VERSION.search(out.decode(errors="replace")) or _VERSION.search(err.decode(errors="replace"))
    return found[1] if found else ""
