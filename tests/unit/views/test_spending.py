"""Tokens, money and agents that rest: what the views tell of them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from swarmskill.core import events as ev
from swarmskill.core.budget import run_usage
from swarmskill.core.state import Door, Gate
from swarmskill.mayor.watching import Watching
from swarmskill.config import OnExhaust, Share
from swarmskill.model import AgentReport, Ending, Task, Trouble, Usage
from swarmskill.places import RunFolder
from swarmskill.views.attempts import attempt_agents
from swarmskill.views.base import SilentView
from swarmskill.views.cost import By, cost_document, cost_rows, cost_table
from swarmskill.views.ending import ending_text
from swarmskill.views.gates import gate_text, how_to_mend
from swarmskill.views.live import LiveView
from swarmskill.views.marks import Look
from swarmskill.views.plain import PlainView
from swarmskill.views.reasons import Hold, reason
from swarmskill.views.remedies import going_on
from swarmskill.views.report import report_markdown
from swarmskill.views.run_json import run_document
from swarmskill.views.spending import Budget
from swarmskill.views.status import status_text
from swarmskill.views.story import why, why_document

from .conftest import Expected
from .stories import RUN, Story, alone, login

FOLDER = RunFolder(Path("/repo/.git/swarm/runs") / RUN)
CLAUDE = (Share("claude"),)
BOTH = (Share("claude", 2), Share("codex", 1))
ASCII = Look(unicode=False, encoding="ascii")


def five(*, views: tuple[PlainView | LiveView, ...] = (), **config: object) -> Story:
    """Five tasks that wait for nothing."""
    tasks = [Task(id=str(i), subject=f"Task {i}") for i in range(1, 6)]
    return Story(*tasks, views=views, **{"pool": CLAUDE, **config})


def eventful(*views: PlainView | LiveView) -> Story:
    """A service that turns a worker away, a session that goes on, something denied, and a budget that is used up."""
    story = five(views=views, max_workers=2, max_cost=2.0, on_exhaust=OnExhaust.SUMMARY)
    story.starts("1", "2").wait(3).spends("1", Usage(1_000, 5_000, 200, 0.40), "s-1")
    story.wait(2).is_refused("2", detail="429 Too Many Requests", session="s-2", usage=Usage(300, 0, 0, 0.01))
    story.wait(1).exits("1", model="claude-opus-4", session="s-1", usage=Usage(2_000, 9_000, 400, 0.90))
    story.breaks("1", "2 failed").rests("claude").starts("1").wait(1).spends("1", Usage(500, 0, 10, 0.05), "s-1")
    story.starts("2").wait(10)
    story.exits("1", denied=("Bash(npm i)",), session="s-1", model="claude-opus-4", usage=Usage(900, 0, 90, 0.5))
    story.passes("1").merges("1").starts("3").wait(5)
    story.spends("2", Usage(10_000, 0, 1_000, 0.80), "s-2").wait(1)
    for task, used in (("2", Usage(10_000, 0, 1_000, 0.80)), ("3", Usage(100, 0, 0, 0.02))):
        story.exits(task, 143, ending=Ending.KILLED, session=f"s-{task}", model="claude-opus-4", usage=used)
    story.tell(ev.Summarised(at=story.now, session=1, text="1 is done; 2 is half done."))
    return story.reports()


def lines_of(build: object, **config: object) -> list[str]:
    """The plain lines that a story makes, without times."""
    out = io.StringIO()
    build(five(views=(PlainView(out, Look()),), **config))  # type: ignore[operator]
    return [line[9:] for line in out.getvalue().splitlines()]


# Budgets


@pytest.mark.parametrize(
    ("budget", "text", "share"),
    [
        (Budget(Usage()), "", 0.0),
        (Budget(Usage(12_000, cost_usd=0.31, estimated=True)), "12k tokens, ~$0.31", 0.0),
        (Budget(Usage(950)), "950 tokens", 0.0),
        (Budget(Usage(cost_usd=0.5)), "0 tokens, $0.50", 0.0),
        (Budget(Usage(340_000, cost_usd=1.2), 2.0), "340k tokens, $1.20 of $2.00", 0.6),
        (Budget(Usage(340_000, cost_usd=1.2), 2.0, 500_000), "340k of 500k tokens, $1.20 of $2.00", 0.68),
        (Budget(Usage(), 2.0), "0 tokens, $0.00 of $2.00", 0.0),
        (Budget(Usage(340_000), 2.0), "340k tokens, cost not told (limit $2.00)", 0.0),
        (Budget(Usage(10, cost_usd=1.0), None, 100), "10 of 100 tokens, $1.00", 0.1),
        (Budget(Usage(), 0.0), "0 tokens, $0.00 of $0.00", 1.0),
        (Budget(Usage(10, cost_usd=0.00012), 0.0001), "10 tokens, $0.00012 of $0.0001", 1.2),
        (Budget(Usage(950, cost_usd=0.04), untold=3), "950 tokens, at least $0.04, 3 tasks not told", 0.0),
        (
            Budget(Usage(950, cost_usd=0.04), 2.0, untold=1),
            "950 tokens, at least $0.04 of $2.00, 1 task not told",
            0.02,
        ),
    ],
)
def test_a_budget_tells_what_is_used_of_what(budget: Budget, text: str, share: float) -> None:
    assert budget.text == text
    assert budget.share == pytest.approx(share)


def test_calls_beside_the_workers_are_in_the_totals() -> None:
    story = five().starts("1").exits("1", usage=Usage(100, 0, 10, 0.5), model="claude-opus-4").passes("1").merges("1")
    advice = AgentReport(model="claude-haiku-4", usage=Usage(20, 0, 5, 0.25))
    story.tell(ev.Advised(at=story.now, task="1", question="1-1.000001", agent="qwen", text="left", report=advice))
    summary = AgentReport(usage=Usage(2, 0, 1, 0.125))
    story.tell(ev.Summarised(at=story.now, session=1, text="over", agent="claude", report=summary))
    assert run_usage(story.state).cost_usd == 0.75, "a summary that nobody asked for does not count"

    def costs(by: By) -> dict[str, float | None]:
        return {row.name: row.usage.cost_usd for row in cost_rows(story.state, story.events, by)}

    assert costs(By.AGENT) == {"claude": 0.625, "qwen": 0.25}
    assert costs(By.MODEL) == {"claude-opus-4": 0.5, "claude-haiku-4": 0.25, "": 0.125}
    assert costs(By.TASK) == {"(summary)": 0.125, "1": 0.75}
    assert "(summary)" in cost_table(alone(story), By.TASK)


class Notes(SilentView):
    """Keeps the lines that stay."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def warned(story: Story, *events: ev.Event) -> list[str]:
    """What a watcher notes while these events come."""
    notes = Notes()
    watching = Watching(notes)
    for event in events:
        watching.event(event, story.tell(event).state)
    return notes.lines


