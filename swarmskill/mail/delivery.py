"""From the spool into the inboxes, to each recipient once, and who has not acknowledged what."""

from __future__ import annotations

from dataclasses import replace

from swarmskill.mail.box import ACKED, TAKEN, file_name
from swarmskill.mail.mailbox import decode
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.reminders import Due, Patience, Pending, due
from swarmskill.mail.roster import Roster
from swarmskill.mail.spool import Spool


class Delivery:
    """Delivers what waits in the spool. Times are on a clock that only goes forward."""

    def __init__(self, spool: Spool, roster: Roster, patience: Patience) -> None:
        self._spool = spool
        self._roster = roster
        self._patience = patience
        self._ids: dict[str, set[str]] = {}
        self._held: set[str] = set()
        self._pending: dict[tuple[str, str], Pending] = {}
        self._told: set[str] | None = None

    def forget(self, worker: str) -> None:
        """The worker's mailbox goes."""
        self._ids.pop(worker, None)
        self._pending = {key: one for key, one in self._pending.items() if key[1] != worker}

    def deliver(self, now: float, *, retry: bool) -> tuple[list[Message], list[str]]:
        """Messages that the mayor has to be told, and ids of those of which a recipient cannot be reached.

        The latter are tried again with `retry` only. The first time, it also tells the messages that
        the mayor before was told of and did not settle.
        """
        told = self._start(now) if self._told is None else []
        if retry:
            self._held.clear()
        for message_id in list(self._spool.waiting):
            if message_id not in self._held:
                told += self._deliver(message_id, now)
        return told, sorted(self._held, key=self._spool.waiting.__getitem__)

    def settle(self, message_id: str) -> None:
        """The mayor has acknowledged a message."""
        self._pending.pop((message_id, MAYOR), None)

    def pending(self) -> tuple[Pending, ...]:
        """Messages that wait to be acknowledged."""
        self._drop_acknowledged()
        return tuple(self._pending.values())

    def due(self, now: float) -> Due:
        """What is to be reminded of and escalated now."""
        found = due(self.pending(), now, self._patience)
        for one in found.reminders:
            self._pending[one.message.id, one.recipient] = replace(one, reminded=one.reminded + 1)
        for one in found.escalations:
            self._pending[one.message.id, one.recipient] = replace(one, escalated=True)
        return found

    def _deliver(self, message_id: str, now: float) -> list[Message]:
        data = self._spool.read(message_id)
        message, _ = decode(data)
        told = []
        for address in message.to:
            name = self._roster.resolve(address)
            if name is None or not self._put(name, message_id, data):
                self._held.add(message_id)
                continue
            if message.ack_required:
                self._await_ack(message, name, now)
            if name == MAYOR and self._is_news(message_id):
                told.append(message)
        if message_id not in self._held:
            self._spool.settle(message_id, wants_ack=message.ack_required)
        return told

    def _put(self, name: str, message_id: str, data: bytes) -> bool:
        """Put a message into an inbox, if it is not there. False if the inbox cannot be reached."""
        inbox = self._roster.mailbox(name).inbox
        try:
            if name not in self._ids:
                self._ids[name] = {one.id for one in inbox.stored()}
            if message_id not in self._ids[name]:
                inbox.put(file_name(self._spool.waiting[message_id], message_id), data)
                self._ids[name].add(message_id)
        except OSError:
            return False
        return True

    def _is_news(self, message_id: str) -> bool:
        assert self._told is not None
        fresh = message_id not in self._told
        self._told.add(message_id)
        return fresh

    def _start(self, now: float) -> list[Message]:
        """What a mayor before has left: messages without its flag, and such as wait to be acknowledged."""
        received = self._roster.mailbox(MAYOR).received()
        self._told = {one.message.id for one in received}
        for path in self._spool.archived(wanting_ack=True):
            message, _ = decode(path.read_bytes())
            for address in message.to:
                if name := self._roster.resolve(address):
                    self._await_ack(message, name, now)
        return [one.message for one in received if not one.stored.has(TAKEN)]

    def _await_ack(self, message: Message, name: str, now: float) -> None:
        self._pending.setdefault((message.id, name), Pending(message=message, recipient=name, since=now))

    def _drop_acknowledged(self) -> None:
        acked: dict[str, set[str]] = {}
        for name in {name for _, name in self._pending}:
            try:
                stored = self._roster.mailbox(name).inbox.stored("cur")
            except OSError:
                continue
            acked[name] = {one.id for one in stored if one.has(ACKED)}
        self._pending = {key: one for key, one in self._pending.items() if key[0] not in acked.get(key[1], ())}
