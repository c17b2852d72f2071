"""What the live tree shows, as lines for any terminal: pure, so that every kind of screen shows the same.

One line a worker, what ended last, what waits and for what, and how far it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from swarmskill.backends.host import HOSTED
from swarmskill.core.graph import bits
from swarmskill.core.state import Stage, State, Stop, TaskState
from swarmskill.model import Outcome, Phase
from swarmskill.records import dataclass
from swarmskill.views.base import Progress, Progresses
from swarmskill.views.gates import gate_lines
from swarmskill.views.holds import LATER, SEVERAL, Group, Holds, fold
from swarmskill.views.layout import wrap
from swarmskill.views.marks import (
    Look,
    about,
    amount,
    clock,
    columns,
    cost_text,
    count,
    duration,
    elapsed,
    short,
    shorten,
    style_of,
)
from swarmskill.views.outcome import run_seconds
from swarmskill.views.reasons import Hold, why_ended
from swarmskill.views.run_json import agent_name
from swarmskill.views.spending import WARN_AT, Budget, run_budget
from swarmskill.views.tally import Tally

_RECENT, _GROUPS = 4, 5
_COLUMNS = ("", "", "dim", "dim", "", "dim", "dim")
_STALLED = ("", "", "dim", "dim", "yellow", "dim", "dim")
_ID, _SUBJECT, _AGENT, _TIME, _ACTION, _TOKENS, _COST = range(len(_COLUMNS))
_RIGHT = (_TIME, _TOKENS, _COST)
_WIDEST_ACTION = 60
_LEAST = 18
"""Columns of subject and action that tell anything."""

_DOING = {Phase.ASSIGNED: "starting", Phase.VALIDATING: "checking", Phase.INTEGRATING: "merging"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line; `task` is the id of the task that it is about, "" for none."""

    text: Text
    task: str = ""


