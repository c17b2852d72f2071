"""What a worker said by mail at its end, where it left no result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from swarmskill.backends.masking import mask
from swarmskill.mail.kinds import Checkpoint, Failure, FailureKind
from swarmskill.model import Claim, Problem, Trouble, WorkerResult

_MOST: Final = 1000
"""Characters of what one worker says that are shown, or told to its successor."""


def last_word(
    word: Failure | Checkpoint | None, secrets: Sequence[str] = ()
) -> tuple[WorkerResult | None, Problem | None]:
    """What an end without a result file means, by what the worker said: that it is blocked, or in which trouble."""
    match word:
        case Failure(failure=FailureKind.SPEC_IMPOSSIBLE, reason=reason):
            said = shown(reason, secrets) or "the task cannot be done as it is written"
            return WorkerResult(status=Claim.BLOCKED, detail=said), None
        case Failure(failure=FailureKind.CONTEXT_HIGH, reason=reason):
            return None, Problem(Trouble.CONTEXT_FULL, shown(reason, secrets) or "its context is full")
        case Failure(failure=failure, reason=reason):
            return None, Problem(Trouble.CRASHED, shown(f"{failure}: {reason}", secrets).removesuffix(":"))
        case Checkpoint(next_steps=steps, description=description):
            told = "; ".join(part for part in (description, steps) if part) or "no words with it"
            return None, Problem(Trouble.CONTEXT_FULL, shown(f"it left a checkpoint: {told}", secrets))
    return None, None


def shown(words: str, secrets: Sequence[str]) -> str:
    """A worker's words on one line, without secrets, and not too long: the whole is in the inbox."""
    line = " ".join(mask(words, secrets).split())
    return line if len(line) <= _MOST else line[: _MOST - 1] + "…"
