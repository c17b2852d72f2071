"""`swarm next` and `swarm done`, called as an assistant calls them, with workers that this file plays."""

from __future__ import annotations

import json
import random
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from swarmskill.backends.handed import HandedOut
from tests.cli.conftest import Said, User, task, waits

TOOLS = "Agent,SendMessage,Bash"
ADA = {"CLAUDE_CODE_SESSION_ID": "ada"}
BEN = {"CLAUDE_CODE_SESSION_ID": "ben"}


def todo(task_id: str, **more: Any) -> dict[str, Any]:
    """A task that is done when its file is there."""
    return {
        "id": task_id,
        "subject": f"Do {task_id}",
        "files": [task_id],
        "validation": {"files_exist": [task_id]},
        **more,
    }


class Assistant:
    """Calls `swarm next` and `swarm done` in a session of an assistant, and does its workers' work."""

    def __init__(self, user: User, session: dict[str, str] | None = None) -> None:
        self.user, self.session = user, ADA if session is None else session

    def says(self, *words: str, **more: Any) -> Said:
        return self.user.swarm(*words, **self.session, **more)

    def next(self, *words: str) -> dict[str, Any]:
        said = self.says("next", *words, "--json")
        assert said.code == 0, said.err
        return said.document

    def done(self, *words: str) -> str:
        said = self.says("done", *words)
        assert said.code == 0, said.err
        return said.out.strip()

    def work(self, row: dict[str, Any], *, file: str | None = "", result: bool | dict[str, Any] = True) -> None:
        """What the worker of an assignment does: write a file, and the result."""
        worktree = self.user.top / row["worktree"]
        assert (worktree / ".swarm" / "prompt.md").is_file()
        if file is not None:
            (worktree / (file or row["task"])).write_text(f"{row['task']}\n")
        if result:
            (worktree / ".swarm" / "result.json").write_text(
                claim(row["task"], result if isinstance(result, dict) else {})
            )


def claim(task_id: str, more: dict[str, Any] | None = None) -> str:
    told = {
        "schema_version": 1,
        "type": "completion",
        "task_id": task_id,
        "status": "done",
        "detail": "did it",
        "artifacts": [],
    }
    return json.dumps({**told, **(more or {})})


@pytest.fixture
def ada(user: User) -> Assistant:
    return Assistant(user)


def subjects(user: User) -> list[str]:
    return user.git("log", "--format=%s").splitlines()


def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["task"]: row for row in document.get("assignments", ())}


def test_wave_by_wave_from_the_list_to_the_commits(user: User, ada: Assistant) -> None:
    listed = user.tasks(todo("a"), todo("b"), todo("c", blockedBy=["a"]))
    first = ada.next(listed, "--tools", TOOLS)
    assert list(rows(first)) == ["a", "b"]
    assert first["using"] == "team (named agents)"
    assert first["refused"][0].startswith("subagent (Codex, second generation): no ")
    assert (
        first["next"]
        == "Make the 2 `call`s, all in one message. Then run `done`, in this same turn: it waits until one has left its "
        "result. Go on as it says."
    )
    assert first["done"] == "swarm done a b --wait 100"
    row = rows(first)["a"]
    prompt = f"{user.top}/{row['worktree']}/.swarm/prompt.md"
    assert row == {
        "task": "a",
        "worker": "worker-a",
        "worktree": row["worktree"],
        "timeout": 1800,
        "call": {
            "tool": "Agent",
            "input": {
                "description": "worker-a",
                "name": "worker-a",
                "prompt": f"You are worker-a. Read {prompt} and do what it says.",
                "run_in_background": True,
            },
        },
    }
    assert "# You are worker-a" in Path(prompt).read_text()
    for one in rows(first).values():
        ada.work(one)
    assert ada.done("a") == "a completed as HASH; still out: b; again: swarm done b --wait 100"
    assert ada.done("b").endswith("next: swarm next --json")
    second = ada.next()
    assert list(rows(second)) == ["c"] and second["using"] == "team (named agents)" and "refused" not in second
    ada.work(rows(second)["c"])
    assert ada.done("c") == "c completed as HASH; The run is over: 3 completed. Landed on main."
    assert sorted(subjects(user)) == ["Do a", "Do b", "Do c", "start"]
    assert ada.next()["next"] == "The run is over: 3 completed. Landed on main."
    assert ada.says("status").out.splitlines()[0].startswith("run       RUN  completed")


