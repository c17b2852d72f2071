"""The file ownership map: which task may write what, and who must wait for whom because of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise

from swarmskill.core.graph import Graph
from swarmskill.core.manifest import is_glob, segments, shared_entries
from swarmskill.records import dataclass


class Resolution(StrEnum):
    """Why two tasks with overlapping manifests never run at the same time."""

    ORDERED = "ordered"
    """Their `blockedBy` edges put them one after the other anyway."""
    SERIALISED = "serialised"
    """They are started one at a time, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A path that several open tasks may write. `tasks` are ids in the order in which they run.

    `entries` are the manifest entries that overlap there, `path` the narrowest of them.
    """

    path: str
    tasks: tuple[str, ...]
    entries: tuple[str, ...]
    resolution: Resolution


def owners(graph: Graph) -> dict[str, list[int]]:
    """The ranks of the open tasks that claim each manifest entry, entries in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for rank, task in enumerate(graph.tasks):
        if not task.done:
            for entry in task.files:
                found[entry].append(rank)
    return dict(sorted(found.items()))


def conflicts(graph: Graph) -> list[Conflict]:
    """Every path that more than one open task may write, by path.

    Entries are compared once each and not per task, so that a thousand tasks which all claim one
    file cost no more than two.
    """
    claims = owners(graph)
    wider = _wider_entries(list(claims))
    found = []
    ancestors: Mapping[int, int] | None = None
    for path, others in wider.items():
        entries = (path, *others)
        ranks = {rank for entry in entries for rank in claims[entry]}
        if len(ranks) > 1:
            ancestors = _ancestors(graph) if ancestors is None else ancestors
            ordered = sorted(ranks, key=lambda rank: (not graph.tasks[rank].done, graph.generation[rank], rank))
            ids = tuple(graph.tasks[rank].id for rank in ordered)
            found.append(Conflict(path, ids, entries, _resolution(ordered, ancestors)))
    return found


def _wider_entries(entries: Sequence[str]) -> dict[str, list[str]]:
    """For each entry the other, wider ones that overlap with it."""
    wider: dict[str, list[str]] = {entry: [] for entry in entries}
    for one, other, _, _ in shared_entries([[entry] for entry in entries]):
        narrow, wide = sorted((one, other), key=_width)
        wider[narrow].append(wide)
    return wider


def _width(entry: str) -> tuple[bool, int, str]:
    """Sorts narrow entries first: paths before globs, then those with more segments."""
    return is_glob(entry), -len(segments(entry)), entry


def _resolution(ordered: Sequence[int], ancestors: Mapping[int, int]) -> Resolution:
    is_chain = all(ancestors[later] >> earlier & 1 for earlier, later in pairwise(ordered))
    return Resolution.ORDERED if is_chain else Resolution.SERIALISED


def _ancestors(graph: Graph) -> dict[int, int]:
    """For each rank a bit set of all that it waits for, directly or not."""
    found: dict[int, int] = {}
    for rank in graph.order:
        above = 0
        for blocker in graph.blockers[rank]:
            above |= found[blocker] | 1 << blocker
        found[rank] = above
    return found
