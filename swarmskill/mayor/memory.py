"""How workers are held to their memory limit: in a cgroup each where that can be, else by RLIMIT_DATA."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from swarmskill.backends.base import Job, JobEnd
from swarmskill.backends.cgroups import remove_empty
from swarmskill.backends.delegation import Ground, settle_ground
from swarmskill.backends.processes import LINUX
from swarmskill.config import MemoryGuard, MemoryLimit, RunConfig
from swarmskill.model import Ending, Task
from swarmskill.places import RunFolder
from swarmskill.records import dataclass
from swarmskill.views.marks import size_text
from swarmskill.writing import replace_file

_TAIL_BYTES = 16_384
_OUT_OF_MEMORY: Final = re.compile(
    rb"MemoryError|Cannot allocate memory|[Oo]ut of memory|OutOfMemory|bad_alloc|ENOMEM"
    rb"|[Aa]lloc\w* (?:of \d+ bytes )?failed|[Mm]emory ?[Ee]xhaust"
)
"""Last words of Python, C, node, Bun, Java, C++, and Rust."""

_SIGNALS: Final = {
    128 + number: name for number, name in ((4, "ILL"), (5, "TRAP"), (6, "ABRT"), (7, "BUS"), (11, "SEGV"))
}
"""How programs end that do not look whether they were given memory."""


@dataclass(frozen=True, slots=True)
class MemoryHold:
    """What holds the workers of one run; `folder` is where each can have a cgroup, "" for nowhere."""

    run_id: str
    guard: MemoryGuard
    folder: str = ""

    def limit(self, size: int | None) -> MemoryLimit | None:
        """The limit that a worker gets whom `size` is meant for: never more than we have ourselves."""
        if size is None or self.guard is MemoryGuard.NONE:
            return None
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        return MemoryLimit(size if hard == resource.RLIM_INFINITY else min(size, hard), self.guard)

    def hold(self, job: Job, limit: MemoryLimit | None) -> Job:
        """The job, held to the limit."""
        if limit is None:
            return job
        cgroup = f"{self.folder}/{_prefix(self.run_id)}{job.name}" if self.folder else ""
        return replace(job, memory=limit.size, cgroup=cgroup)


@contextmanager
def held_memory(
    folder: RunFolder, config: RunConfig, tasks: Iterable[Task], say: Callable[[str], object], *, hosted: bool
) -> Iterator[MemoryHold]:
    """Find out what will hold workers, and if any has a limit make it ready and say which it is.

    To be entered before anything is started that is to hold workers. An assistant's (`hosted`) are not held. What dead
    keepers left of cgroups is removed, now and at the end.
    """
    clear_cgroups(folder)
    try:
        yield _settle(folder, config, tasks, say, hosted=hosted)
    finally:
        clear_cgroups(folder)


def _settle(
    folder: RunFolder, config: RunConfig, tasks: Iterable[Task], say: Callable[[str], object], *, hosted: bool
) -> MemoryHold:
    wanted = config.max_memory is not None or any(task.max_memory is not None for task in tasks)
    if hosted or not LINUX:
        if wanted and not hosted:
            say(
                "warning: nothing holds workers to their memory limits: "
                "this system has no cgroups, and RLIMIT_DATA means nothing to it"
            )
        return MemoryHold(folder.run_id, MemoryGuard.NONE)
    ground = settle_ground() if wanted else Ground()
    if ground.folder:
        # Each mayor may have another: what is still in an earlier one is gone only later.
        known = dict.fromkeys([*_grounds(folder), ground.folder])
        replace_file(folder.cgroups, "".join(f"{one}\n" for one in known).encode("utf-8", "surrogateescape"))
    if wanted:
        say(guard_text(ground))
    return MemoryHold(folder.run_id, MemoryGuard.CGROUP if ground.folder else MemoryGuard.RLIMIT, ground.folder)


def guard_text(ground: Ground) -> str:
    """What holds workers, as the start of a run tells it."""
    if ground.folder:
        return "memory limits: by cgroup, for all processes of a worker together"
    by_process = "memory limits: by RLIMIT_DATA, for each process of a worker by itself, as there is no cgroup"
    return f"{by_process}: {ground.reason}" + (f"; for all together: {ground.fix}" if ground.fix else "")


def clear_cgroups(folder: RunFolder) -> None:
    """Remove what mayors and keepers of the run that died left of cgroups, where no process is left."""
    for ground in _grounds(folder):
        for left in Path(ground).glob(f"{_prefix(folder.run_id)}*"):
            remove_empty(str(left))


def over_text(limit: MemoryLimit | None, end: JobEnd) -> str:
    """That a worker was killed for its memory limit, "" if that is not known."""
    return f"over its memory limit of {size_text(limit.size)}" if limit and end.over_memory and _failed(end) else ""


def hint_text(limit: MemoryLimit | None, end: JobEnd, log: Path) -> str:
    """That a worker may have failed for its memory limit, where nobody can know; "" if nothing speaks for it."""
    if limit is None or limit.guard is not MemoryGuard.RLIMIT or not _failed(end):
        return ""
    words = _OUT_OF_MEMORY.search(_tail(log))
    sign = f'its log says "{words[0].decode()}"' if words else ""
    if not sign and end.exit_code in _SIGNALS:
        sign = f"signal {_SIGNALS[end.exit_code]} ended it"
    return f"its memory limit of {size_text(limit.size)} may be why: {sign}" if sign else ""


def _failed(end: JobEnd) -> bool:
    return end.ending is Ending.EXITED and end.exit_code != 0


def _tail(log: Path) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read()
    except OSError:
        return b""


def _grounds(folder: RunFolder) -> list[str]:
    try:
        return folder.cgroups.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []


def _prefix(run_id: str) -> str:
    return f"swarm-{run_id}-"
