"""What is read out of a worker's result file, in its own form and in older ones."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmskill.model import Claim, WorkerResult
from swarmskill.validation.result_file import parse_result

WHOLE = {
    "schema_version": 1,
    "type": "completion",
    "task_id": "3",
    "status": "done",
    "detail": "Added the login endpoint",
    "artifacts": ["src/login.py"],
    "files_changed": ["src/login.py", "src/app.py"],
    "test_tail": "2 passed",
    "evidence": {"required_checks": ["full_suite"], "checks": {"full_suite": {"verdict": "PASS", "exit_code": 0}}},
}


def parsed(**fields: Any) -> WorkerResult:
    result, problem = parse_result(json.dumps(fields).encode(), "3")
    assert result is not None, problem
    assert problem == ""
    return result


def problem_of(data: bytes | dict[str, Any], task_id: str = "3") -> str:
    result, problem = parse_result(data if isinstance(data, bytes) else json.dumps(data).encode(), task_id)
    assert result is None
    assert problem.startswith("the result file ")
    return problem


def test_the_whole_form_is_read() -> None:
    assert parsed(**WHOLE) == WorkerResult(
        status=Claim.DONE,
        detail="Added the login endpoint",
        artifacts=("src/login.py",),
        files_changed=("src/login.py", "src/app.py"),
        test_tail="2 passed",
        evidence=WHOLE["evidence"],  # type: ignore[arg-type]
    )


def test_a_blocked_result_needs_no_artifacts() -> None:
    assert parsed(type="blocked", task_id=3, status="blocked", detail="no key") == WorkerResult(
        status=Claim.BLOCKED, detail="no key"
    )


@pytest.mark.parametrize(
    "form",
    [
        {"type": "completion", "issue_id": "3", "status": "done", "worktreePath": "/w"},
        {"type": "completion", "issueId": "3", "status": "done", "worktree_path": "/w"},
        {"task": "3", "status": "completed"},
        {"epic": "3", "status": "pass"},
        {"worker": "worker-3", "status": "complete"},
        {"taskId": 3, "type": "completion"},
        {"status": "DONE"},
        {"status": "already-implemented", "evidence": None},
        {"status": "research_only"},
        {"status": "not-applicable"},
        {"status": "skipped"},
        {"type": "feature", "status": "done", "tests": {"passed": 3}, "unknown": [1]},
    ],
)
def test_older_forms_of_a_done_result_are_read(form: dict[str, Any]) -> None:
    assert parsed(**form).status is Claim.DONE


def test_older_names_of_the_other_fields_are_read() -> None:
    result = parsed(status="done", notes="said so", files_created=["b"], filesChanged=["a", "b"], tests="1 passed")
    assert (result.detail, result.files_changed, result.test_tail) == ("said so", ("a", "b"), "1 passed")
    assert parsed(status="done", detail="", summary="sum").detail == "sum"
    assert parsed(status="done", artifacts="one.md").artifacts == ("one.md",)


def test_an_epic_is_taken_for_a_task_id_or_for_what_it_begins_with() -> None:
    data = json.dumps({"status": "done", "epic": "ol-527"}).encode()
    assert parse_result(data, "ol-527.1")[0] is not None
    assert "another task" in problem_of(data, "ol-5271")


def test_a_fence_and_a_byte_order_mark_are_forgiven() -> None:
    text = json.dumps(WHOLE, indent=2)
    for data in (f"```json\n{text}\n```\n".encode(), text.encode("utf-8-sig")):
        assert parse_result(data, "3")[0] == parsed(**WHOLE)


@pytest.mark.parametrize("status", ["partial", "failed", "fail", "Error"])
def test_a_worker_that_says_it_failed_is_not_done_and_its_words_are_kept(status: str) -> None:
    assert problem_of({"status": status, "detail": "ran out"}) == f"the result file says {status.lower()}: ran out"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is not JSON"),
        (b'{"status": "done", "det', "is not JSON"),
        (b"\xff\xfe{}", "is not UTF-8"),
        (b"[]", "no JSON object"),
        (b"[" * 500_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"n": ' + b"9" * 5000 + b"}", "number too long"),
        ({}, "has no status"),
        ({"status": "splendid"}, "unknown status: 'splendid'"),
        ({"status": 1}, "status that is not text"),
        ({"type": [], "status": "done"}, "type that is not text"),
        ({"type": "completion", "status": "blocked"}, "contradicts itself"),
        ({"type": "blocked", "status": "done"}, "contradicts itself"),
        ({"schema_version": 2, "status": "done"}, "schema_version"),
        ({"status": "done", "detail": {"a": 1}}, "detail that is not text"),
        ({"status": "done", "artifacts": {"a": 1}}, "artifacts that are not a list of paths"),
        ({"status": "done", "artifacts": ["a", 1]}, "artifacts that are not a list of paths"),
        ({"status": "done", "files_changed": 3}, "files_changed that are not"),
        ({"status": "done", "artifacts": ["a"] * 10_001}, "more than 10000"),
        ({"status": "done", "test_tail": []}, "test_tail that is not text"),
        ({"status": "done", "evidence": "trust me"}, "evidence that is not an object"),
        ({"status": "done", "task_id": "4"}, "about another task: task_id is '4', not '3'"),
        ({"status": "done", "issue_id": "33"}, "about another task"),
        ({"status": "done", "worker": "worker-4"}, "about another task"),
        ({"status": "done", "task_id": ["3"]}, "neither text nor number"),
        ({"status": "done", "task_id": True}, "neither text nor number"),
    ],
)
def test_what_cannot_be_used_is_told(data: bytes | dict[str, Any], told: str) -> None:
    assert told in problem_of(data)


def test_deep_evidence_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"a": deep}
    assert "nested deeper" in problem_of({"status": "done", "evidence": deep})


def test_text_is_cleaned_masked_and_cut() -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2dF4gH6"
    result = parsed(
        status="done",
        detail=f"\x1b[31mtwo\nlines\ud800 {token} " + "x" * 900,
        test_tail=f"{token}\n" + "line\n" * 2000,
        artifacts=["a\x1b[0m.py", "a.py", " ", "two  spaces"],
        evidence={"k": token, "n": 2**70, "f": 1e300, "l": [None, True, 1.5]},
    )
    assert result.detail.startswith("two lines\ufffd [masked: GitHub token] xxx")
    assert len(result.detail) == 400
    assert len(result.test_tail) <= 4000
    assert result.artifacts == ("a.py", "two  spaces")
    assert result.evidence == {
        "k": "[masked: GitHub token]",
        "n": "1180591620717411303424",
        "f": "1e+300",
        "l": [None, True, 1.5],
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = ["type", "status", "task_id", "worker", "detail", "artifacts", "filesChanged", "test_tail", "evidence", "epic"]


@settings(max_examples=50)
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    result, problem = parse_result(data, "3")
    assert (result is None) == bool(problem)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from(["done", "blocked", "completion", "3", ["a"]])))
def test_no_object_makes_it_raise_and_what_is_read_can_be_written(fields: dict[str, Any]) -> None:
    result, problem = parse_result(json.dumps(fields).encode(), "3")
    assert (result is None) == bool(problem)
    problem.encode()
    if result is not None:
        json.dumps([result.detail, result.artifacts, result.evidence], ensure_ascii=False, allow_nan=False).encode()
