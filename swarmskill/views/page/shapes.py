"""What a page shows, as data: the pictures in units of SVG, all text ready to be shown but not yet escaped.

Classes of CSS are named `s-` and the word of a task's phase or outcome.
"""

from __future__ import annotations

from collections.abc import Mapping

from swarmskill.records import dataclass
from swarmskill.views.below import Below, Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a run a page holds; what goes beyond is counted and said.

    `tasks` is for the table, `details` for the tasks told in full, `nodes` for the graph drawn task by task,
    `patch_lines` for one task's diff, `patch_total` for all of them, `log_lines` for the end of one log,
    `moments` for one task's story, `width` for the characters of a line.
    """

    tasks: int = 1000
    details: int = 200
    nodes: int = 400
    patch_lines: int = 300
    patch_total: int = 12_000
    log_lines: int = 25
    moments: int = 60
    width: int = 400


WHOLE = Limits()
"""For a file."""

LIVE = Limits(tasks=200, details=0, nodes=300)
"""For a page that is made anew with every event."""


@dataclass(frozen=True, slots=True)
class Text:
    """Foreign text as lines that are safe to show. `left_out` lines are missing: at its end, or at its beginning."""

    lines: tuple[str, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class TaskMaterial:
    """What a page shows of a task that no event tells. `outputs` are ends of the check logs, by their path."""

    patch: str = ""
    patch_left_out: int = 0
    log: Text = Text()
    outputs: Mapping[str, Text] | None = None


Material = Mapping[str, TaskMaterial]
"""By task id. Tasks may be missing, and all may be."""


@dataclass(frozen=True, slots=True)
class Node:
    """A task in the graph."""

    x: float
    y: float
    label: str
    subject: str
    kind: str
    title: str
    anchor: str
    critical: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from a blocker to a dependent, as the data of an SVG path. `far` ones lead to a row further down."""

    path: str
    critical: bool
    far: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph, drawn task by task. `width` and `height` are those of a node."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    node_width: float
    node_height: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar."""

    kind: str
    x: float
    width: float
    title: str
    label: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Waves:
    """The graph of a large run: for each generation how its tasks stand."""

    rows: tuple[tuple[str, tuple[Segment, ...], str], ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the chart: a worker's slot, or the chain of tasks on which the end hung."""

    name: str
    y: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Gantt:
    """Who worked when. `ticks` are the axis: where, and what it says."""

    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]
    chain: tuple[str, ...]
    chain_text: str
    width: float
    height: float
    left: float
    row: float


@dataclass(frozen=True, slots=True)
class CostTable:
    """What the tasks, agents or models used; rows of texts under `head`."""

    by: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[float, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class FilePatch:
    """One file of a diff: its lines with their kind: add, del, hunk, meta, same."""

    name: str
    added: int
    removed: int
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check that was made on an attempt."""

    passed: bool
    text: str
    seconds: str
    detail: str
    output: Text


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in the table. `anchor` is its place in the page, "" if it is not told in full."""

    key: str
    id: str
    subject: str
    kind: str
    word: str
    mark: str
    agent: str
    attempts: str
    time: str
    tokens: str
    cost: str
    commit: str
    detail: str
    retry: bool
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """A task told in full."""

    row: TaskRow
    open: bool
    facts: tuple[tuple[str, str], ...]
    story: tuple[tuple[str, str, str], ...]
    story_left_out: int
    checks: tuple[CheckLine, ...]
    files: tuple[FilePatch, ...]
    patch_left_out: int
    log: Text


@dataclass(frozen=True, slots=True)
class Kin:
    """The runs that the workers of this one started, and theirs. `linked` if those that are near have pages here."""

    rows: tuple[Below, ...]
    sums: Sums
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page of a run shows."""

    run_id: str
    outcome: str
    running: bool
    facts: tuple[tuple[str, str], ...]
    tiles: tuple[tuple[str, str, str], ...]
    counts: tuple[tuple[str, str, int, float], ...]
    troubles: tuple[str, ...]
    summary: str
    graph: Graph | None
    waves: Waves | None
    gantt: Gantt | None
    costs: tuple[CostTable, ...]
    rows: tuple[TaskRow, ...]
    rows_left_out: int
    details: tuple[TaskDetail, ...]
    details_left_out: int
    commands: tuple[str, ...]
    made_at: str
    kin: Kin | None = None
