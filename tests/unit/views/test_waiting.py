"""What views say of tasks that wait for a moment, not for another task."""

from __future__ import annotations

import io

from swarmskill.model import Task
from swarmskill.views.holds import Holds
from swarmskill.views.marks import Look
from swarmskill.views.plain import PlainView
from swarmskill.views.reasons import Hold, reason
from tests.unit.views.stories import Story


def waiting(**config: object) -> Story:
    """Task 1 failed and waits for its next try, task 2 is at work, task 3 is next."""
    tasks = [Task(id=str(number), subject=f"Task {number}") for number in (1, 2, 3)]
    return Story(*tasks, max_workers=1, retry_delay=30.0, **config).starts("1").exits("1", 1)


def test_a_task_that_backs_off_says_until_when() -> None:
    story = waiting()
    why = reason(story.state, "1")
    assert why and why.hold is Hold.BACK_OFF
    assert why.until == story.state.tasks["1"].delayed_until
    assert why.text.startswith("failed, and backs off until 12:0")


def test_those_that_back_off_are_one_group() -> None:
    groups = {group.hold: group for group in Holds().groups(waiting().state)}
    assert [groups[Hold.BACK_OFF].count, groups[Hold.WORKERS].count] == [1, 1]
    assert groups[Hold.BACK_OFF].until > 0


def test_the_plain_view_tells_when_the_next_try_is() -> None:
    out = io.StringIO()
    waiting(views=(PlainView(out, Look()),))
    assert "retry     1: exit code 1, next try in 30s\n" in out.getvalue()
