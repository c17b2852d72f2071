"""The merge queue on real repositories: attempts that wait are checked together, and only the guilty pay."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from swarmskill.backends.base import Job, JobEnd, Started
from swarmskill.core import events as ev
from swarmskill.core.effects import Integrate
from swarmskill.core.invariants import broken
from swarmskill.core.progress import outstanding
from swarmskill.core.state import EMPTY
from swarmskill.core.transitions import step
from swarmskill.mayor.accounts import Accounts
from swarmskill.mayor.branch import RunBranch
from swarmskill.mayor.commands import Commands
from swarmskill.mayor.context import RunContext
from swarmskill.mayor.memory import MemoryHold
from swarmskill.mayor.isolation import CheckoutGuard
from swarmskill.mayor.judging import Judge
from swarmskill.mayor.merging import Merger
from swarmskill.config import Isolation, MemoryGuard, RunConfig, WorktreeSetup
from swarmskill.model import Check, CheckKind, Ending, Outcome, Phase, Task, Verdict, WorkerEnd
from swarmskill.places import RunFolder, attempt_key, branch_ref
from swarmskill.repo.collecting import GcPause
from swarmskill.repo.integrate import find_integrated
from swarmskill.repo.message import commit_message
from swarmskill.repo.snapshot import snapshot
from tests.real.git.conftest import RUN, GitRepo

END = WorkerEnd(ending=Ending.EXITED, exit_code=0, started_at=0.0, ended_at=1.0)


class Processes:
    """Runs each job to its end before `start` returns; `before` is called ahead of each."""

    def __init__(self) -> None:
        self.before: Callable[[], object] = lambda: None
        self._ends: dict[str, JobEnd] = {}

    def start(self, job: Job) -> Started:
        self.before()
        with job.log.open("wb") as log:
            done = subprocess.run(job.argv, cwd=job.cwd, env=job.env, stdout=log, stderr=log, check=False)
        code = done.returncode
        self._ends[job.name] = JobEnd(ending=Ending.EXITED, exit_code=code, started_at=0.0, ended_at=1.0)
        return Started(1, job.name)

    def end(self, name: str, started: Started) -> Future[JobEnd]:
        future: Future[JobEnd] = Future()
        future.set_result(self._ends[name])
        return future


class Queue:
    """A run whose attempts all wait to be merged. `events` is what came of it."""

    def __init__(self, repo: GitRepo, *tasks: Task, setup: WorktreeSetup | None = None, **config: Any) -> None:
        self.repo, self.setup = repo, setup or WorktreeSetup()
        self.base = repo.head()
        self.repository = repo.open()
        self.repository.create_run_branch(RUN, self.base)
        self.worktrees = repo.worktrees()
        self.folder = RunFolder(self.repository.common_dir / "swarm" / "runs" / RUN)
        self.config = RunConfig(max_workers=99, worktree=self.setup, isolation=Isolation.OFF, **config)
        self.processes = Processes()
        self.events: list[ev.Event] = []
        self.state = EMPTY
        self._do(ev.RunStarted(at=0.0, run_id=RUN, tasks=tasks, config=self.config, base=self.base))
        self.new_mayor()

    def new_mayor(self) -> None:
        """What a mayor holds in memory is gone."""
        worktrees = self.repo.worktrees(self.setup)
        commands = Commands(self.processes, self.state.session, 1.0)
        no_gc = GcPause(self.repository.common_dir)
        self.said: list[str] = []
        context = RunContext(
            folder=self.folder,
            config=self.config,
            repository=self.repository,
            worktrees=worktrees,
            backend=self.processes,
            workers=self.processes,
            handed=None,
            commands=commands,
            environment={"PATH": os.environ["PATH"]},
            guard=CheckoutGuard(self.repository, self.folder, Isolation.OFF, no_gc),
            branch=RunBranch(self.repository, RUN, self.state.head, self.said.append),
            no_gc=no_gc,
            accounts=Accounts(self.folder, {}),
            memory=MemoryHold(RUN, MemoryGuard.NONE),
        )
        self.merger = Merger(context, Judge(context), self._do)

    def resume(self) -> None:
        self.state, _ = step(self.state, ev.RunResumed(at=0.0, session=self.state.session + 1))
        self.new_mayor()

    def accept(self, task: str, files: dict[str, str]) -> None:
        """A worker wrote these files, and its task's own checks passed."""
        attempt = self.state.tasks[task].attempt
        tip = self.tip
        worktree = self.worktrees.acquire(attempt_key(task, attempt), tip).path
        for path, content in files.items():
            self.repo.write(path, content, worktree)
        message = commit_message(self.state.graph.task(task), RUN, attempt)
        commit = snapshot(self.repository, worktree, tip, message).commit
        self.state, _ = step(
            self.state,
            ev.WorkerStarted(at=0.0, task=task, attempt=attempt, pid=1, identity="x", worktree=str(worktree), base=tip),
        )
        self.state, _ = step(self.state, ev.WorkerExited(at=0.0, task=task, attempt=attempt, end=END))
        validated = ev.Validated(at=0.0, task=task, attempt=attempt, verdict=Verdict(), commit=commit)
        self.state, _ = step(self.state, validated)

    def wait(self, *, last_first: bool = False) -> None:
        """All of them wait to be merged."""
        effects = [effect for effect in outstanding(self.state) if isinstance(effect, Integrate)]
        for effect in reversed(effects) if last_first else effects:
            self.merger.add(effect, self.state)

    def merge(self) -> None:
        self.wait()
        self.merger.work()

    def _do(self, event: ev.Event) -> None:
        self.events.append(event)
        self.state, _ = step(self.state, event)
        assert not broken(self.state)

    @property
    def tip(self) -> str:
        return self.repo.head(branch_ref(RUN))

    @property
    def runs(self) -> int:
        """How often the run-wide check was made."""
        path = self.repo.top.parent / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    @property
    def moves(self) -> int:
        """How often the run branch moved since it was made."""
        return len(self.repo.git("reflog", "show", branch_ref(RUN)).splitlines()) - 1

    def with_outcome(self, outcome: Outcome) -> list[str]:
        return [name for name, task in self.state.tasks.items() if task.outcome is outcome]

    def answers(self, kind: type[ev.AttemptEvent]) -> list[str]:
        return [event.task for event in self.events if isinstance(event, kind)]

    def assert_sound(self) -> None:
        """Each completed task's commit is on the branch just once, and the head is the tip."""
        integrated = [event for event in self.events if isinstance(event, ev.Integrated)]
        assert len({event.task for event in integrated}) == len(integrated)
        commits = self.repo.git("rev-list", "--first-parent", f"{self.base}..{self.tip}").splitlines()
        assert len({event.commit for event in integrated} & set(commits)) == len(integrated)
        on_branch = find_integrated(self.repository, RUN, self.base)
        assert on_branch == {(event.task, event.attempt): event.commit for event in integrated}
        assert self.state.head == self.tip
        assert not self.repo.git("status", "--porcelain"), "the user's checkout is as it was"


