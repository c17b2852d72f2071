"""The carrier: takes mail out of the outboxes and brings it to its recipients. The mayor calls it.

However often and wherever it is killed, each message reaches each recipient once:

1. the message is written into the spool, then its file in the outbox is marked as carried; a message
   that is known already is only marked;
2. it is put into each inbox that does not have its id, then it leaves the spool.

What the mayor is told is told again after a restart until `settle` was called for it: a reaction must
bear to come twice, as every event does.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import field
from pathlib import Path
from typing import Final

from swarmskill.mail.box import ACKED, CARRIED, REFUSED, TAKEN, Stored
from swarmskill.mail.delivery import Delivery
from swarmskill.mail.kinds import Kind, Text
from swarmskill.mail.limits import LIMITS, Limits
from swarmskill.mail.mailbox import Mailbox, Received, encode, mayor_mailbox, room_for
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.reminders import PATIENCE, Due, Patience, Pending
from swarmskill.mail.roster import Roster
from swarmskill.mail.screening import Forged, screen
from swarmskill.mail.spool import Spool
from swarmskill.records import dataclass
from swarmskill.writing import replace_file

_EXPLAINED: Final = 20
"""A sender is told why a message was refused at most so often: it may not learn."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file in `sender`'s outbox that was not carried, and why. Its content is in the run's `mail/refused`."""

    sender: str
    name: str
    reason: str


@dataclass(slots=True)
class Carried:
    """What one round brought: messages for the mayor in order, and what the mayor should tell.

    `refused` were not carried. `flooded` are senders over their limit, with how many messages of theirs
    were dropped. `held` are ids of messages with a recipient who has no mailbox yet. `problems` are
    faults of form in messages that were carried all the same, by id. `more`: call again soon.
    """

    messages: list[Message] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    flooded: Counter[str] = field(default_factory=Counter)
    held: list[str] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)
    more: bool = False


