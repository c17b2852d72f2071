"""stop, kill, Ctrl-C, TERM, deadline, retry, clean: they do what their help says, and leave nothing behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from swarmskill.core.state import Stage
from swarmskill.ledger import read_holder
from swarmskill.model import Outcome
from tests.crash.faults import Fault
from tests.crash.laws import assert_sound, processes_of
from tests.crash.scene import Ran, Scene, wait_until

MakeScene = Callable[..., Scene]
LONG = "30"


@pytest.fixture
def pair(make_scene: MakeScene) -> Scene:
    """Task b waits on task a, which takes long."""
    scene = make_scene(tasks={"a": (), "c": ("a",)})
    (scene.side / "nap-a").write_text(LONG)
    return scene


@contextmanager
def at_work(scene: Scene, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A mayor with a's worker asleep."""
    with scene.start(*(words or scene.words)) as mayor:
        assert wait_until(lambda: asleep(scene), 30)
        yield mayor


def asleep(scene: Scene) -> bool:
    """Whether a worker takes its nap, with the ledger knowing of it."""
    sleeping = any(command.startswith("sleep") for command in processes_of(scene).values())
    state = scene.state
    return sleeping and "a" in state.tasks and state.tasks["a"].worker is not None


def outcome(scene: Scene, task: str) -> Outcome | None:
    """What a task ended as, None as long as it has not."""
    tasks = scene.state.tasks
    return tasks[task].outcome if task in tasks else None


def end_of(mayor: subprocess.Popen[str], seconds: float = 20) -> Ran:
    output, _ = mayor.communicate(timeout=seconds)
    return Ran(mayor.returncode, output)


def shown(terminal: int) -> bool:
    """Read from a terminal, which takes no more once it is full; whether there was anything."""
    try:
        return bool(os.read(terminal, 1 << 16))
    except BlockingIOError:
        return False


def wake(scene: Scene) -> None:
    """Let the sleeping worker go on."""
    for pid, command in processes_of(scene).items():
        if command.startswith("sleep"):
            os.kill(pid, signal.SIGKILL)


def assert_stopped(scene: Scene, *, completed: int) -> None:
    """The run is over for now; nobody works, nobody holds it."""
    assert wait_until(lambda: not processes_of(scene), 5), processes_of(scene)
    assert read_holder(scene.run) is None
    state = scene.state
    assert state.stage is Stage.OVER
    assert sum(task.outcome is Outcome.COMPLETED for task in state.tasks.values()) == completed


def assert_resumable(scene: Scene) -> None:
    """A resume brings the rest to its end."""
    (scene.side / "nap-a").unlink()
    resumed = scene.swarm("resume")
    assert resumed.code == 0, resumed.output
    assert_sound(scene)


def test_stop_lets_workers_finish_and_starts_no_more(pair: Scene) -> None:
    with at_work(pair) as mayor:
        assert pair.swarm("stop").code == 0
        time.sleep(0.3)
        assert mayor.poll() is None, "it did not wait for its worker"
        wake(pair)
        ran = end_of(mayor)

    assert ran.code == 1
    assert_stopped(pair, completed=1)
    assert pair.state.tasks["a"].attempt == 1
    assert_resumable(pair)


@pytest.mark.parametrize("words", [("stop", "--now"), ("kill",)])
def test_stop_now_and_kill_end_the_workers(pair: Scene, words: tuple[str, ...]) -> None:
    with at_work(pair) as mayor:
        assert pair.swarm(*words).code == 0
        ran = end_of(mayor)

    assert ran.code == 1
    assert_stopped(pair, completed=0)
    assert_resumable(pair)


@pytest.mark.parametrize("words", [("stop", "--now"), ("kill",)])
def test_stop_now_and_kill_end_what_a_dead_mayor_left(pair: Scene, words: tuple[str, ...]) -> None:
    with at_work(pair) as mayor:
        mayor.kill()
    assert asleep(pair), "the worker died with its mayor"

    ran = pair.swarm(*words)

    assert ran.code == 0 and "left-over workers ended: 1" in ran.output
    assert wait_until(lambda: not processes_of(pair), 5)
    assert_resumable(pair)


def test_stop_without_a_mayor_leaves_the_workers_to_the_next(pair: Scene) -> None:
    with at_work(pair) as mayor:
        mayor.kill()

    assert pair.swarm("stop").code == 0

    assert asleep(pair)
    wake(pair)
    assert_resumable(pair)
    assert pair.state.tasks["a"].attempt == 1


def test_kill_does_not_wait_for_workers_that_ignore_term(pair: Scene) -> None:
    pair.tasks = {"a": ()}
    (pair.side / "stubborn.sh").write_text("trap '' TERM INT HUP; sleep 30; sleep 30\n")
    (pair.side / "tasks.json").write_text(
        '[{"id": "a", "subject": "s", "run": ["sh", "%s/stubborn.sh"], "allow_empty": true}]' % pair.side
    )
    with at_work(pair) as mayor:
        began = time.monotonic()
        assert pair.swarm("kill").code == 0
        end_of(mayor)

    assert time.monotonic() - began < 9, "it waited out the grace"
    assert_stopped(pair, completed=0)