def names(count: int) -> list[str]:
    return [f"t{number}" for number in range(count)]


def tasks(*ids: str, **options: Any) -> list[Task]:
    return [Task(id=one, subject=f"Do {one}", max_retries=0, **options) for one in ids]


@pytest.fixture
def suite(git_repo: GitRepo) -> Callable[[str], tuple[Check, ...]]:
    """Makes a run-wide check out of a shell condition; each of its runs leaves a line in a file."""

    def make(condition: str) -> tuple[Check, ...]:
        command = f"echo run >> '{git_repo.top.parent}/runs'; {condition}"
        return (Check(kind=CheckKind.TESTS, name="suite", command=command, shell=True, cross_cutting=True),)

    return make


Suite = Callable[[str], tuple[Check, ...]]


def test_what_waits_together_is_checked_once_and_lands_in_one_move(git_repo: GitRepo, suite: Suite) -> None:
    queue = Queue(git_repo, *tasks(*names(8)), cross_cutting=suite("test -e t0.txt"))
    for name in names(8):
        queue.accept(name, {f"{name}.txt": name})
    queue.merge()
    assert (queue.runs, queue.moves) == (1, 1)
    assert queue.answers(ev.Integrated) == names(8)
    queue.assert_sound()
    subjects = git_repo.git("log", "--reverse", "--format=%s", f"{queue.base}..{queue.tip}").splitlines()
    assert subjects == [f"Do {name}" for name in names(8)], "one commit for each task, in the order of the queue"
    assert {f"{name}.txt" for name in names(8)} < set(git_repo.files(queue.tip))


