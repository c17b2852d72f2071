"""A run in progress, seen and steered from other processes."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from tests.cli.conftest import User, task, waits, writes

GRACE = {"SWARM_GRACE": "0.3"}


@pytest.fixture
def run(user: User) -> subprocess.Popen[bytes]:
    """A run with one finished task and one whose worker waits at a gate; `next` waits on it."""
    tasks = user.tasks(
        task("quick", writes("q"), files=["q"]),
        task("slow", waits(user.gate()), files=["y"], blockedBy=["quick"]),
        task("next", writes("n"), files=["n"], blockedBy=["slow"]),
    )
    process = user.start("run", tasks, **GRACE)
    user.until_running("slow")
    return process


def test_views_of_a_run_in_progress(user: User, run: subprocess.Popen[bytes]) -> None:
    status = user.swarm("status")
    assert status.lines[:2] == [
        "run       RUN  running, Ns since DATE",
        "tasks     3: 1 completed, 1 in progress, 1 pending",
    ]
    assert "●  slow   Do slow   running" in " ".join(status.lines) or "●  slow" in status.out
    assert user.swarm("status", "--json").document["outcome"] == "running"
    assert user.swarm("runs").lines[1].split()[-4:] == ["Ns", "running", "1/3", "swarm/RUN"]
    assert '● slow "Do slow": running for Ns' in user.swarm("why", "slow").out
    assert "next waits for slow" in user.swarm("why", "next").out or "waits for slow" in user.swarm("why", "next").out
    assert "● slow" in user.swarm("tree").out
    assert user.until(lambda: user.swarm("logs", "slow").out) == "begin\n"
    said = user.swarm("logs", "next")
    assert (said.err, said.code) == ("error: task next has not been started\n hint: swarm why next\n", 2)
    assert "incomplete" in user.swarm("report").out or "running" in user.swarm("report").out
    user.gate().touch()
    assert user.finish(run).code == 0


def test_following_to_the_end(user: User, run: subprocess.Popen[bytes]) -> None:
    events = user.start("events", "--follow", "--json")
    logs = user.start("logs", "slow", "--follow")
    watch = user.start("status", "--watch")
    begun = [process.stdout.readline() for process in (events, logs, watch)]
    user.gate().touch()
    assert user.finish(run).code == 0
    documents = [json.loads(line) for line in [begun[0], *user.finish(events).raw.splitlines()]]
    assert [documents[0]["type"], documents[-1]["type"]] == ["run_started", "reported"]
    assert (begun[1], user.finish(logs).out) == (b"begin\n", "")
    watched = user.finish(watch)
    assert b"running" in begun[2]
    assert watched.code == 0
    assert "TIME completed slow" in watched.out
    assert "tasks     3: 3 completed" in watched.out


def test_stop_lets_workers_finish_and_resume_goes_on(user: User, run: subprocess.Popen[bytes]) -> None:
    assert user.swarm("stop").out == "run RUN: it stops when its workers have finished\n"
    user.until(lambda: user.swarm("status").out.count("stopping"))
    user.gate().touch()
    said = user.finish(run)
    assert said.code == 1
    assert "TIME stopping  waiting for 1 worker (swarm stop)\n" in said.out
    assert "run RUN stopped in Ns: 2 completed, 1 pending\n" in said.out
    assert "go on: swarm resume RUN\n" in said.out
    said = user.swarm("resume")
    assert said.code == 0
    assert "TIME resumed   RUN: 2 completed, 1 in progress\n" in said.out
    assert user.git("log", "--format=%s").splitlines() == ["Do next", "Do slow", "Do quick", "start"]


@pytest.mark.parametrize("words", [["stop", "--now"], ["kill"]])
def test_ending_the_workers(user: User, run: subprocess.Popen[bytes], words: list[str]) -> None:
    assert user.swarm(*words).out == "run RUN: workers are being stopped\n"
    said = user.finish(run)
    assert said.code == 1
    assert "run RUN stopped in Ns: 1 completed, 2 pending\n" in said.out
    user.gate().touch()
    assert user.swarm("resume", "--json").document["outcome"] == "completed"


def test_what_is_refused_while_a_run_is_held(user: User, run: subprocess.Popen[bytes]) -> None:
    said = user.swarm("resume")
    assert said.code == 1
    assert said.err.startswith("error: run RUN is held by process ")
    assert said.err.endswith(" hint: watch it: swarm status RUN --watch\n")
    assert user.swarm("clean").err == "error: run RUN is at work\n hint: swarm stop RUN\n"
    said = user.swarm("retry", "slow")
    assert (said.err, said.code) == (
        "error: task slow is running: there is nothing to try again\n hint: swarm why slow\n",
        2,
    )
    user.gate().touch()
    assert user.finish(run).code == 0


def test_one_ctrl_c_stops_at_the_next_boundary(user: User, run: subprocess.Popen[bytes]) -> None:
    run.send_signal(signal.SIGINT)
    user.until(lambda: "stop_requested" in user.ledger)
    user.gate().touch()
    said = user.finish(run)
    assert said.code == 130
    assert "stopping: workers in flight may finish; press Ctrl-C again to kill them\n" in said.out
    assert "run RUN stopped in Ns: 2 completed, 1 pending\n" in said.out


def test_two_ctrl_c_kill(user: User, run: subprocess.Popen[bytes]) -> None:
    run.send_signal(signal.SIGINT)
    user.until(lambda: "stop_requested" in user.ledger)
    run.send_signal(signal.SIGINT)
    said = user.finish(run)
    assert said.code == 130
    assert "run RUN stopped in Ns: 1 completed, 2 pending\n" in said.out


def test_after_kill_9_resume_takes_the_worker_over(user: User, run: subprocess.Popen[bytes]) -> None:
    run.send_signal(signal.SIGKILL)
    user.finish(run)
    assert user.swarm("status").lines[0] == "run       RUN  interrupted, Ns since DATE"
    assert "go on     swarm resume RUN" in user.swarm("status").out
    going_on = user.start("resume")
    user.until(lambda: "run_resumed" in user.ledger)
    user.gate().touch()
    assert user.finish(going_on).code == 0
    assert user.git("log", "--format=%s").splitlines() == ["Do next", "Do slow", "Do quick", "start"]
    assert '"attempt":2' not in user.ledger


def test_kill_ends_what_a_dead_mayor_left(user: User, run: subprocess.Popen[bytes]) -> None:
    run.send_signal(signal.SIGKILL)
    user.finish(run)
    assert user.swarm("stop").out == "run RUN: nobody is at work on it\n"
    assert user.swarm("kill").out == "run RUN: its mayor is gone; left-over workers ended: 1\n"
    assert '"run_killed"' in user.ledger.splitlines()[-1]
    said = user.swarm("status")
    assert said.lines[0] == "run       RUN  stopped, Ns since DATE" and "swarm stop" in said.out
    assert " running " not in said.out, "its worker is no more"
    assert user.swarm("kill", "--json").document["detail"] == "nobody is at work on it"


def test_retry_while_the_run_goes_on(user: User) -> None:
    tasks = user.tasks(
        task("slow", waits(user.gate()), files=["y"]),
        task("bad", ["sh", "-c", f"[ -e '{user.gate('mended')}' ] && echo z > z"], files=["z"], max_retries=0),
        task("after", writes("w"), files=["w"], blockedBy=["bad"]),
    )
    run = user.start("run", tasks)
    user.until_running("slow")
    user.until(lambda: '"worker_exited"' in user.ledger)
    user.gate("mended").touch()
    said = user.swarm("retry", "after")
    assert said.err == "error: task after was skipped: bad did not complete\n hint: swarm retry bad\n"
    assert user.swarm("retry", "bad").out == "run RUN: task bad will be tried again\n"
    user.gate().touch()
    said = user.finish(run)
    assert said.code == 0
    assert "TIME reopened  bad" in said.out
    assert "3 completed" in said.out
