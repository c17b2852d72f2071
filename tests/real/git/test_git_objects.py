"""One git process answers all questions about objects, and is replaced when it is gone."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest

from swarmskill.repo.changes import added_text, changes, entries, tree_has
from swarmskill.repo.git import GitFailed
from tests.real.git.conftest import GitRepo


def readers() -> set[int]:
    """The processes of ours that answer questions about objects."""
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # another test's may just end
            if "cat-file" in child.cmdline():
                found.add(child.pid)
    return found


def test_finds_sizes_trees_and_paths_and_says_what_is_not_there(git_repo: GitRepo) -> None:
    repository, head = git_repo.open(), git_repo.head()
    names = [f"{head}:a.txt", f"{head}:src", f"{head}:none", head, "no such thing", f"{head}:a.txt "]
    kinds = [
        found and (found.kind, found.size if found.kind == "blob" else 0) for found in repository.objects.find(names)
    ]
    assert kinds == [("blob", 6), ("tree", 0), None, ("commit", 0), None, None]
    assert repository.objects.tree_of(head) == git_repo.head("HEAD^{tree}")


def test_a_commit_that_is_not_there_has_no_tree(git_repo: GitRepo) -> None:
    with pytest.raises(GitFailed, match="no such commit"):
        git_repo.open().objects.tree_of("1" * 40)


def test_names_with_line_breaks_are_one_name(git_repo: GitRepo) -> None:
    head = git_repo.commit({"new\nline": "x", "new": "", "line": ""})
    repository = git_repo.open()
    assert tree_has(repository, head, "new\nline")
    assert not tree_has(repository, head, "new\nline\n")
    assert not tree_has(repository, head, "a.txt\n" + head)


def test_answers_for_thousands_of_names_keep_their_order(git_repo: GitRepo) -> None:
    head = git_repo.commit({f"many/{n}": "x" * n for n in range(700)})
    found = git_repo.open().objects.find(f"{head}:many/{n}" for n in range(700))
    assert [blob and blob.size for blob in found] == list(range(700))


def test_sees_objects_that_are_made_later(git_repo: GitRepo) -> None:
    repository = git_repo.open()
    assert not tree_has(repository, git_repo.head(), "late")
    assert tree_has(repository, git_repo.commit({"late": ""}), "late")
    git_repo.git("gc", "-q", "--prune=now")
    assert tree_has(repository, git_repo.commit({"later": ""}), "later")
    assert tree_has(repository, git_repo.head("HEAD~1"), "late")


def test_a_process_that_was_killed_is_replaced(git_repo: GitRepo) -> None:
    before, repository = readers(), git_repo.open()
    assert tree_has(repository, git_repo.head(), "a.txt")
    (pid,) = readers() - before
    os.kill(pid, signal.SIGKILL)
    assert tree_has(repository, git_repo.head(), "a.txt")
    assert pid not in readers()
    assert readers() - before


def test_the_process_ends_with_its_repository(git_repo: GitRepo) -> None:
    before, repository = readers(), git_repo.open()
    assert tree_has(repository, git_repo.head(), "a.txt")
    assert readers() - before
    del repository
    assert not readers() - before


def test_added_lines_are_told_with_the_paths_they_are_in_whatever_these_are_called(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    base = git_repo.commit({"link": "1\n", "gone": "1\n"})
    (git_repo.top / "gone").unlink()
    (git_repo.top / "link").unlink()
    (git_repo.top / "link").symlink_to("a.txt")
    files = {"a.txt": "1\n2\n3\n4\n", "diff --git a/x b/x": "+++ b/y\n", "new\nline": "n\n", "é": "e\n", "bin": b"\0\0"}
    head = git_repo.commit(files)
    (tmp_path / "order").write_text("*line\na.txt\n")
    git_repo.git("config", "diff.orderFile", str(tmp_path / "order"))
    git_repo.git("config", "core.quotePath", "false")
    repository = git_repo.open()
    added = set(added_text(repository, base, head))
    told = {("a.txt", 4, "4"), ("diff --git a/x b/x", 1, "+++ b/y"), ("new\nline", 1, "n"), ("é", 1, "e")}
    assert added == {*told, ("link", 1, "a.txt")}
    sizes = {change.path: change.size for change in changes(repository, entries(repository, base, head))}
    assert sizes == {"a.txt": 8, "diff --git a/x b/x": 8, "new\nline": 2, "é": 2, "bin": 2, "link": 5, "gone": 0}