def test_a_batch_has_a_limit(git_repo: GitRepo, suite: Suite) -> None:
    queue = Queue(git_repo, *tasks(*names(5)), cross_cutting=suite("true"), merge_batch=2)
    for name in names(5):
        queue.accept(name, {f"{name}.txt": name})
    queue.merge()
    assert (queue.runs, queue.moves) == (3, 3)
    queue.assert_sound()


def test_with_batches_of_one_every_commit_was_checked(git_repo: GitRepo, suite: Suite) -> None:
    log = git_repo.top.parent / "checked"
    checked = suite(f"git rev-parse HEAD >> '{log}'")
    queue = Queue(git_repo, *tasks(*names(3)), cross_cutting=checked, merge_batch=1)
    for name in names(3):
        queue.accept(name, {f"{name}.txt": name})
    queue.merge()
    commits = git_repo.git("rev-list", "--reverse", f"{queue.base}..{queue.tip}").splitlines()
    assert log.read_text().splitlines()[1:] == commits[1:], "the first was checked where its worker made it"
    assert queue.runs == 3
    queue.assert_sound()


@pytest.mark.parametrize("guilty", [0, 3, 7])
def test_of_eight_only_the_guilty_one_is_rejected(git_repo: GitRepo, suite: Suite, guilty: int) -> None:
    condition = "if test -e bad.txt; then echo found bad.txt; exit 1; fi"
    queue = Queue(git_repo, *tasks(*names(8)), cross_cutting=suite(condition))
    for number, name in enumerate(names(8)):
        queue.accept(name, {"bad.txt" if number == guilty else f"{name}.txt": name})
    queue.merge()
    assert queue.with_outcome(Outcome.REJECTED) == [f"t{guilty}"]
    assert len(queue.with_outcome(Outcome.COMPLETED)) == 7
    assert queue.runs <= 7
    queue.assert_sound()
    rejected = next(event for event in queue.events if isinstance(event, ev.IntegrationRejected))
    assert rejected.verdict.failed is not None
    assert rejected.verdict.failed.output == "found bad.txt"
    assert Path(rejected.verdict.failed.log).read_text() == "found bad.txt\n", "the log of its own run is kept"
    assert attempt_key(f"t{guilty}", 1) in rejected.verdict.failed.log


def test_of_two_that_merge_but_break_each_other_the_second_is_told_what_failed(git_repo: GitRepo, suite: Suite) -> None:
    condition = "if test -e one.txt && test -e two.txt; then echo not both; exit 1; fi"
    queue = Queue(git_repo, *tasks("a"), Task(id="b", subject="Do b"), cross_cutting=suite(condition))
    queue.accept("a", {"one.txt": ""})
    queue.accept("b", {"two.txt": ""})
    queue.merge()
    assert queue.with_outcome(Outcome.COMPLETED) == ["a"]
    again = queue.state.tasks["b"]
    assert (again.phase, again.attempt) == (Phase.ASSIGNED, 2), "a fresh attempt"
    assert again.feedback is not None
    assert again.feedback.output == "not both"
    queue.assert_sound()


