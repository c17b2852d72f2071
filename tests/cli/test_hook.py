"""`swarm hook`, told what Claude Code tells its hooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Said, User, task, waits
from tests.cli.test_host import TOOLS, Assistant, ada, rows, subjects, todo

__all__ = ["ada"]


def hook(user: User, event: str, **more: Any) -> Said:
    told = {"hook_event_name": event, "session_id": "ada", "cwd": str(user.top), **more}
    return user.swarm("hook", stdin=json.dumps(told))


def stops(user: User, row: dict[str, Any], *, again: bool = False) -> Said:
    """The worker of an assignment is about to end."""
    transcript = user.base / "transcript.jsonl"
    given = row["call"]["input"]
    order = {"type": "user", "message": {"content": given.get("prompt") or given["message"]}}
    transcript.write_text(f"{json.dumps(order)}\n{{}}\n")
    return hook(user, "SubagentStop", agent_transcript_path=str(transcript), stop_hook_active=again)


def ticks(user: User, task_id: str, subject: str = "") -> Said:
    return hook(user, "TaskCompleted", task_id=task_id, task_subject=subject or f"Do {task_id}", task_description="")


def test_a_worker_without_a_result_is_sent_back_to_it_once(user: User, ada: Assistant) -> None:
    row = rows(ada.next(user.tasks(todo("a")), "--tools", TOOLS))["a"]
    said = stops(user, row)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"swarm: task a has no result yet: leave it in ~/my repo/{row['worktree']}/.swarm/result.json, as "
        f"~/my repo/{row['worktree']}/.swarm/prompt.md says, then end\n".replace(user.runs()[0], "RUN")
    )
    assert stops(user, row, again=True) == Said("", "", 0, b"")
    assert rows(ada.next()).keys() == {"a"}, "it is still out"


def test_the_result_of_a_worker_that_ends_is_taken_back(user: User, ada: Assistant) -> None:
    row = rows(ada.next(user.tasks(todo("a"), todo("b")), "--tools", TOOLS))["a"]
    ada.work(row)
    assert stops(user, row).code == 0
    assert "Do a" in subjects_of_run(user)
    assert ada.done("a").startswith("a completed as HASH; still out: b")


def test_a_retry_that_a_hook_brought_about_is_told_by_the_next_done(user: User, ada: Assistant) -> None:
    row = rows(ada.next(user.tasks(todo("a")), "--tools", TOOLS))["a"]
    ada.work(row, file=None)
    assert stops(user, row).code == 0
    assert ada.done("a").startswith("a is tried again: files_exist failed")
    again = rows(ada.next())["a"]
    ada.work(again)
    assert stops(user, again).code == 0, "its second order leads there, too"
    assert subjects(user) == ["Do a", "start"]


def test_a_task_that_is_not_completed_cannot_be_ticked(user: User, ada: Assistant) -> None:
    listed = user.tasks(todo("a"), todo("b", maxRetries=0))
    out = rows(ada.next(listed, "--tools", TOOLS))
    assert ticks(user, "a").err == "swarm: task a is not completed in run RUN (running); swarm done a\n"
    ada.work(out["a"])
    ada.work(out["b"], file=None)
    ada.done("a", "b")
    assert ticks(user, "a").code == 0
    said = ticks(user, "b")
    assert said.code == 2
    assert said.err.endswith("(rejected); why: swarm why b; to try it again: swarm retry b\n")


def test_a_task_of_swarm_s_own_workers_is_waited_for(user: User) -> None:
    gate = user.base / "gate"
    user.swarm("run", user.tasks(task("a", waits(gate))), "--detach")
    assert ticks(user, "a").err == "swarm: task a is not completed in run RUN (running); swarm wait\n"
    gate.touch()
    assert user.swarm("wait").code == 0
    assert ticks(user, "a").code == 0


@pytest.mark.parametrize(
    "told",
    ["", "no json", "[]", "{}", '{"hook_event_name": "Stop", "cwd": "/"}', '{"hook_event_name": "TaskCompleted"}'],
)
def test_what_is_not_understood_passes(user: User, told: str) -> None:
    assert user.swarm("hook", stdin=told) == Said("", "", 0, b"")


def test_what_is_not_of_a_run_passes(user: User, ada: Assistant, tmp_path: Path) -> None:
    assert ticks(user, "a").code == 0, "there is no run"
    ada.next(user.tasks(todo("a")), "--tools", TOOLS)
    assert ticks(user, "9").code == 0
    assert ticks(user, "a", "Another with that number").code == 0
    assert hook(user, "SubagentStop", agent_transcript_path=str(tmp_path / "none")).code == 0
    (tmp_path / "other").write_text('{"type": "user", "message": {"content": "Find a file"}}\n')
    assert hook(user, "SubagentStop", agent_transcript_path=str(tmp_path / "other")).code == 0
    assert hook(user, "TaskCompleted", task_id="a", task_subject="Do a", cwd=str(tmp_path)).code == 0


def subjects_of_run(user: User) -> list[str]:
    return user.git("log", "--format=%s", f"swarm/{user.runs()[0]}").splitlines()
