"""What should happen, said a second time: slow, plain, and without the code under test."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from statistics import median

from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.core.state import Door, Gate, Stage, State, Stop
from swarmskill.config import Land, OnExhaust, Schedule
from swarmskill.model import OnFailure, Outcome, Phase, Task, Trouble, Usage
from swarmskill.answers import Reply
from tests.machine.accounts import PAUSED, Accounts, problem_of
from tests.machine.runs import overlapping

ACTIVE = (Phase.ASSIGNED, Phase.RUNNING, Phase.VALIDATING, Phase.INTEGRATING)
BUSY = (Phase.ASSIGNED, Phase.RUNNING)

CAPS = {"tests": 3, "command": 3, "timeout": 1, "conflict": 1, "lost": 5, "turns": 1, "refused": 1}
CAPS |= {"isolation": 0, "budget": 0}
NEVER = ("isolation", "budget")
BLAMELESS = ("conflict", "lost")
OUTCOMES = {
    "exit": Outcome.FAILED,
    "spawn": Outcome.FAILED,
    "timeout": Outcome.TIMED_OUT,
    "lost": Outcome.LOST,
    "conflict": Outcome.CONFLICTED,
    "stalled": Outcome.TIMED_OUT,
    **dict.fromkeys(("context_full", "budget", "turns", "refused", "denied", "crashed"), Outcome.FAILED),
}

MOVES = {
    Phase.WAITING: {Phase.READY},
    Phase.READY: set(),
    Phase.ASSIGNED: {Phase.RUNNING, Phase.READY},
    Phase.RUNNING: {Phase.VALIDATING, Phase.READY},
    Phase.VALIDATING: {Phase.INTEGRATING, Phase.READY},
    Phase.INTEGRATING: {Phase.READY},
    Phase.ENDED: {Phase.READY, Phase.WAITING},
}
"""Where a task may go. From ready it may at once be assigned, and from anywhere but the end it may end."""


class Oracle:
    """Watches a run and raises AssertionError where it does what it should not."""

    def __init__(self) -> None:
        self.failures: dict[str, Counter[str]] = defaultdict(Counter)
        self.spawned: Counter[str] = Counter()
        self.integrated: Counter[str] = Counter()
        self.last_failure: dict[str, str] = {}
        self.accounts = Accounts()
        self.calls: Counter[str] = Counter()
        self.untold: dict[str, int] = {}

    def observe(self, before: State, event: ev.Event, after: State, effects: tuple[ef.Effect, ...]) -> None:
        """Check one step."""
        if isinstance(event, ev.RunStarted):
            if before.run_id == "":
                _check_start(event, after)
                self.accounts.start(event)
        else:
            _check_moves(before, event, after)
            _check_wave(before, after)
        if isinstance(event, ev.Integrated):
            assert after.head == (before.head if after is before else event.commit), "the head is not the last commit"
        if isinstance(event, ev.WorkerReported) and _is_at_work(before, event):
            assert (after is not before) == self.accounts.is_news(event), f"news or not: {event}"
        capped = False
        if after is not before:
            capped = self._check_failure(before, event, after)
            self._check_retry(event, before, after)
            self._check_tracks(event, before, after, effects)
            self.integrated.update(event.task for _ in [0] if isinstance(event, ev.Integrated))
        spawns = [effect for effect in effects if isinstance(effect, ef.Spawn)]
        self.accounts.leave_degraded(after, {effect.task for effect in spawns})
        self._check_spawns(after, spawns)
        if after is not before:
            self._check_accounts(event, after, effects)
        _check_landing(after, effects)
        self._check_stop(event, before, after, capped=capped)

    def _check_failure(self, before: State, event: ev.Event, after: State) -> bool:
        """Also takes the event into the accounts. Tells whether an agent reached the cap that the run gave it."""
        if isinstance(event, ev.RetryRequested) and before.tasks[event.task].outcome is Outcome.COMPLETED:
            return False  # only the tracker is asked again
        if not isinstance(event, ev.AttemptEvent) or isinstance(event, ev.RetryRequested):
            self.accounts.take(event)
            return False
        accounts = self.accounts
        if isinstance(event, ev.WorkerStalled):
            assert after.tasks[event.task].stalled_since == event.since > before.tasks[event.task].last_stall
        if isinstance(event, ev.WorkerStirred):
            assert after.tasks[event.task].stalled_since == 0.0 != before.tasks[event.task].stalled_since
        if isinstance(event, ev.SpawnQueued):
            assert after.tasks[event.task].queued == event.reason
        final, kind = accounts.ended(event)
        accounts.take(event)
        task, now = after.graph.task(event.task), after.tasks[event.task]
        if isinstance(event, ev.IntegrationRejected):
            accounts.of[event.task].at_work = False  # the next one needs a new base
        if final is not None:
            assert now.outcome is final, f"{event} ended as {now.outcome}"
            accounts.reset(event.task)
            return False
        if kind is None:
            return False
        short = accounts.is_overdrawn(event.task)
        if kind == PAUSED:
            if short:
                assert now.outcome is Outcome.FAILED and "budget" in now.detail, f"it may go on: {now}"
                accounts.reset(event.task)
            else:
                assert now.outcome in (None, Outcome.CANCELLED), f"a pause ended the task: {now}"
                accounts.try_again(event.task, kind)
            problem = problem_of(event) if isinstance(event, ev.WorkerExited) else None
            return problem is not None and problem.kind is Trouble.BUDGET
        counts = self.failures[event.task]
        cap = task.max_retries if task.max_retries is not None else after.config.max_retries
        if cap is None or kind in (*BLAMELESS, *NEVER):
            again = counts[kind] < CAPS.get(kind, 2)
        else:
            again = sum(count for other, count in counts.items() if other not in BLAMELESS) < cap
        self.last_failure[event.task] = kind
        if again and not short:
            counts[kind] += 1
            self._check_delay(event, after, sum(counts.values()))
            assert now.outcome in (None, Outcome.CANCELLED), f"{kind} after {counts} ended the task"
            assert now.outcome is None or after.failing
            accounts.try_again(event.task, kind)
            return False
        wanted = Outcome.FAILED if again else OUTCOMES.get(kind, Outcome.REJECTED)
        assert now.outcome is wanted, f"{kind} after {counts}: {now}"
        accounts.reset(event.task)
        if (task.on_failure or after.config.on_failure) is OnFailure.FAIL_FAST:
            assert after.failing
        return False

    def _check_delay(self, event: ev.AttemptEvent, after: State, failures: int) -> None:
        """The next try is as far off as the failures before it want; who was cancelled has none."""
        task, now = after.graph.task(event.task), after.tasks[event.task]
        first = after.config.retry_delay if task.retry_delay is None else task.retry_delay
        wanted = (
            0.0 if now.outcome or not first or after.failing else event.at + min(300.0, first * 2 ** (failures - 1))
        )
        assert now.delayed_until == wanted, f"{failures} failures, and waits until {now.delayed_until}"

    def _check_accounts(self, event: ev.Event, after: State, effects: tuple[ef.Effect, ...]) -> None:
        """Gates, sums and bindings are what the events say."""
        accounts = self.accounts
        gates = {agent: (str(gate.door), gate.strikes, gate.probe) for agent, gate in after.gates.items()}
        assert gates == {agent: (gate.door, gate.strikes, gate.probe) for agent, gate in accounts.gates.items()}
        assert after.settled + Usage() == sum((account.settled for account in accounts.of.values()), Usage())
        for task_id, now in after.tasks.items():
            account = accounts.of[task_id]
            assert (now.agent, now.settled) == (account.agent, account.settled), f"{task_id}: {now}"
            if now.phase is Phase.RUNNING:
                assert (now.used, now.overdrawn) == (account.used, account.overdrawn), f"{task_id}: {now}"
            if now.phase in (Phase.READY, Phase.ASSIGNED):
                assert (now.session, now.session_used) == (account.session, account.session_used), f"{task_id}: {now}"
        for effect in effects:
            if isinstance(effect, ef.Rest):
                assert isinstance(event, ev.WorkerExited | ev.RunResumed)
                assert accounts.gates[effect.agent].strikes == effect.strikes
            if isinstance(effect, ef.Rest) and isinstance(event, ev.WorkerExited):
                problem = event.end.report.problem
                asked = (problem.retry_after if problem else None) or 0.0
                longest = min(2.0**effect.strikes, 300.0)
                assert max(asked, 0.75 * longest) <= effect.until - event.at <= max(asked + 1, longest)

    def _check_retry(self, event: ev.Event, before: State, after: State) -> None:
        if isinstance(event, ev.RetryRequested):
            assert not after.failing
            assert all(task.outcome is not Outcome.CANCELLED for task in after.tasks.values())
            if before.tasks[event.task].outcome is Outcome.COMPLETED:
                assert after.tasks[event.task].outcome is Outcome.COMPLETED
                return
            self.failures[event.task].clear()
            self.accounts.forget(event.task)
            assert after.tasks[event.task].outcome is None, "the retried task is not open"

    def _check_tracks(self, event: ev.Event, before: State, after: State, effects: tuple[ef.Effect, ...]) -> None:
        """The tracker hears of each end of an attempt, and once more of what it did not take, if somebody asks."""
        if isinstance(event, ev.Tracked):
            assert self.untold.pop(event.task) == event.call
            refused = event.answer.reply in (Reply.REFUSED, Reply.ESCALATED, Reply.FAILED)
            completed = after.tasks[event.task].outcome is Outcome.COMPLETED
            assert (after.tasks[event.task].standing is Outcome.COMPLETED) == (completed and not refused)
            policy = after.graph.task(event.task).on_failure or after.config.on_failure
            fails = completed and refused and policy is OnFailure.FAIL_FAST
            assert after.failing == (before.failing or fails)
        wanted = set()
        if after.config.tracker and before.run_id:
            silent = (None, Outcome.SKIPPED, Outcome.CANCELLED)
            now = {task_id for task_id, task in after.tasks.items() if task.outcome not in silent}
            wanted = {task_id for task_id in now if before.tasks[task_id].outcome is None}
            if isinstance(event, ev.RetryRequested) and event.task in now:
                wanted.add(event.task)
        self.calls.update(wanted)
        tracks = {effect.task: effect for effect in effects if isinstance(effect, ef.Track)}
        assert set(tracks) == wanted, f"the tracker is told of {set(tracks)}, not of {wanted}"
        for task_id, track in tracks.items():
            task = after.tasks[task_id]
            assert (track.outcome, track.commit, track.detail) == (task.outcome, task.commit, task.detail)
            assert track.call == self.calls[task_id], "calls do not count from 1"
            self.untold[task_id] = track.call

    def _check_spawns(self, after: State, spawns: list[ef.Spawn]) -> None:
        started = [(effect.task, effect.agent) for effect in spawns]
        wanted = self._to_start(after, {effect.task for effect in spawns})
        assert started == wanted, f"started {started}, not {wanted}"
        for effect in spawns:
            self.accounts.spawn(effect)
            self.spawned[effect.task] += 1
            assert effect.attempt == self.spawned[effect.task], "attempts do not count from 1"
            told = effect.feedback.kind if effect.feedback else None
            assert told == self.last_failure.get(effect.task), f"the worker is told of {told}"

    def _to_start(self, after: State, spawned: set[str]) -> list[tuple[str, str]]:
        """What was to be started in the step that led to `after`, best first: greedy over a sorted list."""
        if after.stage is not Stage.RUNNING or after.stop is not Stop.NONE or after.failing or not after.run_id:
            return []
        if any(now.queued for now in after.tasks.values()):
            return []
        tasks, accounts = after.graph.tasks, self.accounts
        weight = weights(tasks)
        ready = [task for task in tasks if after.tasks[task.id].phase is Phase.READY or task.id in spawned]
        ready = [task for task in ready if not after.tasks[task.id].delayed_until]
        ready = [task for task in ready if task.id not in self.untold]
        if after.config.schedule is Schedule.WAVE:
            ready = [task for task in ready if after.wave >> after.graph.rank[task.id] & 1]
        old = [task for task in tasks if task.id not in spawned]
        taken = [task for task in old if after.tasks[task.id].phase in ACTIVE]
        busy = Counter(after.tasks[task.id].agent for task in old if after.tasks[task.id].phase in BUSY)
        free = after.config.max_workers - busy.total()
        room = Counter()
        for agent in {
            *(share.agent for share in after.config.pool),
            *(account.agent for account in accounts.of.values()),
        }:
            room[agent] = min(accounts.room(agent, busy[agent]), free) if agent else 0
        start: list[tuple[str, str]] = []
        for task in sorted(ready, key=lambda task: (task.priority, -weight[task.id], int(task.id))):
            pool = [share.agent for share in after.config.pool]
            roomiest = sorted(pool, key=lambda agent: (-room[agent], pool.index(agent)))[0]
            agent = accounts.of[task.id].agent or roomiest
            if len(start) < free and room[agent] > 0 and not any(overlapping(task, other) for other in taken):
                start.append((task.id, agent))
                room[agent] -= 1
                taken.append(task)
        return start

    def _check_stop(self, event: ev.Event, before: State, after: State, *, capped: bool) -> None:
        meant = after is not before
        stop, exhausted = before.stop, before.exhausted
        if isinstance(event, ev.StopRequested):
            strength = (Stop.NONE, Stop.GRACEFUL, Stop.NOW, Stop.FORCE)
            wanted = Stop.FORCE if event.force else Stop.NOW if event.now else Stop.GRACEFUL
            may = bool(before.run_id) and event.session == before.session and before.stage is not Stage.OVER
            assert meant == (may and (before.exhausted or strength.index(wanted) > strength.index(stop)))
            stop = max(stop, wanted, key=strength.index) if may else stop
            exhausted = exhausted and not may
        if isinstance(event, ev.RunKilled) and meant:
            assert after.stage is Stage.OVER and after.stop_reason == event.reason
            stop, exhausted = Stop.FORCE, False
        if isinstance(event, ev.RunResumed):
            taken = bool(before.run_id) and event.session == before.session + 1
            assert after.session == before.session + taken
            stop, exhausted = (Stop.NONE, False) if taken else (stop, exhausted)
        else:
            assert after.session == before.session or isinstance(event, ev.RunStarted)
        if isinstance(event, ev.LimitsChanged) and meant and before.exhausted and before.stage is Stage.RUNNING:
            if not self.accounts.is_spent():
                stop, exhausted = Stop.NONE, False
        spent = self.accounts.is_spent()
        if stop is Stop.NONE and after.exhausted:
            assert spent or capped, "stopped for nothing"
            assert after.stop is (Stop.GRACEFUL if after.config.on_exhaust is OnExhaust.DRAIN else Stop.NOW)
            assert after.stop_reason.startswith("the budget is used up: ")
            return
        assert after.exhausted == exhausted
        if stop is Stop.NONE and after.stop is not Stop.NONE:
            _check_given_up(after)
            return
        assert after.stop is stop
        if after.stop is Stop.NONE and after.stage is Stage.RUNNING and after.run_id:
            phases = [task.phase for task in after.tasks.values()]
            needy = BUSY if after.failing else (Phase.WAITING, Phase.READY, *BUSY)
            assert not spent or not set(phases) & set(needy), "more is spent than the run may"
            if not set(phases) & set(ACTIVE) and not self.untold:
                delayed = any(task.delayed_until for task in after.tasks.values())
                resting = any(gate.door is Door.RESTING for gate in _in_the_way(after).values())
                assert delayed or resting, "waits for nothing"


def _is_at_work(state: State, event: ev.AttemptEvent) -> bool:
    now = state.tasks.get(event.task)
    return now is not None and (now.phase, now.attempt) == (Phase.RUNNING, event.attempt)


def _in_the_way(state: State) -> dict[str, Gate]:
    """The gates of the agents that tasks which might start may go to."""
    tasks = [task for task in state.graph.tasks if state.tasks[task.id].phase is Phase.READY]
    tasks = [task for task in tasks if not state.tasks[task.id].delayed_until]
    if state.config.schedule is Schedule.WAVE:
        tasks = [task for task in tasks if state.wave >> state.graph.rank[task.id] & 1]
    names = {state.tasks[task.id].agent for task in tasks}
    if "" in names:
        names |= {share.agent for share in state.config.pool}
    return {agent: gate for agent, gate in state.gates.items() if agent in names}


def _check_given_up(after: State) -> None:
    """The run stopped by itself, not for its budget: then a person is needed."""
    assert after.stop is Stop.GRACEFUL and after.stage is Stage.REPORTING
    assert not any(task.phase in ACTIVE for task in after.tasks.values())
    gates = _in_the_way(after)
    assert gates and all(gate.door in (Door.SHUT, Door.DEGRADED) for gate in gates.values()), f"gave up before {gates}"
    assert all(f"{agent} cannot work: {gate.reason}" in after.stop_reason for agent, gate in gates.items())


def weights(tasks: tuple[Task, ...]) -> dict[str, float]:
    """Critical path of each open task, by walking every chain of open tasks behind it."""
    known = [task.estimate for task in tasks if task.estimate is not None]
    usual = median(known) if known else 1.0

    @cache
    def weight(index: int) -> float:
        task = tasks[index]
        behind = [i for i, other in enumerate(tasks) if task.id in other.blocked_by and not other.done]
        own = usual if task.estimate is None else task.estimate
        return own + max(map(weight, behind), default=0.0)

    return {task.id: weight(index) for index, task in enumerate(tasks) if not task.done}


def _check_start(event: ev.RunStarted, after: State) -> None:
    done = {task.id for task in event.tasks if task.done}
    for task in event.tasks:
        now = after.tasks[task.id]
        if task.done:
            assert now.outcome is Outcome.COMPLETED and now.attempt == 0
        elif set(task.blocked_by) <= done:
            assert now.phase in (Phase.READY, Phase.ASSIGNED)
        else:
            assert now.phase is Phase.WAITING
    assert (after.head, after.base) == (event.base, event.base)


def _check_moves(before: State, event: ev.Event, after: State) -> None:
    retried = isinstance(event, ev.RetryRequested)
    for task_id, now in after.tasks.items():
        was = before.tasks[task_id]
        assert was.attempt <= now.attempt <= was.attempt + 1
        assert (now.attempt > was.attempt) <= (now.phase is Phase.ASSIGNED)
        if (was.phase, was.attempt) == (now.phase, now.attempt):
            continue
        assert was.phase is not Phase.ENDED or retried, f"{task_id} was reopened by {event}"
        allowed = set(MOVES[was.phase])
        if was.phase is not Phase.ENDED:
            allowed.add(Phase.ENDED)
        if now.attempt > was.attempt:
            assert was.phase is Phase.READY or Phase.READY in allowed
            allowed = {Phase.ASSIGNED}
        assert now.phase in allowed, f"{task_id} went from {was.phase} to {now.phase}"


def _check_wave(before: State, after: State) -> None:
    if after.config.schedule is Schedule.ROLLING:
        assert after.wave == 0 and after.wave_number == 0
    if before.wave_number == after.wave_number:
        assert before.wave == after.wave
        return
    assert after.wave_number == before.wave_number + 1
    assert after.stop is Stop.NONE, "a wave began while the run is stopped"
    members = [task.id for rank, task in enumerate(after.graph.tasks) if before.wave >> rank & 1]
    begun = {task.id for rank, task in enumerate(after.graph.tasks) if after.wave >> rank & 1}
    retried = [task for task in members if after.tasks[task].phase is not Phase.ENDED]
    assert set(retried) <= begun, "a wave began before the last one was over"
    for task in after.graph.tasks:
        now = after.tasks[task.id]
        assert (task.id in begun) == (now.phase in (Phase.READY, *ACTIVE)), "the wave is not what is ready"
        assert now.phase not in ACTIVE or now.wave == after.wave_number


def _check_landing(after: State, effects: tuple[ef.Effect, ...]) -> None:
    for effect in effects:
        if not isinstance(effect, ef.Land):
            continue
        assert after.config.land is not Land.NEVER
        assert after.stop is Stop.NONE
        assert effect.head == after.head != after.base
        assert effect.head != after.landed and not after.landing_refused
        phases = {task.phase for task in after.tasks.values()}
        assert not phases & set(ACTIVE)
        if after.config.land is Land.END:
            assert phases == {Phase.ENDED}
    if after.stage is Stage.OVER and after.stop is Stop.NONE:
        to_land = after.config.land is not Land.NEVER and after.head != after.base
        assert not to_land or after.landed == after.head or after.landing_refused, "the work was not landed"
