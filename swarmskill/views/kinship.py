"""A family of runs as views need it: who is below which task, and what all of them used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from swarmskill.core.budget import run_usage
from swarmskill.lineage import Relative
from swarmskill.model import NOTHING_USED, Usage
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """A run, the first of `relatives`, and all its descendants, parents first."""

    relatives: tuple[Relative, ...]
    _by_parent: dict[Path, list[Relative]] = field(default_factory=dict)

    @classmethod
    def of(cls, relatives: Sequence[Relative]) -> Family:
        """The family of these, of which the first is the one that was asked for."""
        found = cls(tuple(relatives))
        for one in relatives[1:]:
            if one.kin.origin is not None:
                found._by_parent.setdefault(one.kin.origin.folder.path, []).append(one)
        return found

    @property
    def top(self) -> Relative:
        """The run that was asked for."""
        return self.relatives[0]

    def children(self, one: Relative, task: str | None = None) -> list[Relative]:
        """The runs that workers of a run started, of all its tasks or of one."""
        below = self._by_parent.get(one.folder.path, [])
        return [child for child in below if task is None or (child.kin.origin and child.kin.origin.task == task)]

    def strangers(self, one: Relative) -> list[Relative]:
        """Children of tasks that the run does not know."""
        known = one.state.tasks
        return [child for child in self.children(one) if not child.kin.origin or child.kin.origin.task not in known]

    def usage(self, one: Relative) -> Usage:
        """What a run used, with all that descend from it."""
        total = run_usage(one.state) if not one.trouble else NOTHING_USED
        for child in self.children(one):
            total += self.usage(child)
        return total

    def tops_task(self, one: Relative) -> str:
        """The task of the top run from which a descendant comes; "" for the top run itself."""
        by_folder = {relative.folder.path: relative for relative in self.relatives}
        while one.kin.level > 1 and one.kin.origin is not None:
            one = by_folder[one.kin.origin.folder.path]
        return one.kin.origin.task if one.kin.level == 1 and one.kin.origin else ""