def reported(task: str, cost: float, tokens: int = 10) -> ev.WorkerReported:
    return ev.WorkerReported(at=0.0, task=task, attempt=1, usage=Usage(tokens, cost_usd=cost))


def test_one_warning_at_80_percent_of_the_run_and_again_for_another_limit() -> None:
    story = five(max_cost=2.0).starts("1")
    steps = [reported("1", 1.5), reported("1", 1.62), reported("1", 1.7)]
    raised = [ev.LimitsChanged(at=0.0, max_cost=10.0), reported("1", 7.0), reported("1", 8.0), reported("1", 11.0)]
    assert warned(story, *steps, *raised) == [
        "warning: the run has used 81 % of its budget: 10 tokens, $1.62 of $2.00",
        "warning: the run has used 80 % of its budget: 10 tokens, $8.00 of $10.00",
    ]


def test_a_model_without_a_price_is_warned_of_once_where_money_is_limited() -> None:
    unpriced = "cost of big-pickle is not known: --max-cost does not see it; give it a price in [prices]"
    story = five(max_cost=2.0, model="big-pickle").starts("1", "2", "3")
    told = [ev.WorkerReported(at=0.0, task=task, attempt=1, usage=Usage(900)) for task in ("1", "2", "1")]
    assert warned(story, *told, reported("3", 0.04)) == [f"warning: {unpriced}"]
    for text in (status_text(story.state, story.now), ending_text(story.state, FOLDER, story.now)):
        assert text.count(unpriced) == 1
        assert "at least $0.04 of $2.00, 2 tasks not told" in text
    assert "at least $0.04: the cost of 2 attempts is not told" in cost_table(alone(story), By.TASK)
    assert warned(five().starts("1"), told[0]) == []


def test_a_task_with_a_budget_of_its_own_is_warned_of() -> None:
    story = Story(Task(id="a", subject="A", max_tokens=1000), pool=CLAUDE).starts("a")
    assert warned(story, reported("a", 0.1, 700), reported("a", 0.1, 850)) == [
        "warning: task a has used 85 % of its budget: 850 of 1k tokens, $0.10"
    ]


