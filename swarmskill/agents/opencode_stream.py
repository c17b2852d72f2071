"""What opencode prints: events as lines of JSON on standard output, its log and last words on standard error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
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
from swarmskill.agents.text import as_object, count, one_line, table, text, tool_action
from swarmskill.agents.troubles import problem_of
from swarmskill.model import NOTHING_USED, Problem, Trouble, Usage

_LOGGED: Final = re.compile(r"timestamp=\S+ level=([A-Z]+) ")
_STREAM_ERROR: Final = re.compile(
    r'message="stream error" providerID=(\S+) modelID=(\S+) .*?small=false .*?error\.error="((?:[^"\\]|\\.)*)"'
)
_ERROR: Final = re.compile(r' error="((?:[^"\\]|\\.)*)"')
_REJECTED: Final = re.compile(r"permission requested: (.*); auto-rejecting")
_PREVENTED: Final = "The user has specified a rule which prevents"
_ASKED: Final = "The user rejected permission"
"""Nobody was there to answer, and the turn ends."""
_LOCKED: Final = "database is locked"
_QUERY: Final = "Failed query:"
"""At the start: another opencode makes the same tables just then."""
_NO_REASON: Final = "Unexpected server error"
_KINDS: Final = {"ProviderAuthError": Trouble.AUTH, "ContextOverflowError": Trouble.CONTEXT_FULL}
_SIGNALS: Final = 128
"""Exit codes from here on tell of a signal: somebody ended opencode, and its own words tell nothing of why."""


class OpencodeReader:
    """Reads one worker's output. There is no last event: whether all went well is known at the close."""

    def __init__(self) -> None:
        self._session = ""
        self._model = ""
        self._spent = NOTHING_USED
        self._reason = ""
        self._rejected = ""
        self._logged = ""
        self._words = ""
        self._heard = False
        self._failed = False
        self._locked = False

    def read(self, line: str) -> Iterable[AgentEvent]:
        """What one line tells."""
        event = as_object(line)
        return self._read_event(event) if event else self._read_aside(line)

    def close(self, exit_code: int) -> Iterable[AgentEvent]:
        """Whether it ended well: its last step did, and no error came. Else what it died of."""
        if self._failed:
            return
        if exit_code >= _SIGNALS:
            if not self._heard:
                # It waits for a silent server without limit and without a word.
                yield Retrying(Problem(Trouble.NETWORK, "the model's service does not answer"))
        elif exit_code and self._locked:
            # Several that start at the same time in a fresh home all set it up. Later on there is room.
            yield Failed(Problem(Trouble.OVERLOADED, "another opencode holds or sets up its database"))
        elif exit_code:
            yield Failed(problem_of(self._words or self._logged or "opencode gives no reason"))
        elif self._rejected:
            yield Failed(Problem(Trouble.DENIED, f"the turn ended as this was not permitted: {self._rejected}"))
        elif self._reason == "content-filter":
            yield Failed(Problem(Trouble.REFUSED, "the provider filtered what the model said"))
        elif self._reason in ("stop", "length"):
            yield Finished()
        else:
            yield Failed(Problem(Trouble.CRASHED, "opencode ended before its turn was over"))

    def _read_event(self, event: dict[str, Any]) -> Iterator[AgentEvent]:
        part = table(event, "part")
        session = text(event.get("sessionID"))
        if session and session != self._session:
            self._session = session
            yield Began(session, self._model)
        match event.get("type"):
            case "step_start":
                self._heard, self._reason, self._rejected = True, "", ""
                yield Waits(for_model=False)
            case "text":
                self._heard = True
                yield Said(text(part.get("text")))
            case "tool_use":
                self._heard = True
                yield from self._tool(part)
            case "step_finish":
                self._reason = text(part.get("reason"))
                self._spent += _step(part)
                yield Spent(self._spent, self._model)
                if self._reason == "tool-calls":
                    yield Waits()
            case "error":
                self._failed = True
                yield Failed(self._problem(table(event, "error")))

    def _tool(self, part: dict[str, Any]) -> Iterator[AgentEvent]:
        state = table(part, "state")
        action = tool_action(text(part.get("tool")), table(state, "input"))
        error = text(state.get("error")) if state.get("status") == "error" else ""
        if error.startswith(_ASKED):
            self._rejected = action
        if error.startswith((_ASKED, _PREVENTED)):
            yield WasDenied(action)
        elif action:
            yield UsedTool(action)

    def _problem(self, error: dict[str, Any]) -> Problem:
        data, name = table(error, "data"), text(error.get("name"))
        message = text(data.get("message"))
        if not message or message.startswith(_NO_REASON):
            message = self._logged or message or name or "opencode gives no reason"
        problem = problem_of(message, status=count(data.get("statusCode")) or None, retry_after=_wait(data))
        if name in _KINDS:
            return replace(problem, kind=_KINDS[name])
        if problem.kind is Trouble.CRASHED and data.get("isRetryable") is True:
            return replace(problem, kind=Trouble.OVERLOADED)
        return problem

    def _read_aside(self, line: str) -> Iterator[AgentEvent]:
        """A line of standard error: of its log, which tells why it tries again, or its words to a person."""
        level = _LOGGED.match(line)
        if level is None:
            yield from self._read_words(one_line(line, len(line)))
        elif found := _STREAM_ERROR.search(line):
            self._heard, self._model = True, f"{found[1]}/{found[2]}"
            problem = problem_of(_unquoted(found[3]))
            if problem.kind is Trouble.CRASHED:  # a call of the service failed: there is no other trouble here
                problem = replace(problem, kind=Trouble.OVERLOADED)
            yield Began(model=self._model)
            yield Retrying(problem)
        elif level[1] == "ERROR" and (error := _ERROR.search(line)):
            self._logged = _unquoted(error[1])

    def _read_words(self, words: str) -> Iterator[AgentEvent]:
        if found := _REJECTED.search(words):
            self._rejected = found[1]
            yield WasDenied(found[1])
        elif _LOCKED in words or (not self._heard and words.startswith(_QUERY)):
            self._locked = True
        elif words and not self._words.lower().startswith("error"):
            self._words = words


def _step(part: dict[str, Any]) -> Usage:
    """What one step used. It tells a cost of 0 for a model whose price it does not know, too."""
    tokens, cache, cost = table(part, "tokens"), table(part, "tokens", "cache"), part.get("cost")
    priced = float(cost) if isinstance(cost, int | float) and cost > 0 else None
    written, read, total = count(cache.get("write")), count(cache.get("read")), count(tokens.get("total"))
    fresh = count(tokens.get("input")) + written
    said = count(tokens.get("output")) + count(tokens.get("reasoning"))
    return Usage(fresh, read, max(0, total - fresh - read) if total else said, priced)


def _wait(data: dict[str, Any]) -> float | None:
    try:
        return float(text(table(data, "responseHeaders").get("retry-after"))) or None
    except ValueError:
        return None  # a date, or nothing


def _unquoted(words: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": " "}.get(found[1], found[1]), words)
