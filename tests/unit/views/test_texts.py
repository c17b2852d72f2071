"""The texts of one run that has a bit of everything, compared whole; `--rewrite-views` writes them anew."""

from __future__ import annotations

import io
import json
from pathlib import Path

from swarmskill.core import events as ev
from swarmskill.places import RunFolder
from swarmskill.views.events import event_line
from swarmskill.views.marks import Look
from swarmskill.views.plain import PlainView
from swarmskill.views.report import report_markdown
from swarmskill.views.run_json import RunEntry, run_document, runs_document, tree_document
from swarmskill.views.runs import runs_text
from swarmskill.views.status import status_text
from swarmskill.views.story import why, why_document
from swarmskill.views.tree import tree_text

from .conftest import Expected
from .stories import RUN, Story, alone, login

FOLDER = RunFolder(Path("/repo/.git/swarm/runs") / RUN)


def halfway(view: PlainView | None = None) -> Story:
    """One completed, one in its second attempt, one that runs, two that wait."""
    story = login(views=(view,) if view else (), max_workers=3)
    story.wait(0.5).completes("1", seconds=4).wait(0.2).starts("2", "3").wait(12)
    story.exits("2", says="hashing is done")
    story.breaks("2", "exit code 1", output="E   assert 1 == 2\n\x1b[31m1 failed\x1b[0m, 5 passed\n")
    return story.wait(1).starts("2").wait(30)


def over(view: PlainView | None = None) -> Story:
    """Two completed, one failed for good, two skipped; what there is has landed."""
    story = halfway(view).exits("2", says="fixed").passes("2").wait(3).merges("2", moved=True)
    return story.exits("3", 1).wait(1).fails("3").lands().reports()


def test_plain_lines(expected: Expected) -> None:
    out = io.StringIO()
    view = PlainView(out, Look())
    view.start()
    view.note("warning: .env is not there")
    over(view)
    view.stop()
    expected("plain.txt", out.getvalue())


def test_status(expected: Expected) -> None:
    expected("status-halfway.txt", status_text(halfway().state, halfway().now))
    expected("status-over.txt", status_text(over().state, over().now))


def test_status_of_a_run_whose_mayor_died_says_how_to_go_on() -> None:
    story = halfway()
    assert "interrupted" in status_text(story.state, story.now, held=False)
    assert f"go on     swarm resume {RUN}\n" in status_text(story.state, story.now, held=False)


def test_tree(expected: Expected) -> None:
    expected("tree.txt", tree_text(alone(over()), over().now))
    expected("tree-ascii.txt", tree_text(alone(over()), over().now, look=Look(unicode=False, encoding="ascii")))


def test_why_tells_a_task_that_was_retried(expected: Expected) -> None:
    story = over()
    expected("why-retried.txt", why(story.state, story.events, "2", FOLDER, story.now))


def test_why_shows_the_end_of_the_log_of_a_worker_that_failed(expected: Expected, tmp_path: Path) -> None:
    story, folder = over(), RunFolder(tmp_path / RUN)
    log = folder.log("3-3")
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number}\n" for number in range(30)) + "Traceback\x1b]0;title\x07\n")
    text = why(story.state, story.events, "3", folder, story.now).replace(str(tmp_path), "/runs")
    expected("why-failed.txt", text)


def test_why_follows_the_chain_that_blocks_a_task(expected: Expected) -> None:
    story = over()
    expected("why-skipped.txt", why(story.state, story.events, "5", FOLDER, story.now, newest=False))
    story = halfway()
    expected("why-waiting.txt", why(story.state, story.events, "5", FOLDER, story.now))


def test_why_as_json(expected: Expected) -> None:
    story = over()
    document = why_document(story.state, story.events, "2", FOLDER, story.now)
    expected("why.json", json.dumps(document, indent=2) + "\n")


def test_report(expected: Expected) -> None:
    story = over()
    expected("report.md", report_markdown(story.state, story.events, FOLDER, story.now))


def test_report_of_a_run_that_could_not_land() -> None:
    story = login(max_workers=1).completes("1", "3", "2", "4", "5")
    story.tell(ev.LandingRefused(at=story.now, head=story.state.head, reason="a|b is *dirty*", hint="git stash"))
    text = report_markdown(story.state, story.events, FOLDER, story.now)
    assert text.startswith(f"# Run {RUN}: completed\n")
    assert "Not landed on main yet (a\\|b is \\*dirty\\*). To land:\n\n```sh\ngit stash\n```" in text


def test_runs(expected: Expected) -> None:
    story = over()
    entries = [
        RunEntry(RUN, story.state),
        RunEntry("20261121-1300-calm-fox", halfway().state, held=True),
        RunEntry("20261121-1400-wild-elk", None, problem="line 3 of events.jsonl is damaged"),
    ]
    expected("runs.txt", runs_text(entries, story.now))
    expected("runs.json", json.dumps(runs_document(entries, story.now), indent=2) + "\n")


def test_run_document(expected: Expected) -> None:
    story = over()
    document = run_document(story.state, story.events, story.now)
    expected("run.json", json.dumps(document, indent=2) + "\n")


def test_tree_document(expected: Expected) -> None:
    expected("tree.json", json.dumps(tree_document(halfway().state, 0.0), indent=2) + "\n")


def test_events_as_lines(expected: Expected) -> None:
    expected("events.txt", "".join(event_line(event) + "\n" for event in over().events))
