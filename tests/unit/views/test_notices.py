"""What somebody is told who does not look at a run."""

from __future__ import annotations

from swarmskill.config import Notable
from swarmskill.core import events as ev
from swarmskill.core.state import EMPTY
from swarmskill.core.transitions import step
from swarmskill.model import Task, Trouble, Usage
from swarmskill.views.notices import notices
from tests.unit.views.stories import Story


def told(story: Story) -> list[tuple[Notable, str]]:
    """All notices of a story's events, each event taken twice: a double tells nothing."""
    state, found = EMPTY, []
    for event in story.events:
        after = step(state, event)[0]
        found += [(one.kind, one.text) for one in notices(state, event, after)]
        assert list(notices(after, event, step(after, event)[0])) == []
        state = after
    return found


def _tasks() -> list[Task]:
    return [Task(id="1", subject="One"), Task(id="2", subject="Two", blocked_by=("1",))]


def test_a_failure_is_told_once_and_not_for_each_try_or_for_what_it_drags_along() -> None:
    story = Story(*_tasks(), max_retries=1).starts("1").exits("1", 1).starts("1").exits("1", 1).reports()
    assert told(story) == [
        (Notable.FAILURE, 'task 1 "One" failed: exit code 1'),
        (Notable.FINISH, f"run {story.state.run_id} incomplete: 1 failed, 1 skipped"),
    ]


def test_a_person_is_called_for_a_blocked_task_and_a_shut_agent() -> None:
    story = Story(Task(id="1", subject="One"), Task(id="3", subject="Three", agent="claude"))
    story.starts("1", "3").exits("1", says="the spec is missing", blocked=True).is_refused("3", Trouble.AUTH, "401")
    kinds = [one for one in told(story) if one[0] is Notable.ESCALATION]
    assert kinds[0][1] == 'task 1 "One" is blocked: the spec is missing'
    assert kinds[1][1].startswith("claude cannot work: 401; log in: ")


def test_a_budget_is_told_at_80_percent_and_at_its_end() -> None:
    story = Story(*_tasks(), max_cost=1.0).starts("1")
    for cost in (0.5, 0.85, 0.9, 1.2):
        usage = Usage(input_tokens=int(cost * 100), cost_usd=cost)
        story.tell(ev.WorkerReported(at=story.now, task="1", attempt=1, usage=usage))
    assert [text for kind, text in told(story) if kind is Notable.BUDGET] == [
        "the run has used 85 % of its budget: 85 tokens, $0.85 of $1.00",
        "the budget is used up: $1.20 of $1.00",
    ]