def test_going_on_names_a_limit_that_leaves_as_much_again() -> None:
    assert going_on(five().state) == f"swarm resume {RUN}"
    story = five(max_cost=2.5).starts("1").spends("1", Usage(5, cost_usd=3.2))
    assert story.state.exhausted
    assert going_on(story.state) == f"swarm resume {RUN} --max-cost 6"
    story = five(max_tokens=1000, max_cost=50.0).starts("1").spends("1", Usage(1000, cost_usd=1.0))
    assert going_on(story.state) == f"swarm resume {RUN} --max-tokens 2000"
    capped = five(max_cost=2.0).starts("1").is_refused("1", Trouble.BUDGET, "cap reached", usage=Usage(9, cost_usd=1.9))
    assert going_on(capped.state) == f"swarm resume {RUN} --max-cost 4"


# Gates and why tasks wait


def test_a_gate_tells_what_its_agent_waits_for() -> None:
    story = five().starts("1").is_refused("1", detail="429 Too Many Requests")
    assert (
        gate_text("claude", story.state.gates["claude"])
        == "claude rests until 12:00:01: rate limit: 429 Too Many Requests"
    )
    story.rests("claude")
    probed = gate_text("claude", story.state.gates["claude"])
    assert probed == "claude rested, task 1 tries whether it answers: rate limit: 429 Too Many Requests"
    shut = gate_text("codex", Gate(Door.SHUT, "401 Unauthorized"))
    assert shut == "codex cannot work: 401 Unauthorized; log in: codex login"
    assert how_to_mend("codex", Gate(Door.SHUT, "turned away 13 times", 13)) == "wait until its service answers again"
    assert how_to_mend("codex", Gate(Door.RESTING, "429", 1)) == ""
    assert how_to_mend("nobody-knows-it", Gate(Door.SHUT, "401")) == "log in to nobody-knows-it"


def holds(story: Story) -> dict[str, Hold]:
    """Why each task that is not under way waits."""
    found = {task: reason(story.state, task) for task in story.state.tasks}
    return {task: why.hold for task, why in found.items() if why}


def test_tasks_wait_for_an_agent_that_rests_is_probed_or_shut() -> None:
    story = five(max_workers=2).starts("1", "2").is_refused("1")
    assert holds(story) == dict.fromkeys("1345", Hold.RESTING)
    waits = reason(story.state, "1")
    assert waits and waits.text == "waits for claude, which rests until 12:00:01"
    story.rests("claude")
    assert holds(story) == dict.fromkeys("345", Hold.PROBING)
    story.starts("1").is_refused("1", Trouble.AUTH, "not logged in")
    assert holds(story) == dict.fromkeys("1345", Hold.SHUT)
    story.exits("2").passes("2").merges("2")
    waits = reason(story.state, "3")
    assert waits and waits.text == "waits for claude, which cannot work"


def test_tasks_of_a_pool_wait_for_whichever_agent_is_free_first() -> None:
    story = five(pool=BOTH, max_workers=4)
    assert holds(story) == dict.fromkeys("45", Hold.SHARE)
    fixed = Story(*(Task(id=str(i), subject="T", agent="codex") for i in range(3)), pool=BOTH, max_workers=4)
    waits = reason(fixed.state, "2")
    assert waits and waits.text == "waits for a free worker of codex"
    full = five(pool=BOTH, max_workers=2)
    assert holds(full) == dict.fromkeys("345", Hold.WORKERS)
    agents = {task: full.state.tasks[task].agent for task in "12"}
    full.starts("1", "2").is_refused("1", Trouble.AUTH, "not logged in")
    assert holds(full)["1"] is Hold.SHUT
    assert agents["1"] == "claude"
    waits = reason(full.state, "5")
    assert waits and waits.text == "waits for a free worker of codex"


def test_tasks_wait_because_the_budget_is_used_up() -> None:
    story = five(max_workers=1, max_cost=1.0).starts("1").spends("1", Usage(5, cost_usd=1.2))
    assert set(holds(story).values()) == {Hold.EXHAUSTED}
    waits = reason(story.state, "2")
    assert waits and waits.text == "the budget is used up"


