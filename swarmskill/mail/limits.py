"""How much one sender may send in a run. A worker that floods its outbox keeps nobody else waiting."""

from __future__ import annotations

from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`messages` of any type, and `reserve` more of those that end the work or ask for help.

    `size` in bytes is the most for one message, `per_round` how many of one sender are carried
    before the others have their turn.
    """

    messages: int = 2000
    reserve: int = 100
    size: int = 262_144
    per_round: int = 200


LIMITS = Limits()
