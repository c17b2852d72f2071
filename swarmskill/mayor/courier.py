"""The mail of a distributed run: carried as soon as it is there, and answered.

What a worker says is shown, and can end its attempt where it leaves no result; it never completes a
task. Mail that was carried before a mayor's death is not lost: the post tells again what was not
settled.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from swarmskill.backends.base import CannotStart
from swarmskill.config import TMUX, RunConfig
from swarmskill.core.effects import Await, Spawn
from swarmskill.core.progress import outstanding
from swarmskill.core.state import State
from swarmskill.mail.errands import perform
from swarmskill.mail.kinds import COMPLETIONS, Checkpoint, Failure, Kind, Text
from swarmskill.mail.kv import Store
from swarmskill.mail.leases import Leases
from swarmskill.mail.limits import LIMITS, Limits
from swarmskill.mail.mailbox import Owner, write_owner
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.post import Post
from swarmskill.mail.reactions import NUDGE, TERMINATE, react
from swarmskill.mail.reminders import PATIENCE, Patience
from swarmskill.mail.roster import workers_of
from swarmskill.mail.watch import Watch
from swarmskill.mayor.judgements import Judgement, judgements
from swarmskill.mayor.last_word import shown
from swarmskill.mayor.questions import Ask, Questions
from swarmskill.model import Task
from swarmskill.places import RunFolder, attempt_key

_ROUND = 2.0
"""Seconds after which all mailboxes are looked at, whatever was seen of them."""

_LEASE = 24 * 3600.0
"""Seconds for which a manifest is reserved; its release comes with the worker's end."""

_MANIFEST = "manifest"
"""Why the mayor reserves files for a worker."""

_MOST_AT_ONCE = 100
"""Rounds of one sender's mail that others wait for."""


