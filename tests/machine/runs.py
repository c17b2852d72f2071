"""What the machine is fed with: random runs, and every legal answer to an effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from swarmskill.core import effects as ef
from swarmskill.core import events as ev
from swarmskill.config import AgentOptions, Land, OnExhaust, RunConfig, Schedule, Share
from swarmskill.answers import Answer, Reply
from swarmskill.model import (
    AgentReport,
    CheckKind,
    CheckResult,
    Claim,
    Ending,
    OnFailure,
    Problem,
    Task,
    Trouble,
    Usage,
    Verdict,
    WorkerEnd,
    WorkerResult,
)

PATHS = ("a", "a/x", "A/x", "b/*.py", "b/z.py", "**/x", "c")

OVERLAPS = frozenset(
    {("a", "a/x"), ("a", "A/x"), ("a/x", "A/x"), ("b/*.py", "b/z.py")}
    | {("**/x", path) for path in PATHS}
    | {(path, path) for path in PATHS}
)
"""Which of `PATHS` overlap, found by thinking and not by the code under test."""


def overlapping(one: Task, other: Task) -> bool:
    """Whether the manifests of both tasks, made of `PATHS`, overlap."""
    return any((a, b) in OVERLAPS or (b, a) in OVERLAPS for a in one.files for b in other.files)


@st.composite
def task_lists(draw: st.DrawFn) -> tuple[Task, ...]:
    """1 to 12 tasks without a cycle, in any order, some done already, some blockers named twice."""
    count = draw(st.integers(1, 12))
    ids = draw(st.permutations([str(number) for number in range(1, count + 1)]))
    few = st.one_of(st.none(), st.integers(0, 2))
    tasks = []
    for index, task_id in enumerate(ids):
        blockers = draw(st.lists(st.sampled_from(ids[:index]), max_size=3)) if index else []
        tasks.append(
            Task(
                id=task_id,
                subject=task_id,
                blocked_by=tuple(blockers),
                priority=draw(st.integers(1, 3)),
                done=draw(st.sampled_from([False] * 7 + [True])),
                files=tuple(draw(st.lists(st.sampled_from(PATHS), max_size=2))),
                estimate=draw(st.sampled_from([None, None, 1.0, 5.0])),
                max_retries=draw(few),
                retry_delay=draw(st.sampled_from([None] * 5 + [0.0, 10.0])),
                on_failure=draw(st.sampled_from([None] * 6 + list(OnFailure))),
                agent=draw(st.sampled_from([""] * 5 + ["one", "three"])),
                run=draw(st.sampled_from([()] * 7 + [("true",)])),
                max_cost=draw(st.sampled_from([None] * 5 + [1.0])),
                max_tokens=draw(st.sampled_from([None] * 5 + [250])),
            )
        )
    return tuple(draw(st.permutations(tasks)))


def configs() -> st.SearchStrategy[RunConfig]:
    """Every kind of run."""
    return st.builds(
        RunConfig,
        max_workers=st.integers(1, 4),
        schedule=st.sampled_from(Schedule),
        on_failure=st.sampled_from(OnFailure),
        land=st.sampled_from(Land),
        max_retries=st.sampled_from([None, 0, 2]),
        retry_delay=st.sampled_from([0.0, 0.0, 60.0]),
        pool=st.sampled_from(POOLS),
        agents=st.sampled_from([{}, {}, {"one": AgentOptions(max_workers=1)}]),
        fresh=st.booleans(),
        max_cost=st.sampled_from([None, None, 2.0, 4.0]),
        max_tokens=st.sampled_from([None, None, None, 900]),
        on_exhaust=st.sampled_from(OnExhaust),
        tracker=st.sampled_from(["", "ratchet"]),
    )


POOLS = (
    (Share("one"),),
    (Share("one", 2),),
    (Share("one"), Share("two")),
    (Share("one", 1), Share("two", 2)),
    (Share("two", 2), Share("one"), Share("command", 1)),
)

USAGES = (
    Usage(),
    Usage(input_tokens=40, cached_tokens=40, output_tokens=20, cost_usd=0.25),
    Usage(input_tokens=100, cached_tokens=50, output_tokens=50, cost_usd=0.5),
    Usage(input_tokens=300, cost_usd=1.0, estimated=True),
    Usage(output_tokens=300),
)
"""Sums of their costs are exact."""

PROBLEMS = (
    None,
    *(Problem(kind, f"it says {kind}") for kind in Trouble),
    Problem(Trouble.RATE_LIMIT, retry_after=100.0),
    Problem(Trouble.OVERLOADED, "too many", retry_after=0.5),
)


_GOOD = WorkerEnd(ending=Ending.EXITED, exit_code=0, started_at=0.0, ended_at=60.0)


def reports() -> st.SearchStrategy[AgentReport]:
    """What agents tell at the end; with "session" for the session, which the event then names for its attempt."""
    return st.builds(
        AgentReport,
        session=st.sampled_from(["", "session"]),
        usage=st.sampled_from(USAGES),
        problem=st.sampled_from([None] * len(PROBLEMS) + list(PROBLEMS)),
    )


def worker_ends() -> st.SearchStrategy[WorkerEnd]:
    """Every way in which a worker ends."""
    claims = [None, *(WorkerResult(status=claim, detail=claim) for claim in Claim)]
    good = st.builds(
        WorkerEnd,
        ending=st.just(Ending.EXITED),
        exit_code=st.just(0),
        started_at=st.just(0.0),
        ended_at=st.just(60.0),
        result=st.sampled_from(claims),
        report=reports(),
    )
    bad = st.builds(
        WorkerEnd,
        ending=st.sampled_from(Ending),
        exit_code=st.sampled_from([1, 143]),
        started_at=st.just(0.0),
        ended_at=st.just(60.0),
        result=st.sampled_from(claims),
        report=reports(),
    )
    return st.one_of(good, bad)


def refusals() -> st.SearchStrategy[Verdict]:
    """Verdicts against an attempt, for every kind of check."""
    return st.sampled_from(CheckKind).map(lambda kind: Verdict(failed=CheckResult(kind, kind, passed=False)))


@dataclass(frozen=True, slots=True)
class About:
    """What an attempt's event is about: when, which task, which attempt, which call of the tracker."""

    at: float
    task: str
    attempt: int
    call: int = 1

    @property
    def commit(self) -> str:
        """A commit that only this attempt has."""
        return f"commit-{self.task}-{self.attempt}"

    @property
    def session(self) -> str:
        """A conversation that only this attempt has."""
        return f"session-{self.task}-{self.attempt}"


