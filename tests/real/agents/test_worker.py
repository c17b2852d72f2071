"""A real program does a task of a run: it gets the worker's prompt, and the script that rides in the description."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.real.agents.live import aim
from tests.real.agents.programs import PROGRAMS
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_attempt_plays_its_own_script(name: str, model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    wrong = script({"write": "a.txt", "content": "bad\n"}, {"text": "done"}, attempt=1)
    report = {"detail": "wrote a.txt", "artifacts": ["a.txt"], "files_changed": ["a.txt"]}
    right = script({"write": "a.txt", "content": "good\n"}, {"report": report}, {"text": "done"}, attempt=2)
    check = {"command": "grep -q good a.txt"}
    task = {"id": "a", "subject": "Write it", "description": f"Write a.txt.\n\n{wrong}\n{right}", "files": ["a.txt"]}
    tasks = project.write_tasks({"tasks": [{**task, "validation": check}]})
    project.git("commit", "-q", "--allow-empty", "-m", "start")
    project.environment = {**project.environment, **aim(tmp_path / "agent", model, name)}

    command = shlex.join(PROGRAMS[name].argv(Path("{worktree}")))
    ran = project.swarm("run", tasks, "--agent", "command", "--agent-cmd", command)

    assert ran.code == 0, ran.stdout + ran.stderr
    assert project.git("show", "HEAD:a.txt") == "good"
    told = [str(request.body) for request in model.requests(name)]
    assert any("attempt 2, of run" in body for body in told)