class Post:
    """The mail of one run. Only the holder of the run's lock may have one.

    `folder` is the run's mail folder, `tasks` are the ids of its tasks: mail to one of them waits until
    it has a worker; so does mail to `expected` workers until they are added. Times (`now`) are on a clock that only
    goes forward, as `time.monotonic`.
    """

    def __init__(
        self,
        folder: Path,
        tasks: Container[str] = (),
        limits: Limits = LIMITS,
        patience: Patience = PATIENCE,
        expected: Container[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.mayor = mayor_mailbox(folder)
        self.mayor.make()
        self._refused = folder / "refused"
        self._limits = limits
        self._spool = Spool(folder)
        self._roster = Roster(folder, self.mayor, tasks, limits, expected)
        self._delivery = Delivery(self._spool, self._roster, patience)
        self._stuck: set[tuple[str, str]] = set()
        self._changed = True

    def add(self, worker: str, task: str, worktree: Path) -> Mailbox:
        """Make a worker's mailbox, and carry its mail from now on. Raises OSError where it cannot be made."""
        self._changed = True
        return self._roster.add(worker, task, worktree)

    def remove(self, worker: str) -> None:
        """Forget a worker whose worktree goes. Carry its last mail before; what it has not acknowledged lapses."""
        self._roster.remove(worker)
        self._delivery.forget(worker)

    @property
    def outboxes(self) -> dict[str, Path]:
        """For each participant the folder into which new mail is renamed: what is to be watched."""
        return {name: self._roster.mailbox(name).outbox.path / "new" for name in self._roster.names()}

    def address(self, worker: str) -> str:
        """The address that means this worker, though a task may have its name for an id."""
        return self._roster.address(worker)

    def send(self, message: Message, key: str = "") -> Message:
        """Send as the mayor. The next `carry` delivers it; with the same `key`, once for ever."""
        return self.mayor.send(message, key)

    def carry(self, names: Iterable[str] | None = None, *, now: float) -> Carried:
        """Carry new mail of these participants; of all, with held mail tried again, if none are named.

        A mailbox that is gone or spoiled is told in `refused` and hinders nobody else.
        """
        carried = Carried()
        wanted = self._roster.names() if names is None else names
        # The mayor's own comes last: what is explained to a sender goes out in the same round.
        for name in [*(name for name in wanted if name != MAYOR and name in self._roster), MAYOR]:
            self._collect(name, carried)
        retry = names is None or self._changed
        self._changed = False
        carried.messages, carried.held = self._delivery.deliver(now, retry=retry)
        return carried

    def settle(self, message: Message) -> None:
        """The mayor has reacted: it is not told again, and counts as acknowledged."""
        if found := self.mayor.inbox.find(message.id):
            self.mayor.mark(Received(message, found), TAKEN + ACKED)
        self._delivery.settle(message.id)

    def take(self, message: Message) -> None:
        """The mayor knows of it and need not be told again, but somebody still has to acknowledge it."""
        if found := self.mayor.inbox.find(message.id):
            self.mayor.mark(Received(message, found), TAKEN)

    def due(self, now: float) -> Due:
        """What is to be reminded of and escalated now; each is told once."""
        return self._delivery.due(now)

    @property
    def pending(self) -> tuple[Pending, ...]:
        """Messages that wait to be acknowledged."""
        return self._delivery.pending()

    def _collect(self, name: str, carried: Carried) -> None:
        outbox = self._roster.mailbox(name).outbox
        try:
            new = outbox.stored("new")
        except OSError as error:
            carried.refused.append(Refusal(name, "", f"its outbox cannot be read: {error.strerror}"))
            return
        stored = [one for one in new if (name, one.name) not in self._stuck and not outbox.is_begun(one)]
        carried.more |= len(stored) > self._limits.per_round
        for one in stored[: self._limits.per_round]:
            fate = self._take(name, one, carried)
            try:
                outbox.flag(one, fate)
            except OSError:
                self._discard(name, one)

    def _take(self, name: str, one: Stored, carried: Carried) -> str:
        """Bring one file into the spool; returns the flag that tells its fate."""
        data = b""
        try:
            data = self._roster.mailbox(name).outbox.read(one, self._limits.size)
            message, problems = screen(data, name, self._roster.task(name))
            self._check_recipients(message)
        except FileNotFoundError:
            return CARRIED
        except (OSError, Forged) as error:
            self._refuse(Refusal(name, one.name, str(error)), data, carried)
            return REFUSED
        if self._spool.knows(message.id):
            return CARRIED
        if name != MAYOR and self._spool.counts[name] >= room_for(message.kind, self._limits):
            self._drop(name, carried)
            return REFUSED
        self._spool.take(message.id, encode(message), name)
        if problems:
            carried.problems[message.id] = problems
        return CARRIED

    def _check_recipients(self, message: Message) -> None:
        for address in message.to:
            if not self._roster.may_come(address):
                raise Forged(f"nobody in this run is called {address!r}")

    def _refuse(self, refusal: Refusal, data: bytes, carried: Carried) -> None:
        """Keep what was refused and tell its sender; but no more of one sender than it may send."""
        name = refusal.sender
        self._spool.counts[name] += 1
        if name != MAYOR and self._spool.counts[name] > self._limits.messages:
            self._drop(name, carried)
            return
        carried.refused.append(refusal)
        text = f"{refusal.name!r}: {refusal.reason}\n\n".encode("utf-8", "backslashreplace") + data
        digest = hashlib.sha256(text).hexdigest()[:16]
        folder = self._refused / name
        replace_file(folder / f"{digest}.md", text)
        if name != MAYOR and sum(1 for _ in folder.iterdir()) <= _EXPLAINED:
            self._explain(name, f"Your message {refusal.name!r} was not carried: {refusal.reason}.", digest)

    def _drop(self, name: str, carried: Carried) -> None:
        if name not in carried.flooded:
            words = f"You have sent {self._limits.messages} messages, which is the limit. Only the end of your work "
            self._explain(name, words + "and calls for help get through now; the rest is dropped.", "flood")
        carried.flooded[name] += 1

    def _explain(self, name: str, words: str, key: str) -> None:
        task = self._roster.task(name)
        body = Text(words)
        to = (self._roster.address(name),)
        note = Message(id="", thread=task, sender=MAYOR, to=to, kind=Kind.NOTE, body=body, created=time.time())
        self.send(note, f"{name} {key}")

    def _discard(self, name: str, one: Stored) -> None:
        """Get rid of a file that cannot be moved: its name is too long, or a folder is in the way."""
        try:
            self._roster.mailbox(name).outbox.drop(one)
        except OSError:
            self._stuck.add((name, one.name))
