"""Gathers the evidence: makes the checks, cheapest first, up to the first that fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from itertools import chain, count
from pathlib import Path
from typing import Final

from swarmskill.model import Change, Check, CheckKind, CheckResult, Evidence, Task
from swarmskill.records import dataclass
from swarmskill.validation import search
from swarmskill.validation.commands import Ran, RunCommand, argument_list, failure_of
from swarmskill.validation.contract import ARTIFACTS, ordered_checks, own_checks
from swarmskill.validation.files import TreeHas, absence, inside, is_inside, real_path
from swarmskill.validation.scans import AddedLine, scan
from swarmskill.validation.tails import clean, listed, tail

SEARCH_SECONDS: Final = 10.0
"""Time limit for one pattern of a content check."""

_LISTED_PATHS: Final = 5

LogFor = Callable[[int], Path]
"""The log file of the n-th command of one gathering, counted from 1; no number is asked for twice."""


def gather(
    task: Task,
    worktree: Path,
    changes: tuple[Change, ...],
    added: Iterable[AddedLine],
    *,
    run: RunCommand,
    tree_has: TreeHas,
    log: LogFor,
    max_file_bytes: int,
    artifacts: Sequence[str] = (),
) -> Evidence:
    """What an attempt's work shows: the checks that are always made, then the task's own.

    `changes` and `added` tell the difference between the attempt's base and its tree; `tree_has` asks
    that tree. `artifacts` are the paths that the worker claims: they must exist if the task has no
    checks. Stops at the first failure, so the last result is the only one that may have failed.
    """
    checks = own_checks(task)
    checker = _Checker(worktree, run, tree_has, log)
    always = scan(task.files, changes, added, max_file_bytes)
    claimed = checker.artifacts(() if checks else artifacts)
    return Evidence(changes=changes, results=_up_to_failure(chain(always, checker.make(checks), claimed)))


def check_again(
    checks: Iterable[Check], folder: Path, *, run: RunCommand, tree_has: TreeHas, log: LogFor
) -> tuple[CheckResult, ...]:
    """Make all of `checks`, run-wide ones too, on a merged result; stops at the first failure."""
    return _up_to_failure(_Checker(folder, run, tree_has, log).make(ordered_checks(checks)))


def _up_to_failure(made: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    results = []
    for result in made:
        results.append(result)
        if not result.passed:
            break
    return tuple(results)


@dataclass(frozen=True, slots=True)
class _Checker:
    """Makes single checks in one folder."""

    folder: Path
    run: RunCommand
    tree_has: TreeHas
    log: LogFor
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def make(self, checks: Sequence[Check]) -> Iterator[CheckResult]:
        """The checks' results, each made when it is asked for."""
        for check in checks:
            if check.kind is CheckKind.FILES_EXIST:
                yield _result(check, self._missing(check.paths))
            elif check.kind is CheckKind.CONTENT_CHECK:
                yield _result(check, self._unlike(check))
            else:
                yield self._command(check)

    def artifacts(self, paths: Sequence[str]) -> Iterator[CheckResult]:
        """Whether what the worker names exists; nothing if it names nothing."""
        if not paths:
            return
        problem = self._missing([inside(self.folder, path) for path in paths])
        detail = clean(f"the result file names artifacts that are not there: {problem}") if problem else ""
        yield CheckResult(kind=CheckKind.CLAIM, name=ARTIFACTS, passed=not problem, detail=detail)

    def _missing(self, paths: Iterable[str]) -> str:
        problems = (absence(self.folder, path, self.tree_has) for path in paths)
        return listed([problem for problem in problems if problem], _LISTED_PATHS)

    def _unlike(self, check: Check) -> str:
        for path in check.paths:
            problem = absence(self.folder, path, self.tree_has)
            real = real_path(self.folder, path) if is_inside(path) else None
            if problem or real is None:
                return problem or f"{path} leads out of the worktree through a symbolic link, or to nothing"
            for pattern in check.patterns:
                problem = self._not_found(pattern, real, check.timeout)
                if problem:
                    return f"{path}: {problem}: {pattern}"
        return ""

    def _not_found(self, pattern: str, file: str, timeout: float) -> str:
        try:
            if search.may_backtrack(pattern):
                found = self._found_by_child(pattern, file, min(timeout, SEARCH_SECONDS))
            else:
                found = search.is_in_file(pattern, file)
        except search.CannotSearch as error:
            return f"cannot be searched ({error})"
        return "" if found else "the pattern is not found"

    def _found_by_child(self, pattern: str, file: str, timeout: float) -> bool:
        argv = (sys.executable, "-I", "-S", search.__file__, json.dumps(pattern), file)
        ran, _ = self._run(argv, timeout)
        if ran.timed_out:
            raise search.CannotSearch(f"not done after {timeout:g} s: the pattern backtracks too much")
        if ran.cannot_start or ran.exit_code not in (0, 1):
            raise search.CannotSearch(ran.cannot_start or tail(ran.output, 400) or f"exit code {ran.exit_code}")
        return ran.exit_code == 0

    def _command(self, check: Check) -> CheckResult:
        try:
            argv = argument_list(check)
        except ValueError as error:
            return _result(check, f"`{check.command}` cannot be read as shell words: {error}")
        ran, log = self._run(argv, check.timeout)
        problem = failure_of(check, argv, ran)
        return CheckResult(
            kind=check.kind,
            name=check.name,
            passed=not problem,
            detail=clean(f"`{check.command}`: {problem}") if problem else "",
            output=tail(ran.output),
            log=str(log),
            seconds=ran.seconds,
            cross_cutting=check.cross_cutting,
        )

    def _run(self, argv: Sequence[str], timeout: float) -> tuple[Ran, Path]:
        log = self.log(next(self.numbers))
        return self.run(argv, cwd=self.folder, timeout=timeout, log=log), log


def _result(check: Check, problem: str) -> CheckResult:
    return CheckResult(
        kind=check.kind,
        name=check.name,
        passed=not problem,
        detail=clean(problem),
        cross_cutting=check.cross_cutting,
    )
