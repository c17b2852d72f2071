"""Which agents can work on this machine, told without spending anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from swarmskill.agents.base import NO_OPTIONS, Agent, Assignment, Login, LoginState
from swarmskill.agents.environment import worker_environment
from swarmskill.agents.programs import NoAnswer, ask_version, find_program, program_words
from swarmskill.agents.registry import agent_names, find_agent
from swarmskill.config import AgentOptions
from swarmskill.errors import UsageError
from swarmskill.model import Task
from swarmskill.records import dataclass

VERSION_LIMIT: Final = 10.0
"""Seconds that a program gets to tell its version."""

NOT_SELF_WORKING: Final = ("command", "host")
"""Agents that are never chosen by themselves: any program at all, and the assistant."""

_ANY_TASK: Final = Task(id="1", subject="any")


class Fit(StrEnum):
    """How a version stands to those that are known to work."""

    GOOD = "good"
    OLDER = "older"
    NEWER = "newer"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What is known of one agent here.

    `path` is the file of its program, "" if there is none or the agent is no one program; `problem` why it
    cannot work, with what to do about it; `good` the lowest and the highest version known to work.
    """

    name: str
    path: str = ""
    version: str = ""
    fit: Fit = Fit.UNKNOWN
    good: tuple[str, str] | None = None
    install: str = ""
    login: Login = Login(LoginState.UNKNOWN, "")
    problem: str = ""

    @property
    def able(self) -> bool:
        """Whether it can work, as far as can be told."""
        return not self.problem and self.login.state is not LoginState.NO

    @property
    def refusal(self) -> str:
        """Why it cannot work in a few words; "" if it can."""
        if self.install and not self.path:
            return "not installed"
        return self.problem or ("not logged in" if self.login.state is LoginState.NO else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What decides whether agents can work: the mayor's environment and home, and the user's settings."""

    environment: Mapping[str, str]
    home: Path
    options: Mapping[str, AgentOptions]
    agent_cmd: str = ""


def survey(names: Iterable[str], here: Surroundings) -> list[Sighting]:
    """What is known of each agent. Their programs are asked for their versions, all at once."""
    wanted = list(names)
    with ThreadPoolExecutor(max(1, len(wanted)), "survey") as lanes:
        return list(lanes.map(lambda name: _ask(_look(name, here), here), wanted))


def first_able(here: Surroundings) -> tuple[Sighting | None, list[Sighting]]:
    """The first agent that is there, answers and is not known to be logged out; and those that cannot work.

    Asked in this order: claude, codex, opencode, gemini, qwen, then those of other packages by name.
    """
    chosen, unable = None, []
    for name in agent_names():
        if name in NOT_SELF_WORKING:
            continue
        seen = _look(name, here)
        if seen.able and chosen is None:
            seen = _ask(seen, here)
            chosen = seen if seen.able else None
        if not seen.able:
            unable.append(seen)
    return chosen, unable


def fit_of(version: str, good: tuple[str, str]) -> Fit:
    """Where the version stands. A bound holds for all versions that begin with it: 0.61.5 is not over 0.61."""
    numbers = _numbers(version)
    if not numbers:
        return Fit.UNKNOWN
    low, high = (_numbers(bound) for bound in good)
    if numbers < low:
        return Fit.OLDER
    return Fit.NEWER if numbers[: len(high)] > high else Fit.GOOD


def _look(name: str, here: Surroundings) -> Sighting:
    """What can be told of an agent without starting anything."""
    try:
        agent = find_agent(name)
    except UsageError as error:
        return Sighting(name=name, problem=f"{error.message}: {error.hint}")
    options = here.options.get(name, NO_OPTIONS)
    try:
        problem = agent.missing(_ANY_TASK, here.agent_cmd, options)
        login = agent.login(here.environment, here.home)
    except Exception as error:  # another package's agent may do anything, and the others can work all the same
        return Sighting(name=name, problem=f"it fails: {type(error).__name__}: {error}")
    seen = Sighting(name=name, login=login, problem=problem)
    program = agent.program
    if program is None:
        return seen
    path = find_program(program_words(program, options)[0], here.environment.get("PATH"))
    return replace(seen, path=path, good=program.good, install=program.install)


def _ask(seen: Sighting, here: Surroundings) -> Sighting:
    """The same with the version that the agent's program tells."""
    if not seen.path or seen.good is None:
        return seen
    agent = find_agent(seen.name)
    if agent.program is None:
        return seen
    words = program_words(agent.program, here.options.get(seen.name, NO_OPTIONS))
    environment = worker_environment(here.environment, allow=None, extra=_quiet(agent))
    try:
        version = ask_version(words, environment, VERSION_LIMIT)
    except NoAnswer as reason:
        return replace(seen, problem=str(reason))
    return replace(seen, version=version, fit=fit_of(version, seen.good))


def _quiet(agent: Agent) -> Mapping[str, str]:
    """The variables that keep the agent from updating itself and telling others, as for a worker."""
    nowhere = Path("/nonexistent")
    assignment = Assignment(
        run_id="", task=_ANY_TASK, attempt=1, worktree=nowhere, prompt_file=nowhere, result_file=nowhere
    )
    try:
        return agent.invocation(assignment).env
    except Exception:  # as in _look
        return {}


def _numbers(version: str) -> tuple[int, ...]:
    leading = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in leading[0].split(".")) if leading else ()
