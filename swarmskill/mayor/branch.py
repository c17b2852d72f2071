"""The run branch as the mayor knows it: what stands in the ref is believed only if the mayor put it there.

Workers share the repository, and some move or delete what they find. A commit that somebody else put on
the run branch was never checked: it is kept under a ref of its own and told, and the branch is put back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from swarmskill.places import ATTEMPT_PREFIX, branch_ref
from swarmskill.repo.integrate import advance, is_ancestor, keep_attempt
from swarmskill.repo.repository import Repository

_TRIES = 3


class RunBranch:
    """One run's branch. Any thread may use it; only one integrates."""

    def __init__(self, repository: Repository, run_id: str, head: str, say: Callable[[str], None]) -> None:
        """`head` is the last commit that the ledger knows."""
        self._repository = repository
        self._run_id = run_id
        self._ref = branch_ref(run_id)
        self._say = say
        self._lock = threading.Lock()
        self._tip = self._recorded(head)

    def tip(self) -> str:
        """The last commit that was integrated. Puts the branch right if somebody moved or deleted it."""
        with self._lock:
            for _ in range(_TRIES):
                found = self._repository.read_ref(self._ref)
                if found == self._tip or self._put_back(found):
                    break
            return self._tip

    def advance(self, commit: str) -> bool:
        """Move the branch from its tip to `commit`; False if somebody keeps moving it.

        What somebody else put there meanwhile counts for nothing, so the checks need not be made again. The commit
        is noted under a ref of ours first: so a mayor that is killed before it can tell the ledger is known to have
        checked it, and it is not collected if somebody deletes the branch.
        """
        with self._lock:
            keep_attempt(self._repository, self._run_id, TIP, commit)
            for _ in range(_TRIES):
                if advance(self._repository, self._ref, commit, self._tip):
                    self._tip = commit
                    return True
                found = self._repository.read_ref(self._ref)
                if found != self._tip:
                    self._put_back(found)
            return False

    def _recorded(self, head: str) -> str:
        """`head`, or what a mayor that was killed had checked on top of it and not told the ledger."""
        last = self._repository.read_ref(f"{ATTEMPT_PREFIX}{self._run_id}/{TIP}")
        found = self._repository.read_ref(self._ref)
        if last and last != head and found in ("", last) and is_ancestor(self._repository, head, last):
            return last
        return head

    def _put_back(self, found: str) -> bool:
        kept = keep_attempt(self._repository, self._run_id, f"{FOREIGN}{found[:12]}", found) if found else ""
        if not advance(self._repository, self._ref, self._tip, found or "0" * len(self._tip)):
            return False
        did = f"moved the run branch to {found[:12]}, unchecked; that is kept as {kept}" if found else "deleted it"
        self._say(f"warning: somebody {did}. The run branch is at {self._tip[:12]} again")
        return True


FOREIGN = "foreign-"
"""Prefix of the keys of commits that somebody else put on the run branch."""

TIP = "tip"
"""Key of the ref that holds the run branch's last commit. No attempt is called so: their keys end in a number."""
