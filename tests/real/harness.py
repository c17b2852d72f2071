"""A user's repository and the real command line in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

IN_CI = os.environ.get("CI", "").lower() in ("true", "1")

slow_unless_in_ci = [] if IN_CI else [pytest.mark.slow]
"""Marks of a test that takes minutes: run by hand with `-m slow`, and always where nobody waits."""

_SETTINGS = """\
[user]
    name = Ada
    email = ada@example.com
[init]
    defaultBranch = main
[commit]
    gpgsign = false
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended. `seconds` is the time of the clock."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that it should be."""
        return json.loads(self.stdout)


@dataclass
class Project:
    """A git repository of a user who has a name and nothing else, and programs in it as a shell would run them."""

    top: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, folder: Path) -> Project:
        """An empty repository in `folder/work`."""
        settings = folder / "gitconfig"
        settings.write_text(_SETTINGS)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SWARM_", "PYTEST_"))}
        programs = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
        named = {"PATH": programs, "HOME": str(folder), "GIT_CONFIG_GLOBAL": str(settings), "GIT_CONFIG_NOSYSTEM": "1"}
        project = cls(folder / "work", {**kept, **named, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""})
        project.top.mkdir()
        project.git("init", "-q")
        return project

    def run(self, *words: str | Path, timeout: float = 280) -> Ran:
        """Run a program in the checkout."""
        began = time.monotonic()
        done = subprocess.run(
            [str(word) for word in words], cwd=self.top, env=self.environment, capture_output=True, text=True,
            timeout=timeout, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def git(self, *words: str) -> str:
        """Run git, which must succeed; its output without the last newline."""
        ran = self.run("git", *words)
        assert ran.code == 0, ran.stderr
        return ran.stdout.removesuffix("\n")

    def swarm(self, *words: str | Path, timeout: float = 280) -> Ran:
        """Run the command line."""
        return self.run(sys.executable, "-m", "swarmskill", *words, timeout=timeout)

    def commit_all(self, message: str) -> str:
        """Commit all files; returns the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def write_tasks(self, tasks: Any) -> Path:
        """A task file, outside of the checkout."""
        path = self.top.parent / "tasks.json"
        path.write_text(json.dumps(tasks))
        return path

    def trailers(self, commits: str, name: str) -> list[str]:
        """The values of a trailer in these commits, oldest commit first; "" where a commit has none."""
        listed = self.git("log", "--reverse", f"--format=%(trailers:key={name},valueonly,separator=%x2c)", commits)
        return listed.split("\n") if listed else []

    def attempts_left(self) -> list[str]:
        """Worktrees that git knows of beside the checkout."""
        lines = self.git("worktree", "list", "--porcelain").split("\n")
        return [line for line in lines if line.startswith("worktree ")][1:]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty repository."""
    return Project.create(tmp_path)
