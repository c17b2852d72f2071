"""The verdict on an attempt."""

import ast
import importlib.util
from typing import Any

import pytest

from swarmskill.model import (
    AgentReport,
    Change,
    ChangeKind,
    Check,
    CheckKind,
    CheckResult,
    Claim,
    Ending,
    Evidence,
    Problem,
    Task,
    Trouble,
    Verdict,
    WorkerEnd,
    WorkerResult,
)
from swarmskill.validation.contract import judge, judge_merged, ordered_checks
from swarmskill.validation.scans import ALWAYS

CHANGED = (Change("src/a.py", ChangeKind.MODIFIED, 10), Change("src/b.py", ChangeKind.ADDED, 10))
TESTS = Check(kind=CheckKind.TESTS, name="tests", command="pytest")
LINT = Check(kind=CheckKind.LINT, name="lint", command="ruff check")


def task(*checks: Check, **more: Any) -> Task:
    return Task(id="3", subject="Login", files=("src",), checks=checks, **more)


def done(*artifacts: str, **more: Any) -> WorkerResult:
    return WorkerResult(status=Claim.DONE, artifacts=artifacts, **more)


def end(result: WorkerResult | None = None, problem: str = "", **more: Any) -> WorkerEnd:
    fields = {"ending": Ending.EXITED, "exit_code": 0, "started_at": 0.0, "ended_at": 60.0, **more}
    return WorkerEnd(result=result, result_problem=problem, **fields)


def evidence(
    *checks: Check, failed: CheckKind | None = None, changes: tuple[Change, ...] = CHANGED, extra: str = ""
) -> Evidence:
    made = [(kind, kind.value) for kind in ALWAYS] + [(check.kind, check.name) for check in checks]
    if extra:
        made.append((CheckKind.CLAIM, extra))
    results = [CheckResult(kind=kind, name=name, passed=kind is not failed, detail=kind) for kind, name in made]
    return Evidence(changes=changes, results=tuple(results))


def failed_kind(verdict: Verdict) -> CheckKind | None:
    return verdict.failed.kind if verdict.failed else None


def test_checks_are_made_cheapest_first_and_run_wide_ones_last() -> None:
    kinds = [CheckKind.CROSS_CUTTING, CheckKind.CUSTOM, CheckKind.COMMAND, CheckKind.TESTS, CheckKind.LINT]
    kinds += [CheckKind.CONTENT_CHECK, CheckKind.FILES_EXIST]
    checks = [Check(kind=kind, name=f"{kind} {number}") for number in (1, 2) for kind in kinds]
    run_wide = Check(kind=CheckKind.FILES_EXIST, name="all", cross_cutting=True)
    ordered = ordered_checks([run_wide, *checks])
    assert ordered[-1] is run_wide
    assert [check.kind for check in ordered[:-1:2]] == kinds[::-1]
    assert [check.name for check in ordered[:2]] == ["files_exist 1", "files_exist 2"]


def test_work_that_passes_everything_is_accepted() -> None:
    verdict = judge(task(TESTS, LINT), end(done("src/b.py")), evidence(TESTS, LINT))
    assert (verdict.failed, verdict.notes) == (None, ())
    assert [(check.kind, check.passed) for check in verdict.checks] == [(CheckKind.TESTS, True), (CheckKind.LINT, True)]


@pytest.mark.parametrize("kind", [*ALWAYS, CheckKind.LINT, CheckKind.TESTS])
def test_one_failed_check_rejects_with_that_check(kind: CheckKind) -> None:
    assert failed_kind(judge(task(TESTS, LINT), end(done()), evidence(LINT, TESTS, failed=kind))) is kind


