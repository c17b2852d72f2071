"""What is not acknowledged is brought to mind, and then somebody else decides."""

from __future__ import annotations

from dataclasses import replace

from swarmskill.mail.kinds import HelpRequest, Issue, Kind
from swarmskill.mail.message import MAYOR, Message
from swarmskill.mail.reminders import Patience, Pending, due

ASKED = Message(
    id="3-1.000001",
    thread="3",
    sender="3-1",
    to=(MAYOR,),
    kind=Kind.HELP_REQUEST,
    body=HelpRequest(issue=Issue.STUCK, question="Which?"),
    created=0.0,
    ack_required=True,
)
PENDING = Pending(message=ASKED, recipient=MAYOR, since=100.0)
PATIENCE = Patience(remind_every=30, reminders=2, escalate_after=120)


def story(*looks: float) -> list[str]:
    """What happens to one message when somebody looks at these seconds after its delivery."""
    one, told = PENDING, []
    for at in looks:
        found = due([one], one.since + at, PATIENCE)
        if found.reminders:
            told.append(f"{at:g} remind")
            one = replace(one, reminded=one.reminded + 1)
        if found.escalations:
            told.append(f"{at:g} escalate")
            one = replace(one, escalated=True)
    return told


def test_reminders_come_in_turn_then_one_escalation() -> None:
    assert story(*range(0, 300, 10)) == ["30 remind", "60 remind", "120 escalate"]


def test_after_a_gap_there_is_one_reminder_at_a_time_and_no_second_escalation() -> None:
    assert story(0, 100, 100, 100) == ["100 remind", "100 remind"]
    assert story(0, 5000, 9000) == ["5000 escalate"]


def test_a_clock_that_stands_or_goes_back_asks_for_nothing() -> None:
    assert story(0, 29.9, -5000) == []
