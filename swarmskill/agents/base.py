"""The seam between the mayor and the agent programs. `references/agents.md` says how to add one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Problem, Task, Usage
from swarmskill.records import dataclass

NO_OPTIONS = AgentOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The mayor's word to a worker: everything an agent program needs to be called.

    `prompt_file` and `result_file` are absolute; the result file lies inside `worktree`. `session`
    is the agent's conversation to go on with, "" for a new one. `allowed` are commands, each as its
    first words, that the agent may run without asking; `yolo` lets it do everything. `max_cost` is
    what this attempt may spend, in US dollars. Without `tools` the agent may only speak. `private` is a folder that the
    agent may have for itself alone; it is not there yet.
    """

    run_id: str
    task: Task
    attempt: int
    worktree: Path
    prompt_file: Path
    result_file: Path
    agent_cmd: str = ""
    model: str = ""
    options: AgentOptions = NO_OPTIONS
    session: str = ""
    allowed: tuple[tuple[str, ...], ...] = ()
    yolo: bool = False
    max_cost: float | None = None
    tools: bool = True
    private: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How to call the program: argument list, file for its standard input, more environment."""

    argv: tuple[str, ...]
    stdin: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)


# What an agent's output tells, one set for all agents


@dataclass(frozen=True, slots=True)
class AgentEvent:
    """Base of what one line of an agent's output can tell."""


@dataclass(frozen=True, slots=True)
class Began(AgentEvent):
    """The agent works. `session` is the id to go on with later, "" if it tells none."""

    session: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Said(AgentEvent):
    """The model said something. The last of these is the final text."""

    text: str


@dataclass(frozen=True, slots=True)
class UsedTool(AgentEvent):
    """The agent uses a tool. `action` is what a person wants to see of it: `Edit src/a.py`, `$ pytest -q`."""

    action: str


@dataclass(frozen=True, slots=True)
class Waits(AgentEvent):
    """The agent waits for its model from now on; not `for_model`: the model answers.

    Should it fall silent while it waits, its service is to blame. What it says or does ends the wait, too.
    """

    for_model: bool = True


@dataclass(frozen=True, slots=True)
class Spent(AgentEvent):
    """What this attempt has used so far, as a total that replaces the one before. `model` prices it."""

    usage: Usage
    model: str = ""


@dataclass(frozen=True, slots=True)
class WasDenied(AgentEvent):
    """The agent was not permitted to do something."""

    what: str


@dataclass(frozen=True, slots=True)
class Retrying(AgentEvent):
    """The agent itself tries again. Should it fall silent now, `problem` is why."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Failed(AgentEvent):
    """The agent gave up, unless something good comes after it."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Finished(AgentEvent):
    """The agent says that all is well: what failed before it is forgotten. `text` is its final text, if it has one."""

    text: str = ""


class Reader(Protocol):
    """Reads one worker's output, line by line. Never raises, whatever the line holds."""

    def read(self, line: str) -> Iterable[AgentEvent]:
        """What one line of standard output or standard error tells; the line has no newline."""

    def close(self, exit_code: int) -> Iterable[AgentEvent]:
        """What only the end tells. `exit_code` is as a shell tells it (128 + signal number for a signal)."""


class LoginState(StrEnum):
    """Whether an agent can speak to its model, as far as can be told without spending."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Login:
    """Whether the agent is logged in. `how` is where that is known from (a variable, a file), or how to log in."""

    state: LoginState
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The program behind an agent.

    `command` are the words that start it, `install` the command that brings it. `good` are the
    lowest and the highest version known to work. `debris` is a regular expression of the names of files
    that it leaves where it is ended while it writes.
    """

    command: tuple[str, ...]
    install: str
    good: tuple[str, str]
    debris: str = ""


class Agent(Protocol):
    """One agent program."""

    name: str

    @property
    def program(self) -> Program | None:
        """The program behind it; None if it is no one program."""

    def missing(self, task: Task, agent_cmd: str, options: AgentOptions = NO_OPTIONS) -> str:
        """Why this agent cannot work on the task, with what to do about it; "" if it can."""

    def invocation(self, assignment: Assignment) -> Invocation:
        """How to call it for one assignment."""

    def reader(self, earlier: Usage = NOTHING_USED) -> Reader:
        """A reader for one worker's output. `earlier` is what its session had used before this attempt."""

    def login(self, environment: Mapping[str, str], home: Path) -> Login:
        """Whether it is logged in, told from variables and files alone. Raises nothing."""


@runtime_checkable
class ScreenAgent(Protocol):
    """What an agent can besides that works on its own screen, in a terminal, where a person may join in.

    Its output is what `Agent.reader` reads, all the same. The terminal is named by the variable `screen.TERMINAL`.
    """

    def on_screen(self, assignment: Assignment) -> Invocation:
        """How to call it on its screen for one assignment, of which `private` is set."""
