"""Performs Validate: takes what the worker left as a commit and judges it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from swarmskill.core.effects import Validate
from swarmskill.core.events import Validated
from swarmskill.core.manifest import is_glob
from swarmskill.core.state import State
from swarmskill.mayor.context import RunContext
from swarmskill.mayor.debris import sweep
from swarmskill.model import Check, CheckKind, CheckResult, Task, Verdict
from swarmskill.places import attempt_key
from swarmskill.records import dataclass
from swarmskill.repo.changes import added_text, changes, tree_has
from swarmskill.repo.git import GitFailed
from swarmskill.repo.integrate import keep_attempt
from swarmskill.repo.message import commit_message
from swarmskill.repo.setup import setup_paths
from swarmskill.repo.snapshot import snapshot
from swarmskill.validation.commands import Ran, RunCommand
from swarmskill.validation.contract import judge, judge_merged
from swarmskill.validation.evidence import LogFor, check_again, gather


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges attempts by their diff and by checks that we run ourselves."""

    run: RunContext

    def validate(self, effect: Validate, state: State) -> Validated:
        """Make the task's checks on what the worker left in its worktree."""
        task, worktree = state.graph.task(effect.task), Path(effect.worktree)
        sweep(self.run.repository, worktree, state.tasks[effect.task].agent)
        verdict, commit = self._judge(effect, task, worktree)
        return Validated(at=time.time(), task=effect.task, attempt=effect.attempt, verdict=verdict, commit=commit)

    def judge_merged(self, task: Task, attempt: int, checks: Sequence[Check], folder: Path, commit: str) -> Verdict:
        """Make one task's `checks` in `folder`, a checkout of the merged result `commit`."""
        return self._merged(checks, folder, commit, self._runner(task, attempt), self._logs(task, attempt, merged=True))

    def judge_stack(self, checks: Sequence[Check], folder: Path, commit: str, number: int) -> Verdict:
        """Make run-wide `checks` for several tasks at once; `number` tells this session's stacks apart.

        The commands see no task's id, for what they find is about all of them.
        """
        session = self.run.commands.session
        return self._merged(
            checks, folder, commit, self._run_with({}), lambda one: self.run.folder.stack_log(session, number, one)
        )

    def _merged(self, checks: Sequence[Check], folder: Path, commit: str, run: RunCommand, log: LogFor) -> Verdict:
        def has(path: str) -> bool:
            return tree_has(self.run.repository, commit, path)

        return judge_merged(checks, check_again(checks, folder, run=run, tree_has=has, log=log))

    def _judge(self, effect: Validate, task: Task, worktree: Path) -> tuple[Verdict, str]:
        repository, run_id = self.run.repository, self.run.folder.run_id
        message = commit_message(task, run_id, effect.attempt)
        literal = tuple(entry for entry in task.files if not is_glob(entry))
        listed = self.run.config.list_file
        left_out = (*setup_paths(self.run.config.worktree), *((listed,) if listed else ()))
        try:
            with self.run.no_gc:
                taken = snapshot(
                    repository,
                    worktree,
                    effect.base,
                    message,
                    extra_paths=literal,
                    left_out=left_out,
                    ignore_files=self.run.guard.ignore_files(),
                )
                keep_attempt(repository, run_id, attempt_key(task.id, effect.attempt), taken.commit)
        except GitFailed as error:
            if error.no_room or not repository.is_readable(effect.base):
                raise  # not the worktree: nothing can be judged here until there is room, or the repository is mended
            # Workers can wreck their worktree; that is their failure, not the run's.
            return _unreadable(f"the worktree cannot be read: {error.message}"), ""
        commit = taken.commit
        if taken.nested:
            return _unreadable(
                "git repositories inside the worktree cannot be committed: " + ", ".join(taken.nested)
            ), commit
        if taken.problems:
            return _unreadable("git could not take all that was left: " + "; ".join(taken.problems)), commit
        evidence = gather(
            task,
            worktree,
            changes(repository, taken.entries),
            added_text(repository, effect.base, commit) if taken.entries else (),
            run=self._runner(task, effect.attempt),
            tree_has=lambda path: tree_has(repository, commit, path),
            log=self._logs(task, effect.attempt, merged=False),
            max_file_bytes=self.run.config.max_file_bytes,
            artifacts=effect.end.result.artifacts if effect.end.result else (),
        )
        return judge(task, effect.end, evidence, self.run.config.isolation), commit

    def _runner(self, task: Task, attempt: int) -> RunCommand:
        return self._run_with({"task_id": task.id, "attempt": str(attempt)})

    def _run_with(self, named: Mapping[str, str]) -> RunCommand:
        environment = self.run.worker_variables(**named)

        def run(argv: Sequence[str], *, cwd: Path, timeout: float, log: Path) -> Ran:
            return self.run.commands.run(argv, environment, cwd=cwd, timeout=timeout, log=log)

        return run

    def _logs(self, task: Task, attempt: int, *, merged: bool) -> LogFor:
        key = attempt_key(task.id, attempt)
        return lambda number: self.run.folder.check_log(key, number, merged=merged)


def _unreadable(detail: str) -> Verdict:
    """The verdict on work that cannot be taken as it was left."""
    return Verdict(failed=CheckResult(kind=CheckKind.WORKTREE, name="worktree", passed=False, detail=detail))