def test_next_says_the_same_as_often_as_it_is_asked(user: User, ada: Assistant) -> None:
    listed = user.tasks(todo("a"), todo("b"))
    first = ada.next(listed, "--tools", TOOLS)
    for words in ([], [listed, "--tools", TOOLS], ["--tools", TOOLS]):
        again = ada.next(*words)
        assert again["run_id"] == first["run_id"]
        assert [row.pop("again") for row in again["assignments"]] == [True, True]
        assert again["assignments"] == first["assignments"]
        assert again["next"].startswith(
            "Out already: worker-a, worker-b (call those that you have not). Then run `done`"
        )
    assert len(user.runs()) == 1


def test_done_said_twice_does_nothing_twice(user: User, ada: Assistant) -> None:
    first = ada.next(user.tasks(todo("a"), todo("b")), "--tools", TOOLS)
    ada.work(rows(first)["a"])
    line = ada.done("a", "--attempt", "1")
    assert [ada.done(*words) for words in (["a", "--attempt", "1"], ["a"])] == [line, line]
    assert user.git("log", "--format=%s", f"swarm/{user.runs()[0]}").splitlines() == ["Do a", "start"]


def test_done_said_twice_does_not_end_the_retry(user: User, ada: Assistant) -> None:
    first = ada.next(user.tasks(todo("a")), "--tools", TOOLS)
    ada.work(rows(first)["a"], file=None)
    line = ada.done("a")
    assert line == "a is tried again: files_exist failed: a does not exist; next: swarm next --json"
    assert [ada.done(*words) for words in (["a"], ["a", "--attempt", "1"])] == [line, line]
    second = rows(ada.next())["a"]
    assert "again" not in second
    assert ada.done("a", "--attempt", "1") == (
        "a is tried again: files_exist failed: a does not exist; still out: a; again: swarm done a --wait 100"
    )
    ada.work(second)
    assert ada.done("a", "--attempt", "2").startswith("a completed as")


def test_an_attempt_that_is_to_come_and_a_task_that_is_not_there_are_refused(user: User, ada: Assistant) -> None:
    ada.next(user.tasks(todo("a")), "--tools", TOOLS)
    said = ada.says("done", "a", "--attempt", "2")
    assert (said.code, said.err) == (2, "error: task a has had 1 attempts, not 2\n hint: ask: swarm next --json\n")
    said = ada.says("done", "x")
    assert (said.code, said.err) == (2, "error: run RUN has no task 'x'\n hint: there are: a\n")
    assert ada.says("done", "a", "b", "--attempt", "1").code == 2


@pytest.mark.parametrize("way", ["-", "file"])
def test_a_result_can_be_handed_over(user: User, ada: Assistant, way: str) -> None:
    row = rows(ada.next(user.tasks(todo("a")), "--tools", TOOLS))["a"]
    ada.work(row, result=False)
    source = str(user.base / "answer.json") if way == "file" else "-"
    (user.base / "answer.json").write_text(claim("a", {"detail": "told by mouth"}))
    said = ada.says("done", "a", "--result", source, stdin=claim("a", {"detail": "told by mouth"}))
    assert said.out.startswith("a completed as"), said
    assert "told by mouth" in ada.says("why", "a").out


def test_a_result_that_cannot_be_read_is_refused(user: User, ada: Assistant) -> None:
    ada.next(user.tasks(todo("a")), "--tools", TOOLS)
    said = ada.says("done", "a", "--result", "nowhere.json")
    assert (said.code, said.err) == (
        2, "error: cannot read the result nowhere.json: No such file or directory\n hint: name a file, or -\n",
    )  # fmt: skip
    assert rows(ada.next())["a"]["again"] is True


def test_a_worker_without_a_result_is_asked_again_where_it_can_be_reached(user: User, ada: Assistant) -> None:
    ada.work(rows(ada.next(user.tasks(todo("a")), "--tools", TOOLS))["a"], result=False)
    assert ada.done("a").startswith("a is tried again: claim failed: the worker ended without writing its result file")
    row = rows(ada.next())["a"]
    worktree = f"{user.top}/{row['worktree']}"
    assert row["call"] == {
        "tool": "SendMessage",
        "input": {
            "to": "worker-a",
            "summary": "go on",
            "message": f"Read {worktree}/.swarm/prompt.md again: it tells what is to be done now.",
        },
    }
    told = Path(worktree, ".swarm", "prompt.md").read_text()
    assert "# Attempt 2 at task a" in told and "without writing its result file" in told
    assert Path(worktree, "a").read_text() == "a\n", "it goes on in the same worktree"
    ada.work(row, file=None)
    assert ada.done("a").startswith("a completed as")


def test_a_worker_that_cannot_be_reached_is_followed_by_a_new_one(user: User, ada: Assistant) -> None:
    first = rows(ada.next(user.tasks(todo("a")), "--tools", "Agent"))["a"]
    ada.work(first, file=None)
    ada.done("a")
    row = rows(ada.next())["a"]
    assert row["call"]["tool"] == "Agent" and row["worker"] == "worker-a-try2"
    assert row["worktree"] != first["worktree"]
    ada.work(row)
    assert ada.done("a").startswith("a completed as")