def test_one_ctrl_c_stops_and_a_second_one_kills(pair: Scene) -> None:
    with at_work(pair) as mayor:
        mayor.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert mayor.poll() is None and asleep(pair)
        mayor.send_signal(signal.SIGINT)
        ran = end_of(mayor, 9)

    assert ran.code == 130
    assert_stopped(pair, completed=0)
    assert_resumable(pair)


def test_one_ctrl_c_alone_lets_workers_finish(pair: Scene) -> None:
    with at_work(pair) as mayor:
        mayor.send_signal(signal.SIGINT)
        time.sleep(0.2)
        wake(pair)
        ran = end_of(mayor)

    assert ran.code == 130
    assert_stopped(pair, completed=1)
    assert_resumable(pair)


def test_term_ends_the_workers_in_order(pair: Scene) -> None:
    with at_work(pair) as mayor:
        mayor.terminate()
        ran = end_of(mayor)

    assert ran.code == 1
    assert_stopped(pair, completed=0)
    assert_resumable(pair)


def test_deadline_ends_the_workers_and_a_resume_gets_as_much_time_again(pair: Scene) -> None:
    with pair.start(*pair.words, "--deadline", "6s") as mayor:
        ran = end_of(mayor, 40)

    assert ran.code == 1
    assert_stopped(pair, completed=0)
    assert_resumable(pair)


def test_hang_up_of_the_terminal_leaves_a_run_that_goes_on_later(pair: Scene) -> None:
    master, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "swarmskill", *pair.words],
        cwd=pair.top,
        env=pair.env,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as mayor:
        os.close(terminal)
        os.set_blocking(master, False)
        assert wait_until(lambda: not shown(master) and asleep(pair), 30)
        os.close(master)
        assert mayor.wait(20) == -signal.SIGHUP

    assert asleep(pair), "the worker died with its mayor's terminal"
    wake(pair)
    assert_resumable(pair)
    assert pair.state.tasks["a"].attempt == 1


def test_retry_is_heard_by_a_mayor_at_work(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": (), "c": ()})
    (scene.side / "nap-a").write_text(LONG)
    (scene.side / "broken-c").touch()
    with at_work(scene) as mayor:
        assert wait_until(lambda: outcome(scene, "c") is Outcome.FAILED, 20)
        (scene.side / "broken-c").unlink()
        asked = scene.swarm("retry", "c")
        assert asked.code == 0, asked.output
        assert wait_until(lambda: outcome(scene, "c") is Outcome.COMPLETED, 20)
        wake(scene)
        ran = end_of(mayor)

    assert ran.code == 0, ran.output
    assert_sound(scene)


def test_retry_without_a_mayor_drives_the_run_itself(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": (), "c": ("a",)})
    (scene.side / "broken-a").touch()
    assert scene.swarm(*scene.words).code == 1
    assert {task.outcome for task in scene.state.tasks.values()} == {Outcome.FAILED, Outcome.SKIPPED}
    (scene.side / "broken-a").unlink()

    asked = scene.swarm("retry", "a")

    assert asked.code == 0, asked.output
    assert_sound(scene)


def test_retry_survives_a_mayor_that_dies_before_it_hears(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": (), "c": ()})
    (scene.side / "nap-a").write_text("2")
    (scene.side / "broken-c").touch()
    with at_work(scene) as mayor:
        assert wait_until(lambda: outcome(scene, "c") is Outcome.FAILED, 20)
        (scene.side / "broken-c").unlink()
        mayor.send_signal(signal.SIGSTOP)
        assert scene.swarm("retry", "c").code == 0
        mayor.kill()

    assert_resumable(scene)


def test_retry_survives_a_mayor_that_dies_before_it_records_it(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": (), "c": ()})
    (scene.side / "nap-a").write_text("4")
    (scene.side / "broken-c").touch()
    with scene.start(*scene.words, fault=Fault(stall="RetryRequested")) as mayor:
        assert wait_until(lambda: outcome(scene, "c") is Outcome.FAILED and asleep(scene), 20)
        (scene.side / "broken-c").unlink()
        assert scene.swarm("retry", "c").code == 0
        time.sleep(0.5)  # now it has taken the request, and its ledger has not
        mayor.kill()

    assert_resumable(scene)


def test_clean_keeps_what_is_not_integrated_until_it_is_named(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": (), "c": ()})
    (scene.side / "broken-c").touch()
    assert scene.swarm(*scene.words).code == 1

    kept = scene.swarm("clean")
    assert kept.code == 0
    assert "kept" in kept.output and "c-1" in kept.output and "not integrated" in kept.output
    assert "a-1" not in kept.output.replace("removed", "")

    named = scene.swarm("clean", "--task", "c")
    assert "removed" in named.output and "kept" not in named.output
    assert_sound(scene, completed=False, landed=True)


def test_clean_refuses_while_a_mayor_is_at_work(pair: Scene) -> None:
    with at_work(pair) as mayor:
        ran = pair.swarm("clean", "--all")
        assert ran.code == 1 and "swarm stop" in ran.output
        pair.swarm("kill")
        end_of(mayor)

    assert_resumable(pair)
