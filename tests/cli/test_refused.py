"""A run that cannot start here: two lines, exit code 1, nothing made."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import User, task

TASKS = [task("1", "true", allow_empty=True)]
VIEWS = ["status", "tree", "runs", "events", "report", "stop", "kill", "resume", "clean", "why 1", "logs 1", "retry 1"]


def test_outside_of_a_repository(stranger: User) -> None:
    tasks = stranger.tasks(*TASKS)
    said = stranger.swarm("run", tasks, folder=stranger.base)
    assert said.err == ("error: ~ is not in a git repository\n hint: git init && git add -A && git commit -m start\n")
    assert (said.out, said.code) == ("", 1)
    assert stranger.swarm("plan", tasks, folder=stranger.base).code == 0


@pytest.mark.parametrize("words", ["status", "events", "stop", "why 1"])
def test_views_outside_of_a_repository(stranger: User, words: str) -> None:
    said = stranger.swarm(*words.split(), folder=stranger.base)
    assert said.err == "error: ~ is not in a git repository\n hint: go to the repository in which the run is\n"
    assert (said.out, said.code) == ("", 1)
    said = stranger.swarm(*words.split(), "--json", folder=stranger.base)
    assert said.document["error"]["code"] == "refused"
    assert (said.err, said.code) == ("", 1)


@pytest.mark.parametrize("words", [words for words in VIEWS if words != "runs"])
def test_views_without_a_run(user: User, words: str) -> None:
    said = user.swarm(*words.split())
    assert said.err == "error: this repository has no run\n hint: start one: swarm run tasks.json\n"
    assert (said.out, said.code) == ("", 1)


def test_no_runs_to_list(user: User) -> None:
    said = user.swarm("runs")
    assert (said.out, said.err, said.code) == ("no runs yet; start one: swarm run tasks.json\n", "", 0)
    assert user.swarm("runs", "--json").document == {"runs": []}


def test_a_repository_without_a_commit(stranger: User) -> None:
    stranger.top.mkdir()
    stranger.git("init", "-q")
    said = stranger.swarm("run", stranger.tasks(*TASKS))
    assert said.err == "error: the repository has no commit yet\n hint: git add -A && git commit -m start\n"
    assert said.code == 1
    assert stranger.untouched


def test_a_bare_repository(stranger: User) -> None:
    stranger.top.mkdir()
    stranger.git("init", "-q", "--bare")
    said = stranger.swarm("run", stranger.tasks(*TASKS))
    assert said.err == (
        "error: ~/my repo is a bare repository, without files\n hint: git worktree add ../work, then run it there\n"
    )
    assert said.code == 1
    assert stranger.swarm("status").err == (
        "error: ~/my repo has no files checked out\n hint: go to the checkout, not its .git folder or a bare one\n"
    )


def test_in_the_git_folder(user: User) -> None:
    said = user.swarm("run", user.tasks(*TASKS), folder=user.top / ".git")
    assert said.err == (
        "error: ~/my repo/.git has no files checked out\n hint: run it in the checkout, not in its .git folder\n"
    )
    assert (said.code, user.untouched) == (1, True)


def test_nobody_whom_git_knows(user: User) -> None:
    (user.home / ".gitconfig").write_text("")
    said = user.swarm("run", user.tasks(*TASKS))
    assert said.err == (
        "error: git does not know who you are, and the commits need an author\n"
        ' hint: git config --global user.name "Your Name" && git config --global user.email you@example.com\n'
    )
    assert (said.code, user.untouched) == (1, True)


def test_git_is_not_installed(user: User) -> None:
    for words in (["run", user.tasks(*TASKS)], ["status"]):
        said = user.swarm(*words, PATH="/nowhere")
        assert said.err == "error: git is not installed\n hint: install git 2.38 or newer\n"
        assert said.code == 1


def test_unknown_base(user: User) -> None:
    said = user.swarm("run", user.tasks(*TASKS), "--base", "nope")
    assert said.err == "error: 'nope' is not a commit of this repository\n hint: git log --oneline --all\n"
    assert (said.code, user.untouched) == (1, True)


@pytest.mark.parametrize(
    ("tasks", "options", "problem"),
    [
        (
            [task("a", "true"), task("b", ["no-such-program", "x"])],
            [],
            "task b: the program 'no-such-program' is not on PATH: install it, or put it on PATH",
        ),
        (
            [{"id": "a", "subject": "s"}],
            ["--agent-cmd", "no-such-program {prompt_file}"],
            "task a: the program 'no-such-program' is not on PATH: install it, or put it on PATH",
        ),
        (
            [{"id": "a", "subject": "s"}],
            [],
            "task a: there is nothing to run: give the task a 'run' list, or use --agent-cmd 'PROGRAM {prompt_file}'",
        ),
    ],
)
def test_a_missing_program(user: User, tasks: list, options: list[str], problem: str) -> None:
    name = user.tasks(*tasks)
    for words in ([], ["--dry-run"]):
        said = user.swarm("run", name, *options, *words)
        assert said.err == (f"error: {problem}\n hint: mend that, then look again: swarm run ~/tasks.json --dry-run\n")
        assert (said.out, said.code, user.untouched) == ("", 1, True)


def test_a_branch_in_the_way(user: User) -> None:
    user.git("branch", "swarm")
    said = user.swarm("run", user.tasks(*TASKS))
    assert said.err == (
        "error: branch swarm is in the way: runs live on branches below swarm/\n hint: git branch -m swarm swarm-old\n"
    )
    assert said.code == 1
    assert user.swarm("runs").out == "no runs yet; start one: swarm run tasks.json\n"


def test_in_a_folder_that_was_removed(user: User) -> None:
    code = "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\nfrom swarmskill.cli import main; main(['status'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=user.base, env=user.environment, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.returncode) == (
        "error: the current folder was removed\n hint: go to a folder that is there: cd\n",
        1,
    )
