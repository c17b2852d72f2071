"""Which process is which: identities that outlive pids, families, and how to signal only the right one.

A pid alone says nothing: it is used again, after a reboot quickly. So processes are known by pid
and identity, and nothing is signalled by a pid whose identity was not just looked at.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable

LINUX = sys.platform.startswith("linux")

MARK_VARIABLE = "SWARM_JOB"
"""In every job's environment: the job's mark, by which its processes are found again."""

MARK_LIMIT = 10
"""RLIMIT_LOCKS. Linux has ignored it since 2.4.25, yet every child inherits it, and unlike the
environment no program ever clears it: the one mark that a daemon which left its session, its
parent and its environment behind still carries."""

_FORCE_ROUNDS = 20
_ROUND_WAIT = 0.01


class Process:
    """One row of the process table, as it was when it was read."""

    __slots__ = ("dead", "group", "parent", "pid", "session", "since")

    def __init__(self, pid: int, parent: int, group: int, session: int, since: str, *, dead: bool) -> None:
        self.pid = pid
        self.parent = parent
        self.group = group
        self.session = session
        self.since = since
        """When it started, in the system's own unit: equal for equal processes, nothing else."""
        self.dead = dead
        """A zombie: gone, but not yet waited for."""


def look(pid: int) -> Process | None:
    """The process of that pid now; None if there is none."""
    return _look_linux(pid) if LINUX else _look_portable(pid)


def identity(pid: int) -> str:
    """What tells the process from any other of that pid, on this boot or another; "" if it is gone."""
    process = look(pid)
    return f"{_boot()}.{process.since}" if process else ""


def is_alive(pid: int, known: str) -> bool:
    """Whether the very process of that identity runs. A zombie does not."""
    process = look(pid)
    return process is not None and not process.dead and f"{_boot()}.{process.since}" == known


def table() -> dict[int, Process]:
    """All processes that can be seen."""
    if LINUX:
        pids: Iterable[int] = (int(name) for name in os.listdir("/proc") if name.isdigit())
    else:
        import psutil

        pids = psutil.pids()
    return {pid: process for pid in pids if (process := look(pid))}


def descendants(processes: dict[int, Process], roots: Collection[int]) -> list[Process]:
    """The processes below the roots, without the roots."""
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    found: dict[int, Process] = {}
    todo = list(roots)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child.pid not in found and child.pid not in roots:
                found[child.pid] = child
                todo.append(child.pid)
    return list(found.values())


def family(processes: dict[int, Process], roots: Iterable[Process]) -> list[Process]:
    """The roots and all below them that are not dead, and never the process that asks."""
    top = {process.pid: process for process in roots}
    everyone = [*top.values(), *descendants(processes, top)]
    return [process for process in everyone if not process.dead and process.pid != os.getpid()]


def children() -> list[int]:
    """Pids of this process's own children, zombies included. Only for a process of one thread."""
    own = os.getpid()
    if LINUX:
        try:
            with open(f"/proc/{own}/task/{own}/children", "rb") as file:
                return [int(pid) for pid in file.read().split()]
        except OSError:
            pass  # a kernel without CONFIG_PROC_CHILDREN
    return [process.pid for process in table().values() if process.parent == own]


def mark_of(pid: int) -> int:
    """The mark of the job that the process came from; 0 if it has none that we may see."""
    if LINUX:
        limit = _locks_limit(pid)
        if limit:
            return limit
    return _mark_in_environment(pid)


def send(process: Process, number: int) -> bool:
    """Signal exactly this process; False if it is gone or not ours to signal."""
    if LINUX and hasattr(os, "pidfd_open"):
        return _send_pidfd(process, number)
    now = look(process.pid)
    if now is None or now.since != process.since:
        return False
    try:
        os.kill(process.pid, number)
    except OSError:
        return False
    return True


def kill_group(pid: int, known: str, number: int) -> bool:
    """Signal the whole process group that the process leads; False if that process is gone."""
    process = look(pid)
    if process is None or f"{_boot()}.{process.since}" != known or process.group != pid:
        return False
    try:
        os.killpg(pid, number)
    except OSError:
        return False
    return True


def strike(find: Callable[[], list[Process]]) -> bool:
    """KILL all that `find` finds; False if it found nothing.

    They are stopped first and looked for again, so that none can fork while the others are killed:
    that is what ends a fork bomb.
    """
    stopped: dict[int, Process] = {}
    for _ in range(_FORCE_ROUNDS):
        new = [process for process in find() if process.pid not in stopped]
        if not new:
            break
        for process in new:
            send(process, signal.SIGSTOP)
            stopped[process.pid] = process
    for process in stopped.values():
        send(process, signal.SIGKILL)
    return bool(stopped)


def kill_tree(find: Callable[[], list[Process]], *, limit: float = 5.0) -> bool:
    """KILL all that `find` finds, round after round until there is nothing; False after `limit` seconds."""
    give_up = time.monotonic() + limit
    while strike(find):
        if time.monotonic() > give_up:
            return False
        time.sleep(_ROUND_WAIT)  # they are not our children: nobody tells us that they are gone
    return True


def _send_pidfd(process: Process, number: int) -> bool:
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        now = look(process.pid)
        if now is None or now.since != process.since:
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _look_linux(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            line = file.read(2000)
    except OSError:
        return None
    # The name is in parentheses and may itself hold any byte, a parenthesis too.
    fields = line[line.rfind(b")") + 2 :].split()
    if len(fields) < 20:
        return None
    return Process(pid, int(fields[1]), int(fields[2]), int(fields[3]), fields[19].decode(), dead=fields[0] in b"ZXx")


def _look_portable(pid: int) -> Process | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            dead = process.status() == psutil.STATUS_ZOMBIE
            return Process(
                pid, process.ppid(), os.getpgid(pid), os.getsid(pid), f"{process.create_time():.3f}", dead=dead
            )
    except (psutil.Error, OSError):
        return None


_boot_name = ""


def _boot() -> str:
    """Names this boot and, as pids mean nothing outside it, the pid namespace."""
    global _boot_name
    if not _boot_name:
        _boot_name = _boot_linux() if LINUX else "boot"  # elsewhere the start time is absolute
    return _boot_name


def _boot_linux() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    return f"{boot}.{os.stat('/proc/self/ns/pid').st_ino}"


def _locks_limit(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/limits", "rb") as file:
            text = file.read()
    except OSError:
        return 0
    start = text.find(b"Max file locks")
    word = text[start + 14 : start + 60].split()[:1] if start >= 0 else []
    return int(word[0]) if word and word[0].isdigit() else 0


def _mark_in_environment(pid: int) -> int:
    try:
        if LINUX:
            with open(f"/proc/{pid}/environ", "rb") as file:
                words = file.read().split(b"\0")
            wanted = MARK_VARIABLE.encode() + b"="
            value = next((word[len(wanted) :].decode("ascii") for word in words if word.startswith(wanted)), "0")
        else:
            import psutil

            value = psutil.Process(pid).environ().get(MARK_VARIABLE, "0")
        return int(value)
    except Exception:
        return 0
