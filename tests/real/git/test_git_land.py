"""Landing: a fast-forward that touches nothing of the user's, or a refusal with the command that lands later."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import GitRepo

from swarmskill.repo.guard import fingerprint
from swarmskill.repo.land import LandResult, land


@pytest.fixture
def head(git_repo: GitRepo) -> str:
    """The run's head: one file changed, one new, one new that the user ignores."""
    git_repo.write(".gitignore", "*.log\n/build/\n")
    commit = git_repo.branch_off("run", {"a.txt": "1\n2\n3\nrun\n", "new.txt": "run\n"})
    git_repo.git("branch", "swarm/r1", commit)
    return commit


def try_land(repo: GitRepo, base: str, head: str, branch: str = "main") -> LandResult:
    return land(repo.open(), branch, base, head, rev="swarm/r1")


def assert_refused(repo: GitRepo, base: str, head: str, reason: str, branch: str = "main") -> LandResult:
    """Refuses with this reason and a hint, and changes nothing at all."""
    before = fingerprint(repo.open())
    result = try_land(repo, base, head, branch)
    assert not result.landed
    assert reason in result.reason
    assert result.hint
    assert fingerprint(repo.open()) == before
    return result


def test_clean_checkout_is_fast_forwarded(git_repo: GitRepo, head: str) -> None:
    assert try_land(git_repo, git_repo.head(), head) == LandResult(True)
    assert git_repo.git("rev-parse", "main", "HEAD").split() == [head, head]
    assert (git_repo.top / "new.txt").read_text() == "run\n"
    assert git_repo.git("status", "--porcelain") == ""


def test_landing_twice_is_landed(git_repo: GitRepo, head: str) -> None:
    base = git_repo.head()
    assert try_land(git_repo, base, head).landed
    assert try_land(git_repo, base, head).landed


def test_the_users_other_changes_stay(git_repo: GitRepo, head: str) -> None:
    base = git_repo.head()
    git_repo.write("src/b.py", "the user's edit\n")
    git_repo.write("mine.txt", "untracked\n")
    git_repo.write("staged.txt", "staged\n")
    git_repo.git("add", "staged.txt")
    assert try_land(git_repo, base, head).landed
    assert git_repo.git("status", "--porcelain").splitlines() == [" M src/b.py", "A  staged.txt", "?? mine.txt"]
    assert (git_repo.top / "src" / "b.py").read_text() == "the user's edit\n"


def test_changed_file_in_the_way(git_repo: GitRepo, head: str) -> None:
    git_repo.write("a.txt", "the user's edit\n")
    result = assert_refused(git_repo, git_repo.head(), head, "your changes are in the way")
    assert "a.txt" in result.reason and result.hint == "git merge --ff-only swarm/r1"
    git_repo.git("checkout", "a.txt")
    git_repo.git(*result.hint.split()[1:])
    assert git_repo.head() == head


def test_staged_file_in_the_way(git_repo: GitRepo, head: str) -> None:
    git_repo.write("a.txt", "the user's edit\n")
    git_repo.git("add", "a.txt")
    assert_refused(git_repo, git_repo.head(), head, "a.txt")


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_flagged_file_in_the_way(git_repo: GitRepo, head: str, flag: str) -> None:
    git_repo.git("update-index", flag, "a.txt")
    git_repo.write("a.txt", "the user's edit\n")
    assert_refused(git_repo, git_repo.head(), head, "a.txt")
    assert (git_repo.top / "a.txt").read_text() == "the user's edit\n"


def test_untracked_file_in_the_way(git_repo: GitRepo, head: str) -> None:
    git_repo.write("new.txt", "the user's own\n")
    result = assert_refused(git_repo, git_repo.head(), head, "untracked files are in the way")
    assert "new.txt" in result.reason


def test_ignored_file_in_the_way(git_repo: GitRepo) -> None:
    git_repo.write(".git/info/exclude", "secret.cfg\n")
    head = git_repo.branch_off("run", {"a.txt": "run\n"})
    git_repo.git("checkout", "-q", "--detach", head)
    git_repo.write("secret.cfg", "run\n")
    git_repo.git("add", "-f", "secret.cfg")
    git_repo.git("commit", "-q", "-m", "forced")
    head = git_repo.head()
    git_repo.git("checkout", "-q", "main")
    git_repo.write("secret.cfg", "the user's own\n")
    assert_refused(git_repo, git_repo.head(), head, "secret.cfg")
    assert (git_repo.top / "secret.cfg").read_text() == "the user's own\n"


def test_settings_that_would_make_it_another_merge_do_not(git_repo: GitRepo, head: str) -> None:
    for key, value in (
        ("merge.ff", "false"),
        ("branch.main.mergeOptions", "--squash --no-commit"),
        ("merge.autoStash", "true"),
        ("merge.verifySignatures", "true"),
    ):
        git_repo.git("config", key, value)
    git_repo.write("src/b.py", "the user's edit\n")
    assert try_land(git_repo, git_repo.head(), head).landed
    assert git_repo.head("main") == head
    assert git_repo.git("stash", "list") == ""


def test_branch_that_moved_on(git_repo: GitRepo, head: str) -> None:
    base = git_repo.head()
    git_repo.commit({"user.txt": "u\n"})
    result = assert_refused(git_repo, base, head, "moved on")
    assert result.hint == "git checkout main && git merge swarm/r1"


