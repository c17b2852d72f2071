"""What a run is called, its exit code, and counts."""

from __future__ import annotations

import pytest

from swarmskill.core import events as ev
from swarmskill.model import Usage
from swarmskill.views.outcome import RunOutcome, counts, exit_code, run_outcome, task_seconds
from swarmskill.views.run_json import run_document

from .stories import login


def test_a_run_runs_until_it_reported_and_is_interrupted_when_nobody_holds_it() -> None:
    story = login(max_workers=1).completes("1", "3", "2", "4", "5").lands()
    assert run_outcome(story.state) is RunOutcome.RUNNING
    assert run_outcome(story.state, held=False) is RunOutcome.INTERRUPTED
    assert exit_code(story.state) == 1
    story.reports()
    assert run_outcome(story.state, held=False) is RunOutcome.COMPLETED
    assert exit_code(story.state) == 0


def test_one_failed_task_makes_a_run_incomplete() -> None:
    story = login(max_workers=2).completes("1").fails("2").completes("3", "4").lands().reports()
    assert run_outcome(story.state) is RunOutcome.INCOMPLETE
    assert exit_code(story.state) == 1
    assert counts(story.state) == {"completed": 3, "in_progress": 0, "pending": 0, "failed": 1, "skipped": 1}


def test_a_run_that_was_stopped_with_open_tasks_is_stopped() -> None:
    story = login().starts("1")
    story.tell(ev.StopRequested(at=story.now, session=1, reason="^C")).exits("1").passes("1").merges("1").reports()
    assert run_outcome(story.state) is RunOutcome.STOPPED
    assert exit_code(story.state) == 1


def test_seconds_are_those_of_the_last_attempt_and_none_before_the_first() -> None:
    story = login().starts("1").wait(5).exits("1", 1).wait(1).starts("1").wait(2)
    assert task_seconds(story.state.tasks["1"], story.now) == pytest.approx(3)
    assert task_seconds(story.state.tasks["2"], story.now) is None
    story.exits("1").passes("1").merges("1").wait(100)
    assert task_seconds(story.state.tasks["1"], story.now) == pytest.approx(3)


def test_costs_are_summed_over_the_attempts_that_told_them() -> None:
    story = login()
    assert run_document(story.state, story.events, story.now)["cost_usd"] is None
    story.starts("1").exits("1", 1, usage=Usage(60, 30, 10, 0.5))
    document = run_document(story.starts("1").spends("1", Usage(20, cost_usd=0.25)).state, story.events, story.now)
    assert (document["cost_usd"], document["tokens"], document["cost_estimated"]) == (0.75, 120, False)
    assert document["tasks"][0]["tokens"] == 120
