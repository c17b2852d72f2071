"""opencode through its adapter, against a scripted model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from swarmskill.agents.opencode import AGENT
from swarmskill.model import Trouble
from tests.real.agents.held import held
from tests.real.agents.live import aim
from tests.real.agents.worker import assign, work
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script

CONTENT = "OPENCODE_CONFIG_CONTENT"
Aim = Callable[..., dict[str, str]]


@pytest.fixture
def worktree(project: Project) -> Path:
    """A linked worktree, as a worker has."""
    (project.top / "README.md").write_text("x\n")
    project.commit_all("first")
    project.git("worktree", "add", "-q", "../tree")
    return project.top.parent / "tree"


@pytest.fixture
def aimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Aim:
    """`aim`, with the user's settings where the adapter looks for them: in the mayor's own environment."""

    def set_up(model: ScriptedModel, fault: str = "") -> dict[str, str]:
        environment = aim(tmp_path / "agent", model, "opencode", fault=fault)
        monkeypatch.setenv(CONTENT, environment[CONTENT])
        return environment

    return set_up


def test_it_edits_runs_what_is_allowed_and_is_denied_the_rest(
    aimed: Aim, model: ScriptedModel, worktree: Path, tmp_path: Path
) -> None:
    steps = (
        {"write": "a.txt", "content": "hi\n"},
        {"sh": "cp a.txt b.txt"},
        {"sh": "touch c.txt"},
        {"sh": "git status --short"},
        {"tool": "write", "input": {"filePath": str(tmp_path / "outside"), "content": "x\n"}},
        {"text": "done"},
    )
    job = assign(worktree, script(*steps), allowed=(("cp", "a.txt"),))
    done = work(AGENT, job, aimed(model))
    assert done.code == 0, done.log
    assert (worktree / "a.txt").read_text() == (worktree / "b.txt").read_text() == "hi\n"
    assert not (worktree / "c.txt").exists()
    assert not (tmp_path / "outside").exists()
    assert [words.partition(" ")[0] for words in done.report.denied] == ["$", "write"]
    assert "?? b.txt" in done.log
    assert (done.report.problem, done.report.said) == (None, "done")
    assert done.report.usage.cost_usd
    assert len(model.requests("opencode")) == len(steps)  # none of them for a title


def test_a_session_goes_on_in_its_worktree(aimed: Aim, model: ScriptedModel, worktree: Path) -> None:
    environment = aimed(model)
    one = {"usage": {"input": 10, "cached": 20, "output": 3}}
    first = work(AGENT, assign(worktree, script([one, {"text": "one"}])), environment).report
    again = assign(worktree, script([one, {"text": "two"}]), session=first.session)
    second = work(AGENT, again, environment, earlier=first.usage).report
    assert second.session == first.session
    assert (second.said, second.problem) == ("two", None)
    assert (first.usage.tokens, second.usage.tokens) == (33, 33)


def test_a_session_that_is_not_there_fails_with_a_reason(aimed: Aim, model: ScriptedModel, worktree: Path) -> None:
    done = work(AGENT, assign(worktree, "x", session="ses_e0247700bffe4uL3F5aqZKzzzz"), aimed(model))
    assert done.report.problem is not None
    assert "Session not found" in done.report.problem.detail


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("/E/401", Trouble.AUTH),
        # Told how long to wait it tries five times more; else for a minute and a half.
        ("/E/429/after-0.1", Trouble.RATE_LIMIT),
        ("/E/529/after-0.1", Trouble.OVERLOADED),
    ],
)
def test_an_error_of_the_service_has_its_kind(
    fault: str, kind: Trouble, aimed: Aim, model: ScriptedModel, worktree: Path
) -> None:
    done = work(AGENT, assign(worktree, "x"), aimed(model, fault))
    assert done.code == 1, done.log
    assert done.report.problem is not None, done.log
    assert done.report.problem.kind is kind


def test_without_tools_it_writes_nothing_and_with_yolo_it_writes_anywhere(
    aimed: Aim, model: ScriptedModel, worktree: Path, tmp_path: Path
) -> None:
    environment = aimed(model)
    prompt = script({"sh": f"touch inside {tmp_path}/outside"}, {"text": "ok"})
    work(AGENT, assign(worktree, prompt, tools=False, yolo=True), environment)
    assert not (worktree / "inside").exists()
    work(AGENT, assign(worktree, prompt, yolo=True), environment)
    assert (worktree / "inside").exists()
    assert (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("fault", "said", "kind"),
    [("/H", "", Trouble.NETWORK), ("/E/500", "stream error", Trouble.OVERLOADED)],
)
def test_waiting_without_an_end_is_explained(
    fault: str, said: str, kind: Trouble, aimed: Aim, model: ScriptedModel, worktree: Path, tmp_path: Path
) -> None:
    with held(AGENT, assign(worktree, "x"), aimed(model, fault), tmp_path) as worker:
        worker.wait_until(lambda: model.requests("opencode") and said in worker.log())
        family = worker.family()
        problem = worker.report(worker.kill(force=True)).problem
        assert not [one for one in family if one.is_running()]
    assert problem is not None
    assert problem.kind is kind


def test_a_kill_reaches_the_commands_that_it_runs(
    aimed: Aim, model: ScriptedModel, worktree: Path, tmp_path: Path
) -> None:
    prompt = script({"sh": "sleep 987.5"}, {"text": "ok"})
    with held(AGENT, assign(worktree, prompt, yolo=True), aimed(model), tmp_path) as worker:
        worker.wait_until(lambda: [one for one in worker.family() if one.name() == "sleep"])
        family = worker.family()
        worker.kill(force=True)
        assert not [one for one in family if one.is_running()]
