"""The task graph as a picture: generations from left to right, wrapped into bands like words into lines."""

from __future__ import annotations

from collections import Counter
from math import ceil

from swarmskill.core.graph import Graph as Tasks
from swarmskill.core.state import State
from swarmskill.records import dataclass
from swarmskill.views.marks import safe, shorten
from swarmskill.views.outcome import tone
from swarmskill.views.page.shapes import Edge, Graph, Node, Segment, Waves

_WIDTH = 1080.0
_MARGIN = 6.0
_BETWEEN = 12.0
"""Half of what is between two bands."""

_MOST_WAVES = 24


@dataclass(frozen=True, slots=True)
class _Scale:
    """Sizes of a node, what is between two, and how many a column holds. `letters` is what fits into a node."""

    width: float
    height: float
    gap_x: float
    gap_y: float
    rows: int
    letters: int


_SCALES = (
    (30, _Scale(156, 40, 44, 14, 7, 22)),
    (120, _Scale(104, 24, 32, 8, 14, 14)),
    (1 << 30, _Scale(64, 18, 22, 5, 24, 8)),
)
"""From how many tasks on they are drawn smaller."""


def draw_graph(state: State, chain: frozenset[str]) -> Graph:
    """Every task as a box, every edge that does not follow from others as a line; `chain` is drawn strongly."""
    tasks = state.graph
    scale = next(scale for most, scale in _SCALES if len(tasks.tasks) <= most)
    places, height, bands = _place(tasks, scale)
    nodes = tuple(_node(state, rank, places[rank], chain, scale) for rank in range(len(tasks.tasks)))
    edges = []
    for rank, blocker in _needed_edges(tasks):
        critical = {tasks.tasks[rank].id, tasks.tasks[blocker].id} <= chain
        path = _curve(places[blocker], places[rank], scale)
        edges.append(Edge(path, critical, far=bands[rank] != bands[blocker]))
    width = max((x for x, _ in places.values()), default=0.0) + scale.width + _MARGIN
    return Graph(nodes, tuple(edges), scale.width, scale.height, width, height - 2 * _BETWEEN + _MARGIN)


def draw_waves(state: State) -> Waves:
    """How the tasks of each generation stand, for a run with too many tasks to draw each."""
    tasks = state.graph
    found: dict[int, Counter[str]] = {}
    for rank, generation in enumerate(tasks.generation):
        found.setdefault(generation, Counter())[tone(state.tasks[tasks.tasks[rank].id])] += 1
    most = max((sum(counter.values()) for counter in found.values()), default=1)
    rows = []
    for generation in sorted(found)[:_MOST_WAVES]:
        x, segments, total = 0.0, [], sum(found[generation].values())
        for name, number in sorted(found[generation].items()):
            size = 100.0 * number / most
            segments.append(Segment(name, round(x, 2), round(size, 2), f"{number} {name.replace('_', ' ')}"))
            x += size
        rows.append((str(generation + 1), tuple(segments), str(total)))
    return Waves(tuple(rows), max(0, len(found) - _MOST_WAVES))


def _node(state: State, rank: int, place: tuple[float, float], chain: frozenset[str], scale: _Scale) -> Node:
    task = state.graph.tasks[rank]
    now = tone(state.tasks[task.id])
    subject = shorten(safe(task.subject), scale.letters) if scale is _SCALES[0][1] else ""
    return Node(
        x=place[0],
        y=place[1],
        label=shorten(safe(task.id), scale.letters - 2),
        subject=subject,
        kind=now,
        title=shorten(f"{safe(task.id)}: {safe(task.subject)} ({now.replace('_', ' ')})", 200),
        anchor=f"t{rank}",
        critical=task.id in chain,
    )


def _place(tasks: Tasks, scale: _Scale) -> tuple[dict[int, tuple[float, float]], float, dict[int, int]]:
    """Where each rank's box is, the height of the whole, and the band of each rank."""
    places: dict[int, tuple[float, float]] = {}
    bands: dict[int, int] = {}
    x, y, number = _MARGIN, _MARGIN, 0
    band: list[tuple[float, list[int]]] = []
    for column in _columns(tasks, scale):
        wide = _subcolumns(column, scale) * (scale.width + scale.gap_x)
        if band and x + wide - scale.gap_x > _WIDTH:
            y = _close(band, y, places, scale)
            x, band, number = _MARGIN, [], number + 1
        band.append((x, column))
        bands.update(dict.fromkeys(column, number))
        x += wide
    y = _close(band, y, places, scale)
    return places, y, bands


def _columns(tasks: Tasks, scale: _Scale) -> list[list[int]]:
    """The generations, each sorted so that a task is about as high as what it waits for."""
    generations: dict[int, list[int]] = {}
    for rank, generation in enumerate(tasks.generation):
        generations.setdefault(generation, []).append(rank)
    columns = [generations[generation] for generation in sorted(generations)]
    height: dict[int, float] = {}
    for column in columns:
        wanted = {
            rank: sum(height.get(b, 0.5) for b in tasks.blockers[rank]) / len(tasks.blockers[rank])
            if tasks.blockers[rank]
            else 0.5
            for rank in column
        }
        column.sort(key=lambda rank: (wanted[rank], rank))
        height.update({rank: (index + 0.5) / len(column) for index, rank in enumerate(column)})
    return columns


def _subcolumns(column: list[int], scale: _Scale) -> int:
    """A column that is too high is set in several; never more than the page is wide."""
    most = max(1, int((_WIDTH + scale.gap_x) // (scale.width + scale.gap_x)))
    return min(most, ceil(len(column) / scale.rows))


def _close(
    band: list[tuple[float, list[int]]], top: float, places: dict[int, tuple[float, float]], scale: _Scale
) -> float:
    """Place the columns of a band below `top`, each in the middle of its height; returns the band's bottom."""
    step = scale.height + scale.gap_y
    rows = [ceil(len(column) / _subcolumns(column, scale)) for _, column in band]
    tallest = max(rows, default=0)
    for (x, column), high in zip(band, rows, strict=True):
        lead = top + (tallest - high) * step / 2
        for index, rank in enumerate(column):
            across, down = divmod(index, high)
            places[rank] = (round(x + across * (scale.width + scale.gap_x), 1), round(lead + down * step, 1))
    return top + tallest * step - scale.gap_y + 2 * _BETWEEN


def _needed_edges(tasks: Tasks) -> list[tuple[int, int]]:
    """Dependents with their blockers, without the edges that follow from longer ways."""
    above = [0] * len(tasks.tasks)
    needed = []
    for rank in tasks.order:
        blockers, further = tasks.blockers[rank], 0
        for blocker in blockers:
            further |= above[blocker]
            above[rank] |= above[blocker] | 1 << blocker
        needed += [(rank, blocker) for blocker in blockers if not further >> blocker & 1]
    return needed


def _curve(start: tuple[float, float], end: tuple[float, float], scale: _Scale) -> str:
    x1, y1 = start[0] + scale.width, start[1] + scale.height / 2
    x2, y2 = end[0], end[1] + scale.height / 2
    bend = max(scale.gap_x * 0.7, min(60.0, abs(x2 - x1) / 2))
    return f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
