"""What views say of tasks that wait for a moment, not for another task."""

from __future__ import annotations

import io

from swarmskill.core import events as ev
from swarmskill.core.budget import run_usage
from swarmskill.core.invariants import broken
from swarmskill.core.leftover import without_dead
from swarmskill.model import Phase, Task, Usage
from swarmskill.views.base import Progress
from swarmskill.views.board import Board
from swarmskill.views.holds import Holds
from swarmskill.views.marks import Look
from swarmskill.views.plain import PlainView
from swarmskill.views.reasons import Hold, reason
from swarmskill.views.status import status_text
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


def board(story: Story, width: int = 80) -> list[str]:
    shown = Board(Look())
    shown.update(story.state, {"1": Progress("$ pytest -x")}, story.now)
    return [row.text.plain for row in shown.rows(width, 24)]


def three(**config: object) -> Story:
    return Story(*(Task(id=str(number), subject=f"Task {number}") for number in (1, 2, 3)), **config)


def test_workers_that_wait_for_a_slot_are_no_workers_at_work() -> None:
    story = three(max_workers=3, max_workers_per_user=1).starts("1")
    for number in ("2", "3"):
        story.tell(ev.SpawnQueued(at=story.now, task=number, attempt=1, reason="a slot of this user (1 of 1 in use)"))
    lines = board(story)
    assert lines[0].endswith("  1 of 3 workers")
    assert lines[-1] == "  · 2, 3 wait for a slot of this user (1 of 1 in use)"
    assert Look().mark(story.state.tasks["2"]) == Look().mark_of(Phase.READY)


def test_a_stalled_worker_tells_since_when_and_what_it_did_last() -> None:
    story = three().starts("1", "2").wait(90)
    story.tell(ev.WorkerStalled(at=story.now, task="1", attempt=1, since=story.now - 60))
    lines = board(story)
    assert ", 1 stalled" in lines[0]
    assert lines[2].endswith("no progress for 1m 00s: $ pytest -x")
    row = next(
        line
        for line in status_text(story.state, story.now, progress={"1": Progress("x")}).splitlines()
        if " Task 1 " in line
    )
    assert "no progress since 12:00:30" in row, "not what it did last, as if it did so now"


def test_in_a_run_that_stops_all_that_waits_is_told_once() -> None:
    story = Story(
        Task(id="1", subject="One"),
        Task(id="2", subject="Two", priority=9),
        Task(id="3", subject="Three", blocked_by=("2",)),
        max_workers=1,
    )
    story.starts("1").tell(ev.StopRequested(at=story.now, session=1))
    assert board(story)[-1] == "  · 3, 2 will not start: the run is stopping"


def test_a_run_that_was_killed_without_a_mayor_shows_no_worker_at_work() -> None:
    story = three(max_workers=3).starts("1", "2").spends("1", Usage(100, 0, 20, 0.5)).wait(60)
    story.tell(ev.RunKilled(at=story.now, session=1, reason="with run x"))
    shown = without_dead(story.state)
    assert broken(shown) == [] and run_usage(shown) == run_usage(story.state)
    text = status_text(shown, story.now + 100, held=False)
    assert "stopped, 1m 00s since" in text and "stopped   with run x" in text
    assert "running" not in text and "assigned" not in text
    assert story.state.busy, "the next mayor still looks for them"
