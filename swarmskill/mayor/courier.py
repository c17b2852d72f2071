"""The mail of a distributed run: carried as soon as it is there, and answered.

What a worker says is shown, and can end its attempt where it leaves no result; it never completes a
task. Mail that was carried before a mayor's death is not lost: the post tells again what was not
settled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from swarmskill.config import TMUX, RunConfig
from swarmskill.core.state import State
from swarmskill.mail.kinds import Checkpoint, Failure, FailureKind, Kind, Text
from swarmskill.mail.leases import Leases
from swarmskill.mail.mailbox import Owner, write_owner
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.post import Carried, Post
from swarmskill.mail.reactions import NUDGE, TERMINATE, UNANSWERED, react
from swarmskill.mail.watch import Watch
from swarmskill.model import Claim, Problem, Task, Trouble, WorkerResult
from swarmskill.places import RunFolder

_ROUND = 2.0
"""Seconds after which all mailboxes are looked at, whatever was seen of them."""

_LEASE = 24 * 3600.0
"""Seconds for which a manifest is reserved; its release comes with the worker's end."""


@dataclass(slots=True)
class _Correspondent:
    """A worker with a mailbox. `word` is what it said at its end, `nudged` that it was asked how far it is."""

    task: str
    word: Failure | Checkpoint | None = None
    nudged: bool = False


class Courier:
    """Carries the mail of one run on a thread of its own. `say` shows a line, `doing` what a task's worker does."""

    def __init__(
        self,
        folder: RunFolder,
        config: RunConfig,
        tasks: frozenset[str],
        say: Callable[[str], object],
        doing: Callable[[str, str], object],
    ) -> None:
        self._folder = folder
        self._config = config
        self._say = say
        self._doing = doing
        self._lock = threading.RLock()
        self._post = Post(folder.mail, tasks)
        self._leases = Leases(folder.mail)
        self._watch = Watch()
        self._workers: dict[str, _Correspondent] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._watch.add(MAYOR, self._post.outboxes[MAYOR])
        self._thread.start()

    def begin(self, worker: str, task: Task, worktree: Path) -> None:
        """A worker is about to start, or lives already: it has a mailbox, and its manifest is reserved."""
        with self._lock:
            if worker in self._workers:
                return
            self._post.add(worker, task.id, worktree)
            write_owner(
                worktree,
                Owner(name=worker, task=task.id, run_id=self._folder.run_id, run_folder=str(self._folder.path)),
            )
            self._workers[worker] = _Correspondent(task.id)
            if task.files:
                self._leases.reserve(worker, task.id, task.files, now=time.time(), ttl=_LEASE, reason="manifest")
            self._watch.add(worker, self._post.outboxes[worker])

    def end(self, worker: str) -> Failure | Checkpoint | None:
        """The worker has ended: its last mail is carried, and its mailbox closed. What it said at its end."""
        with self._lock:
            if worker not in self._workers:
                return None
            self._take(self._post.carry([worker], now=time.monotonic()))
            self._watch.remove(worker)
            self._post.remove(worker)
            self._leases.release(worker)
            return self._workers.pop(worker).word

    def terminate(self, worker: str) -> None:
        """Tell a worker that it is about to be ended."""
        with self._lock:
            if worker in self._workers:
                self._tell(worker, Kind.TERMINATE, TERMINATE, f"terminate {worker}")
                self._post.carry([MAYOR], now=time.monotonic())

    def close(self) -> None:
        """Carry no more."""
        self._over.set()
        self._watch.wake()
        self._thread.join()

    def _run(self) -> None:
        with self._watch:
            names: set[str] = set()
            while not self._over.is_set():
                with self._lock:
                    self._round(names)
                names = self._watch.wait(_ROUND)

    def _round(self, names: set[str]) -> None:
        now = time.monotonic()
        carried = self._post.carry(names or None, now=now)
        self._take(carried)
        while carried.more:
            carried = self._post.carry(names or None, now=now)
            self._take(carried)
        if not names:
            self._remind(now)
            self._nudge()

    def _take(self, carried: Carried) -> None:
        for message in carried.messages:
            self._react(message)
        for refusal in carried.refused:
            self._say(f"mail of {refusal.sender} was refused: {refusal.reason}")
        for sender, count in carried.flooded.items():
            self._say(f"{sender} sends too much mail: {count} messages were dropped")

    def _react(self, message: Message) -> None:
        reaction = react(message)
        worker = self._workers.get(message.sender)
        if reaction.show:
            self._say(reaction.show)
        if worker is not None and reaction.doing:
            self._doing(worker.task, reaction.doing)
        if worker is not None and isinstance(message.body, Failure | Checkpoint):
            worker.word = message.body
        if reaction.open:
            self._post.take(message)
        else:
            self._post.settle(message)

    def _remind(self, now: float) -> None:
        due = self._post.due(now)
        for one in due.reminders:
            if one.recipient == MAYOR:
                self._say(f"{one.message.sender} still waits for an answer: swarm mail reply {one.message.id} 'TEXT'")
        for one in due.escalations:
            if one.recipient == MAYOR and one.message.kind is Kind.HELP_REQUEST:
                self._tell(one.message.sender, Kind.HELP_RESPONSE, UNANSWERED, f"unanswered {one.message.id}")
                self._post.settle(one.message)

    def _nudge(self) -> None:
        """Ask a worker how far it is when half of its idle limit is over."""
        if self._config.idle_timeout is None:
            return
        for name, worker in self._workers.items():
            with suppress(OSError):
                silent = time.time() - self._folder.log(name).stat().st_mtime
                if silent > self._config.idle_timeout / 2 and not worker.nudged:
                    worker.nudged = True
                    self._tell(name, Kind.NUDGE, NUDGE, f"nudge {name}")

    def _tell(self, worker: str, kind: Kind, words: str, key: str) -> None:
        known = self._workers.get(worker)
        message = Message(
            id="",
            thread=known.task if known else "",
            sender=MAYOR,
            to=(worker,),
            kind=kind,
            body=Text(words),
            created=time.time(),
        )
        self._post.send(message, key)


@contextmanager
def carried_mail(
    folder: RunFolder, state: State, say: Callable[[str], object], doing: Callable[[str, str], object]
) -> Iterator[Courier | None]:
    """A courier for as long as the context lasts, if the run is a distributed one."""
    if state.config.backend != TMUX:
        yield None
        return
    courier = Courier(folder, state.config, frozenset(state.tasks), say, doing)
    try:
        yield courier
    finally:
        courier.close()


def last_word(word: Failure | Checkpoint | None) -> tuple[WorkerResult | None, Problem | None]:
    """What an end without a result file means, by what the worker said: that it is blocked, or in which trouble."""
    match word:
        case Failure(failure=FailureKind.SPEC_IMPOSSIBLE, reason=reason):
            return WorkerResult(status=Claim.BLOCKED, detail=reason or "the task cannot be done as it is written"), None
        case Failure(failure=FailureKind.CONTEXT_HIGH, reason=reason):
            return None, Problem(Trouble.CONTEXT_FULL, reason or "its context is full")
        case Failure(failure=failure, reason=reason):
            return None, Problem(Trouble.CRASHED, f"{failure}: {reason}" if reason else failure.value)
        case Checkpoint(next_steps=steps, description=description):
            told = "; ".join(part for part in (description, steps) if part)
            return None, Problem(Trouble.CONTEXT_FULL, f"it left a checkpoint: {told or 'no words with it'}")
    return None, None
