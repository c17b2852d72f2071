"""The runs of one repository, as their ledgers tell; what was read of a ledger once is not read again."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from swarmskill.core.budget import run_usage
from swarmskill.core.events import Event
from swarmskill.core.leftover import without_dead
from swarmskill.core.state import EMPTY, State
from swarmskill.core.transitions import step
from swarmskill.ledger import read_holder
from swarmskill.lineage import Kin, Relative, family
from swarmskill.material import gather_material
from swarmskill.mayor.accounts import Accounts
from swarmskill.mayor.assistant import is_tended
from swarmskill.places import RunFolder, run_ids, runs_folder
from swarmskill.records import dataclass
from swarmskill.views.base import Progresses
from swarmskill.views.kinship import Family
from swarmskill.views.outcome import counts, run_outcome, run_seconds
from swarmskill.views.page.html import live_html, report_html
from swarmskill.views.page.model import page_of
from swarmskill.views.page.shapes import LIVE, Page
from swarmskill.views.run_json import RunEntry, run_document, runs_document, tree_document, usage_row
from swarmskill.web.following import LedgerTail

_UNREADABLE = "its ledger cannot be read"
_MOST_KEPT = 40
"""Runs of which is kept what was read."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as it is now. `held` tells whether anybody is at work on it."""

    folder: RunFolder
    events: Sequence[Event]
    state: State
    held: bool


@dataclass(slots=True)
class _Book:
    """What was read of one run."""

    tail: LedgerTail
    events: list[Event] = field(default_factory=list)
    state: State = EMPTY
    accounts: Accounts | None = None
    page: tuple[int, bytes] | None = None
    """The page of a run that nobody is at work on, and how many events it was made from."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Shelf:
    """Reads runs for any number of threads. Run ids that are asked for must be whole."""

    def __init__(self, top: Path, common_dir: Path) -> None:
        self.top = top
        self._common_dir = common_dir
        self._books: OrderedDict[Path, _Book] = OrderedDict()
        self._lock = threading.Lock()

    def folder(self, run_id: str) -> RunFolder:
        """The run's folder. Raises KeyError if this repository has no such run."""
        if run_id not in run_ids(self._common_dir):
            raise KeyError(run_id)
        return RunFolder(runs_folder(self._common_dir) / run_id)

    def runs(self) -> dict[str, Any]:
        """All runs, newest first."""
        entries = [self._entry(self.folder(run_id)) for run_id in reversed(run_ids(self._common_dir))]
        return runs_document(entries, time.time())

    def seen(self, folder: RunFolder) -> Seen:
        """The run as it is now; a ledger that is damaged is read up to there."""
        book = self._book(folder)
        held = read_holder(folder) is not None  # asked first: a run that ends meanwhile is not called interrupted
        with book.lock:
            _read_on(book)
            return Seen(folder, tuple(book.events), without_dead(book.state), is_tended(folder, book.state, held=held))

    def run(self, run_id: str) -> dict[str, Any]:
        """One run, as `swarm status --json` tells it. Raises KeyError."""
        seen = self.seen(self.folder(run_id))
        return run_document(seen.state, seen.events, time.time(), held=seen.held)

    def tree(self, run_id: str) -> dict[str, Any]:
        """The run's tasks, and the runs that its workers started, theirs included. Raises KeyError."""
        seen, now = self.seen(self.folder(run_id)), time.time()
        whole = self._family(seen)
        return {
            **tree_document(seen.state, now, held=seen.held),
            "runs": [_relative_row(one, now) for one in whole.relatives],
            "total": usage_row(whole.usage(whole.top)),
        }

    def live(self, run_id: str) -> bytes:
        """The part of the run's page that changes. Raises KeyError."""
        seen = self.seen(self.folder(run_id))
        return live_html(self._page(seen, limits=LIVE, progress=self._progress(seen)))

    def report(self, run_id: str) -> bytes:
        """The run's report as a page. Raises KeyError."""
        seen = self.seen(self.folder(run_id))
        return report_html(
            self._page(seen, material=gather_material(seen.folder, self.top, seen.state, seen.events, os.environ))
        )

    def _page(self, seen: Seen, **more: Any) -> Page:
        found = self._family(seen)
        return page_of(seen.state, seen.events, time.time(), held=seen.held, family=found, linked=True, **more)

    def _entry(self, folder: RunFolder) -> RunEntry:
        seen = self.seen(folder)
        if not seen.events:
            return RunEntry(folder.run_id, None, seen.held, _UNREADABLE)
        return RunEntry(folder.run_id, seen.state, seen.held)

    def _family(self, seen: Seen) -> Family:
        """The run and all that its workers started."""
        return Family.of([self._relative(kin, seen) for kin in family(seen.folder)])

    def _relative(self, kin: Kin, top: Seen) -> Relative:
        seen = self.seen(kin.folder) if kin.level else top
        trouble = "" if seen.events else _UNREADABLE
        return Relative(kin, tuple(seen.events), seen.state, seen.held, trouble)

    def _progress(self, seen: Seen) -> Progresses:
        """What the workers are doing, by their own output."""
        if not seen.held:
            return {}
        book = self._book(seen.folder)
        with book.lock:
            book.accounts = book.accounts or Accounts(seen.folder, seen.state.config.prices)
            book.accounts.follow(seen.state)
            return book.accounts.progress()

    def _book(self, folder: RunFolder) -> _Book:
        with self._lock:
            book = self._books.pop(folder.path, None) or _Book(LedgerTail(folder.ledger))
            self._books[folder.path] = book
            while len(self._books) > _MOST_KEPT:
                self._books.popitem(last=False)
            return book


def _relative_row(one: Relative, now: float) -> dict[str, Any]:
    origin = one.kin.origin
    parent = None if origin is None or not one.kin.level else origin
    return {
        "run_id": one.folder.run_id,
        "level": one.kin.level,
        "parent": parent and {"run_id": parent.folder.run_id, "task": parent.task, "attempt": parent.attempt},
        "outcome": run_outcome(one.state, held=one.held).value,
        "seconds": round(run_seconds(one.state, now), 3),
        "tasks": len(one.state.tasks),
        "counts": counts(one.state),
        "used": usage_row(run_usage(one.state)),
    }


def _read_on(book: _Book) -> None:
    while new := book.tail.read():
        for _, event in new:
            book.events.append(event)
            book.state, _ = step(book.state, event)
