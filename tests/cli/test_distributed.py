"""`swarm run --mode distributed` and `swarm attach`, as a person types them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from swarmskill.backends.tmux import TmuxBackend
from tests.cli.conftest import User, task, waits, writes
from tests.cli.test_terminal import Terminal, terminal

__all__ = ["terminal"]

PREFLIGHT = """\
preflight of distributed mode
  ok  tmux       3.3a
  ok  windows    a server starts
  ok  agents     command
  ok  worktrees  ~/my repo/.swarm is writable
  ok  mailboxes  ~/my repo/.git/swarm/runs is writable
  ok  lock       healthy
"""
FOLLOW = """\
look at it: swarm attach --run RUN
look at it: swarm status RUN --watch
wait for it: swarm wait RUN
"""


def slow(user: User, task_id: str = "slow") -> str:
    return user.tasks(task(task_id, waits(user.gate(), "echo here I am; echo y > y"), files=["y"]))


def windows(user: User) -> list[str]:
    return list(TmuxBackend(user.folder_of() / "windows").server.windows())


def kill_mayor(user: User) -> None:
    pid = json.loads((user.folder_of() / "holder.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    user.until(lambda: not Path(f"/proc/{pid}").exists() or "\tZ" in Path(f"/proc/{pid}/status").read_text()[:200])


def without_tmux(user: User) -> str:
    """A PATH with all that a run needs but tmux."""
    folder = user.base / "few"
    folder.mkdir()
    for name in ("git", "sh", "env", "sleep", "cat", "ls", "touch", "test"):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (folder / name).symlink_to(found)
    (folder / "python3").symlink_to(sys.executable)
    return str(folder)


def mask_version(text: str) -> str:
    version = subprocess.run(["tmux", "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
    return text.replace(version, "3.3a")


def test_it_returns_once_the_run_has_begun_and_tells_how_to_follow(user: User) -> None:
    said = user.swarm("run", slow(user), "--mode=distributed")
    assert (said.out, said.code) == ("RUN\n", 0)
    assert mask_version(said.err) == PREFLIGHT + FOLLOW
    user.until_running("slow")

    status = user.swarm("status")
    assert "look      swarm attach --run RUN" in status.lines
    assert "swarm attach slow" in user.swarm("why", "slow").out
    words = shlex.split(user.swarm("attach", "slow", "--print").raw.decode())
    assert words[1:4] == ["-S", TmuxBackend(user.folder_of() / "windows").server.socket, "attach-session"]
    user.gate().touch()
    ended = user.swarm("wait")
    assert (ended.lines[0], ended.code) == ("run RUN completed in Ns: 1 completed", 0)
    assert windows(user) == []
    assert not os.path.exists(words[2]), "its server's socket"


@pytest.mark.parametrize("closing", [">&- 2>&-", ">&2"])
def test_reader_of_its_output_that_is_gone_ends_no_run(user: User, closing: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = shlex.join(
        [sys.executable, "-m", "swarmskill", "run", user.tasks(task("a", writes("a"))), "--mode=distributed"]
    )
    words = ["sh", "-c", f"exec {run} {closing}"]
    subprocess.run(words, cwd=user.top, env=user.environment, stderr=writer, check=False, timeout=60)
    os.close(writer)
    assert user.swarm("wait").code == 0
    assert user.swarm("status", "--json").document["outcome"] == "completed"


def test_json(user: User) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a"))), "--json", SWARM_MODE="distributed")
    assert said.document["follow"] == [f"swarm attach --run {user.runs()[0]}", f"swarm status {user.runs()[0]} --watch"]
    assert user.swarm("wait", "--json").document["outcome"] == "completed"


def test_waiting_ends_with_the_run(user: User) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a"))), "--mode=distributed", "--wait")
    assert (said.lines[-4 if len(said.lines) > 4 else 0], said.code) != ("", 1)
    assert "run RUN completed in Ns: 1 completed" in said.lines


def test_when_the_waiting_is_over_before_the_run_nothing_is_ended(user: User) -> None:
    said = user.swarm("run", slow(user), "--mode=distributed", "--wait", "--timeout", "1s")
    assert said.code == 1
    assert "still runs after" in said.lines[0]
    assert said.lines[1].startswith("  slow  ")
    assert said.lines[2:] == [
        "wait longer: swarm wait RUN",
        "look at one: swarm attach TASK --run RUN",
        "kill the workers and try again: swarm kill RUN, then: swarm resume RUN",
    ]
    user.gate().touch()
    assert user.swarm("wait").code == 0


def test_waiting_with_a_time_that_is_long_enough(user: User) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a"))), "--mode=distributed", "--wait", "--timeout", "1m")
    assert (said.lines[0], said.code) == ("run RUN completed in Ns: 1 completed", 0)


def test_windows_of_failed_tasks_stay_until_they_are_cleaned(user: User) -> None:
    tasks = user.tasks(task("good", writes("g")), task("bad", ["sh", "-c", "echo oh; exit 3"], maxRetries=0))
    assert user.swarm("run", tasks, "--mode=distributed", "--wait").code == 1
    assert windows(user) == ["bad-1"]
    assert "removed tmux windows: 1" in user.swarm("clean").lines
    assert windows(user) == []


def test_windows_of_all_runs_are_closed_at_once(user: User) -> None:
    tasks = user.tasks(task("x" * 200, ["sh", "-c", "exit 3"], maxRetries=0))
    for _ in range(2):
        assert user.swarm("run", tasks, "--mode=distributed", "--wait").code == 1
    assert "attach-session" in user.swarm("attach", "x" * 200, "--print").out
    # The folder of sockets may be one for all tests: what others left dead there is told, too.
    assert user.swarm("clean", "--windows").lines[:2] == ["removed tmux windows of RUN: 1"] * 2
    assert "tmux windows of" not in user.swarm("clean", "--windows").out
    assert user.swarm("clean", "--windows", "--all").code == 2
    assert list(user.base.glob("swarm-*/*.tmux")) == []


def test_attach_tells_that_tmux_is_gone_and_what_became_of_the_workers(user: User) -> None:
    user.swarm("run", slow(user), "--mode=distributed")
    user.until_running("slow")
    server = TmuxBackend(user.folder_of() / "windows").server
    words = ["tmux", "-S", server.socket, "display-message", "-p", "#{pid}"]
    os.kill(int(subprocess.run(words, capture_output=True, text=True, check=True).stdout), signal.SIGKILL)
    user.until(lambda: server.is_killed)
    for verb in (["attach"], ["attach", "slow"]):
        assert user.swarm(*verb).err == (
            "error: the tmux of run RUN is gone; 1 worker of it goes on without a window\n"
            " hint: read along: swarm logs TASK --run RUN --follow\n"
        )
    assert user.swarm("kill").code == 0
    user.swarm("wait")
    assert not server.is_killed, "its socket went with the run"


def test_sessions_are_kept_on_request(user: User) -> None:
    tasks = user.tasks(task("good", writes("g")))
    assert user.swarm("run", tasks, "--mode=distributed", "--wait", "--keep-sessions").code == 0
    assert windows(user) == ["good-1"]


def test_killed_mayor_leaves_workers_that_kill_ends_and_clean_respects(user: User) -> None:
    user.swarm("run", slow(user), "--mode=distributed")
    user.until_running("slow")
    kill_mayor(user)
    assert any(line.startswith("kept    tmux windows: workers are at work") for line in user.swarm("clean").lines)
    assert windows(user) == ["slow-1"]
    assert user.swarm("kill").out == "run RUN: its mayor is gone; left-over workers ended: 1\n"
    user.gate().touch()
    assert user.swarm("resume").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["attach", "nope"], "error: run RUN has no task 'nope'\n hint: there are: done, slow, wait\n"),
        (["attach", "done"], "error: there is no window of task done: its window is closed\n hint: swarm logs done --run RUN\n"),
        (["attach", "wait"], "error: there is no window of task wait: it has not started\n hint: swarm why wait --run RUN\n"),
    ],
)  # fmt: skip
def test_attaching_to_what_has_no_window(user: User, words: list[str], told: str) -> None:
    tasks = user.tasks(
        task("done", writes("d"), files=["d"]),
        task("slow", waits(user.gate()), files=["y"], blockedBy=["done"]),
        task("wait", writes("w"), files=["w"], blockedBy=["slow"]),
    )
    user.swarm("run", tasks, "--mode=distributed")
    user.until_running("slow")
    said = user.swarm(*words)
    assert (said.err, said.code) == (told, 2 if "nope" in words else 1)
    no_terminal = user.swarm("attach", "slow")
    assert no_terminal.code == 1
    assert no_terminal.err.startswith("error: this is no terminal in which a window could be shown\n hint: ")


def test_attaching_to_a_local_run(user: User) -> None:
    user.swarm("run", user.tasks(task("a", writes("a"))))
    said = user.swarm("attach")
    assert (said.err, said.code) == (
        "error: the workers of run RUN have no windows: it is a local run\n"
        " hint: read along: swarm logs TASK --run RUN --follow\n",
        1,
    )


def test_attaching_in_a_terminal_shows_the_worker(user: User, terminal: Callable[..., Terminal]) -> None:
    tasks = user.tasks(task("a b", ["sh", "-c", "echo here I am; exit 3"], maxRetries=0))
    user.swarm("run", tasks, "--mode=distributed", "--wait")
    screen = terminal(user, f"cd '{user.top}' && {sys.executable} -m swarmskill attach 'a b'", TMUX="/x,1,0")
    assert "here I am" in screen.until("ended after")
    assert "a b" in screen.until("[swarm]"), "the window's name"


def test_missing_tmux_is_an_error_with_the_fix(user: User) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a"))), "--mode=distributed", PATH=without_tmux(user))
    assert said.code == 1
    assert "  --  tmux       tmux is not on PATH" in said.err.splitlines()
    assert said.err.splitlines()[-2:] == [
        "error: distributed mode cannot start: tmux: tmux is not on PATH",
        " hint: install tmux (apt install tmux, brew install tmux), or use --mode local",
    ]
    assert user.untouched


@pytest.mark.parametrize(("key", "ends"), [("Enter", "ended with 1"), ("y", "ended with 0")])
def test_on_a_terminal_local_mode_is_offered_and_not_taken_unasked(
    user: User, terminal: Callable[..., Terminal], key: str, ends: str
) -> None:
    tasks = user.tasks(task("a", writes("a")))
    command = f"cd '{user.top}' && {sys.executable} -m swarmskill run {tasks} --mode=distributed"
    screen = terminal(user, command, PATH=without_tmux(user), TERM="screen")
    screen.until("Run in local mode instead? [y/N]")
    screen("send-keys", key)
    if key != "Enter":
        screen("send-keys", "Enter")
    screen.until(ends)


def test_chosen_tasks_alone_run(user: User) -> None:
    tasks = user.tasks(
        task("a", writes("a")), task("b", writes("b"), blockedBy=["a"]), task("c", writes("c")), task("d", writes("d"))
    )
    said = user.swarm("run", tasks, "--bead-ids", "a, c", "--json")
    assert [row["id"] for row in said.document["tasks"]] == ["a", "c"]
    refused = user.swarm("run", tasks, "--bead-ids", "b,c")
    assert (refused.code, refused.err) == (
        2,
        "error: tasks are chosen that wait for others: b waits for a\n hint: choose these, too: --bead-ids b,c,a\n",
    )
    unknown = user.swarm("run", tasks, "--bead-ids", "x")
    assert (unknown.code, unknown.err) == (2, "error: the list has no task x\n hint: there are: a, b, c, d\n")


def test_mode_and_backend_that_contradict_each_other_are_refused(user: User) -> None:
    said = user.swarm("run", user.tasks(task("a", writes("a"))), "--mode=distributed", SWARM_BACKEND="process")
    assert (said.code, said.err) == (
        2,
        "error: --mode says mode distributed, but SWARM_BACKEND says backend process\n"
        " hint: mode distributed has the backend tmux: remove one of the two\n",
    )


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--interactive"], 2, "--interactive needs windows to show agents in\n hint: add --mode distributed\n"),
        (
            ["--interactive", "--mode=distributed", "--agent-cmd=true"],
            1,
            "task a: agent command cannot work on a screen of its own\n"
            " hint: use an agent that can (claude), or leave --interactive out\n",
        ),
    ],
)
def test_agents_on_their_own_screens_are_refused_where_they_cannot_be(
    user: User, words: list[str], code: int, told: str
) -> None:
    said = user.swarm("run", user.tasks({"id": "a", "subject": "Write a"}), *words)
    assert (said.code, said.err) == (code, f"error: {told}")
    assert user.untouched
