"""`swarm demo` as a person sees it: tmux runs it in a terminal and tells what the screen shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

from tests.cli.conftest import User

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A terminal of 80 x 24 in which a shell runs a command and then waits."""

    def __init__(self, folder: str, user: User, command: str, **environment: str) -> None:
        self._socket = f"{folder}/tmux"
        self.screens: list[str] = []
        words = [f"{name}={value}" for name, value in {**user.environment, **environment}.items()]
        shell = ["env", *words, "sh", "-c", f"{command}; echo ended with $?; read line"]
        self("new-session", "-d", "-x", "80", "-y", "24", "-c", str(user.base), *shell)

    def __call__(self, *words: str) -> str:
        argv = ["tmux", "-S", self._socket, "-f", "/dev/null", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=10).stdout

    def until(self, mark: str) -> str:
        """Wait until the mark is on the screen; every screen on the way is kept."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            screen = self("capture-pane", "-p")
            if not self.screens or self.screens[-1] != screen:
                self.screens.append(screen)
            if mark in screen:
                return screen
            time.sleep(0.05)
        raise AssertionError("the screen never got there:\n" + screen)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []
    # not tmp_path: the path of a socket may have about 100 characters only
    with tempfile.TemporaryDirectory(prefix="swarm-") as folder:

        def open_terminal(*words: str, **environment: str) -> Terminal:
            opened.append(Terminal(folder, *words, **environment))
            return opened[-1]

        yield open_terminal
        for one in opened:
            one("kill-server")


@pytest.mark.slow
def test_the_demo_on_a_terminal(stranger: User, terminal: Callable[..., Terminal]) -> None:
    seen = terminal(stranger, f"{sys.executable} -m swarmskill demo --folder demo")
    end = seen.until("ended with")
    running = [screen for screen in seen.screens if re.search(r"^  ● .* command +\d", screen, re.M)]
    assert any(screen.count("●") == 3 for screen in running), "three workers at once are seen"
    assert any(re.search(r"━+ \d/10  about \d+", screen) for screen in running), "the bar tells what is left"
    assert any("try 2" in screen for screen in running)
    assert all(screen.count("swarm 2") <= 1 for screen in running), "there is one tree"
    assert not any(re.search(r"^(?!━).+━", screen, re.M) for screen in seen.screens), "the bar leaves no remains"
    assert "ended with 0" in end
    assert re.search(r"^\* [0-9a-f]{7} Make it a command$", end, re.M)
    assert "Look further:" in end


def test_plain_lines_on_a_dumb_terminal(stranger: User, terminal: Callable[..., Terminal]) -> None:
    stranger.make_repository()
    tasks = stranger.tasks({"id": "t", "subject": "s", "run": "true", "allow_empty": True})
    command = f"cd 'my repo' && {sys.executable} -m swarmskill run {tasks}"
    screen = terminal(stranger, command, TERM="dumb").until("ended with 0")
    assert 'started   t "s" (attempt 1)' in screen
    assert "●" not in screen
