"""Events as a stream of server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from swarmskill.codec import dump_json
from swarmskill.core.state import Stage
from swarmskill.places import RunFolder
from swarmskill.web.following import FamilyTail, Told
from swarmskill.web.shelf import Shelf

_POLL = 0.2
"""Seconds between two looks at the ledgers."""

_LOOK_AROUND = 2.0
"""Seconds between two looks for child runs, and at whether the run is over."""

_PULSE = 15.0
"""Seconds of silence after which a sign of life is sent: proxies end what is silent."""

_AT_ONCE = 50
"""Events that are sent in one piece."""

_RETRY = b"retry: 1000\n\n"
_OVER = b"event: over\ndata: {}\n\n"
_ALIVE = b": alive\n\n"


class Streams:
    """Streams of the events of runs. They end with the run or when `stopping` is set, whatever comes first."""

    def __init__(self, shelf: Shelf, stopping: asyncio.Event) -> None:
        self._shelf = shelf
        self._stopping = stopping

    async def begin(self, run_id: str, after: str) -> tuple[RunFolder, FamilyTail]:
        """Find the run. Raises KeyError if there is none, ValueError if `after` is no event id."""
        folder = await asyncio.to_thread(self._shelf.folder, run_id)
        return folder, await asyncio.to_thread(FamilyTail, folder, after)

    async def follow(self, begun: tuple[RunFolder, FamilyTail], *, stay: bool) -> AsyncIterator[bytes]:
        """The stream; with `stay` it goes on when the run is over."""
        folder, tail = begun
        yield _RETRY
        looked, spoke, over = 0.0, time.monotonic(), False
        while not self._stopping.is_set():
            if time.monotonic() - looked >= _LOOK_AROUND:
                over = not stay and await asyncio.to_thread(self._is_over, folder)
                await asyncio.to_thread(tail.find_children)
                looked = time.monotonic()
            told = await asyncio.to_thread(tail.read)
            for start in range(0, len(told), _AT_ONCE):
                yield b"".join(map(_frame, told[start : start + _AT_ONCE]))
                await asyncio.sleep(0)  # or nobody would notice that the reader has gone
            if told:
                spoke = time.monotonic()
                continue  # there may be more
            if over:  # it was so before the ledgers were read, so nothing can have been missed
                yield _OVER
                return
            if time.monotonic() - spoke >= _PULSE:
                yield _ALIVE
                spoke = time.monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _POLL)

    def _is_over(self, folder: RunFolder) -> bool:
        """Whether nobody is at work on it. Descendants are over before the worker that started them is."""
        seen = self._shelf.seen(folder)
        return not seen.held or seen.state.stage is Stage.OVER


def _frame(told: Told) -> bytes:
    # One line: line ends in texts are escaped in JSON.
    return f"id: {told.id}\ndata: {dump_json(told.document(), indent=False)}\n\n".encode()
