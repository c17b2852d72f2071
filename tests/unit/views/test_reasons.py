"""Why tasks wait, retries that are left, events that are chosen, lines of a plain view at its edges."""

from __future__ import annotations

import io
from typing import Any

import pytest

from swarmskill.core import events as ev
from swarmskill.config import Schedule
from swarmskill.model import OnFailure, Task
from swarmskill.views.base import SilentView
from swarmskill.views.choose import choose_view
from swarmskill.views.events import events_document, select_events
from swarmskill.views.live import LiveView
from swarmskill.views.marks import Look
from swarmskill.views.plain import SILENCE, PlainView
from swarmskill.views.reasons import blocking_chain, reason, retries_left, why_ended
from swarmskill.views.status import LIMIT, status_text
from swarmskill.views.tally import Tally
from swarmskill.views.tree import tree_text

from .stories import RUN, Story, alone, login
from .test_marks import Terminal


def text(story: Story, task: str) -> str:
    """Why the task is not under way."""
    found = reason(story.state, task)
    return found.text if found else ""


def test_reasons_for_not_being_under_way() -> None:
    one, two = Task(id="1", subject="One", files=("src",)), Task(id="2", subject="Two", files=("src/a.py", "doc"))
    story = Story(one, two, Task(id="3", subject="Three", blocked_by=("1", "2")), max_workers=2)
    assert text(story, "1") == ""
    assert text(story, "2") == "waits for src/a.py, held by 1"
    assert text(story, "3") == "waits for 1, 2"
    story.tell(ev.StopRequested(at=story.now, session=1))
    assert text(story, "2") == "the run is stopped"


def test_reasons_that_come_from_limits() -> None:
    tasks = [Task(id=str(i), subject="Do") for i in range(3)]
    assert text(Story(*tasks, max_workers=2), "2") == "waits for a free worker"
    chained = [*tasks, Task(id="3", subject="After 0", blocked_by=("0",))]
    waves = Story(*chained, max_workers=3, schedule=Schedule.WAVE).completes("0")
    assert text(waves, "3") == "waits for the next wave"
    failing = Story(*tasks, max_workers=2, on_failure=OnFailure.FAIL_FAST, max_retries=0).starts("0").exits("0", 1)
    assert text(failing, "2") == "the run stops at the first failure"


def test_the_blocking_chain_leads_to_what_failed() -> None:
    story = login(max_workers=2).completes("1").fails("3")
    assert blocking_chain(story.state, "5") == ["5", "4", "3"]
    assert why_ended(story.state.tasks["3"]) == "exit code 1"
    assert why_ended(story.state.tasks["1"]) == ""


def test_retries_left_counts_down_to_none() -> None:
    story = login().starts("1").exits("1").breaks("1", "1 failed")
    assert retries_left(story.state, "1") == {"tests": (1, 2)}
    story.fails("1")
    assert retries_left(story.state, "1") == {"tests": (1, 2), "exit": (2, 0)}


def test_events_are_chosen_by_type_pattern_and_task() -> None:
    events = login().completes("1", "2").events
    kinds = select_events(events, types=["worker_started", "integrated"], tasks=["1"])
    assert [type(event) for event in kinds] == [ev.WorkerStarted, ev.Integrated]
    assert [type(event) for event in select_events(events, types=["Run-Started"])] == [ev.RunStarted]
    about_tasks = list(select_events(events, types=["task.*"]))
    assert about_tasks == [event for event in events if isinstance(event, ev.AttemptEvent)]
    assert len(list(select_events(events, types=["run.*"]))) == len(events) - len(about_tasks)


def test_events_document_uses_the_given_form() -> None:
    def encode(event: ev.Event) -> dict[str, Any]:
        return {"type": type(event).__name__}

    story = login()
    assert events_document(RUN, story.events, encode) == {"run_id": RUN, "events": [{"type": "RunStarted"}]}


