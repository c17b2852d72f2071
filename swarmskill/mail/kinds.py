"""The types of messages, and what the body of each tells. Pure data.

A worker's word is a claim: nothing here is believed, the checks decide.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from swarmskill.records import dataclass


class Kind(StrEnum):
    """The type of a message: one exact word of its subject."""

    BEAD_ACCEPTED = "BEAD_ACCEPTED"
    PROGRESS = "PROGRESS"
    HELP_REQUEST = "HELP_REQUEST"
    HELP_RESPONSE = "HELP_RESPONSE"
    OFFERING_READY = "OFFERING_READY"
    DONE = "DONE"
    FAILED = "FAILED"
    CHECKPOINT = "CHECKPOINT"
    SPAWN_REQUEST = "SPAWN_REQUEST"
    SPAWN_ACK = "SPAWN_ACK"
    GUIDANCE = "GUIDANCE"
    NUDGE = "NUDGE"
    """Tell how far you are."""
    TERMINATE = "TERMINATE"
    """Leave a checkpoint and end."""
    HELP_ROUTE = "HELP_ROUTE"
    OFFERING_ACCEPTED = "OFFERING_ACCEPTED"
    RETRY_REQUIRED = "RETRY_REQUIRED"
    ERRAND = "ERRAND"
    """Write this for me: see `errands`."""
    NOTE = "NOTE"
    """Anything else; what other systems send without a type."""


COMPLETIONS: Final = frozenset({Kind.OFFERING_READY, Kind.DONE, Kind.FAILED, Kind.CHECKPOINT})
"""After these the worker does no more."""

SUCCESSES: Final = frozenset({Kind.OFFERING_READY, Kind.DONE})

FROM_WORKER: Final = COMPLETIONS | {Kind.BEAD_ACCEPTED, Kind.PROGRESS, Kind.HELP_REQUEST, Kind.ERRAND}
"""Only the worker of a task may say these of it."""

FROM_MAYOR: Final = frozenset(
    {
        Kind.GUIDANCE,
        Kind.NUDGE,
        Kind.TERMINATE,
        Kind.HELP_ROUTE,
        Kind.OFFERING_ACCEPTED,
        Kind.RETRY_REQUIRED,
        Kind.SPAWN_REQUEST,
        Kind.SPAWN_ACK,
    }
)
"""Orders and judgements: no worker may give them to another."""

ACK_REQUIRED: Final = frozenset({Kind.HELP_REQUEST, Kind.OFFERING_READY, Kind.SPAWN_REQUEST})
"""What wants to be acknowledged unless the sender says otherwise."""


class Issue(StrEnum):
    """What a worker needs help with."""

    STUCK = "STUCK"
    SPEC_UNCLEAR = "SPEC_UNCLEAR"
    BLOCKED = "BLOCKED"
    TECHNICAL = "TECHNICAL"


class FailureKind(StrEnum):
    """Why a worker gave up."""

    TESTS_FAIL = "TESTS_FAIL"
    BUILD_FAIL = "BUILD_FAIL"
    SPEC_IMPOSSIBLE = "SPEC_IMPOSSIBLE"
    CONTEXT_HIGH = "CONTEXT_HIGH"
    ERROR = "ERROR"


class Pause(StrEnum):
    """Why a worker leaves a checkpoint."""

    CONTEXT_HIGH = "CONTEXT_HIGH"
    MANUAL = "MANUAL"
    TIMEOUT = "TIMEOUT"


class SpawnState(StrEnum):
    """What became of a request to spawn."""

    SPAWNED = "spawned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Text:
    """A body without fields: guidance, answers, notes."""

    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """BEAD_ACCEPTED. `started_at` is a time as the worker wrote it."""

    title: str = ""
    started_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """PROGRESS. `context_usage` is in percent, None if not told."""

    step: str = ""
    status: str = ""
    context_usage: int | None = None
    files_touched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpRequest:
    """HELP_REQUEST."""

    issue: Issue
    question: str
    problem: str = ""
    tried: str = ""
    files_touched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """OFFERING_READY and DONE. `tests`, `lint`, `build`: passed, failed, or None if not told."""

    commit: str = ""
    files: tuple[str, ...] = ()
    tests: bool | None = None
    lint: bool | None = None
    build: bool | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """FAILED."""

    failure: FailureKind
    reason: str = ""
    internal_attempts: int | None = None
    commit: str = ""
    files: tuple[str, ...] = ()
    recommendation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """CHECKPOINT: what a successor starts from."""

    reason: Pause
    commit: str = ""
    description: str = ""
    context_usage: int | None = None
    next_steps: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnRequest:
    """SPAWN_REQUEST."""

    resume: bool = False
    checkpoint: str = ""
    orchestrator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnAck:
    """SPAWN_ACK."""

    state: SpawnState
    session: str = ""


Body = Text | Accepted | Progress | HelpRequest | Offering | Failure | Checkpoint | SpawnRequest | SpawnAck

BODIES: Final[dict[Kind, type[Body]]] = dict.fromkeys(Kind, Text) | {
    Kind.BEAD_ACCEPTED: Accepted,
    Kind.PROGRESS: Progress,
    Kind.HELP_REQUEST: HelpRequest,
    Kind.OFFERING_READY: Offering,
    Kind.DONE: Offering,
    Kind.FAILED: Failure,
    Kind.CHECKPOINT: Checkpoint,
    Kind.SPAWN_REQUEST: SpawnRequest,
    Kind.SPAWN_ACK: SpawnAck,
}
"""Which body a message of each type has."""