def test_tasks_wait_for_a_worker_while_nobody_tries_whether_the_agent_answers() -> None:
    tasks = [Task(id="1", subject="One", agent="claude"), Task(id="2", subject="Two"), Task(id="3", subject="Three")]
    story = Story(*tasks, pool=(Share("codex"),), max_workers=1).starts("1").is_refused("1").starts("2").rests("claude")
    assert story.state.gates["claude"].probe == ""
    assert holds(story) == {"1": Hold.WORKERS, "3": Hold.WORKERS}
    assert gate_text("claude", story.state.gates["claude"]).startswith("claude rested, one worker may try ")


# The live tree


def tree(story: Story, width: int = 80, height: int = 24, look: Look = Look()) -> str:
    """A frame of the live tree."""
    view = LiveView(io.StringIO(), look, size=lambda: (width, height))
    view.update(story.state, {}, story.now)
    return "".join(f"{line.plain.rstrip()}\n" for line in view.lines())


def resting(**config: object) -> Story:
    """A run with a budget in which one agent rests and one works."""
    story = five(pool=BOTH, max_workers=3, max_cost=2.0, **config).starts("1", "2", "3")
    story.wait(4).spends("2", Usage(340_000, cost_usd=1.2))
    return story.is_refused("1", Trouble.OVERLOADED, "529 Overloaded").wait(1)


def test_a_frame_with_a_budget_and_an_agent_that_rests(expected: Expected) -> None:
    expected("live-resting.txt", tree(resting()))
    text = tree(resting(), look=ASCII)
    assert text.isascii()
    expected("live-resting-ascii.txt", text)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (30, 6), (20, 5), (12, 3), (8, 2)])
def test_a_frame_with_a_budget_and_gates_fits_the_terminal(width: int, height: int) -> None:
    lines = tree(resting(max_tokens=500_000), width, height).splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) < width


def test_the_live_tree_counts_those_that_wait_for_an_agent() -> None:
    story = five(max_workers=2).starts("1", "2").is_refused("1")
    assert "  · 1, 3, 4, 5 wait for claude, which rests until 12:00:01\n" in tree(story)
    story.rests("claude")
    assert "  · 3, 4, 5 wait while claude is tried\n" in tree(story)
    story.starts("1").is_refused("1", Trouble.AUTH, "401")
    told = "! claude cannot work: 401; log in: run `claude auth login`, or set\n  ANTHROPIC_API_KEY\n"
    assert told in tree(story), "what helps stands at its end, and is not cut off"
    assert "  · 1, 3, 4, 5 wait for claude, which cannot work\n" in tree(story)


def test_the_live_tree_tells_that_the_budget_is_used_up_and_that_an_agent_has_no_free_worker() -> None:
    share = tree(five(pool=BOTH, max_workers=4))
    assert "wait for a free worker" in share
    fixed = Story(*(Task(id=str(i), subject="T", agent="codex") for i in range(3)), pool=BOTH, max_workers=4)
    assert "  · 1, 2 wait for a free worker of codex\n" in tree(fixed)
    used_up = five(max_workers=1, max_cost=1.0).starts("1").spends("1", Usage(5, cost_usd=1.2))
    assert "will not start: the budget is used up\n" in tree(used_up)
    assert "5 tokens, $1.20 of $1.00" in tree(used_up)


# Plain lines


def test_plain_lines_of_an_eventful_run(expected: Expected) -> None:
    out = io.StringIO()
    eventful(PlainView(out, Look()))
    expected("plain-eventful.txt", out.getvalue())


def test_an_attempt_that_goes_on_with_its_session_says_so() -> None:
    def build(story: Story) -> None:
        story.starts("1").exits("1", session="s").breaks("1", "1 failed").starts("1")

    assert lines_of(build)[-1] == 'started   1 "Task 1" (attempt 2, goes on with its session)'


def test_an_attempt_in_the_same_worktree_with_a_fresh_session_says_so() -> None:
    def build(story: Story) -> None:
        story.starts("1").is_refused("1", Trouble.CONTEXT_FULL, "prompt is too long", session="s").starts("1")

    lines = lines_of(build, max_workers=1)
    assert lines[-2:] == [
        "retry     1: context full: prompt is too long",
        'started   1 "Task 1" (attempt 2, goes on in its worktree)',
    ]


def test_a_paused_attempt_is_not_told_as_a_retry_for_what_failed_before() -> None:
    def build(story: Story) -> None:
        story.starts("1").exits("1").breaks("1", "1 failed").starts("1").is_refused("1", Trouble.NETWORK, "refused")

    lines = lines_of(build)
    assert lines[-1] == "paused    1: claude: network: refused, next try in 2s"
    assert sum(line.startswith("retry") for line in lines) == 1


