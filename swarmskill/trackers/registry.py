"""Which trackers there are: our own by this table, others by entry points of installed packages."""

from __future__ import annotations

from collections.abc import Mapping

from swarmskill.plugins import Registry
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

_REGISTRY = Registry("tracker", GROUP, "make", BUILT_IN)


def find_tracker(name: str, options: Mapping[str, str]) -> Tracker:
    """The tracker of that name. A built-in one wins over an entry point of the same name.

    Raises UsageError, naming the nearest and all known ones, or the package that cannot be loaded, or the
    option that the tracker does not take.
    """
    make: MakeTracker = _REGISTRY.find(name)
    return make(options)


def tracker_names() -> list[str]:
    """The names of all trackers, built-in ones first."""
    return _REGISTRY.names()
