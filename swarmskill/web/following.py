"""The events of a family of runs as they come, each with an id from which a reader can go on.

An id tells for every run of the family the number of the last event that was seen: `12` for a run without
children, `12;20261121-1402-brave-otter=5` with one. So the server need not remember its readers.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from swarmskill.codec import BadLine, NewerVersion, decode_event, event_document
from swarmskill.core.events import Event
from swarmskill.lineage import family
from swarmskill.places import RunFolder
from swarmskill.records import dataclass

END = "end"
"""Instead of an id: only what comes from now on."""

_MANY = 2000
"""Lines that are read at once."""

_ID = re.compile(r"(\d+)((?:;[\w.-]+=\d+)*)")


@dataclass(frozen=True, slots=True)
class Told:
    """One event of one run; `id` is where a reader who has seen it goes on."""

    id: str
    run_id: str
    number: int
    event: Event

    def document(self) -> dict[str, Any]:
        """The event in the ledger's form, with its run and its number in that run's ledger."""
        return {"run_id": self.run_id, "n": self.number, **event_document(self.event)}


class LedgerTail:
    """New whole lines of a ledger, from the one after number `seen` on. A torn last line is never read."""

    def __init__(self, path: Path, seen: int = 0) -> None:
        self.seen = seen
        self._path = path
        self._offset = 0
        self._passed = 0
        self._damaged = False

    def read(self, most: int = _MANY) -> list[tuple[int, Event]]:
        """The numbers and events that came; none after a damaged line, as nothing there can be believed."""
        found: list[tuple[int, Event]] = []
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while not self._damaged and len(found) < most and (line := file.readline()).endswith(b"\n"):
                    self._offset += len(line)
                    self._passed += 1
                    if self._passed > self.seen:
                        found.append(decode_event(line[:-1]))
                        self.seen = self._passed
        except (BadLine, NewerVersion):
            self._damaged = True
        except OSError:
            pass  # it is not there yet, or no more
        return found

    def skip(self) -> None:
        """Go to the end without reading."""
        try:
            self.seen = self._path.read_bytes().count(b"\n")
        except OSError:
            self.seen = 0


class FamilyTail:
    """The events of a run and all its descendants, those that come to be meanwhile included."""

    def __init__(self, folder: RunFolder, after: str = "") -> None:
        """Go on after the id `after`; "" is the beginning. Raises ValueError for what is no id."""
        self._folder = folder
        self._seen = {} if after == END else parse_id(folder.run_id, after)
        self._tails: dict[str, LedgerTail] = {}
        self.find_children()
        if after == END:
            for tail in self._tails.values():
                tail.skip()

    def find_children(self) -> None:
        """Look for runs that were started meanwhile."""
        for kin in family(self._folder):
            run_id = kin.folder.run_id
            if run_id not in self._tails:
                self._tails[run_id] = LedgerTail(kin.folder.ledger, self._seen.get(run_id, 0))

    def read(self) -> list[Told]:
        """The events that came, in each run's own order and else by their time."""
        numbers = {run_id: tail.seen for run_id, tail in self._tails.items()}
        streams = [_stamped(run_id, tail.read()) for run_id, tail in self._tails.items()]
        told = []
        for _, run_id, number, event in heapq.merge(*streams, key=lambda one: one[0]):
            numbers[run_id] = number
            told.append(Told(format_id(self._folder.run_id, {**self._seen, **numbers}), run_id, number, event))
        return told


def format_id(run_id: str, numbers: Mapping[str, int]) -> str:
    """The id for these numbers by run; `run_id` is the run that was asked for."""
    others = (f";{name}={number}" for name, number in sorted(numbers.items()) if name != run_id and number)
    return f"{numbers.get(run_id, 0)}{''.join(others)}"


def parse_id(run_id: str, text: str) -> dict[str, int]:
    """The numbers by run that an id tells. Raises ValueError."""
    if not text:
        return {}
    found = _ID.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:80]!r} is no event id")
    others = (part.partition("=") for part in found[2].split(";")[1:])
    return {run_id: int(found[1])} | {name: int(number) for name, _, number in others}


def _stamped(run_id: str, events: list[tuple[int, Event]]) -> Iterator[tuple[float, str, int, Event]]:
    """The events with times that never go back within a run, so that merging keeps their order."""
    latest = 0.0
    for number, event in events:
        latest = max(latest, event.at)
        yield latest, run_id, number, event