def test_two_that_change_the_same_line_conflict_once_one_of_them_has_landed(git_repo: GitRepo, suite: Suite) -> None:
    queue = Queue(git_repo, *tasks("a", "b", "c"), cross_cutting=suite("true"))
    queue.accept("a", {"a.txt": "a\n2\n3\n"})
    queue.accept("b", {"a.txt": "b\n2\n3\n"})
    queue.accept("c", {"c.txt": ""})
    queue.merge()
    assert queue.answers(ev.Integrated) == ["a", "c"]
    conflicted = [event for event in queue.events if isinstance(event, ev.IntegrationConflicted)]
    assert [(event.task, event.paths) for event in conflicted] == [("b", ("a.txt",))]
    assert git_repo.content(queue.tip, "a.txt") == "a\n2\n3"
    assert queue.runs == 1
    queue.assert_sound()


def test_nobody_conflicts_with_work_that_did_not_land(git_repo: GitRepo, suite: Suite) -> None:
    queue = Queue(git_repo, *tasks("a", "b"), cross_cutting=suite("! grep -q bad a.txt"))
    queue.accept("a", {"a.txt": "bad\n2\n3\n"})
    queue.accept("b", {"a.txt": "good\n2\n3\n"})
    queue.merge()
    assert queue.with_outcome(Outcome.REJECTED) == ["a"]
    assert queue.with_outcome(Outcome.COMPLETED) == ["b"]
    queue.assert_sound()


def test_when_somebody_moves_the_run_branch_during_the_checks_nothing_is_lost(git_repo: GitRepo, suite: Suite) -> None:
    queue = Queue(git_repo, *tasks(*names(4)), cross_cutting=suite("true"))
    for name in names(4):
        queue.accept(name, {f"{name}.txt": name})
    other = git_repo.branch_off("other", {"other.txt": "theirs"})
    queue.processes.before = lambda: None if queue.runs else git_repo.git("update-ref", branch_ref(RUN), other)
    queue.merge()
    assert queue.answers(ev.Integrated) == names(4)
    assert queue.runs == 1, "what was checked was checked on our own tip"
    assert "other.txt" not in git_repo.files(queue.tip), "nobody checked that"
    assert git_repo.git("for-each-ref", "--points-at", other, "refs/swarm"), "but it is kept"
    assert queue.said
    queue.assert_sound()


def test_own_checks_are_made_again_on_the_top_with_their_own_environment(git_repo: GitRepo, suite: Suite) -> None:
    side = git_repo.top.parent / "seen"
    own = Check(kind=CheckKind.COMMAND, name="own", command=f"echo $SWARM_TASK_ID >> '{side}'", shell=True)
    shared = suite(f"echo suite ${{SWARM_TASK_ID-none}} $SWARM_RUN_ID >> '{side}'")
    queue = Queue(git_repo, *tasks(*names(3), checks=(own,)), cross_cutting=shared)
    for name in names(3):
        queue.accept(name, {f"{name}.txt": name})
    queue.merge()
    assert side.read_text().splitlines() == [*names(3), f"suite none {RUN}"]
    assert [path.name for path in (queue.folder.path / "checks" / "stacks").iterdir()] == ["1-1-1.log"]


def test_a_later_attempt_that_breaks_the_own_check_of_an_earlier_one_is_not_in_its_way(git_repo: GitRepo) -> None:
    own = Check(kind=CheckKind.COMMAND, name="only mine", command="test ! -e b.txt", shell=True)
    queue = Queue(git_repo, *tasks("a", checks=(own,)), *tasks("b"))
    queue.accept("a", {"a.txt": ""})
    queue.accept("b", {"b.txt": ""})
    queue.merge()
    assert queue.answers(ev.Integrated) == ["a", "b"], "as one at a time, where the checks of a are not made again"
    queue.assert_sound()


def test_what_needs_no_check_does_not_wait_for_the_checks_of_others(git_repo: GitRepo) -> None:
    own = Check(kind=CheckKind.COMMAND, name="own", command="true", shell=True)
    queue = Queue(git_repo, *tasks("a", "b", "c", checks=(own,)))
    for name in "abc":
        queue.accept(name, {f"{name}.txt": name})
    landed_before: list[int] = []
    queue.processes.before = lambda: landed_before.append(len(queue.answers(ev.Integrated)))
    queue.merge()
    assert landed_before == [1, 1], "a was checked on this very tree; b and c are checked together"
    queue.assert_sound()