def test_an_agent_that_is_shut_out_and_the_stop_that_follows_are_told_with_the_fix() -> None:
    def build(story: Story) -> None:
        story.starts("1").is_refused("1", Trouble.AUTH, "Invalid API key")

    fix = "log in: run `claude auth login`, or set ANTHROPIC_API_KEY"
    assert lines_of(build, max_workers=1)[-3:] == [
        "paused    1: claude: auth: Invalid API key",
        f"shut      claude cannot work: Invalid API key; {fix}",
        "stopping  claude cannot work: Invalid API key",
    ]


def test_an_agent_that_answers_again_is_told() -> None:
    def build(story: Story) -> None:
        story.starts("1").is_refused("1").rests("claude").starts("1").spends("1", Usage(5))

    assert [line.split()[0] for line in lines_of(build, max_workers=1)][2:] == ["paused", "probing", "started", "open"]


# The end, status, report, story


def test_how_to_go_on_after_a_login_that_failed() -> None:
    story = five(max_workers=1).starts("1").is_refused("1", Trouble.AUTH, "Invalid API key").reports()
    assert ending_text(story.state, FOLDER, story.now).splitlines()[2:] == [
        "stopped: claude cannot work: Invalid API key",
        "log in: run `claude auth login`, or set ANTHROPIC_API_KEY",
        f"go on: swarm resume {RUN}",
        f"report: {FOLDER.report}",
    ]


def test_the_end_of_a_run_that_used_its_budget_up(expected: Expected) -> None:
    story = eventful()
    expected("ending-exhausted.txt", ending_text(story.state, FOLDER, story.now))


def test_status_tells_what_is_used_and_who_rests(expected: Expected) -> None:
    story = resting()
    expected("status-resting.txt", status_text(story.state, story.now))
    over = eventful()
    expected("status-exhausted.txt", status_text(over.state, over.now))


def test_status_on_a_narrow_terminal_keeps_the_cost_and_the_reason() -> None:
    story = resting()
    lines = status_text(story.state, story.now, look=Look(width=80)).splitlines()
    assert max(map(len, lines)) <= 80
    assert "tokens" not in next(line for line in lines if "subject" in line)
    assert any("$1.20" in line and "running" in line for line in lines)


def test_report_of_an_eventful_run(expected: Expected) -> None:
    story = eventful()
    expected("report-eventful.md", report_markdown(story.state, story.events, FOLDER, story.now))


def test_the_report_names_what_the_agent_of_a_failed_task_lacked() -> None:
    story = five(max_workers=1, max_retries=0).starts("1")
    story.is_refused("1", Trouble.DENIED, "no tool may write", denied=("Write(a|b)",))
    text = report_markdown(story.state, story.events, FOLDER, story.now)
    assert (
        "Failed: denied: no tool may write\n\n- its agent: denied: no tool may write\n- was not permitted: Write(a\\|b)\n"
        in text
    )


def test_why_tells_of_each_attempt_who_worked_and_what_it_used(expected: Expected) -> None:
    story = eventful()
    expected("why-eventful.txt", why(story.state, story.events, "1", FOLDER, story.now))
    document = why_document(story.state, story.events, "2", FOLDER, story.now)
    first, second = document["attempts"]
    assert first["agent_problem"] == {"kind": "rate_limit", "detail": "429 Too Many Requests"}
    assert (first["resumed"], second["resumed"], second["continued"]) == (False, True, True)
    assert (second["agent"], second["model"], second["session"]) == ("claude", "claude-opus-4", "s-2")
    assert second["usage"]["cost_usd"] == 0.80


