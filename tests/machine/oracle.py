"""What should happen, said a second time: slow, plain, and without the code under test."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from statistics import median

from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.core.state import Stage, State, Stop
from swarmskill.model import Claim, Ending, Land, OnFailure, Outcome, Phase, Schedule, Task
from tests.machine.runs import overlapping

ACTIVE = (Phase.ASSIGNED, Phase.RUNNING, Phase.VALIDATING, Phase.INTEGRATING)
BUSY = (Phase.ASSIGNED, Phase.RUNNING)

CAPS = {"tests": 3, "command": 3, "timeout": 1, "isolation": 0, "conflict": 1, "lost": 5}
BLAMELESS = ("conflict", "lost")
OUTCOMES = {
    "exit": Outcome.FAILED,
    "spawn": Outcome.FAILED,
    "timeout": Outcome.TIMED_OUT,
    "lost": Outcome.LOST,
    "conflict": Outcome.CONFLICTED,
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

    def observe(self, before: State, event: ev.Event, after: State, effects: tuple[ef.Effect, ...]) -> None:
        """Check one step."""
        if isinstance(event, ev.RunStarted):
            if before.run_id == "":
                _check_start(event, after)
        else:
            _check_moves(before, event, after)
            _check_wave(before, after)
        if isinstance(event, ev.Integrated):
            assert after.head == (before.head if after is before else event.commit), "the head is not the last commit"
        if after is not before:
            self._check_failure(before, event, after)
            self._check_retry(event, after)
            self.integrated.update(event.task for _ in [0] if isinstance(event, ev.Integrated))
        self._check_spawns(after, [effect for effect in effects if isinstance(effect, ef.Spawn)])
        _check_landing(after, effects)
        _check_stop(event, before, after)

    def _check_failure(self, before: State, event: ev.Event, after: State) -> None:
        if not isinstance(event, ev.AttemptEvent) or isinstance(event, ev.RetryRequested):
            return
        task, now = after.graph.task(event.task), after.tasks[event.task]
        final = _final_outcome(event)
        if final is not None:
            assert now.outcome is final, f"{event} ended as {now.outcome}"
            return
        kind = _failure(event)
        if kind is None:
            return
        counts = self.failures[event.task]
        cap = task.max_retries if task.max_retries is not None else after.config.max_retries
        if cap is None or kind in (*BLAMELESS, "isolation"):
            again = counts[kind] < CAPS.get(kind, 2)
        else:
            again = sum(count for other, count in counts.items() if other not in BLAMELESS) < cap
        self.last_failure[event.task] = kind
        if again:
            counts[kind] += 1
            assert now.outcome in (None, Outcome.CANCELLED), f"{kind} after {counts} ended the task"
            assert now.outcome is None or after.failing
        else:
            assert now.outcome is OUTCOMES.get(kind, Outcome.REJECTED), f"{kind} after {counts}: {now}"
            if after.config.on_failure is OnFailure.FAIL_FAST:
                assert after.failing

    def _check_retry(self, event: ev.Event, after: State) -> None:
        if isinstance(event, ev.RetryRequested):
            self.failures[event.task].clear()
            assert not after.failing
            assert after.tasks[event.task].outcome is None, "the retried task is not open"
            assert all(task.outcome is not Outcome.CANCELLED for task in after.tasks.values())

    def _check_spawns(self, after: State, spawns: list[ef.Spawn]) -> None:
        started = [effect.task for effect in spawns]
        assert started == (wanted := _to_start(after, set(started))), f"started {started}, not {wanted}"
        for effect in spawns:
            self.spawned[effect.task] += 1
            assert effect.attempt == self.spawned[effect.task], "attempts do not count from 1"
            told = effect.feedback.kind if effect.feedback else None
            assert told == self.last_failure.get(effect.task), f"the worker is told of {told}"


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


def _to_start(after: State, spawned: set[str]) -> list[str]:
    """What was to be started in the step that led to `after`, best first: greedy over a sorted list."""
    if after.stage is not Stage.RUNNING or after.stop is not Stop.NONE or after.failing or not after.run_id:
        return []
    tasks = after.graph.tasks
    weight = weights(tasks)
    ready = [task for task in tasks if after.tasks[task.id].phase is Phase.READY or task.id in spawned]
    if after.config.schedule is Schedule.WAVE:
        ready = [task for task in ready if after.wave >> after.graph.rank[task.id] & 1]
    old = [task for task in tasks if task.id not in spawned]
    taken = [task for task in old if after.tasks[task.id].phase in ACTIVE]
    free = after.config.max_workers - sum(after.tasks[task.id].phase in BUSY for task in old)
    start: list[str] = []
    for task in sorted(ready, key=lambda task: (task.priority, -weight[task.id], int(task.id))):
        if len(start) < free and not any(overlapping(task, other) for other in taken):
            start.append(task.id)
            taken.append(task)
    return start


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


def _check_stop(event: ev.Event, before: State, after: State) -> None:
    if isinstance(event, ev.StopRequested):
        strength = (Stop.NONE, Stop.GRACEFUL, Stop.NOW, Stop.FORCE)
        wanted = Stop.FORCE if event.force else Stop.NOW if event.now else Stop.GRACEFUL
        meant = bool(before.run_id) and event.session == before.session and before.stage is not Stage.OVER
        expected = max(before.stop, wanted, key=strength.index) if meant else before.stop
        assert after.stop is expected
    elif isinstance(event, ev.RunResumed):
        taken = bool(before.run_id) and event.session == before.session + 1
        assert after.session == before.session + taken
        assert after.stop is (Stop.NONE if taken else before.stop)
    else:
        assert after.stop is before.stop and after.session == before.session


def _final_outcome(event: ev.AttemptEvent) -> Outcome | None:
    """The outcome, where the event ends the task whatever was before."""
    if isinstance(event, ev.SpawnFailed) and event.permanent:
        return Outcome.FAILED
    if isinstance(event, ev.Integrated):
        return Outcome.COMPLETED
    if isinstance(event, ev.WorkerExited):
        end = event.end
        clean = end.ending is Ending.EXITED and end.exit_code == 0
        if clean and end.result is not None and end.result.status is Claim.BLOCKED:
            return Outcome.BLOCKED
    return None


def _failure(event: ev.AttemptEvent) -> str | None:
    """Of which kind of failure the event tells, if of any."""
    if isinstance(event, ev.WorkerExited):
        if event.end.ending is Ending.TIMED_OUT:
            return "timeout"
        return "exit" if event.end.ending is Ending.EXITED and event.end.exit_code else None
    if isinstance(event, ev.Validated | ev.IntegrationRejected):
        return str(event.verdict.failed.kind) if event.verdict.failed else None
    kinds = {ev.SpawnFailed: "spawn", ev.WorkerLost: "lost", ev.IntegrationConflicted: "conflict"}
    return kinds.get(type(event))
