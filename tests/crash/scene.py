"""A repository with a user in the middle of work, a task list with quick workers, and mayors that die on order."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from swarmskill.core.state import EMPTY, State
from swarmskill.core.transitions import fold
from swarmskill.ledger import read_ledger
from swarmskill.places import RunFolder, find_run, run_ids
from tests.crash.faults import Fault

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("worker.sh")
SLOW_GIT = WORKER.with_name("slow_git.sh")
DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("c",)}
"""Task -> blockers. Task b writes nonsense at its first attempt and is tried again."""
LINES = 26
"""Of the ledger of a run that nobody disturbs: start, 5 tasks of 4, 3 for the failed attempt, landed, reported."""

LIMIT = 60.0
"""Seconds after which a mayor counts as hung."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How one mayor's process ended: `code` is negative for a signal."""

    code: int
    output: str

    @property
    def died(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass
class Scene:
    """One repository. `before` is what the user's checkout looked like."""

    folder: Path
    tasks: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(DIAMOND))
    nap: float = 0.05
    slow_git: bool = False
    windows: bool = False
    """Whether the workers are in tmux windows."""
    check: str = "sh check.sh"
    """Run on each merged result."""

    def __post_init__(self) -> None:
        shutil.copytree(template(), self.folder, symlinks=True, dirs_exist_ok=True)
        if self.slow_git:
            (self.side / "bin").mkdir()
            shutil.copy(SLOW_GIT, self.side / "bin" / "git")
        (self.side / "tasks.json").write_text(json.dumps(self._task_list()))

    def _task_list(self) -> dict[str, object]:
        tasks = [
            {
                "id": task,
                "subject": f"Write {task}.txt",
                "blockedBy": list(blockers),
                "files": [f"{task}.txt", f"half-{task}"],
                "run": ["/bin/sh", str(WORKER), str(self.side), str(self.nap), *blockers],
                "validation": {"command": f"grep -qx '{task} ok' {task}.txt"},
            }
            for task, blockers in self.tasks.items()
        ]
        return {"tasks": tasks, "cross_cutting": [{"name": "all is ok", "type": "command", "command": self.check}]}

    @property
    def top(self) -> Path:
        """The user's checkout."""
        return self.folder / "repo"

    @property
    def side(self) -> Path:
        """What the tests and the workers keep outside of the repository."""
        return self.folder / "side"

    @property
    def env(self) -> dict[str, str]:
        """The mayor's environment: nothing of this machine but PATH."""
        return {
            "PATH": f"{self.side}/bin:{os.environ['PATH']}" if self.slow_git else os.environ["PATH"],
            "HOME": str(self.side),
            "TMPDIR": str(self.side / "tmp"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
            **({"SWARM_MODE": "distributed", "SWARM_TIMEOUT": "60"} if self.windows else {}),
        }

    @property
    def words(self) -> list[str]:
        """The command that starts the run."""
        how = ["--wait"] if self.windows else ["--timeout", "60s"]
        return ["run", str(self.side / "tasks.json"), "--max-workers", "3", *how]

    @property
    def run(self) -> RunFolder:
        """The run of this scene."""
        return find_run(self.top / ".git")

    @property
    def started(self) -> bool:
        """Whether the ledger has anything in it that can be resumed."""
        return bool(run_ids(self.top / ".git")) and bool(read_ledger(self.run.ledger).events)

    @property
    def state(self) -> State:
        """The run as its ledger tells it."""
        if not self.started:
            return EMPTY
        return fold(read_ledger(self.run.ledger).events)

    def swarm(self, *words: str, fault: Fault | None = None) -> Ran:
        """A mayor, or any other verb, in an interpreter of its own."""
        process = self.start(*words, fault=fault)
        try:
            output, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Ran(process.returncode, output)

    def start(self, *words: str, fault: Fault | None = None) -> subprocess.Popen[str]:
        """As `swarm`, without waiting."""
        module = ["swarmskill"] if fault is None else ["tests.crash.launch", fault.words()]
        return subprocess.Popen(
            [sys.executable, "-m", *module, *words],
            cwd=self.top,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def slow_down(self, pattern: str) -> None:
        """The next git whose command line fits the shell pattern stops before it does anything."""
        for name in ("caught", "go"):
            (self.side / name).unlink(missing_ok=True)
        (self.side / "slow").write_text(pattern)

    def killed_when(self, true: Callable[[], bool], *words: str) -> None:
        """Start a mayor, wait until something is so, kill it."""
        with self.start(*words) as mayor:
            assert wait_until(true, 30), f"it did not come to it: exit {mayor.poll()}"
            mayor.kill()

    def caught(self) -> bool:
        """Whether a git is slow just now."""
        return (self.side / "caught").exists()

    def git(self, *words: str) -> str:
        """What a git command says in the user's checkout."""
        done = subprocess.run(
            ["git", *words], cwd=self.top, env=self.env, capture_output=True, text=True, check=True, timeout=LIMIT
        )
        return done.stdout

    def lives(self) -> list[tuple[str, str, int, int]]:
        """What workers said: word, task, attempt, pid."""
        path = self.side / "lives"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(word, task, int(attempt), int(pid)) for word, task, attempt, pid in map(str.split, lines)]


class Zygote:
    """Forks mayors out of a process that has everything imported. Use as a context manager."""

    def __enter__(self) -> Zygote:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stdin.close()
        self._process.wait(LIMIT)
        self._stdout.close()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin
        return self._process.stdin

    @property
    def _stdout(self) -> IO[str]:
        assert self._process.stdout
        return self._process.stdout

    def swarm(self, scene: Scene, *words: str, fault: Fault | None = None) -> Ran:
        """A mayor of that scene, to its end."""
        out = scene.side / "out"
        out.unlink(missing_ok=True)
        request = {
            "argv": list(words),
            "cwd": str(scene.top),
            "env": scene.env,
            "fault": asdict(fault) if fault else None,
            "out": str(out),
        }
        print(json.dumps(request), file=self._stdin, flush=True)
        pid = int(self._stdout.readline())
        watchdog = _Watchdog(pid)
        code = int(self._stdout.readline())
        watchdog.stop()
        assert not watchdog.barked, f"the mayor hung: swarm {' '.join(words)}\n{out.read_text()}"
        return Ran(code, out.read_text())


class _Watchdog:
    """Kills a mayor that hangs, after it showed where."""

    def __init__(self, pid: int) -> None:
        import threading

        self.barked = False
        self._pid = pid
        self._timer = threading.Timer(LIMIT, self._bark)
        self._timer.daemon = True
        self._timer.start()

    def _bark(self) -> None:
        self.barked = True
        os.kill(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        self._timer.cancel()


@functools.cache
def template() -> Path:
    """A checkout on `main` whose user has changed one file and added another, made once."""
    folder = Path(tempfile.mkdtemp(prefix="swarm-crash-", dir=fast_folder()))
    top = folder / "repo"
    (folder / "side" / "tmp").mkdir(parents=True)
    top.mkdir()
    (folder / "side" / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n[gc]\n\tauto = 0\n")
    (top / "README.md").write_text("read me\n")
    (top / "notes").write_text("one\n")
    (top / "check.sh").write_text(
        'for file in *.txt; do\n    [ -e "$file" ] || continue\n    grep -qx "${file%.txt} ok" "$file" || exit 1\ndone\n'
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(folder / "side"), "GIT_CONFIG_NOSYSTEM": "1"}
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", *words], cwd=top, env=env, check=True, timeout=LIMIT)
    (top / "notes").write_text("one\nthe user's own\n")
    (top / "scratch").write_text("untracked\n")
    shutil.rmtree(top / ".git" / "hooks", ignore_errors=True)
    return folder


def fast_folder() -> Path | None:
    """Memory, if this system has it: a thousand runs would wait for the disk most of the time."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else None


def wait_until(true: Callable[[], object], seconds: float = 10.0) -> bool:
    """Whether `true()` becomes so in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
