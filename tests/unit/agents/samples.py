"""Recorded streams of real programs, read as the mayor reads a worker's log."""

from __future__ import annotations

import json
from pathlib import Path

from swarmskill.agents.account import Account
from swarmskill.agents.base import Agent
from swarmskill.model import NOTHING_USED, AgentReport, Ending, Usage

_FOLDER = Path(__file__).parents[2] / "samples"
_TERM = 143


def recorded(program: str, case: str) -> tuple[list[str], int, Ending]:
    """The lines of a case, its exit code, and its ending: one that the recorder gave up on had stalled."""
    out = (_FOLDER / program / f"{case}.stdout").read_text(encoding="utf-8")
    meta = json.loads((_FOLDER / program / f"{case}.meta.json").read_text(encoding="utf-8"))
    lines = (meta["stderr"] + "\n" + out).split("\n")
    return (lines, _TERM, Ending.STALLED) if meta["rc"] == "TIMEOUT" else (lines, meta["rc"], Ending.EXITED)


def report(agent: Agent, case: str, earlier: Usage = NOTHING_USED) -> AgentReport:
    """What the agent's reader makes of a case."""
    lines, code, ending = recorded(agent.name, case)
    return tell(agent, lines, code, ending, earlier)


def tell(
    agent: Agent,
    lines: list[str],
    code: int = 0,
    ending: Ending = Ending.EXITED,
    earlier: Usage = NOTHING_USED,
) -> AgentReport:
    """What the agent's reader makes of these lines."""
    account = Account(agent.reader(earlier), {})
    account.read(lines)
    return account.close(ending, code)


def actions(agent: Agent, case: str) -> list[str]:
    """What a person who watches sees, one line after the other, without repetitions."""
    account, seen = Account(agent.reader(), {}), [""]
    for line in recorded(agent.name, case)[0]:
        account.read([line])
        if account.last_action != seen[-1]:
            seen.append(account.last_action)
    return seen[1:]
