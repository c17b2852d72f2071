"""Any agent of the Agent Client Protocol: `acp:<command that starts it>`, as `acp:gemini --acp`.

The worker is a small program of ours, `acp_driver`, which speaks with the agent and prints what it does (`lines.py`).
It needs the extra `acp`.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from swarmskill.agents.base import NO_OPTIONS, Assignment, Invocation, Login, LoginState
from swarmskill.agents.lines import LineReader
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Task, Usage

PREFIX = "acp:"
EXTRA = "pip install 'swarmskill[acp]', in a clone: pip install '.[acp]'"


class AcpAgent:
    """One agent of the protocol. `name` begins with PREFIX; raises ValueError if no command follows."""

    program = None

    def __init__(self, name: str) -> None:
        self.name = name
        self._command = tuple(shlex.split(name.removeprefix(PREFIX)))
        if not self._command:
            raise ValueError("no command")

    def missing(self, task: Task, agent_cmd: str, options: AgentOptions = NO_OPTIONS) -> str:
        """Why this agent cannot work on the task, with what to do about it; "" if it can."""
        if importlib.util.find_spec("acp") is None:
            return f"the Agent Client Protocol needs an extra: {EXTRA}"
        program = (options.command or self._command)[0]
        found = os.access(program, os.X_OK) and os.path.isfile(program) if "/" in program else shutil.which(program)
        return "" if found else f"the program {program!r} is not there: install it, or name it by its path"

    def invocation(self, assignment: Assignment) -> Invocation:
        """How to call it for one assignment."""
        command = (*(assignment.options.command or self._command), *assignment.options.args)
        # Without -P a module of the worktree could take the place of one of ours.
        driver = (sys.executable, "-P", "-m", "swarmskill.agents.acp_driver")
        return Invocation(argv=(*driver, *_driver_words(assignment), "--", *command), stdin=assignment.prompt_file)

    def reader(self, earlier: Usage = NOTHING_USED) -> LineReader:
        """A reader for one worker's output. `earlier` is what its session had used before this attempt."""
        return LineReader(earlier)

    def login(self, environment: Mapping[str, str], home: Path) -> Login:
        """Only the agent itself knows."""
        return Login(LoginState.UNKNOWN, "whatever the agent needs")


def _driver_words(assignment: Assignment) -> Iterator[str]:
    for command in assignment.allowed:
        yield f"--allow={shlex.join(command)}"
    if assignment.yolo:
        yield "--yolo"
    if not assignment.tools:
        yield "--no-tools"
    if model := assignment.model or assignment.options.model:
        yield f"--model={model}"
    if assignment.session:
        yield f"--session={assignment.session}"
