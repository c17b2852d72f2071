"""What an agent leaves where it is ended while it writes is no part of its work."""

from __future__ import annotations

import pytest

from swarmskill.mayor.debris import sweep
from tests.real.git.conftest import GitRepo

HALF = "src/a.txt.tmp.28261.a3bc7c695c97"


@pytest.mark.parametrize(
    ("agent", "left"), [("claude", {"src/a.txt", "notes.tmp.1"}), ("command", {"src/a.txt", "notes.tmp.1", HALF})]
)
def test_only_half_written_files_of_the_agent_go(git_repo: GitRepo, agent: str, left: set[str]) -> None:
    for path in ("src/a.txt", "notes.tmp.1", HALF):
        git_repo.write(path, "text\n")
    sweep(git_repo.open(), git_repo.top, agent)
    assert set(git_repo.git("ls-files", "--others").split()) == left


def test_what_git_tracks_stays(git_repo: GitRepo) -> None:
    git_repo.write(HALF, "text\n")
    git_repo.git("add", "--all")
    sweep(git_repo.open(), git_repo.top, "claude")
    assert (git_repo.top / HALF).exists()


def test_a_worktree_that_is_gone_or_an_agent_nobody_knows_is_no_trouble(git_repo: GitRepo) -> None:
    sweep(git_repo.open(), git_repo.top / "gone", "claude")
    sweep(git_repo.open(), git_repo.top, "nobody")
