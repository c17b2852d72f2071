"""The `host` agent: a worker that the assistant spawns with tools of its own (`swarm next`).

Nothing is called by us and nothing of its output is seen: what it did is told by its worktree and its
result file alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from swarmskill.agents.base import NO_OPTIONS, AgentEvent, Assignment, Invocation, Login, LoginState
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Task, Usage


class HostAgent:
    """See the module."""

    name = "host"
    program = None

    def missing(self, task: Task, agent_cmd: str, options: AgentOptions = NO_OPTIONS) -> str:
        """It can only be where an assistant is."""
        return "the agent 'host' is the assistant itself: use `swarm next` there, or name another agent"

    def invocation(self, assignment: Assignment) -> Invocation:
        """No program, but the prompt that the assistant passes on, and the session to go on with."""
        return Invocation(argv=(assignment.session,) if assignment.session else (), stdin=assignment.prompt_file)

    def reader(self, earlier: Usage = NOTHING_USED) -> HostReader:
        """A reader for what is not seen."""
        return HostReader()

    def login(self, environment: Mapping[str, str], home: Path) -> Login:
        """The assistant is."""
        return Login(LoginState.UNKNOWN, "the assistant's own")


class HostReader:
    """Has nothing to read."""

    def read(self, line: str) -> Iterable[AgentEvent]:
        """Nothing."""
        return ()

    def close(self, exit_code: int) -> Iterable[AgentEvent]:
        """Nothing."""
        return ()


AGENT = HostAgent()
