"""What the mayor does about each type of message, and what a worker's last word stands for."""

from __future__ import annotations

from typing import Any

import pytest

from swarmskill.mail.kinds import BODIES, Checkpoint, Failure, FailureKind, Issue, Kind, Pause, Text
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.reactions import Reaction, react
from swarmskill.mayor.last_word import last_word
from swarmskill.model import Claim, Trouble


def message(kind: Kind, text: str = "", title: str = "", **fields: Any) -> Message:
    body = Text(text) if BODIES[kind] is Text else BODIES[kind](**fields)
    return Message(
        id="3-1.000004", thread="3", sender="3-1", to=(MAYOR,), kind=kind, body=body, created=0.0, title=title
    )


QUESTION = {"issue": Issue.SPEC_UNCLEAR, "question": "Which\nparser?"}
ASKED = "3-1 asks (SPEC_UNCLEAR), answer within two minutes with swarm mail reply 3-1.000004 'TEXT': Which parser?"

CASES = [
    (message(Kind.BEAD_ACCEPTED), Reaction(doing="has accepted the task")),
    (message(Kind.PROGRESS, step="2", status="tests\n pass"), Reaction(doing="2: tests pass")),
    (message(Kind.PROGRESS, status="tests", context_usage=0), Reaction(doing="tests (context 0 %)")),
    (message(Kind.PROGRESS, title="half way"), Reaction(doing="half way")),
    (message(Kind.PROGRESS), Reaction(doing="goes on")),
    (message(Kind.HELP_REQUEST, **QUESTION), Reaction(show=ASKED, doing="asks: Which parser?", open=True)),
    (message(Kind.OFFERING_READY, summary="all"), Reaction(doing="says it is done: all")),
    (message(Kind.DONE), Reaction(doing="says it is done")),
    (
        message(Kind.FAILED, failure=FailureKind.TESTS_FAIL, reason="3 of 9"),
        Reaction(show="3-1 gives up (TESTS_FAIL): 3 of 9", doing="gives up: TESTS_FAIL"),
    ),
    (
        message(Kind.FAILED, failure=FailureKind.ERROR),
        Reaction(show="3-1 gives up (ERROR)", doing="gives up: ERROR"),
    ),
    (
        message(Kind.CHECKPOINT, reason=Pause.MANUAL, next_steps="x"),
        Reaction(show="3-1 leaves a checkpoint (MANUAL)", doing="leaves a checkpoint"),
    ),
    (message(Kind.NOTE, "two\nlines", title="mind"), Reaction(show="3-1 says: mind: two lines")),
    (message(Kind.NOTE), Reaction()),
    (message(Kind.HELP_RESPONSE, "the old one"), Reaction(show="3-1 says: the old one")),
]


@pytest.mark.parametrize(
    ("said", "reaction"), CASES, ids=lambda value: value.subject if isinstance(value, Message) else ""
)
def test_what_is_shown_of_a_message(said: Message, reaction: Reaction) -> None:
    assert react(said) == reaction


@pytest.mark.parametrize("kind", Kind)
def test_only_a_question_stays_open_and_nothing_breaks_a_line(kind: Kind) -> None:
    needed = {
        Kind.HELP_REQUEST: QUESTION,
        Kind.FAILED: {"failure": FailureKind.ERROR},
        Kind.CHECKPOINT: {"reason": Pause.TIMEOUT},
    }
    needed[Kind.SPAWN_ACK] = {"state": "failed"}
    reaction = react(message(kind, "a\nb", "c\nd", **needed.get(kind, {})))
    assert reaction.open == (kind is Kind.HELP_REQUEST)
    assert "\n" not in reaction.show + reaction.doing


def test_impossible_is_blocked_and_says_why() -> None:
    result, problem = last_word(Failure(failure=FailureKind.SPEC_IMPOSSIBLE, reason="no such table"))
    assert result is not None and problem is None
    assert (result.status, result.detail) == (Claim.BLOCKED, "no such table")
    silent, _ = last_word(Failure(failure=FailureKind.SPEC_IMPOSSIBLE))
    assert silent is not None and silent.detail == "the task cannot be done as it is written"


@pytest.mark.parametrize("failure", [kind for kind in FailureKind if kind is not FailureKind.SPEC_IMPOSSIBLE])
def test_every_other_failure_is_a_trouble(failure: FailureKind) -> None:
    result, problem = last_word(Failure(failure=failure, reason="why"))
    assert result is None and problem is not None
    full = failure is FailureKind.CONTEXT_HIGH
    assert problem.kind is (Trouble.CONTEXT_FULL if full else Trouble.CRASHED)
    assert problem.detail == ("why" if full else f"{failure}: why")
    assert not last_word(Failure(failure=failure))[1].detail.endswith((":", " "))  # type: ignore[union-attr]


def test_checkpoint_tells_the_successor_its_next_steps_without_secrets_and_in_bounds() -> None:
    word = Checkpoint(
        reason=Pause.CONTEXT_HIGH, description="parser done", next_steps="use s3cret,\nthen tests " + "x" * 9000
    )
    _, problem = last_word(word, ["s3cret"])
    assert problem is not None and problem.kind is Trouble.CONTEXT_FULL
    assert problem.detail.startswith("it left a checkpoint: parser done; use ***, then tests xxx")
    assert len(problem.detail) == 1000
    assert last_word(None) == (None, None)
