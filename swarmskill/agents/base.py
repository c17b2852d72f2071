"""The seam between the mayor and the agent programs. `references/agents.md` says how to add one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from swarmskill.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The mayor's word to a worker: everything an agent program needs to be called.

    `prompt_file` and `result_file` are absolute; the result file lies inside `worktree`.
    """

    run_id: str
    task: Task
    attempt: int
    worktree: Path
    prompt_file: Path
    result_file: Path
    agent_cmd: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How to call the program: argument list, file for its standard input, more environment."""

    argv: tuple[str, ...]
    stdin: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)


class Agent(Protocol):
    """One agent program."""

    name: str

    def missing(self, task: Task, agent_cmd: str) -> str:
        """Why this agent cannot work on the task, with what to do about it; "" if it can."""

    def invocation(self, assignment: Assignment) -> Invocation:
        """How to call it for one assignment."""

    def last_action(self, line: str) -> str:
        """A few words for the live view out of one line of the agent's output; "" to show nothing."""