def test_plain_lines_fold_what_one_event_skips() -> None:
    out = io.StringIO()
    tasks = [Task(id=str(i), subject="Do", blocked_by=("0",) if i else ()) for i in range(100)]
    Story(*tasks, views=(PlainView(out, Look()),), max_retries=0).fails("0")
    lines = out.getvalue().splitlines()
    assert sum(" skipped " in line for line in lines) == 21
    assert lines[-1].endswith("skipped   79 more")


def test_plain_lines_tell_of_stop_resume_retry_and_repeat_nothing() -> None:
    out = io.StringIO()
    story = login(views=(PlainView(out, Look()),), max_retries=0).completes("1").fails("2")
    story.tell(ev.StopRequested(at=story.now, session=1, reason="^C")).starts("3").exits("3").passes("3").merges("3")
    story.reports().tell(ev.RunResumed(at=story.now, session=2))
    retry = ev.RetryRequested(at=story.now, task="2", attempt=1)
    story.tell(retry).tell(retry)
    words = [line.split()[1] for line in out.getvalue().splitlines()]
    told = ["failed", "skipped", "stopping", "started", "checking", "merging", "completed", "over"]
    assert words[words.index("failed") :] == [*told, "resumed", "reopened", "reopened"]
    assert "stopping  waiting for 1 worker (^C)" in out.getvalue()


def test_plain_view_gives_a_sign_of_life_and_survives_a_reader_that_left() -> None:
    out = io.StringIO()
    view = PlainView(out, Look())
    story = login(views=(view,))
    view.update(story.state, {}, story.now + SILENCE - 1)
    assert out.getvalue().count("\n") == 1
    view.update(story.state, {}, story.now + SILENCE)
    assert out.getvalue().endswith("alive     1 in progress, 4 pending\n")
    out.close()
    view.note("nobody reads this")


def test_foreign_text_in_plain_lines_is_safe() -> None:
    out = io.StringIO()
    task = Task(id="1\x1b[2J", subject="two\nlines")
    Story(task, views=(PlainView(out, Look()),)).starts(task.id)
    assert out.getvalue().splitlines()[1].endswith('started   1 "two lines" (attempt 1)')


def test_the_view_fits_where_the_output_goes() -> None:
    assert isinstance(choose_view(Terminal(), {"TERM": "xterm"}), LiveView)
    assert isinstance(choose_view(Terminal(), {"TERM": "dumb"}), PlainView)
    assert isinstance(choose_view(io.StringIO(), {"TERM": "xterm"}), PlainView)
    assert isinstance(choose_view(Terminal(), {"TERM": "xterm"}, silent=True), SilentView)


def test_a_long_status_shows_what_matters_and_counts_the_rest() -> None:
    tasks = [Task(id=str(i), subject="Do") for i in range(LIMIT + 30)]
    story = Story(*tasks, max_workers=1, max_retries=0).completes("0").fails("1").starts("2")
    shown = status_text(story.state, story.now)
    assert f"… and 30 more: swarm status {RUN} --all" in shown
    assert {"✗  1", "●  2"} <= {line[:4] for line in shown.splitlines()}
    assert "more: " not in status_text(story.state, story.now, show_all=True)


def test_a_tree_of_a_long_chain_stays_narrow() -> None:
    tasks = [Task(id=str(i), subject="Do", blocked_by=(str(i - 1),) if i else ()) for i in range(2000)]
    lines = tree_text(alone(Story(*tasks)), 0.0).splitlines()
    assert lines[-1] == "… level 2000: · 1999  Do"
    assert max(map(len, lines)) < 60


def test_the_tally_follows_a_task_that_is_tried_again() -> None:
    story, tally = login(max_retries=0), Tally()
    story.completes("1").fails("2")
    tally.follow(story.state)
    assert dict(tally.ended) == {"completed": 1, "failed": 1, "skipped": 1}
    story.tell(ev.RetryRequested(at=story.now, task="2", attempt=1))
    ended, opened = tally.follow(story.state)
    assert (ended, len(opened)) == ([], 2)
    assert +tally.ended == {"completed": 1}
    story.completes("2", "3", "4", "5")
    tally.follow(story.state)
    assert +tally.ended == {"completed": 5}
    assert tally.seconds_left(story.now) is None