def test_what_a_dead_mayor_landed_is_told_once_and_in_the_branchs_order(git_repo: GitRepo, suite: Suite) -> None:
    queue = Queue(git_repo, *tasks(*names(5)), cross_cutting=suite("true"), merge_batch=4)
    for name in names(4):
        queue.accept(name, {f"{name}.txt": name})
    before = queue.state
    queue.merge()
    queue.state, queue.events = before, []  # it died before it recorded any of this
    tip = queue.tip
    queue.resume()
    queue.accept("t4", {"t4.txt": "new"})
    queue.wait(last_first=True)
    queue.merger.work()
    assert queue.answers(ev.Integrated) == names(5)
    assert git_repo.git("rev-parse", f"{queue.tip}^") == tip
    queue.assert_sound()


def test_what_a_git_of_a_dead_mayor_brings_during_the_checks_does_not_land_beside_ours(
    git_repo: GitRepo, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-21T08:00:00Z")
    queue = Queue(git_repo, *tasks(*names(3)), cross_cutting=suite("true"))
    for name in names(3):
        queue.accept(name, {f"{name}.txt": name})
    before = queue.state
    queue.merge()
    late = queue.tip
    git_repo.git("update-ref", branch_ref(RUN), queue.base)  # its update-ref is still to come
    git_repo.git("update-ref", "-d", f"refs/swarm/{RUN}/tip")
    queue.state, queue.events = before, []
    queue.resume()
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-21T09:00:00Z")  # other times, other commits
    queue.processes.before = lambda: git_repo.git("update-ref", branch_ref(RUN), late)
    queue.merge()
    assert queue.answers(ev.Integrated) == names(3)
    assert queue.tip != late
    queue.assert_sound()


def test_nobody_is_answered_twice_when_the_branch_moves_between_batches(git_repo: GitRepo, suite: Suite) -> None:
    queue = Queue(git_repo, *tasks(*names(4)), cross_cutting=suite("true"), merge_batch=2)
    for name in names(4):
        queue.accept(name, {f"{name}.txt": name})

    def somebody_commits() -> None:
        if queue.runs == 1:
            commit = git_repo.git("commit-tree", "-p", queue.tip, "-m", "theirs", f"{queue.tip}^{{tree}}")
            git_repo.git("update-ref", branch_ref(RUN), commit)

    queue.processes.before = somebody_commits
    queue.merge()
    assert queue.answers(ev.Integrated) == names(4)
    queue.assert_sound()


@pytest.mark.parametrize("result", ["true", "false"])
def test_a_closed_queue_neither_answers_nor_moves_the_branch(git_repo: GitRepo, suite: Suite, result: str) -> None:
    queue = Queue(git_repo, *tasks(*names(4)), cross_cutting=suite(result))
    for name in names(4):
        queue.accept(name, {f"{name}.txt": name})
    queue.processes.before = queue.merger.close
    before = list(queue.events)
    queue.merge()
    assert (queue.events, queue.tip, queue.runs) == (before, queue.base, 1)


def test_an_attempt_that_breaks_the_set_up_of_worktrees_is_rejected_alone(git_repo: GitRepo, suite: Suite) -> None:
    setup = WorktreeSetup(setup=("test ! -e broken.txt",))
    queue = Queue(git_repo, *tasks("a", "b", "c"), cross_cutting=suite("true"), setup=setup)
    for name, path in {"a": "a.txt", "b": "broken.txt", "c": "c.txt"}.items():
        queue.accept(name, {path: name})
    queue.merge()
    assert queue.with_outcome(Outcome.REJECTED) == ["b"]
    assert queue.answers(ev.Integrated) == ["a", "c"]
    queue.assert_sound()
