"""Performs Track, and claims tasks before their first worker: what the run's tracker is told, and what it answers.

Each call is noted in the run's folder before it is made, and its answer before it is handed on. So after a
crash an answer that is there is not asked for again, and a call whose answer is missing is made again, marked
as a second one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import field
from pathlib import Path
from typing import Any

from swarmskill.agents.environment import worker_environment
from swarmskill.answers import Answer, Reply
from swarmskill.backends.base import JobLost
from swarmskill.codec import dump_json, load_json
from swarmskill.config import RunConfig
from swarmskill.core.effects import Track
from swarmskill.core.events import Tracked
from swarmskill.core.state import State
from swarmskill.errors import Refused, SwarmError
from swarmskill.mayor.context import RunContext
from swarmskill.model import Outcome, Task
from swarmskill.places import safe_key
from swarmskill.records import dataclass
from swarmskill.trackers.base import Called, CallLost, Desk, TaskEnding, Tracker
from swarmskill.trackers.registry import find_tracker
from swarmskill.writing import replace_file

_TRIES = 3
"""Calls whose program vanishes before one counts as failed."""


def refuse_missing(config: RunConfig, environment: Mapping[str, str]) -> None:
    """Raise Refused, before anything is begun, if the run's tracker cannot be told anything here."""
    if not config.tracker:
        return
    missing = find_tracker(config.tracker, config.tracker_options).missing(environment)
    if missing is not None:
        raise Refused(missing.problem, hint=missing.hint)


Ask = Callable[[bool, Desk], Answer]


@dataclass(frozen=True, slots=True)
class Teller:
    """Talks to the run's tracker, with one thread at a time."""

    run: RunContext
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refusal_of_claim(self, task: Task) -> str:
        """Claim the task, unless this run did already; why the tracker does not give it, or ""."""
        tracker = self._tracker()
        if tracker is None:
            return ""

        def ask(again: bool, desk: Desk) -> Answer:
            return tracker.claim(task, self.run.folder.run_id, desk, again=again)

        with self._lock:
            answer, _ = self._answered(self._claim(task), task, ask)
            if answer.taken:
                return ""
            self._claim(task).unlink(missing_ok=True)  # it may be free when somebody tries again
        return f"{self.run.config.tracker} does not give it: {answer.detail or answer.reply.value}"

    def tell(self, effect: Track, state: State) -> Tracked:
        """Tell the tracker how the task ended."""
        tracker, task = self._tracker(), state.graph.task(effect.task)
        assert tracker is not None, "only a run with a tracker has anything to track"
        with self._lock:
            claim = self._claim(task)

            def ask(again: bool, desk: Desk) -> Answer:
                ending = TaskEnding(
                    task=task,
                    outcome=effect.outcome,
                    commit=effect.commit,
                    detail=effect.detail,
                    run_id=self.run.folder.run_id,
                    attempt=effect.attempt,
                    again=again,
                    claimed=_read(claim).get("answer") is not None,
                )
                return tracker.tell(ending, desk)

            note = self.run.folder.trackers / f"{safe_key(task.id)}-{effect.call}.json"
            answer, again = self._answered(note, task, ask)
            if effect.outcome is not Outcome.COMPLETED:
                claim.unlink(missing_ok=True)  # whoever tries it again claims it again
        return Tracked(
            at=time.time(), task=effect.task, attempt=effect.attempt, call=effect.call, answer=answer, again=again
        )

    def _tracker(self) -> Tracker | None:
        config = self.run.config
        return find_tracker(config.tracker, config.tracker_options) if config.tracker else None

    def _claim(self, task: Task) -> Path:
        return self.run.folder.trackers / f"{safe_key(task.id)}-claim.json"

    def _answered(self, note: Path, task: Task, ask: Ask) -> tuple[Answer, bool]:
        """The answer, and whether it may have been asked for more than once."""
        known = _read(note)
        before = int(known.get("times", 0))
        if known.get("answer"):
            return _answer(known["answer"]), before > 1
        for times in range(before + 1, before + _TRIES + 1):
            replace_file(note, _document(task, times), durable=True)
            desk = _Desk(self.run, task, note, times)
            answer = _asked(ask, times > 1, desk)
            if answer is not None:
                replace_file(note, _document(task, times, answer), durable=True)
                return answer, times > 1
        return Answer(Reply.FAILED, f"its program vanished {_TRIES} times, and nobody knows what it did"), True


def _asked(ask: Ask, again: bool, lent: _Desk) -> Answer | None:
    """The answer to one call; None if its program vanished, so that nobody knows it."""
    desk = Desk(run=lent.call, top=lent.run.repository.top, environment=lent.environment())
    try:
        answer = ask(again, desk)
    except (SwarmError, CancelledError):
        raise
    except CallLost:
        return None
    except Exception as error:  # it may come from another package, and the run is not its to end
        answer = Answer(Reply.FAILED, f"the tracker broke: {error!r}")
    if lent.abandoned:
        raise CancelledError("this mayor is closing: the next one asks again")
    return None if lent.lost else answer


@dataclass(slots=True)
class _Desk:
    """Runs a tracker's programs for one call; knows afterwards whether each of them ended."""

    run: RunContext
    task: Task
    note: Path
    times: int
    lost: bool = False
    abandoned: bool = False
    _calls: int = 0

    def environment(self) -> dict[str, str]:
        """All of the mayor's, as the tracker is the user's own; no variable that points git elsewhere."""
        extra = {"SWARM_RUN_ID": self.run.folder.run_id, "SWARM_TASK_ID": self.task.id}
        return worker_environment(self.run.environment, allow=None, extra=extra)

    def call(self, argv: Sequence[str], *, timeout: float) -> Called:
        """See CallProgram."""
        self._calls += 1
        log = self.note.with_name(f"{self.note.stem}.{self.times}-{self._calls}.log")
        top, commands = self.run.repository.top, self.run.commands
        try:
            ran = commands.run_once(argv, self.environment(), cwd=top, timeout=timeout, log=log)
        except JobLost as error:
            self.lost = True
            raise CallLost(str(error)) from error
        except BaseException:
            self.abandoned = True
            raise
        return _Called(ran.exit_code, ran.output, ran.timed_out, ran.cannot_start, str(log))


@dataclass(frozen=True, slots=True)
class _Called:
    exit_code: int
    output: str
    timed_out: bool
    cannot_start: str
    log: str


def _document(task: Task, times: int, answer: Answer | None = None) -> bytes:
    said = None
    if answer is not None:
        said = {"reply": answer.reply.value, "detail": answer.detail, "exit_code": answer.exit_code, "log": answer.log}
    return dump_json({"task": task.id, "times": times, "answer": said}).encode()


def _answer(said: dict[str, Any]) -> Answer:
    return Answer(Reply(said["reply"]), said["detail"], said["exit_code"], said["log"])


def _read(note: Path) -> dict[str, Any]:
    try:
        found = load_json(note.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
