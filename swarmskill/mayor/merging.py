"""Performs Integrate: brings an accepted attempt onto the run branch, which is always green.

One at a time, for each merge starts from the tip that the last one left. The user's checkout is
never touched: merges are made without a work tree, and a moved tip is checked in a worktree of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from swarmskill.core.effects import Integrate
from swarmskill.core.events import AttemptEvent, Integrated, IntegrationConflicted, IntegrationRejected
from swarmskill.core.state import State
from swarmskill.mayor.context import RunContext
from swarmskill.mayor.judging import Judge
from swarmskill.model import Check, CheckResult, Task, Verdict
from swarmskill.places import branch_ref
from swarmskill.repo.integrate import commit_tree, find_integrated, merge, tree_of
from swarmskill.repo.message import commit_message
from swarmskill.repo.worktree import SetupFailed
from swarmskill.validation.evidence import check_again

_MERGED = "merged"
"""Key of the worktree in which merged results are checked."""


@dataclass(slots=True)
class Merger:
    """Integrates attempts, one at a time."""

    run: RunContext
    judge: Judge

    def integrate(self, effect: Integrate, state: State) -> AttemptEvent:
        """Merge, check the merged result, move the run branch; or find that it was done already."""
        task = state.graph.task(effect.task)
        done = find_integrated(self.run.repository, self.run.folder.run_id, effect.base)
        if commit := done.get((effect.task, effect.attempt)):
            return Integrated(at=time.time(), task=effect.task, attempt=effect.attempt, commit=commit)
        while True:
            answer = self._try(effect, task, state)
            if answer is not None:
                return answer

    def _try(self, effect: Integrate, task: Task, state: State) -> AttemptEvent | None:
        """One try; None if somebody else moved the run branch meanwhile."""
        repository, run_id = self.run.repository, self.run.folder.run_id
        tip = repository.run_tip(run_id)
        moved = tip != effect.base
        if moved:
            merged = merge(repository, tip, effect.commit)
            if merged.conflicts:
                return IntegrationConflicted(
                    at=time.time(), task=effect.task, attempt=effect.attempt, paths=merged.conflicts
                )
            message = commit_message(task, run_id, effect.attempt)
            commit = commit_tree(repository, merged.tree, tip, message)
        else:
            commit = effect.commit
        failed, notes = self._check(effect, task, state, commit, moved=moved)
        if failed is not None:
            verdict = Verdict(failed=failed, notes=notes)
            return IntegrationRejected(at=time.time(), task=effect.task, attempt=effect.attempt, verdict=verdict)
        if not repository.advance(branch_ref(run_id), commit, tip):
            return None
        return Integrated(
            at=time.time(),
            task=effect.task,
            attempt=effect.attempt,
            commit=commit,
            merged=moved,
            verdict=Verdict(notes=notes),
        )

    def _check(
        self, effect: Integrate, task: Task, state: State, commit: str, *, moved: bool
    ) -> tuple[CheckResult | None, tuple[str, ...]]:
        checks = self._checks_of_merge(task, moved=moved)
        if not checks:
            return None, ()
        folder = self._folder(effect, state, commit, moved=moved)
        results = check_again(checks, folder, run=self.judge.checker(task, effect.attempt, merged=True))
        return next((result for result in results if not result.passed), None), ()

    def _checks_of_merge(self, task: Task, *, moved: bool) -> tuple[Check, ...]:
        """Run-wide checks are made here alone; the task's own again only on what it was not judged on."""
        own = tuple(check for check in task.checks if moved or check.cross_cutting)
        return (*own, *self.run.config.cross_cutting)

    def _folder(self, effect: Integrate, state: State, commit: str, *, moved: bool) -> Path:
        worker = state.tasks[effect.task].worker
        if not moved and worker is not None:
            return Path(worker.worktree)
        return self.run.worktrees.acquire(_MERGED, commit).path
