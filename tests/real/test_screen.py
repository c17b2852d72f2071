"""The driver of an agent's own screen, on a real pseudo-terminal, with a program that does as Claude Code does."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.scene import ROOT, wait_until

LIMIT = 60.0

# Tells its hooks, writes its conversation down, and draws; what it does is the first word of its command.
PROGRAM = r"""
import json, os, subprocess, sys, time
how, settings = sys.argv[1], json.loads(sys.argv[sys.argv.index("--settings") + 1])
home, order = os.environ["CLAUDE_CONFIG_DIR"], sys.argv[-1]
log = os.path.join(home, "projects", "c.jsonl")
def hook(event, **told):
    (one,) = settings["hooks"][event]
    words = json.dumps({"session_id": "abc", "transcript_path": log, "cwd": os.getcwd(), **told})
    subprocess.run(one["hooks"][0]["command"], shell=True, input=words, text=True, check=True)
def write(**line):
    with open(log, "a") as file:
        file.write(json.dumps(line) + "\n")
assert os.isatty(0) and os.get_terminal_size().columns > 0
print("\x1b[2J\x1b[1;1HWelcome\x1b[1Cto it", flush=True)
if how == "leaves":
    sys.exit("Not logged in")
if how == "silent":
    time.sleep(600)
hook("UserPromptSubmit", prompt=order)
prompt = open(order.split()[1]).read()
if how == "fails":
    hook("StopFailure", error="rate_limit")
    time.sleep(600)
write(type="assistant", message={"id": "1", "content": [{"type": "text", "text": "I do: " + prompt}]})
if how == "asks":
    hook("Stop", last_assistant_message="What now?")
    answer = input()
    write(type="assistant", message={"id": "2", "content": [{"type": "text", "text": "So: " + answer}]})
if how != "no-result":
    open("result.json", "w").write("{}")
hook("Stop", last_assistant_message="all done")
time.sleep(600)
"""


@dataclass
class Drive:
    """One driver, and the terminal that it draws in."""

    folder: Path
    terminal: int
    process: subprocess.Popen[str]

    def lines(self) -> list[dict[str, object]]:
        """What it has printed, once it is over."""
        out, _ = self.process.communicate(timeout=LIMIT)
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def drawn(self, wanted: str) -> str:
        """What the terminal shows, once that is among it."""
        shown, until = "", time.monotonic() + LIMIT
        while wanted not in shown and time.monotonic() < until:
            if select.select([self.terminal], [], [], 0.2)[0]:
                shown += os.read(self.terminal, 65536).decode()
        assert wanted in shown
        return shown


@pytest.fixture
def drives(tmp_path: Path) -> Iterator[list[Drive]]:
    (tmp_path / "home" / ".claude" / "projects").mkdir(parents=True)
    (tmp_path / "prompt.md").write_text("the task")
    (tmp_path / "tree").mkdir()
    begun: list[Drive] = []
    yield begun
    for drive in begun:
        drive.process.kill()
        drive.process.communicate()
        os.close(drive.terminal)


def begin(drives: list[Drive], folder: Path, how: str, *options: str) -> Drive:
    master, slave = pty.openpty()
    words = ["--prompt", "../prompt.md", "--result", "result.json", "--home", str(folder / "private"), *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "swarmskill.agents.claude_screen", *words, "--", sys.executable, "-c", PROGRAM, how],
        cwd=folder / "tree",
        env={
            "HOME": str(folder / "home"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SWARM_TERMINAL": os.ttyname(slave),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    drives.append(Drive(folder, master, process))
    # Kept open until the driver has it: a terminal that nobody holds is gone.
    drives[-1].drawn("Welcome\x1b[1Cto it")
    os.close(slave)
    return drives[-1]


def test_it_ends_once_the_agent_has_stopped_and_left_its_result(drives: list[Drive], tmp_path: Path) -> None:
    drive = begin(drives, tmp_path, "works")
    init, said, result = drive.lines()
    assert (init["session_id"], init["cwd"]) == ("abc", str(tmp_path / "tree"))
    assert said["message"] == {"id": "1", "content": [{"type": "text", "text": "I do: the task"}]}
    assert (result["is_error"], result["result"]) == (False, "all done")
    assert drive.process.returncode == 0
    assert not (tmp_path / "private").exists()


def test_a_person_may_answer_what_it_asks(drives: list[Drive], tmp_path: Path) -> None:
    drive = begin(drives, tmp_path, "asks")
    log = tmp_path / "home" / ".claude" / "projects" / "c.jsonl"
    assert wait_until(lambda: log.exists() and "the task" in log.read_text(), LIMIT)
    os.write(drive.terminal, b"the left one\r")
    assert {"id": "2", "content": [{"type": "text", "text": "So: the left one"}]} in [
        one.get("message") for one in drive.lines()
    ]
    assert drive.process.returncode == 0


def test_terminal_that_goes_away_hinders_nothing(drives: list[Drive], tmp_path: Path) -> None:
    drive = begin(drives, tmp_path, "asks", "--patience", "3")
    os.close(drive.terminal)
    drive.terminal = os.open(os.devnull, os.O_RDONLY)
    assert drive.lines()[-1]["result"] == "What now?"
    assert drive.process.returncode == 0, "its work is judged by what it left"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("silent", "the prompt was not taken in 2 s: Claude Code's hook did not come; its screen says: Welcome to it"),
        (
            "leaves",
            "Claude Code ended before it took the prompt with exit code 1; its screen says: Welcome to it Not logged in",
        ),
        ("fails", "rate_limit"),
    ],
)
def test_failure_tells_its_cause(drives: list[Drive], tmp_path: Path, how: str, reason: str) -> None:
    drive = begin(drives, tmp_path, how, "--submit-limit", "2" if how == "silent" else "60")
    last = drive.lines()[-1]
    assert (last["is_error"], last["result"]) == (True, reason)
    assert drive.process.returncode == 1
    assert not (tmp_path / "private").exists()


def test_it_waits_for_a_person_and_then_ends_without_a_result(drives: list[Drive], tmp_path: Path) -> None:
    drive = begin(drives, tmp_path, "no-result", "--patience", "1")
    assert drive.lines()[-1]["is_error"] is False
    assert drive.process.returncode == 0


def test_term_ends_it_all(drives: list[Drive], tmp_path: Path) -> None:
    drive = begin(drives, tmp_path, "silent")
    drive.process.terminate()
    drive.lines()
    assert drive.process.returncode == 143
    assert not (tmp_path / "private").exists()
