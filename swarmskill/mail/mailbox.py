"""One participant's mailbox: an inbox that the carrier fills, an outbox that it empties.

A worker's lies in its own worktree, the only place where a sandbox lets it write; the mayor's in the run's
folder. Whoever may write in an outbox is its sender, whatever a message says of itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from swarmskill.codec import dump_json, load_json
from swarmskill.errors import Refused
from swarmskill.mail.box import ACKED, SEEN, Box, Stored, file_name, make_folders
from swarmskill.mail.foreign import parse_foreign
from swarmskill.mail.kinds import COMPLETIONS, Kind
from swarmskill.mail.layout import BadMessage
from swarmskill.mail.limits import LIMITS, Limits
from swarmskill.mail.message import MAYOR, SAFE_ID, Message, parse, render
from swarmskill.places import WORKER_FOLDER
from swarmskill.records import dataclass
from swarmskill.writing import replace_file

IN_WORKTREE: Final = (WORKER_FOLDER, "mail")
ENDING: Final = COMPLETIONS | {Kind.HELP_REQUEST}
"""What gets through even when a sender has used up its number of messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose mailbox it is: `name` is the attempt's key, or MAYOR. `run_folder` is where the run is."""

    name: str
    task: str
    run_id: str
    run_folder: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message in an inbox, and its file."""

    message: Message
    stored: Stored
    problems: tuple[str, ...] = ()

    @property
    def seen(self) -> bool:
        """Whether it was read."""
        return self.stored.has(SEEN)

    @property
    def acked(self) -> bool:
        """Whether it was acknowledged."""
        return self.stored.has(ACKED)


class Mailbox:
    """The mailbox of `name`, at `parts` below the trusted folder `root`."""

    def __init__(self, name: str, root: Path, parts: Sequence[str], limits: Limits = LIMITS) -> None:
        self.name = name
        self.inbox = Box(root, *parts, "inbox")
        self.outbox = Box(root, *parts, "outbox")
        self.path = root.joinpath(*parts)
        self._limits = limits

    def make(self) -> None:
        """Make its folders, as far as they are not there. Raises OSError."""
        self.inbox.make()
        self.outbox.make()

    def send(self, message: Message, key: str = "") -> Message:
        """Leave a message in the outbox; its id and its sender are filled in.

        The same `key` twice is the same message: it gets the same id, and is not left a second time.
        Raises Refused over the limits, OSError.
        """
        with self.outbox.locked():
            if key:
                message_id = f"{self.name}.k{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
                if found := self.outbox.find(message_id):
                    return replace(message, id=found.id, sender=self.name)
            order = self.outbox.next_order()
            message_id = message_id if key else f"{self.name}.{order:06d}"
            message = replace(message, id=message_id, sender=self.name)
            data = encode(message)
            self._check(message, order, data)
            self.outbox.put(file_name(order, message_id), data)
        return message

    def received(self, sender: str = "") -> list[Received]:
        """All messages of the inbox in the order in which they came; of one sender, if it is named."""
        return [self._open(one) for one in self.inbox.stored() if not sender or one.id.rpartition(".")[0] == sender]

    def get(self, wanted: str) -> Received:
        """The message whose id is `wanted`, or ends with it. Raises Refused if none or several do."""
        stored = self.inbox.stored()
        fitting = [one for one in stored if one.id == wanted] or [one for one in stored if one.id.endswith(wanted)]
        if len(fitting) == 1:
            return self._open(fitting[0])
        problem = f"{len(fitting)} messages end with {wanted!r}" if fitting else f"no message has the id {wanted!r}"
        newest = ", ".join(one.id for one in (fitting or stored)[-5:])
        raise Refused(problem, hint=f"there are: {newest}" if newest else "the inbox is empty: swarm mail wait")

    def mark(self, received: Received, flags: str = SEEN) -> Received:
        """Note that a message was read, acknowledged or taken."""
        with self.inbox.locked():
            found = self.inbox.find(received.stored.id)
            stored = self.inbox.flag(found, flags) if found else received.stored
        return replace(received, stored=stored)

    def _open(self, one: Stored) -> Received:
        message, problems = decode(self.inbox.read(self.inbox.find(one.id) or one))
        return Received(message, one, tuple(problems))

    def _check(self, message: Message, order: int, data: bytes) -> None:
        if len(data) > self._limits.size:
            hint = "put the long part into a file of the worktree, and name that"
            raise Refused(f"the message has {len(data)} bytes; at most {self._limits.size} are carried", hint=hint)
        if self.name != MAYOR and order > room_for(message.kind, self._limits):
            hint = "only the end of the work and calls for help get through now"
            raise Refused(f"{self.name} has sent {order - 1} messages, its limit in this run", hint=hint)


def worker_mailbox(name: str, worktree: Path, limits: Limits = LIMITS) -> Mailbox:
    """The mailbox of a worker, in its worktree."""
    return Mailbox(name, worktree, IN_WORKTREE, limits)


def mayor_mailbox(mail_folder: Path) -> Mailbox:
    """The mayor's mailbox, in the run's mail folder."""
    return Mailbox(MAYOR, mail_folder, ("mayor",))


def room_for(kind: Kind, limits: Limits) -> int:
    """How many messages a sender may have sent for one more of this type to pass."""
    return limits.messages + (limits.reserve if kind in ENDING else 0)


def encode(message: Message) -> bytes:
    """The bytes of a message's file."""
    return render(message).encode("utf-8", "backslashreplace")


def decode(data: bytes) -> tuple[Message, list[str]]:
    """The message in a file, and what is wrong with it: read strictly, and leniently where that fails."""
    text = data.decode("utf-8", "replace")
    try:
        return parse(text), []
    except BadMessage as error:
        message, problems = parse_foreign(text)
        return message, [str(error), *problems]


def write_owner(worktree: Path, owner: Owner) -> None:
    """Tell the verbs in a worktree whose mailbox it is. Only they read it: a worker can change it."""
    make_folders(worktree, *IN_WORKTREE)
    document = {"name": owner.name, "task": owner.task, "run_id": owner.run_id, "run_folder": owner.run_folder}
    replace_file(worktree.joinpath(*IN_WORKTREE, "owner.json"), dump_json(document).encode())


def read_owner(worktree: Path) -> Owner | None:
    """Whose mailbox is in this worktree; None if there is none."""
    try:
        document: Any = load_json(worktree.joinpath(*IN_WORKTREE, "owner.json").read_bytes())
        owner = Owner(**{name: str(document[name]) for name in Owner.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return owner if SAFE_ID.fullmatch(owner.name) else None
