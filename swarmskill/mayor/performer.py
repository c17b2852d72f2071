"""Performs effects on threads, so that nothing waits that need not.

Starting and harvesting workers, validating, and integrating have a lane of their own each: a slow
merge delays neither the next worker nor the judgement of the others.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from swarmskill.backends.tmux import TmuxBackend
from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.core.state import State
from swarmskill.mayor.accounts import Reporter
from swarmskill.mayor.advice import advise
from swarmskill.mayor.capacity import Lease, Slots, StartLine
from swarmskill.mayor.cascade import Cascade
from swarmskill.mayor.context import RunContext
from swarmskill.mayor.courier import judged
from swarmskill.mayor.health import Health, cannot_nudge
from swarmskill.mayor.judging import Judge
from swarmskill.mayor.merging import Merger
from swarmskill.mayor.reporting import write_report
from swarmskill.mayor.summary import summarise
from swarmskill.mayor.telling import Teller
from swarmskill.mayor.windows import spent_windows
from swarmskill.mayor.workers import Workers
from swarmskill.repo.land import land
from swarmskill.views.commands import branch_name

STARTERS = 4
"""Workers that are set up at once: git makes a worktree mostly with the disk."""

_HARVESTERS = 4
"""Ends that are taken at once: they share one look at the main checkout."""

_JUDGING = (ev.Validated, ev.Integrated, ev.IntegrationConflicted, ev.IntegrationRejected)


class ThreadedPerformer:
    """Answers every effect with an event, through `receive`. Errors of the run go the same way."""

    def __init__(
        self,
        run: RunContext,
        receive: Callable[[ev.Event | BaseException], None],
        listeners: Sequence[Callable[[ev.Event, State], None]] = (),
    ) -> None:
        self._listeners = listeners
        self._run = run
        self._receive = receive
        self._teller = Teller(run)
        self._workers = Workers(run, self._teller)
        slots = Slots(run.folder, run.repository.common_dir, run.environment)
        self._line = StartLine(slots, self._workers.has, self._start, receive, counted=run.handed is None)
        self._judge = Judge(run)
        self._merger = Merger(run, self._judge, receive)
        self._starting = ThreadPoolExecutor(STARTERS, "start")
        self._harvesting = ThreadPoolExecutor(_HARVESTERS, "harvest")
        self._judging = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "judge")
        self._merging = ThreadPoolExecutor(1, "merge")
        self._telling = ThreadPoolExecutor(1, "tell")
        self._advising = ThreadPoolExecutor(2, "advise")
        self._waits: list[threading.Timer] = []
        self._reporter = Reporter(run.accounts, receive)
        self._cascade = Cascade(run.folder)
        self._health = Health(run.folder, receive, run.courier.nudge if run.courier else cannot_nudge)
        if run.handed is None:
            self._health.start()
        if run.courier is not None and run.config.help_agent:
            run.courier.consult(lambda asked, task: self._submit(self._advising, partial(advise, run, asked, task)))

    def perform(self, effect: ef.Effect, state: State) -> None:
        """Begin to perform an effect."""
        match effect:
            case ef.Spawn() | ef.Recall():
                self._line.take(effect, state)
            case ef.Await():
                self._workers.watch(effect, state, partial(self._submit, self._harvesting))
            case ef.Kill():
                self._workers.kill(effect)
            case ef.Validate():
                self._submit(self._judging, partial(self._judge.validate, effect, state))
            case ef.Integrate():
                self._merger.add(effect, state)
                self._submit(self._merging, self._merger.work)
            case ef.Track():
                self._submit(self._telling, partial(self._teller.tell, effect, state))
            case ef.Rest() | ef.BackOff():
                self._wait(effect)
            case ef.Summarise():
                self._submit(self._judging, partial(summarise, self._run, effect, state))
            case ef.Land() | ef.Report():
                self._submit(self._merging, partial(self._conclude, effect, state))
            case _:
                raise AssertionError(f"no performer for {effect!r}")

    def recorded(self, event: ev.Event, state: State) -> None:
        """Pass a stop on to child runs, and tell by mail what became of an attempt; the ledger has the event by now.

        The worktree of an integrated attempt goes back to the pool, and its window is closed.
        """
        for heard in (self._line.heard, self._health.heard, *self._listeners):
            heard(event, state)
        self._cascade.follow(state)
        courier = self._run.courier
        if courier is not None and isinstance(event, _JUDGING):
            courier.judge(judged(state, [event.task], self._run.secrets))
        if courier is not None and isinstance(event, ev.Advised) and event.text:
            courier.answer(event.question, f"{event.text}\n\n(From the agent {event.agent}, not from a person.)")
        if isinstance(event, ev.Integrated) and isinstance(self._run.workers, TmuxBackend):
            self._submit(self._harvesting, partial(self._run.workers.dismiss, spent_windows(state, event.task)))
        if isinstance(event, ev.Integrated) and not self._run.config.keep:
            worker = state.tasks[event.task].worker
            if worker is not None and state.tasks[event.task].attempt == event.attempt:
                self._run.worktrees.release(Path(worker.worktree))

    def close(self) -> None:
        """Stop taking work, and close the backend. What still runs is abandoned: a resume performs it again.

        On return no thread is at work any more, so that the run can be let go.
        """
        if self._run.courier is not None:
            self._run.courier.consult(None)
        self._line.close()
        self._merger.close()
        self._reporter.close()
        self._cascade.close()
        self._health.close()
        for wait in self._waits:
            wait.cancel()
        lanes = (self._starting, self._harvesting, self._judging, self._merging, self._telling, self._advising)
        for lane in lanes:
            lane.shutdown(wait=False, cancel_futures=True)
        self._run.backend.close()  # whoever waits for a job gives up
        self._run.workers.close()
        for lane in lanes:
            lane.shutdown(wait=True)

    def _start(self, effect: ef.Spawn, state: State, lease: Lease) -> None:
        self._submit(self._starting, partial(self._workers.spawn, effect, state, lease))

    def _submit(self, lane: ThreadPoolExecutor, answer: Callable[[], ev.Event | None]) -> None:
        try:
            lane.submit(self._answer, answer)
        except RuntimeError:
            return  # The mayor is closing; the effect stays outstanding.

    def _answer(self, answer: Callable[[], ev.Event | None]) -> None:
        """Hand in what a job answers; None from a job that answers by itself."""
        try:
            event = answer()
            if event is not None:
                self._receive(event)
        except BaseException as error:
            self._receive(error)

    def _wait(self, effect: ef.Rest | ef.BackOff) -> None:
        timer = threading.Timer(max(0.0, effect.until - time.time()), lambda: self._receive(_waited(effect)))
        timer.daemon = True
        self._waits = [*(wait for wait in self._waits if wait.is_alive()), timer]
        timer.start()

    def _conclude(self, effect: ef.Land | ef.Report, state: State) -> ev.Event:
        return self._land(effect, state) if isinstance(effect, ef.Land) else self._report(effect, state)

    def _land(self, effect: ef.Land, state: State) -> ev.Event:
        repository, branch = self._run.repository, state.config.branch
        rev, hook = branch_name(self._run.folder.run_id), self._run.guard.trusts(repository.hooks / "post-merge")
        result = land(repository, branch, state.base, effect.head, rev=rev, hook=hook)
        self._run.guard.refresh()
        if result.landed:
            return ev.Landed(at=time.time(), head=effect.head, branch=branch, note=result.note)
        return ev.LandingRefused(at=time.time(), head=effect.head, reason=result.reason, hint=result.hint)

    def _report(self, effect: ef.Report, state: State) -> ev.Event:
        write_report(self._run.folder, state, time.time())
        return ev.Reported(at=time.time(), session=effect.session, path=str(self._run.folder.report))


def _waited(effect: ef.Rest | ef.BackOff) -> ev.Event:
    if isinstance(effect, ef.Rest):
        return ev.GateRested(at=time.time(), agent=effect.agent, strikes=effect.strikes)
    return ev.BackedOff(at=time.time(), task=effect.task, attempt=effect.attempt)
