"""Watching and steering a run from a terminal, as a person does: keys are sent, the screen is read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

from tests.cli.conftest import User, task, waits

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

SWARM = f"'{sys.executable}' -m swarmskill"


class Terminal:
    """A terminal in the user's repository in which a shell runs a command and then waits."""

    def __init__(self, folder: str, user: User, command: str, width: int = 100, height: int = 24) -> None:
        self._socket = f"{folder}/tmux"
        words = [f"{name}={value}" for name, value in user.environment.items()]
        shell = [
            "env",
            *words,
            "TERM=screen-256color",
            "sh",
            "-c",
            f"trap : INT; {command}; echo ended with $?; read line",
        ]
        self("new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(user.top), *shell)

    def __call__(self, *words: str) -> str:
        argv = ["tmux", "-S", self._socket, "-f", "/dev/null", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=20).stdout

    def press(self, key: str) -> None:
        self("send-keys", key)

    def until(self, mark: str) -> str:
        """The screen, as soon as the pattern is on it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            screen = self("capture-pane", "-p")
            if re.search(mark, screen, re.M):
                return screen
            time.sleep(0.05)
        raise AssertionError(f"{mark} never came on the screen:\n{screen}")


@pytest.fixture
def terminal(user: User) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []
    with tempfile.TemporaryDirectory(prefix="swarm-") as folder:

        def open_terminal(command: str, **size: int) -> Terminal:
            place = f"{folder}/{len(opened)}"
            subprocess.run(["mkdir", place], check=True)
            opened.append(Terminal(place, user, command, **size))
            return opened[-1]

        yield open_terminal
        for one in opened:
            one("kill-server")


@pytest.fixture
def running(user: User) -> str:
    """A run with a worker that waits for a gate, one that fails at once, and one that waits for the first."""
    broken = ["sh", "-c", f"echo oh no; [ -e '{user.gate('mended')}' ] && echo x > x"]
    tasks = [
        task("模块-1", waits(user.gate())),
        task("broken", broken),
        task("later", ["sh", "-c", "echo z > z"], blockedBy=["模块-1"]),
    ]
    begun = user.swarm("run", user.tasks(*tasks), "--max-retries", "0", "--detach", "--json")
    return str(begun.document["run_id"])


def test_keys_select_tasks_show_logs_try_again_and_stop(
    user: User, running: str, terminal: Callable[..., Terminal]
) -> None:
    seen = terminal(f"{SWARM} status --watch")
    screen = seen.until(r"1/3|0/3  . 1 failed")
    assert "· later waits for 模块-1" in screen
    assert "j/k select   enter log   s stop   K kill   r retry   q leave   ? help" in screen
    assert re.search(r"^> ✗ broken", screen, re.M), "the first task is selected"

    seen.press("j")
    seen.until(r"^> ● 模块-1")
    seen.press("Enter")
    log = seen.until(r"^begin")
    assert log.startswith("task 模块-1, attempt 1    swarm logs '模块-1' --attempt 1 --run")
    seen.press("Escape")
    seen.until(r"j/k select")  # a key right after Escape is Alt with that key
    seen.press("k")
    seen.until(r"^> ✗ broken")

    user.gate("mended").touch()
    seen.press("r")
    seen.until(r"✓ broken")

    seen.press("K")
    assert f"Kill 1 workers of run {running}" in seen.until(r"y/n")
    seen.press("n")
    seen.until(r"^. ● 模块-1")
    seen.press("?")
    seen.until(r"kill all workers, also of runs below")
    seen.press("Escape")
    assert "模块-1" in seen.until(r"● 模块-1"), "nothing was killed"

    seen("resize-window", "-x", "60", "-y", "12")
    assert all(len(line) <= 60 for line in seen.until(r"j/k  enter log").splitlines())
    seen.press("s")
    seen.until(r"stopping, 1 work")
    user.gate().touch()
    seen.until(r"ended with 0")
    row = user.swarm("status", "--json").document["tasks"]
    assert {one["id"]: one["outcome"] for one in row} == {"模块-1": "completed", "broken": "completed", "later": None}


def test_a_kill_that_is_confirmed_kills_and_leaving_lets_the_run_go_on(
    user: User, running: str, terminal: Callable[..., Terminal]
) -> None:
    first = terminal(f"{SWARM} status --watch")
    first.until(r"^. ● 模块-1")
    first.press("q")
    first.until(r"ended with 0")
    assert user.swarm("status", "--json").document["outcome"] == "running"
    second = terminal(f"{SWARM} status --watch")
    second.until(r"^. ● 模块-1")
    second.press("K")
    second.until(r"y/n")
    second.press("y")
    second.until(r"ended with 0")
    assert user.swarm("status", running, "--json").document["stop_reason"] == "swarm stop"


def test_the_tree_is_watched_until_the_run_is_over(user: User, running: str, terminal: Callable[..., Terminal]) -> None:
    seen = terminal(f"{SWARM} tree --watch")
    assert "└─ · later  Do later" in seen.until(r"^✗ broken  Do broken  failed")
    user.gate().touch()
    screen = seen.until(r"ended with 0")
    assert len(re.findall(rf"^{running}  incomplete, 2 of 3 tasks", screen, re.M)) == 1


def test_ctrl_c_once_stops_and_twice_kills_and_the_screen_says_so(
    user: User, terminal: Callable[..., Terminal]
) -> None:
    tasks = user.tasks(task("one", waits(user.gate())))
    seen = terminal(f"{SWARM} run '{tasks}'")
    seen.until(r"● one")
    seen.until(r"^Ctrl-C stops when the running tasks have ended, twice kills")
    seen.press("C-c")
    seen.until(r"press Ctrl-C again to kill")
    seen.until(r"stopping, 1 worker left")
    seen.press("C-c")
    seen.until(r"ended with 130")
    assert user.swarm("status", "--json").document["outcome"] == "stopped"
