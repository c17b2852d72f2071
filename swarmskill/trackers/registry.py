"""Which trackers there are: our own by this table, others by entry points of installed packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from swarmskill.errors import UsageError
from swarmskill.trackers.base import MakeTracker, Tracker

BUILT_IN = {
    "ratchet": "swarmskill.trackers.ratchet",
    "beads": "swarmskill.trackers.beads",
    "github": "swarmskill.trackers.github",
    "checkbox": "swarmskill.trackers.checkbox",
    "status": "swarmskill.trackers.status",
}
"""Name -> module, whose `make` makes it. One line for each tracker."""

GROUP = "swarmskill.trackers"
"""Entry points of this group in other packages name a MakeTracker: `mine = "mypackage.tracker:make"`."""


def find_tracker(name: str, options: Mapping[str, str]) -> Tracker:
    """The tracker of that name. A built-in one wins over an entry point of the same name.

    Raises UsageError, naming the nearest and all known ones, or the package that cannot be loaded, or the
    option that the tracker does not take.
    """
    return _maker(name)(options)


def tracker_names() -> list[str]:
    """The names of all trackers, built-in ones first."""
    from importlib.metadata import entry_points

    others = {entry.name for entry in entry_points(group=GROUP)} - BUILT_IN.keys()
    return [*BUILT_IN, *sorted(others)]


def _maker(name: str) -> MakeTracker:
    if name in BUILT_IN:
        made: MakeTracker = import_module(BUILT_IN[name]).make
        return made
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=name):
        try:
            loaded: MakeTracker = entry.load()
        except Exception as error:
            raise UsageError(
                f"tracker {name!r} ({entry.value}) cannot be loaded: {error}",
                hint=f"update or remove the package {entry.dist.name if entry.dist else 'that offers it'}",
            ) from error
        return loaded
    import difflib

    known = tracker_names()
    near = difflib.get_close_matches(name, known, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"no tracker is called {name!r}", hint=f"{question}there are: {', '.join(known)}")
