"""The carrier's own memory, in files: what it took, and what it has brought to all its recipients.

A message that was taken lies in `spool`; once every recipient has it, it is moved to `archive`. The
number before its id is given when it is taken, and orders all mail of the run.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from swarmskill.mail.box import file_name, read_name
from swarmskill.writing import replace_file

WANTS_ACK: Final = "A"


class Spool:
    """`spool` and `archive` in the run's mail folder. Only the mayor, who holds the run's lock, may use it."""

    def __init__(self, folder: Path) -> None:
        self._spool = folder / "spool"
        self._archive = folder / "archive"
        for path in (self._spool, self._archive):
            path.mkdir(parents=True, exist_ok=True)
        self.waiting = _orders(self._spool)
        """Ids in the spool, with their numbers, in order."""
        done = _orders(self._archive)
        self._known = self.waiting.keys() | done.keys()
        self._last = max([*self.waiting.values(), *done.values()], default=0)
        self.counts = Counter(one.rpartition(".")[0] for one in self._known)
        """How many messages were taken of each sender."""

    def knows(self, message_id: str) -> bool:
        """Whether a message of that id was taken before."""
        return message_id in self._known

    def take(self, message_id: str, data: bytes, sender: str) -> int:
        """Keep a message until it is delivered; returns its number."""
        order = self._last + 1
        replace_file(self._spool / file_name(order, message_id), data)
        self._last = order
        self.waiting[message_id] = order
        self._known.add(message_id)
        self.counts[sender] += 1
        return order

    def read(self, message_id: str) -> bytes:
        """The content of a message that waits."""
        return (self._spool / self._name(message_id)).read_bytes()

    def settle(self, message_id: str, *, wants_ack: bool) -> None:
        """All recipients have it. Its name then tells whether it wants to be acknowledged."""
        name = self._name(message_id)
        kept = f"{name.removesuffix('.md')},{WANTS_ACK}.md" if wants_ack else name
        (self._spool / name).replace(self._archive / kept)
        del self.waiting[message_id]

    def archived(self, *, wanting_ack: bool = False) -> list[Path]:
        """Files of the messages that were delivered, in order: of all, or of those that want to be acknowledged."""
        return sorted(self._archive.glob(f"[0-9]*,{WANTS_ACK}.md" if wanting_ack else "[0-9]*.md"))

    def _name(self, message_id: str) -> str:
        return file_name(self.waiting[message_id], message_id)


def _orders(folder: Path) -> dict[str, int]:
    stored = sorted(read_name(path.name, "") for path in folder.glob("[0-9]*.md"))
    return {one.id: one.order for one in stored}
