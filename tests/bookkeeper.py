"""A mayor without hands: feeds events to the core, keeps what is not answered yet, and checks the laws."""

from __future__ import annotations

from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.core.invariants import broken
from swarmskill.core.progress import outstanding
from swarmskill.core.state import EMPTY, Door, Stage, State, Stop
from swarmskill.core.transitions import fold, step
from swarmskill.model import Outcome, Trouble

ANSWERS: dict[type[ef.Effect], tuple[type[ev.Event], ...]] = {
    ef.Spawn: (ev.WorkerStarted, ev.SpawnFailed, ev.SpawnWithdrawn),
    ef.Recall: (ev.WorkerStarted, ev.SpawnFailed, ev.SpawnWithdrawn),
    ef.Await: (ev.WorkerExited, ev.WorkerLost),
    ef.Kill: (ev.WorkerExited, ev.WorkerLost),
    ef.Validate: (ev.Validated,),
    ef.Integrate: (ev.Integrated, ev.IntegrationConflicted, ev.IntegrationRejected),
    ef.Track: (ev.Tracked,),
    ef.Rest: (ev.GateRested,),
    ef.BackOff: (ev.BackedOff,),
    ef.Summarise: (ev.Summarised,),
    ef.Land: (ev.Landed, ev.LandingRefused),
    ef.Report: (ev.Reported,),
}
"""Which events answer which effect, as the effects' docstrings say."""

TOLD = (ev.WorkerReported, ev.SpawnQueued, ev.WorkerStalled, ev.WorkerStirred)
"""What the edge tells of an attempt unasked."""

REQUESTS = (
    *(ev.RunStarted, ev.RunResumed, ev.StopRequested, ev.RunKilled, ev.RetryRequested, ev.LimitsChanged, ev.Advised),
    *TOLD,
)
"""Events that answer no effect."""


def answers(event: ev.Event, effect: ef.Effect) -> bool:
    """Whether the event is a legal answer to the effect."""
    if not isinstance(event, ANSWERS[type(effect)]):
        return False
    if isinstance(effect, ef.Track) and isinstance(event, ev.Tracked) and event.call != effect.call:
        return False
    if isinstance(effect, ef.AttemptEffect):
        return isinstance(event, ev.AttemptEvent) and (event.task, event.attempt) == (effect.task, effect.attempt)
    if isinstance(effect, ef.Land):
        return isinstance(event, ev.Landed | ev.LandingRefused) and event.head == effect.head
    if isinstance(effect, ef.Rest):
        return isinstance(event, ev.GateRested) and (event.agent, event.strikes) == (effect.agent, effect.strikes)
    assert isinstance(effect, ef.Report | ef.Summarise) and isinstance(event, ev.Reported | ev.Summarised)
    return event.session == effect.session


