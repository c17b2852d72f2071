"""A run as spans: what belongs to what, when it was, what it used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from swarmskill.config import Otel
from swarmskill.core import events as ev
from swarmskill.model import CheckKind, CheckResult, Task, Usage, Verdict
from swarmskill.telemetry.export import export, is_wanted
from swarmskill.telemetry.spans import Span, run_span, trace_id
from tests.unit.views.stories import NOON, RUN, Story, commit


class Kept(InMemorySpanExporter):
    """Keeps the spans when it is shut down."""

    def shutdown(self) -> None:
        pass


def checked(story: Story, task: str, *, passed: bool) -> None:
    lint = CheckResult(CheckKind.LINT, "ruff", passed=True, seconds=1.0)
    tests = CheckResult(CheckKind.TESTS, "pytest", passed=passed, detail="" if passed else "2 failed", seconds=3.0)
    verdict = Verdict(failed=None if passed else tests, checks=(lint, tests))
    story.wait(5).tell(
        ev.Validated(at=story.now, task=task, attempt=story.attempt(task), verdict=verdict, commit=commit(9))
    )


@pytest.fixture
def story() -> Story:
    story = Story(Task(id="a", subject="A"), Task(id="b", subject="B", max_retries=0))
    story.starts("a", "b").wait(10)
    story.exits("a", usage=Usage(100, 50, 20, 0.25), model="opus", session="s1").exits("b", 3)
    checked(story, "a", passed=False)
    story.wait(1).starts("a").wait(10).exits("a", usage=Usage(10, 0, 2, 0.05), model="opus", session="s1")
    checked(story, "a", passed=True)
    return story.wait(2).merges("a").wait(1).lands().reports()


def spans(span: Span) -> dict[str, list[ReadableSpan]]:
    exporter = Kept()
    assert export(span, trace_id(RUN), exporter, "tests")
    found: dict[str, list[ReadableSpan]] = {}
    for one in sorted(exporter.get_finished_spans(), key=lambda one: one.start_time or 0):
        found.setdefault(one.name, []).append(one)
    return found


def walk(span: Span) -> Iterator[tuple[Span, Span]]:
    for child in span.children:
        yield span, child
        yield from walk(child)


def test_run_tasks_attempts_and_checks_are_spans_with_the_ledgers_times(story: Story) -> None:
    found = spans(run_span(story.state, story.events))
    (run,), (a,), (b,) = found["swarm run"], found["task a"], found["task b"]
    assert run.parent is None and {a.parent.span_id, b.parent.span_id} == {run.context.span_id}
    assert {one.context.trace_id for group in found.values() for one in group} == {trace_id(RUN)}
    assert run.start_time == NOON * 1e9 and run.end_time == story.now * 1e9
    assert run.resource.attributes["service.name"] == "tests"
    attempts = found["invoke_agent command"]
    assert [one.attributes["swarm.attempt"] for one in attempts] == [1, 1, 2]
    first, second = (one for one in attempts if one.parent.span_id == a.context.span_id)
    assert (first.start_time, first.end_time) == (NOON * 1e9, (NOON + 15) * 1e9)
    assert (second.start_time, second.end_time) == ((NOON + 16) * 1e9, (NOON + 33) * 1e9)
    checks = found["check tests"]
    assert [one.attributes["swarm.check.passed"] for one in checks] == [False, True]
    assert (checks[0].start_time, checks[0].end_time) == ((NOON + 12) * 1e9, (NOON + 15) * 1e9)
    assert (found["integrate"][0].start_time, found["integrate"][0].end_time) == ((NOON + 31) * 1e9, (NOON + 33) * 1e9)


def test_what_went_wrong_is_an_error_with_its_reason(story: Story) -> None:
    found = spans(run_span(story.state, story.events))
    statuses = {name: [one.status.status_code for one in group] for name, group in found.items()}
    assert statuses["task a"] == [StatusCode.UNSET] and statuses["task b"] == [StatusCode.ERROR]
    assert statuses["check tests"] == [StatusCode.ERROR, StatusCode.UNSET]
    assert found["check tests"][0].status.description == "2 failed"
    assert found["swarm run"][0].status.description == "1 of 2 tasks did not complete"
    assert "exit code 3" in found["task b"][0].status.description


def test_tokens_and_cost_are_told_by_the_names_of_the_conventions(story: Story) -> None:
    found = spans(run_span(story.state, story.events))
    attempt = next(one for one in found["invoke_agent command"] if "gen_ai.usage.input_tokens" in one.attributes)
    told = {name: value for name, value in attempt.attributes.items() if name.startswith("gen_ai.")}
    assert told == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "command",
        "gen_ai.response.model": "opus",
        "gen_ai.conversation.id": "s1",
        "gen_ai.usage.input_tokens": 150,
        "gen_ai.usage.cache_read.input_tokens": 50,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cost": 0.25,
    }
    for name in ("task a", "swarm run"):
        assert found[name][0].attributes["gen_ai.usage.cost"] == 0.3
        assert found[name][0].attributes["gen_ai.usage.output_tokens"] == 22


def test_every_span_lies_within_the_one_it_belongs_to(story: Story) -> None:
    for parent, child in walk(run_span(story.state, story.events)):
        assert parent.start <= child.start <= child.end <= parent.end, (parent.name, child.name)


def test_a_resumed_run_tells_only_what_is_new_in_the_same_trace() -> None:
    story = Story(Task(id="a", subject="A"), Task(id="b", subject="B", blocked_by=("a",)))
    story.completes("a")
    story.tell(ev.StopRequested(at=story.now, session=1, now=True)).reports()
    story.wait(100).tell(ev.RunResumed(at=story.now, session=2))
    story.completes("b").lands().reports()
    span = run_span(story.state, story.events)
    assert [child.name for child in span.children] == ["task b"]
    assert span.start == NOON + 102
    assert trace_id(RUN) == trace_id(RUN) != trace_id("another")


@pytest.mark.parametrize(
    ("otel", "environment", "wanted"),
    [
        (None, {}, False),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (Otel("http://x"), {}, True),
        (Otel("http://x"), {"OTEL_SDK_DISABLED": "true"}, False),
        (Otel("http://x"), {"OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_it_is_off_unless_somebody_wants_it(otel: Otel | None, environment: dict[str, str], wanted: bool) -> None:
    assert is_wanted(otel, environment) is wanted
