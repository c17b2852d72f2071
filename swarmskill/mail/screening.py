"""Whether a message may be carried: who sent it is told by the outbox in which it lay. Pure."""

from __future__ import annotations

import hashlib

from swarmskill.mail.foreign import parse_foreign
from swarmskill.mail.kinds import FROM_MAYOR, FROM_WORKER
from swarmskill.mail.layout import BadMessage
from swarmskill.mail.message import MAYOR, SAFE_ID, Message, parse


class Forged(ValueError):
    """A message that its sender may not send; the text says why."""


def screen(data: bytes, sender: str, task: str) -> tuple[Message, list[str]]:
    """The message as it is carried, and what of its form was wrong. Raises Forged.

    `sender` is the owner of the outbox and `task` its task. What a message lacks is filled in from
    there; what it claims otherwise is refused.
    """
    text = data.decode("utf-8", "replace")
    try:
        message, problems = parse(text), []
    except BadMessage as error:
        own = f"{sender}.x{hashlib.sha256(data).hexdigest()[:16]}"
        defaults = {"from": sender, "id": own, "to": [MAYOR], "thread_id": task}
        message, lesser = parse_foreign(text, defaults)
        problems = [str(error), *lesser]
    _check_names(message, sender)
    if sender != MAYOR:
        _check_authority(message, task)
    return message, problems


def _check_names(message: Message, sender: str) -> None:
    if message.sender != sender:
        raise Forged(f"it says that it is from {message.sender!r}, and lay in the outbox of {sender!r}")
    if not SAFE_ID.fullmatch(message.id) or not message.id.startswith(f"{sender}."):
        raise Forged(f"its id {message.id!r} does not begin with {sender + '.'!r}")
    if "." in message.id.removeprefix(f"{sender}."):
        raise Forged(f"its id {message.id!r} has more than one part behind the sender's name")


def _check_authority(message: Message, task: str) -> None:
    if message.kind in FROM_MAYOR:
        raise Forged(f"only the mayor sends {message.kind}")
    if message.kind in FROM_WORKER and message.thread != task:
        raise Forged(f"it tells {message.kind} of task {message.thread!r}, and its sender works on {task!r}")