def test_a_worker_is_reached_by_the_id_that_the_assistant_told(user: User, ada: Assistant) -> None:
    tools = "multi_agent_v1.spawn_agent,multi_agent_v1.wait_agent,multi_agent_v1.send_input"
    first = ada.next(user.tasks(todo("a"), todo("b=c")), "--tools", tools)
    row = rows(first)["a"]
    assert row["call"]["tool"] == "multi_agent_v1.spawn_agent" and list(row["call"]["input"]) == ["message"]
    assert first["done"] == "swarm done a b=c --worker a=ID --worker b=c=ID --wait 8"
    words = ["a", "b=c", "--worker", "a=019a-77", "--worker", "b=c=019b-1", "--wait"]
    assert ada.says("done", *words, "0").code == 124
    assert ada.next()["done"] == "swarm done a b=c --wait 8", "it was told"
    ada.work(row, file=None)
    assert ada.done(*words, "60").endswith("a does not exist; next: swarm next --json")
    second = ada.next()
    row = rows(second)["a"]
    assert (row["call"]["tool"], row["call"]["input"]["target"]) == ("multi_agent_v1.send_input", "019a-77")
    assert (row["worker"], second["done"]) == ("019a-77", "swarm done a b=c --wait 8")
    assert ada.says("done", "a", "b=c", "--worker", "019a-77").code == 2


def test_codex_second_generation_is_addressed_by_the_name_that_it_takes(user: User, ada: Assistant) -> None:
    tools = ",".join(f"collaboration.{name}" for name in ("spawn_agent", "wait_agent", "followup_task"))
    row = rows(ada.next(user.tasks(todo("a")), "--tools", tools))["a"]
    assert row["call"]["input"]["task_name"] == "worker_a"
    ada.work(row, file=None)
    ada.done("a")
    assert rows(ada.next())["a"]["call"]["input"]["target"] == "worker_a"


def test_a_team_that_has_to_be_made_is_told_of_once(user: User, ada: Assistant) -> None:
    first = ada.next(user.tasks(todo("a")), "--tools", "TeamCreate,Task,SendMessage")
    assert first["before"]["tool"] == "TeamCreate"
    assert rows(first)["a"]["call"]["input"]["team_name"] == first["before"]["input"]["team_name"]
    assert "before" not in ada.next()


def test_a_blocked_worker_ends_its_task(user: User, ada: Assistant) -> None:
    first = ada.next(user.tasks(todo("a"), todo("b", blockedBy=["a"])), "--tools", TOOLS)
    ada.work(rows(first)["a"], file=None, result={"type": "blocked", "status": "blocked", "detail": "needs a key"})
    line = ada.done("a")
    assert line == "a blocked: needs a key; The run is over: 1 skipped, 1 blocked. See: swarm report"
    assert ada.says("retry", "a").out == "run RUN: task a will be tried again, by its assistant: swarm next\n"
    row = rows(ada.next())["a"]
    ada.work(row)
    ada.done("a")
    ada.work(rows(ada.next())["b"])
    assert ada.done("b").endswith("The run is over: 2 completed. Landed on main.")


def test_a_worker_past_its_time_is_tried_again_unless_it_left_its_result(user: User, ada: Assistant) -> None:
    first = rows(ada.next(user.tasks(todo("a"), todo("b")), "--tools", TOOLS, "--timeout", "1s"))
    ada.work(first["a"])
    ada.work(first["b"], result=False)
    user.until(lambda: time.time() > (user.folder_of() / "host" / "b-1.out.json").stat().st_mtime + 1.1)
    second = rows(ada.next())
    assert list(second) == ["b"] and "again" not in second["b"]
    assert "timed out" in Path(user.top / second["b"]["worktree"], ".swarm", "prompt.md").read_text()


def test_two_that_end_at_once_are_taken_one_after_the_other(user: User, ada: Assistant) -> None:
    names = ["a", "b", "c", "d"]
    first = rows(ada.next(user.tasks(*map(todo, names)), "--tools", TOOLS))
    for row in first.values():
        ada.work(row)
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda name: ada.says("done", name), names + names))
    assert [one.code for one in said] == [0] * 8, [one.err for one in said]
    assert sorted(subjects(user)) == ["Do a", "Do b", "Do c", "Do d", "start"]
    assert sum("The run is over: 4 completed" in one.out for one in said) >= 1