def test_why_shows_the_agents_words_and_not_its_stream(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.log("1-1").parent.mkdir(parents=True)
    folder.log("1-1").write_text('{"type": "result"}\n')
    story = five().starts("1").is_refused("1", Trouble.TURNS, "12 turns", said="I was\x1b[2J about " + "to " * 200)
    text = why(story.state, story.events, "1", folder, story.now)
    assert "  problem   turns: 12 turns\n  said      I was about to to" in text
    assert "\x1b" not in text
    assert "result" not in text
    story = five().starts("1").exits("1", 3)
    assert '    │ {"type": "result"}' in why(story.state, story.events, "1", folder, story.now).splitlines()


def test_the_document_of_an_eventful_run(expected: Expected) -> None:
    story = eventful()
    expected("run-eventful.json", json.dumps(run_document(story.state, story.events, story.now), indent=2) + "\n")
    waiting = resting()
    document = run_document(waiting.state, waiting.events, waiting.now)
    until = waiting.state.gates["claude"].until
    reason = "overloaded: 529 Overloaded"
    assert document["gates"] == [{"agent": "claude", "door": "resting", "reason": reason, "until": until}]
    assert document["limits"] == {"max_cost": 2.0, "max_tokens": None}


def test_the_model_that_was_asked_for_stands_until_the_agent_tells_its_own() -> None:
    story = five(model="opus").starts("1")
    assert run_document(story.state, story.events, story.now)["tasks"][0]["model"] == "opus"
    story.exits("1", 1, model="claude-opus-4-1")
    assert run_document(story.state, story.events, story.now)["tasks"][0]["model"] == "claude-opus-4-1"


# swarm cost


def mixed() -> Story:
    """Two agents, three models, one estimate, one attempt in flight."""
    story = Story(
        Task(id="1", subject="One", agent="claude"),
        Task(id="2", subject="Two", agent="codex"),
        Task(id="10", subject="Ten", agent="claude", model="haiku"),
        Task(id="11", subject="Never started", blocked_by=("10",)),
        pool=BOTH,
        max_cost=5.0,
    ).starts("1", "2", "10")
    story.exits("1", 1, model="opus", usage=Usage(1_000, 2_000, 300, 0.5)).starts("1")
    story.exits("1", 0, model="opus", usage=Usage(500, 0, 100, 0.25)).passes("1").merges("1")
    story.exits("2", 0, model="gpt-5", usage=Usage(40_000, 0, 2_000, 0.07, estimated=True))
    return story.spends("10", Usage(70, 0, 7, 0.01))


@pytest.mark.parametrize("by", By)
def test_cost_by_task_agent_and_model(by: By, expected: Expected) -> None:
    story = mixed()
    expected(f"cost-{by}.txt", cost_table(alone(story), by))
    document = cost_document(alone(story), by)
    whole = run_document(story.state, story.events, story.now)
    assert document["total"]["cost_usd"] == pytest.approx(whole["cost_usd"])
    assert (document["total"]["tokens"], document["total"]["attempts"]) == (whole["tokens"], 4)
    assert sum(row["tokens"] for row in document["rows"]) == whole["tokens"]


def test_cost_as_json(expected: Expected) -> None:
    story = mixed()
    expected("cost.json", json.dumps(cost_document(alone(story), By.MODEL), indent=2) + "\n")


def test_cost_of_a_run_whose_agents_tell_nothing() -> None:
    story = login().completes("1")
    assert cost_table(alone(story), By.TASK) == f"run {RUN}: no agent has told what it used\n"
    assert cost_document(alone(story), By.MODEL)["rows"][0]["model"] is None
    assert cost_document(alone(Story()), By.TASK)["rows"] == []


def test_cost_on_a_narrow_terminal_cuts_the_subject_and_no_number() -> None:
    story = Story(Task(id="a" * 40, subject="模块" * 40), pool=CLAUDE)
    story.starts("a" * 40).spends("a" * 40, Usage(1_234_567, 0, 1, 12.5, estimated=True))
    for look in (Look(width=80), Look(unicode=False, encoding="ascii", width=80)):
        lines = cost_table(alone(story), By.TASK, look=look).splitlines()
        assert "1,234,567" in lines[1]
        assert "~$12.50" in lines[1]
        assert lines[1].endswith("…" if look.unicode else "...")


def test_an_attempt_belongs_to_the_agent_that_made_it_even_if_the_next_one_is_another() -> None:
    tasks = [Task(id="1", subject="One")]
    story = Story(*tasks, pool=BOTH, max_retries=0).starts("1").exits("1", 1, usage=Usage(5)).reports()
    story.tell(ev.RunResumed(at=story.now, session=2)).tell(ev.RetryRequested(at=story.now, task="1", attempt=1))
    story.starts("1").exits("1", 1, usage=Usage(7))
    agents = attempt_agents(story.state, story.events)
    assert set(agents) == {("1", 1), ("1", 2)}
    assert agents["1", 2] == story.state.tasks["1"].agent
    assert sum(row.usage.tokens for row in cost_rows(story.state, story.events, By.AGENT)) == 12