def test_branch_that_was_set_back(git_repo: GitRepo) -> None:
    first = git_repo.head()
    base = git_repo.commit({"unwanted": "x\n"})
    head = git_repo.branch_off("run", {"new": "x\n"})
    git_repo.git("reset", "-q", "--hard", first)
    assert_refused(git_repo, base, head, "set back")


def test_branch_on_its_way_from_an_earlier_landing(git_repo: GitRepo, head: str) -> None:
    base = git_repo.head()
    assert try_land(git_repo, base, head).landed
    later = git_repo.branch_off("later", {"more": "x\n"})
    assert try_land(git_repo, base, later).landed


def test_branch_that_is_gone(git_repo: GitRepo, head: str) -> None:
    base = git_repo.head()
    git_repo.git("checkout", "-q", "--detach")
    git_repo.git("branch", "-D", "main")
    assert_refused(git_repo, base, head, "is gone")


def test_detached_at_the_start(git_repo: GitRepo, head: str) -> None:
    result = assert_refused(git_repo, git_repo.head(), head, "detached", branch="")
    assert result.hint == "git merge --ff-only swarm/r1"


def test_index_lock(git_repo: GitRepo, head: str) -> None:
    (git_repo.top / ".git" / "index.lock").touch()
    assert_refused(git_repo, git_repo.head(), head, "index.lock")


def test_merge_in_progress(git_repo: GitRepo, head: str) -> None:
    other = git_repo.branch_off("other", {"o": "o\n"})
    git_repo.git("merge", "-q", "--no-ff", "--no-commit", other)
    assert_refused(git_repo, git_repo.head(), head, "a merge is in progress")


def test_rebase_in_progress(git_repo: GitRepo, head: str) -> None:
    base = git_repo.head()
    upstream = git_repo.branch_off("up", {"a.txt": "up\n"})
    git_repo.commit({"a.txt": "mine\n"})
    git_repo.git("rebase", upstream, check=False)
    git_repo.git("update-ref", "refs/heads/main", base)
    assert_refused(git_repo, base, head, "a rebase is in progress")


def test_bisection_in_progress(git_repo: GitRepo, head: str) -> None:
    git_repo.commit({"x": "x\n"})
    base = git_repo.commit({"y": "y\n"})
    head = git_repo.branch_off("run2", {"new": "x\n"})
    git_repo.git("bisect", "start", "HEAD", "HEAD~2")
    assert_refused(git_repo, base, head, "a bisection is in progress")


def test_branch_checked_out_nowhere_moves_alone(git_repo: GitRepo, head: str) -> None:
    base = git_repo.head()
    git_repo.git("checkout", "-q", "-b", "elsewhere")
    git_repo.write("a.txt", "the user's edit\n")
    assert try_land(git_repo, base, head).landed
    assert git_repo.head("main") == head and git_repo.head() == base
    assert git_repo.git("status", "--porcelain") == " M a.txt"


def test_branch_checked_out_in_another_worktree_lands_there(git_repo: GitRepo, head: str, tmp_path: Path) -> None:
    base = git_repo.head()
    git_repo.git("checkout", "-q", "-b", "elsewhere")
    other = tmp_path / "other checkout"
    git_repo.git("worktree", "add", "-q", str(other), "main")
    git_repo.write("a.txt", "the user's edit\n", other)
    result = assert_refused(git_repo, base, head, "your changes are in the way")
    assert result.hint == f"git -C '{other}' merge --ff-only swarm/r1"
    git_repo.git("checkout", "a.txt", folder=other)
    assert try_land(git_repo, base, head).landed
    assert (other / "new.txt").exists() and not (git_repo.top / "new.txt").exists()


def test_linked_worktree_as_the_users_checkout(git_repo: GitRepo, head: str, tmp_path: Path) -> None:
    git_repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = GitRepo(tmp_path / "side")
    base = side.head()
    assert try_land(side, base, head, "side").landed
    assert (side.top / "new.txt").exists() and side.head() == head


def hook(repo: GitRepo, name: str, script: str, folder: str = ".git/hooks") -> None:
    repo.write(f"{folder}/{name}", f"#!/bin/sh\n{script}\n").chmod(0o755)


def test_post_merge_hook_runs_and_cannot_undo(git_repo: GitRepo, head: str, tmp_path: Path) -> None:
    hook(git_repo, "post-merge", f'echo "$1 $PWD" > {tmp_path}/ran; echo no >&2; exit 1')
    result = try_land(git_repo, git_repo.head(), head)
    assert result.landed and "post-merge hook failed (1): no" in result.note
    assert (tmp_path / "ran").read_text() == f"0 {git_repo.top}\n"


def test_hooks_elsewhere_are_found(git_repo: GitRepo, head: str, tmp_path: Path) -> None:
    git_repo.git("config", "core.hooksPath", ".husky")
    git_repo.write(".git/info/exclude", ".husky\n")
    hook(git_repo, "post-merge", f"touch {tmp_path}/ran", ".husky")
    assert try_land(git_repo, git_repo.head(), head) == LandResult(True)
    assert (tmp_path / "ran").exists()


def test_no_other_hook_can_stop_it_half_way(git_repo: GitRepo, head: str) -> None:
    base = git_repo.head()
    for name in ("reference-transaction", "pre-merge-commit", "post-checkout"):
        hook(git_repo, name, "exit 1")
    assert try_land(git_repo, base, head).landed
    assert git_repo.git("status", "--porcelain") == ""
