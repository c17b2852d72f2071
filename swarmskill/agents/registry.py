"""Which agents there are: our own by this table, others by entry points of installed packages."""

from __future__ import annotations

from importlib import import_module

from swarmskill.agents.base import Agent
from swarmskill.errors import UsageError

BUILT_IN = {
    "claude": "swarmskill.agents.claude",
    "codex": "swarmskill.agents.codex",
    "opencode": "swarmskill.agents.opencode",
    "gemini": "swarmskill.agents.gemini",
    "qwen": "swarmskill.agents.qwen",
    "command": "swarmskill.agents.command",
    "host": "swarmskill.agents.host",
}
"""Name -> module, whose AGENT it is. One line for each agent."""

GROUP = "swarmskill.agents"
"""Entry points of this group in other packages name an Agent: `myagent = "mypackage.agent:AGENT"`."""


def find_agent(name: str) -> Agent:
    """The agent of that name. A built-in one wins over an entry point of the same name.

    `acp:COMMAND` is the agent of the Agent Client Protocol that the command starts.

    Raises UsageError, naming the nearest and all known ones, or the package that cannot be loaded.
    """
    if name.startswith("acp:"):
        return _acp_agent(name)
    if name in BUILT_IN:
        agent: Agent = import_module(BUILT_IN[name]).AGENT
        return agent
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=name):
        try:
            loaded: Agent = entry.load()
        except Exception as error:
            raise UsageError(
                f"agent {name!r} ({entry.value}) cannot be loaded: {error}",
                hint=f"update or remove the package {entry.dist.name if entry.dist else 'that offers it'}",
            ) from error
        return loaded
    raise _unknown(name)


def check_agent_name(name: str) -> None:
    """Raise UsageError, as `find_agent` does, if no agent has that name. Loads none."""
    if name.startswith("acp:"):
        _acp_agent(name)
    elif name not in BUILT_IN and name not in agent_names():
        raise _unknown(name)


def agent_names() -> list[str]:
    """The names of all agents, built-in ones first."""
    from importlib.metadata import entry_points

    others = {entry.name for entry in entry_points(group=GROUP)} - BUILT_IN.keys()
    return [*BUILT_IN, *sorted(others)]


def _acp_agent(name: str) -> Agent:
    from swarmskill.agents.acp import AcpAgent

    try:
        return AcpAgent(name)
    except ValueError as error:
        raise UsageError(
            f"agent {name!r} names no command that can be split into words: {error}",
            hint="write the command that starts the agent behind the colon, as in --agent 'acp:gemini --acp'",
        ) from error


def _unknown(name: str) -> UsageError:
    import difflib

    known = agent_names()
    near = difflib.get_close_matches(name, known, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    return UsageError(f"no agent is called {name!r}", hint=f"{question}there are: {', '.join(known)}, acp:COMMAND")