def test_several_tasks_in_one_done(user: User, ada: Assistant) -> None:
    first = rows(ada.next(user.tasks(todo("a"), todo("b")), "--tools", TOOLS))
    for row in first.values():
        ada.work(row)
    said = ada.says("done", "a", "b", "--json").document
    assert said["tasks"] == {"a": "completed", "b": "completed"}
    assert said["next"].endswith("The run is over: 2 completed. Landed on main.")


def test_a_run_of_swarm_s_own_is_not_the_assistant_s(user: User, ada: Assistant) -> None:
    running = user.start("run", user.tasks(task("a", waits(user.gate()))))
    user.until_running("a")
    for words in (["next", "--tools", TOOLS], ["done", "a"]):
        said = ada.says(*words)
        assert said.code == 2
        assert (
            said.err == "error: the workers of run RUN are run by swarm itself\n hint: look at it: swarm status RUN\n"
        )
    user.gate().touch()
    assert user.finish(running).code == 0


def test_another_assistant_is_refused_while_the_first_is_there(user: User, ada: Assistant) -> None:
    listed, ben = user.tasks(todo("a")), Assistant(user, BEN)
    row = rows(ada.next(listed, "--tools", TOOLS))["a"]
    ada.work(row)
    for words in (["next"], ["next", listed, "--tools", TOOLS], ["done", "a"]):
        said = ben.says(*words)
        assert said.code == 1, words
        assert said.err.startswith("error: run RUN belongs to another assistant (ada)\n hint: ")
    assert ada.done("a").startswith("a completed as")


def test_another_assistant_can_take_a_run_over(user: User, ada: Assistant) -> None:
    ben = Assistant(user, BEN)
    first = rows(ada.next(user.tasks(todo("a"), todo("b")), "--tools", TOOLS))
    ada.work(first["a"])
    said = ben.says("next", "--take-over", "--json")
    assert said.err == "run RUN is taken over from ada\n"
    second = rows(said.document)
    assert list(second) == ["b"] and second["b"]["call"]["tool"] == "Agent", (
        "what was finished is taken, the rest begins anew"
    )
    assert ada.says("done", "b").code == 1
    ben.work(second["b"])
    assert ben.done("b").endswith("The run is over: 2 completed. Landed on main.")


def by_another_process(user: User, *words: str, **environment: str) -> Said:
    """The same, called by an assistant whose process is gone when this returns."""
    code = f"import subprocess; raise SystemExit(subprocess.run({[sys.executable, '-m', 'swarmskill', *words]!r}).returncode)"
    environment = {**user.environment, **environment}
    done = subprocess.run([sys.executable, "-c", code], cwd=user.top, env=environment, capture_output=True, check=False)
    return Said(user.mask(done.stdout), user.mask(done.stderr), done.returncode, done.stdout)


@pytest.mark.parametrize("session", [BEN, ADA, {}], ids=["another", "the same, resumed", "one that does not tell"])
def test_a_run_whose_assistant_is_gone_is_taken_over_by_the_next(user: User, session: dict[str, str]) -> None:
    listed = user.tasks(todo("a"), todo("b"), todo("c", blockedBy=["b"]))
    gone = by_another_process(user, "next", listed, "--tools", TOOLS, "--json", **ADA)
    assert user.swarm("status").out.splitlines()[0].startswith("run       RUN  interrupted")
    assert user.swarm("wait").err == (
        "error: run RUN is not over, and the assistant that ran its workers is gone: 2 in progress, 1 pending\n"
        " hint: swarm next --resume --run RUN\n"
    )
    new = Assistant(user, session)
    new.work(rows(gone.document)["a"])
    said = new.says("next", "--json")
    assert said.err == "run RUN is taken over from ada\n"
    second = rows(said.document)
    assert list(second) == ["b"] and second["b"]["call"]["tool"] == "Agent"
    assert "again" not in second["b"] and second["b"]["worktree"].endswith("/b-2")
    new.work(second["b"])
    new.done("b")
    new.work(rows(new.next())["c"])
    assert new.done("c").endswith("The run is over: 3 completed. Landed on main.")
    assert sorted(subjects(user)) == ["Do a", "Do b", "Do c", "start"]


