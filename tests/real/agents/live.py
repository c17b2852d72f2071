"""What a live test needs: the programs, a clean environment that is aimed at a scripted model, one call.

def test_it(model: ScriptedModel, project: Project, tmp_path: Path) -> None:
    environment = aim(tmp_path, model, "claude")
    ran = run("claude", script({"text": "done"}), project.top, environment)
    assert ran.code == 0
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.real.agents.installed import pins
from tests.real.agents.programs import PROGRAMS
from tests.real.harness import IN_CI, Ran
from tests.scripted_model import ScriptedModel

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_GIT_SETTINGS = "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"


def require(name: str) -> Path:
    """The path of an installed program. Skips the test where it is not, and fails it in CI."""
    pin = pins()[name]
    for wanted in (pins()["node"], pin):
        if not wanted.path.exists():
            words = f"{wanted.name} {wanted.version} is not installed: run .ci/agents, or {' '.join(wanted.command())}"
            (pytest.fail if IN_CI else pytest.skip)(words)
    return pin.path


def aim(folder: Path, model: ScriptedModel, *names: str, fault: str = "") -> dict[str, str]:
    """A whole environment with a fresh home in `folder`, in which these programs ask the scripted model.

    Each asks under its name as label. `fault` is a part of an address, as "/E/529/2x". Nothing of the environment
    of whoever runs the tests is in it. Programs that are not installed skip the test, or fail it in CI.
    """
    home, temporary = folder / "home", folder / "temporary"
    home.mkdir(parents=True)
    temporary.mkdir()
    (home / ".gitconfig").write_text(_GIT_SETTINGS, encoding="utf-8")
    bins = [str(require(name).parent) for name in names]
    environment = {
        "PATH": os.pathsep.join([*bins, str(pins()["node"].bin), _SYSTEM_PATH]),
        "HOME": str(home),
        # Codex's home must not lie in it, see there.
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    for name in names:
        environment |= PROGRAMS[name].set_up(home, model.at(name) + fault)
    return environment


def run(name: str, prompt: str, worktree: Path, environment: dict[str, str], *more: str, timeout: float = 60) -> Ran:
    """Let a program do one prompt, given on its standard input, with `more` options. The timeout is in seconds."""
    began = time.monotonic()
    argv = [*PROGRAMS[name].argv(worktree), *more]
    done = subprocess.run(
        [str(require(name)), *argv[1:]], input=prompt, cwd=worktree, env=environment, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