class Courier:
    """Carries the mail of one run on a thread of its own.

    `living` are the workers that a mayor before has left, `say` shows a line, `doing` what a task's worker
    does. A disk that cannot be written is told, and tried again: no worker is ended for its mail.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: RunConfig,
        tasks: frozenset[str],
        living: frozenset[str],
        say: Callable[[str], object],
        doing: Callable[[str, str], object],
        *,
        patience: Patience = PATIENCE,
        limits: Limits = LIMITS,
        every: float = _ROUND,
    ) -> None:
        self._folder = folder
        self._config = config
        self._living = living
        self._say = say
        self._doing = doing
        self._every = every
        self._lock = threading.RLock()
        # A worker that lives has no mailbox until it is begun; what is sent to it by then waits.
        self._post = Post(folder.mail, tasks, limits, patience, expected=living)
        self._leases = Leases(folder.mail)
        Store(folder.mail).make()
        self._workers: dict[str, Task] = {}
        """Those with a mailbox, and their tasks."""
        self._questions = Questions(self._post, self._workers, say, self._answer)
        self._release_left_over()
        self._watch = Watch()
        self._watched: dict[str, Path] = {}
        self._told = False
        self._trouble = ""
        self._due_at = 0.0
        self._judged: queue.SimpleQueue[Judgement] = queue.SimpleQueue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def begin(self, worker: str, task: Task, worktree: Path) -> None:
        """A worker is about to start, or lives already: it has a mailbox, and its manifest is reserved.

        Raises CannotStart where no mailbox can be made.
        """
        with self._lock:
            if worker in self._workers:
                return
            owner = Owner(name=worker, task=task.id, run_id=self._folder.run_id, run_folder=str(self._folder.path))
            try:
                self._post.add(worker, task.id, worktree)
                write_owner(worktree, owner)
                self._reserve(worker, task)
            except OSError as error:
                self._post.remove(worker)
                raise CannotStart(f"no mailbox can be made in {worktree}: {error.strerror or error}") from error
            self._workers[worker] = task
            self._questions.put()
        self._watch.wake()

    def nudge(self, worker: str) -> bool:
        """Ask a worker, once, how far it is; whether it has a mailbox."""
        with self._lock:
            if worker not in self._workers:
                return False
            with self._told_trouble():
                self._tell(worker, Kind.NUDGE, NUDGE, f"nudge {worker}")
                self._carry([MAYOR])
            return True

    def end(self, worker: str) -> Failure | Checkpoint | None:
        """The worker has ended: its last mail is carried, and its mailbox closed. What it said at its end."""
        with self._lock:
            if self._workers.pop(worker, None) is None:
                return None
            with self._told_trouble():
                self._carry([worker])
                self._questions.drop(worker)
            self._post.remove(worker)
            with self._told_trouble():
                self._leases.release(worker)
                return self._word(worker)
        return None

    def terminate(self, worker: str) -> None:
        """Tell a worker that it is about to be ended."""
        with self._lock, self._told_trouble():
            if worker in self._workers:
                self._tell(worker, Kind.TERMINATE, TERMINATE, f"terminate {worker}")
                self._carry([MAYOR])

    def consult(self, ask: Ask | None) -> None:
        """Have this begin to find an answer to what workers ask, besides persons: `answer` takes it. None: no more."""
        with self._lock:
            self._questions.consult(ask)

    def answer(self, question: str, text: str) -> None:
        """Tell a worker what was found for the question of that id, unless somebody has answered it before."""
        with self._lock, self._told_trouble():
            if self._questions.answer(question, text):
                self._carry([MAYOR])

    def judge(self, found: Iterable[Judgement]) -> None:
        """Have it told what became of what workers offered; what was told before is not told again. Does not wait."""
        for one in found:
            self._judged.put(one)
        self._watch.wake()

    def close(self) -> None:
        """Carry no more, but for what was to be told."""
        self._over.set()
        self._watch.wake()
        self._thread.join()
        with self._lock, self._told_trouble():
            self._tell_judgements()

    def _run(self) -> None:
        with self._watch:
            names: set[str] = set()
            while not self._over.is_set():
                with self._lock, self._told_trouble():
                    self._watch_outboxes()
                    self._round(names)
                names = self._watch.wait(self._every)

    def _watch_outboxes(self) -> None:
        """Done by the one thread that waits: a watch is not for several."""
        outboxes = self._post.outboxes
        for name in self._watched.keys() - outboxes.keys():
            self._watch.remove(name)
            del self._watched[name]
        for name, path in outboxes.items():
            if self._watched.get(name) != path:
                self._watched[name] = path
                with suppress(OSError):  # gone already; the rounds tell
                    self._watch.add(name, path)

    def _round(self, names: set[str]) -> None:
        self._carry(names or None)
        self._tell_judgements()
        if not self._told:
            self._told = True
            self._tell_again()
        now = time.monotonic()
        if now >= self._due_at:  # not only where nothing came: there may be mail all the time
            self._due_at = now + self._every
            if self._questions.remind(now):
                self._carry([MAYOR])

    def _carry(self, names: Iterable[str] | None) -> None:
        """Bring the mail of these, all that there is by now, and react to what came for the mayor."""
        for _ in range(_MOST_AT_ONCE):
            carried = self._post.carry(names, now=time.monotonic())
            for message in carried.messages:
                self._react(message)
            for refusal in carried.refused:
                self._say(f"mail of {refusal.sender} was refused: {refusal.reason}")
            for sender, count in carried.flooded.items():
                self._say(f"{sender} sends too much mail: {count} messages were dropped")
            if not carried.more:
                return

    def _react(self, message: Message) -> None:
        reaction = react(message)
        if message.kind is Kind.ERRAND:
            self._run_errand(message)
        worker = self._workers.get(message.sender)
        if reaction.show:
            self._say(reaction.show)
        if worker is not None and reaction.doing:
            self._doing(worker.id, reaction.doing)
        if reaction.open:
            self._post.take(message)
            self._questions.put()
        else:
            self._post.settle(message)

    def _run_errand(self, message: Message) -> None:
        """Write for a worker what its sandbox forbids it to write, and answer it."""
        answer = json.dumps(perform(message, self._folder.mail, now=time.time()))
        to = (self._post.address(message.sender),)
        self._send(message.thread, to, Kind.NOTE, answer, f"errand {message.id}", reply_to=message.id)

    def _tell_again(self) -> None:
        """Show the questions that wait since a mayor before, and forget those of workers that are gone."""
        for message in self._questions.open:
            if message.sender in self._living | self._workers.keys():
                self._react(message)
            else:
                self._post.settle(message)

    def _tell_judgements(self) -> None:
        told = self._judged.empty()
        while not self._judged.empty():
            one = self._judged.get()
            self._send(one.task, one.to, one.kind, one.words, one.key)
        if not told:
            self._carry([MAYOR])

    def _tell(self, worker: str, kind: Kind, words: str, key: str) -> None:
        known = self._workers.get(worker)
        self._send(known.id if known else "", (self._post.address(worker),), kind, words, key)

    def _answer(self, asked: Message, words: str, key: str) -> None:
        to = (self._post.address(asked.sender),)
        self._send(asked.thread, to, Kind.HELP_RESPONSE, words, key, reply_to=asked.id)

    def _send(self, thread: str, to: tuple[str, ...], kind: Kind, words: str, key: str, *, reply_to: str = "") -> None:
        message = Message(
            id="",
            thread=thread,
            sender=MAYOR,
            to=to,
            kind=kind,
            body=Text(words),
            created=time.time(),
            reply_to=reply_to,
        )
        self._post.send(message, key)

    def _word(self, worker: str) -> Failure | Checkpoint | None:
        """The last that it said of its end, to whichever mayor."""
        said = (one.message for one in reversed(self._post.mayor.received(worker)))
        last = next((message.body for message in said if message.kind in COMPLETIONS), None)
        return last if isinstance(last, Failure | Checkpoint) else None

    def _reserve(self, worker: str, task: Task) -> None:
        now = time.time()
        if not task.files or any(one.holder == worker and one.reason == _MANIFEST for one in self._leases.active(now)):
            return
        granted = self._leases.reserve(worker, task.id, task.files, now=now, ttl=_LEASE, reason=_MANIFEST)
        for clash in granted.conflicts:
            self._say(f"{worker} may change {clash.path}, and {clash.lease.holder} has reserved {clash.other_path}")

    def _release_left_over(self) -> None:
        """Give up what workers have reserved that ended while there was no mayor."""
        gone = workers_of(self._folder.mail).keys() - self._living
        for holder in {lease.holder for lease in self._leases.active(time.time())} & gone:
            self._leases.release(holder)

    @contextmanager
    def _told_trouble(self) -> Iterator[None]:
        """Tell of a disk that cannot be written, once as long as it is the same."""
        try:
            yield
            self._trouble = ""
        except OSError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._say(f"mail cannot be carried: {error}")


@contextmanager
def carried_mail(
    folder: RunFolder,
    state: State,
    secrets: Sequence[str],
    say: Callable[[str], object],
    doing: Callable[[str, str], object],
) -> Iterator[Courier | None]:
    """A courier for as long as the context lasts, if the run is a distributed one. It shows no `secrets`."""
    if state.config.backend != TMUX:
        yield None
        return
    courier = Courier(
        folder,
        state.config,
        frozenset(state.tasks),
        _living(state),
        lambda line: say(shown(line, secrets)),
        lambda task, words: doing(task, shown(words, secrets)),
    )
    try:
        courier.judge(judged(state, state.tasks, secrets))
        yield courier
    finally:
        courier.close()


def judged(state: State, tasks: Iterable[str], secrets: Sequence[str]) -> list[Judgement]:
    """What is to be told of these tasks, without `secrets`."""
    return [replace(one, words=shown(one.words, secrets)) for one in judgements(state, tasks)]


def _living(state: State) -> frozenset[str]:
    """The workers that may be at work already when a mayor begins."""
    effects = (effect for effect in outstanding(state) if isinstance(effect, Spawn | Await))
    return frozenset(attempt_key(effect.task, effect.attempt) for effect in effects)
