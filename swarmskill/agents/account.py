"""What one worker's output adds up to: its last action while it works, its report when it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from swarmskill.agents.base import (
    AgentEvent,
    Began,
    Failed,
    Finished,
    Reader,
    Retrying,
    Said,
    Spent,
    UsedTool,
    Waits,
    WasDenied,
)
from swarmskill.agents.prices import cost_of
from swarmskill.agents.text import SAID_LENGTH, one_line
from swarmskill.config import Price
from swarmskill.model import NOTHING_USED, AgentReport, Ending, Problem, Trouble, Usage

_MOST_DENIED = 20
_SILENT = Problem(Trouble.NETWORK, "the model's service does not answer")


class Account:
    """Folds the events of one worker.

    `prices` are the user's, by model. `model` is the one that was asked for, until the agent tells its own.
    """

    def __init__(self, reader: Reader, prices: Mapping[str, Price], model: str = "") -> None:
        self.last_action = ""
        self._session = ""
        self._answered = False
        self._reader = reader
        self._prices = prices
        self._model = model
        self._spent = NOTHING_USED
        self._said = ""
        self._failure: Problem | None = None
        self._retrying: Problem | None = None
        self._waits = False
        self._denied: dict[str, None] = {}

    def read(self, lines: Iterable[str]) -> None:
        """Take more lines of the worker's output."""
        for line in lines:
            for event in self._reader.read(line):
                self._see(event)

    @property
    def session(self) -> str:
        """The conversation to go on with; "" until the model has answered: before, it may not even hold the prompt."""
        return self._session if self._answered else ""

    @property
    def model(self) -> str:
        """The model that the agent told, or else was asked for; "" if neither."""
        return self._model

    @property
    def usage(self) -> Usage:
        """What the attempt has used so far, priced by us where the agent gives no cost."""
        spent = self._spent
        if spent.cost_usd is not None or not spent.tokens:
            return spent
        cost = cost_of(spent, self._model, self._prices)
        return spent if cost is None else replace(spent, cost_usd=cost, estimated=True)

    def close(self, ending: Ending, exit_code: int) -> AgentReport:
        """The worker has ended; call it once. Why it fell silent is told by what it was retrying."""
        for event in self._reader.close(exit_code):
            self._see(event)
        return AgentReport(
            session=self.session,
            model=self._model,
            usage=self.usage,
            said=self._said,
            problem=self._problem(ending),
            denied=tuple(self._denied)[:_MOST_DENIED],
        )

    def _problem(self, ending: Ending) -> Problem | None:
        problem = self._failure
        if ending is not Ending.EXITED and problem is not None and problem.kind is Trouble.CRASHED:
            problem = None  # we ended it: no wonder that it broke off
        if problem is None and ending in (Ending.STALLED, Ending.TIMED_OUT):
            problem = self._retrying
        if problem is None and ending is Ending.STALLED and self._waits:
            problem = _SILENT
        return problem

    def _see(self, event: AgentEvent) -> None:
        spent = isinstance(event, Spent) and event.usage.tokens > 0
        self._answered = self._answered or spent or isinstance(event, Said | UsedTool | Finished)
        self._waits = self._waits and isinstance(event, Began | Spent | WasDenied | Failed)
        match event:
            case Waits(for_model):
                self._waits = for_model
            case Began(session, model):
                self._session, self._model = session or self._session, model or self._model
            case Said(text):
                self._said, self._retrying = one_line(text.replace("\n", " "), SAID_LENGTH), None
                self.last_action = one_line(text.strip().partition("\n")[0]) or self.last_action
            case UsedTool(action):
                self.last_action, self._retrying = action, None
            case Spent(usage, model):
                self._spent, self._model = usage, model or self._model
            case WasDenied(what):
                self._denied[one_line(what)] = None
                self.last_action = one_line(f"denied: {what}")
            case Retrying(problem):
                self._retrying = problem
                self.last_action = one_line(f"retrying: {problem.detail or problem.kind}")
            case Failed(problem):
                self._failure = problem
                self.last_action = one_line(f"failed: {problem.detail or problem.kind}")
            case Finished(text):
                self._failure = self._retrying = None
                self._said = one_line(text.replace("\n", " "), SAID_LENGTH) or self._said
