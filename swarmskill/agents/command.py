"""The `command` agent: any program or script, and no model needed.

It runs the task's own `run`, or else `--agent-cmd`, which is split into words as a shell does and
never again. In both, `{prompt_file} {result_file} {worktree} {task_id} {attempt} {run_id} {model}`
stand for the assignment's; any other braces stay as they are. An agent command that does not name
`{prompt_file}` gets the prompt on its standard input; a task's `run` gets none, as it knows what it
is for, and may read the file named by SWARM_PROMPT.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from swarmskill.agents.base import (
    NO_OPTIONS,
    AgentEvent,
    Assignment,
    Invocation,
    Login,
    LoginState,
    UsedTool,
)
from swarmskill.agents.text import one_line
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Task, Usage

_PLACEHOLDER = re.compile(r"\{(prompt_file|result_file|worktree|task_id|attempt|run_id|model)\}")


class CommandAgent:
    """See the module."""

    name = "command"
    program = None

    def missing(self, task: Task, agent_cmd: str, options: AgentOptions = NO_OPTIONS) -> str:
        """Why the command cannot work on the task, with what to do about it; "" if it can."""
        if task.run:
            words = list(task.run)
        else:
            try:
                words = shlex.split(agent_cmd)
            except ValueError as error:
                return f"the agent command cannot be split into words ({error}): {agent_cmd}"
        if not words:
            return "there is nothing to run: give the task a 'run' list, or use --agent-cmd 'PROGRAM {prompt_file}'"
        return _missing_program(words[0])

    def invocation(self, assignment: Assignment) -> Invocation:
        """How to call it for one assignment. Raises ValueError if `missing` had something to say."""
        if assignment.task.run:
            return Invocation(argv=_substitute(assignment.task.run, assignment))
        words = tuple(shlex.split(assignment.agent_cmd))
        if not words:
            raise ValueError("there is nothing to run")
        names_prompt = any("{prompt_file}" in word for word in words)
        return Invocation(argv=_substitute(words, assignment), stdin=None if names_prompt else assignment.prompt_file)

    def reader(self, earlier: Usage = NOTHING_USED) -> CommandReader:
        """A reader for one worker's output."""
        return CommandReader()

    def login(self, environment: Mapping[str, str], home: Path) -> Login:
        """A command needs none that we know of."""
        return Login(LoginState.UNKNOWN, "whatever the command needs")


class CommandReader:
    """Takes each line that a command prints for what it is doing."""

    def read(self, line: str) -> Iterable[AgentEvent]:
        """The line as a terminal would show it."""
        action = one_line(line)
        return (UsedTool(action),) if action else ()

    def close(self, exit_code: int) -> Iterable[AgentEvent]:
        """Nothing more."""
        return ()


AGENT = CommandAgent()


def _missing_program(program: str) -> str:
    if _PLACEHOLDER.search(program):
        return ""
    if os.path.isabs(program):
        if os.path.isfile(program) and os.access(program, os.X_OK):
            return ""
        return f"{program} is not an executable file"
    if "/" in program:
        return ""  # it may be part of the repository: it is looked for in the worktree
    if shutil.which(program):
        return ""
    near = Path(program)
    fix = f"write ./{program}" if near.is_file() else "install it, or put it on PATH"
    return f"the program {program!r} is not on PATH: {fix}"


def _substitute(words: tuple[str, ...], assignment: Assignment) -> tuple[str, ...]:
    values = {
        "prompt_file": str(assignment.prompt_file),
        "result_file": str(assignment.result_file),
        "worktree": str(assignment.worktree),
        "task_id": assignment.task.id,
        "attempt": str(assignment.attempt),
        "run_id": assignment.run_id,
        "model": assignment.model,
    }
    return tuple(_PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in words)
