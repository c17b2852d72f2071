"""One worker's cgroup (version 2): made before it starts, left empty and removed when it is over.

Imported by the keeper: standard library only. What makes a place for these cgroups is `delegation`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

ROOT = "/sys/fs/cgroup"
"""Where the system's one tree of cgroups is, if it has no others (of version 1) beside it."""

MAYORS = "swarm-mayor"
"""The name of the mayor's own cgroup, beside those of its workers."""

OWN = "/proc/self/cgroup"
"""Tells in which cgroup of it this process is."""

_REMOVE_LIMIT = 0.2
"""Seconds for the last processes to be gone: only for such as nothing but their cgroup betrayed."""


def own_cgroup(root: str = ROOT, own: str = OWN) -> str:
    """The folder of the cgroup that this process is in. Raises OSError where there is no such tree."""
    with open(own, encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().splitlines()
    path = next((line[3:] for line in lines if line.startswith("0::")), None)
    if path is None or not os.path.exists(os.path.join(root, "cgroup.controllers")):
        raise FileNotFoundError(f"no cgroups of version 2 in {root}")
    return os.path.normpath(os.path.join(root, path.lstrip("/")))


def make_cgroup(path: str, limit: int) -> None:
    """Make a cgroup whose processes have `limit` bytes together, and die together if they want more.

    Raises OSError.
    """
    os.makedirs(path, exist_ok=True)
    write_control(path, "memory.max", str(limit))
    for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
        try:
            write_control(path, name, value)
        except OSError:
            pass  # a kernel that counts no swap, or is older than 4.19


@contextmanager
def inside(path: str, root: str = ROOT, own: str = OWN) -> Iterator[None]:
    """Be in the cgroup meanwhile: what is started belongs to it from its first instruction on.

    Only for a process of one thread. Raises OSError.
    """
    home = own_cgroup(root, own)
    write_control(path, "cgroup.procs", "0")
    try:
        yield
    finally:
        _return(home, os.path.join(os.path.dirname(path), MAYORS))


def _return(*places: str) -> None:
    """Go to the first of the places that is there. Whoever manages the first may remove it once nobody is in it."""
    for place in places:
        try:
            write_control(place, "cgroup.procs", "0")
        except OSError as error:
            # Without any we share the worker's limit: better than to lose the worker.
            print(f"cannot go back to {place}: {error}", file=sys.stderr, flush=True)
        else:
            return


def was_over(path: str) -> bool:
    """Whether the kernel killed any of its processes for going over the limit."""
    try:
        with open(os.path.join(path, "memory.events"), encoding="ascii") as file:
            counts = dict(line.split() for line in file)
    except (OSError, ValueError):
        return False
    return counts.get("oom_kill", "0") != "0"


def remove_cgroup(path: str) -> bool:
    """Remove the cgroup of a job that is over, and those that the job made in it; False if it is still there.

    A process that is left hid from everything else, and is killed.
    """
    give_up = time.monotonic() + _REMOVE_LIMIT
    while not remove_empty(path):
        try:
            if own_cgroup() == path:
                return False
            write_control(path, "cgroup.kill", "1")
        except OSError:
            return False  # older than 5.14
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)  # nobody tells us that they are gone
    return True


def remove_empty(path: str) -> bool:
    """Remove the cgroup, and those in it, if no process is in any; False if it is still there."""
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:
            return False
    return True


def write_control(path: str, name: str, value: str) -> None:
    """Write one of a cgroup's files. The kernel takes a value in one write. Raises OSError."""
    file = os.open(os.path.join(path, name), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, value.encode("ascii"))
    finally:
        os.close(file)
