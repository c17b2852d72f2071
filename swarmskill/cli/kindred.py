"""The events of a whole family of runs, as they are and as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from swarmskill.cli.options import Recalled, is_tended

if TYPE_CHECKING:
    from pathlib import Path

    from swarmskill.core.events import Event

_LOOK_FOR_NEW = 1.0
"""Seconds between two looks for runs that were started meanwhile."""


def family_events(recalled: Recalled) -> Iterator[tuple[str, Event]]:
    """All events of a run and of those below it, each with its run's id, in the order of their times."""
    from swarmskill.lineage import read_family

    found = [(one.folder.run_id, event) for one in read_family(recalled.folder) for event in one.events]
    yield from sorted(found, key=lambda pair: pair[1].at)


def follow_family(recalled: Recalled) -> Iterator[tuple[str, Event]]:
    """The same, and those that come, until nobody is at work on any of the runs.

    The events of one run are in their order; a run that is started meanwhile joins with all its events.
    """
    from swarmskill.views.follow import POLL

    tails: dict[Path, _Tail] = {}
    looked = float("-inf")
    while True:
        if time.monotonic() - looked >= _LOOK_FOR_NEW:
            working, looked = _join(recalled, tails), time.monotonic()
        fresh = [pair for tail in tails.values() for pair in tail.read()]
        yield from sorted(fresh, key=lambda pair: pair[1].at)
        if not fresh and not working:
            return
        if not working:
            looked = float("-inf")  # look once more: the last events may have been a new run's beginning
        time.sleep(POLL)


class _Tail:
    def __init__(self, run_id: str, ledger: Path) -> None:
        from swarmskill.views.follow import LineTail

        self._run_id = run_id
        self._tail = LineTail(ledger)

    def read(self) -> Iterator[tuple[str, Event]]:
        from swarmskill.codec import BadLine, NewerVersion, decode_event

        for line in self._tail.lines():
            try:
                yield self._run_id, decode_event(line.encode())[1]
            except (BadLine, NewerVersion):
                continue


def _join(recalled: Recalled, tails: dict[Path, _Tail]) -> bool:
    """Begin to follow the runs that are new; whether anybody is at work on any."""
    from swarmskill.ledger import read_holder
    from swarmskill.lineage import family, read_relative

    working = False
    for kin in family(recalled.folder):
        tails.setdefault(kin.folder.path, _Tail(kin.folder.run_id, kin.folder.ledger))
        held = read_holder(kin.folder) is not None
        working = working or held or is_tended(kin.folder, read_relative(kin).state, held=False)
    return working
