"""The text and the JSON of `swarm doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from swarmskill.agents.base import LoginState
from swarmskill.agents.detection import Fit, Sighting
from swarmskill.model import Outcome
from swarmskill.records import dataclass
from swarmskill.views.marks import PLAIN, Look
from swarmskill.views.status import table

_GOOD, _BAD, _ABSENT = Outcome.COMPLETED, Outcome.FAILED, Outcome.SKIPPED
_STYLES = {_GOOD: "green", _BAD: "red", _ABSENT: "yellow"}
_LOGINS = {LoginState.YES: "yes", LoginState.NO: "no", LoginState.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Something else that runs need. `fit` is None where it is not there and nobody needs it.

    `fix` tells what to do where it is not fit.
    """

    name: str
    fit: bool | None
    version: str = ""
    where: str = ""
    purpose: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting: its value as text and as JSON data, and where it comes from."""

    name: str
    text: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """All that `swarm doctor` found. `ok` if at least one agent can work, and git too."""

    agents: Sequence[Sighting]
    tools: Sequence[Tool]
    settings: Sequence[Row]
    ok: bool


def doctor_text(found: Examination, *, home: str = "", look: Look = PLAIN) -> str:
    """A table for each section; below it what to do, in lines that are not cut. `home` is shown as `~`."""
    agents = [_agent_cells(seen, home, look) for seen in found.agents]
    tools = [_tool_cells(tool, home, look) for tool in found.tools]
    settings = [(row.name, look.clean(row.text), look.clean(_tilde(row.origin, home))) for row in found.settings]
    lines = [
        *_section("Agents", ("", "agent", "version", "known to work", "logged in", "program"), agents, look),
        *_advice([(seen.name, _agent_fix(seen)) for seen in found.agents], look),
        "",
        *_section("Machine", ("", "what", "version", "for", "where"), tools, look),
        *_advice([(tool.name, "" if tool.fit else tool.fix) for tool in found.tools], look),
        "",
        *_section("Settings", ("setting", "value", "from"), settings, look),
        "",
        _verdict(found, look),
    ]
    return "\n".join(lines) + "\n"


def doctor_json(found: Examination) -> dict[str, Any]:
    """The same as JSON data."""
    return {
        "ok": found.ok,
        "agents": [_agent_document(seen) for seen in found.agents],
        "machine": [
            {
                "name": tool.name,
                "fit": tool.fit,
                "version": tool.version or None,
                "where": tool.where or None,
                "purpose": tool.purpose,
                "fix": None if tool.fit else tool.fix or None,
            }
            for tool in found.tools
        ],
        "settings": [{"name": row.name, "value": row.value, "origin": row.origin} for row in found.settings],
    }


def _agent_document(seen: Sighting) -> dict[str, Any]:
    return {
        "name": seen.name,
        "able": seen.able,
        "path": seen.path or None,
        "version": seen.version or None,
        "fit": seen.fit.value,
        "known_good": list(seen.good) if seen.good else None,
        "login": {"state": seen.login.state.value, "how": seen.login.how},
        "problem": seen.problem or None,
        "install": seen.install or None,
    }


def _section(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], look: Look) -> Iterator[str]:
    yield look.paint(title, "bold")
    if head[0]:
        yield from table(head, rows, look)
        return
    outcomes = [Outcome(row[0]) for row in rows]
    marked = [(look.mark_of(outcome), *row[1:]) for outcome, row in zip(outcomes, rows, strict=True)]
    yield from table(head, marked, look, [_STYLES[outcome] for outcome in outcomes])


def _agent_cells(seen: Sighting, home: str, look: Look) -> tuple[str, ...]:
    absent = seen.refusal == "not installed"
    outcome = _GOOD if seen.able else _ABSENT if absent or seen.name == "command" else _BAD
    login = "" if absent else _LOGINS[seen.login.state]
    if login and seen.login.how and seen.login.state is not LoginState.NO:
        login += f" ({_tilde(seen.login.how, home)})"
    where = _tilde(seen.path, home) or (seen.refusal if absent else "")
    return (outcome, look.clean(seen.name), look.clean(seen.version), _fit(seen), look.clean(login), look.clean(where))


def _fit(seen: Sighting) -> str:
    if not seen.version or seen.good is None:
        return ""
    low, high = seen.good
    known = low if low == high else f"{low} to {high}"
    return {Fit.GOOD: "yes", Fit.OLDER: f"older than {known}", Fit.NEWER: f"newer than {known}"}.get(seen.fit, "")


def _agent_fix(seen: Sighting) -> str:
    if seen.able:
        return ""
    if seen.refusal == "not installed":
        return f"install it: {seen.install}"
    return seen.problem or f"log in: {seen.login.how}"


def _tool_cells(tool: Tool, home: str, look: Look) -> tuple[str, ...]:
    outcome = _ABSENT if tool.fit is None else _GOOD if tool.fit else _BAD
    return (outcome, tool.name, look.clean(tool.version), tool.purpose, look.clean(_tilde(tool.where, home)))


def _advice(fixes: Sequence[tuple[str, str]], look: Look) -> Iterator[str]:
    for name, fix in fixes:
        if fix:
            yield f"  {look.clean(name)}: {look.clean(fix)}"


def _verdict(found: Examination, look: Look) -> str:
    able = [seen.name for seen in found.agents if seen.able]
    bad = [tool.name for tool in found.tools if tool.fit is False]
    if found.ok:
        return look.paint("ready", "green") + f": agents that can work: {', '.join(able)}"
    others = "" if bad else " (tasks with a run of their own can, and --agent-cmd)"
    reasons = ([] if able else [f"no agent can work{others}"]) + ([f"see {', '.join(bad)}"] if bad else [])
    return look.paint("not ready", "red") + f": {'; '.join(reasons)}"


def _tilde(path: str, home: str) -> str:
    return path.replace(f"{home}/", "~/") if len(home) > 1 else path
