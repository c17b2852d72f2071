"""Real Claude Code and Codex in tmux windows, through `swarm run --mode=distributed`: what a person sees, and the commits."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmskill.backends.tmux import TmuxBackend
from swarmskill.backends.windows import WindowFiles
from swarmskill.places import attempt_key, find_run
from tests.real.agents.live import aim
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script

IDS = ["a.1:2", "two words 🐝"]


@pytest.fixture
def ended(project: Project) -> Iterator[None]:
    """Whatever a test leaves of tmux is ended."""
    yield
    for folder in project.top.glob(".git/swarm/runs/*/windows"):
        backend = TmuxBackend(folder)
        backend.open()
        for name in backend.running():
            backend.kill(name, force=True)
        backend.close()
        backend.server.end()


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_person_reads_along_and_the_work_is_committed(
    name: str, model: ScriptedModel, project: Project, tmp_path: Path, ended: None
) -> None:
    tasks = [
        {
            "id": task,
            "subject": "Write it",
            "description": "Write it.\n\n"
            + script(
                {"write": f"{number}.txt", "content": "good\n"},
                {"report": {"detail": "wrote it", "artifacts": [f"{number}.txt"], "files_changed": [f"{number}.txt"]}},
                {"text": "The file is written."},
            ),
            "files": [f"{number}.txt"],
            "blockedBy": IDS[:number],
            "validation": {"files_exist": [f"{number}.txt"]},
        }
        for number, task in enumerate(IDS)
    ]
    path = project.write_tasks({"tasks": tasks})
    project.git("commit", "-q", "--allow-empty", "-m", "start")
    project.environment = {**project.environment, **aim(tmp_path / "agent", model, name)}

    ran = project.swarm("run", path, "--agent", name, "--mode", "distributed", "--wait", "--keep-sessions")

    assert ran.code == 0, ran.stdout + ran.stderr
    assert (project.top / "1.txt").read_text() == "good\n"
    folder = find_run(project.top / ".git")
    server = TmuxBackend(folder.windows).server
    windows = server.windows()
    assert set(windows) == {attempt_key(task, 1) for task in IDS}
    for window in windows.values():
        words = ["tmux", "-S", server.socket, "capture-pane", "-p", "-J", "-S", "-", "-t", window.id]
        shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert "The file is written." in shown
        assert "> " in shown, "the tools that it used"
        assert "tokens" in shown
        assert '{"' not in shown, "raw JSON"
    assert WindowFiles(str(folder.windows)).jobs()
    assert project.swarm("clean").code == 0
    assert not os.path.exists(server.socket)
