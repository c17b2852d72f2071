"""Agents, gates, conversations and money a second time: replayed from the events alone, slow and plain."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.config import RunConfig
from swarmskill.core.state import State
from swarmskill.model import Claim, Ending, Outcome, Phase, Problem, Task, Trouble, Usage

PASSING = (Trouble.RATE_LIMIT, Trouble.OVERLOADED, Trouble.NETWORK)
PAUSED = "paused"
AFRESH = ("exit", "spawn", "lost", "conflict", "isolation", "cross_cutting", "worktree") + (
    "crashed",
    "refused",
    "budget",
)
"""After these the next attempt has nothing of the last one; after all others it goes on where that was."""

NOWHERE = ("", "", "")


def own_agent(task: Task) -> str:
    """The agent that the task itself asks for."""
    return task.agent or ("command" if task.run else "")


def limit_of(config: RunConfig, agent: str) -> int:
    """How many workers the agent may have."""
    limits = [config.max_workers]
    for share in config.pool:
        if share.agent == agent and share.workers:
            limits.append(share.workers)
    if agent in config.agents and config.agents[agent].max_workers:
        limits.append(config.agents[agent].max_workers or 0)
    return min(limits)


def limits_after(event: ev.LimitsChanged, config: RunConfig) -> tuple[float | None, int | None, int]:
    """Money, tokens and workers that a run of that configuration may have after the event."""
    cost = None if "max_cost" in event.lifted else event.max_cost or config.max_cost
    tokens = None if "max_tokens" in event.lifted else event.max_tokens or config.max_tokens
    return cost, tokens, event.max_workers or config.max_workers


def is_short(usage: Usage, max_cost: float | None, max_tokens: int | None) -> bool:
    """Whether one of the limits is reached."""
    cost = max_cost is not None and (usage.cost_usd or 0) >= max_cost
    return cost or (max_tokens is not None and usage.tokens >= max_tokens)


def problem_of(event: ev.WorkerExited) -> Problem | None:
    """What kept the agent from its work, if the work is not done and it does not only say that we ended it."""
    end, problem = event.end, event.end.report.problem
    if problem is None or (end.result is not None and end.result.status is Claim.DONE):
        return None
    if end.ending is Ending.KILLED:
        return problem if problem.kind in (*PASSING, Trouble.AUTH) else None
    return None if end.ending is not Ending.EXITED and problem.kind is Trouble.CRASHED else problem


@dataclass
class Gate:
    """One agent's gate; `door` is resting, probing or shut."""

    door: str
    strikes: int = 0
    probe: str = ""


@dataclass
class Account:
    """One task."""

    agent: str = ""
    used: Usage = Usage()
    settled: Usage = Usage()
    session: str = ""
    session_used: Usage = Usage()
    worktree: str = ""
    base: str = ""
    place: tuple[str, str] = ("", "")
    allowance: float | None = None
    overdrawn: bool = False
    at_work: bool = False

    @property
    def usage(self) -> Usage:
        return self.settled + self.used


