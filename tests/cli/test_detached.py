"""A run that goes on after its command has returned, and waiting for its end."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import User, task, waits, writes


def two_tasks(user: User) -> str:
    """One quick task, then one whose worker waits at the gate."""
    return user.tasks(
        task("quick", writes("q"), files=["q"]),
        task("slow", waits(user.gate()), files=["y"], blockedBy=["quick"]),
    )


def holder(user: User) -> dict:
    return json.loads((user.folder_of() / "holder.json").read_text())


def test_detached_run_tells_its_id_and_goes_on(user: User) -> None:
    said = user.swarm("run", two_tasks(user), "--detach")
    assert (said.out, said.code) == ("RUN\n", 0)
    assert said.err == "wait for it: swarm wait RUN\n"
    assert said.raw.decode().strip() == user.runs()[0]
    assert os.getsid(holder(user)["pid"]) == holder(user)["pid"]
    user.until_running("slow")
    waiting = user.start("wait")
    user.gate().touch()
    ended = user.finish(waiting)
    assert ended.code == 0
    assert ended.lines[0] == "run RUN completed in Ns: 2 completed"
    assert ended.err == ""
    log = user.mask((user.folder_of() / "mayor.log").read_bytes())
    assert log.startswith("TIME run       RUN: 2 tasks, 5 workers, from HASH\n")
    assert log.endswith(ended.out)
    assert user.git("log", "--format=%s").splitlines() == ["Do slow", "Do quick", "start"]


def test_json(user: User) -> None:
    begun = user.swarm("run", two_tasks(user), "--detach", "--json")
    assert (begun.code, begun.err) == (0, "")
    assert begun.document == {"run_id": user.runs()[0], "pid": holder(user)["pid"]}
    user.until_running("slow")
    still = user.swarm("wait", "--timeout", "0.1", "--json")
    assert still.code == 124
    assert still.document.pop("seconds") >= 0
    assert {**still.document, "seconds": 0} == {
        "run_id": user.runs()[0],
        "outcome": "running",
        "counts": {"completed": 1, "in_progress": 1, "pending": 0},
        "seconds": 0,
    }
    user.gate().touch()
    ended = user.swarm("wait", "--json")
    assert (ended.code, ended.document["outcome"]) == (0, "completed")
    assert ended.document.keys() == user.swarm("status", "--json").document.keys()
    assert user.swarm("wait", "--json").document["outcome"] == "completed", (
        "waiting for what is over tells its end, too"
    )


def test_the_task_list_may_come_from_standard_input(user: User) -> None:
    said = user.swarm("run", "-", "--detach", stdin=json.dumps([task("a", writes("a"))]))
    assert said.code == 0
    assert user.swarm("wait", said.raw.decode().strip()).code == 0


def test_waiting_ends_with_a_code_of_its_own_when_the_time_is_over(user: User) -> None:
    user.swarm("run", two_tasks(user), "--detach")
    user.until_running("slow")
    said = user.swarm("wait", "--timeout", "0.3")
    assert said.out == "run RUN is running: 1 completed, 1 in progress; call again: swarm wait RUN --timeout 0.3\n"
    assert (said.err, said.code) == ("", 124)
    user.gate().touch()
    assert user.swarm("wait", "--timeout", "30").code == 0


def test_waiting_ends_with_the_code_of_the_run(user: User) -> None:
    user.swarm("run", user.tasks(task("bad", "false", max_retries=0)), "--detach")
    said = user.swarm("wait")
    assert said.code == 1
    assert "bad failed" in said.out


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_what_is_refused_is_told_as_without_detach(user: User, as_json: list[str]) -> None:
    bad = user.tasks(task("a", ["no-such-program"]))
    cyclic = user.base / "cycle.json"
    cyclic.write_text(json.dumps([task("a", "true", blockedBy=["b"]), task("b", "true", blockedBy=["a"])]))
    for words in ([bad], [str(cyclic)], [bad, "--base", "nope"], ["nowhere.json"]):
        plain = user.swarm("run", *words, *as_json)
        detached = user.swarm("run", *words, *as_json, "--detach")
        assert (detached.out, detached.err, detached.code) == (plain.out, plain.err, plain.code)
        assert plain.code in (1, 2)
    assert user.untouched


def test_what_is_refused_when_the_run_is_set_up(user: User) -> None:
    user.git("branch", "swarm")
    plain = user.swarm("run", two_tasks(user))
    said = user.swarm("run", two_tasks(user), "--detach")
    assert (said.out, said.err, said.code) == ("", plain.err, 1)
    assert said.err.startswith("error: ")
    assert user.runs() == []


def test_ctrl_c_and_the_end_of_the_callers_terminal_do_not_reach_the_run(user: User) -> None:
    words = [sys.executable, "-m", "swarmskill", "run", two_tasks(user), "--detach"]
    shell = subprocess.Popen(
        ["sh", "-c", '"$@"; echo returned; sleep 60', "sh", *words],
        cwd=user.top,
        env=user.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert [shell.stdout.readline()[-9:] for _ in range(2)][1] == b"returned\n"
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
        os.killpg(shell.pid, number)
    shell.wait(10)
    with shell.stdout:
        assert shell.stdout.read() == b"", "the run does not hold the caller's pipe open"
    user.until_running("slow")
    user.gate().touch()
    assert user.swarm("wait").lines[0] == "run RUN completed in Ns: 2 completed"


def test_ctrl_c_before_the_run_has_begun_ends_it(user: User) -> None:
    git = user.base / "bin" / "git"
    git.parent.mkdir()
    reached = user.gate("reached")
    git.write_text(
        f"#!/bin/sh\ncase $* in *update-ref*) touch '{reached}'; until [ -e '{user.gate()}' ]; do sleep 0.02; done;; esac\n"
        f'exec {shutil.which("git")} "$@"\n'
    )
    git.chmod(0o755)
    starting = user.start("run", two_tasks(user), "--detach", PATH=f"{git.parent}:{user.environment['PATH']}")
    user.until(reached.exists)
    starting.send_signal(signal.SIGINT)
    user.gate().touch()
    said = user.finish(starting)
    assert (said.out, said.code) == ("", 130)
    assert user.runs() == []


def test_the_callers_other_files_are_let_go(user: User, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = [sys.executable, "-m", "swarmskill", "run", two_tasks(user), "--detach"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(words, cwd=user.top, env=user.environment, pass_fds=[lock.fileno()], check=True, **quiet)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    user.gate().touch()
    assert user.swarm("wait").code == 0


def test_a_dead_mayor_is_told_and_a_detached_one_takes_over(user: User) -> None:
    user.swarm("run", two_tasks(user), "--detach")
    user.until_running("slow")
    waiting = user.start("wait")
    os.kill(holder(user)["pid"], signal.SIGKILL)
    said = user.finish(waiting)
    assert said.err == (
        "error: run RUN is not over, and nobody is at work on it: 1 completed, 1 in progress;"
        " its log: ~/my repo/.git/swarm/runs/RUN/mayor.log\n"
        " hint: go on: swarm resume RUN --detach\n"
    )
    assert (said.out, said.code) == ("", 1)
    said = user.swarm("resume", "--detach")
    assert (said.out, said.code) == ("RUN\n", 0)
    again = user.swarm("resume", "--detach")
    assert again.code == 1
    assert again.err.startswith("error: run RUN is held by process ")
    user.gate().touch()
    assert user.swarm("wait").code == 0
    assert '"attempt":2' not in user.ledger


def test_a_detached_run_can_be_stopped(user: User) -> None:
    user.swarm("run", two_tasks(user), "--detach")
    user.until_running("slow")
    assert user.swarm("stop", "--now").out == "run RUN: workers are being stopped\n"
    said = user.swarm("wait")
    assert (said.code, said.lines[0]) == (1, "run RUN stopped in Ns: 1 completed, 1 pending")
    assert "go on: swarm resume RUN" in said.out


def test_a_retry_can_be_detached(user: User) -> None:
    mended = f"[ -e '{user.gate()}' ] && echo z > z"
    assert user.swarm("run", user.tasks(task("bad", ["sh", "-c", mended], files=["z"], max_retries=0))).code == 1
    user.gate().touch()
    assert user.swarm("retry", "bad", "--detach").out == "RUN\n"
    assert user.swarm("wait").code == 0


def test_there_is_nothing_to_wait_for(user: User) -> None:
    said = user.swarm("wait")
    assert said.err == "error: this repository has no run\n hint: start one: swarm run tasks.json\n"
    assert (said.out, said.code) == ("", 1)
