"""Workers that live without getting on, and workers that get on without a word."""

from __future__ import annotations

from tests.cli.conftest import User, task, waits, writes

SILENT_START = "if [ $SWARM_ATTEMPT = 1 ]; then sleep 1000; fi; echo x > y"
WRITES_IN_SILENCE = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i > work; sleep 0.5; done"


def test_a_worker_without_progress_is_marked_then_ended_and_tried_again(user: User) -> None:
    tasks = user.tasks(task("slow", ["sh", "-c", SILENT_START], files=["y"]))
    run = user.start("run", tasks, "--idle-timeout", "6s", SWARM_GRACE="0.3")
    user.until(lambda: "worker_stalled" in user.ledger, 60)
    assert "no progress since" in user.swarm("status").out
    said = user.finish(run)
    assert said.code == 0, said.out
    told = [line.split(None, 1)[1] for line in said.lines if " slow" in line]
    assert told[1].startswith("stalled   slow: no progress for ")
    assert told[2].startswith("retry     slow: no progress for too long, ended after ")


def test_changes_in_the_worktree_are_progress(user: User) -> None:
    tasks = user.tasks(
        task("busy", ["sh", "-c", WRITES_IN_SILENCE], files=["work"]), task("b", writes("b"), files=["b"])
    )
    said = user.swarm("run", tasks, "--idle-timeout", "4s")
    assert said.code == 0, said.out
    assert "retry" not in said.out


def test_when_a_worker_is_marked_is_a_setting_that_holds_at_once_when_it_is_changed(user: User) -> None:
    tasks = user.tasks(task("slow", waits(user.gate()), files=["y"]))
    run = user.start("run", tasks, "--stall-timeout", "10m")
    user.until_running("slow")
    assert user.swarm("limit", "--stall-timeout", "1s").code == 0
    user.until(lambda: "worker_stalled" in user.ledger, 60)
    user.gate().touch()
    said = user.finish(run)
    assert said.code == 0, said.out
    assert "limit set to Ns without progress before a worker is marked" in said.out
    assert "retry" not in said.out, "it is marked, and no more"