@dataclass
class Accounts:
    """All of a run's."""

    config: RunConfig = RunConfig()
    tasks: dict[str, Task] = field(default_factory=dict)
    of: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    gates: dict[str, Gate] = field(default_factory=dict)
    broken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    max_cost: float | None = None
    max_tokens: int | None = None
    reason: str | None = None

    def start(self, event: ev.RunStarted) -> None:
        """The run begins."""
        self.config, self.max_cost, self.max_tokens = event.config, event.config.max_cost, event.config.max_tokens
        for task in event.tasks:
            only = event.config.pool[0].agent if len(event.config.pool) == 1 else ""
            self.tasks[task.id] = task
            self.of[task.id].agent = own_agent(task) or only

    def total(self) -> Usage:
        """All that was used."""
        return sum((account.usage for account in self.of.values()), Usage())

    def is_spent(self) -> bool:
        """Whether the run's budget is used up."""
        return is_short(self.total(), self.max_cost, self.max_tokens)

    def is_overdrawn(self, task: str) -> bool:
        """Whether the task used what it may."""
        return is_short(self.of[task].usage, self.tasks[task].max_cost, self.tasks[task].max_tokens)

    def is_news(self, event: ev.WorkerReported) -> bool:
        """Whether the report tells more than those before it."""
        account = self.of[event.task]
        old, new = account.used, event.usage
        if (old.tokens, old.cost_usd) == (new.tokens, new.cost_usd):
            return event.session not in ("", account.session)
        return (new.tokens, new.cost_usd or 0) > (old.tokens, old.cost_usd or 0)

    def left(self, task: str) -> float | None:
        """What an attempt that starts now may spend."""
        of_run = None if self.max_cost is None else max(0.0, self.max_cost - (self.total().cost_usd or 0))
        of_task = self.left_of_task(task)
        return of_run if of_task is None else of_task if of_run is None else min(of_run, of_task)

    def left_of_task(self, task: str) -> float | None:
        """What of its own money the task has left for the next attempt."""
        limit = self.tasks[task].max_cost
        return None if limit is None else max(0.0, limit - (self.of[task].settled.cost_usd or 0))

    def ended(self, event: ev.AttemptEvent) -> tuple[Outcome | None, str | None]:
        """The outcome that the event has for sure, or the kind of failure (or a pause) that it is; both None else.

        To be asked before `take`, which settles what was used.
        """
        if isinstance(event, ev.WorkerExited):
            return self._exited(event)
        if isinstance(event, ev.SpawnFailed):
            return (Outcome.FAILED, None) if event.permanent else (None, "spawn")
        if isinstance(event, ev.Integrated):
            return Outcome.COMPLETED, None
        if isinstance(event, ev.Validated | ev.IntegrationRejected):
            return None, str(event.verdict.failed.kind) if event.verdict.failed else None
        return None, {ev.WorkerLost: "lost", ev.IntegrationConflicted: "conflict"}.get(type(event))

    def _exited(self, event: ev.WorkerExited) -> tuple[Outcome | None, str | None]:
        end, account, problem = event.end, self.of[event.task], problem_of(event)
        claim = end.result.status if end.result else None
        if problem is not None:
            if problem.kind in (*PASSING, Trouble.AUTH):
                return None, PAUSED
            if problem.kind is Trouble.BUDGET and account.allowance is not None:
                own = account.allowance == self.left_of_task(event.task)
                return (Outcome.FAILED, None) if own else (None, PAUSED)
            return None, str(problem.kind)
        if end.ending is Ending.TIMED_OUT:
            return None, "timeout"
        if end.ending is Ending.STALLED and claim is not Claim.DONE:
            return None, "stalled"
        if end.ending is Ending.EXITED and end.exit_code and end.report.problem is None:
            return None, "exit"
        if end.ending is Ending.KILLED and not (account.overdrawn and claim is Claim.DONE):
            return None, PAUSED
        return (Outcome.BLOCKED if claim is Claim.BLOCKED else None), None

    def take(self, event: ev.Event) -> None:
        """An event that changed something."""
        if isinstance(event, ev.LimitsChanged):
            config = replace(self.config, max_cost=self.max_cost, max_tokens=self.max_tokens)
            self.max_cost, self.max_tokens, workers = limits_after(event, config)
            self.config = replace(self.config, max_workers=workers)
        if isinstance(event, ev.RunResumed):
            for agent, gate in list(self.gates.items()):
                if gate.door == "degraded":
                    self.broken.pop(agent)
                if gate.door in ("shut", "degraded"):
                    del self.gates[agent]
        if isinstance(event, ev.GateRested):
            assert self.gates[event.agent].door == "resting"
            self.gates[event.agent].door = "probing"
        if isinstance(event, ev.AttemptEvent):
            self._take_attempt(event, self.of[event.task])

    def _take_attempt(self, event: ev.AttemptEvent, account: Account) -> None:
        if isinstance(event, ev.WorkerStarted):
            account.worktree, account.base, account.at_work = event.worktree, event.base, True
        if isinstance(event, ev.WorkerReported):
            account.used, account.session = event.usage, event.session or account.session
            account.overdrawn = account.overdrawn or self.is_overdrawn(event.task)
            if event.usage.tokens:
                self._open(event.task)
        if isinstance(event, ev.WorkerExited):
            report = event.end.report
            used = report.usage if report.usage != Usage() else account.used
            account.settled += used
            account.used, account.session = Usage(), report.session or account.session
            account.session_used += used
            self._take_end(event, problem_of(event))
        if isinstance(event, ev.WorkerLost):
            account.settled += account.used
            account.used = Usage()
        if isinstance(event, ev.WorkerLost | ev.SpawnFailed | ev.SpawnWithdrawn):
            self._leave(event.task)
        if isinstance(event, ev.RetryRequested):
            account.agent = own_agent(self.tasks[event.task])

    def _take_end(self, event: ev.WorkerExited, problem: Problem | None) -> None:
        agent = self.of[event.task].agent
        gate = self.gates.get(agent)
        if problem is not None and problem.kind is Trouble.AUTH:
            self.gates[agent] = Gate("shut")
        elif problem is not None and problem.kind in PASSING:
            if gate is None or gate.door == "probing":
                strikes = gate.strikes + 1 if gate else 1
                self.gates[agent] = Gate("resting" if strikes <= 12 else "shut", strikes)
        elif event.end.ending is Ending.KILLED and problem is None:
            self._leave(event.task)
        else:
            self._open(event.task)
        kind = self._exited(event)[1]
        if kind in ("crashed", "stalled"):
            times = self.broken[agent]
            times.append(event.at)
            half_an_hour = [at for at in times if at >= event.at - 1800]
            if len(half_an_hour) > 5 and (
                agent not in self.gates or self.gates[agent].door not in ("shut", "degraded")
            ):
                self.gates[agent] = Gate("degraded")

    def leave_degraded(self, after: State, started: set[str]) -> None:
        """Tasks that anybody else may do are taken from an agent that is left."""
        for agent, gate in self.gates.items():
            if gate.door != "degraded" or {share.agent for share in self.config.pool} == {agent}:
                continue
            for task_id, account in self.of.items():
                idle = after.tasks[task_id].phase in (Phase.WAITING, Phase.READY) or task_id in started
                if account.agent == agent and idle and not own_agent(self.tasks[task_id]):
                    account.agent, account.place, account.session, account.session_used = "", ("", ""), "", Usage()

    def _open(self, task: str) -> None:
        self.gates = {agent: gate for agent, gate in self.gates.items() if gate.probe != task}

    def _leave(self, task: str) -> None:
        for gate in self.gates.values():
            if gate.probe == task:
                gate.probe = ""

    def try_again(self, task: str, kind: str) -> None:
        """The task gets another attempt after that kind of failure, or after a pause."""
        account = self.of[task]
        fresh = self.config.fresh and kind not in (PAUSED, "context_full")
        known = account.session or account.place[0]
        if account.at_work and known and not fresh and kind not in AFRESH:
            account.place = (account.worktree, account.base)
        else:
            account.place = ("", "")
        if not account.place[0] or kind == "context_full":
            account.session, account.session_used = "", Usage()
        self.reset(task)

    def reset(self, task: str) -> None:
        """The attempt is over."""
        account = self.of[task]
        account.at_work, account.overdrawn = False, False

    def forget(self, task: str) -> None:
        """The task is retried as if for the first time."""
        account = self.of[task]
        account.place, account.session, account.session_used = ("", ""), "", Usage()
        self.reset(task)

    def spawn(self, effect: ef.Spawn) -> None:
        """An attempt begins: check all that the worker is given."""
        account = self.of[effect.task]
        assert account.agent in ("", effect.agent), f"{effect.task} went from {account.agent} to {effect.agent}"
        assert (effect.worktree, effect.base) == account.place, f"{effect.task} begins in {effect.worktree}"
        assert effect.session == account.session, f"{effect.task} goes on with {effect.session}"
        assert effect.max_cost == self.left(effect.task), f"{effect.task} may spend {effect.max_cost}"
        account.agent, account.allowance = effect.agent, effect.max_cost
        gate = self.gates.get(effect.agent)
        if gate is not None:
            assert gate.door == "probing" and not gate.probe, f"{effect.agent}'s gate is not open"
            gate.probe = effect.task

    def room(self, agent: str, busy: int) -> int:
        """How many more workers the agent may get."""
        gate = self.gates.get(agent)
        if gate is not None and (gate.door != "probing" or gate.probe):
            return 0
        return min(limit_of(self.config, agent) - busy, 1 if gate else 99)
