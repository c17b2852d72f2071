"""What outlives the process that held it: how to get hold of it, and how to end it. Standard library only."""

from __future__ import annotations

import sys

from swarmskill.backends.journal import MARK_BITS, Journal
from swarmskill.backends.processes import LINUX, Process, family, is_alive, kill_tree, mark_of, table

_SET_CHILD_SUBREAPER = 36


def end_survivors(journal: Journal) -> None:
    """KILL the jobs that a keeper which died left behind, so that no two ever work in one worktree."""
    if not journal.open and not journal.bases:
        return
    bases = {base >> MARK_BITS for base in journal.bases}
    known = {int(str(start["pid"])): str(start["identity"]) for start in journal.open.values()}

    def survivors() -> list[Process]:
        processes = table()
        return family(
            processes,
            [
                process
                for pid, process in processes.items()
                if (pid in known and is_alive(pid, known[pid])) or mark_of(pid) >> MARK_BITS in bases
            ],
        )

    if not kill_tree(survivors):
        print("some processes of an earlier keeper cannot be killed", file=sys.stderr, flush=True)


def become_subreaper() -> None:
    """Make orphaned descendants our children (Linux)."""
    if LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
