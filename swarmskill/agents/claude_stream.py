"""The stream of JSON lines that Claude Code writes, and other programs after its model.

`system/init`, `assistant`, `user`, `system/...`, and one or more `result` lines. What a program does
otherwise stands in its `Dialect`, as data.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
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
from swarmskill.agents.troubles import DETAIL_LENGTH, GATED, problem_of, problem_of_lines
from swarmskill.model import NOTHING_USED, Problem, Trouble, Usage
from swarmskill.records import dataclass

_NOTES: Final = 20
_SERVICES_WAIT: Final = 5.0
"""A wait before a retry of so many seconds or more is not the program's own: its service asked for it."""

_SYNTHETIC: Final = "<synthetic>"
"""The model's name in messages that the program made up itself, to tell an error."""

_REASONS: Final = {
    "max_turns": Trouble.TURNS,
    "error_max_turns": Trouble.TURNS,
    "budget_exhausted": Trouble.BUDGET,
    "error_max_budget_usd": Trouble.BUDGET,
    "prompt_too_long": Trouble.CONTEXT_FULL,
    "blocking_limit": Trouble.CONTEXT_FULL,
    "rapid_refill_breaker": Trouble.CONTEXT_FULL,
    "refusal": Trouble.REFUSED,
}
"""What a result's `terminal_reason`, `subtype` or `stop_reason` says by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one program's stream differs.

    `cached_in_input`: its input tokens hold those that came from a cache too. `exits` are the exit
    codes by which it tells of a trouble, where it may end without a result line.
    """

    cached_in_input: bool = False
    exits: Mapping[int, Trouble] = field(default_factory=dict)


