"""Snapshots: all that a worker left becomes one commit on the base, whatever it did with git."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import GitRepo

from swarmskill.errors import Refused
from swarmskill.repo.git import GitFailed
from swarmskill.repo.snapshot import Snapshot, snapshot


@pytest.fixture
def worktree(git_repo: GitRepo) -> Path:
    return git_repo.worktrees().acquire("1-1", git_repo.head()).path


def statuses(repo: GitRepo, snap: Snapshot) -> list[str]:
    """`status<tab>path` of everything that the snapshot changes; checks that its only parent is the base."""
    assert repo.git("rev-list", "--parents", "-1", snap.commit).split() == [snap.commit, repo.head("main")]
    listed = repo.git("diff-tree", "-r", "-z", "--no-renames", "--name-status", "main", snap.commit).split("\0")
    return [f"{listed[i]} {listed[i + 1]}" for i in range(0, len(listed) - 1, 2)]


def test_takes_changed_new_and_deleted_files_but_not_ignored_ones(git_repo: GitRepo, worktree: Path) -> None:
    git_repo.write("a.txt", "changed\n", worktree)
    git_repo.write("new/n.txt", "new\n", worktree)
    git_repo.write("x.log", "ignored", worktree)
    git_repo.write(".swarm/result.json", "{}", worktree)
    (worktree / "src" / "b.py").unlink()
    before = git_repo.git("status", "--porcelain", folder=worktree)
    snap = git_repo.snap(worktree, git_repo.head())
    assert statuses(git_repo, snap) == ["M a.txt", "A new/n.txt", "D src/b.py"]
    assert (snap.nested, snap.problems) == ((), ())
    assert git_repo.git("status", "--porcelain", folder=worktree) == before
    assert git_repo.git("for-each-ref").count("\n") == 0
    assert git_repo.git("log", "-1", "--format=%an <%ae> %s", snap.commit) == "Ada <ada@example.com> work"


def test_untouched_worktree_gives_the_base_tree(git_repo: GitRepo, worktree: Path) -> None:
    assert git_repo.snap(worktree, git_repo.head()).tree == git_repo.head("main^{tree}")


def test_commits_on_another_branch_are_taken(git_repo: GitRepo, worktree: Path) -> None:
    git_repo.git("checkout", "-q", "-b", "mine", folder=worktree)
    git_repo.write("committed.txt", "x\n", worktree)
    git_repo.git("add", "-A", folder=worktree)
    git_repo.git("commit", "-q", "-m", "one", folder=worktree)
    git_repo.git("mv", "a.txt", "moved.txt", folder=worktree)
    git_repo.write("later.txt", "y\n", worktree)
    snap = git_repo.snap(worktree, git_repo.head("main"))
    assert statuses(git_repo, snap) == ["D a.txt", "A committed.txt", "A later.txt", "A moved.txt"]


def test_reset_to_an_older_commit_is_no_change_of_files_that_came_back(git_repo: GitRepo) -> None:
    base = git_repo.commit({"second.txt": "2\n"})
    path = git_repo.worktrees().acquire("1-1", base).path
    git_repo.git("reset", "-q", "--soft", "HEAD~1", folder=path)
    git_repo.write("new.txt", "n\n", path)
    assert statuses(git_repo, git_repo.snap(path, base)) == ["A new.txt"]


def test_half_staged_files_are_taken_as_they_are_on_disk(git_repo: GitRepo, worktree: Path) -> None:
    git_repo.write("a.txt", "staged\n", worktree)
    git_repo.git("add", "a.txt", folder=worktree)
    git_repo.write("a.txt", "on disk\n", worktree)
    git_repo.git("rm", "-q", "--cached", "src/b.py", folder=worktree)
    snap = git_repo.snap(worktree, git_repo.head())
    assert statuses(git_repo, snap) == ["M a.txt"]
    assert git_repo.content(snap.commit, "a.txt") == "on disk"


def test_stashed_work_is_not_there(git_repo: GitRepo, worktree: Path) -> None:
    git_repo.write("a.txt", "stashed\n", worktree)
    git_repo.git("stash", folder=worktree)
    assert statuses(git_repo, git_repo.snap(worktree, git_repo.head())) == []


def test_merge_in_progress_is_taken_with_its_markers(git_repo: GitRepo, worktree: Path) -> None:
    theirs = git_repo.branch_off("theirs", {"a.txt": "theirs\n"})
    git_repo.write("a.txt", "mine\n", worktree)
    git_repo.git("commit", "-qam", "mine", folder=worktree)
    git_repo.git("merge", theirs, folder=worktree, check=False)
    snap = git_repo.snap(worktree, git_repo.head())
    assert "<<<<<<<" in git_repo.content(snap.commit, "a.txt")


def test_left_locks_do_not_matter(git_repo: GitRepo, worktree: Path) -> None:
    git_dir = Path(git_repo.git("rev-parse", "--absolute-git-dir", folder=worktree))
    (git_dir / "index.lock").touch()
    (git_dir / "HEAD.lock").touch()
    git_repo.write("new", "x\n", worktree)
    assert statuses(git_repo, git_repo.snap(worktree, git_repo.head())) == ["A new"]
    assert (git_dir / "index.lock").exists()


@pytest.mark.parametrize("broken", ["index", "HEAD", "link", "record", "own repository", "pristine"])
def test_broken_git_files_do_not_matter(git_repo: GitRepo, worktree: Path, broken: str) -> None:
    git_dir = Path(git_repo.git("rev-parse", "--absolute-git-dir", folder=worktree))
    if broken in ("index", "HEAD"):
        (git_dir / broken).write_bytes(b"garbage")
    elif broken == "record":
        shutil.rmtree(git_dir)
    elif broken == "pristine":
        for copy in git_dir.glob("swarm-index-*"):
            copy.unlink()
    else:
        (worktree / ".git").unlink()
        if broken == "own repository":
            git_repo.git("init", "-q", str(worktree))
    git_repo.write("new", "x\n", worktree)
    git_repo.write("x.log", "ignored", worktree)
    assert statuses(git_repo, git_repo.snap(worktree, git_repo.head())) == ["A new"]


def test_index_flags_hide_nothing(git_repo: GitRepo, worktree: Path) -> None:
    git_repo.git("update-index", "--assume-unchanged", "a.txt", folder=worktree)
    git_repo.git("update-index", "--skip-worktree", "src/b.py", folder=worktree)
    git_repo.write("a.txt", "hidden\n", worktree)
    git_repo.write("src/b.py", "hidden\n", worktree)
    assert statuses(git_repo, git_repo.snap(worktree, git_repo.head())) == ["M a.txt", "M src/b.py"]


@pytest.mark.parametrize("index", ["good", "broken"])
def test_ignored_files_that_the_worker_committed_are_taken(git_repo: GitRepo, worktree: Path, index: str) -> None:
    git_repo.write("forced.log", "x\n", worktree)
    git_repo.write("other.log", "x\n", worktree)
    git_repo.git("add", "-f", "forced.log", folder=worktree)
    git_repo.git("commit", "-q", "-m", "forced", folder=worktree)
    if index == "broken":
        (Path(git_repo.git("rev-parse", "--absolute-git-dir", folder=worktree)) / "index").write_bytes(b"garbage")
    assert statuses(git_repo, git_repo.snap(worktree, git_repo.head())) == ["A forced.log"]


def test_extra_paths_are_taken_though_ignored_if_they_are_inside(git_repo: GitRepo, worktree: Path) -> None:
    git_repo.write("build/out/o.bin", b"\0\1", worktree)
    git_repo.write("x.log", "x", worktree)
    git_repo.write(".swarm/mail", "x", worktree)
    (worktree / "linked").symlink_to("/etc")
    extra = ("build/out", "x.log", "absent", "../a.txt", "/etc/passwd", ".git", ".swarm/mail", "linked/passwd", "")
    snap = git_repo.snap(worktree, git_repo.head(), extra_paths=extra)
    assert statuses(git_repo, snap) == ["A build/out/o.bin", "A linked", "A x.log"]


def test_worker_folder_is_never_taken_even_when_forced(git_repo: GitRepo, worktree: Path) -> None:
    git_repo.write(".gitignore", "!.swarm/\n!.swarm/**\n", worktree)
    git_repo.write(".swarm/result.json", "{}", worktree)
    git_repo.git("add", "-f", ".swarm/result.json", folder=worktree)
    assert statuses(git_repo, git_repo.snap(worktree, git_repo.head())) == ["M .gitignore"]


@pytest.mark.parametrize("commits", [True, False])
def test_nested_repository_is_reported_and_not_taken(git_repo: GitRepo, worktree: Path, commits: bool) -> None:
    nested = GitRepo(worktree / "vendor" / "lib")
    git_repo.git("init", "-q", str(nested.top))
    nested.write("x", "x")
    if commits:
        nested.commit()
    git_repo.write("new", "x\n", worktree)
    snap = git_repo.snap(worktree, git_repo.head())
    assert snap.nested == ("vendor/lib",)
    assert statuses(git_repo, snap) == ["A new"]


def test_repository_made_in_a_tracked_folder_hides_no_file(git_repo: GitRepo, worktree: Path) -> None:
    git_repo.git("init", "-q", str(worktree / "src"))
    git_repo.write("src/b.py", "changed\n", worktree)
    git_repo.write("src/new.py", "new\n", worktree)
    assert statuses(git_repo, git_repo.snap(worktree, git_repo.head())) == ["M src/b.py", "A src/new.py"]


def test_special_file_is_told_and_the_rest_taken(git_repo: GitRepo, worktree: Path) -> None:
    (worktree / "a.txt").unlink()
    os.mkfifo(worktree / "a.txt")
    os.mkfifo(worktree / "pipe")
    git_repo.write("new", "x\n", worktree)
    snap = git_repo.snap(worktree, git_repo.head())
    assert statuses(git_repo, snap) == ["A new"]
    assert len(snap.problems) == 1 and "a.txt" in snap.problems[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file_is_told(git_repo: GitRepo, worktree: Path) -> None:
    git_repo.write("secret", "x", worktree).chmod(0)
    assert "secret" in git_repo.snap(worktree, git_repo.head()).problems[0]


def test_modes_links_and_types(git_repo: GitRepo, worktree: Path) -> None:
    (worktree / "a.txt").chmod(0o755)
    (worktree / "src" / "b.py").unlink()
    (worktree / "src" / "b.py").symlink_to("../a.txt")
    (worktree / "dangling").symlink_to("/nowhere")
    snap = git_repo.snap(worktree, git_repo.head())
    modes = git_repo.git("ls-tree", "-r", "--format=%(objectmode) %(path)", snap.commit).splitlines()
    assert modes == ["100644 .gitignore", "100755 a.txt", "120000 dangling", "120000 src/b.py"]


@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"two\nlines", b" spaced ", b"-rf", b":(top)a", b'tab\t"q"', b"*"])
def test_any_file_name_is_taken(git_repo: GitRepo, worktree: Path, name: bytes) -> None:
    (worktree / os.fsdecode(name)).write_text("x\n")
    (worktree / os.fsdecode(name + b".log")).write_text("x\n")
    snap = git_repo.snap(worktree, git_repo.head(), extra_paths=(os.fsdecode(name + b".log"),))
    assert set(statuses(git_repo, snap)) == {f"A {os.fsdecode(name)}", f"A {os.fsdecode(name)}.log"}


def test_line_ends_follow_the_users_settings(git_repo: GitRepo) -> None:
    git_repo.git("config", "core.autocrlf", "true")
    git_repo.git("config", "core.safecrlf", "true")
    path = git_repo.worktrees().acquire("1-1", git_repo.head()).path
    assert (path / "a.txt").read_bytes() == b"1\r\n2\r\n3\r\n"
    git_repo.write("new", b"one\r\ntwo\n", path)
    snap = git_repo.snap(path, git_repo.head())
    assert statuses(git_repo, snap) == ["A new"]
    assert git_repo.content(snap.commit, "new") == "one\ntwo"


def test_submodule_pointer_moves_and_an_empty_one_stays(git_repo: GitRepo, tmp_path: Path) -> None:
    library = GitRepo(tmp_path / "library")
    git_repo.git("init", "-q", str(library.top))
    library.commit({"l": "1\n"})
    git_repo.git("submodule", "--quiet", "add", str(library.top), "lib")
    base = git_repo.commit()
    path = git_repo.worktrees().acquire("1-1", base).path
    assert statuses(git_repo, git_repo.snap(path, base)) == []
    git_repo.git("submodule", "--quiet", "update", "--init", folder=path)
    git_repo.git("commit", "-q", "--allow-empty", "-m", "moved", folder=path / "lib")
    snap = git_repo.snap(path, base)
    assert (statuses(git_repo, snap), snap.nested) == (["M lib"], ())


def test_no_hook_runs(git_repo: GitRepo, tmp_path: Path) -> None:
    for hook in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction", "commit-msg"):
        file = git_repo.write(f".git/hooks/{hook}", f"#!/bin/sh\necho {hook} >> {tmp_path}/ran\nexit 1\n")
        file.chmod(0o755)
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    git_repo.write("new", "x\n", path)
    git_repo.snap(path, git_repo.head())
    worktrees.release(path)
    worktrees.acquire("2-1", git_repo.head())
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("key", "value"), [("core.worktree", "/"), ("core.bare", "true"), ("core.fileMode", "false")])
def test_settings_that_a_worker_made_do_not_lead_astray(
    git_repo: GitRepo, worktree: Path, key: str, value: str
) -> None:
    repository = git_repo.open()
    git_repo.git("config", key, value)
    git_repo.write("new", "x\n", worktree)
    snap = snapshot(repository, worktree, repository.head, "work\n")
    git_repo.git("config", "--unset", key)
    assert statuses(git_repo, snap) == ["A new"]


@pytest.mark.parametrize("gone", ["removed", "link to the main checkout"])
def test_worktree_that_is_gone_is_refused(git_repo: GitRepo, worktree: Path, gone: str) -> None:
    shutil.rmtree(worktree)
    if gone != "removed":
        worktree.symlink_to(git_repo.top)
    with pytest.raises(GitFailed, match="is gone") as failed:
        git_repo.snap(worktree, git_repo.head())
    assert isinstance(failed.value, Refused)
