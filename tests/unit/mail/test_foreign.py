"""Other systems' messages are understood, without the traps of their own readers."""

from __future__ import annotations

import json

import pytest

from swarmskill.mail.foreign import guess_subject, parse_foreign
from swarmskill.mail.kinds import FailureKind, Issue, Kind


@pytest.mark.parametrize(
    ("subject", "thread", "kind", "title"),
    [
        ("[ol-1.2] DONE", "ol-1.2", Kind.DONE, ""),
        ("ol-1.2: DONE", "ol-1.2", Kind.DONE, ""),
        ("DONE", "", Kind.DONE, ""),
        ("done", "", Kind.DONE, ""),
        ("[x] ACCEPTED", "x", Kind.BEAD_ACCEPTED, ""),
        ("[x] PROGRESS: tests FAILED", "x", Kind.PROGRESS, "tests FAILED"),
        ("[x] PROGRESS - half way", "x", Kind.PROGRESS, "half way"),
        ("[x] FAILED", "x", Kind.FAILED, ""),
        ("undone", "", None, "undone"),
        ("UNDONE", "", None, "UNDONE"),
        ("Done with the refactoring?", "", None, "Done with the refactoring?"),
        ("DONE-ish", "", None, "DONE-ish"),
        ("Re: [x] DONE", "", None, "Re: [x] DONE"),
        ("NOT DONE", "", None, "NOT DONE"),
        ("", "", None, ""),
    ],
)
def test_the_type_is_a_whole_word_at_its_place(subject: str, thread: str, kind: Kind | None, title: str) -> None:
    assert guess_subject(subject) == (thread, kind, title)


RAW = {
    "id": 412,
    "project_key": "/src/app",
    "sender_name": "GreenCastle",
    "to": "crank-ol, BlueLake",
    "subject": "[ol-527.1] FAILED",
    "body_md": "Bead: ol-527.1\nStatus: FAILED\n\n## Failure\nType: tests_fail\nReason: 3 tests fail\n"
    "Internal Attempts: 3\n\n## Partial Progress\n- Commit: abc123\n- Files: a.go, b.go\n\n## Recommendation\nSplit it.\n",
    "thread_id": "ol-527.1",
    "timestamp": "2026-01-31T10:00:00Z",
    "ack_required": False,
}


def test_a_raw_message_of_a_server() -> None:
    message, problems = parse_foreign(json.dumps(RAW))
    assert problems == []
    assert (message.id, message.sender, message.to) == ("412", "GreenCastle", ("crank-ol", "BlueLake"))
    assert (message.kind, message.thread) == (Kind.FAILED, "ol-527.1")
    body = message.body
    assert (body.failure, body.reason, body.internal_attempts) == (FailureKind.TESTS_FAIL, "3 tests fail", 3)
    assert (body.commit, body.files, body.recommendation) == ("abc123", ("a.go", "b.go"), "Split it.")


@pytest.mark.parametrize(
    ("line", "tests"),
    [
        ("Tests: PASS", True),
        ("tests: ok (41)", True),
        ("**Tests:** FAIL", False),
        ("Tests: no", False),
        ("Tests: n/a", None),
        ("", None),
    ],
)
def test_pass_fail_and_not_told_are_three_things(line: str, tests: bool | None) -> None:
    raw = {**RAW, "subject": "[x] DONE", "body_md": f"## Self-Validation\n- {line}\n"}
    assert parse_foreign(json.dumps(raw))[0].body.tests is tests


def test_a_label_in_the_middle_of_a_line_is_no_label() -> None:
    raw = {**RAW, "subject": "PROGRESS", "body_md": "Step: 2\nThe build says Status: broken\n"}
    body = parse_foreign(json.dumps(raw))[0].body
    assert (body.step, body.status) == ("2", "")


def test_a_deeper_heading_ends_no_section() -> None:
    text = "## Problem\nIt fails.\n### Details\nSee ## below.\n\n## Question\nWhy?\n"
    raw = {**RAW, "subject": "HELP_REQUEST", "body_md": f"Issue Type: spec unclear\n{text}"}
    body = parse_foreign(json.dumps(raw))[0].body
    assert (body.problem, body.question, body.issue) == (
        "It fails.\n### Details\nSee ## below.",
        "Why?",
        Issue.SPEC_UNCLEAR,
    )


def test_plain_text_with_a_subject_and_what_its_place_tells() -> None:
    message, problems = parse_foreign(
        "# [3] PROGRESS\n\nStep: tests\n", {"from": "3-1", "to": ["mayor"], "id": "3-1.x", "created": 5}
    )
    assert problems == ["frontmatter: there is none"]
    assert (message.sender, message.thread, message.kind, message.created) == ("3-1", "3", Kind.PROGRESS, 5.0)


def test_what_is_wrong_is_told_and_nothing_is_raised() -> None:
    message, problems = parse_foreign(json.dumps({"subject": "[3] HELP_REQUEST", "body_md": "Issue Type: bored"}))
    assert message.body.issue is Issue.STUCK
    assert [problem.partition(":")[0] for problem in problems] == [
        "Issue Type",
        "Question",
        "id",
        "from",
        "to",
        "created",
    ]
