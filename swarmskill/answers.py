"""What a tracker answers when it is told that a task has ended."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from swarmskill.records import dataclass


class Reply(StrEnum):
    """What a tracker made of being told that a task has ended."""

    ACCEPTED = "accepted"
    ALL_COMPLETE = "all_complete"
    """Accepted, and with it all that the task belongs to (a quest, an epic) is complete."""
    REFUSED = "refused"
    """It does not take the task for done: the task counts as failed."""
    ESCALATED = "escalated"
    """It wants a person or another agent to look: the task counts as blocked."""
    FAILED = "failed"
    """It could not be told, or answered what it should not: the task counts as failed."""
    NOT_TOLD = "not_told"
    """It has no word for such an outcome, so nothing was called."""


TAKEN: Final = frozenset({Reply.ACCEPTED, Reply.ALL_COMPLETE, Reply.NOT_TOLD})
"""The replies after which a task counts as what it ended as."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A tracker's answer. `exit_code` is its program's, None if none ran; `log` the file with all that it printed."""

    reply: Reply
    detail: str = ""
    exit_code: int | None = None
    log: str = ""

    @property
    def taken(self) -> bool:
        """Whether the tracker agrees, so that nobody has to look at it."""
        return self.reply in TAKEN
