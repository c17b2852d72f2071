"""Finding the program behind an agent."""

from __future__ import annotations

import os
import shutil

from swarmskill.agents.base import NO_OPTIONS, Program
from swarmskill.model import AgentOptions


def program_words(program: Program, options: AgentOptions = NO_OPTIONS) -> tuple[str, ...]:
    """The words that start the program: the user's own, or its usual ones."""
    return options.command or program.command


def missing_program(program: Program, options: AgentOptions = NO_OPTIONS) -> str:
    """Why the program cannot be started, with what to do about it; "" if it can."""
    word = program_words(program, options)[0]
    found = os.access(word, os.X_OK) and os.path.isfile(word) if "/" in word else shutil.which(word)
    return "" if found else f"the program {word!r} is not there: install it with `{program.install}`"
