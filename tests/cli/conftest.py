"""A user with a repository, who types `swarm ...` and reads what comes back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).parents[2]
"""The checkout that is tested."""

RUN = re.compile(r"\b\d{8}-\d{6}-[a-z]+-[a-z]+\b")


@dataclass(frozen=True)
class Said:
    """What a command printed, with times, ids, hashes and the user's folder masked, and its exit code."""

    out: str
    err: str
    code: int
    raw: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.raw)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class User:
    """Types commands in a folder. `home` is empty but for git's settings."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home = base / "home"
        self.top = base / "my repo"
        self.home.mkdir()
        (self.home / ".gitconfig").write_text(
            "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
        )
        self.environment = {
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(TOP),
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(base),
        }

    def make_repository(self) -> None:
        self.top.mkdir()
        self.git("init", "-q")
        self.write("a.txt", "one\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "start")

    def git(self, *words: str, folder: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *words], cwd=folder or self.top, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout.rstrip("\n")

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def tasks(self, *tasks: dict[str, Any], **more: Any) -> str:
        """Write a task file beside the repository; returns its name for the command line."""
        path = self.base / "tasks.json"
        path.write_text(json.dumps({"tasks": tasks, **more}))
        return str(path)

    def start(self, *words: str, folder: Path | None = None, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on."""
        return subprocess.Popen(
            [sys.executable, "-m", "swarmskill", *words],
            cwd=folder or self.top,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def finish(self, process: subprocess.Popen[bytes]) -> Said:
        out, err = process.communicate(timeout=60)
        return Said(self.mask(out), self.mask(err), process.returncode, out)

    def swarm(self, *words: str, stdin: str = "", folder: Path | None = None, **environment: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "swarmskill", *words],
            cwd=folder or self.top,
            env={**self.environment, **environment},
            input=stdin.encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        return Said(self.mask(done.stdout), self.mask(done.stderr), done.returncode, done.stdout)

    def mask(self, data: bytes) -> str:
        text = data.decode("utf-8", "backslashreplace").replace(str(self.base), "~")
        text = RUN.sub("RUN", text)
        text = re.sub(r"\d\d:\d\d:\d\d", "TIME", text)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", text)
        text = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{40}\b", "HASH", text)
        text = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{12}\b", "HASH", text)
        text = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{7}\b", "HASH", text)
        text = re.sub(r"\bprocess \d+", "process PID", text)
        return re.sub(r"(?<!\")\b\d+(\.\d)?s\b(?!\")", "Ns", text)

    @property
    def untouched(self) -> bool:
        """Whether no run has left anything: no run folder, no branch, no worktree."""
        branches = self.git("branch", "--list", "swarm/*")
        return not (self.top / ".git" / "swarm").exists() and not (self.top / ".swarm").exists() and not branches

    def runs(self) -> list[str]:
        folder = self.top / ".git" / "swarm" / "runs"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def folder_of(self, number: int = -1) -> Path:
        return self.top / ".git" / "swarm" / "runs" / self.runs()[number]

    @property
    def ledger(self) -> str:
        """The text of the newest run's ledger; empty as long as there is none."""
        path = self.folder_of() / "events.jsonl" if self.runs() else None
        return path.read_text() if path and path.exists() else ""

    def place_program(self, name: str, script: str) -> Path:
        """Put a shell script on the user's PATH, before everything else."""
        folder = self.base / "bin"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        if not self.environment["PATH"].startswith(f"{folder}:"):
            self.environment["PATH"] = f"{folder}:{self.environment['PATH']}"
        return path

    def gate(self, name: str = "gate") -> Path:
        return self.base / name

    def until(self, fits: Callable[[], Any], seconds: float = 20) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := fits():
                return found
            time.sleep(0.02)
        raise AssertionError("it never came to that")

    def until_running(self, task: str) -> None:
        """Wait until the newest run has a worker on the task."""
        mark = f'"task":"{task}"'
        self.until(lambda: any('"worker_started"' in line and mark in line for line in self.ledger.splitlines()))


def writes(name: str, text: str = "x") -> list[str]:
    """A worker that writes a file."""
    return ["sh", "-c", f"echo {text} > {name}"]


def waits(gate: Path, then: str = "echo y > y") -> list[str]:
    """A worker that waits until a file is there."""
    return ["sh", "-c", f"echo begin; until [ -e '{gate}' ]; do sleep 0.02; done; {then}"]


def task(task_id: str, run: list[str] | str, **more: Any) -> dict[str, Any]:
    return {"id": task_id, "subject": f"Do {task_id}", "run": run, **more}


@pytest.fixture
def stranger(tmp_path: Path) -> User:
    """A user without a repository."""
    return User(tmp_path.resolve())


@pytest.fixture
def user(stranger: User) -> Iterator[User]:
    """A user in a repository with one commit, in a folder with a space in its name."""
    stranger.make_repository()
    yield stranger
    end_left_overs(stranger)


def end_left_overs(user: User) -> None:
    """End what a test that failed left running."""
    for folder in user.runs():
        holder = user.top / ".git" / "swarm" / "runs" / folder / "holder.json"
        if holder.exists():
            user.swarm("kill", folder)
    for windows in (user.top / ".git").glob("swarm/runs/*/windows"):
        end_windows(windows)


def end_windows(folder: Path) -> None:
    """End the tmux server of a run, and what is left of its workers."""
    from swarmskill.backends.tmux import TmuxBackend

    backend = TmuxBackend(folder)
    for name in backend.running():
        backend.kill(name, force=True)
    backend.server.end()
