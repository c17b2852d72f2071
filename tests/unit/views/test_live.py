"""The live tree: what a frame shows, that it always fits, and that it costs little."""

from __future__ import annotations

import io
import time

import pytest

from swarmskill.core import events as ev
from swarmskill.core.graph import bits
from swarmskill.config import Share
from swarmskill.model import Task, Usage
from swarmskill.views.base import Progress, Progresses
from swarmskill.views.live import LiveView
from swarmskill.views.marks import PLAIN, Look

from .conftest import Expected
from .stories import Story, login

PROGRESS = {"2": Progress("Editing app/password.py"), "3": Progress("pytest tests/test_login.py")}


def live(look: Look = PLAIN, width: int = 80, height: int = 24) -> LiveView:
    """A view on a terminal of that size."""
    return LiveView(io.StringIO(), look, size=lambda: (width, height))


def frame(view: LiveView, story: Story, progress: Progresses | None = None) -> str:
    """What the view shows now."""
    view.update(story.state, progress or {}, story.now)
    return "".join(f"{line.plain.rstrip()}\n" for line in view.lines())


def busy_login(view: LiveView) -> Story:
    """One completed, one in its second attempt, one being merged, two that wait."""
    story = login(views=(view,), max_workers=3, pool=(Share("claude"),)).wait(1).completes("1", seconds=41)
    story.starts("2", "3").wait(20).exits("2").breaks("2", "2 failed").wait(1).starts("2")
    story.spends("2", Usage(2_000, 9_400, 1_000, 0.314, estimated=True)).spends("3", Usage(950))
    return story.wait(9.7).exits("3", usage=Usage(950)).passes("3").wait(2)


def many(count: int, view: LiveView, workers: int = 8) -> Story:
    """A wide and deep graph with shared files, ten of its tasks tried."""
    tasks = [
        Task(
            id=f"task-{i}",
            subject=f"Reformat module {i} \x1b[31m模块",
            blocked_by=(f"task-{i - 100}",) if i >= 100 else (),
            files=(f"src/m{i % 60}.py",),
        )
        for i in range(count)
    ]
    story = Story(*tasks, views=(view,), max_workers=workers, pool=(Share("codex"),))
    for number in range(10):
        task = story.state.graph.tasks[next(bits(story.state.busy))].id
        story.starts(task).wait(1)
        story.exits(task, 3) if number % 5 == 4 else story.exits(task).passes(task).merges(task)
    return story


def test_a_frame(expected: Expected) -> None:
    view = live()
    expected("live.txt", frame(view, busy_login(view), PROGRESS))


def test_a_frame_on_a_wide_terminal(expected: Expected) -> None:
    view = live(width=200, height=50)
    expected("live-wide.txt", frame(view, busy_login(view), PROGRESS))


def test_a_frame_without_unicode(expected: Expected) -> None:
    view = live(Look(unicode=False, encoding="ascii"))
    text = frame(view, busy_login(view), PROGRESS)
    assert text.isascii()
    expected("live-ascii.txt", text)


def test_a_frame_of_a_thousand_tasks_tells_what_the_others_wait_for(expected: Expected) -> None:
    view = live()
    expected("live-many.txt", frame(view, many(1000, view)))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (40, 10), (20, 5), (10, 2)])
@pytest.mark.parametrize("workers", [1, 8, 60])
def test_every_frame_fits_the_terminal(width: int, height: int, workers: int) -> None:
    view = live(width=width, height=height)
    story = many(300, view, workers)
    view.update(story.state, {}, story.now)
    lines = view.lines()
    assert len(lines) < height
    assert max(line.cell_len for line in lines) < width


def test_the_tree_never_gets_lower_so_that_nothing_jumps() -> None:
    view = live()
    story = busy_login(view)
    before = frame(view, story).count("\n")
    story.merges("3").exits("2").passes("2").merges("2")
    assert frame(view, story).count("\n") >= before


def test_a_stopping_run_says_so_and_guesses_no_end() -> None:
    view = live()
    story = login(views=(view,), max_workers=1).completes("1").starts("3")
    assert "about" in frame(view, story)
    story.tell(ev.StopRequested(at=story.now, session=1))
    text = frame(view, story)
    assert "stopping, 1 worker left" in text
    assert "2, 5 will not start: the run is stopping" in text
    assert "about" not in text


def test_no_end_is_guessed_before_a_task_completed_unless_estimates_are_given() -> None:
    view = live()
    assert "about" not in frame(view, login(views=(view,)))
    view = live()
    tasks = [Task(id="1", subject="One", estimate=120.0), Task(id="2", subject="Two", estimate=60.0, blocked_by=("1",))]
    assert "about 3m left" in frame(view, Story(*tasks, views=(view,)))


def test_what_went_wrong_and_notes_stay_above_the_tree() -> None:
    out = io.StringIO()
    view = LiveView(out, Look(), size=lambda: (80, 24))
    view.start()
    story = login(views=(view,)).starts("1").wait(2).exits("1", 3)
    view.note("warning: \x1b[2Jno .env")
    view.update(story.state, {}, story.now)
    view.stop()
    written = out.getvalue()
    assert "12:00:02 retry     1: exit code 3\n" in written
    assert "warning: no .env\n" in written
    assert "\x1b[2J" not in written
    assert written.endswith("\x1b[?25h")


def test_frames_are_at_least_an_eighth_of_a_second_apart_and_only_drawn_when_something_changed() -> None:
    out = io.StringIO()
    view = LiveView(out, Look(), size=lambda: (80, 24))
    story = login(views=(view,)).starts("1")
    view.update(story.state, {}, story.now)
    drawn = len(out.getvalue())
    story.wait(0.01).exits("1")
    view.update(story.state, {}, story.now)
    assert len(out.getvalue()) == drawn
    view.update(story.state, {}, story.now + 0.2)
    assert len(out.getvalue()) > drawn
    drawn = len(out.getvalue())
    view.update(story.state, {}, story.now + 0.4)
    assert len(out.getvalue()) == drawn


def test_a_narrower_terminal_is_drawn_over_where_its_lines_wrapped() -> None:
    out, size = io.StringIO(), [80, 24]
    view = LiveView(out, Look(), size=lambda: (size[0], size[1]))
    story = login(views=(view,)).starts("1")
    view.update(story.state, {}, story.now)
    widths = [line.cell_len for line in view.lines()]
    size[0] = 30
    out.truncate(0)
    view.update(story.state, {}, story.now + 1)
    assert f"\x1b[{sum(max(1, -(-width // 30)) for width in widths)}A" in out.getvalue()


def test_a_terminal_that_is_gone_does_not_disturb_the_run() -> None:
    out = io.StringIO()
    view = LiveView(out, Look(colour=True), size=lambda: (80, 24))
    view.start()
    out.close()
    story = login(views=(view,))
    view.update(story.state, {}, story.now)
    view.stop()


def test_a_frame_of_ten_thousand_tasks_takes_less_than_5_ms() -> None:
    view = LiveView(io.StringIO(), Look(colour=True), size=lambda: (80, 24))
    tasks = [Task(id=f"{i}", subject="Do", blocked_by=("0",) if i else ()) for i in range(10_000)]
    story = Story(*tasks, views=(view,), max_workers=8).completes("0")
    progress = {task.id: Progress("working") for task in tasks}
    view.update(story.state, progress, story.now)
    costs = []
    for _ in range(20):
        story.completes(story.state.graph.tasks[next(bits(story.state.busy))].id)
        began = time.process_time()
        view.update(story.state, progress, story.now)
        costs.append(time.process_time() - began)
    assert sorted(costs)[len(costs) // 2] < 0.005
