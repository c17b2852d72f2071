"""A run's mail with two workers in worktrees of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from swarmskill.mail.kinds import ACK_REQUIRED, BODIES, Kind, Text
from swarmskill.mail.limits import LIMITS, Limits
from swarmskill.mail.mailbox import Mailbox
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.post import Carried, Post
from swarmskill.mail.reminders import PATIENCE, Patience


def message(
    kind: Kind = Kind.NOTE, text: str = "hello", to: tuple[str, ...] = (MAYOR,), thread: str = "1", **more
) -> Message:
    body = Text(text) if BODIES[kind] is Text else BODIES[kind](**more.pop("fields", {}))
    given = {"id": "", "sender": "", "created": 1_795_000_000.0, "ack_required": kind in ACK_REQUIRED} | more
    return Message(thread=thread, to=to, kind=kind, body=body, **given)


@dataclass
class Office:
    base: Path
    limits: Limits = LIMITS
    patience: Patience = PATIENCE
    post: Post = field(init=False)
    boxes: dict[str, Mailbox] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> Post:
        """A mayor begins, or begins again."""
        self.post = Post(self.base / "mail", ["1", "2", "3"], self.limits, self.patience)
        for task in ("1", "2"):
            self.add(f"{task}-1", task)
        return self.post

    def add(self, worker: str, task: str) -> Mailbox:
        tree = self.base / "trees" / worker
        tree.mkdir(parents=True, exist_ok=True)
        self.boxes[worker] = self.post.add(worker, task, tree)
        return self.boxes[worker]

    def carry(self, now: float = 0.0) -> Carried:
        return self.post.carry(now=now)

    def texts(self, worker: str) -> list[str]:
        return [one.message.text for one in self.boxes[worker].received()]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def small_office(tmp_path: Path) -> Office:
    """Senders may send no more than ten messages, and two more that end their work."""
    return Office(tmp_path, Limits(messages=10, reserve=2, size=2000, per_round=4))
