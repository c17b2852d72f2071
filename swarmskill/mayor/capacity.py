"""Starts that need a slot which several runs share, those of one user or of one repository, stand in line here.

A run that is nobody's child needs a slot for each worker. A child run has one of its own beside the shared ones:
it works for a worker that holds a slot already, and a limit that all its elders use up would make both wait for ever.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from swarmskill.backends.slots import SlotFolder, Ticket, let_go
from swarmskill.config import RunConfig
from swarmskill.core import events as ev
from swarmskill.core.effects import Recall, Spawn
from swarmskill.core.state import State
from swarmskill.errors import Refused
from swarmskill.places import RunFolder
from swarmskill.records import dataclass

_LOOK = 0.25
"""Seconds between two looks whether a slot is free: no one tells."""

_POLITE = 1.0
"""Seconds for which a free slot is left to those who waited longer."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Slots that are held until the worker's holder has them: open files and their paths."""

    files: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()

    def close(self) -> None:
        """Let go; whoever the slots were handed to has them still."""
        let_go(self.files)


NO_LEASE = Lease()


class Slots:
    """The slots that the workers of one run need, by the limits that hold now."""

    def __init__(self, folder: RunFolder, common_dir: Path, environment: Mapping[str, str]) -> None:
        self._repository = common_dir / "swarm" / "slots"
        self._user = user_slots(environment)
        nested = bool(environment.get("SWARM_RUN_ID") and environment.get("SWARM_TASK_ID"))
        self._own = SlotFolder(folder.path / "slots", 1, "this run") if nested else None
        self._free_since = 0.0
        self._tickets: list[tuple[SlotFolder, Ticket]] = []

    def shared(self, config: RunConfig) -> list[SlotFolder]:
        """Where a worker of the run needs a slot. Raises OSError."""
        limits = (
            (self._user, config.max_workers_per_user, "this user"),
            (self._repository, config.max_workers_per_repo, "this repository"),
        )
        folders = [SlotFolder(path, limit, whose) for path, limit, whose in limits if limit is not None]
        for folder in folders:
            folder.make()
        return folders

    def claim(self, config: RunConfig) -> Lease | str:
        """A slot of each kind, or which one is missing. Who waited longer goes first. Raises OSError."""
        folders = self.shared(config)
        if not folders:
            return NO_LEASE
        if self._own is not None:
            self._own.make()
            if own := self._own.claim():
                return Lease((own[0],), (own[1],))
        lease = _claim_all(folders)
        if isinstance(lease, str):
            self._free_since = 0.0
        elif self._gives_way(folders):
            lease.close()
            lease = f"its turn for a slot of {folders[0].whose}"
        if isinstance(lease, str):
            self._queue_up(folders)
        else:
            self.leave_line()
        return lease

    def leave_line(self) -> None:
        """Wait no longer."""
        for _, ticket in self._tickets:
            ticket.close()
        self._tickets.clear()
        self._free_since = 0.0

    def _queue_up(self, folders: list[SlotFolder]) -> None:
        if not self._tickets:
            self._tickets = [(folder, folder.queue_up()) for folder in folders]

    def _gives_way(self, folders: list[SlotFolder]) -> bool:
        mine = {folder.whose: ticket for folder, ticket in self._tickets}
        if not any(folder.others_wait(mine.get(folder.whose)) for folder in folders):
            return False
        now = time.monotonic()
        self._free_since = self._free_since or now
        return now - self._free_since < _POLITE


class StartLine:
    """Starts workers as soon as there are slots for them, one after the other, from a thread of its own.

    Workers that are not `counted`, as no process of ours holds them, start at once.
    """

    def __init__(
        self,
        slots: Slots,
        find: Callable[[Spawn], bool],
        start: Callable[[Spawn, State, Lease], None],
        receive: Callable[[ev.Event | BaseException], None],
        *,
        counted: bool = True,
    ) -> None:
        self._slots = slots
        self._counted = counted
        self._find = find
        self._start = start
        self._receive = receive
        self._config = RunConfig()
        self._waiting: deque[tuple[Spawn, State]] = deque()
        self._told: set[tuple[str, int]] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def take(self, effect: Spawn | Recall, state: State) -> None:
        """Start a worker when there is room, at once where nothing is shared; or give a start up that still waits."""
        if isinstance(effect, Recall):
            self._withdraw(effect)
            return
        self._config = state.config
        limits = (state.config.max_workers_per_user, state.config.max_workers_per_repo)
        if not self._counted or limits == (None, None):
            self._start(effect, state, NO_LEASE)
            return
        with self._changed:
            self._waiting.append((effect, state))
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="slots", daemon=True)
                self._thread.start()

    def _withdraw(self, effect: Recall) -> None:
        with self._changed:
            left = [one for one in self._waiting if (one[0].task, one[0].attempt) != (effect.task, effect.attempt)]
            gone = len(left) < len(self._waiting)
            self._waiting = deque(left)
        if gone:
            self._receive(ev.SpawnWithdrawn(at=time.time(), task=effect.task, attempt=effect.attempt))

    def heard(self, _event: ev.Event, state: State) -> None:
        """The limits may be others from now on."""
        self._config = state.config

    def close(self) -> None:
        """Start nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            while self._next():
                pass
        except OSError as error:
            self._receive(_no_slots(error))
        except BaseException as error:  # the mayor ends by it
            self._receive(error)
        with suppress(OSError):
            self._slots.leave_line()

    def _next(self) -> bool:
        """Start the first in the line, or wait a bit; False when it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return False
            effect, state = self._waiting[0]
        lease = NO_LEASE if self._find(effect) else self._slots.claim(self._config)
        if isinstance(lease, str):
            self._tell(lease)
            time.sleep(_LOOK)
            return True
        with self._changed:
            granted = bool(self._waiting) and self._waiting[0][0] == effect
            if granted:
                self._waiting.popleft()
        if granted:
            self._start(effect, state, lease)
        else:
            lease.close()
        return True

    def _tell(self, reason: str) -> None:
        with self._changed:
            waiting = [effect for effect, _ in self._waiting]
        for effect in waiting:
            if (key := (effect.task, effect.attempt)) not in self._told:
                self._told.add(key)
                at = time.time()
                self._receive(ev.SpawnQueued(at=at, task=effect.task, attempt=effect.attempt, reason=reason))


def user_slots(environment: Mapping[str, str]) -> Path:
    """Where the slots of all runs of this user on this machine are; the folder need not be there."""
    cache = environment.get("XDG_CACHE_HOME", "")
    if not Path(cache).is_absolute():
        cache = str(Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache"))
    # A home that several machines share is no reason to share their slots.
    return Path(cache) / "swarm" / "slots" / (socket.gethostname() or "localhost")


def _claim_all(folders: list[SlotFolder]) -> Lease | str:
    files: list[int] = []
    paths: list[str] = []
    for folder in folders:
        slot = folder.claim()
        if slot is None:
            let_go(files)
            return f"a slot of {folder.whose} ({folder.in_use()} of {folder.limit} in use)"
        files.append(slot[0])
        paths.append(slot[1])
    return Lease(tuple(files), tuple(paths))


def _no_slots(error: OSError) -> Refused:
    where = f" {error.filename}" if error.filename else ""
    return Refused(
        f"the slots that runs share cannot be used:{where} {error.strerror or error}",
        hint="check its rights and the disk, or lift max_workers_per_user and max_workers_per_repo",
    )
