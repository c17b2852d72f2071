"""What the keeper knows of one job that is not over. Imported by the keeper: standard library only."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from swarmskill.backends.joblog import JobLog
from swarmskill.backends.processes import identity
from swarmskill.backends.timers import Timer
from swarmskill.backends.wire import Message

EXITED, TIMED_OUT, STALLED, KILLED = "exited", "timed_out", "stalled", "killed"
"""How a job ends: the values of `model.Ending`, which is too heavy to import here."""


class Held:
    """One job that is not over."""

    __slots__ = (
        "cgroup",
        "cwd",
        "ending",
        "exit_code",
        "grace",
        "heard",
        "identity",
        "idle_timer",
        "log",
        "mark",
        "name",
        "owner",
        "pid",
        "pipe",
        "slots",
        "started_at",
        "survives",
        "sweeping",
        "timer",
        "watchers",
    )

    def __init__(self, fields: Mapping[str, Any], pid: int, pipe: int, log: JobLog, mark: int, at: float) -> None:
        self.name: str = fields["name"]
        self.cwd: str = fields["cwd"]
        self.cgroup: str = fields["cgroup"]
        """Its own, made for it; "" for none."""
        self.grace: float = fields["grace"]
        self.survives: bool = fields["survives"]
        self.pid = pid
        self.identity = identity(pid)
        self.mark = mark
        self.pipe = pipe
        self.log = log
        self.started_at = at
        self.ending = EXITED
        self.exit_code: int | None = None
        """None while the main process runs."""
        self.sweeping = False
        """The main process is gone, and what it left has been told to end."""
        self.timer: Timer | None = None
        """The next step towards the job's end: its time limit, then its grace, then blow after blow."""
        self.idle_timer: Timer | None = None
        self.heard = time.monotonic()
        """When the last byte of output came."""
        self.slots: list[int] = []
        """Open files that hold what the job shares with other runs."""
        self.owner: object = None
        self.watchers: set[Any] = set()

    @property
    def where(self) -> Message:
        """What names the job's process."""
        return {"name": self.name, "pid": self.pid, "identity": self.identity}