def success(effect: ef.Effect, at: float) -> ev.Event:
    """The answer that says that all went well."""
    if isinstance(effect, ef.Rest):
        return ev.GateRested(at=at, agent=effect.agent, strikes=effect.strikes)
    if isinstance(effect, ef.Summarise):
        return ev.Summarised(at=at, session=effect.session, text="half is done")
    if isinstance(effect, ef.Land):
        return ev.Landed(at=at, head=effect.head, branch="main")
    if isinstance(effect, ef.Report):
        return ev.Reported(at=at, session=effect.session, path="/report")
    assert isinstance(effect, ef.AttemptEffect)
    if isinstance(effect, ef.Track):
        return _tracked(About(at, effect.task, effect.attempt, effect.call), Reply.ACCEPTED)
    about = About(at, effect.task, effect.attempt)
    if isinstance(effect, ef.BackOff):
        return _backed_off(about)
    if isinstance(effect, ef.Spawn):
        return _started(about)
    if isinstance(effect, ef.Recall):
        return _withdrawn(about)
    if isinstance(effect, ef.Await | ef.Kill):
        return _exited(about, _GOOD)
    if isinstance(effect, ef.Validate):
        return _validated(about, Verdict())
    return _integrated(about)


def draw_attempt_event(data: st.DataObject, about: About, kinds: tuple[type[ev.Event], ...]) -> ev.Event:
    """Any event of those kinds about the attempt."""
    payload, make = _MAKERS[data.draw(st.sampled_from(kinds))]
    return make(about, data.draw(payload))


def draw_run_event(data: st.DataObject, at: float, effect: ef.Effect) -> ev.Event:
    """Any answer to the effect."""
    if isinstance(effect, ef.Land) and data.draw(st.booleans()):
        return ev.LandingRefused(at=at, head=effect.head, reason=data.draw(_REASONS))
    return success(effect, at)


