"""Our own form of an agent's output: one JSON object a line, for drivers that speak to an agent on our behalf.

The key "swarm" names what is told; a line without it is a log's. Keys that are left out are empty.

    {"swarm": "began", "session": "ID", "model": "NAME"}
    {"swarm": "said", "text": "..."}
    {"swarm": "tool", "action": "$ pytest -q"}
    {"swarm": "waits", "for_model": true}
        until something else is told the model's service is to blame for silence; false: it answers
    {"swarm": "spent", "input_tokens": 1, "cached_tokens": 2, "output_tokens": 3, "cost_usd": 0.1, "model": "NAME",
     "cost_of": "session"}
        this attempt's total, which replaces the one before; with "cost_of" its cost is that of the whole session
    {"swarm": "denied", "what": "$ rm -rf /"}
    {"swarm": "retrying", "kind": "rate_limit", "detail": "...", "retry_after": 30}
    {"swarm": "failed", "kind": "auth", "detail": "..."}
        kinds are those of `model.Trouble`; without one the detail and the log's last words tell it
    {"swarm": "finished", "text": "..."}
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from typing import Any

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
from swarmskill.agents.text import as_object, count, one_line, text
from swarmskill.agents.troubles import DETAIL_LENGTH, problem_of
from swarmskill.model import NOTHING_USED, Problem, Trouble, Usage

_SIGNALLED = frozenset({130, 137, 143})


def format_event(event: AgentEvent, *, cost_of_session: bool = False) -> str:
    """The line for an event, without its newline. `cost_of_session`: the cost of a Spent is the whole session's."""
    told: dict[str, Any]
    match event:
        case Began(session, model):
            told = {"swarm": "began", "session": session, "model": model}
        case Said(words):
            told = {"swarm": "said", "text": words}
        case UsedTool(action):
            told = {"swarm": "tool", "action": action}
        case Waits(for_model):
            told = {"swarm": "waits", "for_model": for_model}
        case Spent(usage, model):
            told = {"swarm": "spent", **_tokens(usage), "model": model}
            if cost_of_session:
                told["cost_of"] = "session"
        case WasDenied(what):
            told = {"swarm": "denied", "what": what}
        case Retrying(problem) | Failed(problem):
            told = {"swarm": "failed" if isinstance(event, Failed) else "retrying", **_trouble(problem)}
        case Finished(words):
            told = {"swarm": "finished", "text": words}
        case _:
            raise ValueError(f"no line tells of {event!r}")
    return json.dumps(told)


class LineReader:
    """Reads that form. What stands between is kept for the case that nothing tells how it ended."""

    def __init__(self, earlier: Usage = NOTHING_USED) -> None:
        self._earlier = earlier
        self._ended = False
        self._words: deque[str] = deque(maxlen=3)

    def read(self, line: str) -> Iterable[AgentEvent]:
        """What one line tells."""
        told = as_object(line)
        event = self._event(text(told.get("swarm")), told)
        if event is None:
            self._keep(line)
            return ()
        self._ended = self._ended or isinstance(event, Failed | Finished)
        return (event,)

    def close(self, exit_code: int) -> Iterable[AgentEvent]:
        """That it ended without a word, if it did and nobody told it to."""
        if self._ended or exit_code in _SIGNALLED:
            return ()
        words = " ".join(self._words)
        return (Failed(problem_of(words or f"it ended without a result (exit code {exit_code})")),)

    def _event(self, kind: str, told: dict[str, Any]) -> AgentEvent | None:
        match kind:
            case "began":
                return Began(text(told.get("session")), text(told.get("model")))
            case "said":
                return Said(text(told.get("text")))
            case "tool":
                return UsedTool(one_line(text(told.get("action"))))
            case "waits":
                return Waits(told.get("for_model") is not False)
            case "spent":
                return Spent(self._usage(told), text(told.get("model")))
            case "denied":
                return WasDenied(one_line(text(told.get("what"))))
            case "retrying":
                return Retrying(_problem(told))
            case "failed":
                return Failed(self._problem(told))
            case "finished":
                return Finished(text(told.get("text")))
        return None

    def _usage(self, told: dict[str, Any]) -> Usage:
        fresh, cached, output = (count(told.get(f"{name}_tokens")) for name in ("input", "cached", "output"))
        cost, before = _amount(told.get("cost_usd")), self._earlier.cost_usd
        # A cost below the one before is none of the whole session's: the agent began to count anew.
        if cost is not None and before is not None and told.get("cost_of") == "session" and cost >= before:
            cost -= before
        return Usage(fresh, cached, output, cost)

    def _problem(self, told: dict[str, Any]) -> Problem:
        if told.get("kind") or not self._words:
            return _problem(told)
        return problem_of(f"{text(told.get('detail'))}: {' '.join(self._words)}")

    def _keep(self, line: str) -> None:
        if words := one_line(line, DETAIL_LENGTH):
            self._words.append(words)


def _tokens(usage: Usage) -> dict[str, Any]:
    tokens = {
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }
    return tokens if usage.cost_usd is None else {**tokens, "cost_usd": usage.cost_usd}


def _trouble(problem: Problem) -> dict[str, Any]:
    told = {"kind": str(problem.kind), "detail": problem.detail}
    return told if problem.retry_after is None else {**told, "retry_after": problem.retry_after}


def _problem(told: dict[str, Any]) -> Problem:
    detail, wait = one_line(text(told.get("detail")), DETAIL_LENGTH), _amount(told.get("retry_after"))
    kind = text(told.get("kind"))
    return Problem(Trouble(kind), detail, wait) if kind in set(Trouble) else problem_of(detail, retry_after=wait)


def _amount(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12
    return float(value) if number else None
