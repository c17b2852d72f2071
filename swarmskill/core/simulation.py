"""A run on paper: the real `step` with a clock that jumps from one end of a worker to the next.

Nothing is started and nothing is waited for, so thousands of runs can be tried before one is made. What is
chosen when, and what waits for what, is decided by the code that decides it in a run.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence

from swarmskill.config import RunConfig
from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.core.state import EMPTY, Stage, State
from swarmskill.core.transitions import step
from swarmskill.errors import InternalError
from swarmskill.model import Ending, Task, Verdict, WorkerEnd
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True)
class Simulated:
    """How a simulated run went: `seconds` from its start to the last task's end, `workers` that were busy at most."""

    seconds: float
    workers: int


def simulate(
    tasks: Sequence[Task],
    config: RunConfig,
    duration: Callable[[str], float],
    *,
    merging: float = 0.0,
    expected: Mapping[str, float] | None = None,
) -> Simulated:
    """Run the tasks on paper: the worker of a task id takes `duration` seconds, and every attempt is accepted.

    Merges take `merging` seconds each, one after the other, beside the workers. `expected` is what a run would
    know of durations from earlier ones.
    """
    ended = most = 0.0
    for event, state in simulated_events(tasks, config, duration, merging=merging, expected=expected):
        most = max(most, state.busy.bit_count())
        if isinstance(event, ev.Integrated):
            ended = event.at
    return Simulated(ended, int(most))


def simulated_events(
    tasks: Sequence[Task],
    config: RunConfig,
    duration: Callable[[str], float],
    *,
    merging: float = 0.0,
    began: float = 0.0,
    commit: str = "0" * 40,
    run_id: str = "simulated",
    expected: Mapping[str, float] | None = None,
) -> Iterator[tuple[ev.Event, State]]:
    """Each event of such a run with the state that it led to, from RunStarted to Reported.

    The run starts at `began`; `commit` stands for all its commits.
    """
    world = _World(duration, merging, began, commit)
    first = ev.RunStarted(
        at=began, run_id=run_id, tasks=tuple(tasks), config=config, base=commit, expected=expected or {}
    )
    state: State = EMPTY
    event: ev.Event = first
    while True:
        state, effects = step(state, event)
        yield event, state
        if state.stage is Stage.OVER:
            return
        for effect in effects:
            world.perform(effect)
        event = world.next()


class _World:
    """Answers each effect after the time that it takes."""

    def __init__(self, duration: Callable[[str], float], merging: float, began: float, commit: str) -> None:
        self._duration = duration
        self._merging = merging
        self._merged = began  # when the lane of the merges is free
        self._now = began
        self._commit = commit
        self._coming: list[tuple[float, int, ev.Event]] = []
        self._count = 0

    def next(self) -> ev.Event:
        """The next event; the clock jumps to it."""
        if not self._coming:
            raise InternalError("the simulated run waits for nothing and is not over")
        self._now, _, event = heapq.heappop(self._coming)
        return event

    def perform(self, effect: ef.Effect) -> None:
        """Have the effect's answer come when it is due."""
        now, commit = self._now, self._commit
        match effect:
            case ef.Spawn(task=task, attempt=attempt):
                started = ev.WorkerStarted(
                    at=now, task=task, attempt=attempt, pid=1, identity="", worktree="", base=commit
                )
                self._answer(started)
            case ef.Await(task=task, attempt=attempt):
                at = now + self._duration(task)
                over = WorkerEnd(ending=Ending.EXITED, exit_code=0, started_at=now, ended_at=at)
                self._answer(ev.WorkerExited(at=at, task=task, attempt=attempt, end=over))
            case ef.Validate(task=task, attempt=attempt):
                self._answer(ev.Validated(at=now, task=task, attempt=attempt, verdict=Verdict(), commit=commit))
            case ef.Integrate(task=task, attempt=attempt):
                self._merged = max(now, self._merged) + self._merging
                self._answer(ev.Integrated(at=self._merged, task=task, attempt=attempt, commit=commit))
            case ef.Report(session=session):
                self._answer(ev.Reported(at=now, session=session, path=""))
            case _:
                raise InternalError(f"a simulated run has no answer to {effect!r}")

    def _answer(self, event: ev.Event) -> None:
        self._count += 1  # events of the same moment come in the order in which they were asked for
        heapq.heappush(self._coming, (event.at, self._count, event))
