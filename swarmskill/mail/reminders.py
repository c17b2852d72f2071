"""When a message that wants to be acknowledged is brought to mind, and when somebody else must decide. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from swarmskill.mail.message import Message
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds between reminders, how many there are, and after how many seconds it is escalated."""

    remind_every: float = 30.0
    reminders: int = 3
    escalate_after: float = 120.0


PATIENCE = Patience()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A message that `recipient` has and has not acknowledged.

    `since` is when it was delivered, on a clock that only goes forward. `reminded` counts the reminders.
    """

    message: Message
    recipient: str
    since: float
    reminded: int = 0
    escalated: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done now."""

    reminders: tuple[Pending, ...] = ()
    escalations: tuple[Pending, ...] = ()


def due(pending: Iterable[Pending], now: float, patience: Patience = PATIENCE) -> Due:
    """Which messages want a reminder, and which are escalated: each once, and then reminded of no more.

    After a gap in which nobody looked, a message gets one reminder, not all that were missed.
    """
    reminders, escalations = [], []
    for one in pending:
        waited = now - one.since
        if one.escalated:
            continue
        if waited >= patience.escalate_after:
            escalations.append(one)
        elif one.reminded < min(patience.reminders, int(waited / patience.remind_every)):
            reminders.append(one)
    return Due(tuple(reminders), tuple(escalations))
