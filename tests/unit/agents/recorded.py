"""Recorded output of real programs (`tests/samples`), read as the mayor reads a worker's log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from swarmskill.agents.account import Account
from swarmskill.agents.base import Agent, AgentEvent, Reader
from swarmskill.agents.registry import find_agent
from swarmskill.model import NOTHING_USED, AgentReport, Ending, Usage

SAMPLES = Path(__file__).parents[2] / "samples"


@dataclass(frozen=True, slots=True)
class Played:
    """What a reader made of a log."""

    report: AgentReport
    events: tuple[AgentEvent, ...]

    def of(self, kind: type[AgentEvent]) -> list[AgentEvent]:
        return [event for event in self.events if isinstance(event, kind)]


class _Kept:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.events: list[AgentEvent] = []

    def read(self, line: str) -> Iterable[AgentEvent]:
        told = list(self.reader.read(line))
        self.events += told
        return told

    def close(self, exit_code: int) -> Iterable[AgentEvent]:
        told = list(self.reader.close(exit_code))
        self.events += told
        return told


def play_lines(
    agent: Agent, lines: Iterable[str], code: int, *, earlier: Usage = NOTHING_USED, ending: Ending = Ending.EXITED
) -> Played:
    """Read these lines of a worker that ended so."""
    reader = _Kept(agent.reader(earlier))
    account = Account(reader, {})
    account.read(lines)
    return Played(account.close(ending, code), tuple(reader.events))


def play(
    name: str, case: str, *, earlier: Usage = NOTHING_USED, ending: Ending = Ending.EXITED, errors_first: bool = False
) -> Played:
    """Read a sample: its standard output and standard error, one after the other."""
    meta = json.loads((SAMPLES / name / f"{case}.meta.json").read_text(encoding="utf-8"))
    output = (SAMPLES / name / f"{case}.stdout").read_text(encoding="utf-8").split("\n")
    errors = meta.get("stderr", "").split("\n")
    code = meta["rc"] if isinstance(meta["rc"], int) else 143  # the recorder ended it
    code = 128 - code if code < 0 else code
    lines = errors + output if errors_first else output + errors
    return play_lines(find_agent(name), lines, code, earlier=earlier, ending=ending)


def cases(name: str) -> list[str]:
    """All samples of a program."""
    return sorted(file.name.removesuffix(".stdout") for file in (SAMPLES / name).glob("*.stdout"))
