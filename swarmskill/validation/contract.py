"""PURE. The verdict on an attempt, from what its task demands, what the worker claims and what we saw.

Laws:

1. What was not seen does not count: a check without a result has failed.
2. The exit code and the evidence beat what the worker says.
3. The first failure decides, in this order: how the worker ended, its claim, the checks that are always
   made, the task's own checks in the order of CHECK_ORDER; for a task without checks the empty diff and then
   the artifacts that the worker names.
4. Run-wide (cross-cutting) checks are judged on the merged result, by `judge_merged`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from swarmskill.config import Isolation
from swarmskill.core.manifest import segments
from swarmskill.model import (
    CHECK_ORDER,
    Check,
    CheckKind,
    CheckResult,
    Claim,
    Ending,
    Evidence,
    Task,
    Touch,
    Trouble,
    Verdict,
    WorkerEnd,
)
from swarmskill.validation.scans import ALWAYS
from swarmskill.validation.tails import listed, one_line

ARTIFACTS: Final = "artifacts"
"""Name of the check that what the worker names exists."""

_NOT_OF_THE_WORK: Final = frozenset(
    {Trouble.BUDGET, Trouble.TURNS, Trouble.CONTEXT_FULL, Trouble.NETWORK, Trouble.RATE_LIMIT, Trouble.OVERLOADED}
)


def ordered_checks(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks in the order in which they are made: a task's own before run-wide ones."""
    return tuple(sorted(checks, key=lambda check: (check.cross_cutting, CHECK_ORDER.index(check.kind))))


def own_checks(task: Task) -> tuple[Check, ...]:
    """The checks that are made on an attempt by itself, in order."""
    return ordered_checks(check for check in task.checks if not check.cross_cutting)


def judge(task: Task, end: WorkerEnd, evidence: Evidence, isolation: Isolation = Isolation.EVIDENCE) -> Verdict:
    """Whether the attempt may be integrated, and what a report should flag."""
    empty = not evidence.changes
    failed = next(_failures(task, end, evidence, isolation), None)
    notes, made = tuple(_notes(task, end, evidence)), _made(evidence.results)
    return Verdict(failed=failed, empty=empty and failed is None, notes=notes, checks=made)


def judge_merged(checks: Iterable[Check], results: Sequence[CheckResult]) -> Verdict:
    """Whether the merged result passed all of `checks`: the task's own and the run-wide ones."""
    failed = next(_failed_checks(ordered_checks(checks), results), None)
    return Verdict(failed=failed, checks=_made(results))


