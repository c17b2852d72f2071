"""Codex through its adapter, against a scripted model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from swarmskill.agents.codex import AGENT
from swarmskill.config import AgentOptions
from swarmskill.model import Trouble, Usage
from tests.real.agents.held import held
from tests.real.agents.live import aim
from tests.real.agents.worker import assign, work
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script


@pytest.fixture
def worktree(project: Project) -> Path:
    """A linked worktree, as a worker has."""
    (project.top / "README.md").write_text("x\n")
    project.commit_all("first")
    project.git("worktree", "add", "-q", "../tree")
    return project.top.parent / "tree"


def test_it_works_in_the_worktree_and_nowhere_else(
    model: ScriptedModel, project: Project, worktree: Path, tmp_path: Path
) -> None:
    environment = aim(tmp_path / "agent", model, "codex")
    forbidden = Path(f"/var/tmp/swarm-{uuid4()}")  # the sandbox lets it write in the temporary folder
    outside, commit = f"touch {forbidden}", "git add -A; git commit -qm c"
    done = work(
        AGENT,
        assign(worktree, script({"write": "a.txt", "content": "hi\n"}, {"sh": f"{outside}; {commit}"}, {"text": "ok"})),
        environment,
    )
    assert done.code == 0, done.log
    assert (worktree / "a.txt").read_text() == "hi\n"
    assert not forbidden.exists()
    assert project.git("rev-list", "--all", "--count") == "1"
    assert done.report.problem is None
    assert done.report.model == "gpt-5.5"
    assert done.report.said == "ok"
    assert done.report.usage.tokens > 0


def test_commands_see_the_path_of_the_caller(model: ScriptedModel, worktree: Path, tmp_path: Path) -> None:
    environment = aim(tmp_path / "agent", model, "codex")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "only-here").write_text("#!/bin/sh\necho found > found.txt\n")
    (programs / "only-here").chmod(0o755)
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    done = work(AGENT, assign(worktree, script({"sh": "only-here"}, {"text": "ok"})), environment)
    assert (worktree / "found.txt").exists(), done.log


def test_a_thread_goes_on_and_only_what_is_new_is_counted(model: ScriptedModel, worktree: Path, tmp_path: Path) -> None:
    environment = aim(tmp_path / "agent", model, "codex")
    one = {"usage": {"input": 10, "cached": 20, "output": 3}}
    first = work(AGENT, assign(worktree, script([one, {"text": "one"}])), environment).report
    assert replace(first.usage, cost_usd=None, estimated=False) == Usage(10, 20, 3)
    again = assign(worktree, script([one, {"text": "two"}]), session=first.session)
    second = work(AGENT, again, environment, earlier=first.usage).report
    assert second.session == first.session
    assert second.usage == first.usage, "only what is new"


def test_a_thread_that_is_not_there_fails_with_a_reason(model: ScriptedModel, worktree: Path, tmp_path: Path) -> None:
    environment = aim(tmp_path / "agent", model, "codex")
    gone = assign(worktree, "x", session="01a1fdb3-be64-7091-875e-3bcbe7518199")
    done = work(AGENT, gone, environment)
    assert done.code == 1
    assert done.report.problem is not None
    assert "no rollout found" in done.report.problem.detail


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("/E/401", Trouble.AUTH),
        ("/E/403", Trouble.AUTH),
        ("/E/429", Trouble.RATE_LIMIT),
        ("/E/500", Trouble.OVERLOADED),
        ("/E/529", Trouble.OVERLOADED),
        ("/D", Trouble.NETWORK),
    ],
)
def test_an_error_of_the_service_has_its_kind(
    fault: str, kind: Trouble, model: ScriptedModel, worktree: Path, tmp_path: Path
) -> None:
    done = work(AGENT, assign(worktree, "x"), aim(tmp_path / "agent", model, "codex", fault=fault))
    assert done.code == 1, done.log
    assert done.report.problem is not None, done.log
    assert done.report.problem.kind is kind


def test_an_error_that_passes_is_none(model: ScriptedModel, worktree: Path, tmp_path: Path) -> None:
    environment = aim(tmp_path / "agent", model, "codex", fault="/E/503/1x")
    done = work(AGENT, assign(worktree, script({"text": "recovered"})), environment)
    assert (done.code, done.report.problem, done.report.said) == (0, None, "recovered"), done.log


def test_without_tools_it_writes_nothing_and_with_yolo_it_writes_anywhere(
    model: ScriptedModel, worktree: Path, tmp_path: Path
) -> None:
    environment = aim(tmp_path / "agent", model, "codex")
    prompt = script({"sh": f"touch inside {tmp_path}/outside"}, {"text": "ok"})
    work(AGENT, assign(worktree, prompt, tools=False, yolo=True), environment)
    assert not (worktree / "inside").exists()
    work(AGENT, assign(worktree, prompt, yolo=True), environment)
    assert (worktree / "inside").exists()
    assert (tmp_path / "outside").exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_silent_server_is_named_and_a_kill_leaves_nothing_of_wrapper_and_program(
    force: bool, model: ScriptedModel, worktree: Path, tmp_path: Path
) -> None:
    environment = aim(tmp_path / "agent", model, "codex", fault="/H")
    # As npm's own wrapper with an older Node: it stays above the program and passes no KILL on.
    wrapped = AgentOptions(command=("sh", "-c", 'codex "$@"; exit $?', "codex"))
    with held(AGENT, assign(worktree, "x", options=wrapped), environment, tmp_path) as worker:
        worker.wait_until(lambda: model.requests("codex"))
        # For a moment there may be a child that has not become another program yet, and has a thread's name.
        worker.wait_until(lambda: [one.name() for one in worker.family()] == ["sh", "codex"])
        family = worker.family()
        end = worker.kill(force=force)
        assert not [one for one in family if one.is_running()]
        problem = worker.report(end).problem
    assert problem is not None
    assert problem.kind is Trouble.NETWORK


def test_a_kill_reaches_the_commands_in_their_own_sessions(
    model: ScriptedModel, worktree: Path, tmp_path: Path
) -> None:
    environment = aim(tmp_path / "agent", model, "codex")
    prompt = script({"sh": "sleep 987.25"}, {"text": "ok"})
    with held(AGENT, assign(worktree, prompt, yolo=True), environment, tmp_path) as worker:
        worker.wait_until(lambda: [one for one in worker.family() if one.name() == "sleep"])
        family = worker.family()
        worker.kill(force=True)
        assert not [one for one in family if one.is_running()]


def test_a_server_that_nobody_runs_is_named(worktree: Path, tmp_path: Path) -> None:
    with ScriptedModel() as gone:
        environment = aim(tmp_path / "agent", gone, "codex")
    with held(AGENT, assign(worktree, "x"), environment, tmp_path) as worker:
        worker.wait_until(lambda: "waiting for network" in worker.log())
        problem = worker.report(worker.kill(force=False)).problem
    assert problem is not None
    assert (problem.kind, problem.detail.startswith("waiting for network")) == (Trouble.NETWORK, True)
