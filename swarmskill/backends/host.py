"""How an assistant spawns workers with its own tools: one entry for each way, as data.

Which way is chosen follows from the names of the tools that the assistant says it has, never from
versions: names come and go. A name may have a prefix (`collaboration.spawn_agent`,
`mcp__x__spawn_agent`); what counts is its last part.

In inputs `{worker}` stands for the worker's name, `{plain}` for the same in small letters, digits and
underscores, `{order}` for what it is told, `{team}` for the run's team, and `{id}` for the worker's
address in the assistant: its name, or the id that the spawn call returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from swarmskill.errors import UsageError
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call. The first of `tools` that the assistant has is meant."""

    tools: tuple[str, ...]
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to spawn workers.

    `needs` are groups of tool names; the assistant must have one of each. `before` is made once. `message`
    reaches a worker that has ended or works; None if nothing does, and then a retry is a new worker.
    `named` if workers are addressed by the names that we give them. `at_once` limits the workers. `patience` is
    how long `swarm done` waits for them, in seconds, 0 if there is nobody to wait for.
    """

    name: str
    form: str
    needs: tuple[tuple[str, ...], ...]
    before: Call | None = None
    spawn: Call | None = None
    wait: str
    message: Call | None = None
    named: bool = False
    cleanup: str = ""
    at_once: int | None = None
    patience: int = 100


_AGENT = ("Agent", "Task")

_AT_ONCE = "Then run `done`, in this same turn: it waits until one has left its result. Go on as it says."
"""Not after a message that one has ended: that begins a new turn, in which Claude Code permits no more what the skill
permits. Its shell calls are cut after 120 s."""

_AFTER = "Then call wait_agent until one has ended, and run `done`. Go on as it says, in this same turn."
"""Codex's shell calls are cut after 10 s; its own tool waits longer."""

_SHORT = 8

WAYS: Final = (
    Way(
        name="subagent",
        form="Codex, second generation",
        needs=(("spawn_agent",), ("wait_agent",), ("followup_task", "send_message", "list_agents")),
        spawn=Call(tools=("spawn_agent",), input={"task_name": "{plain}", "fork_turns": "none", "message": "{order}"}),
        wait=_AFTER,
        patience=_SHORT,
        message=Call(tools=("followup_task", "send_message"), input={"target": "{id}", "message": "{order}"}),
        named=True,
    ),
    Way(
        name="subagent",
        form="Codex, first generation",
        needs=(("spawn_agent",), ("wait_agent", "wait")),
        spawn=Call(tools=("spawn_agent",), input={"message": "{order}"}),
        wait="The ID of each is what spawn_agent gave. " + _AFTER,
        patience=_SHORT,
        message=Call(tools=("send_input",), input={"target": "{id}", "message": "{order}"}),
        cleanup="close_agent each worker whose task is over",
    ),
    Way(
        name="team",
        form="a team that is made first",
        needs=(("TeamCreate",), _AGENT, ("SendMessage",)),
        before=Call(tools=("TeamCreate",), input={"team_name": "{team}", "description": "swarm workers"}),
        spawn=Call(
            tools=_AGENT,
            input={
                "description": "{worker}",
                "name": "{worker}",
                "team_name": "{team}",
                "subagent_type": "general-purpose",
                "prompt": "{order}",
            },
        ),
        wait=_AT_ONCE,
        message=Call(tools=("SendMessage",), input={"type": "message", "recipient": "{id}", "content": "{order}"}),
        named=True,
        cleanup="SendMessage a shutdown_request to each worker, then TeamDelete",
    ),
    Way(
        name="team",
        form="named agents",
        needs=(_AGENT, ("SendMessage",)),
        spawn=Call(
            tools=_AGENT,
            input={"description": "{worker}", "name": "{worker}", "prompt": "{order}", "run_in_background": True},
        ),
        wait=_AT_ONCE,
        message=Call(tools=("SendMessage",), input={"to": "{id}", "summary": "go on", "message": "{order}"}),
        named=True,
    ),
    Way(
        name="task",
        form="background tasks",
        needs=(_AGENT,),
        spawn=Call(tools=_AGENT, input={"description": "{worker}", "prompt": "{order}", "run_in_background": True}),
        wait=_AT_ONCE,
    ),
    Way(
        name="inline",
        form="the assistant itself",
        needs=(),
        wait="Do the assignment yourself, then run `done`.",
        at_once=1,
        patience=0,
    ),
)
"""Best first."""

HOSTED: Final = frozenset(way.name for way in WAYS)


@dataclass(frozen=True, slots=True)
class Choice:
    """The way that was chosen, and why each better one was not."""

    way: Way
    refused: tuple[str, ...]


def choose_way(tools: Iterable[str], wanted: str = "") -> Choice:
    """The best way that these tools allow, or the best of the name that is wanted.

    Raises UsageError if the wanted one does not exist or cannot be with these tools.
    """
    if wanted and wanted not in HOSTED:
        names = ", ".join(dict.fromkeys(way.name for way in WAYS))
        raise UsageError(f"no backend of an assistant is called {wanted!r}", hint=f"there are: {names}")
    has = {_last_part(tool) for tool in tools}
    refused: list[str] = []
    for way in WAYS:
        if wanted and way.name != wanted:
            continue
        lacking = _lacking(way, has)
        if not lacking:
            return Choice(way, tuple(refused))
        refused.append(f"{way.name} ({way.form}): no {lacking}")
    told = "; ".join(refused)
    raise UsageError(f"these tools do not make a {wanted}: {told}", hint="leave --backend out, or name other --tools")


def find_way(name: str, form: str) -> Way:
    """The way of that name and form. Raises KeyError."""
    for way in WAYS:
        if (way.name, way.form) == (name, form):
            return way
    raise KeyError(f"{name} ({form})")


def filled(call: Call, tools: Iterable[str], values: Mapping[str, str]) -> dict[str, Any]:
    """The call as the assistant is to make it, with the tool's name as the assistant knows it."""
    names = {_last_part(tool): tool for tool in tools}
    tool = next((names[name] for name in call.tools if name in names), call.tools[0])
    return {"tool": tool, "input": {key: _fill(value, values) for key, value in call.input.items()}}


def _fill(value: Any, values: Mapping[str, str]) -> Any:
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], value) if isinstance(value, str) else value


def _lacking(way: Way, has: set[str]) -> str:
    return ", ".join(" or ".join(names) for names in way.needs if not has & set(names))


def _last_part(tool: str) -> str:
    return re.split(r"\.|__|/", tool.strip())[-1]
