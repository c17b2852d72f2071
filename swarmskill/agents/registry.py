"""Which agents there are: our own by this table, others by entry points of installed packages."""

from __future__ import annotations

from swarmskill.agents.base import Agent
from swarmskill.errors import UsageError
from swarmskill.plugins import Registry

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

_REGISTRY = Registry("agent", GROUP, "AGENT", BUILT_IN)


def find_agent(name: str) -> Agent:
    """The agent of that name. A built-in one wins over an entry point of the same name.

    `acp:COMMAND` is the agent of the Agent Client Protocol that the command starts.

    Raises UsageError, naming the nearest and all known ones, or the package that cannot be loaded.
    """
    if name.startswith("acp:"):
        return _acp_agent(name)
    check_agent_name(name)
    agent: Agent = _REGISTRY.find(name)
    return agent


def check_agent_name(name: str) -> None:
    """Raise UsageError, as `find_agent` does, if no agent has that name. Loads none."""
    if name.startswith("acp:"):
        _acp_agent(name)
    elif name not in BUILT_IN and name not in agent_names():
        raise _REGISTRY.unknown(name, "acp:COMMAND")


def agent_names() -> list[str]:
    """The names of all agents, built-in ones first."""
    return _REGISTRY.names()


def _acp_agent(name: str) -> Agent:
    from swarmskill.agents.acp import AcpAgent

    try:
        return AcpAgent(name)
    except ValueError as error:
        raise UsageError(
            f"agent {name!r} names no command that can be split into words: {error}",
            hint="write the command that starts the agent behind the colon, as in --agent 'acp:gemini --acp'",
        ) from error