def test_the_first_failure_in_order_decides() -> None:
    seen = evidence(LINT, TESTS, failed=CheckKind.LINT).results
    both = tuple(CheckResult(r.kind, r.name, r.kind not in (CheckKind.LINT, CheckKind.TESTS)) for r in seen)
    assert failed_kind(judge(task(TESTS, LINT), end(done()), Evidence(CHANGED, both))) is CheckKind.LINT
    nothing = tuple(CheckResult(r.kind, r.name, False) for r in seen)
    assert failed_kind(judge(task(TESTS, LINT), end(done()), Evidence(CHANGED, nothing))) is CheckKind.SCOPE
    assert failed_kind(judge(task(TESTS), end(None, "is no JSON"), Evidence(CHANGED, nothing))) is CheckKind.CLAIM


@pytest.mark.parametrize("position", range(6))
def test_a_check_that_was_not_made_has_failed(position: int) -> None:
    seen = evidence(LINT, TESTS)
    missing = seen.results[position]
    left = (*seen.results[:position], *seen.results[position + 1 :])
    verdict = judge(task(TESTS, LINT), end(done()), Evidence(CHANGED, left))
    assert verdict.failed == CheckResult(missing.kind, missing.name, False, f"{missing.name}: this check was not made")


def test_two_checks_of_one_name_need_two_results() -> None:
    twins = (TESTS, TESTS)
    assert judge(task(*twins), end(done()), evidence(*twins)).accepted
    assert failed_kind(judge(task(*twins), end(done()), evidence(TESTS))) is CheckKind.TESTS


def test_an_exit_code_beats_the_best_claim() -> None:
    assert failed_kind(judge(task(TESTS), end(done(), exit_code=1), evidence(TESTS))) is CheckKind.EXIT
    late = end(done(), ending=Ending.TIMED_OUT, exit_code=143)
    assert failed_kind(judge(task(TESTS), late, evidence(TESTS))) is CheckKind.TIMEOUT
    assert failed_kind(judge(task(TESTS), end(done(), ending=Ending.KILLED), evidence(TESTS))) is CheckKind.EXIT


def test_an_unreadable_result_file_is_a_failed_claim_with_the_reason() -> None:
    verdict = judge(task(TESTS), end(None, "the result file is not JSON"), evidence(TESTS))
    assert verdict.failed is not None
    assert (verdict.failed.kind, verdict.failed.detail) == (CheckKind.CLAIM, "the result file is not JSON")
    assert "no result file" not in verdict.notes


def test_a_blocked_worker_is_not_accepted() -> None:
    blocked = WorkerResult(status=Claim.BLOCKED, detail="no access")
    verdict = judge(task(TESTS), end(blocked), evidence(TESTS))
    assert verdict.failed is not None
    assert "no access" in verdict.failed.detail


def test_no_result_file_is_flagged_and_the_checks_decide() -> None:
    verdict = judge(task(TESTS), end(), evidence(TESTS))
    assert verdict.accepted
    assert verdict.notes == ("no result file",)
    assert failed_kind(judge(task(TESTS), end(), evidence(TESTS, failed=CheckKind.TESTS))) is CheckKind.TESTS


def test_an_empty_diff_completes_where_checks_pass_and_is_flagged() -> None:
    verdict = judge(task(TESTS), end(done()), evidence(TESTS, changes=()))
    assert (verdict.accepted, verdict.empty, verdict.notes) == (True, True, ("changed nothing",))


def test_an_empty_diff_without_checks_fails_unless_the_task_allows_it() -> None:
    empty = evidence(changes=())
    verdict = judge(task(), end(done()), empty)
    assert (failed_kind(verdict), verdict.empty) == (CheckKind.EMPTY, False)
    allowed = judge(task(allow_empty=True), end(done()), empty)
    assert (allowed.accepted, allowed.empty) == (True, True)


def test_run_wide_checks_do_not_prove_an_empty_diff() -> None:
    run_wide = Check(kind=CheckKind.TESTS, name="suite", command="pytest", cross_cutting=True)
    assert failed_kind(judge(task(run_wide), end(done()), evidence(changes=()))) is CheckKind.EMPTY