def test_work_of_a_gone_assistant_can_be_handed_in(user: User) -> None:
    gone = by_another_process(user, "next", user.tasks(todo("a")), "--tools", TOOLS, "--json", **ADA)
    ben = Assistant(user, BEN)
    ben.work(rows(gone.document)["a"])
    assert ben.done("a").startswith("a completed as")


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_nothing_is_lost_and_nothing_done_twice(user: User, ada: Assistant, seed: int) -> None:
    chance = random.Random(seed)
    names = ["a", "b", "c"]
    listed = user.tasks(todo("a"), todo("b"), todo("c", blockedBy=["a"]))

    def interrupted(*words: str) -> None:
        """Call it twice, killed at some moment each time."""
        for _ in range(2):
            process = user.start(*words, **ADA)
            try:
                process.wait(chance.uniform(0.05, 1.2))
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()

    first = ada.next(listed, "--tools", TOOLS)
    worked: set[tuple[str, str]] = set()
    for _ in range(8):
        interrupted("next", "--json")
        document = ada.next()
        if "assignments" not in document:
            break
        for row in document["assignments"]:
            attempt = row["worktree"].rpartition("-")[2]
            if (row["task"], attempt) not in worked:
                worked.add((row["task"], attempt))
                ada.work(row)
            interrupted("done", row["task"], "--wait", "60")
            ada.done(row["task"], "--attempt", attempt)
    assert document["next"] == "The run is over: 3 completed. Landed on main."
    assert document["run_id"] == first["run_id"]
    assert sorted(subjects(user)) == ["Do a", "Do b", "Do c", "start"]
    assert {task_id for task_id, _ in worked} == set(names) and len(worked) == 3


def test_a_start_that_was_killed_leaves_no_second_run(user: User, ada: Assistant) -> None:
    listed = user.tasks(todo("a"))
    process = user.start("next", listed, "--tools", TOOLS, "--json", **ADA)
    user.until(
        lambda: (
            user.runs()
            and (user.folder_of() / "events.jsonl").exists()
            and (user.folder_of() / "events.jsonl").stat().st_size
        )
    )
    process.kill()
    process.communicate()
    row = rows(ada.next(listed, "--tools", TOOLS))["a"]
    ada.work(row)
    assert ada.done("a").endswith("Landed on main.")
    assert len(user.runs()) == 1


def test_rolling_starts_what_is_ready(user: User, ada: Assistant) -> None:
    first = rows(
        ada.next(
            user.tasks(todo("a"), todo("b"), todo("c", blockedBy=["a"])), "--tools", TOOLS, "--schedule", "rolling"
        )
    )
    ada.work(first["a"])
    assert ada.done("a").endswith("; next: swarm next --json")
    document = ada.next()
    assert [(row["task"], row.get("again", False)) for row in document["assignments"]] == [("b", True), ("c", False)]
    assert document["next"].startswith(
        "Make the `call` of worker-c. Out already: worker-b (call those that you have not). "
    )
    assert subjects(user) == ["start"], "it lands at the end"


def test_it_lands_when_it_is_told_to(user: User, ada: Assistant) -> None:
    (user.top / "swarm.toml").write_text('land = "never"\n')
    listed = user.tasks(todo("a"), todo("b", blockedBy=["a"]))
    ada.work(rows(ada.next(listed, "--tools", TOOLS, "--land", "end"))["a"])
    assert ada.done("a").endswith("; next: swarm next --json")
    assert subjects(user) == ["start"], "no wave has landed"
    ada.work(rows(ada.next())["b"])
    assert ada.done("b").endswith("Landed on main.")


def test_as_many_at_once_as_is_allowed(user: User, ada: Assistant) -> None:
    first = rows(ada.next(user.tasks(*map(todo, "abc")), "--tools", TOOLS, "--max-workers", "2"))
    assert list(first) == ["a", "b"]
    ada.work(first["a"])
    assert ada.done("a").endswith("next: swarm next --json")
    assert list(rows(ada.next())) == ["b", "c"]


def test_without_agent_tools_the_assistant_does_one_at_a_time(user: User, ada: Assistant) -> None:
    document = ada.next(user.tasks(todo("a"), todo("b")))
    row = rows(document)["a"]
    assert list(rows(document)) == ["a"] and "call" not in row
    assert document["next"] == "Do the assignment yourself, then run `done`."
    assert document["done"] == "swarm done a"
    ada.work(row)
    assert ada.done("a") == "a completed as HASH; next: swarm next --json"
    ada.work(rows(ada.next())["b"])
    assert ada.done("b").endswith("The run is over: 2 completed. Landed on main.")


def test_other_tools_make_another_way(user: User, ada: Assistant) -> None:
    ada.next(user.tasks(todo("a")), "--tools", TOOLS)
    document = ada.next("--tools", "Task")
    assert document["using"] == "task (background tasks)" and document["refused"]
    assert rows(document)["a"]["call"]["tool"] == "Task"
    assert ada.next()["using"] == "task (background tasks)"


def test_a_task_with_a_command_tells_it_to_the_worker(user: User, ada: Assistant) -> None:
    row = rows(ada.next(user.tasks(todo("a", run=["sh", "-c", "echo 1 > a"])), "--tools", TOOLS))["a"]
    told = (user.top / row["worktree"] / ".swarm" / "prompt.md").read_text()
    assert "Do it by running this command: sh -c 'echo 1 > a'" in told


