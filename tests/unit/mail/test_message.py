"""A message's text says all of it: what is written is read back the same, whatever is in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmskill.mail import kinds
from swarmskill.mail.foreign import parse_foreign
from swarmskill.mail.kinds import BODIES, Kind
from swarmskill.mail.layout import BadMessage
from swarmskill.mail.message import Importance, Message, parse, render

TRICKY = st.sampled_from(
    [
        "",
        " ",
        "\n",
        "## Summary",
        "\\## x",
        "#",
        '"',
        '"a" b',
        "a, b",
        ",",
        "- x",
        "---",
        "a\n---\nb",
        "\r",
        "\x85x",
        "\u2028",
    ]
)
WORDS = st.lists(TRICKY | st.text(max_size=8), max_size=4).map("".join)
NAMES = WORDS.filter(bool)
PERCENT = st.none() | st.integers(0, 100)
VERDICT = st.none() | st.booleans()
LIST = st.lists(WORDS, max_size=4).map(tuple)

FIELDS = {
    "issue": st.sampled_from(kinds.Issue),
    "failure": st.sampled_from(kinds.FailureKind),
    "state": st.sampled_from(kinds.SpawnState),
    "files": LIST,
    "files_touched": LIST,
    "tests": VERDICT,
    "lint": VERDICT,
    "build": VERDICT,
    "context_usage": PERCENT,
    "internal_attempts": st.none() | st.integers(0, 999),
    "resume": st.booleans(),
}


def bodies(kind: Kind):
    cls = BODIES[kind]
    own = {"reason": st.sampled_from(kinds.Pause)} if cls is kinds.Checkpoint else {}
    return st.builds(cls, **{name: (FIELDS | own).get(name, WORDS) for name in cls.__dataclass_fields__})


def messages():
    def of(kind: Kind):
        return st.builds(
            Message,
            id=NAMES,
            thread=WORDS,
            sender=NAMES,
            to=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
            kind=st.just(kind),
            body=bodies(kind),
            created=st.integers(-(10**9), 10**10).map(float),
            title=WORDS,
            importance=st.sampled_from(Importance),
            ack_required=st.booleans(),
            reply_to=WORDS,
        )

    return st.sampled_from(Kind).flatmap(of)


@given(messages())
def test_what_is_written_is_read_back_the_same(message: Message) -> None:
    assert parse(render(message)) == message


@given(messages())
def test_lenient_reading_says_what_strict_reading_says_of_type_sender_and_verdicts(message: Message) -> None:
    found, _ = parse_foreign(render(message))
    assert (found.kind, found.sender, found.id) == (message.kind, message.sender, message.id)
    if isinstance(message.body, kinds.Offering):
        assert (found.body.tests, found.body.lint, found.body.build) == (
            message.body.tests,
            message.body.lint,
            message.body.build,
        )


@given(st.text())
def test_any_text_is_refused_with_a_field_or_read(text: str) -> None:
    with pytest.raises(BadMessage) as caught:
        parse("---json\n{" + text)
    assert caught.value.field
    parse_foreign(text)


DONE = Message(
    id="3-1.000002",
    thread="3",
    sender="3-1",
    to=("mayor",),
    kind=Kind.OFFERING_READY,
    body=kinds.Offering(commit="abc", files=("a.py", "b, c.py"), tests=True, lint=False, summary="All there."),
    created=1_795_000_000.5,
    ack_required=True,
)

DONE_TEXT = """\
---json
{
  "id": "3-1.000002",
  "thread_id": "3",
  "project": "",
  "from": "3-1",
  "to": [
    "mayor"
  ],
  "cc": [],
  "subject": "[3] OFFERING_READY",
  "created": "2026-11-18T11:06:40.500000Z",
  "importance": "normal",
  "ack_required": true,
  "attachments": []
}
---

Bead: 3
Status: DONE

## Changes

- Commit: abc
- Files: a.py, "b, c.py"

## Self-Validation

- Tests: PASS
- Lint: FAIL

## Summary

All there.
"""


def test_the_text_of_an_offering() -> None:
    assert render(DONE) == DONE_TEXT


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"from": "3-1"', '"from": 7', "from"),
        ('"from": "3-1"', '"form": "3-1"', "form"),
        ('"id": "3-1.000002"', '"id": ""', "id"),
        ('"2026-11-18T11:06:40.500000Z"', '"yesterday"', "created"),
        ("[3] OFFERING_READY", "[3] OFFERING_READ", "subject"),
        ("[3] OFFERING_READY", "[4] OFFERING_READY", "subject"),
        ("[3] OFFERING_READY", "[3] offering_ready", "subject"),
        ("Bead: 3", "Bead: 4", "Bead"),
        ("Status: DONE", "Status: FAILED", "Status"),
        ("Tests: PASS", "Tests: passed", "Self-Validation / Tests"),
        ("Tests: PASS", "Tests: PASS\n- Tests: FAIL", "Tests"),
        ("## Changes", "## Change", "Change"),
        ('"normal"', '"big"', "importance"),
        ('"ack_required": true', '"ack_required": 1', "ack_required"),
        ('"mayor"', "1", "to"),
        ("\n---\n", "\n--\n", "frontmatter"),
    ],
)
def test_strict_reading_names_the_field_that_is_wrong(old: str, new: str, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        parse(DONE_TEXT.replace(old, new, 1))
    assert caught.value.field == field


def test_a_check_that_is_not_told_is_neither_passed_nor_failed() -> None:
    body = parse(DONE_TEXT).body
    assert (body.tests, body.lint, body.build) == (True, False, None)


def test_a_body_of_another_type_is_refused() -> None:
    with pytest.raises(BadMessage, match="body"):
        replace(DONE, kind=Kind.FAILED)
