"""Performs Validate: takes what the worker left as a commit and judges it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from swarmskill.core.effects import Validate
from swarmskill.core.events import Validated
from swarmskill.core.manifest import is_glob
from swarmskill.core.state import State
from swarmskill.mayor.context import RunContext
from swarmskill.model import CheckKind, CheckResult, Task, Verdict
from swarmskill.places import attempt_key
from swarmskill.repo.changes import added_text, changes, snapshot, tree_has
from swarmskill.repo.git import GitFailed
from swarmskill.repo.message import commit_message
from swarmskill.validation.contract import judge
from swarmskill.validation.evidence import CommandEnd, RunCommand, gather


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges attempts by their diff and by checks that we run ourselves."""

    run: RunContext

    def validate(self, effect: Validate, state: State) -> Validated:
        """Make the task's checks on the worker's worktree."""
        task, worktree = state.graph.task(effect.task), Path(effect.worktree)
        key = attempt_key(effect.task, effect.attempt)
        literal = tuple(entry for entry in task.files if not is_glob(entry))
        message = commit_message(task, self.run.folder.run_id, effect.attempt)
        try:
            commit = snapshot(self.run.repository, worktree, effect.base, message, extra_paths=literal)
        except GitFailed as error:
            failed = CheckResult(CheckKind.CLAIM, "worktree", False, f"the worktree cannot be read: {error}")
            return self._answer(effect, Verdict(failed=failed), "")
        self.run.repository.keep_attempt(self.run.folder.run_id, key, commit)
        evidence = gather(
            task,
            worktree,
            changes=changes(self.run.repository, effect.base, commit),
            added=added_text(self.run.repository, effect.base, commit),
            tree_has=lambda path: tree_has(self.run.repository, commit, path),
            run=self.checker(task, effect.attempt, merged=False),
            max_file_bytes=self.run.config.max_file_bytes,
        )
        return self._answer(effect, judge(task, effect.end, evidence), commit)

    def checker(self, task: Task, attempt: int, *, merged: bool) -> RunCommand:
        """Runs the commands of checks with the task's environment and a log for each."""
        key = attempt_key(task.id, attempt)
        environment = self.run.worker_variables(task_id=task.id, attempt=str(attempt))
        numbers = iter(range(1, 1_000_000))

        def run(argv: tuple[str, ...], folder: Path, timeout: float) -> CommandEnd:
            log = self.run.folder.check_log(key, next(numbers), merged=merged)
            return self.run.commands.run(argv, folder, environment, log=log, timeout=timeout)

        return run

    def _answer(self, effect: Validate, verdict: Verdict, commit: str) -> Validated:
        return Validated(at=time.time(), task=effect.task, attempt=effect.attempt, verdict=verdict, commit=commit)
