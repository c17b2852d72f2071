"""Whether workers can have cgroups of their own here, and a place for these.

A cgroup that has processes can have no children with a memory limit. So the cgroup that we are in is split: we go
into a child of it, the workers' become its other children. That takes one that is ours to change (delegated) and
in which nobody else is: nobody is moved who was not started by us. We never leave the cgroup that we were put into,
so whatever holds us (a limit of the user's, or of an outer worker) holds our workers, too.
"""

from __future__ import annotations

import os

from swarmskill.backends.cgroups import MAYORS, OWN, ROOT, own_cgroup, remove_empty, write_control
from swarmskill.backends.processes import LINUX, descendants, table
from swarmskill.records import dataclass

_FIX = "systemd-run --user --scope -p Delegate=yes swarm run ..."
"""How to start swarm in a cgroup that is its own."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The folder in which each worker can have a cgroup, "" for nowhere; `reason` tells why, `fix` what helps."""

    folder: str = ""
    reason: str = ""
    fix: str = ""


def survey_ground(root: str = ROOT, own: str = OWN) -> Ground:
    """Look whether workers can have cgroups. Changes nothing."""
    if not LINUX:
        return Ground(reason="only Linux has cgroups")
    try:
        home = own_cgroup(root, own)
        controllers = _words(home, "cgroup.controllers")
        ready = "memory" in _words(home, "cgroup.subtree_control")
        others = [] if ready else _others(home)
    except OSError as error:
        return Ground(reason=_reason(error))
    if "memory" not in controllers:
        return Ground(reason=f"{home} has no memory controller")
    locked = [name for name in ("", "cgroup.procs", "cgroup.subtree_control") if not _writable(home, name)]
    if locked:
        return Ground(reason=f"{os.path.join(home, locked[0])} is not ours to write", fix=_FIX)
    if others:
        return Ground(reason=f"others share its cgroup {home} (process {others[0]})", fix=_FIX)
    return Ground(home)


def settle_ground(root: str = ROOT, own: str = OWN) -> Ground:
    """Make the place, if it can be made: workers' cgroups may then be made in its folder."""
    ground = survey_ground(root, own)
    if not ground.folder:
        return ground
    home, child = ground.folder, os.path.join(ground.folder, MAYORS)
    try:
        if "memory" not in _words(home, "cgroup.subtree_control"):
            os.makedirs(child, exist_ok=True)
            for pid in _words(home, "cgroup.procs"):
                write_control(child, "cgroup.procs", pid)
            write_control(home, "cgroup.subtree_control", "+memory")
    except OSError as error:
        _go_back(home, child)
        return Ground(reason=_reason(error))
    return ground


def _go_back(home: str, child: str) -> None:
    """Undo what was done before the kernel said no."""
    try:
        for pid in _words(child, "cgroup.procs"):
            write_control(home, "cgroup.procs", pid)
    except OSError:
        return  # we stay in the child: that limits nothing
    remove_empty(child)


def _others(home: str) -> list[int]:
    """Processes in the cgroup that are neither us, nor started by us, nor what we were forked from."""
    processes = table()
    ours = {os.getpid(), *(process.pid for process in descendants(processes, [os.getpid()]))}
    words = _command_line(os.getpid())
    found = [int(pid) for pid in _words(home, "cgroup.procs")]
    return [pid for pid in found if pid not in ours and _command_line(pid) != words]


def _command_line(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _words(home: str, name: str) -> list[str]:
    with open(os.path.join(home, name), encoding="ascii") as file:
        return file.read().split()


def _writable(home: str, name: str) -> bool:
    return os.access(os.path.join(home, name), os.W_OK)


def _reason(error: OSError) -> str:
    return f"{error.filename}: {(error.strerror or '').lower()}" if error.filename else str(error)