def _started(about: About) -> ev.Event:
    return ev.WorkerStarted(
        at=about.at,
        task=about.task,
        attempt=about.attempt,
        pid=7,
        identity=about.commit,
        worktree=f"/{about.task}-{about.attempt}",
        base="base",
    )


def _spawn_failed(about: About, permanent: bool) -> ev.Event:
    return ev.SpawnFailed(at=about.at, task=about.task, attempt=about.attempt, reason="no", permanent=permanent)


def _reported(about: About, told: tuple[bool, Usage]) -> ev.Event:
    named, usage = told
    session = about.session if named else ""
    return ev.WorkerReported(at=about.at, task=about.task, attempt=about.attempt, session=session, usage=usage)


def _exited(about: About, end: WorkerEnd) -> ev.Event:
    if end.report.session:
        end = replace(end, report=replace(end.report, session=about.session))
    return ev.WorkerExited(at=about.at, task=about.task, attempt=about.attempt, end=end)


def _lost(about: About) -> ev.Event:
    return ev.WorkerLost(at=about.at, task=about.task, attempt=about.attempt, reason="gone")


def _stalled(about: About, since: float) -> ev.Event:
    return ev.WorkerStalled(at=about.at, task=about.task, attempt=about.attempt, since=since)


def _stirred(about: About, since: float) -> ev.Event:
    return ev.WorkerStirred(at=about.at, task=about.task, attempt=about.attempt, since=since)


def _queued(about: About, reason: str) -> ev.Event:
    return ev.SpawnQueued(at=about.at, task=about.task, attempt=about.attempt, reason=reason)


def _withdrawn(about: About) -> ev.Event:
    return ev.SpawnWithdrawn(at=about.at, task=about.task, attempt=about.attempt)


def _backed_off(about: About) -> ev.Event:
    return ev.BackedOff(at=about.at, task=about.task, attempt=about.attempt)


def _validated(about: About, verdict: Verdict) -> ev.Event:
    commit = f"work-{about.task}-{about.attempt}"
    return ev.Validated(at=about.at, task=about.task, attempt=about.attempt, verdict=verdict, commit=commit)


def _integrated(about: About) -> ev.Event:
    return ev.Integrated(at=about.at, task=about.task, attempt=about.attempt, commit=about.commit)


def _tracked(about: About, reply: Reply) -> ev.Event:
    answer = Answer(reply, f"it says {reply}")
    return ev.Tracked(at=about.at, task=about.task, attempt=about.attempt, call=about.call, answer=answer)


def _conflicted(about: About) -> ev.Event:
    return ev.IntegrationConflicted(at=about.at, task=about.task, attempt=about.attempt, paths=("a",))


def _rejected(about: About, verdict: Verdict) -> ev.Event:
    return ev.IntegrationRejected(at=about.at, task=about.task, attempt=about.attempt, verdict=verdict)


_REASONS = st.sampled_from(["", "dirty"])
_NONE = st.none()

_MAKERS: dict[type[ev.Event], tuple[st.SearchStrategy[Any], Callable[[About, Any], ev.Event]]] = {
    ev.WorkerStarted: (_NONE, lambda about, _: _started(about)),
    ev.SpawnFailed: (st.booleans(), _spawn_failed),
    ev.WorkerStalled: (st.sampled_from([1.0, 2.0, 3.0]), _stalled),
    ev.WorkerStirred: (st.sampled_from([1.0, 2.0, 3.0]), _stirred),
    ev.SpawnQueued: (st.sampled_from(["a slot", "another slot", ""]), _queued),
    ev.SpawnWithdrawn: (_NONE, lambda about, _: _withdrawn(about)),
    ev.WorkerReported: (st.tuples(st.booleans(), st.sampled_from(USAGES)), _reported),
    ev.WorkerExited: (worker_ends(), _exited),
    ev.WorkerLost: (_NONE, lambda about, _: _lost(about)),
    ev.BackedOff: (_NONE, lambda about, _: _backed_off(about)),
    ev.Validated: (st.one_of(st.just(Verdict()), refusals()), _validated),
    ev.Integrated: (_NONE, lambda about, _: _integrated(about)),
    ev.IntegrationConflicted: (_NONE, lambda about, _: _conflicted(about)),
    ev.IntegrationRejected: (refusals(), _rejected),
    ev.Tracked: (st.sampled_from(Reply), _tracked),
}
"""How to make each event about an attempt; built once, since strategies are dear to build."""
