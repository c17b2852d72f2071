"""What workers asked by mail and nobody has answered yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.post import Post
from swarmskill.mail.reactions import UNANSWERED
from swarmskill.model import Task

Ask = Callable[[Message, Task], object]
"""Begins to find an answer to a worker's question about its task."""

Reply = Callable[[Message, str, str], object]
"""Sends an asker these words, under a key that makes the same answer one message."""


class Questions:
    """Put to a helper, brought to a person's mind, and in the end left to the asker's best judgement.

    `workers` are those that can be answered, and their tasks. Calls must not overlap.
    """

    def __init__(self, post: Post, workers: Mapping[str, Task], say: Callable[[str], object], reply: Reply) -> None:
        self._post = post
        self._workers = workers
        self._say = say
        self._reply = reply
        self._put: set[str] = set()
        self._ask: Ask | None = None

    @property
    def open(self) -> list[Message]:
        """Those without an answer."""
        return [one.message for one in self._post.pending if one.recipient == MAYOR]

    def consult(self, ask: Ask | None) -> None:
        """From now on put every question to this, besides to persons; to nobody for None."""
        self._ask = ask
        self.put()

    def put(self) -> None:
        """Put those to the helper that were not yet, as far as their workers are known."""
        if self._ask is None:
            return
        for message in self.open:
            task = self._workers.get(message.sender)
            if task is not None and message.id not in self._put:
                self._put.add(message.id)
                self._ask(message, task)

    def answer(self, question: str, text: str) -> bool:
        """Answer the question of that id; False if it needs no answer any more."""
        for message in self.open:
            if message.id == question:
                self._reply(message, text, f"advice {question}")
                self._post.settle(message)
                return True
        return False

    def drop(self, worker: str) -> None:
        """Wait no longer for answers to a worker that has ended."""
        for message in self.open:
            if message.sender == worker:
                self._say(f"{worker} ended before its question was answered")
                self._post.settle(message)

    def remind(self, now: float) -> bool:
        """Say what still waits, and end what waited too long; whether there is mail to carry for that."""
        due = self._post.due(now)
        for one in due.reminders:
            if one.recipient == MAYOR:
                self._say(f"{one.message.sender} still waits for an answer: swarm mail reply {one.message.id} 'TEXT'")
        for one in due.escalations:
            if one.recipient == MAYOR:
                self._reply(one.message, UNANSWERED, f"unanswered {one.message.id}")
                self._say(f"{one.message.sender} got no answer, and goes on by its best judgement")
                self._post.settle(one.message)
        return bool(due.escalations)
