"""Reads what the agents print while they work: for the live view, for the budgets, and for the report at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from swarmskill.agents.account import Account
from swarmskill.agents.registry import find_agent
from swarmskill.agents.text import one_line
from swarmskill.config import Price
from swarmskill.core.events import WorkerReported
from swarmskill.core.graph import bits
from swarmskill.core.state import State
from swarmskill.model import NOTHING_USED, AgentReport, Ending, Usage
from swarmskill.places import RunFolder, attempt_key
from swarmskill.records import dataclass
from swarmskill.views.base import Progress

_LOOK = 0.5
"""Seconds between two looks at the logs."""

_REPORT = 5.0
"""Seconds between two reports of what one worker used: each is a line of the ledger."""

_BLOCK = 1 << 20


class LogTail:
    """New whole lines of a worker's log. When its middle is cut out it goes on from the new end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._begun = b""

    def read(self, *, rest: bool = False) -> list[str]:
        """The lines that came since the last call; with `rest` also the one that has no end."""
        lines: list[bytes] = []
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset, self._begun = file.tell(), b""
                file.seek(self._offset)
                while block := file.read(_BLOCK):
                    *whole, self._begun = (self._begun + block).split(b"\n")
                    lines += whole
                self._offset = file.tell()
        except OSError:
            pass  # the worker has printed nothing yet
        if rest and self._begun:
            lines.append(self._begun)
            self._begun = b""
        return [line.decode("utf-8", "replace") for line in lines]


@dataclass(slots=True)
class _Open:
    """The account of one worker that lives, and what the mayor was told of it."""

    task: str
    attempt: int
    tail: LogTail
    account: Account
    session: str = ""
    usage: Usage = NOTHING_USED
    told_at: float = field(default=float("-inf"))

    def read(self, *, rest: bool = False) -> None:
        self.account.read(self.tail.read(rest=rest))

    def news(self, now: float) -> WorkerReported | None:
        """What the mayor is to be told now: the first tokens at once, more of them now and then."""
        account, usage = self.account, self.account.usage
        if (account.session, usage) == (self.session, self.usage):
            return None
        first = account.session != self.session or not self.usage.tokens
        if not first and now - self.told_at < _REPORT:
            return None
        self.session, self.usage, self.told_at = account.session, usage, now
        return WorkerReported(
            at=time.time(), task=self.task, attempt=self.attempt, session=account.session, usage=usage
        )


class Accounts:
    """The accounts of all workers that live. Any thread may use it."""

    def __init__(self, folder: RunFolder, prices: Mapping[str, Price]) -> None:
        self._folder = folder
        self._prices = prices
        self._open: dict[str, _Open] = {}
        self._lock = threading.Lock()

    def begin(self, task: str, attempt: int, agent: str, earlier: Usage, model: str) -> None:
        """A worker lives; `earlier` is what its session had used before this attempt, `model` what it was given."""
        key = attempt_key(task, attempt)
        account = Account(find_agent(agent).reader(earlier), self._prices, model)
        with self._lock:
            self._open[key] = _Open(task, attempt, LogTail(self._folder.log(key)), account)

    def end(self, task: str, attempt: int, ending: Ending, exit_code: int) -> AgentReport:
        """The worker has ended: all that its output tells."""
        with self._lock:
            closed = self._open.pop(attempt_key(task, attempt))
        closed.read(rest=True)
        return closed.account.close(ending, exit_code)

    def drop(self, task: str, attempt: int) -> None:
        """The worker is lost."""
        with self._lock:
            self._open.pop(attempt_key(task, attempt), None)

    def read(self) -> list[WorkerReported]:
        """Read what was printed since the last time, and return what the mayor is to be told."""
        now = time.monotonic()
        with self._lock:
            for one in self._open.values():
                one.read()
            return [report for one in self._open.values() if (report := one.news(now))]

    def note(self, task: str, action: str) -> None:
        """What the task's worker said of itself goes for what it does, until its output tells more."""
        with self._lock:
            for one in self._open.values():
                if one.task == task:
                    one.account.last_action = one_line(action)

    def model(self, task: str) -> str:
        """The model that the task's worker told; "" if it told none, or has ended."""
        with self._lock:
            return next((one.account.model for one in self._open.values() if one.task == task), "")

    def progress(self) -> dict[str, Progress]:
        """What each worker is doing, by task id."""
        with self._lock:
            return {one.task: Progress(last_action=one.account.last_action) for one in self._open.values()}

    def follow(self, state: State) -> None:
        """For one who only looks on: have the workers that `state` knows of, and read what they printed."""
        busy = [state.graph.tasks[rank].id for rank in bits(state.busy)]
        live = {(task, state.tasks[task].attempt) for task in busy}
        known = {(one.task, one.attempt) for one in self._open.values()}
        for task, attempt in known - live:
            self.drop(task, attempt)
        for task, attempt in live - known:
            now = state.tasks[task]
            self.begin(task, attempt, now.agent, now.session_used, model_for(state, task))
        self.read()


def model_for(state: State, task_id: str) -> str:
    """The model that the task's worker is given, "" for its agent's own choice."""
    options = state.config.agents.get(state.tasks[task_id].agent)
    return state.graph.task(task_id).model or (options.model if options else "") or state.config.model


class Reporter:
    """Tells the mayor, from a thread of its own, what the accounts show while workers live."""

    def __init__(self, accounts: Accounts, receive: Callable[[WorkerReported], object]) -> None:
        self._accounts = accounts
        self._receive = receive
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="accounts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell no more."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK):
            for report in self._accounts.read():
                self._receive(report)
