"""What the tasks that are not under way wait for, in groups: cheap however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from swarmskill.core.choose import eligible_tasks
from swarmskill.core.graph import Graph, bits
from swarmskill.core.state import State, Stop
from swarmskill.records import dataclass
from swarmskill.views.reasons import Hold, Reason, agent_lack, not_eligible

LATER, SEVERAL = -1, -2

_NAMED = 4
_HOLDERS = 2


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that are held for the same reason.

    `holder` is the rank of the task that holds them, SEVERAL for more than two of those, LATER when none
    of the tasks under way does. `first` are the ranks of the first few of them, `agent` is the one that
    they wait for, `until` when the wait of the first is over, `slot` what their workers wait for.
    """

    hold: Hold
    count: int
    holder: int
    first: tuple[int, ...]
    agent: str = ""
    until: float = 0.0
    slot: str = ""


class Holds:
    """Groups the waiting and ready tasks of one run; remembers dependents as bit sets."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._behind: dict[int, int] = {}

    def groups(self, state: State) -> list[Group]:
        """Those whose workers wait for a slot first, those held by files, those that lack a worker or agent.

        Then those that back off, those behind a blocker under way, and the rest: in a run that winds down they are
        one group with what could start, as none of them will.
        """
        if state.graph is not self._graph:
            self._graph, self._behind = state.graph, {}
        eligible = eligible_tasks(state)
        overlaps = {rank: state.graph.overlaps[rank] for rank in bits(state.active)}
        files, left = _held(Hold.FILES, overlaps, eligible)
        behind = {rank: self._dependents(state.graph, rank) for rank in bits(state.active)}
        blocked, later = _held(Hold.BLOCKERS, behind, state.open & ~state.ready & ~state.active)
        barred = state.ready & ~eligible & ~_backing(state)
        if state.stop is not Stop.NONE or state.failing:
            barred, later = barred | later, 0
        return [
            *_queued(state),
            *files,
            *_lacking(state, left),
            *_backing_off(state),
            *blocked,
            *_group(not_eligible(state), barred),
            *_group(Hold.BLOCKERS, later),
        ]

    def _dependents(self, graph: Graph, rank: int) -> int:
        found = self._behind.get(rank)
        if found is None:
            found = self._behind[rank] = _bit_set(graph.dependents[rank], len(graph.tasks))
        return found


def fold(groups: list[Group], most: int) -> list[Group]:
    """At most that many groups: the first ones, and the others as one that only counts."""
    if len(groups) <= most:
        return groups
    rest = groups[max(0, most - 1) :]
    first = tuple(rank for group in rest for rank in group.first)[:_NAMED]
    folded = Group(Hold.BLOCKERS, sum(group.count for group in rest), LATER, first)
    return [*groups[: most - 1], folded] if most > 0 else []


def _held(hold: Hold, holders: dict[int, int], members: int) -> tuple[list[Group], int]:
    """The members that each holder holds, those of many holders as one group; and those that none holds."""
    found: list[Group] = []
    held = 0
    for rank, reach in holders.items():
        found += _group(hold, members & reach & ~held, rank)
        held |= members & reach
    if len(found) > _HOLDERS:
        found = list(_group(hold, held, SEVERAL))
    return found, members & ~held


def _lacking(state: State, members: int) -> Iterator[Group]:
    """Those that wait for any worker first, then those that wait for one agent's, or for the agent itself."""
    lacks: dict[Reason, int] = {}
    unbound = members
    for agent, bound in sorted(state.bound.items()):
        if members & bound:
            lack = agent_lack(state, agent)
            lacks[lack] = lacks.get(lack, 0) | members & bound
            unbound &= ~bound
    if unbound:
        lack = agent_lack(state, "")
        lacks[lack] = lacks.get(lack, 0) | unbound
    for lack in sorted(lacks, key=lambda lack: lack.hold is not Hold.WORKERS):
        for group in _group(lack.hold, lacks[lack]):
            yield replace(group, agent=lack.agent, until=lack.until)


def _queued(state: State) -> Iterator[Group]:
    """Those whose workers wait for a slot that other runs have, by what they wait for."""
    slots: dict[str, int] = {}
    for rank in bits(state.queued):
        slot = state.tasks[state.graph.tasks[rank].id].queued
        slots[slot] = slots.get(slot, 0) | 1 << rank
    for slot, members in slots.items():
        for group in _group(Hold.SLOT, members):
            yield replace(group, slot=slot)


def _backing(state: State) -> int:
    """Those that wait before another try, in a run that would start them then."""
    return 0 if state.stop is not Stop.NONE or state.failing else state.delayed


def _backing_off(state: State) -> Iterator[Group]:
    """Those that wait before another try, as one group until the first of them is due."""
    members = _backing(state)
    for group in _group(Hold.BACK_OFF, members):
        yield replace(group, until=min(state.tasks[state.graph.tasks[rank].id].delayed_until for rank in bits(members)))


def _group(hold: Hold, members: int, holder: int = LATER) -> Iterator[Group]:
    if members:
        first = tuple(rank for rank, _ in zip(bits(members), range(_NAMED), strict=False))
        yield Group(hold, members.bit_count(), holder, first)


def _bit_set(ranks: tuple[int, ...], size: int) -> int:
    """The ranks as a bit set, in one pass: setting bits one by one would copy the whole set each time."""
    octets = bytearray((size + 7) // 8)
    for rank in ranks:
        octets[rank >> 3] |= 1 << (rank & 7)
    return int.from_bytes(octets, "little")
