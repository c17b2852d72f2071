"""Performs Integrate: brings accepted attempts onto the run branch, which is always green.

Attempts that wait are stacked and checked together; a stack that fails is bisected. The run branch moves to
the top of a stack in one step, and only when the checks passed there. The user's checkout is never touched:
merges are made without a work tree, and a merged result is checked in a worktree of its own.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from swarmskill.core.effects import Integrate
from swarmskill.core.events import AttemptEvent, Integrated, IntegrationConflicted, IntegrationRejected
from swarmskill.core.state import EMPTY, State
from swarmskill.mayor.bisection import bisect
from swarmskill.mayor.context import RunContext
from swarmskill.mayor.judging import Judge
from swarmskill.mayor.stacking import Key, Layer, Stack, Waiting, stack_up
from swarmskill.model import Check, CheckKind, CheckResult, Phase, Task, Verdict
from swarmskill.repo.git import GitFailed
from swarmskill.repo.integrate import find_integrated, keep_attempt
from swarmskill.repo.setup import SetupFailed

MERGED = "merged"
"""Key of the worktree in which merged results are checked, and of the ref that holds the last one."""


class _Closed(Exception):
    """The mayor lets go: what the checks say now means nothing."""


class Merger:
    """Integrates attempts. Any thread may `add` or `close`; one thread at a time may `work`."""

    def __init__(self, run: RunContext, judge: Judge, receive: Callable[[AttemptEvent], None]) -> None:
        self._run = run
        self._judge = judge
        self._receive = receive
        self._queue: deque[Waiting] = deque()
        self._state = EMPTY
        self._told: set[Key] = set()
        self._tip = ""
        """Of the run branch, when this mayor last knew all that was on it."""
        self._stacks = itertools.count(1)
        self._closed = threading.Event()

    def add(self, effect: Integrate, state: State) -> None:
        """Let an attempt wait until `work` answers it, by exactly one event."""
        worker = state.tasks[effect.task].worker
        self._state = state
        self._queue.append(Waiting(effect, state.graph.task(effect.task), Path(worker.worktree) if worker else None))

    def work(self) -> None:
        """Integrate all that waits, in order. Raises Refused (git, the run branch is gone) and OSError."""
        try:
            while batch := self._take():
                self._settle(batch)
        except _Closed:
            return

    def close(self) -> None:
        """Let `work` stop at the next boundary. From now on it answers nothing and leaves the run branch alone."""
        self._closed.set()

    def _take(self) -> list[Waiting]:
        batch: list[Waiting] = []
        while self._queue and len(batch) < self._run.config.merge_batch:
            batch += self._untold([self._queue.popleft()])
        return batch

    def _untold(self, attempts: Sequence[Waiting]) -> list[Waiting]:
        return [one for one in attempts if one.key not in self._told]

    def _settle(self, batch: list[Waiting]) -> None:
        """Answer the batch. What does not merge with others of it goes on waiting, but is the next to be taken."""
        for group in self._groups(batch):
            bisect(group, self._lands)
        self._queue.extendleft(reversed(self._untold(batch)))

    def _groups(self, batch: list[Waiting]) -> list[list[Waiting]]:
        """The batch, but what lands without a check does not wait for the checks of the others."""
        head, *rest = batch
        moved = self._known_tip() != head.effect.base
        return [batch] if self._checks(head.task, moved=moved) or not rest else [[head], rest]

    def _lands(self, group: Sequence[Waiting]) -> bool:
        """Bring these onto the run branch together, if the checks pass; one that fails alone is rejected."""
        while True:
            stack = self._stack(group)
            if not stack.layers:
                return True
            verdict = self._verdict(stack)
            if self._closed.is_set():
                raise _Closed
            if not verdict.accepted:
                if len(stack.layers) == 1:
                    self._reject(stack.layers[0].waiting, verdict)
                return False
            if self._run.branch.advance(stack.top):
                break  # else somebody moved the branch: once more on its new tip
        self._tip = stack.top
        at = time.time()
        for layer in stack.layers:
            self._integrated(layer.waiting.key, layer.commit, at, merged=layer.moved)
        return True

    def _stack(self, group: Sequence[Waiting]) -> Stack:
        """The attempts of the group that have no answer yet, on top of the run branch."""
        tip, repository, run_id = self._known_tip(), self._run.repository, self._run.folder.run_id
        try:
            with self._run.no_gc:
                stack = stack_up(repository, run_id, tip, self._untold(group))
                if stack.layers and stack.top != stack.layers[-1].waiting.effect.commit:
                    keep_attempt(repository, run_id, MERGED, stack.top)  # its checks may take long
        except GitFailed:
            if not self._reject_gone(group):
                raise
            return self._stack(group)
        for one, paths in stack.conflicting:
            task, attempt = one.key
            self._answer(IntegrationConflicted(at=time.time(), task=task, attempt=attempt, paths=paths))
        return stack

    def _reject_gone(self, group: Sequence[Waiting]) -> bool:
        """Reject what somebody dropped from the repository: a fresh attempt has to make it again."""
        is_readable = self._run.repository.is_readable
        gone = [one for one in self._untold(group) if not is_readable(one.effect.commit)]
        if not is_readable(self._state.base):
            return False  # nothing can be read: it is the repository that has to be mended
        for one in gone:
            detail = f"the attempt's commit {one.effect.commit[:12]} is gone from the repository"
            self._reject(
                one, Verdict(failed=CheckResult(kind=CheckKind.CLAIM, name="commit", passed=False, detail=detail))
            )
        return bool(gone)

    def _known_tip(self) -> str:
        """The run branch's tip. What a mayor brought there that died before it recorded it is told first.

        In the branch's order, since the last one told is the run's head.
        """
        tip = self._run.branch.tip()
        if tip != self._tip:
            found = find_integrated(self._run.repository, self._run.folder.run_id, self._state.base, tip)
            for key in reversed(found):
                task = self._state.tasks.get(key[0])
                if task and (task.phase, task.attempt) == (Phase.INTEGRATING, key[1]) and key not in self._told:
                    self._integrated(key, found[key], time.time())
            self._tip = tip
        return tip

    def _verdict(self, stack: Stack) -> Verdict:
        """Make the checks that the top of the stack needs: alone as one attempt's, else in the worktree for it."""
        layers, shared = stack.layers, self._run.config.cross_cutting
        if len(layers) == 1:
            return self._verdict_alone(layers[0])
        if not (shared or any(layer.waiting.task.checks for layer in layers)):
            return Verdict()
        return self._in_worktree(stack.top, lambda folder: self._verdict_together(stack, folder))

    def _verdict_alone(self, layer: Layer) -> Verdict:
        one = layer.waiting
        checks = self._checks(one.task, moved=layer.moved)
        if not checks:
            return Verdict()

        def make(folder: Path) -> Verdict:
            return self._judge.judge_merged(one.task, one.effect.attempt, checks, folder, layer.commit)

        return self._in_worktree(layer.commit, make) if layer.moved or one.worktree is None else make(one.worktree)

    def _verdict_together(self, stack: Stack, folder: Path) -> Verdict:
        """Every task's own checks, since all were made on other trees; the run-wide ones once."""
        for layer in stack.layers:
            if self._closed.is_set():
                raise _Closed
            one = layer.waiting
            verdict = self._judge.judge_merged(one.task, one.effect.attempt, one.task.checks, folder, stack.top)
            if not verdict.accepted:
                return verdict
        return self._judge.judge_stack(self._run.config.cross_cutting, folder, stack.top, next(self._stacks))

    def _in_worktree(self, commit: str, make: Callable[[Path], Verdict]) -> Verdict:
        worktrees = self._run.worktrees
        try:
            folder = worktrees.acquire(MERGED, commit).path
        except SetupFailed as error:
            detail = f"the merged result cannot be set up: {error.message}"
            return Verdict(failed=CheckResult(kind=CheckKind.CUSTOM, name="worktree", passed=False, detail=detail))
        try:
            return make(folder)
        finally:
            worktrees.release(folder)

    def _checks(self, task: Task, *, moved: bool) -> tuple[Check, ...]:
        """Run-wide checks are made here alone; the task's own once more on what they were not made on."""
        own = tuple(check for check in task.checks if moved or check.cross_cutting)
        return (*own, *self._run.config.cross_cutting)

    def _reject(self, one: Waiting, verdict: Verdict) -> None:
        task, attempt = one.key
        self._answer(IntegrationRejected(at=time.time(), task=task, attempt=attempt, verdict=verdict))

    def _integrated(self, key: Key, commit: str, at: float, *, merged: bool = False) -> None:
        self._answer(Integrated(at=at, task=key[0], attempt=key[1], commit=commit, merged=merged))

    def _answer(self, event: AttemptEvent) -> None:
        self._told.add((event.task, event.attempt))
        self._receive(event)
