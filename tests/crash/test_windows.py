"""The same laws where workers are in tmux windows: who of mayor, tmux, window's process and worker dies, and when."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from swarmskill.backends.tmux import TmuxBackend
from swarmskill.core.events import WorkerLost
from swarmskill.ledger import read_ledger
from swarmskill.mail.mailbox import mayor_mailbox
from swarmskill.mail.message import MAYOR
from tests.crash.faults import Fault
from tests.crash.laws import assert_no_work_lost, assert_sound, processes_of
from tests.crash.scene import DIAMOND, LINES, Scene, Zygote, wait_until
from tests.crash.storm import Storm
from tests.crash.tally import note, rounds, seed

MakeScene = Callable[..., Scene]


@pytest.fixture
def windowed(make_scene: MakeScene) -> Scene:
    """The five-task run, its workers in windows."""
    return make_scene(windows=True)


@pytest.mark.parametrize("line", range(2, LINES + 1, 3))
def test_mayor_killed_at_a_ledger_line_loses_nothing(windowed: Scene, zygote: Zygote, line: int) -> None:
    died = zygote.swarm(windowed, *windowed.words, fault=Fault(line=line))
    assert died.died, died.output
    resumed = zygote.swarm(windowed, "resume")

    assert resumed.code == 0, resumed.output
    assert_no_work_lost(windowed)
    assert_sound(windowed)
    told = Counter(
        f"{one.message.thread} {one.message.kind}" for one in mayor_mailbox(windowed.run.mail).received(MAYOR)
    )
    again = {"b RETRY_REQUIRED"} if "b 2" in {f"{task} {n}" for _, task, n, _ in windowed.lives()} else set()
    assert told == Counter({f"{task} OFFERING_ACCEPTED" for task in DIAMOND} | again)


@pytest.mark.parametrize("named", ["begin:before", "begin:after", "start:after"])
def test_mayor_killed_while_it_opens_a_window_starts_no_worker_twice(
    windowed: Scene, zygote: Zygote, named: str
) -> None:
    died = zygote.swarm(windowed, *windowed.words, fault=Fault(named=named, nth=2))
    assert died.died, died.output
    resumed = zygote.swarm(windowed, "resume")

    assert resumed.code == 0, resumed.output
    assert_no_work_lost(windowed)
    assert_sound(windowed)


def _at_work(scene: Scene) -> bool:
    return bool(scene.lives()) and "a" in scene.state.tasks and scene.state.tasks["a"].worker is not None


def _victims(scene: Scene, word: str) -> list[int]:
    """The server's command line has that of its first window in it."""
    return [pid for pid, command in processes_of(scene).items() if word in command and "new-session" not in command]


@pytest.mark.parametrize("with_mayor", [False, True])
def test_killed_tmux_costs_no_attempt(make_scene: MakeScene, with_mayor: bool) -> None:
    scene = make_scene(tasks={"a": (), "c": ("a",)}, windows=True)
    (scene.side / "nap-a").write_text("1.5")
    with scene.start(*scene.words) as mayor:
        assert wait_until(lambda: _at_work(scene), 20)
        server = TmuxBackend(scene.run.windows).server
        assert len(server.windows()) == 1
        servers = [pid for pid, command in processes_of(scene).items() if command.startswith(("tmux", "/usr/bin/tmux"))]
        assert len(servers) == 1
        os.kill(servers[0], signal.SIGKILL)
        if with_mayor:
            mayor.kill()
        output, _ = mayor.communicate(timeout=30)
    if with_mayor:
        resumed = scene.swarm("resume")
        assert resumed.code == 0, resumed.output
    else:
        assert mayor.returncode == 0, output

    assert {task: state.attempt for task, state in scene.state.tasks.items()} == {"a": 1, "c": 1}
    assert_sound(scene)


@pytest.mark.parametrize("victim", ["tmux_worker", "worker.sh"])
def test_holder_or_worker_killed_under_a_living_mayor_is_tried_again(make_scene: MakeScene, victim: str) -> None:
    scene = make_scene(tasks={"a": (), "c": ("a",)}, windows=True)
    (scene.side / "nap-a").write_text("5")
    with scene.start(*scene.words) as mayor:
        assert wait_until(lambda: _at_work(scene), 20)
        (scene.side / "nap-a").unlink()
        for pid in _victims(scene, victim):
            with suppress(ProcessLookupError):  # some other one's end was this one's, too
                os.kill(pid, signal.SIGKILL)
        output, _ = mayor.communicate(timeout=30)

    assert mayor.returncode == 0, output
    assert scene.state.tasks["a"].attempt == 2
    assert_sound(scene)


def test_window_that_vanished_while_there_was_no_mayor_reopens_its_task(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": (), "c": ("a",)}, windows=True)
    (scene.side / "nap-a").write_text("60")
    scene.killed_when(lambda: _at_work(scene), *scene.words)
    orphan = next(pid for word, task, _, pid in scene.lives() if (word, task) == ("start", "a"))
    (scene.side / "nap-a").unlink()
    TmuxBackend(scene.run.windows).server.end()
    for pid in _victims(scene, "tmux_worker"):
        os.kill(pid, signal.SIGKILL)
    resumed = scene.swarm("resume")

    assert resumed.code == 0, resumed.output
    assert "nobody knows how" in next(
        event.reason for event in read_ledger(scene.run.ledger).events if isinstance(event, WorkerLost)
    )
    assert scene.state.tasks["a"].attempt == 2
    assert orphan not in processes_of(scene)
    assert_sound(scene)


def test_everything_killed_at_once_is_started_again(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": (), "c": ("a",)}, windows=True)
    (scene.side / "nap-a").write_text("5")
    with scene.start(*scene.words) as mayor:
        assert wait_until(lambda: _at_work(scene), 20)
        (scene.side / "nap-a").unlink()
        for pid in processes_of(scene):
            with suppress(ProcessLookupError):  # the pane's tmux went first
                os.kill(pid, signal.SIGKILL)
        mayor.communicate(timeout=30)
    resumed = scene.swarm("resume")

    assert resumed.code == 0, resumed.output
    assert scene.state.tasks["a"].attempt == 2
    assert_sound(scene)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("series", range(4))
def test_nothing_is_lost_in_a_storm_over_windows(make_scene: MakeScene, zygote: Zygote, series: int) -> None:
    storm = Storm(f"{seed()}/windows/{series}", zygote, make_scene, windows=True)
    storm.blow(-(-rounds() // 20))
    note(storm.runs, storm.deaths)
