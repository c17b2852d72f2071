"""Who worked when: one row for each worker's slot, and one for the chain of tasks on which the end hung."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from swarmskill.core.state import State
from swarmskill.model import Ending, Outcome, Phase
from swarmskill.records import dataclass
from swarmskill.views.attempts import Attempt
from swarmskill.views.marks import count, duration, safe, shorten
from swarmskill.views.outcome import run_seconds, tone
from swarmskill.views.page.shapes import Gantt, Lane, Segment

_WIDTH, _LEFT, _ROW, _TOP = 1080.0, 96.0, 24.0, 24.0
_LEAST = 1.5
"""Bars narrower than this are drawn together with their neighbours."""

_LETTER = 7.0
_FEWEST = 5
"""Letters of a name that must have room: less says nothing."""

_TICK = 24.0
"""What the text of a tick needs."""

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


_STOPPED = "stopped"
"""What an attempt is called that was ended through no fault of its own."""


@dataclass(frozen=True, slots=True)
class _Span:
    """The time of one worker."""

    start: float
    end: float
    task: str
    attempt: int
    kind: str


def draw_gantt(
    state: State, attempts: Mapping[str, Sequence[Attempt]], chain: Sequence[str], now: float
) -> Gantt | None:
    """The chart, or None if no worker has started. `now` is when the run ended, once it is over."""
    spans = sorted(_spans(state, attempts, now), key=lambda span: (span.start, span.end, span.task))
    if not spans:
        return None
    begin = state.started_at or spans[0].start
    end = max(begin + run_seconds(state, now), *(span.end for span in spans), begin + 0.1)
    scale = (_WIDTH - _LEFT) / (end - begin)
    rows = [_chain_row(state, attempts, chain, now, begin, scale)] if chain else []
    rows += [
        (f"worker {number}", _bars(lane, begin, scale, state)) for number, lane in enumerate(_slots(spans), start=1)
    ]
    lanes = tuple(Lane(name, _TOP + index * _ROW, bars) for index, (name, bars) in enumerate(rows))
    ticks = _ticks(begin, end, scale)
    text = _chain_text(state, attempts, chain, now)
    height = _TOP + len(lanes) * _ROW + 4
    return Gantt(lanes, ticks, tuple(map(safe, chain)), text, _WIDTH, height, _LEFT, _ROW)


def last_chain(state: State, attempts: Mapping[str, Sequence[Attempt]], now: float) -> list[str]:
    """The tasks on which the end of the run hung, first to last.

    It is followed back from the task that ended last to its blocker that ended last, and so on.
    """
    tried = [task_id for task_id in attempts if _begun(attempts[task_id])]
    if not tried:
        return []
    current: str | None = max(tried, key=lambda task_id: (_ended(state, task_id, now), task_id))
    chain: list[str] = []
    while current is not None:
        chain.append(current)
        blockers = [b for b in state.graph.task(current).blocked_by if b in attempts and _begun(attempts[b])]
        current = max(blockers, key=lambda task_id: (_ended(state, task_id, now), task_id), default=None)
    return chain[::-1]


def _spans(state: State, attempts: Mapping[str, Sequence[Attempt]], now: float) -> Iterable[_Span]:
    for task_id, own in attempts.items():
        for attempt in own:
            if attempt.started_at:
                current = attempt.number == state.tasks[task_id].attempt
                end = attempt.end.ended_at if attempt.end else now if current else attempt.started_at
                kind = _kind(state, task_id, attempt, current=current)
                yield _Span(attempt.started_at, max(end, attempt.started_at), task_id, attempt.number, kind)


def _kind(state: State, task_id: str, attempt: Attempt, *, current: bool) -> str:
    """How the attempt went: the word of a phase or an outcome, or another one that has a colour."""
    task = state.tasks[task_id]
    if attempt.commit:
        return Outcome.COMPLETED.value
    killed = attempt.end is not None and attempt.end.ending is Ending.KILLED
    if killed and not (current and task.phase is Phase.ENDED):
        return _STOPPED
    if not current:
        return Outcome.FAILED.value
    return tone(task) if task.phase is Phase.ENDED or not attempt.problem else Outcome.FAILED.value


def _slots(spans: Sequence[_Span]) -> list[list[_Span]]:
    """The fewest rows in which no two workers overlap."""
    lanes: list[list[_Span]] = []
    free: list[tuple[float, int]] = []
    for span in spans:
        if free and free[0][0] <= span.start:
            _, number = heapq.heappop(free)
        else:
            number = len(lanes)
            lanes.append([])
        lanes[number].append(span)
        heapq.heappush(free, (span.end, number))
    return lanes


def _bars(lane: Sequence[_Span], begin: float, scale: float, state: State) -> tuple[Segment, ...]:
    """The bars of a row; neighbours that are too narrow to be seen become one."""
    bars: list[Segment] = []
    crowd: list[_Span] = []

    def settle() -> None:
        if len(crowd) > 1:
            x = _at(crowd[0].start, begin, scale)
            width = max(_LEAST, _at(crowd[-1].end, begin, scale) - x)
            failed = sum(one.kind not in (Outcome.COMPLETED, Phase.RUNNING) for one in crowd)
            title = f"{count(len(crowd), 'worker')}, {failed} without success"
            kind = Outcome.FAILED.value if failed else crowd[0].kind
            bars.append(Segment(kind, round(x, 2), round(width, 2), title))
        elif crowd:
            bars.append(_bar(crowd[0], begin, scale, state))
        crowd.clear()

    for span in lane:
        narrow = (span.end - span.start) * scale < _LEAST
        if not narrow or (crowd and (span.start - crowd[-1].end) * scale > _LEAST):
            settle()
        crowd.append(span)
        if not narrow:
            settle()
    settle()
    return tuple(bars)


def _bar(span: _Span, begin: float, scale: float, state: State) -> Segment:
    x = _at(span.start, begin, scale)
    width = max(_LEAST, (span.end - span.start) * scale)
    name = safe(span.task)
    title = f"{shorten(name, 80)} #{span.attempt}: {span.kind.replace('_', ' ')}, {duration(span.end - span.start)}"
    whole, room = name if span.attempt == 1 else f"{name} #{span.attempt}", int((width - 8) / _LETTER)
    label = shorten(whole, room) if room >= min(_FEWEST, len(whole)) else ""
    return Segment(span.kind, round(x, 2), round(width, 2), title, label, f"t{state.graph.rank[span.task]}")


def _chain_row(
    state: State,
    attempts: Mapping[str, Sequence[Attempt]],
    chain: Sequence[str],
    now: float,
    begin: float,
    scale: float,
) -> tuple[str, tuple[Segment, ...]]:
    bars = []
    for task_id in chain:
        start, end = _begun(attempts[task_id]), _ended(state, task_id, now)
        span = _Span(start, end, task_id, 1, tone(state.tasks[task_id]))
        bars.append(_bar(span, begin, scale, state))
    return "critical path", tuple(bars)


def _chain_text(state: State, attempts: Mapping[str, Sequence[Attempt]], chain: Sequence[str], now: float) -> str:
    if not chain:
        return ""
    spent = sum(_ended(state, task_id, now) - _begun(attempts[task_id]) for task_id in chain)
    whole = run_seconds(state, now)
    waited = "; the rest it waited for workers, files or limits" if spent < 0.9 * whole else ""
    return f"{count(len(chain), 'task')} took {duration(spent)} of the run's {duration(whole)}{waited}"


def _begun(attempts: Sequence[Attempt]) -> float:
    return next((attempt.started_at for attempt in attempts if attempt.started_at), 0.0)


def _ended(state: State, task_id: str, now: float) -> float:
    task = state.tasks[task_id]
    return task.ended_at if task.phase is Phase.ENDED and task.ended_at else now


def _at(moment: float, begin: float, scale: float) -> float:
    return _LEFT + max(0.0, moment - begin) * scale


def _ticks(begin: float, end: float, scale: float) -> tuple[tuple[float, str], ...]:
    whole = end - begin
    step = next((step for step in _STEPS if whole / step <= 10), whole / 10)
    return tuple(
        (round(_at(begin + number * step, begin, scale), 1), _tick(number * step))
        for number in range(int(whole / step) + 1)
        if number * step * scale < _WIDTH - _LEFT - _TICK
    )


def _tick(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g}s" if seconds else "0"
    return duration(seconds).removesuffix(" 00s").removesuffix(" 00m").removesuffix(" 00h")
