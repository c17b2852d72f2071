"""A random mayor against the core: any answer, in any order, doubled, late, stray; stopped, killed, resumed.

`Bookkeeper` checks the laws and the invariants after each event, `Oracle` says a second time what
should have happened, and every run is driven to its end at last.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.core.state import Door, Stage, Stop
from swarmskill.core.transitions import step
from swarmskill.config import RunConfig
from swarmskill.model import Outcome, Phase, Task
from tests.bookkeeper import ANSWERS, TOLD, Bookkeeper
from tests.machine.accounts import limits_after
from tests.machine.oracle import Oracle
from tests.machine.runs import About, configs, draw_attempt_event, draw_run_event, success, task_lists

ATTEMPT_EVENTS = (
    *TOLD,
    *(kind for kinds in ANSWERS.values() for kind in kinds if issubclass(kind, ev.AttemptEvent)),
)


class Mayor(RuleBasedStateMachine):
    """Everything that a mayor and the world around it may do."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Bookkeeper()
        self.oracle = Oracle()
        self.taken: list[ev.Event] = []
        self.held: list[ev.Event] = []
        self.clock = 0.0

    # Rules

    @initialize(tasks=task_lists(), config=configs(), early=st.booleans())
    def start(self, tasks: tuple[Task, ...], config: RunConfig, early: bool) -> None:
        if early:
            for event in (
                ev.StopRequested(at=self._now(), session=1),
                ev.RunResumed(at=self._now(), session=2),
                ev.Reported(at=self._now(), session=1, path="/early"),
            ):
                assert not self._feed(event), "something happened before the run began"
        self._feed(ev.RunStarted(at=self._now(), run_id="run", tasks=tasks, config=config, base="base"))

    @precondition(lambda self: self.book.pending)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Any effect is answered in any legal way."""
        assert self._feed(self._draw_answer(data)), "a legal answer was not taken"

    @precondition(lambda self: self.book.pending)
    @rule(picks=st.lists(st.integers(0, 99), min_size=1, max_size=15))
    def go_well(self, picks: list[int]) -> None:
        """Some effects are answered with success, in any order."""
        for pick in picks:
            if self.book.pending:
                self._feed(success(self.book.pending[pick % len(self.book.pending)], self._now()))

    @precondition(lambda self: self.book.pending)
    @rule(data=st.data())
    def hold_back(self, data: st.DataObject) -> None:
        """An answer is on its way, and others overtake it."""
        self.held.append(self._draw_answer(data))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """An answer that was held back arrives."""
        self._feed(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def double(self, data: st.DataObject) -> None:
        """An event that was taken comes once more, however late."""
        event = data.draw(st.sampled_from(self.taken))
        asked_again = self._is_asked_again(event)
        assert self._feed(event) == asked_again, "a doubled event had an effect"

    @rule(data=st.data())
    def stray(self, data: st.DataObject) -> None:
        """An event about an unknown task, another attempt or another phase."""
        task = data.draw(st.sampled_from([*self._ids(), "nobody"]))
        known = self.book.state.tasks.get(task)
        attempt = data.draw(st.integers(0, known.attempt + 1 if known else 1))
        call = data.draw(st.integers(0, known.calls + 1 if known else 1))
        self._feed(draw_attempt_event(data, About(self._now(), task, attempt, call), ATTEMPT_EVENTS))

    @rule(now=st.booleans(), force=st.booleans(), ago=st.sampled_from([0, 0, 0, 1]))
    def stop(self, now: bool, force: bool, ago: int) -> None:
        """Somebody stops this session, or one that is gone."""
        self._feed(ev.StopRequested(at=self._now(), session=self.book.state.session - ago, now=now, force=force))

    @rule(ago=st.sampled_from([0, 0, 0, 1]))
    def kill(self, ago: int) -> None:
        """The mayor is gone, and somebody ends what it left."""
        before = self.book.state
        self.book.mayor_dies()
        taken = self._feed(ev.RunKilled(at=self._now(), session=before.session - ago, reason="killed"))
        assert taken == (bool(before.run_id) and ago == 0 and before.stage is not Stage.OVER)

    @rule(step=st.sampled_from([1, 1, 1, 0, 2]))
    def resume(self, step: int) -> None:
        """A new mayor takes over; or something that cannot be one says so."""
        if step == 1:
            self.book.mayor_dies()
        taken = self._feed(ev.RunResumed(at=self._now(), session=self.book.state.session + step))
        assert taken == (step == 1)

    @rule()
    def die(self) -> None:
        """The mayor dies, and the next one reads the same ledger."""
        self.book.mayor_dies()

    @rule(data=st.data(), behind=st.sampled_from([0, 0, 1]))
    def retry(self, data: st.DataObject, behind: int) -> None:
        """Somebody wants a task tried again, whether or not it has ended."""
        task = data.draw(st.sampled_from(self._ids()))
        now = self.book.state.tasks[task]
        mine = now.standing not in (None, Outcome.COMPLETED, Outcome.SKIPPED)
        event = ev.RetryRequested(at=self._now(), task=task, attempt=now.attempt - behind)
        assert self._feed(event) == (mine and not behind)

    @rule(
        cost=st.sampled_from([None, 1.0, 3.0, 8.0]),
        tokens=st.sampled_from([None, None, 500, 2000]),
        workers=st.sampled_from([None, None, 1, 3]),
        lifted=st.sampled_from([(), (), ("max_cost",), ("max_tokens", "max_workers")]),
    )
    def change_limits(self, cost: float | None, tokens: int | None, workers: int | None, lifted: tuple[str]) -> None:
        """Somebody gives the run more, or less."""
        event = ev.LimitsChanged(at=self._now(), max_cost=cost, max_tokens=tokens, max_workers=workers, lifted=lifted)
        new = self._is_news(event)
        assert self._feed(event) == new

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def report(self, data: st.DataObject) -> None:
        """The agent of a running worker tells something."""
        task, attempt = data.draw(st.sampled_from(self._running()))
        told = (ev.WorkerReported, ev.WorkerStalled, ev.WorkerStirred)
        self._feed(draw_attempt_event(data, About(self._now(), task, attempt), told))

    @precondition(lambda self: self._in(Phase.ASSIGNED))
    @rule(data=st.data())
    def queue(self, data: st.DataObject) -> None:
        """A worker that is to start waits for a slot."""
        task, attempt = data.draw(st.sampled_from(self._in(Phase.ASSIGNED)))
        self._feed(draw_attempt_event(data, About(self._now(), task, attempt), (ev.SpawnQueued,)))

    # The end

    def teardown(self) -> None:
        if not self.book.state.run_id:
            return
        self._feed(ev.LimitsChanged(at=self._now(), max_cost=1e6, max_tokens=10**9))
        if len(self.book.events) % 2:  # the retries below come while the report is written, or after it
            self._drive(Stage.REPORTING)
        else:
            self._drive(Stage.OVER)
        if self.book.state.stop is not Stop.NONE:
            self._feed(ev.RunResumed(at=self._now(), session=self.book.state.session + 1))
            self._drive(Stage.OVER)
        assert all(task.phase is Phase.ENDED for task in self.book.state.tasks.values())
        self._retry_all()
        self._drive(Stage.OVER)
        outcomes = {task.outcome for task in self.book.state.tasks.values()}
        outcomes |= {task.standing for task in self.book.state.tasks.values()}
        assert outcomes == {Outcome.COMPLETED}, "with nothing but successes the run did not complete"
        self._check_integrations()
        self.book.mayor_dies()

    def _drive(self, end: Stage) -> None:
        """Answer everything with success until the run is in its last stage."""
        tasks = len(self.book.state.tasks)
        for _ in range(7 * tasks + 10):  # 6 effects a task, a landing a wave, two reports, rests and a summary
            if self.book.state.stage in (end, Stage.OVER):
                return
            self._feed(success(self.book.pending[0], self._now()))
        raise AssertionError("the run does not end")

    def _retry_all(self) -> None:
        for task_id in self._ids():
            now = self.book.state.tasks[task_id]
            if now.standing not in (None, Outcome.COMPLETED, Outcome.SKIPPED):
                self._feed(ev.RetryRequested(at=self._now(), task=task_id, attempt=now.attempt))

    def _check_integrations(self) -> None:
        for task in self.book.state.graph.tasks:
            assert self.oracle.integrated[task.id] == (not task.done), f"{task.id} was not integrated once"

    # Help

    def _ids(self) -> list[str]:
        return [task.id for task in self.book.state.graph.tasks]  # the map of tasks has no stable order

    def _running(self) -> list[tuple[str, int]]:
        return self._in(Phase.RUNNING)

    def _is_news(self, event: ev.LimitsChanged) -> bool:
        config = self.book.state.config
        return limits_after(event, config) != (config.max_cost, config.max_tokens, config.max_workers)

    def _in(self, phase: Phase) -> list[tuple[str, int]]:
        tasks = [(task, self.book.state.tasks[task]) for task in self._ids()]
        return [(task, now.attempt) for task, now in tasks if now.phase is phase]

    def _now(self) -> float:
        self.clock += 1
        return self.clock

    def _feed(self, event: ev.Event) -> bool:
        """Feed one event, watched by the oracle, and tell whether it changed anything."""
        before = self.book.state
        effects = self.book.feed(event)
        self.oracle.observe(before, event, self.book.state, effects)
        self._check_kills()
        self._check_recalls()
        self._check_strangers()
        changed = self.book.state is not before
        if changed:
            self.taken.append(event)
        return changed

    def _check_kills(self) -> None:
        stop = self.book.state.stop
        kills = {(effect.task, effect.force) for effect in self.book.pending if isinstance(effect, ef.Kill)}
        running = {task for task, now in self.book.state.tasks.items() if now.phase is Phase.RUNNING}
        overdrawn = {task for task in running if self.oracle.accounts.of[task].overdrawn}
        wanted = running if stop in (Stop.NOW, Stop.FORCE) else overdrawn
        assert kills == {(task, stop is Stop.FORCE) for task in wanted}

    def _check_recalls(self) -> None:
        state = self.book.state
        recalls = {effect.task for effect in self.book.pending if isinstance(effect, ef.Recall)}
        queued = {task for task, now in state.tasks.items() if now.queued}
        assert recalls == (queued if state.stop is not Stop.NONE or state.failing else set())

    def _check_strangers(self) -> None:
        """Nobody else's landing or report is taken, in whatever stage the run is."""
        state, at = self.book.state, self._now()
        for event in (
            ev.Landed(at=at, head="other", branch="main"),
            ev.LandingRefused(at=at, head="other", reason="dirty"),
            ev.Reported(at=at, session=state.session - 1, path="/other"),
            ev.Reported(at=at, session=state.session + 1, path="/other"),
            ev.Summarised(at=at, session=state.session - 1, text="other"),
            ev.GateRested(at=at, agent="nobody", strikes=1),
            ev.GateRested(at=at, agent="one", strikes=99),
        ):
            assert step(state, event) == (state, ()), f"taken: {event}"

    def _draw_answer(self, data: st.DataObject) -> ev.Event:
        effect = data.draw(st.sampled_from(self.book.pending))
        if isinstance(effect, ef.AttemptEffect):
            call = effect.call if isinstance(effect, ef.Track) else 1
            about = About(self._now(), effect.task, effect.attempt, call)
            return draw_attempt_event(data, about, ANSWERS[type(effect)])
        return draw_run_event(data, self._now(), effect)

    def _is_asked_again(self, event: ev.Event) -> bool:
        """Whether the double is a new word: the same was asked for again since (law 3)."""
        state = self.book.state
        if isinstance(event, ev.Reported):
            return state.stage is Stage.REPORTING and event.session == state.session
        if isinstance(event, ev.Summarised):
            return state.stage is Stage.SUMMING and event.session == state.session
        if isinstance(event, ev.GateRested):
            gate = state.gates.get(event.agent)
            return gate is not None and (gate.door, gate.strikes) == (Door.RESTING, event.strikes)
        if isinstance(event, ev.LimitsChanged):
            return self._is_news(event)
        if isinstance(event, ev.LandingRefused):
            return state.stage is Stage.LANDING and event.head == state.head
        if isinstance(event, ev.RetryRequested):
            now = state.tasks[event.task]
            again = now.outcome is Outcome.CANCELLED or now.standing is not now.outcome
            return again and now.attempt == event.attempt
        return False


TestMayor = Mayor.TestCase
TestMayor.settings = settings(max_examples=6 * settings().max_examples)  # of the profile that is in force