class Board:
    """The lines of one run as it goes. Memory and time do not grow with the number of tasks."""

    def __init__(self, look: Look) -> None:
        self.now = 0.0
        self._look = look
        self._tally = Tally()
        self._holds = Holds()
        self._progress: Progresses = {}

    @property
    def state(self) -> State:
        """Where the run stands."""
        return self._tally.state

    def follow(self, state: State) -> None:
        """Take the next state."""
        self._tally.follow(state)

    def update(self, state: State, progress: Progresses, now: float) -> None:
        """Take the next state, what the workers are doing, and the time."""
        self.follow(state)
        self._progress, self.now = progress, now

    def head(self, width: int) -> list[Text]:
        """How the run stands as a whole."""
        return list(self._head(width))

    def rows(self, width: int, height: int) -> list[Row]:
        """All lines, none wider than `width`, and not more than `height`."""
        head = [Row(line) for line in self._head(width)]
        return [*head, *self._body(width, height - 1 - len(head))][: max(1, height)]

    def _head(self, width: int) -> Iterator[Text]:
        state = self.state
        parts = [f"{elapsed(run_seconds(state, self.now))}", self._doing(state)]
        budget = run_budget(state)
        title = Text().append(f"swarm {state.run_id}", "bold").append(f"  {'  '.join(parts)}")
        if budget.text and not budget.limited:
            used = (budget.text, cost_text(budget.usage))
            title.append(next((f"  {text}" for text in used if text and title.cell_len + len(text) + 2 < width), ""))
        yield self._cut(title, width)
        yield self._cut(self._bar(state, width), width)
        if budget.limited:
            yield self._cut(self._budget_bar(budget, width), width)
        for gate in gate_lines(state):
            first, *rest = wrap(f"! {self._look.clean(gate)}", max(8, width - 3))
            yield self._cut(Text(first, "yellow"), width)
            if rest:  # at its end stands what helps
                yield self._cut(Text(f"  {' '.join(rest)}", "yellow"), width)

    def _doing(self, state: State) -> str:
        if state.stage is Stage.OVER:
            return "over"
        if state.stage is not Stage.RUNNING:
            return state.stage.value
        working = (state.busy & ~state.queued).bit_count()
        if state.stop is not Stop.NONE:
            return f"stopping, {count(working, 'worker')} left"
        stalled = sum(self._task(rank).stalled_since > 0 for rank in bits(state.busy))
        return f"{working} of {count(state.config.max_workers, 'worker')}{f', {stalled} stalled' if stalled else ''}"

    def _bar(self, state: State, width: int) -> Text:
        total, ended = len(state.graph.tasks), self._tally.ended
        done, bad = ended[Outcome.COMPLETED], ended.total() - ended[Outcome.COMPLETED]
        room = _bar_room(width)
        filled = done * room // total if total else room
        lost = min(room - filled, -(-bad * room // total)) if total else 0
        bar = self._bar_itself(filled, lost, room)
        bar.append(f" {done}/{total}")
        for outcome, number in ended.items():
            if number and outcome is not Outcome.COMPLETED:
                bar.append(f"  {self._look.mark_of(outcome)} {number} {outcome.replace('_', ' ')}")
        left = self._tally.seconds_left(self.now) if state.stop is Stop.NONE else None
        if left is not None and state.stage is Stage.RUNNING:
            bar.append(f"  about {about(left)} left", "dim")
        return bar

    def _budget_bar(self, budget: Budget, width: int) -> Text:
        """How much of the budget is used, as long as the bar above it."""
        room, share = _bar_room(width), min(1.0, budget.share)
        filled, sign = int(room * share), self._look.sign("━")
        if self._look.colour:
            style = "red" if share >= 1.0 else "yellow" if share >= WARN_AT else "cyan"
            bar = Text().append(sign * filled, style).append(sign * (room - filled), "dim")
        else:
            bar = Text(f"[{sign * filled}{' ' * (room - filled)}]")
        return bar.append(f" {budget.text}")

    def _bar_itself(self, filled: int, lost: int, room: int) -> Text:
        """Completed, ended otherwise and open; three signs where there are no colours to tell them apart."""
        sign = self._look.sign("━")
        if not self._look.colour:
            return Text(f"[{sign * filled}{'x' * lost}{' ' * (room - filled - lost)}]")
        bar = Text().append(sign * filled, "green").append(sign * lost, "red")
        return bar.append(sign * (room - filled - lost), "dim")

    def _body(self, width: int, room: int) -> Iterator[Row]:
        """What ended last, what is under way, what waits, in at most `room` lines.

        What is under way gets its lines first, then what waits, then what ended.
        """
        under_way = self.state.active & ~self.state.queued
        active = sorted(bits(under_way), key=lambda rank: (self._task(rank).assigned_at, rank))
        groups = self._holds.groups(self.state)
        most = max(2, room - min(len(groups), 2))
        shown = active if len(active) <= most else active[: most - 1]
        room -= min(len(active), most)
        groups = fold(groups, min(_GROUPS, room))
        room -= len(groups)
        recent = self._recent(min(_RECENT, max(0, room)))
        room -= len(recent)
        yield from (Row(self._ended_line(rank, width), self._id(rank)) for rank in recent)
        yield from self._active_lines(shown, width, max(0, room))
        if len(shown) < len(active):
            more = f"  {self._look.sign('…')} and {len(active) - len(shown)} more under way"
            yield Row(self._cut(Text(more, "dim"), width))
        yield from (Row(self._group_line(group, width)) for group in groups)

    def _recent(self, most: int) -> list[int]:
        """What ended last, oldest first; half of the room is kept for what did not complete."""
        failed = list(self._tally.failed)[::-1][: most // 2]
        latest = [rank for rank in list(self._tally.recent)[::-1] if rank not in failed][: most - len(failed)]
        return sorted([*failed, *latest], key=lambda rank: (self._task(rank).ended_at, rank))

    def _active_lines(self, ranks: list[int], width: int, spare: int) -> Iterator[Row]:
        """A line for each, and below it the runs that its worker started, as far as `spare` lines go."""
        rows = [self._active_row(rank) for rank in ranks]
        widths = _fit_columns(rows, width - 4)
        for rank, row in zip(ranks, rows, strict=True):
            task = self._task(rank)
            line = Text().append(f"  {self._look.mark(task)} ", style_of(task))
            for i, style in enumerate(_COLUMNS if not task.stalled_since else _STALLED):
                if not widths[i]:
                    continue
                cell = shorten(row[i], widths[i], self._look.sign("…"))
                space = " " * (widths[i] - columns(cell))
                line.append(f"{space}{cell}  " if i in _RIGHT else f"{cell}{space}  ", style)
            line.rstrip()
            yield Row(self._cut(line, width), self._id(rank))
            below = self._progress.get(self._id(rank), Progress()).below[:spare]
            spare -= len(below)
            for told in below:
                corner = self._look.sign("└") + self._look.sign("─")
                yield Row(self._cut(Text(f"    {corner} {self._look.clean(told)}", "dim"), width))

    def _active_row(self, rank: int) -> tuple[str, ...]:
        """The columns as text of any width."""
        state, task = self.state, self._task(rank)
        progress = self._progress.get(self._id(rank), Progress())
        action = _DOING.get(task.phase) or progress.last_action
        if task.stalled_since:
            last = f": {action}" if action else ""
            seen = "nothing changed" if state.config.backend in HOSTED else "no progress"
            action = f"{seen} for {elapsed(self.now - task.stalled_since)}{last}"
        if task.attempt > 1:
            action = f"try {task.attempt}: {action}" if action else f"try {task.attempt}"
        return (
            self._look.fit(self._id(rank), 16),
            self._look.fit(state.graph.tasks[rank].subject, 60),
            self._look.fit(agent_name(state, self._id(rank)), 10),
            elapsed(self.now - task.assigned_at),
            self._look.fit(action, 200),
            amount(task.usage.tokens) if task.usage.tokens else "",
            cost_text(task.usage),
        )

    def _ended_line(self, rank: int, width: int) -> Text:
        task, spec = self._task(rank), self.state.graph.tasks[rank]
        end = short(task.commit) if task.standing is Outcome.COMPLETED else why_ended(task)
        line = Text().append(f"  {self._look.mark(task)} ", style_of(task))
        line.append(f"{self._look.fit(spec.id, 16)}  {self._look.fit(spec.subject, width // 2)}  ")
        cost = f"  {cost_text(task.usage)}" if task.usage.cost_usd is not None else ""
        line.append(f"{duration(task.ended_at - task.assigned_at)}{cost}  {self._look.clean(end)}", "dim")
        return self._cut(line, width)

    def _group_line(self, group: Group, width: int) -> Text:
        """As many names as leave room for the reason, which matters more."""
        for named in range(len(group.first), 0, -1):
            names = ", ".join(self._look.fit(self._id(rank), 16) for rank in group.first[:named])
            more = f" and {group.count - named} more" if group.count > named else ""
            line = Text(f"  {self._look.mark_of(Phase.WAITING)} {names}{more} {self._holding(group)}", "dim")
            if line.cell_len < width:
                break
        return self._cut(line, width)

    def _holding(self, group: Group) -> str:
        one = group.count == 1
        wait = "waits" if one else "wait"
        if group.holder != LATER:
            files = "files held by " if group.hold is Hold.FILES else ""
            several = group.holder == SEVERAL
            holder = "tasks under way" if several else self._look.fit(self._id(group.holder), 16)
            return f"{wait} for {files}{holder}"
        agent = self._look.fit(group.agent, 16)
        return {
            Hold.SLOT: f"{wait} for {self._look.clean(group.slot)}",
            Hold.WORKERS: f"{wait} for a free worker",
            Hold.SHARE: f"{wait} for a free worker of {agent}",
            Hold.PROBING: f"{wait} while {agent} is tried",
            Hold.RESTING: f"{wait} for {agent}, which rests until {clock(group.until)}",
            Hold.SHUT: f"{wait} for {agent}, which cannot work",
            Hold.BACK_OFF: f"{'backs' if one else 'back'} off until {clock(group.until)}",
            Hold.WAVE: f"{wait} for the next wave",
            Hold.STOPPED: "will not start: the run is stopping",
            Hold.EXHAUSTED: "will not start: the budget is used up",
            Hold.FAILING: "will not start: a task failed",
        }.get(group.hold, "comes later" if one else "come later")

    def _cut(self, line: Text, width: int) -> Text:
        """No line fills the last column: some terminals wrap there already."""
        if line.cell_len >= width:
            line.truncate(max(1, width - 1 - len(self._look.sign("…"))), overflow="crop")
            line.append(self._look.sign("…"), "dim")
        return line

    def _id(self, rank: int) -> str:
        return self.state.graph.tasks[rank].id

    def _task(self, rank: int) -> TaskState:
        return self.state.tasks[self._id(rank)]


def _bar_room(width: int) -> int:
    """The length of a bar that leaves room for words beside it."""
    return max(8, min(40, width // 2 - 10))


def _fit_columns(rows: list[tuple[str, ...]], room: int) -> list[int]:
    """Widths of the columns: subject and action share what the others leave; where that is too little, some give way.

    The action gets a fixed width where there is room, so that what stands right of it does not jump about.
    """
    widths = [max((columns(row[i]) for row in rows), default=0) for i in range(len(_COLUMNS))]
    for dispensable in (None, _SUBJECT, _TOKENS, _AGENT):
        if dispensable is not None:
            widths[dispensable] = 0
        others = [width for i, width in enumerate(widths) if i not in (_SUBJECT, _ACTION)]
        shared = 1 + (widths[_SUBJECT] > 0)
        left = room - sum(others) - 2 * (sum(width > 0 for width in others) + shared)
        if left >= min(_LEAST * shared, widths[_SUBJECT] + widths[_ACTION]):
            break
    left = max(8, left)
    if widths[_SUBJECT] + widths[_ACTION] > left:
        widths[_SUBJECT] = min(widths[_SUBJECT], max(left * 11 // 20, left - widths[_ACTION]))
    widths[_ACTION] = min(left - widths[_SUBJECT], _WIDEST_ACTION)
    return widths
