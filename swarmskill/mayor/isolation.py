"""Compares the main checkout before and after each worker, to hold it to its worktree.

A difference says what changed, not who changed it: the user is at work there, too. So it is noted
for every worker that lived meanwhile, and the verdict decides (`validation.contract`). Whatever
changes, what the user had is kept: before each worker the changed files of the checkout are put
aside as a commit, and nothing in the checkout is ever put back or overwritten by us.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from swarmskill.model import Isolation, Touch, WorkerResult
from swarmskill.places import attempt_ref
from swarmskill.repo.guard import IGNORED, Difference, Fingerprint, differences, fingerprint
from swarmskill.repo.integrate import keep_attempt
from swarmskill.repo.repository import Repository
from swarmskill.repo.snapshot import put_aside

PUT_ASIDE = "checkout-"
"""Prefix of the keys of commits that hold what the user had in the main checkout."""

_FRESH = 1.0
"""Seconds for which a look at the checkout also serves as the look before a worker's start."""

_LOG_PART = 4_000_000
"""Bytes of a worker's log that are searched for names of files, from each end."""


@dataclass(slots=True)
class _Watch:
    """What changed since a worker started, and the ref that keeps what was there before."""

    kept: str
    found: dict[str, Difference] = field(default_factory=dict)


class CheckoutGuard:
    """Watches one main checkout for one run. Any thread may use it."""

    def __init__(self, repository: Repository, run_id: str, isolation: Isolation) -> None:
        self._repository = repository
        self._run_id = run_id
        self._off = isolation is Isolation.OFF
        self._lock = threading.Lock()
        self._known: Fingerprint | None = None
        self._looking_since = 0.0
        self._looked_at = 0.0
        self._kept = ""
        self._watches: dict[str, _Watch] = {}

    def begin(self, key: str) -> None:
        """A worker is about to start. A worker that an earlier mayor started counts from now."""
        if self._off:
            return
        with self._lock:
            if key in self._watches:
                return
            if self._known is None or time.monotonic() - self._looked_at > _FRESH:
                self._look()
            self._watches[key] = _Watch(self._kept)

    def end(self, key: str) -> tuple[list[Difference], str]:
        """A worker has ended: what changed since its start, and the ref that holds what was there before."""
        ended = time.monotonic()
        with self._lock:
            watch = self._watches.get(key)
            if watch is None:
                return [], ""
            if self._looking_since < ended:  # else another worker's end had us look after this one's, too
                self._look()
            del self._watches[key]
        return list(watch.found.values()), watch.kept

    def refresh(self) -> None:
        """We changed the checkout ourselves: that is nobody's doing."""
        with self._lock:
            if self._known is not None:
                self._known = fingerprint(self._repository)

    def _look(self) -> None:
        self._looking_since = time.monotonic()
        now = fingerprint(self._repository)
        changed = differences(self._known, now) if self._known else []
        for watch in self._watches.values():
            watch.found.update({difference.what: difference for difference in changed})
        dirty = any(not state.startswith(IGNORED) for state in now.paths.values())
        if dirty and (self._known is None or any(difference.path for difference in changed)):
            self._keep()
        self._known, self._looked_at = now, time.monotonic()

    def _keep(self) -> None:
        commit = put_aside(self._repository)
        if commit:
            key = f"{PUT_ASIDE}{commit[:12]}"
            keep_attempt(self._repository, self._run_id, key, commit)
            self._kept = attempt_ref(self._run_id, key)


def touches(
    found: Iterable[Difference], top: Path, worktrees: Path, log: Path, result: WorkerResult | None
) -> Iterator[Touch]:
    """The differences with whether the worker names them: in its result, or by absolute path in its log."""
    said = _said(log).replace(str(worktrees).encode(), b"")
    claimed = set(result.artifacts) | set(result.files_changed) if result else set()
    for difference in found:
        name = str(top / difference.path) if difference.path else str(top)
        mentioned = name.encode("utf-8", "surrogateescape") in said or str(top / difference.path) in claimed
        yield Touch(what=difference.what, path=difference.path, named=mentioned)


def _said(log: Path) -> bytes:
    try:
        with log.open("rb") as file:
            head = file.read(_LOG_PART)
            file.seek(max(file.tell(), log.stat().st_size - _LOG_PART))
            return head + b"\n" + file.read(_LOG_PART)
    except OSError:
        return b""
