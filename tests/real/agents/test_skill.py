"""The skill in the real assistants: each finds what `swarm install` wrote, and obeys it from the prompt to the commits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.agents.live import aim, require, run
from tests.real.agents.programs import PROGRAMS
from tests.real.harness import ROOT, Project
from tests.scripted_model import ScriptedModel, script

COMMANDS = re.findall(r"^```bash\n(.*?)\n```", (ROOT / "skills" / "swarm" / "SKILL.md").read_text(), re.M | re.S)
PROMPTS = {
    "claude": "/swarm tasks.json FOLLOW",
    "codex": "$swarm tasks.json FOLLOW",
    "opencode": "tasks.json FOLLOW",
    "qwen": "/swarm tasks.json FOLLOW",
    # Its model is told to activate the skill, whose text is then no user's word but a tool's answer.
    "gemini": "/swarm tasks.json "
    + script(
        {"tool": "activate_skill", "input": {"name": "swarm"}},
        *({"sh": command} for command in COMMANDS),
        {"text": "DONE"},
    ),
}


def with_swarm(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a user who has installed `swarm`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    (Path(environment["HOME"]) / ".profile").write_text(f"export PATH='{path}'\n")  # Codex asks a login shell
    return {**environment, "PATH": path, "PYTHONPATH": str(ROOT)}


def swarm(*words: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "swarmskill", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize("path", [".", ".claude-plugin/plugin.json", ".claude-plugin/marketplace.json"])
def test_claude_code_finds_nothing_wrong_with_the_plugin(path: str, model: ScriptedModel, tmp_path: Path) -> None:
    environment = aim(tmp_path / "agent", model, "claude")
    words = [str(require("claude")), "plugin", "validate", "--strict", str(ROOT / path)]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_claude_code_finds_nothing_wrong_with_what_is_installed(
    model: ScriptedModel, project: Project, tmp_path: Path
) -> None:
    environment = with_swarm(aim(tmp_path / "agent", model, "claude"))
    swarm("install", "claude", folder=tmp_path, environment=environment)
    installed = Path(environment["HOME"]) / ".claude" / "skills" / "swarm"
    words = [str(require("claude")), "plugin", "validate", "--strict", str(installed)]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = run("claude", script({"text": "hello"}), project.top, environment)
    start = next(line for line in map(json.loads, ran.stdout.splitlines()) if line.get("subtype") == "init")
    assert "swarm:worker" in start["agents"]
    assert [name for name in start["slash_commands"] if "swarm" in name] == ["swarm"]
    assert "swarm@skills-dir" in {plugin["source"] for plugin in start["plugins"]}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_assistant_shows_the_installed_skill_to_its_model(
    name: str, model: ScriptedModel, project: Project, tmp_path: Path
) -> None:
    environment = with_swarm(aim(tmp_path / "agent", model, name))
    swarm("install", name, folder=tmp_path, environment=environment)
    ran = run(name, script({"text": "hello"}), project.top, environment)
    assert ran.code == 0, ran.stdout + ran.stderr
    assert "Runs a list of coding tasks with dependencies in parallel" in json.dumps(
        [one.body for one in model.requests(name)]
    )


@pytest.mark.parametrize(("name", "verb"), [("claude", "install"), ("codex", "add")])
def test_the_repository_is_a_marketplace(
    name: str, verb: str, model: ScriptedModel, project: Project, tmp_path: Path
) -> None:
    environment = aim(tmp_path / "agent", model, name)
    row = f"`{name} plugin marketplace add ./`, then `{name} plugin {verb} swarm@swarmskill`"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8")
    for words in re.findall(rf"`{name} plugin ([^`]+)`", row):
        subprocess.run([str(require(name)), "plugin", *words.split()], env=environment, cwd=ROOT, check=True)
    ran = run(name, script({"text": "hello"}), project.top, environment)
    assert ran.code == 0, ran.stdout + ran.stderr
    asked = json.dumps([one.body for one in model.requests(name)])
    assert "swarm:swarm" in asked
    assert "Runs a list of coding tasks with dependencies in parallel" in asked


def tasks_in(project: Project) -> None:
    """A commit, and two tasks whose workers are scripts; the second needs what the first made."""
    (project.top / "README.md").write_text("a project\n")
    project.commit_all("Start")
    tasks = [
        {
            "id": "one",
            "subject": "Write one",
            "run": ["sh", "-c", "echo 1 > one"],
            "files": ["one"],
            "agent": "command",
        },
        {
            "id": "two",
            "subject": "Write two",
            "run": ["cp", "one", "two"],
            "files": ["two"],
            "blockedBy": ["one"],
            "agent": "command",
        },
    ]
    (project.top / "tasks.json").write_text(json.dumps(tasks))


@pytest.mark.parametrize("name", PROMPTS)
def test_from_the_prompt_to_the_commits(name: str, model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    """The model runs the commands of the skill, as they stand there, with workers that run by themselves."""
    environment = with_swarm(aim(tmp_path / "agent", model, name))
    swarm("install", name, folder=tmp_path, environment=environment)
    tasks_in(project)
    for key, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
        project.git("config", key, value)  # in Gemini's shell git sees no other settings
    # In its default sandbox Codex lets nobody write in .git.
    argv = [word.replace("workspace-write", "danger-full-access") for word in PROGRAMS[name].argv(project.top)]
    argv += ["--command", "swarm"] if name == "opencode" else []
    done = subprocess.run(
        [str(require(name)), *argv[1:]], cwd=project.top, env=environment, input=PROMPTS[name], capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.git("log", "--format=%s").splitlines() == ["Write two", "Write one", "Start"], done.stdout
