"""What the mayor does about a message: pure, told as data."""

from __future__ import annotations

from typing import Final

from swarmskill.mail.kinds import Accepted, Checkpoint, Failure, HelpRequest, Kind, Offering, Progress
from swarmskill.mail.message import MAYOR, Message
from swarmskill.records import dataclass

UNANSWERED: Final = (
    "Nobody has answered in time. Decide by your best judgement and say so in your result; "
    "if the task cannot be done without an answer, end as blocked."
)

NUDGE: Final = "You have been silent for long. Tell how far you are (PROGRESS); if you are stuck, ask (HELP_REQUEST)."

TERMINATE: Final = "You are being ended. If there is time, send a CHECKPOINT with the next steps."


@dataclass(frozen=True, slots=True)
class Reaction:
    """`show` is a line for the person at the terminal, `doing` is what the worker does, for the live view.

    A message that is `open` waits for a person: it is not settled by having been shown.
    """

    show: str = ""
    doing: str = ""
    open: bool = False


def react(message: Message) -> Reaction:
    """What to do about one message to the mayor."""
    sender, title = message.sender, _line(message.title)
    if message.sender == MAYOR or message.kind is Kind.ERRAND:
        return Reaction()  # its own word about a thread, kept there; or what only concerns the worker
    match message.body:
        case Accepted():
            return Reaction(doing="has accepted the task")
        case Progress(step=step, status=status, context_usage=used):
            told = ": ".join(part for part in (_line(step), _line(status) or title) if part) or "goes on"
            return Reaction(doing=told if used is None else f"{told} (context {used} %)")
        case HelpRequest(issue=issue, question=question):
            asked = _line(question) or title
            answer = f"answer within two minutes with swarm mail reply {message.id} 'TEXT'"
            return Reaction(show=f"{sender} asks ({issue}), {answer}: {asked}", doing=f"asks: {asked}", open=True)
        case Offering(summary=summary):
            return Reaction(doing=f"says it is done: {_line(summary) or title}".removesuffix(": "))
        case Failure(failure=failure, reason=reason):
            said = f"{sender} gives up ({failure}): {_line(reason) or title}".removesuffix(": ")
            return Reaction(show=said, doing=f"gives up: {failure}")
        case Checkpoint(reason=reason):
            return Reaction(show=f"{sender} leaves a checkpoint ({reason})", doing="leaves a checkpoint")
    said = ": ".join(part for part in (title, _line(message.text)) if part)
    return Reaction(show=f"{sender} says: {said}" if said else "")


def _line(text: str) -> str:
    """A worker's words on one line; whoever shows them takes secrets out, and cuts them only then."""
    return " ".join(text.split())