def test_ids_with_blanks_can_be_pasted(user: User, ada: Assistant) -> None:
    document = ada.next(user.tasks({**todo("a"), "id": "the a/b task"}), "--tools", TOOLS)
    row = rows(document)["the a/b task"]
    assert document["done"] == "swarm done 'the a/b task' --wait 100"
    assert row["call"]["input"]["name"].startswith("worker-the-a-b-task-")


def test_an_older_run_is_named_in_what_is_to_be_called(user: User, ada: Assistant) -> None:
    ada.next(user.tasks(todo("a")), "--tools", TOOLS)
    older = user.runs()[0]
    ada.next(user.tasks(todo("b")), "--tools", TOOLS)
    document = ada.next("--run", older)
    assert document["done"] == f"swarm done a --wait 100 --run {older}"
    said = ada.says("done", "a", "--wait", "0.1", "--run", older)
    assert (said.code, said.out) == (
        124,
        "nothing has come from a in 0.1 s; again: swarm done a --wait 0.1 --run RUN; "
        "for one that has ended without a result: swarm done a --run RUN\n",
    )


def test_a_list_that_is_done_is_not_begun_again_unless_it_is_asked_for(user: User, ada: Assistant) -> None:
    listed = user.tasks(todo("a"))
    ada.work(rows(ada.next(listed, "--tools", TOOLS))["a"])
    ada.done("a")
    assert ada.next(listed, "--tools", TOOLS)["next"] == "The run is over: 1 completed. Landed on main."
    assert len(user.runs()) == 1
    assert list(rows(ada.next(listed, "--tools", TOOLS, "--anew"))) == ["a"]
    assert len(user.runs()) == 2


def test_it_is_told_to_a_person_as_well(user: User, ada: Assistant) -> None:
    said = ada.says("next", user.tasks(todo("a")), "--tools", TOOLS)
    assert said.lines[1:] == [
        "  worker-a: task a in .swarm/worktrees/RUN/a-1",
        "done: swarm done a --wait 100",
        "Make its `call`. Then run `done`, in this same turn: it waits until one has left its result. Go on as it says.",
    ]


# Waiting


def test_done_waits_for_the_first_result_and_leaves_the_others_out(user: User, ada: Assistant) -> None:
    first = rows(ada.next(user.tasks(*map(todo, "abc")), "--tools", TOOLS))
    waiting = user.start("done", "a", "b", "c", "--wait", "100", **ADA)
    ada.work(first["b"])
    said = user.finish(waiting)
    assert (said.code, said.out) == (0, "b completed as HASH; still out: a, c; again: swarm done a c --wait 100\n")
    ada.work(first["a"])
    ada.work(first["c"])
    assert ada.done("a", "b", "c", "--wait", "100") == (
        "a completed as HASH; b completed as HASH; c completed as HASH; The run is over: 3 completed. Landed on main."
    )
    assert ada.done("a", "b", "c", "--wait", "100").endswith("Landed on main."), "there is nobody to wait for"


def test_a_result_is_the_last_word_whether_the_worker_has_ended_or_not(user: User, ada: Assistant) -> None:
    """It may be seen at any moment of being written: an empty file is not taken yet, nor one under another name."""
    row = rows(ada.next(user.tasks(todo("a")), "--tools", TOOLS))["a"]
    ada.work(row, result=False)
    result = user.top / row["worktree"] / ".swarm" / "result.json"
    result.touch()
    result.with_name("result.json.part").write_text(claim("a"))
    assert ada.says("done", "a", "--wait", "0.5").code == 124
    result.with_name("result.json.part").rename(result)
    assert ada.done("a", "--wait", "60").startswith("a completed as")


def test_when_nothing_has_come_it_says_what_to_do(user: User, ada: Assistant) -> None:
    first = rows(ada.next(user.tasks(todo("a"), todo("b")), "--tools", TOOLS))
    began = time.monotonic()
    said = ada.says("done", "a", "b", "--wait", "0.4")
    assert time.monotonic() - began > 0.4
    assert (said.code, said.out) == (
        124,
        "nothing has come from a, b in 0.4 s; again: swarm done a b --wait 0.4; "
        "for one that has ended without a result: swarm done TASK\n",
    )
    document = ada.says("done", "a", "--wait", "0", "--json")
    assert (document.code, document.document["tasks"]) == (124, {"a": "running"})
    assert ada.done("a").startswith("a is tried again: claim failed: the worker ended without writing its result file")
    assert ada.done("b", "--wait", "100") == "next: swarm next --json", "another worker is to be started first"
    ada.work(rows(ada.next())["a"])
    assert ada.done("a", "b", "--wait", "60").startswith("a completed as HASH; still out: b;")
    ada.work(first["b"])
    assert ada.done("a", "b", "--wait", "60").startswith("a completed as HASH; b completed as HASH; The run is over")


