"""The client's side of the Agent Client Protocol: answers what an agent asks, and prints what it tells."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acp import RequestError
from acp.schema import (
    AgentMessageChunk,
    AllowedOutcome,
    DeniedOutcome,
    FileEditToolCallContent,
    PermissionOption,
    ReadTextFileResponse,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
    UsageUpdate,
    WriteTextFileResponse,
)

from swarmskill.agents.acp_policy import Policy
from swarmskill.agents.base import AgentEvent, Said, UsedTool, Waits, WasDenied
from swarmskill.agents.text import count, one_line, table, tool_action
from swarmskill.model import NOTHING_USED, Usage

_PATH_KEYS = ("path", "file_path", "filePath", "absolute_path", "old_path", "new_path")


class Answers:
    """Answers by a policy; what is not here, terminals above all, the agent is told does not exist.

    `tell` takes each event; `listening` is off while an old session is told once more.
    """

    def __init__(self, policy: Policy, tell: Callable[[AgentEvent], None]) -> None:
        self.listening = True
        self.said = ""
        self.used = NOTHING_USED
        self.cost_usd: float | None = None
        self._policy = policy
        self._tell = tell
        self._parts: list[str] = []
        self._commands: dict[str, str] = {}
        self._calls: dict[str, ToolCallStart] = {}

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **kwargs: Any
    ) -> RequestPermissionResponse:
        """Allow this once, or reject it."""
        begun = self._calls.get(tool_call.tool_call_id)
        kind = tool_call.kind or (begun.kind if begun else None) or ("edit" if _diffs(tool_call) else "other")
        command = _command_of(tool_call) or self._commands.get(tool_call.tool_call_id, "")
        paths = [*_paths_of(tool_call), *(_paths_of(begun) if begun else ())]
        if kind == "execute" and not command:
            command = _titled_command_of(tool_call if tool_call.title or not begun else begun)
        allowed = self._policy.allows(kind, paths, command)
        action = _action(tool_call if tool_call.title or not begun else begun, command)
        self._flush()
        if not allowed:
            self._tell(WasDenied(action))
        elif not begun:  # some ask first and tell afterwards
            self._tell(UsedTool(action))
        verdict = "allow" if allowed else "reject"
        for wanted in (f"{verdict}_once", f"{verdict}_always"):
            for option in options:
                if option.kind == wanted:
                    chosen = AllowedOutcome(outcome="selected", option_id=option.option_id)
                    return RequestPermissionResponse(outcome=chosen)
        return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        """Print what is worth it."""
        if not self.listening:
            return
        match update:
            case AgentMessageChunk(content=TextContentBlock(text=text)):
                self._parts.append(text)
                self.used += _usage_of(update)
            case ToolCallStart():
                self._flush()
                self._calls[update.tool_call_id] = update
                self._commands[update.tool_call_id] = command = _command_of(update)
                self._tell(UsedTool(_action(update, command)))
            case ToolCallProgress() if not self._commands.get(update.tool_call_id, "-") and (
                command := _command_of(update)
            ):
                self._commands[update.tool_call_id] = command  # some tell the command only when it is whole
                self._tell(UsedTool(_action(update, command)))
            case ToolCallProgress(status="completed" | "failed"):
                self._tell(Waits())
            case UsageUpdate(cost=cost) if cost is not None and cost.currency.upper() == "USD":
                self.cost_usd = cost.amount

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **kwargs: Any
    ) -> ReadTextFileResponse:
        """A file of the worktree; `line` counts from 1."""
        if not self._policy.tools or not self._policy.is_inside(path):
            self._refuse("read", path)
        try:
            rows = self._file(path).read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        except FileNotFoundError:
            raise RequestError.resource_not_found(path) from None
        except OSError as error:
            raise RequestError.internal_error({"details": str(error)}) from None
        first = max(0, (line or 1) - 1)
        return ReadTextFileResponse(content="".join(rows[first : None if limit is None else first + limit]))

    async def write_text_file(
        self, session_id: str, path: str, content: str, **kwargs: Any
    ) -> WriteTextFileResponse | None:
        """A file of the worktree, its folders with it."""
        if not self._policy.may_write(path):
            self._refuse("write", path)
        file = self._file(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8", newline="")
        except OSError as error:
            raise RequestError.internal_error({"details": str(error)}) from None
        return WriteTextFileResponse()

    def finish(self) -> None:
        """Tell what was said last."""
        self._flush()

    def on_connect(self, conn: Any) -> None:
        """Nothing to do."""

    def _flush(self) -> None:
        words, self._parts = "".join(self._parts), []
        if words.strip():
            self.said = words
            self._tell(Said(words))

    def _refuse(self, verb: str, path: str) -> None:
        self._tell(WasDenied(one_line(f"{verb} {path}")))
        raise RequestError.invalid_params({"details": f"{path} is not a file of the working directory"})

    def _file(self, path: str) -> Path:
        return (self._policy.worktree / path).resolve()


def _action(call: ToolCallStart | ToolCallUpdate, command: str) -> str:
    return tool_action("", {"command": command}) if command else one_line(call.title or call.kind or "a tool")


def _usage_of(chunk: AgentMessageChunk) -> Usage:
    """What Qwen tells beside the protocol, for each answer of its model."""
    told = table(chunk.field_meta, "usage")
    cached = count(told.get("cachedReadTokens"))
    return Usage(max(0, count(told.get("inputTokens")) - cached), cached, count(told.get("outputTokens")))


def _command_of(call: ToolCallStart | ToolCallUpdate) -> str:
    given = table(call.raw_input)
    command = given.get("command") or given.get("cmd")
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return shlex.join(command)
    return command if isinstance(command, str) else ""


def _titled_command_of(call: ToolCallStart | ToolCallUpdate) -> str:
    """The command of one that puts it into the title alone; a shortened title may hide anything."""
    title = (call.title or "").strip("`")
    return "" if call.raw_input or title.endswith(("…", "...")) else title


def _paths_of(call: ToolCallStart | ToolCallUpdate) -> list[str]:
    given = table(call.raw_input)
    named = [value for key in _PATH_KEYS if isinstance(value := given.get(key), str)]
    return [*(place.path for place in call.locations or ()), *(diff.path for diff in _diffs(call)), *named]


def _diffs(call: ToolCallStart | ToolCallUpdate) -> list[FileEditToolCallContent]:
    return [part for part in call.content or () if isinstance(part, FileEditToolCallContent)]
