"""The live tree on a real terminal: tmux runs it and tells what its screen shows."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DEMO = Path(__file__).parent / "live_demo.py"
TOP = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Tmux:
    """One tmux server of our own with one window."""

    def __init__(self, folder: str, width: int, height: int, *environ: str) -> None:
        self._socket = f"{folder}/tmux"
        size = ["-x", str(width), "-y", str(height)]
        command = ["env", f"PYTHONPATH={TOP}", *environ, sys.executable, str(DEMO)]
        self("new-session", "-d", *size, *command)

    def __call__(self, *words: str) -> str:
        argv = ["tmux", "-S", self._socket, "-f", "/dev/null", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=10).stdout

    def until(self, fits: Callable[[str], bool]) -> str:
        """The screen, as soon as it fits."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            screen = self("capture-pane", "-p")
            if fits(screen):
                return screen
            time.sleep(0.02)
        raise AssertionError("the screen never got there:\n" + screen)


@pytest.fixture
def tmux() -> Iterator[Callable[..., Tmux]]:
    servers: list[Tmux] = []
    # not tmp_path: the path of a socket may have about 100 characters only
    with tempfile.TemporaryDirectory(prefix="swarm-") as folder:

        def open_server(width: int, height: int, *environ: str) -> Tmux:
            servers.append(Tmux(folder, width, height, "LC_ALL=C.UTF-8", *environ))
            return servers[-1]

        yield open_server
        for server in servers:
            server("kill-server")


def trees(screen: str) -> int:
    """How many times the head of the tree is on the screen."""
    return screen.count("swarm 20261121")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_one_tree_with_a_line_for_each_worker(tmux: Callable[..., Tmux], width: int, height: int) -> None:
    screen = tmux(width, height).until(lambda shown: "Editing" in shown and " 1m 06s" in shown)
    assert trees(screen) == 1
    assert sum("●" in line for line in screen.splitlines()) == 4
    assert "warning: .env is not there" in screen.splitlines()[0]
    assert "$0.31" in screen
    assert "and 2 more wait for a free worker" in screen


def test_the_tree_survives_a_narrower_and_a_wider_terminal(tmux: Callable[..., Tmux]) -> None:
    server = tmux(120, 30)
    server.until(lambda shown: "Editing" in shown)
    server("resize-window", "-x", "50", "-y", "30")
    screen = server.until(lambda shown: "4 of 4 …" in shown and trees(shown) == 1)
    assert all(len(line) <= 50 for line in screen.splitlines())
    assert "warning: .env is not there" in server("capture-pane", "-p", "-S", "-")  # tmux may have scrolled it up
    server("resize-window", "-x", "140", "-y", "40")
    screen = server.until(lambda shown: "come later" in shown and trees(shown) == 1)
    assert sum("●" in line for line in screen.splitlines()) == 4


def test_after_the_end_the_head_stays_and_the_cursor_is_below_it(tmux: Callable[..., Tmux]) -> None:
    server = tmux(80, 24)
    server.until(lambda shown: "Editing" in shown)
    server("send-keys", "x", "Enter")
    lines = server.until(lambda shown: "after the tree" in shown).split("\n")
    place = lines.index("after the tree")
    assert lines[place - 2].startswith("swarm 20261121")
    assert not any("●" in line for line in lines)
    assert server("display-message", "-p", "#{cursor_flag}").strip() == "1"


def test_ascii_without_colours_where_the_locale_has_no_unicode(tmux: Callable[..., Tmux]) -> None:
    plain = ("LC_ALL=C", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0", "NO_COLOR=1")
    server = tmux(80, 24, *plain)
    screen = server.until(lambda shown: "Editing" in shown)
    assert screen.isascii()
    coloured = server("capture-pane", "-p", "-e")
    assert "\x1b[" not in coloured


def test_plain_lines_on_a_dumb_terminal(tmux: Callable[..., Tmux]) -> None:
    screen = tmux(80, 24, "TERM=dumb").until(lambda shown: "t3" in shown and "warning" in shown)
    assert 'started   t3 "Reformat module 3" (attempt 1)' in screen