def test_a_retry_is_waited_for_however_often_the_first_attempt_came(user: User, ada: Assistant) -> None:
    ada.work(rows(ada.next(user.tasks(todo("a")), "--tools", TOOLS))["a"], file=None)
    line = ada.done("a", "--wait", "60")
    assert line == "a is tried again: files_exist failed: a does not exist; next: swarm next --json"
    assert ada.done("a", "--wait", "60") == line
    row = rows(ada.next())["a"]
    assert ada.says("done", "a", "--wait", "0.3").code == 124
    assert ada.done("a", "--attempt", "1", "--wait", "60").startswith("a is tried again"), "that one has ended"
    ada.work(row)
    assert ada.done("a", "--wait", "60").startswith("a completed as")


def test_a_worker_past_its_time_has_come(user: User, ada: Assistant) -> None:
    ada.next(user.tasks(todo("a"), todo("b", timeout="3s")), "--tools", TOOLS)
    line = ada.done("a", "b", "--wait", "100")
    assert line.startswith("b is tried again: ") and "timed out" in line
    assert line.endswith("; next: swarm next --json")


def test_a_wait_ends_when_the_worker_is_taken_away(user: User, ada: Assistant) -> None:
    first = rows(ada.next(user.tasks(todo("a"), todo("b")), "--tools", TOOLS))
    waits = [user.start("done", "a", "--wait", "100", **ADA) for _ in range(2)]
    ada.work(first["a"])
    for waiting in waits:
        assert user.finish(waiting).out.startswith("a completed as HASH; still out: b;"), "both that waited for it"
    waiting = user.start("done", "b", "--wait", "100", **ADA)
    user.swarm("kill")
    said = user.finish(waiting)
    assert said.code == 0 and "The run is stopped" in said.out


def test_a_wait_costs_next_to_nothing(user: User, ada: Assistant) -> None:
    """Looking for six workers five times in a second takes less than a hundredth of a processor."""
    ada.next(user.tasks(*map(todo, "abcdef")), "--tools", TOOLS, "--max-workers", "6")
    handed = HandedOut(user.folder_of() / "host", "ada", named=None, reachable=False)
    expected = [handed.expect(f"{name}-1") for name in "abcdef"]
    began = time.process_time()
    for _ in range(5 * 20):
        assert not any(one.has_come() for one in expected)
    assert (time.process_time() - began) / 20 < 0.01


def test_another_assistant_does_not_wait_either(user: User, ada: Assistant) -> None:
    ada.next(user.tasks(todo("a")), "--tools", TOOLS)
    said = Assistant(user, BEN).says("done", "a", "--wait", "100")
    assert (said.code, said.err.split("\n")[0]) == (1, "error: run RUN belongs to another assistant (ada)")


def test_a_result_that_is_handed_over_is_not_waited_for(user: User, ada: Assistant) -> None:
    ada.next(user.tasks(todo("a")), "--tools", TOOLS)
    said = ada.says("done", "a", "--result", "-", "--wait", "100", stdin=claim("a"))
    assert (said.code, said.err.split("\n")[0]) == (2, "error: --result is there already: nothing is to be waited for")


# Steering


def test_a_stop_lets_the_workers_end(user: User, ada: Assistant) -> None:
    first = rows(ada.next(user.tasks(todo("a"), todo("b", blockedBy=["a"])), "--tools", TOOLS))
    assert user.swarm("stop").out == "run RUN: it stops when its assistant said `swarm done` for worker-a\n"
    assert user.swarm("stop").out == "run RUN: it stops when its assistant said `swarm done` for worker-a\n"
    document = ada.next()
    assert rows(document)["a"]["again"] is True
    stopping = "he run is being stopped (swarm stop): it ends when these workers have"
    assert document["next"].startswith(
        f"T{stopping}. Out already: worker-a (call those that you have not). Then run `done`"
    )
    waited = ada.says("done", "a", "--wait", "0.1")
    assert waited.code == 124 and f"; t{stopping}; again: swarm done a" in waited.out
    ada.work(first["a"])
    assert (
        ada.done("a")
        == "a completed as HASH; The run is stopped: swarm stop. If the user wants it: swarm next --resume"
    )
    said = ada.says("next")
    assert (said.code, said.err) == (
        1, "error: run RUN was stopped: swarm stop\n hint: if the user wants so: swarm next --resume\n",
    )  # fmt: skip
    assert user.swarm("stop").out == "run RUN: nobody is at work on it\n"
    said = ada.says("resume")
    assert (said.code, said.err) == (
        2,
        "error: an assistant runs the workers of run RUN: it has to go on\n hint: there: swarm next --resume --run RUN\n",
    )
    ada.work(rows(ada.next("--resume"))["b"])
    assert ada.done("b").endswith("The run is over: 2 completed. Landed on main.")


