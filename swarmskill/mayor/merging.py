"""Performs Integrate: brings an accepted attempt onto the run branch, which is always green.

One at a time, for each merge starts from the tip that the last one left. The user's checkout is
never touched: merges are made without a work tree, and a merged result is checked in a worktree
of its own.
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
from swarmskill.model import Check, CheckKind, CheckResult, Task, Verdict
from swarmskill.repo.git import GitFailed
from swarmskill.repo.integrate import commit_tree, find_integrated, keep_attempt, merge
from swarmskill.repo.message import commit_message

MERGED = "merged"
"""Key of the worktree in which merged results are checked, and of the ref that holds the last one."""


@dataclass(frozen=True, slots=True)
class Merger:
    """Integrates attempts, one at a time."""

    run: RunContext
    judge: Judge

    def integrate(self, effect: Integrate, state: State) -> AttemptEvent:
        """Merge, check the merged result, move the run branch; or find that this was done already."""
        commit = self._found(effect, state)
        if commit:
            return Integrated(at=time.time(), task=effect.task, attempt=effect.attempt, commit=commit)
        answer = None
        while answer is None:
            try:
                answer = self._try(effect, state)
            except GitFailed:
                repository = self.run.repository
                if repository.is_readable(effect.commit) or not repository.is_readable(self.run.branch.tip()):
                    raise
                answer = self._gone(effect)
        return answer

    def _gone(self, effect: Integrate) -> IntegrationRejected:
        """Somebody dropped the attempt's ref and collected its commit: a fresh attempt has to make it again."""
        detail = f"the attempt's commit {effect.commit[:12]} is gone from the repository"
        lost = CheckResult(kind=CheckKind.CLAIM, name="commit", passed=False, detail=detail)
        return IntegrationRejected(
            at=time.time(), task=effect.task, attempt=effect.attempt, verdict=Verdict(failed=lost)
        )

    def _found(self, effect: Integrate, state: State) -> str:
        """The attempt's commit, if an earlier mayor died between moving the run branch and recording it."""
        if state.session == 1:
            return ""
        found = find_integrated(self.run.repository, self.run.folder.run_id, effect.base, self.run.branch.tip())
        return found.get((effect.task, effect.attempt), "")

    def _try(self, effect: Integrate, state: State) -> AttemptEvent | None:
        """One try; None if somebody else moved the run branch meanwhile."""
        repository, run_id = self.run.repository, self.run.folder.run_id
        task, tip = state.graph.task(effect.task), self.run.branch.tip()
        commit, moved = effect.commit, tip != effect.base
        if moved or repository.signs:
            with self.run.no_gc:
                merged = merge(repository, tip, effect.commit)
                if merged.conflicts:
                    return IntegrationConflicted(
                        at=time.time(), task=effect.task, attempt=effect.attempt, paths=merged.conflicts
                    )
                commit = commit_tree(repository, merged.tree, tip, commit_message(task, run_id, effect.attempt))
                keep_attempt(repository, run_id, MERGED, commit)  # its checks may take long
        verdict = self._check(effect, state, task, commit, moved=moved)
        if not verdict.accepted:
            return IntegrationRejected(at=time.time(), task=effect.task, attempt=effect.attempt, verdict=verdict)
        if not self.run.branch.advance(commit):
            return None
        return Integrated(
            at=time.time(), task=effect.task, attempt=effect.attempt, commit=commit, merged=moved, verdict=verdict
        )

    def _check(self, effect: Integrate, state: State, task: Task, commit: str, *, moved: bool) -> Verdict:
        checks = self._checks(task, moved=moved)
        if not checks:
            return Verdict()
        worker = state.tasks[effect.task].worker
        folder = self.run.worktrees.acquire(MERGED, commit).path if moved or worker is None else Path(worker.worktree)
        return self.judge.judge_merged(task, effect.attempt, checks, folder, commit)

    def _checks(self, task: Task, *, moved: bool) -> tuple[Check, ...]:
        """Run-wide checks are made here alone; the task's own once more on what they were not made on."""
        own = tuple(check for check in task.checks if moved or check.cross_cutting)
        return (*own, *self.run.config.cross_cutting)