def _made(results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """The checks of the task, small enough for a ledger: that the scans passed goes without saying."""
    own = (result for result in results if result.kind not in ALWAYS)
    return tuple(replace(result, output="") for result in own)


def _failures(task: Task, end: WorkerEnd, evidence: Evidence, isolation: Isolation) -> Iterator[CheckResult]:
    checks, results = own_checks(task), evidence.results
    yield from _end_problems(end)
    yield from _intrusions(task, end, evidence, isolation)
    for kind in ALWAYS:
        yield from _unless_passed(kind, kind.value, results)
    yield from _failed_checks(checks, results)
    if checks:
        return
    if not evidence.changes and not task.allow_empty:
        yield _failure(CheckKind.EMPTY, "nothing changed, and the task has no check that could prove this right")
    if end.result is not None and end.result.artifacts:
        yield from _unless_passed(CheckKind.CLAIM, ARTIFACTS, results)


def _end_problems(end: WorkerEnd) -> Iterator[CheckResult]:
    """What is wrong before any evidence. The core judges a worker's end too: this stands for other callers."""
    if end.ending is Ending.TIMED_OUT:
        yield _failure(CheckKind.TIMEOUT, f"timed out after {end.ended_at - end.started_at:.0f} s")
    if end.ending is not Ending.EXITED or (end.exit_code != 0 and not _ended_after_its_work(end)):
        yield _failure(CheckKind.EXIT, f"exit code {end.exit_code}")
    if end.result_problem:
        yield _failure(CheckKind.CLAIM, end.result_problem)
    if end.result is not None and end.result.status is Claim.BLOCKED:
        yield _failure(CheckKind.CLAIM, f"the worker says that it is blocked: {end.result.detail}")


def _ended_after_its_work(end: WorkerEnd) -> bool:
    """Whether a limit or its service ended the agent once it had left its result: that says nothing of the work."""
    problem = end.report.problem
    done = end.result is not None and end.result.status is Claim.DONE
    return done and problem is not None and problem.kind in _NOT_OF_THE_WORK


def _intrusions(task: Task, end: WorkerEnd, evidence: Evidence, isolation: Isolation) -> Iterator[CheckResult]:
    """Changes of the main checkout that speak against the worker.

    The user may be at work there, too, so a change alone proves nothing unless nobody else can have
    made it. What speaks against the worker: it names the file; its manifest names just this file and its
    own worktree has no change of it; or its worktree is as it was, so that its work must be elsewhere.
    """
    if isolation is Isolation.OFF:
        return
    idle = not (evidence.changes or task.allow_empty)
    unmade = {"/".join(segments(path)) for path in task.files} - {change.path for change in evidence.changes}
    guilty = [
        touch
        for touch in end.touched
        if not touch.harmless and (isolation is Isolation.STRICT or touch.named or idle or touch.path in unmade)
    ]
    if guilty:
        yield _failure(CheckKind.ISOLATION, one_line(f"changed the main checkout: {_touched(guilty, end)}", 1000))


def _touched(touches: Iterable[Touch], end: WorkerEnd) -> str:
    """What changed, and how to see what was there before."""
    touches = list(touches)
    kept = end.kept and any(touch.path for touch in touches)
    return listed([touch.what for touch in touches]) + (f"; as they were: git show {end.kept}:PATH" if kept else "")


def _failed_checks(checks: Sequence[Check], results: Sequence[CheckResult]) -> Iterator[CheckResult]:
    for index, check in enumerate(checks):
        same = sum((other.kind, other.name) == (check.kind, check.name) for other in checks[:index])
        yield from _unless_passed(check.kind, check.name, results, skip=same)


def _unless_passed(
    kind: CheckKind, name: str, results: Sequence[CheckResult], *, skip: int = 0
) -> Iterator[CheckResult]:
    """The failed result of that check; `skip` earlier ones of the same kind and name belong to other checks."""
    found = [result for result in results if (result.kind, result.name) == (kind, name)][skip:]
    if not found:
        yield CheckResult(kind=kind, name=name, passed=False, detail=f"{name}: this check was not made")
    elif not found[0].passed:
        yield found[0]


def _failure(kind: CheckKind, detail: str) -> CheckResult:
    return CheckResult(kind=kind, name=kind.value, passed=False, detail=detail)


def _notes(task: Task, end: WorkerEnd, evidence: Evidence) -> Iterator[str]:
    """What a report should flag, whatever the verdict."""
    if end.touched:
        yield f"meanwhile the main checkout changed: {_touched(end.touched, end)}"
    if not task.files:
        yield "no manifest"
    if not evidence.changes:
        yield "changed nothing"
    if end.exit_code != 0 and end.report.problem is not None:
        yield f"had left its result when its agent was ended: {one_line(end.report.problem.detail, 200)}"
    if end.result is None:
        if not end.result_problem and end.exit_code == 0:
            yield "no result file"
        return
    unchanged = _unchanged((*end.result.files_changed, *end.result.artifacts), evidence)
    if unchanged:
        yield f"claims files that did not change: {listed(unchanged)}"
    doubtful = _doubtful(end.result.evidence)
    if end.result.status is Claim.DONE and doubtful:
        yield f"claims to be done, but not that these passed: {listed(doubtful)}"


def _unchanged(claimed: Iterable[str], evidence: Evidence) -> list[str]:
    """The claimed paths that no change is at or below. Absolute ones may lie in the worktree, wherever that is."""
    changed = [change.path for change in evidence.changes]
    return [
        one_line(path, 200) for path in dict.fromkeys(claimed) if not any(_is_about(path, there) for there in changed)
    ]


def _is_about(claimed: str, changed: str) -> bool:
    if claimed.startswith("/"):
        return claimed.endswith("/" + changed)
    return f"{changed}/".startswith("/".join((*segments(claimed), "")))


def _doubtful(claimed: object) -> list[str]:
    """The checks that the worker's own evidence calls required, and does not show as passed."""
    if not isinstance(claimed, dict):
        return []
    required, checks = claimed.get("required_checks"), claimed.get("checks")
    if not isinstance(required, list):
        return []
    shown = checks if isinstance(checks, dict) else {}
    verdicts = {name: check.get("verdict") for name, check in shown.items() if isinstance(check, dict)}
    return [name for name in required if isinstance(name, str) and str(verdicts.get(name)).upper() != "PASS"]