class Bookkeeper:
    """A run as a mayor sees it: all events, the state, and the effects that wait for an answer."""

    def __init__(self) -> None:
        self.state: State = EMPTY
        self.events: list[ev.Event] = []
        self.pending: list[ef.Effect] = []

    def feed(self, event: ev.Event) -> tuple[ef.Effect, ...]:
        """Step, check every law, and return the new effects. Raises AssertionError."""
        before = self.state
        after, effects = step(before, event)
        self.events.append(event)
        if after is before:
            assert effects == (), "an event that changes nothing has no effects"
        self._check_answer(event, changed=after is not before)
        self._check_current(event, before, changed=after is not before)
        self.state = after
        self._keep(event, before, effects)
        self._check_sound(event)
        self._check_completions(event, before)
        return effects

    def mayor_dies(self) -> None:
        """A new mayor reads the ledger: it must come to the same state, and takes over what is not answered."""
        folded = fold(self.events)
        assert folded == self.state, "the fold of the recorded events is another state"
        self.state = folded
        self.pending = list(outstanding(folded))

    def _check_answer(self, event: ev.Event, *, changed: bool) -> None:
        """Law 4: an answer changes the state just if somebody waits for it."""
        if isinstance(event, REQUESTS):
            return
        asked = [effect for effect in self.pending if answers(event, effect)]
        kills = [effect for effect in asked if isinstance(effect, ef.Kill | ef.Recall)]
        assert changed == bool(asked), f"asked for: {asked}, but changed: {changed}"
        assert len(asked) - len(kills) <= 1, f"one event answers several effects: {asked}"

    @staticmethod
    def _check_current(event: ev.Event, before: State, *, changed: bool) -> None:
        """Law 2: an event about an attempt that is not current changes nothing."""
        if isinstance(event, ev.AttemptEvent) and changed:
            assert before.tasks[event.task].attempt == event.attempt, "an event about another attempt had an effect"

    def _keep(self, event: ev.Event, before: State, effects: tuple[ef.Effect, ...]) -> None:
        self.pending = [effect for effect in self.pending if not answers(event, effect)]
        self.pending = [effect for effect in self.pending if not self._is_taken_back(effect, event, before)]
        for effect in effects:
            assert effect not in self.pending or isinstance(event, ev.RunResumed), f"asked for twice: {effect}"
            if isinstance(effect, ef.Kill):  # the stronger one stands for the weaker
                self.pending = [other for other in self.pending if not _is_kill_of(other, effect)]
            self.pending.append(effect)
        if isinstance(event, ev.RunResumed | ev.RunKilled):
            self.pending = list(outstanding(self.state))

    def _is_taken_back(self, effect: ef.Effect, event: ev.Event, before: State) -> bool:
        """Law 4: what nobody waits for any more, as what it was for is gone."""
        if isinstance(effect, ef.Kill):  # a budget's stop that more money lifted
            lifted = isinstance(event, ev.LimitsChanged) and before.stop is not self.state.stop is Stop.NONE
            return lifted and not self.state.tasks[effect.task].overdrawn
        if isinstance(effect, ef.Rest):  # the agent's service now wants a person
            problem = event.end.report.problem if isinstance(event, ev.WorkerExited) else None
            gate = self.state.gates.get(effect.agent)
            if gate is not None and gate.door is Door.DEGRADED and before.gates.get(effect.agent) != gate:
                return True
            auth = problem is not None and problem.kind is Trouble.AUTH and self.state is not before
            return auth and isinstance(event, ev.WorkerExited) and before.tasks[event.task].agent == effect.agent
        if isinstance(effect, ef.Recall):
            return self.state.stop is Stop.NONE and not self.state.failing
        if isinstance(effect, ef.BackOff):
            return self.state.tasks[effect.task].outcome is Outcome.CANCELLED
        forced = isinstance(event, ev.StopRequested) and event.force
        return isinstance(effect, ef.Summarise) and forced and self.state is not before

    def _check_sound(self, event: ev.Event) -> None:
        again, more = step(self.state, event)
        assert again is self.state, "law 3: the same event twice changed the state"
        assert more == (), "law 3: the same event twice had effects"
        unanswered = list(outstanding(self.state))
        assert sorted(map(repr, self.pending)) == sorted(map(repr, unanswered)), "law 4: pending is not outstanding"
        assert broken(self.state) == []
        waits = self.pending or self.state.stage is Stage.OVER or not self.state.run_id
        assert waits, "the run waits for nothing and is not over"

    def _check_completions(self, event: ev.Event, before: State) -> None:
        """Law 5: a task completes only by Integrated, and for good."""
        if isinstance(event, ev.RunStarted):
            return
        for task_id, task in self.state.tasks.items():
            was = before.tasks[task_id].outcome
            if (task.outcome is Outcome.COMPLETED) != (was is Outcome.COMPLETED):
                assert was is not Outcome.COMPLETED, f"{task_id} was completed and is not any more"
                assert isinstance(event, ev.Integrated) and event.task == task_id, f"{task_id} completed by {event}"


def _is_kill_of(effect: ef.Effect, kill: ef.Kill) -> bool:
    return isinstance(effect, ef.Kill) and (effect.task, effect.attempt) == (kill.task, kill.attempt)
