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
from contextlib import suppress
from pathlib import Path

import psutil
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
    """Let a program do one prompt, given on its standard input, with `more` options.

    Raises subprocess.TimeoutExpired after `timeout` seconds, when nothing of it runs any more.
    """
    began = time.monotonic()
    argv = [str(require(name)), *PROGRAMS[name].argv(worktree)[1:], *more]
    with subprocess.Popen(
        argv, cwd=worktree, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(prompt, timeout)
        except BaseException:
            end_family(process.pid)
            raise
    return Ran(process.returncode, out, err, time.monotonic() - began)


def end_family(pid: int) -> None:
    """End a process and all below it. Wrappers of npm leave the real program behind when they alone are killed."""
    top = psutil.Process(pid)
    family = [*top.children(recursive=True), top]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    for member in psutil.wait_procs(family, 3)[1]:
        with suppress(psutil.NoSuchProcess):
            member.kill()
