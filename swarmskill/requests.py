"""What other commands ask of the mayor of a run: one file for each request, holding the event.

A request is on the disk until the mayor has recorded it in the ledger, so none is lost when the
mayor dies; one that is recorded twice changes nothing the second time (law 3 of the core).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from swarmskill.codec import BadLine, NewerVersion, decode_event, encode_event
from swarmskill.core.events import Event
from swarmskill.places import RunFolder
from swarmskill.writing import replace_file


def submit_request(folder: RunFolder, event: Event) -> Path:
    """Leave a request for the mayor, present or future. The caller wakes a present one."""
    path = folder.requests / f"{time.time_ns()}-{os.getpid()}.json"
    replace_file(path, encode_event(event, 0))
    return path


class RequestBox:
    """The mayor's side: takes requests and removes them once they are recorded."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._taken: list[Path] = []

    def take(self) -> list[Event]:
        """The requests that wait, oldest first. Those taken before are recorded by now and removed."""
        self.settle()
        events = []
        for path in sorted(self._folder.requests.glob("[0-9]*.json")):
            try:
                events.append(decode_event(path.read_bytes().rstrip(b"\n"))[1])
            except (OSError, BadLine, NewerVersion):
                continue
            self._taken.append(path)
        return events

    def settle(self) -> None:
        """Remove the requests that were taken: the ledger has them."""
        for path in self._taken:
            path.unlink(missing_ok=True)
        self._taken.clear()
