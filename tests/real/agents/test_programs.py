"""Each real program, at its pinned version, does one scripted prompt without a network."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.real.agents.installed import pins
from tests.real.agents.live import aim, require, run
from tests.real.agents.programs import KEY, PROGRAMS
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script

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
