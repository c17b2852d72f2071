"""Writes `references/states.md`: phases, outcomes, events and effects, and what the stories show of their moves."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import swarmskill.core.effects
import swarmskill.core.events
import swarmskill.core.transitions
import swarmskill.model
from swarmskill.core.state import Door, Stage, Stop
from swarmskill.model import Outcome, Phase
from tests.scenarios.language import steps_of

STORIES = Path(__file__).parents[1] / "scenarios" / "stories"
PATH = Path(__file__).parents[2] / "references" / "states.md"

_PHASES = {
    Phase.WAITING: "a blocker is not completed",
    Phase.READY: "may be started: a slot, a manifest or its wave is missing",
    Phase.ASSIGNED: "a worker is being started",
    Phase.RUNNING: "a worker is at work",
    Phase.VALIDATING: "the checks are made; the worker's slot is free already",
    Phase.INTEGRATING: "the work is brought onto the run branch",
    Phase.ENDED: "there is an outcome",
}

_OUTCOMES = {
    Outcome.COMPLETED: "the work is on the run branch",
    Outcome.FAILED: "the worker ended with an error, or could not be started",
    Outcome.REJECTED: "a check failed",
    Outcome.CONFLICTED: "the work does not merge with the run branch",
    Outcome.TIMED_OUT: "the worker ran past its time limit",
    Outcome.LOST: "workers vanished, too many times",
    Outcome.SKIPPED: "a blocker did not complete",
    Outcome.CANCELLED: "another task failed, and the run stops at the first failure",
    Outcome.BLOCKED: "the worker says that it cannot go on",
}

_STAGES = {
    Stage.RUNNING: "tasks are started and worked on",
    Stage.SUMMING: "the budget is used up, and the agent is asked what was done and what is open",
    Stage.LANDING: "the user's branch is being moved; nothing starts",
    Stage.REPORTING: "the report is being written; nothing starts",
    Stage.OVER: "nothing is left to do in this session",
}

_STOPS = {
    Stop.NONE: "nobody wants the run to stop",
    Stop.GRACEFUL: "nothing starts; what is in flight is finished",
    Stop.NOW: "the workers are ended as well; that costs no retry",
    Stop.FORCE: "the workers are killed, checks and integrations left to the next session",
}


_DOORS = {
    Door.RESTING: "its service turned a worker away: nobody starts until the wait is over",
    Door.PROBING: "the wait is over: one worker tries, and opens the gate once its model answers",
    Door.SHUT: "nobody starts until somebody resumes the run",
    Door.DEGRADED: "its workers broke down too often: likewise, and its tasks go to others of the pool",
}


def render() -> str:
    """The page."""
    core = swarmskill.core
    return "\n".join(
        [
            "# States, events and effects of a run",
            "",
            "<!-- Generated: run `pytest tests/repo --rewrite` after a change of swarmskill/core. -->",
            "",
            "`step(state, event) -> (state, effects)`. The laws:",
            "",
            *_laws(core.transitions),
            "",
            *_enum("Phases: where a task is", _PHASES),
            *_enum("Outcomes: why a task ended", _OUTCOMES),
            *_enum("Stages: where the run is", _STAGES),
            *_enum("Stops: whether the run is being stopped", _STOPS),
            *_enum("Gates: whether workers of an agent may start; most are open, which has no name", _DOORS),
            "## Events: what happened",
            "",
            "| event | tells | carries | handled by |",
            "|---|---|---|---|",
            *_events(),
            "",
            "## Moves: what an event does to its task",
            "",
            "As the stories under tests/scenarios show it. A failed attempt goes back to ready until its retries",
            "are used up; what is ready is assigned in the same step where it may start. Other tasks move too: one",
            "whose last blocker completed becomes ready, one whose blocker failed is skipped, and under fail-fast",
            "the rest is cancelled.",
            "",
            "| from | event | to |",
            "|---|---|---|",
            *_moves(),
            "",
            "## Effects: what is to be done",
            "",
            "| effect | asks to | carries |",
            "|---|---|---|",
            *_effects(),
            "",
        ]
    )


def _laws(module: ModuleType) -> Iterator[str]:
    text = inspect.getdoc(module) or ""
    start, end = text.index("1. "), text.index("\n\nA task goes")
    yield from text[start:end].splitlines()


def _enum(title: str, meanings: Mapping[Any, str]) -> Iterator[str]:
    kind: type[StrEnum] = type(next(iter(meanings)))
    missing = set(kind) - set(meanings)
    if missing:
        raise ValueError(f"say what these mean: {missing}")
    yield from (f"## {title}", "", "| name | meaning |", "|---|---|")
    yield from (f"| {member} | {meanings[member]} |" for member in kind)
    yield ""


def _events() -> Iterator[str]:
    for event, handler in swarmskill.core.transitions._HANDLERS.items():
        yield f"| {event.__name__} | {_flat(event)} | {_fields(event)} | `{handler.__name__}` |"


def _effects() -> Iterator[str]:
    for effect in kinds_in(swarmskill.core.effects, swarmskill.core.effects.Effect):
        yield f"| {effect.__name__} | {_flat(effect)} | {_fields(effect)} |"


def kinds_in(module: ModuleType, base: type) -> list[type]:
    """The subclasses of `base` that a module defines and does not itself build upon."""
    found = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, base)]
    return [kind for kind in found if not any(kind in other.__bases__ for other in found)]


def _moves() -> Iterator[str]:
    """What happened in all stories to the task that an event is about."""
    seen: dict[tuple[Phase, str], set[Phase | Outcome]] = defaultdict(set)
    for story in sorted(STORIES.glob("*.txt")):
        for before, event, after in steps_of(story.read_text(encoding="utf-8")):
            if isinstance(event, swarmskill.core.events.AttemptEvent) and after is not before:
                now = after.tasks[event.task]
                key = (before.tasks[event.task].phase, type(event).__name__)
                seen[key].add(now.outcome or now.phase)
    places: list[Phase | Outcome] = [*Phase, *Outcome]
    for phase, event_name in sorted(seen, key=lambda key: (places.index(key[0]), key[1])):
        targets = sorted(seen[phase, event_name], key=places.index)
        yield f"| {phase} | {event_name} | {', '.join(targets)} |"


def _flat(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())


def _fields(kind: type) -> str:
    return ", ".join(f"`{field.name}`" for field in fields(kind) if field.name != "at") or "-"
