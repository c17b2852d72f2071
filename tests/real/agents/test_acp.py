"""Real agents over the Agent Client Protocol: what they may do, what they go on with, how they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swarmskill.agents.registry import find_agent
from swarmskill.model import Trouble
from tests.real.agents.live import aim
from tests.real.agents.worker import Worked, assign, work
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script

pytest.importorskip("acp", reason="pip install 'swarmskill[acp]'")

COMMANDS = {"gemini": "gemini --acp", "opencode": "opencode acp", "qwen": "qwen --acp"}
every_agent = pytest.mark.parametrize("name", COMMANDS)


class Worker:
    """One agent in one home."""

    def __init__(self, name: str, model: ScriptedModel, folder: Path) -> None:
        self.agent = find_agent(f"acp:{COMMANDS[name]}")
        # The driver is a program of ours: it needs what these tests can import.
        self.environment = {**aim(folder, model, name), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def do(self, tree: Path, *steps: dict[str, Any], **more: Any) -> Worked:
        """Let it play the steps."""
        return work(self.agent, assign(tree, script(*steps), **more), self.environment)


@every_agent
def test_edit_and_session(name: str, model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    worker = Worker(name, model, tmp_path / "agent")
    path = str(project.top / "a.txt")
    first = worker.do(project.top, {"write": path, "content": "x\n"}, {"sh": "git status --short"}, {"text": "plum"})
    assert (first.code, first.report.problem, first.report.denied) == (0, None, ()), first.log
    assert first.report.said == "plum"
    assert (project.top / "a.txt").read_text() == "x\n"
    assert first.report.session
    assert first.report.usage.tokens
    second = worker.do(project.top, {"text": "again"}, session=first.report.session)
    if name == "gemini" and second.code:  # mostly it does not find its own sessions again
        assert "No previous sessions found" in second.log, second.log
        return
    if name == "gemini":  # and where it does, it tells the old turn once more, after it has said that it is ready
        assert second.report.said.endswith("again"), second.log
        return
    assert (second.code, second.report.said) == (0, "again"), second.log
    assert second.report.session == first.report.session
    assert "plum" in str(model.requests(name)[-1].body)


@pytest.mark.parametrize("name", ["gemini", "qwen"])  # opencode asks by its own settings only
def test_command_that_is_not_allowed(name: str, model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    worker = Worker(name, model, tmp_path / "agent")
    worked = worker.do(project.top, {"sh": "echo hi"}, {"sh": "touch b.txt"}, {"text": "done"}, allowed=(("echo",),))
    assert worked.report.denied == ("$ touch b.txt",), worked.log
    assert not (project.top / "b.txt").exists()


@every_agent
def test_key_that_is_refused(name: str, model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    worked = Worker(name, model, tmp_path / "agent").do(project.top, {"error": 401})
    assert worked.code == 1
    assert worked.report.problem and worked.report.problem.kind == Trouble.AUTH, worked.log


@every_agent
def test_term_ends_it(name: str, model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    def end(process: subprocess.Popen[bytes]) -> None:
        model.await_requests(1, name)
        process.terminate()

    worker = Worker(name, model, tmp_path / "agent")
    worked = work(worker.agent, assign(project.top, script({"sleep": 60})), worker.environment, during=end, timeout=30)
    assert worked.code == 143
    assert worked.wall < 30
