"""What an agent that asks is allowed: files of its worktree, the declared commands, git's reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmskill.agents.acp_policy import Policy


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "tree").mkdir()
    return Policy(worktree=tmp_path / "tree", allowed=(("pytest",), ("npm", "test")))


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q tests/a.py",
        "npm test -- --watch=false",
        "git status && git diff --stat && pytest",
        "git log -3 --format='%h %s'",
    ],
)
def test_commands_that_may_run(policy: Policy, command: str) -> None:
    assert policy.allows("execute", (), command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "npm install",
        "pytester",
        "rm -rf /",
        "pytest; rm x",
        "pytest && rm x",
        "pytest | tee x",
        "pytest > x",
        "pytest $(rm x)",
        "pytest `rm x`",
        "pytest & rm x",
        "pytest\nrm x",
        "pytest 'open",
        "&& pytest",
        "git commit -m x",
        "git -c core.pager=x log",
        "git log --output=x",
        "env pytest",
    ],
)
def test_commands_that_may_not(policy: Policy, command: str) -> None:
    assert not policy.allows("execute", (), command)


def test_edits_stay_in_the_worktree(policy: Policy, tmp_path: Path) -> None:
    (policy.worktree / "out").symlink_to(tmp_path)
    assert policy.allows("edit", ["a/b.py", str(policy.worktree / "c.py")])
    for path in ("../x", "/etc/passwd", "out/x", ".git", ".git/config", ".GIT/config", ".", "a\0b"):
        assert not policy.allows("edit", ["a.py", path]), path
    assert not policy.allows("edit"), "nobody knows what it edits"


def test_other_tools(policy: Policy) -> None:
    assert policy.allows("read", ["a.py"])
    assert policy.allows("search")
    assert policy.allows("think")
    assert not policy.allows("read", ["/etc/passwd"])
    for kind in ("fetch", "switch_mode", "other", ""):
        assert not policy.allows(kind, ["a.py"], "pytest")


def test_yolo_allows_all_and_no_tools_nothing(policy: Policy) -> None:
    assert Policy(worktree=policy.worktree, yolo=True).allows("execute", (), "rm -rf x")
    mute = Policy(worktree=policy.worktree, tools=False, yolo=True)
    assert not mute.allows("read", ["a.py"])
    assert not mute.may_write("a.py")