class ClaudeStreamReader:
    """See the module. `earlier` is what the session had used before; `now` is the time as Unix seconds."""

    def __init__(
        self, dialect: Dialect, earlier: Usage = NOTHING_USED, *, now: Callable[[], float] = time.time
    ) -> None:
        self._dialect = dialect
        self._earlier = earlier
        self._now = now
        self._folder = ""
        self._model = ""
        self._actions: dict[str, str] = {}
        self._notes: deque[str] = deque(maxlen=_NOTES)
        self._resets_at: float | None = None
        self._told_wait: float | None = None
        self._told_end = False
        self._in_help = False
        # What the result lines told, and the messages since the last of them, by their ids: one message
        # comes as several lines, each with the usage of all of it.
        self._settled = NOTHING_USED
        self._open: dict[str, Usage] = {}
        self._kinds: Mapping[str, Callable[[dict[str, Any]], Iterable[AgentEvent]]] = {
            "system": self._system,
            "assistant": self._assistant,
            "user": self._user,
            "rate_limit_event": self._limit,
            "result": self._result,
        }

    def read(self, line: str) -> Iterable[AgentEvent]:
        """What one line of standard output or standard error tells."""
        document = as_object(line)
        if not document:
            return self._plain(line)
        handle = self._kinds.get(text(document.get("type")))
        return list(handle(document)) if handle else ()

    def close(self, exit_code: int) -> Iterable[AgentEvent]:
        """What only the end tells: an end without a result line, and why."""
        if self._told_end:
            return ()
        last = problem_of_lines(self._notes)
        if exit_code in self._dialect.exits:
            kind = self._dialect.exits[exit_code]
            return (Failed(Problem(kind, last.detail if last else f"exit code {exit_code}")),)
        if exit_code > 128:
            return ()  # by a signal: whoever sent it knows why
        if exit_code and last:
            return (Failed(last),)
        return (Failed(Problem(Trouble.CRASHED, f"it ended with exit code {exit_code} and told no result")),)

    def _plain(self, line: str) -> Iterable[AgentEvent]:
        note = one_line(line, DETAIL_LENGTH)
        self._in_help = self._in_help or note.startswith("Usage:")
        if not note or note.startswith("{") or self._in_help:
            return ()
        self._notes.append(note)
        # The wait is its own: nobody asked for it.
        return (Retrying(replace(problem_of(note), retry_after=None)),) if note.startswith("Retrying in ") else ()

    def _system(self, document: dict[str, Any]) -> Iterable[AgentEvent]:
        match document.get("subtype"):
            case "init":
                self._folder = text(document.get("cwd"))
                self._model = text(document.get("model")) or self._model
                yield Began(text(document.get("session_id")), self._model)
                yield Waits()
            case "api_retry":
                yield Retrying(self._retry_problem(document))
            case "retry":
                yield Retrying(self._silent_retry(table(document, "data")))
            case "permission_denied":
                action = self._actions.get(text(document.get("tool_use_id")))
                yield WasDenied(action or text(document.get("tool_name")) or "a tool")

    def _retry_problem(self, document: dict[str, Any]) -> Problem:
        status = count(document.get("error_status")) or None
        counted = f"(retry {count(document.get('attempt'))} of {count(document.get('max_retries'))})"
        if status is None:
            return Problem(Trouble.NETWORK, f"no answer {counted}")
        seconds = count(document.get("retry_delay_ms")) / 1000
        self._told_wait = seconds if seconds >= _SERVICES_WAIT else None
        return self._until_reset(problem_of(f"{status} {text(document.get('error'))} {counted}", status=status))

    def _silent_retry(self, data: dict[str, Any]) -> Problem:
        """A retry whose reason stands in a plain line of its own, before or after."""
        told = next((note for note in reversed(self._notes) if note.startswith("Retrying in ")), "")
        if told:
            return replace(problem_of(told), retry_after=None)  # a wait of its own: nobody asked for it
        return Problem(Trouble.OVERLOADED, f"retry {count(data.get('attempt'))} of {count(data.get('maxRetries'))}")

    def _assistant(self, document: dict[str, Any]) -> Iterable[AgentEvent]:
        message = table(document, "message")
        blocks = rows(message.get("content"))
        words = " ".join(text(block.get("text")) for block in blocks)
        if document.get("error") or document.get("is_api_error_message") or words.startswith("[API Error: "):
            self._told_end = True
            yield Failed(self._problem(words or text(document.get("error")), document))
            return
        yield from self._use(message)
        own = not document.get("parent_tool_use_id")  # else a sub-agent's: its words are not the worker's
        for block in blocks:
            if block.get("type") == "tool_use":
                action = tool_action(text(block.get("name")), table(block, "input"), self._folder)
                self._actions[text(block.get("id"))] = action
                yield UsedTool(action)
            elif own and text(block.get("text")).strip():
                yield Said(text(block.get("text")))

    def _user(self, document: dict[str, Any]) -> Iterable[AgentEvent]:
        """What a tool found, or words of the program itself: the model is told."""
        return () if document.get("parent_tool_use_id") else (Waits(),)

    def _use(self, message: dict[str, Any]) -> Iterable[AgentEvent]:
        usage = self._tokens(table(message, "usage"))
        name, model = text(message.get("id")), text(message.get("model"))
        if model and model != _SYNTHETIC:
            self._model = model
        if usage.tokens and self._open.get(name) != usage:
            self._open[name] = usage
            yield self._spent()

    def _limit(self, document: dict[str, Any]) -> Iterable[AgentEvent]:
        info = table(document, "rate_limit_info")
        if info.get("status") == "rejected":
            self._resets_at = float(count(info.get("resetsAt"))) or None
        return ()

    def _result(self, document: dict[str, Any]) -> Iterable[AgentEvent]:
        self._told_end = True
        self._settle(document)
        yield self._spent()
        for denial in rows(document.get("permission_denials")):
            tool = text(denial.get("tool_name")) or "a tool"
            yield WasDenied(tool_action(tool, table(denial, "tool_input"), self._folder))
        words = text(document.get("result"))
        reason = self._reason(document)
        # A `success` with `is_error` is how a failed request looks.
        if document.get("is_error") or text(document.get("subtype")).startswith("error") or reason:
            problem = self._problem(_error_words(document) or words, document)
            yield Failed(replace(problem, kind=reason, retry_after=None) if reason else problem)
        else:
            yield Finished(words)

    def _settle(self, document: dict[str, Any]) -> None:
        """Take over what a result line tells of usage.

        Totals are of the whole session, resumed parts and sub-agents too; `usage` is that of the last turn
        alone where there is a list by model.
        """
        since, total = document.get("model_usage_since_last_result"), table(document, "modelUsage")
        turn = self._tokens(table(document, "usage"))
        if isinstance(since, dict):
            self._settled += _by_model(since)
        elif total:
            self._settled = _by_model(total).beyond(self._earlier)
        elif turn.tokens:
            # As much as the messages at least: the session's total tells too little where `earlier` was too high.
            told = sum(self._open.values(), NOTHING_USED)
            self._settled = max(turn.beyond(self._earlier), told, key=lambda usage: usage.tokens)
        self._open.clear()

    def _spent(self) -> Spent:
        return Spent(sum(self._open.values(), self._settled), self._model)

    def _tokens(self, usage: dict[str, Any]) -> Usage:
        fresh, cached = count(usage.get("input_tokens")), count(usage.get("cache_read_input_tokens"))
        if self._dialect.cached_in_input:
            fresh = max(0, fresh - cached)
        return Usage(fresh + count(usage.get("cache_creation_input_tokens")), cached, count(usage.get("output_tokens")))

    def _problem(self, words: str, document: dict[str, Any]) -> Problem:
        self._limit(document)
        told = problem_of(words, status=count(document.get("api_error_status")) or None)
        if told.kind is Trouble.CRASHED:
            by_name = problem_of(f"{text(document.get('api_error'))} {text(document.get('error'))}")
            told = replace(told, kind=by_name.kind)
        return self._until_reset(told)

    def _until_reset(self, problem: Problem) -> Problem:
        """The problem with the time to wait that was told apart from its words."""
        if problem.retry_after is not None or problem.kind not in GATED:
            return problem
        if self._resets_at is not None and problem.kind is Trouble.RATE_LIMIT:
            return replace(problem, retry_after=max(0.0, self._resets_at - self._now()))
        return replace(problem, retry_after=self._told_wait)

    @staticmethod
    def _reason(document: dict[str, Any]) -> Trouble | None:
        told = (_REASONS.get(text(document.get(key))) for key in ("terminal_reason", "subtype", "stop_reason"))
        return next((kind for kind in told if kind), None)


def _error_words(document: dict[str, Any]) -> str:
    """What a result line says of an error apart from its `result`."""
    errors = document.get("errors")
    told = [text(error) for error in errors] if isinstance(errors, list) else []
    return "; ".join(filter(None, told)) or text(table(document, "error").get("message"))


def _by_model(models: dict[str, Any]) -> Usage:
    total = NOTHING_USED
    for row in rows(list(models.values())):
        cost = row.get("costUSD")
        total += Usage(
            count(row.get("inputTokens")) + count(row.get("cacheCreationInputTokens")),
            count(row.get("cacheReadInputTokens")),
            count(row.get("outputTokens")),
            float(cost) if isinstance(cost, int | float) and cost >= 0 else None,
        )
    return total