@pytest.mark.parametrize("words", [["kill"], ["stop", "--now"]], ids=" ".join)
def test_a_kill_takes_the_workers_back(user: User, ada: Assistant, words: list[str]) -> None:
    ada.next(user.tasks(todo("a"), todo("b")), "--tools", TOOLS)
    assert user.swarm(*words).out == "run RUN: it is stopped; its assistant should end worker-a, worker-b\n"
    assert user.swarm("status").out.splitlines()[0].startswith("run       RUN  stopped")
    assert "stopped" in ada.done("a")
    resumed = rows(ada.next("--resume"))
    assert [row["call"]["input"]["to"] for row in resumed.values()] == ["worker-a", "worker-b"]  # no second writer
    assert [row["worktree"].rpartition("-")[2] for row in resumed.values()] == ["1", "1"]
    for row in resumed.values():
        ada.work(row)
    assert ada.done("a", "b").endswith("The run is over: 2 completed. Landed on main.")


def test_a_retry_is_recorded_at_once(user: User, ada: Assistant) -> None:
    ada.work(rows(ada.next(user.tasks(todo("a", maxRetries=0)), "--tools", TOOLS))["a"], file=None)
    assert "The run is over: 1 rejected" in ada.done("a")
    assert user.swarm("retry", "a").out == "run RUN: task a will be tried again, by its assistant: swarm next\n"
    ada.work(rows(ada.next())["a"])
    assert ada.done("a").startswith("a completed as")


def test_waiting_for_a_run_of_an_assistant_is_no_use(user: User, ada: Assistant) -> None:
    row = rows(ada.next(user.tasks(todo("a")), "--tools", TOOLS))["a"]
    said = user.swarm("wait", "--timeout", "5")
    assert (said.code, said.err) == (
        1,
        "error: run RUN is not over, and an assistant runs its workers: 1 in progress\n"
        " hint: watch it: swarm status RUN --watch\n",
    )
    assert user.swarm("runs", "--json").document["runs"][0]["outcome"] == "running"
    watching = user.start("events", "--follow")
    ada.work(row)
    ada.done("a")
    assert "report written" in user.finish(watching).out
    assert user.swarm("wait").code == 0


# What it costs the assistant


@pytest.mark.parametrize("at_once", [1, 3], ids=["one by one", "three at a time"])
def test_a_wave_of_six_costs_the_assistant_little(user: User, ada: Assistant, at_once: int) -> None:
    """Characters / 4 of all that is said in a wave: the answer of `next`, the calls, what `done` is told and answers."""
    names = [f"task-{number}" for number in range(1, 7)]
    listed = user.tasks(*map(todo, names))
    answer = ada.says("next", listed, "--tools", TOOLS, "--json", "--max-workers", "6")
    said = [f"swarm next tasks.json --json --tools {TOOLS}", answer.raw.decode()]
    given = answer.document["assignments"]
    said += [json.dumps(row["call"]["input"]) for row in given]
    command = answer.document["done"]
    while given:
        for row in given[:at_once]:
            ada.work(row)
        given = given[at_once:]
        done = ada.says(*shlex.split(command)[1:])
        said += [command, done.raw.decode()]
        command = done.out.strip().partition("; again: ")[2]
    assert "The run is over: 6 completed" in done.out
    # The folder that the tests run in is longer than a repository's path is; what names it counts as one of 40 characters.
    text = "\n".join(said).replace(str(user.top), "/srv/projects/some-team/web-application1")
    print(len(text) / 4, [len(part) for part in said])
    assert len(text) / 4 < 1500


def test_a_worker_in_whose_worktree_nothing_changes_is_told_of(user: User, ada: Assistant) -> None:
    user.environment["SWARM_STALL_TIMEOUT"] = "1s"
    row = rows(ada.next(user.tasks(todo("a")), "--tools", TOOLS))["a"]
    user.until(lambda: "Nothing changed in the worktree of a (since " in ada.next()["next"], 60)
    assert "nothing changed in its worktree since TIME" in user.swarm("status").out
    assert "; nothing changed in the worktree of a (since TIME): look" in ada.says("done", "a", "--wait", "0.1").out
    user.environment["SWARM_STALL_TIMEOUT"] = "10m"
    assert user.swarm("limit", "--stall-timeout", "10m").code == 0
    ada.work(row, result=False)
    assert "Nothing changed" not in ada.next()["next"]
    ada.work(row)
    assert "a completed as" in ada.done("a")