def test_without_checks_the_named_artifacts_must_have_been_seen() -> None:
    assert judge(task(), end(done("src/a.py")), evidence(extra="artifacts")).accepted
    unseen = judge(task(), end(done("src/a.py")), evidence())
    assert unseen.failed is not None
    assert (unseen.failed.kind, unseen.failed.name) == (CheckKind.CLAIM, "artifacts")
    absent = evidence(extra="artifacts", failed=CheckKind.CLAIM)
    assert failed_kind(judge(task(), end(done("src/a.py")), absent)) is CheckKind.CLAIM
    assert failed_kind(judge(task(allow_empty=True), end(done("x")), absent)) is CheckKind.CLAIM
    assert judge(task(TESTS), end(done("src/a.py")), evidence(TESTS)).accepted


def test_claimed_files_that_did_not_change_are_flagged() -> None:
    claimed = done("src/a.py", "./src//b.py", "src", "/tmp/w/src/a.py", files_changed=("src/c.py", "src/a", "c.py"))
    assert judge(task(TESTS), end(claimed), evidence(TESTS)).notes == (
        "claims files that did not change: src/c.py, src/a, c.py",
    )


def test_the_workers_own_evidence_is_flagged_where_it_shows_no_pass() -> None:
    own = {"required_checks": ["red_green", "full_suite", "x"], "checks": {"red_green": {"verdict": "PASS"}, "x": 1}}
    verdict = judge(task(TESTS), end(done(evidence=own)), evidence(TESTS))
    assert verdict.accepted
    assert verdict.notes == ("claims to be done, but not that these passed: full_suite, x",)
    odd_ones: list[dict[str, Any]] = [{"required_checks": 3}, {"required_checks": [1]}, {"checks": []}, {}]
    for odd in odd_ones:
        assert judge(task(TESTS), end(done(evidence=odd)), evidence(TESTS)).notes == ()


def test_an_absent_manifest_is_flagged() -> None:
    free = Task(id="1", subject="x", checks=(TESTS,))
    assert judge(free, end(done()), evidence(TESTS)).notes == ("no manifest",)


def test_a_merged_result_needs_every_check_the_run_wide_ones_too() -> None:
    run_wide = Check(kind=CheckKind.TESTS, name="suite", command="pytest", cross_cutting=True)
    results = [CheckResult(check.kind, check.name, True) for check in (TESTS, run_wide)]
    assert judge_merged([run_wide, TESTS], results).accepted
    assert failed_kind(judge_merged([run_wide, TESTS], results[:1])) is CheckKind.TESTS
    bad = CheckResult(run_wide.kind, run_wide.name, False, "exit code 1")
    assert judge_merged([run_wide, TESTS], [results[0], bad]).failed == bad


@pytest.mark.parametrize("name", ["contract", "scans", "credentials", "tails"])
def test_the_pure_modules_import_nothing_that_does_io(name: str) -> None:
    found = importlib.util.find_spec(f"swarmskill.validation.{name}")
    assert found is not None and found.origin is not None
    with open(found.origin, encoding="utf-8") as source:
        nodes = list(ast.walk(ast.parse(source.read())))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    pure = {"swarmskill.config", "swarmskill.model", "swarmskill.core.manifest"}
    pure |= {f"swarmskill.validation.{other}" for other in ("scans", "credentials", "tails")}
    assert imported <= pure | {"__future__", "collections.abc", "dataclasses", "re", "typing"}


@pytest.mark.parametrize("kind", Trouble)
def test_what_ends_an_agent_after_its_work_is_no_fault_of_the_work(kind: Trouble) -> None:
    report = AgentReport(problem=Problem(kind, "ended by it"))
    verdict = judge(task(TESTS), end(done("src/a.py"), exit_code=1, report=report), evidence(TESTS))
    outside = {"budget", "turns", "context_full", "network", "rate_limit", "overloaded"}
    assert failed_kind(verdict) is (None if kind in outside else CheckKind.EXIT)
    assert "had left its result when its agent was ended: ended by it" in verdict.notes
    assert failed_kind(judge(task(TESTS), end(exit_code=1, report=report), evidence(TESTS))) is CheckKind.EXIT
