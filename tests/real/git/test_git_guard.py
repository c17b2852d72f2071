"""The fingerprint: equal while nothing is touched, and a word about everything that is."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from conftest import RUN, GitRepo

from swarmskill.places import branch_ref
from swarmskill.repo.guard import differences, fingerprint
from swarmskill.repo.integrate import advance, keep_attempt


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """A checkout in use: a changed, a staged, an untracked and an ignored file, a stash, an ignored folder."""
    git_repo.write("a.txt", "stashed\n")
    git_repo.git("stash")
    git_repo.write("a.txt", "dirty\n")
    git_repo.write("staged", "staged\n")
    git_repo.git("add", "staged")
    git_repo.write("notes/n.txt", "untracked\n")
    git_repo.write("x.log", "ignored\n")
    git_repo.write("build/o", "ignored folder\n")
    return git_repo


def test_all_that_we_do_leaves_it_equal(repo: GitRepo) -> None:
    repository = repo.open()
    repository.exclude_worker_folder()
    before = fingerprint(repository)
    repository.create_run_branch(RUN, repository.head)
    worktrees = repo.worktrees()
    path = worktrees.acquire("1-1", repository.head).path
    repo.write("new", "x\n", path)
    snap = repo.snap(path, repository.head)
    keep_attempt(repository, RUN, "1-1", snap.commit)
    assert advance(repository, branch_ref(RUN), snap.commit, repository.head)
    worktrees.release(path)
    worktrees.remove(worktrees.acquire("2-1", snap.commit).path)
    repo.git("status")
    assert differences(before, fingerprint(repository)) == []


def same_size_same_time(repo: GitRepo) -> None:
    file = repo.top / "notes" / "n.txt"
    seen = file.stat()
    file.write_text("untraced!\n")
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))


TOUCHES: list[tuple[str, Callable[[GitRepo], object]]] = [
    ("file src/b.py: new", lambda repo: repo.write("src/b.py", "x\n")),
    ("file a.txt: changed", lambda repo: repo.write("a.txt", "again\n")),
    ("file a.txt: gone", lambda repo: repo.git("checkout", "a.txt")),
    ("file staged: changed", lambda repo: repo.git("reset", "-q")),
    ("file staged: changed", lambda repo: repo.write("staged", "again\n")),
    ("file notes/n.txt: changed", same_size_same_time),
    ("file notes/more: new", lambda repo: repo.write("notes/more", "x")),
    ("file x.log: changed", lambda repo: repo.write("x.log", "again\n")),
    ("file src/b.py: new", lambda repo: (repo.top / "src" / "b.py").chmod(0o755)),
    ("ref refs/heads/main: changed (was", lambda repo: repo.git("commit", "-q", "-m", "x")),
    ("ref refs/heads/extra: new", lambda repo: repo.git("branch", "extra")),
    ("ref refs/stash: gone (was", lambda repo: repo.git("stash", "drop", "-q")),
    ("ref refs/tags/v1: new", lambda repo: repo.git("tag", "v1")),
    ("HEAD: ref: refs/heads/main -> ref: refs/heads/extra", lambda repo: repo.git("checkout", "-q", "-b", "extra")),
    ("config: changed", lambda repo: repo.git("config", "x.y", "z")),
    ("exclude: changed", lambda repo: repo.write(".git/info/exclude", "everything\n")),
    ("hooks/pre-push: new", lambda repo: repo.write(".git/hooks/pre-push", "#!/bin/sh\n")),
]


@pytest.mark.parametrize(("line", "touch"), TOUCHES, ids=[f"{i}-{line}" for i, (line, _) in enumerate(TOUCHES)])
def test_every_touch_is_told(repo: GitRepo, line: str, touch: Callable[[GitRepo], object]) -> None:
    repository = repo.open()
    before = fingerprint(repository)
    touch(repo)
    found = differences(before, fingerprint(repository))
    assert any(line in difference.what for difference in found), found


def test_looking_takes_no_lock_and_writes_nothing(repo: GitRepo) -> None:
    index = repo.top / ".git" / "index"
    os.utime(repo.top / "src" / "b.py")  # git would like to refresh its index now
    before = index.stat().st_mtime_ns
    (repo.top / ".git" / "index.lock").touch()
    fingerprint(repo.open())
    assert index.stat().st_mtime_ns == before


def test_fetches_and_caches_do_not_count(repo: GitRepo) -> None:
    before = fingerprint(repo.open())
    repo.git("update-ref", "refs/remotes/origin/main", repo.head())
    repo.write("build/cache", "x")
    assert differences(before, fingerprint(repo.open())) == []


def test_odd_names_are_told(repo: GitRepo) -> None:
    before = fingerprint(repo.open())
    repo.write(os.fsdecode(b"caf\xe9\n x"), "x")
    found = differences(before, fingerprint(repo.open()))
    assert [difference.what for difference in found] == [f"file {os.fsdecode(b'caf' + bytes([233]))}\n x: new"]
