"""What a dead mayor left running or lying about must not meet what its successor does."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from swarmskill.places import attempt_ref, branch_ref
from tests.crash.faults import Fault
from tests.crash.laws import assert_sound, assert_tasks, processes_of
from tests.crash.scene import Scene, wait_until

MakeScene = Callable[..., Scene]


def test_git_that_outlives_its_mayor_does_not_clean_up_under_the_next_worker(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": (), "b": ("a",)}, slow_git=True, nap=1.5)
    scene.slow_down("*clean -ffdxq*")  # a's worktree, being made ready for b

    scene.killed_when(scene.caught, *scene.words)
    resumed = scene.swarm("resume")

    assert resumed.code == 0, resumed.output
    assert_sound(scene)


def test_ref_update_that_outlives_its_mayor_is_not_made_twice(make_scene: MakeScene) -> None:
    # Two tasks at once: the one that comes second is merged, so each try makes another commit of it.
    scene = make_scene(tasks={"a": (), "c": ()}, slow_git=True, check="sh -c 'sleep 1.5; sh check.sh'")
    (scene.side / "nap-a").write_text("0.8")
    scene.killed_when(lambda: scene.started and len(scene.lives()) == 4 and _commits(scene) == 1, *scene.words)
    scene.slow_down("*swarm: integrated*")

    scene.killed_when(scene.caught, "resume")
    began = scene.side / "began"
    assert scene.swarm("resume", fault=Fault(named="worktrees:before", died=str(began))).died
    assert began.stat().st_mtime >= (scene.side / "waited").stat().st_mtime, "it did not wait for the dead one's git"
    resumed = scene.swarm("resume")

    assert resumed.code == 0, resumed.output
    assert_sound(scene)


def test_check_that_outlives_its_mayor_does_not_meet_the_next_one(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": ()})
    meet = f"flock -n {scene.side}/meet sh -c \"trap '' TERM; touch {scene.side}/checking; sleep 1.5\""
    scene.check = f'sh -c "{meet.replace(chr(34), chr(92) + chr(34))} || exit 9"'
    (scene.side / "tasks.json").write_text(_json(scene))

    scene.killed_when((scene.side / "checking").exists, *scene.words)
    resumed = scene.swarm("resume")

    assert resumed.code == 0, resumed.output
    assert scene.state.tasks["a"].attempt == 1, "the check failed because another one ran beside it"
    assert_sound(scene)


@pytest.mark.parametrize("age", [0, 3600])
def test_ref_locks_of_a_killed_git_do_not_stop_the_next_mayor(scene: Scene, age: int) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=5)).died
    for ref in (branch_ref(scene.run.run_id), attempt_ref(scene.run.run_id, "b-1")):
        lock = scene.top / ".git" / f"{ref}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
        os.utime(lock, (time.time() - age,) * 2)

    resumed = scene.swarm("resume")

    assert resumed.code == 0, resumed.output
    assert_sound(scene)


def test_keeper_killed_during_a_check_costs_no_attempt(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": ()})
    scene.check = f"sh -c 'touch {scene.side}/checking; sleep 0.5'"
    (scene.side / "tasks.json").write_text(_json(scene))
    with scene.start(*scene.words) as mayor:
        assert wait_until((scene.side / "checking").exists)

        keepers = [pid for pid, command in processes_of(scene).items() if "backends.keeper" in command]
        assert len(keepers) == 1
        os.kill(keepers[0], signal.SIGKILL)
        output, _ = mayor.communicate(timeout=30)

    assert mayor.returncode == 0, output
    assert scene.state.tasks["a"].attempt == 1
    assert_sound(scene)


@pytest.mark.parametrize("victim", ["backends.keeper", "worker.sh"])
def test_keeper_or_worker_killed_under_a_living_mayor(make_scene: MakeScene, victim: str) -> None:
    scene = make_scene(tasks={"a": (), "c": ("a",)})
    (scene.side / "nap-a").write_text("5")
    with scene.start(*scene.words) as mayor:
        assert wait_until(
            lambda: scene.lives() and "a" in scene.state.tasks and scene.state.tasks["a"].worker is not None, 20
        )
        (scene.side / "nap-a").unlink()
        for pid in [pid for pid, command in processes_of(scene).items() if victim in command]:
            os.kill(pid, signal.SIGKILL)
        output, _ = mayor.communicate(timeout=30)

    assert mayor.returncode == 0, output
    assert scene.state.tasks["a"].attempt == 2
    assert_sound(scene)


def test_git_killed_with_its_mayor_while_it_lands_leaves_the_users_files_alone(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": ()}, slow_git=True)
    scene.slow_down("*merge --ff-only*")
    scene.killed_when(scene.caught, *scene.words)
    for pid in [pid for pid, command in processes_of(scene).items() if "--ff-only" in command]:
        os.kill(pid, signal.SIGKILL)
    lock = scene.top / ".git" / "index.lock"
    lock.touch()  # as a git leaves it that dies in the middle

    resumed = scene.swarm("resume")

    # git may have been faster than the kill: then there was nothing left to land, and nothing to refuse.
    assert resumed.code == 0, resumed.output
    assert "index.lock" in resumed.output or scene.state.landed == scene.state.head
    lock.unlink()
    assert scene.swarm("resume").code == 0
    assert_sound(scene)


def test_integrations_that_were_not_recorded_are_found_in_the_order_of_the_branch(make_scene: MakeScene) -> None:
    scene = make_scene(tasks={"a": (), "c": ()}, check="sh -c 'sleep 1; sh check.sh'")
    (scene.side / "nap-a").write_text("0.4")  # so that c comes first, other than in the task list
    assert scene.swarm(*scene.words, fault=Fault(stall="Integrated", named="advance:after", nth=4)).died
    assert _commits(scene) == 2 and not any(task.commit for task in scene.state.tasks.values())

    resumed = scene.swarm("resume")

    assert resumed.code == 0, resumed.output
    assert [scene.state.tasks[task].attempt for task in "ac"] == [1, 1]
    assert_sound(scene)


def test_mayor_that_died_before_the_first_line_leaves_a_run_that_every_verb_understands(scene: Scene) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=6)).died
    earlier = scene.run.run_id
    time.sleep(1.1)  # ids are in the order of their seconds
    assert scene.swarm(*scene.words, fault=Fault(line=1, tear=0.5)).died
    assert scene.run.run_id != earlier
    worktrees = sorted((scene.top / ".swarm" / "worktrees" / earlier).iterdir())

    for words in (["status"], ["runs"], ["tree"], ["report"], ["clean", "--all"], ["kill"], ["stop"], ["resume"]):
        ran = scene.swarm(*words)
        assert ran.code in (0, 1), f"{words}: {ran.output}"

    assert "never started" in ran.output
    assert sorted((scene.top / ".swarm" / "worktrees" / earlier).iterdir()) == worktrees, "another run's were removed"
    assert scene.swarm("resume", earlier).code == 0


def test_run_that_has_not_a_byte_of_a_ledger_hides_no_other(scene: Scene) -> None:
    assert scene.swarm(*scene.words, fault=Fault(line=6)).died
    earlier = scene.run.run_id
    time.sleep(1.1)
    assert scene.swarm(*scene.words, fault=Fault(named="append:before")).died

    assert scene.run.run_id == earlier
    assert scene.swarm("resume").code == 0
    assert_tasks(scene)


def test_killed_mayor_leaves_no_copy_of_the_index_in_the_temporary_folder(scene: Scene) -> None:
    assert scene.swarm(*scene.words, fault=Fault(named="git add:during")).died

    assert scene.swarm("resume").code == 0

    assert [path.name for path in (scene.side / "tmp").iterdir() if not path.name.startswith("swarm-0")] == []


@pytest.mark.parametrize("named", ["prepare_repository:before", "worktrees:after", "drain:before"])
def test_stop_while_the_mayor_sets_up_or_leaves_does_not_kill_it(scene: Scene, named: str) -> None:
    """The wake-up signal must never hit a process that does not wait for it."""
    fault = Fault(named=named, signals=(signal.SIGUSR1,))

    ran = scene.swarm(*scene.words, fault=fault)

    assert ran.code == 0, ran.output
    assert_sound(scene)


def _commits(scene: Scene) -> int:
    return int(scene.git("rev-list", "--count", f"main..{branch_ref(scene.run.run_id)}"))


def _json(scene: Scene) -> str:
    import json

    return json.dumps(scene._task_list())
