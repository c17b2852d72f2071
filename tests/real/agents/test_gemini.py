"""The real Gemini CLI, called by its adapter: what it may do, what it goes on with, how it fails and ends."""

from __future__ import annotations

import json
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from swarmskill.agents.base import Assignment
from swarmskill.agents.gemini import AGENT
from swarmskill.model import Trouble
from tests.real.agents.live import aim
from tests.real.agents.worker import assign, work
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script


def write(path: str) -> dict[str, Any]:
    return {"tool": "write_file", "input": {"file_path": path, "content": "x\n"}}


def shell(command: str) -> dict[str, Any]:
    return {"tool": "run_shell_command", "input": {"command": command}}


def hire(worktree: Path, prompt: str, **more: Any) -> Assignment:
    """With a model of its own: its `auto` first asks another one how hard the prompt is, and tries that ten times."""
    return assign(worktree, prompt, model="gemini-2.5-pro", **more)


def settle(environment: dict[str, str], **general: Any) -> None:
    """A user's settings: its own ten tries take minutes."""
    file = Path(environment["HOME"]) / ".gemini" / "settings.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({**settings, "general": {**settings["general"], "maxAttempts": 1, **general}}))


@pytest.fixture
def environment(model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    made = aim(tmp_path / "agent", model, "gemini")
    monkeypatch.setenv("GEMINI_CLI_HOME", made["HOME"])  # the adapter looks for sessions where the worker keeps them
    settle(made)
    return made


def test_edits_and_allowed_commands_work_and_the_rest_is_denied(
    project: Project, environment: dict[str, str], tmp_path: Path
) -> None:
    steps = [
        write("a.txt"),
        shell("git status --short"),
        shell("echo hi > b.txt"),
        write(str(tmp_path / "outside.txt")),
        shell("touch c.txt"),
        shell("git status && touch d.txt"),
        shell("git log --output=e.txt"),
        shell("git status > f.txt"),
        shell('git log --format="%h" > g.txt'),
        shell("git diff `touch h.txt`"),
        write("package.json"),
        {"text": "done"},
    ]
    worked = work(AGENT, hire(project.top, script(*steps), allowed=(("echo",),)), environment)
    assert worked.code == 0, worked.log
    assert worked.report.said == "done"
    assert worked.report.problem is None
    assert {file.name for file in project.top.glob("*.*")} >= {"a.txt", "b.txt"}
    assert not [name for name in "cdefgh" if (project.top / f"{name}.txt").exists()]
    assert not (tmp_path / "outside.txt").exists()
    assert len(worked.report.denied) == 8, worked.report.denied
    assert worked.report.usage.tokens > 0


def test_yolo_may_do_all(project: Project, environment: dict[str, str]) -> None:
    worked = work(AGENT, hire(project.top, script(shell("touch c.txt"), {"text": "done"}), yolo=True), environment)
    assert (worked.code, worked.report.denied) == (0, ())
    assert (project.top / "c.txt").exists()


def test_without_tools_it_is_offered_none(project: Project, environment: dict[str, str], model: ScriptedModel) -> None:
    worked = work(AGENT, hire(project.top, script({"text": "spoken"}), tools=False), environment)
    assert worked.report.said == "spoken"
    offered = [tools["functionDeclarations"] for request in model.requests("gemini") for tools in request.body["tools"]]
    assert offered and not any(offered)


def test_session_goes_on_in_another_folder(
    project: Project, environment: dict[str, str], model: ScriptedModel, tmp_path: Path
) -> None:
    first = work(AGENT, hire(project.top, script({"text": "the word is plum"})), environment)
    assert first.report.session
    (elsewhere := tmp_path / "elsewhere").mkdir()
    second = work(AGENT, hire(elsewhere, script({"text": "again"}), session=first.report.session), environment)
    assert (second.code, second.report.said) == (0, "again"), second.log
    assert "the word is plum" in str(model.requests("gemini")[-1].body)
    third = work(AGENT, hire(elsewhere, script({"text": "third"}), session=second.report.session), environment)
    assert third.report.said == "third"
    assert third.report.usage == first.report.usage, "its numbers are of one process, not of the session"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 145, Trouble.AUTH),
        (403, 147, Trouble.AUTH),
        (429, 173, Trouble.RATE_LIMIT),
        (500, 244, Trouble.OVERLOADED),
        (503, 247, Trouble.OVERLOADED),
    ],
)
def test_status_of_its_service(
    status: int, code: int, kind: Trouble, project: Project, environment: dict[str, str], model: ScriptedModel
) -> None:
    worked = work(AGENT, hire(project.top, script({"error": status})), environment)
    assert worked.code == code
    assert worked.report.problem and worked.report.problem.kind == kind, worked.log


def test_nobody_listens(project: Project, environment: dict[str, str]) -> None:
    environment = {**environment, "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9"}
    worked = work(AGENT, hire(project.top, "hello"), environment)
    assert worked.code != 0
    assert worked.report.problem and worked.report.problem.kind == Trouble.NETWORK, worked.log


def test_no_login(project: Project, environment: dict[str, str]) -> None:
    del environment["GEMINI_API_KEY"]
    worked = work(AGENT, hire(project.top, "hello"), environment)
    assert worked.code == 41
    assert worked.report.problem and worked.report.problem.kind == Trouble.AUTH


def test_term_ends_it_without_a_result(project: Project, environment: dict[str, str]) -> None:
    family: list[psutil.Process] = []

    def end(process: Any) -> None:
        deadline = time.monotonic() + 30
        while not (project.top / "began").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        family.extend(psutil.Process(process.pid).children(recursive=True))
        process.send_signal(signal.SIGTERM)

    steps = script(shell("touch began; sleep 60"), {"text": "done"})
    try:
        worked = work(AGENT, hire(project.top, steps, yolo=True), environment, during=end, timeout=40)
    finally:
        # It leaves its command behind: to end the whole family is the keeper's part.
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    assert worked.code == 0
    assert worked.report.problem and worked.report.problem.kind == Trouble.CRASHED, worked.log
