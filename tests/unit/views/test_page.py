"""The page of a run: nothing foreign gets out of its place, pictures are sound, big runs stay small."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import combinations, pairwise

import pytest

from swarmskill.core import events as ev
from swarmskill.model import AgentReport, CheckKind, CheckResult, Ending, Task, Usage, Verdict, WorkerEnd
from swarmskill.views.page.gantt import draw_gantt, last_chain
from swarmskill.views.page.graph import draw_graph, draw_waves
from swarmskill.views.page.html import live_html, report_html
from swarmskill.views.page.model import page_of
from swarmskill.views.page.patches import read_patch
from swarmskill.views.page.shapes import LIVE, TaskMaterial, Text
from swarmskill.views.page.texts import fit_end, fit_line
from swarmskill.views.attempts import attempts_by_task, attempts_of
from swarmskill.views.base import Progress
from swarmskill.core.state import EMPTY
from swarmskill.lineage import Kin, Origin, Relative
from swarmskill.views.kinship import Family
from tests.unit.views.stories import NOON, Story, alone, commit

HOSTILE = "</pre></textarea></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x1b[31mred\x1b[0m{{7*7}}"
PATCH = f"""\
diff --git a/src/a.py b/src/a.py
new file mode 100644
index 0000000..1111111
--- /dev/null
+++ b/src/a.py
@@ -0,0 +1,3 @@
+{HOSTILE}
+diff --git a/x b/x
+-- no header
"""


class Elements(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, and the text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_story() -> Story:
    story = Story(Task(id=HOSTILE, subject=HOSTILE, description=HOSTILE, files=(HOSTILE,)), Task(id="b", subject="B"))
    story.starts(HOSTILE, "b").wait(3)
    report = AgentReport(model=HOSTILE, said=HOSTILE, usage=Usage(10, 0, 5, 0.5), denied=(HOSTILE,))
    end = WorkerEnd(ending=Ending.EXITED, exit_code=0, started_at=NOON, ended_at=NOON + 3, report=report)
    story.tell(ev.WorkerExited(at=story.now, task=HOSTILE, attempt=1, end=end))
    output = f"{HOSTILE}\n{'y' * 1_000_000}\n"
    failed = CheckResult(CheckKind.TESTS, HOSTILE, passed=False, detail=HOSTILE, output=output)
    verdict = Verdict(failed=failed, checks=(CheckResult(CheckKind.LINT, HOSTILE, passed=True, seconds=1.0), failed))
    return story.tell(ev.Validated(at=story.now, task=HOSTILE, attempt=1, verdict=verdict, commit=commit(1)))


@pytest.mark.parametrize("live", [False, True])
def test_hostile_text_stays_text(live: bool) -> None:
    story = hostile_story()
    material = {HOSTILE: TaskMaterial(patch=PATCH, log=Text((fit_line(HOSTILE, 400),)))}
    top = alone(story).top
    child = Relative(Kin(top.folder, 1, Origin(top.folder, HOSTILE, 1)), (), EMPTY, held=False, trouble=HOSTILE)
    family = Family.of([top, child])
    page = page_of(story.state, story.events, story.now, material=material, family=family, linked=live)
    made = live_html(page) if live else report_html(page)
    found = Elements(made)
    assert found.tags.count("script") == (0 if live else 1)
    assert "img" not in found.tags
    assert [name for name, _ in found.attributes if name.startswith("on")] == []
    assert "alert(2)" in found.text  # it is told, not dropped
    assert "49" not in found.text.partition("{{")[2][:10]
    assert b"\x1b" not in made
    assert len(made) < 200_000  # the line of a megabyte is not


def test_a_failed_attempt_keeps_its_reason_when_its_wait_is_over() -> None:
    story = Story(Task(id="a", subject="A"), retry_delay=30.0).starts("a").exits("a", 3).wait(30)
    story.tell(ev.BackedOff(at=story.now, task="a", attempt=1))
    assert "exit code 3" in attempts_of(story.events, "a")[0].problem


def test_the_page_loads_nothing_and_lets_only_its_own_script_run() -> None:
    story = Story(Task(id="a", subject="A")).completes("a").lands().reports()
    made = report_html(page_of(story.state, story.events, story.now)).decode()
    assert re.findall(r"""(?:src|href|action)=["']?(?!#)[^"'>]+""", made) == []
    assert "url(" not in made and "@import" not in made
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', made)[1]
    assert "default-src 'none'" in policy.replace("&#39;", "'")
    assert policy.count("sha256-") == 2


def test_a_page_tells_outcome_checks_diff_log_story_and_cost() -> None:
    story = hostile_story()
    material = {HOSTILE: TaskMaterial(patch=PATCH, patch_left_out=7, log=Text(("last words",), 12))}
    text = Elements(report_html(page_of(story.state, story.events, story.now, material=material))).text
    for piece in ("✓ lint", "✗ tests", "src/a.py", "+3", "7 more lines of the diff", "last words", "12 lines before"):
        assert piece in text, piece
    assert "worker started from" in text
    assert "$0.50" in text and "by agent" in text and "by model" in text and "by task" in text


def test_lines_of_a_hunk_cannot_pose_as_a_header() -> None:
    text = PATCH + "diff --git a/b.txt b/b.txt\n--- a/b.txt\n+++ b/b.txt\n@@ -1,2 +1 @@ def f\n-one\n-two\n+three\n"
    first, second = read_patch(text, 400)
    assert (first.name, first.added, first.removed) == ("src/a.py", 3, 0)
    assert [kind for kind, _ in first.lines] == ["meta", "hunk", "add", "add", "add"]
    assert (second.name, second.added, second.removed) == ("b.txt", 1, 2)
    assert read_patch("", 400) == ()


def test_long_lines_and_long_texts_are_cut_and_say_so() -> None:
    assert fit_line("a\tb\x1b[2Jc\x00", 80) == "a   bc�"
    assert fit_line("x" * 1_000_000, 10) == "xxxxxxxxxx… (1,000,000 characters)"
    assert fit_end(["1", "2", "3"], 2, 80) == Text(("2", "3"), 1)
    assert fit_end([], 2, 80) == Text()


def ladder(count: int) -> Story:
    """Tasks that wait on the one before, on one far before, or on nothing."""
    tasks = [
        Task(id=f"t{n}", subject="S", blocked_by=tuple({f"t{b}" for b in (n - 1, n // 2) if n % 7 and 0 <= b < n}))
        for n in range(count)
    ]
    return Story(*tasks)


@pytest.mark.parametrize("count", [1, 5, 60, 300])
def test_boxes_of_the_graph_are_apart_and_inside_and_to_the_right_of_what_they_wait_for(count: int) -> None:
    state = ladder(count).state
    graph = draw_graph(state, frozenset())
    assert sorted(node.label for node in graph.nodes) == sorted(f"t{n}" for n in range(count))
    for one, other in combinations(graph.nodes, 2):
        assert abs(one.x - other.x) >= graph.node_width or abs(one.y - other.y) >= graph.node_height
    for node in graph.nodes:
        assert 0 <= node.x <= graph.width - graph.node_width <= 1200
        assert 0 <= node.y <= graph.height - graph.node_height
    for edge in graph.edges:
        if not edge.far:
            x1, x2 = (float(x) for x in (edge.path[1:].split(" ")[0], edge.path.split(" ")[-2]))
            assert x1 < x2


def test_edges_that_follow_from_others_are_not_drawn() -> None:
    story = Story(
        Task(id="a", subject=""),
        Task(id="b", subject="", blocked_by=("a",)),
        Task(id="c", subject="", blocked_by=("a", "b")),
    )
    assert len(draw_graph(story.state, frozenset("ab")).edges) == 2
    assert sum(edge.critical for edge in draw_graph(story.state, frozenset("ab")).edges) == 1


def test_the_chart_has_a_row_for_each_worker_at_a_time_and_the_chain_that_the_end_hung_on() -> None:
    tasks = [Task(id="a", subject=""), Task(id="b", subject=""), Task(id="c", subject="", blocked_by=("a", "b"))]
    story = Story(*tasks)
    story.starts("a", "b").wait(2).exits("a").passes("a").merges("a").wait(3).exits("b").passes("b").merges("b")
    story.wait(1).starts("c").wait(4)
    attempts = attempts_by_task(story.events)
    chain = last_chain(story.state, attempts, story.now)
    assert chain == ["b", "c"]
    gantt = draw_gantt(story.state, attempts, chain, story.now)
    assert [lane.name for lane in gantt.lanes] == ["critical path", "worker 1", "worker 2"]
    assert [[bar.label for bar in lane.segments] for lane in gantt.lanes] == [["b", "c"], ["a", "c"], ["b"]]
    for lane in gantt.lanes:
        for one, other in pairwise(lane.segments):
            assert one.x + one.width <= other.x
    assert gantt.chain_text == "2 tasks took 9.0s of the run's 10s"
    assert draw_gantt(Story(*tasks).state, {}, [], NOON) is None


def test_a_worker_that_stalled_or_waits_or_was_stopped_did_not_fail() -> None:
    story = Story(*(Task(id=name, subject="") for name in "abc"), max_workers=3)
    queued = ev.SpawnQueued(at=story.now, task="c", attempt=1, reason="a slot of this user (2 of 2 in use)")
    story.starts("a", "b").tell(queued).wait(60)
    story.tell(ev.WorkerStalled(at=story.now, task="a", attempt=1, since=NOON))
    page = page_of(story.state, story.events, story.now, progress={"a": Progress("$ make")})
    assert [(row.kind, row.word) for row in page.rows] == [
        ("stalled", "stalled"),
        ("running", "running"),
        ("ready", "queued"),
    ]
    assert page.rows[0].detail == "no progress since 12:00:00"
    assert [bar.kind for lane in page.gantt.lanes[1:] for bar in lane.segments] == ["stalled", "running"]
    story.tell(ev.WorkerStirred(at=story.now, task="a", attempt=1, since=NOON))
    story.tell(ev.StopRequested(at=story.now, session=1, now=True)).exits("b", 143, ending=Ending.KILLED)
    page = page_of(story.state, story.events, story.now)
    assert [bar.kind for lane in page.gantt.lanes[1:] for bar in lane.segments] == ["running", "stopped"]
    assert ("stopping" in dict(page.facts), "stopped" in dict(page.facts)) == (False, False), "nobody gave a reason"


def test_the_chart_of_a_stopped_run_ends_with_it() -> None:
    story = Story(Task(id="a", subject="")).starts("a").wait(5)
    story.tell(ev.StopRequested(at=story.now, session=1, now=True)).exits("a", 143, ending=Ending.KILLED).reports()
    page = page_of(story.state, story.events, story.now + 1000)
    assert page.gantt.chain_text == "1 task took 5.0s of the run's 5.0s"
    assert all(bar.x + bar.width <= page.gantt.width for lane in page.gantt.lanes for bar in lane.segments)


def test_a_page_of_five_thousand_tasks_is_small_and_says_what_it_leaves_out() -> None:
    tasks = [Task(id=f"t{n}", subject=f"Do {n}", blocked_by=(f"t{n - 40}",) if n >= 40 else ()) for n in range(5000)]
    story = Story(*tasks, max_workers=5000)
    for n in range(300):
        story.completes(f"t{n}", seconds=0.01)
    page = page_of(story.state, story.events, story.now)
    made = report_html(page)
    assert len(made) < 3_000_000
    assert len(page.rows) == 1000 and len(page.details) == 200
    text = Elements(made).text
    assert "4000 more tasks not shown" in text and "4800 more tasks not told in full" in text
    assert sum(segment.title != "" for _, row, _ in draw_waves(story.state).rows for segment in row) >= 24
    assert len(live_html(page_of(story.state, story.events, story.now, limits=LIVE))) < 500_000
