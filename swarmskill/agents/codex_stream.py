"""What Codex prints: events as lines of JSON on standard output, its log and last words on standard error."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any, Final

from swarmskill.agents.base import (
    AgentEvent,
    Began,
    Failed,
    Finished,
    Retrying,
    Said,
    Spent,
    UsedTool,
    Waits,
    WasDenied,
)
from swarmskill.agents.text import as_object, count, one_line, rows, table, text, tool_action
from swarmskill.agents.troubles import problem_of
from swarmskill.model import Problem, Trouble, Usage

_RECONNECTING: Final = re.compile(r"Reconnecting\.\.\. (?:\d+/\d+ \((.*)\)$|(.*))", re.DOTALL)
_LOGGED: Final = re.compile(r"\d{4}-\d\d-\d\dT\S+\s+[A-Z]+ ")
_CONFIGURED: Final = re.compile(r'SessionConfiguredEvent \{.*?\bmodel: "([^"]+)"')
_REJECTED: Final = re.compile(r"codex_core::tools::\w+: error=(?:.*Rejected\(\\*\"(.*?)\\*\"\)|(.*\brejected\b.*))")
_CHATTER: Final = ("Reading prompt from stdin", "Reading additional input", "WARNING:")
_VERBS: Final = {"add": "Write", "delete": "Delete", "update": "Edit"}
_SIGNALS: Final = 128
"""Exit codes from here on tell of a signal: somebody ended Codex, and its own words tell nothing of why."""


class CodexReader:
    """Reads one worker's output. Its token counts are those of the whole thread: `earlier` is taken off."""

    def __init__(self, earlier: Usage) -> None:
        self._earlier = earlier
        self._model = ""
        self._begun: set[str] = set()
        self._words = ""
        self._over = False

    def read(self, line: str) -> Iterable[AgentEvent]:
        """What one line tells."""
        event = as_object(line)
        return self._read_event(event) if event else self._read_aside(line)

    def close(self, exit_code: int) -> Iterable[AgentEvent]:
        """What Codex leaves unsaid: why it never began, or that its model's service never answered."""
        if self._over:
            return
        if exit_code == 0:
            yield Failed(Problem(Trouble.CRASHED, "Codex ended without a word on how its turn ended"))
        elif exit_code < _SIGNALS and self._words:
            yield Failed(problem_of(self._words))

    def _read_event(self, event: dict[str, Any]) -> Iterator[AgentEvent]:
        match event.get("type"):
            case "thread.started":
                yield Began(text(event.get("thread_id")), self._model)
                yield Waits()
            case "turn.completed":
                self._over = True
                yield Spent(_total(table(event, "usage")).beyond(self._earlier), self._model)
                yield Finished()
            case "turn.failed":
                yield from self._trouble(text(table(event, "error").get("message")))
            case "error":
                yield from self._trouble(text(event.get("message")))
            case "item.started" | "item.updated" | "item.completed" as moment:
                yield from self._read_item(table(event, "item"), moment == "item.completed")

    def _trouble(self, message: str) -> Iterator[AgentEvent]:
        """An error ends the turn unless Codex says that it connects again."""
        if found := _RECONNECTING.match(message):
            yield Retrying(problem_of(found[1] or found[2]))
        else:
            self._over = True
            yield Failed(problem_of(message or "Codex gives no reason"))

    def _read_item(self, item: dict[str, Any], done: bool) -> Iterator[AgentEvent]:
        key, kind = text(item.get("id")), text(item.get("type"))
        if kind == "agent_message":
            if done:
                yield Said(text(item.get("text")))
            return
        action = _action(kind, item)
        if not action:
            return
        if not key or key not in self._begun:
            self._begun.add(key)
            yield UsedTool(action)
        if done and (item.get("status") == "declined" or "requires approval" in _complaint(item)):
            yield WasDenied(action)
        if done:
            yield Waits()

    def _read_aside(self, line: str) -> Iterator[AgentEvent]:
        """A line of standard error. Its first plain one that names an error is what it died of, else the last."""
        if found := _CONFIGURED.search(line):
            self._model = found[1]
            yield Began(model=self._model)
        elif found := _REJECTED.search(line):
            yield WasDenied(found[1] or found[2])
        elif not _LOGGED.match(line) and not line.startswith(_CHATTER):
            words = one_line(line, len(line))
            if words and not self._words.lower().startswith("error"):
                self._words = words


def _total(usage: dict[str, Any]) -> Usage:
    """The tokens of the thread so far. The input that it tells holds the cached one."""
    cached = count(usage.get("cached_input_tokens"))
    return Usage(max(0, count(usage.get("input_tokens")) - cached), cached, count(usage.get("output_tokens")))


def _action(kind: str, item: dict[str, Any]) -> str:
    match kind:
        case "command_execution":
            return tool_action("shell", {"command": _command(text(item.get("command")))})
        case "file_change":
            return _change(rows(item.get("changes")))
        case "mcp_tool_call":
            name = f"{text(item.get('server'))}.{text(item.get('tool'))}"
            return tool_action(name, table(item, "arguments"))
        case "collab_tool_call":
            return tool_action(text(item.get("tool")), item)
        case "web_search":
            return tool_action("Search", item)
    return ""


def _change(changes: list[dict[str, Any]]) -> str:
    if not changes:
        return ""
    first, more = changes[0], len(changes) - 1
    action = tool_action(_VERBS.get(text(first.get("kind")), "Edit"), first)
    return f"{action} (+{more})" if more else action


def _command(words: str) -> str:
    """The command without the shell around it: `/bin/bash -c 'pytest -q'` is `pytest -q`."""
    try:
        parts = shlex.split(words)
    except ValueError:
        return words
    return parts[2] if len(parts) == 3 and parts[1] in ("-c", "-lc") else words


def _complaint(item: dict[str, Any]) -> str:
    return text(table(item, "error").get("message"))
