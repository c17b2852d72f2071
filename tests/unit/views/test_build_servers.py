"""What build servers read of a run: JUnit XML by its schema, annotations, the graph in the summary."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import xmlschema

from swarmskill.core import events as ev
from swarmskill.core.state import State
from swarmskill.answers import Answer, Reply
from swarmskill.model import Task
from swarmskill.places import RunFolder
from swarmskill.views.annotations import error_annotations
from swarmskill.views.ending import ending_text
from swarmskill.views.junit import junit_xml
from swarmskill.views.marks import Look
from swarmskill.views.plain import PlainView
from swarmskill.views.report import report_markdown
from swarmskill.views.status import status_text
from swarmskill.views.story import why

from .conftest import Expected
from .stories import RUN, Story

FOLDER = RunFolder(Path("/repo/.git/swarm/runs") / RUN)
SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))
HOSTILE = "a]]>\x1b[31m<b>\n::error::%0A&\x00\ud800 é"


def answers(story: Story, task: str, reply: Reply, detail: str = "") -> Story:
    """The tracker answers."""
    now, answer = story.state.tasks[task], Answer(reply, detail, 1)
    return story.tell(ev.Tracked(at=story.now, task=task, attempt=now.attempt, call=now.calls, answer=answer))


def told() -> Story:
    """One that passes after a failed attempt, one refused by a check, one by the tracker, one that is skipped."""
    tasks = (
        Task(id="1", subject="Done before", done=True),
        Task(id="2", subject=HOSTILE),
        Task(id="3", subject="[3] Refused", max_retries=0),
        Task(id="4", subject="Not taken"),
        Task(id="5", subject="After", blocked_by=("3",)),
        Task(id="6", subject="Gone", max_retries=0),
    )
    story = Story(*tasks, tracker="ratchet").starts("2", "3", "4", "6").wait(2)
    story.exits("2").breaks("2", HOSTILE, output=HOSTILE).starts("2").exits("2").passes("2").merges("2")
    story.exits("3").breaks("3", "it is red", output="line one\nline two\n")
    story.exits("4").passes("4").merges("4").exits("6", 3)
    answers(story, "2", Reply.ACCEPTED)
    answers(story, "4", Reply.REFUSED, HOSTILE)
    answers(story, "3", Reply.NOT_TOLD)
    return answers(story, "6", Reply.NOT_TOLD)


def document(story: Story) -> ET.Element:
    """The run as XML, once the schema took it."""
    data = junit_xml(story.state, story.events, FOLDER, story.now)
    SCHEMA.validate(data.decode())
    return ET.fromstring(data)


def verdict(root: ET.Element, name: str) -> tuple[str, str]:
    """What a test case came to."""
    case = next(case for case in root.iter("testcase") if name in case.attrib["name"])
    found = next((child for child in case if child.tag in ("skipped", "error", "failure")), None)
    return ("", "") if found is None else (found.tag, found.attrib.get("type", ""))


def test_each_task_is_a_test_case_with_its_verdict() -> None:
    root = document(told())
    assert {key: root.attrib[key] for key in ("tests", "failures", "errors")} == {
        "tests": "6",
        "failures": "2",
        "errors": "1",
    }
    assert verdict(root, "1: Done before") == ("skipped", "")
    assert verdict(root, "2: a]]>") == ("", "")
    assert verdict(root, "[3] Refused") == ("failure", "tests")
    assert verdict(root, "4: Not taken") == ("failure", "tracker")
    assert verdict(root, "5: After") == ("skipped", "")
    assert verdict(root, "6: Gone") == ("error", "failed")
    refused = next(case for case in root.iter("testcase") if "Refused" in case.attrib["name"])
    assert (refused.findtext("failure"), refused.attrib["time"]) == ("line one\nline two", "2.000")
    retried = next(case for case in root.iter("testcase") if "2: a" in case.attrib["name"])
    assert "attempt 1: " in retried.findtext("system-out", "")


def test_the_schema_would_notice() -> None:
    data = junit_xml(told().state, told().events, FOLDER, told().now).decode()
    for old, new in (('tests="6"', 'tests="six"'), ("<skipped", "<skippd"), ('classname="swarm"', "")):
        assert old in data
        assert not SCHEMA.is_valid(data.replace(old, new))


def test_a_run_that_goes_on_can_be_written_too() -> None:
    story = Story(Task(id="1", subject="x"), Task(id="2", subject="y")).starts("1")
    assert [verdict(document(story), name)[0] for name in ("1: x", "2: y")] == ["skipped", "skipped"]


def test_annotations_hold_foreign_text_and_nothing_else() -> None:
    state: State = told().state
    lines = list(error_annotations(state))
    assert [line.split("::")[1] for line in lines] == [
        "error title=swarm%3A task 3 rejected",
        "error title=swarm%3A task 4 failed",
        "error title=swarm%3A task 6 failed",
    ]
    for line in lines:
        assert "\n" not in line and "\r" not in line and "\x1b" not in line
    assert "%250A" in lines[1]


def test_many_failures_are_ten_and_a_number() -> None:
    names = [str(number) for number in range(1, 13)]
    story = Story(*(Task(id=name, subject=name, max_retries=0) for name in names), max_workers=20).starts(*names)
    for name in names:
        story.exits(name, 1)
    lines = list(error_annotations(story.state))
    assert [line.startswith("::error ") for line in lines] == [True] * 10 + [False]
    assert lines[-1].startswith("::warning::2 more tasks did not complete")


def test_the_summary_draws_the_graph() -> None:
    story = told()
    page = report_markdown(story.state, story.events, FOLDER, story.now, graph=True)
    graph = page.split("```mermaid\n")[1].split("\n```")[0].split("\n")
    assert graph[0] == "flowchart TD"
    assert "    t3 --> t5" in graph
    assert [line.rsplit(":::")[1] for line in graph[1:7]] == ["good", "good", "bad", "bad", "idle", "bad"]
    assert "## Tracker: 1/5 ratcheted" in page
    assert "```mermaid" not in report_markdown(story.state, story.events, FOLDER, story.now)


def test_what_is_told_of_a_tracked_run(expected: Expected) -> None:
    """Lines, ending, status and story of a run whose tracker took one task, refused one and was told one twice."""
    lines = io.StringIO()
    view = PlainView(lines, Look())
    tasks = (Task(id="q.1", subject="One"), Task(id="q.2", subject="Two"), Task(id="q.3", subject="Three"))
    story = Story(*tasks, views=(view,), tracker="ratchet", left_out=("[q.9] Later (blocked by q.1)",))
    story.starts("q.1", "q.2", "q.3").wait(5)
    for task in ("q.1", "q.2", "q.3"):
        story.exits(task).passes(task).merges(task)
    answers(story.wait(1), "q.1", Reply.ALL_COMPLETE)
    answers(story.wait(1), "q.2", Reply.REFUSED, "no such step")
    answers(story.wait(1), "q.3", Reply.ESCALATED, "ask the architect")
    now = story.state.tasks["q.2"]
    story.tell(ev.RetryRequested(at=story.now, task="q.2", attempt=now.attempt))
    answer = Answer(Reply.ACCEPTED, "", 0)
    story.tell(ev.Tracked(at=story.now, task="q.2", attempt=1, call=2, answer=answer, again=True)).lands().reports()
    texts = [
        lines.getvalue(),
        ending_text(story.state, FOLDER, story.now),
        status_text(story.state, story.now),
        why(story.state, story.events, "q.3", FOLDER, story.now),
    ]
    expected("tracked.txt", "\n".join(texts))
