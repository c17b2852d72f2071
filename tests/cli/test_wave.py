"""`swarm --from-wave`: a wave that is run and ratcheted, and what a build server gets of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import TOP, Said, User

WORKER = "sh -c 'echo done > $SWARM_TASK_ID.txt'"
OL = TOP / "tests" / "standins" / "ol"


def entry(task_id: str, priority: int = 1) -> dict[str, object]:
    return {"id": task_id, "title": f"Do {task_id}", "spec_path": "specs/one.md", "priority": priority}


def wave(user: User, *ids: str, **more: object) -> str:
    path = user.base / "wave.json"
    path.write_text(json.dumps({"wave": [entry(task_id) for task_id in ids], **more}))
    return str(path)


def run(user: User, file: str, *words: str, **environment: str) -> Said:
    return user.swarm("--from-wave", file, "--agent-cmd", WORKER, *words, **environment)


def calls(user: User) -> list[str]:
    log = user.base / "ol.log"
    return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def server(user: User) -> User:
    """A build server with `ol` and a repository that has a spec."""
    user.write("specs/one.md", "Write the file.\n")
    user.git("add", "-A")
    user.git("commit", "-q", "-m", "spec")
    (user.base / "bin").mkdir()
    shutil.copy(OL, user.base / "bin" / "ol")
    user.environment["PATH"] = f"{user.base / 'bin'}:{user.environment['PATH']}"
    user.environment["OL_LOG"] = str(user.base / "ol.log")
    return user


def test_every_exit_of_the_ratchet_is_told_per_id(server: User) -> None:
    file = wave(
        server,
        *("q.1.good", "q.1.refused", "q.1.escalated", "q.1.last", "q.1.odd"),
        blocked=[{"id": "q.9", "title": "Later", "blocked_by": ["q.1.good"]}],
        completed=[{"id": "q.0", "title": "Before"}],
    )
    said = run(server, file, "--json", OL_API_KEY="s3cr3t-value")
    assert said.code == 1
    assert sorted(calls(server)) == [
        f"hero ratchet q.1.{name} --quest q.1" for name in ("escalated", "good", "last", "odd", "refused")
    ]
    document = said.document
    outcomes = {task["id"]: (task["outcome"], bool(task["commit"])) for task in document["tasks"]}
    assert outcomes == {
        "q.0": ("completed", False),
        "q.1.good": ("completed", True),
        "q.1.refused": ("failed", True),
        "q.1.escalated": ("blocked", True),
        "q.1.last": ("completed", True),
        "q.1.odd": ("failed", True),
    }
    ratchets = document["ratchets"]
    assert (ratchets["ratcheted"], ratchets["total"]) == (2, 5)
    assert {row["id"]: (row["outcome"], row["reply"], row["exit_code"]) for row in ratchets["tasks"]} == {
        "q.1.good": ("completed", "accepted", 0),
        "q.1.refused": ("completed", "refused", 1),
        "q.1.escalated": ("completed", "escalated", 2),
        "q.1.last": ("completed", "all_complete", 42),
        "q.1.odd": ("completed", "failed", 9),
    }
    assert ratchets["left_out"] == ["[q.9] Later (blocked by q.1.good)"]
    details = {row["id"]: row["detail"] for row in ratchets["tasks"]}
    assert details["q.1.refused"] == "no such step: q.1.refused"
    assert "s3cr3t-value" not in said.out + said.err
    logs = [Path(row["log"]).read_text() for row in ratchets["tasks"] if row["log"]]
    assert any("no such step" in log for log in logs)
    assert not any("s3cr3t-value" in log for log in logs)


def test_a_refused_task_is_only_ratcheted_again(server: User) -> None:
    said = run(server, wave(server, "q.flaky", "q.good"))
    assert said.code == 1
    assert "1/2 ratcheted:" in said.lines
    assert "  q.flaky  completed  ratchet: refused (exit code 1): try later" in said.lines
    head = server.git("rev-parse", "HEAD")
    again = server.swarm("retry", "q.flaky")
    assert again.code == 0, again.out + again.err
    assert "2/2 ratcheted:" in again.lines
    assert "started" not in again.out
    assert server.git("rev-parse", "HEAD") == head
    assert calls(server).count("hero ratchet q.flaky --quest q") == 2
    assert calls(server).count("hero ratchet q.good --quest q") == 1


def test_a_ratchet_that_hangs_is_ended(server: User) -> None:
    said = run(server, wave(server, "q.hangs"), "--ratchet-timeout", "1s")
    assert said.code == 1
    assert "  q.hangs  completed  ratchet: failed (exit code 143): no answer within 1 s" in said.lines


def test_a_mayor_that_dies_during_the_call_is_followed_by_one_that_calls_again(server: User) -> None:
    assert run(server, wave(server, "q.killer")).code == -9
    again = server.swarm("resume", "--json")
    assert again.code == 0, again.err
    assert calls(server) == ["hero ratchet q.killer --quest q"] * 2
    (row,) = again.document["ratchets"]["tasks"]
    assert (row["reply"], row["again"], row["calls"]) == ("accepted", True, 1)
    assert "may have been told twice" in server.swarm("why", "q.killer").out


def test_another_program_gets_each_value_as_one_argument(server: User) -> None:
    server.place_program("note", f'printf "%s|" "$@" >> {server.base}/noted')
    said = run(server, wave(server, "a b.1; rm -rf x"), "--ratchet-cmd", "note 'id={id}' {quest} {commit} {run}")
    assert said.code == 0, said.out + said.err
    commit, run_id = server.git("rev-parse", "HEAD"), server.runs()[-1]
    assert (server.base / "noted").read_text() == f"id=a b.1; rm -rf x|a b|{commit}|{run_id}|"


def test_without_the_program_nothing_is_started(user: User) -> None:
    user.write("specs/one.md", "x")
    said = user.swarm("--from-wave", wave(user, "q.1"), PATH="/usr/bin:/bin")
    assert (said.out, said.code) == ("", 1)
    assert said.err == (
        "error: the ratchet program 'ol' is not on PATH, so no completion could be recorded\n"
        " hint: install it, or name another one: --ratchet-cmd 'prog {id} {quest}'\n"
    )
    assert user.untouched


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--ratchet-cmd", "true"], "does not say which task"),
        (["--ratchet-cmd", "true '{id}"], "cannot be split into words"),
        (["--ratchet-cmd", "true {id}", "--ratchet-timeout", "soon"], "--ratchet-timeout: "),
        (["--ratchet-cmd", "true {id}", "tasks.json"], "there are two task lists"),
        (["--ratchet-cmd", "true {id}", "--push", "nowhere"], "there is no remote 'nowhere'"),
        (["--ratchet-cmd", "true {id}", "--junit", "no/such/folder/x.xml"], "cannot be written"),
    ],
)
def test_options_that_cannot_work_are_refused_before_the_start(server: User, words: list[str], error: str) -> None:
    said = run(server, wave(server, "q.1"), *words)
    assert (said.out, said.code) == ("", 2)
    assert error in said.err
    assert " hint: " in said.err
    assert server.untouched


def test_a_wave_comes_from_standard_input_and_can_be_planned(server: User) -> None:
    text = json.dumps({"wave": [entry("q.2", 2), entry("q.1", 0)]})
    said = server.swarm("run", "--from-wave", "-", "--agent-cmd", WORKER, "--max-workers", "1", stdin=text)
    assert said.code == 0, said.err
    started = [line for line in said.lines if " started " in line]
    assert ["q.1" in line for line in started] == [True, False]
    planned = server.swarm("plan", "--from-wave", wave(server, "q.2"), "--json", PATH="/usr/bin:/bin")
    assert planned.document["waves"] == [["q.2"]]


def test_a_build_server_gets_files_annotations_and_the_branch(server: User) -> None:
    server.git("init", "-q", "--bare", str(server.base / "there.git"))
    server.git("remote", "add", "there", str(server.base / "there.git"))
    step = server.base / "step.md"
    step.write_text("before\n")
    page, junit = server.base / "page.md", server.base / "junit.xml"
    said = run(
        *(server, wave(server, "q.good", "q.refused")),
        *("--push", "there", "--summary", str(page), "--junit", str(junit)),
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(step),
    )
    assert said.code == 1
    assert b"\x1b" not in said.raw
    (error,) = [line for line in said.lines if line.startswith("::")]
    assert error.startswith("::error title=swarm%3A task q.refused failed::its commit is on the run branch")
    assert "```mermaid\nflowchart TD\n" in page.read_text()
    assert step.read_text() == "before\n" + page.read_text()
    assert server.git("--git-dir", str(server.base / "there.git"), "branch").strip() == f"swarm/{server.runs()[-1]}"
    assert "pushed swarm/RUN to there\nto have it reviewed: open a pull request of swarm/RUN" in said.err
    assert b'failures="1"' in junit.read_bytes()


def test_a_push_that_the_remote_refuses_fails_the_command(server: User) -> None:
    server.git("remote", "add", "gone", str(server.base / "gone.git"))
    said = run(server, wave(server, "q.good"), "--push", "gone")
    assert said.code == 1
    assert "error: the run branch could not be pushed to gone: " in said.err
    assert " hint: git push gone swarm/RUN" in said.err
