"""Each real program, at its pinned version, does one scripted prompt without a network."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.real.agents.installed import pins
from tests.real.agents.live import aim, require, run
from tests.real.agents.programs import KEY, PROGRAMS
from tests.real.harness import Project
from tests.scripted_model import HANG, Fault, ScriptedModel, script

every_program = pytest.mark.parametrize("name", PROGRAMS)


@every_program
def test_program_writes_a_file_and_ends(name: str, model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    environment = aim(tmp_path / "agent", model, name)
    target = project.top / "hello.txt"

    ran = run(name, script({"write": str(target), "content": "hi\n"}, {"text": "it is done"}), project.top, environment)

    assert ran.code == 0, ran.stdout + ran.stderr
    assert target.read_text() == "hi\n"
    assert "it is done" in ran.stdout
    events = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert len(events) > 2
    assert model.requests(name)
    assert KEY not in repr(model.requests())


@every_program
def test_program_is_the_pinned_version(name: str, model: ScriptedModel, tmp_path: Path) -> None:
    environment = aim(tmp_path / "agent", model, name)
    told = subprocess.run(
        [str(require(name)), "--version"], env=environment, cwd=tmp_path, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert pins()[name].version in told


@pytest.mark.parametrize("name", ["codex", "qwen"])
def test_nothing_is_left_of_a_wrapper_that_took_too_long(
    name: str, model: ScriptedModel, project: Project, tmp_path: Path
) -> None:
    environment = aim(tmp_path / "agent", model, name)
    model.fail(Fault(HANG))

    with pytest.raises(subprocess.TimeoutExpired):
        run(name, "say hello", project.top, environment, timeout=4)

    assert model.requests(name)
    assert [process.cmdline() for process in psutil.process_iter() if home_of(process) == environment["HOME"]] == []


def home_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("HOME", "")
    except psutil.Error:
        return ""


def test_a_program_that_is_not_installed_is_told_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SWARM_AGENTS_HOME", str(tmp_path))
    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception), match=r"npm install --prefix .* node@"):
        require("claude")
