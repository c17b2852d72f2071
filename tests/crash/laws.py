"""What must hold after a run that was killed and resumed, whatever was killed when."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from swarmskill.core.events import Integrated, WorkerStarted
from swarmskill.core.invariants import broken
from swarmskill.core.state import Stage
from swarmskill.ledger import read_holder, read_ledger
from swarmskill.model import Outcome
from swarmskill.repo.message import read_trailers
from tests.crash.scene import Ran, Scene, wait_until

Swarm = Callable[..., Ran]


def assert_sound(
    scene: Scene,
    *,
    landed: bool = True,
    completed: bool = True,
    one_start: bool = True,
    swarm: Swarm | None = None,
) -> None:
    """All laws for a run that is over.

    `landed`: the user's branch got the work. `completed`: every task did. `one_start`: no attempt was
    started twice; where the keeper itself died, one may be, but never while the first still runs.
    `swarm` runs a verb, by default in an interpreter of its own.
    """
    assert_tasks(scene, completed=completed)
    assert_branch(scene)
    assert_checkout(scene, landed=landed)
    assert_lives(scene, one_start=one_start)
    assert_nothing_left(scene, swarm or scene.swarm)


def assert_tasks(scene: Scene, *, completed: bool = True) -> None:
    """Every task has one outcome, and no attempt has two of anything in the ledger."""
    state, events = scene.state, read_ledger(scene.run.ledger).events
    assert state.stage is Stage.OVER
    assert broken(state) == []
    assert set(state.tasks) == set(scene.tasks)
    for task_id, task in state.tasks.items():
        assert task.outcome is not None, f"task {task_id} was lost"
        assert not completed or task.outcome is Outcome.COMPLETED, f"task {task_id}: {task.outcome} {task.detail}"
    integrated = Counter(event.task for event in events if isinstance(event, Integrated))
    assert all(count == 1 for count in integrated.values()), f"integrated twice: {integrated}"
    started = Counter((event.task, event.attempt) for event in events if isinstance(event, WorkerStarted))
    assert all(count == 1 for count in started.values()), f"recorded twice: {started}"


def assert_no_work_lost(scene: Scene) -> None:
    """No attempt was thrown away: there are as many as in a run that nobody disturbed.

    Where only mayors and their gits died. A dead worker's or keeper's attempt is of course made again.
    """
    attempts = {task_id: task.attempt for task_id, task in scene.state.tasks.items()}
    assert attempts == {task_id: 2 if task_id == "b" else 1 for task_id in scene.tasks}


def assert_branch(scene: Scene) -> None:
    """Completed means one commit with the task's trailers on the run branch; its tip passes the checks."""
    state, branch = scene.state, f"swarm/{scene.run.run_id}"
    log = scene.git("log", "-z", "--first-parent", "--format=%H%n%B", f"{state.base}..{branch}")
    commits: dict[str, list[str]] = {}
    for record in filter(None, log.split("\0")):
        commit, _, message = record.partition("\n")
        trailers = read_trailers(message)
        assert trailers is not None and trailers[0] == scene.run.run_id, f"a strange commit: {message}"
        commits.setdefault(trailers[1], []).append(commit)
    assert all(len(found) == 1 for found in commits.values()), f"done twice: {commits}"
    done = {task_id: [task.commit] for task_id, task in state.tasks.items() if task.outcome is Outcome.COMPLETED}
    assert commits == done, "completed and having a commit on the run branch are not the same"
    assert scene.git("rev-parse", branch).strip() == state.head
    assert_green(scene, branch, set(done))


def assert_green(scene: Scene, rev: str, done: set[str]) -> None:
    """The checks pass in a fresh checkout of `rev`, and it holds all that was done, and no more."""
    archive = subprocess.run(["git", "archive", rev], cwd=scene.top, env=scene.env, capture_output=True, check=True)
    with tempfile.TemporaryDirectory(dir=scene.side) as folder:
        subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
        files = {path.stem: path.read_text() for path in Path(folder).glob("*.txt")}
        subprocess.run(["sh", "check.sh"], cwd=folder, check=True, timeout=10)
    assert files == {task: f"{task} ok\n" for task in done}


def assert_checkout(scene: Scene, *, landed: bool) -> None:
    """The user's checkout has the landed commits or not, and what the user had in it is as it was."""
    state = scene.state
    assert scene.git("symbolic-ref", "HEAD") == "refs/heads/main\n"
    assert scene.git("rev-parse", "main").strip() == (state.head if landed else state.base)
    assert scene.git("status", "--porcelain") == " M notes\n?? scratch\n"
    assert (scene.top / "notes").read_text() == "one\nthe user's own\n"
    assert (scene.top / "scratch").read_text() == "untracked\n"


def assert_lives(scene: Scene, *, one_start: bool = True) -> None:
    """No worker met another one, or what another one left, or its own blockers' work missing."""
    lives = scene.lives()
    strange = [life for life in lives if life[0] not in ("start", "end")]
    assert strange == []
    starts = Counter((task, attempt) for word, task, attempt, _ in lives if word == "start")
    assert not one_start or all(count == 1 for count in starts.values()), f"started twice: {starts}"


def assert_nothing_left(scene: Scene, swarm: Swarm) -> None:
    """No process, no lock; and after `swarm clean --all` no worktree, ref, lock file or temporary file."""
    assert wait_until(lambda: not processes_of(scene)), f"left over: {processes_of(scene)}"
    assert read_holder(scene.run) is None
    try:
        with FileLock(scene.run.lock).acquire(timeout=0):
            pass
    except Timeout:
        raise AssertionError("the lock is held") from None
    cleaned = swarm("clean", "--all")
    assert cleaned.code == 0, cleaned.output
    assert_clean(scene)


def assert_clean(scene: Scene) -> None:
    """Nothing is left in the repository but the run branch and the run's folder."""
    assert scene.git("worktree", "list", "--porcelain").count("worktree ") == 1
    assert not any((scene.top / ".swarm").rglob("*.*")), "a worktree is left"
    assert not any((scene.top / ".git" / "worktrees").glob("*")), "git's record of a worktree is left"
    assert scene.git("for-each-ref", "refs/swarm") == ""
    locks = [str(path.relative_to(scene.top)) for path in (scene.top / ".git").rglob("*.lock")]
    assert not locks, f"left: {locks}"


def processes_of(scene: Scene) -> dict[int, str]:
    """Living processes that belong to the scene: by command line, folder or environment."""
    mark, found = os.fsencode(scene.folder), {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            if mark in _told(name):
                found[int(name)] = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return {pid: command for pid, command in found.items() if command}


def _told(name: str) -> bytes:
    told = Path(f"/proc/{name}/cmdline").read_bytes() + Path(f"/proc/{name}/environ").read_bytes()
    return told + os.fsencode(os.readlink(f"/proc/{name}/cwd"))
