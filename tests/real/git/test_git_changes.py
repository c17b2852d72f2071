"""What differs between two commits: paths, sizes, added lines, patch."""

from __future__ import annotations

import os
import subprocess

from conftest import GitRepo

from swarmskill.model import Change, ChangeKind
from swarmskill.repo.changes import added_text, changes, diffstat, entries, patch


def test_changes_have_kind_and_size_and_renames_have_both_ends(git_repo: GitRepo) -> None:
    base = git_repo.head()
    git_repo.git("mv", "a.txt", "renamed.txt")
    (git_repo.top / "src" / "b.py").unlink()
    (git_repo.top / "src" / "b.py").symlink_to("x")
    commit = git_repo.commit({".gitignore": "longer text\n", "bin": b"\0" * 2000})
    assert changes(git_repo.open(), entries(git_repo.open(), base, commit)) == (
        Change(".gitignore", ChangeKind.MODIFIED, 12),
        Change("a.txt", ChangeKind.DELETED, 0),
        Change("bin", ChangeKind.ADDED, 2000),
        Change("renamed.txt", ChangeKind.ADDED, 6),
        Change("src/b.py", ChangeKind.TYPE_CHANGED, 1),
    )


def test_executable_bit_is_a_modification(git_repo: GitRepo) -> None:
    base = git_repo.head()
    (git_repo.top / "a.txt").chmod(0o755)
    commit = git_repo.commit()
    (entry,) = entries(git_repo.open(), base, commit)
    assert (entry.kind, entry.old_mode, entry.mode) == (ChangeKind.MODIFIED, "100644", "100755")


def test_submodule_pointer_is_a_change_without_size(git_repo: GitRepo) -> None:
    base = git_repo.head()
    git_repo.git("update-index", "--add", "--cacheinfo", f"160000,{base},lib")
    git_repo.git("commit", "-q", "-m", "sub")
    repository, commit = git_repo.open(), git_repo.head()
    assert changes(repository, entries(repository, base, commit)) == (Change("lib", ChangeKind.ADDED, 0),)
    assert entries(repository, base, commit)[0].is_submodule


def test_added_lines_have_their_numbers(git_repo: GitRepo) -> None:
    base = git_repo.head()
    commit = git_repo.commit({"a.txt": "0\n1\ntwo\n3", "src/b.py": "b = 1\nc = 2\r\n", "new": "n"})
    assert list(added_text(git_repo.open(), base, commit)) == [
        ("a.txt", 1, "0"),
        ("a.txt", 3, "two"),
        ("a.txt", 4, "3"),
        ("new", 1, "n"),
        ("src/b.py", 2, "c = 2"),
    ]


def test_lines_and_names_that_look_like_a_patch_do_not_confuse(git_repo: GitRepo) -> None:
    base = git_repo.head()
    forged = "x\n@@ -0,0 +1,9 @@\n+++ b"
    text = "diff --git a/x b/x\n@@ -1 +1 @@\n++ b/a.txt\n-- a\n"
    (git_repo.top / "src" / "b.py").unlink()
    (git_repo.top / "src" / "b.py").symlink_to("target")
    latin = os.fsdecode(b"z\xe9")
    commit = git_repo.commit({"bin": b"\0\1", "empty": "", forged: text, "y": "y\n", latin: "l\n"})
    found = list(added_text(git_repo.open(), base, commit))
    assert found == [
        ("src/b.py", 1, "target"),
        *((forged, number, line) for number, line in enumerate(text.splitlines(), 1)),
        ("y", 1, "y"),
        (latin, 1, "l"),
    ]


def test_undecodable_lines_are_scanned_too(git_repo: GitRepo) -> None:
    base = git_repo.head()
    commit = git_repo.commit({"x": b"caf\xe9 = 1\n"})
    assert list(added_text(git_repo.open(), base, commit)) == [("x", 1, "caf\N{REPLACEMENT CHARACTER} = 1")]


def test_scan_may_stop_early(git_repo: GitRepo) -> None:
    base = git_repo.head()
    commit = git_repo.commit({"x": "line\n" * 200_000})
    scan = added_text(git_repo.open(), base, commit)
    assert next(scan) == ("x", 1, "line")
    del scan  # the process behind it is ended; the suite would hang otherwise


def test_diffstat_is_short(git_repo: GitRepo) -> None:
    base = git_repo.head()
    repository = git_repo.open()
    assert diffstat(repository, base, base) == "no change"
    one = git_repo.commit({"a.txt": "1\n2\n"})
    assert diffstat(repository, base, one) == "1 file, +0 -1"
    two = git_repo.commit({"x": "1\n2\n", "bin": b"\0"})
    assert diffstat(repository, base, two) == "3 files, +2 -1"


def test_users_diff_settings_do_not_matter(git_repo: GitRepo) -> None:
    base = git_repo.head()
    commit = git_repo.commit({"new": "n\n", ".gitattributes": "*.py diff=own\n", "src/b.py": "b = 2\n"})
    repository = git_repo.open()
    before = patch(repository, base, commit), list(added_text(repository, base, commit))
    for key, value in (
        ("diff.external", "false"),
        ("diff.own.command", "false"),
        ("diff.own.textconv", "false"),
        ("diff.noprefix", "true"),
        ("diff.renames", "copies"),
        ("color.ui", "always"),
        ("core.quotePath", "false"),
    ):
        git_repo.git("config", key, value)
    assert (patch(repository, base, commit), list(added_text(repository, base, commit))) == before


def test_patch_applies(git_repo: GitRepo) -> None:
    base = git_repo.head()
    commit = git_repo.commit(
        {"bin": bytes(range(256)), "a.txt": "changed\n", "caf\N{LATIN SMALL LETTER E WITH ACUTE}": "x"}
    )
    text = patch(git_repo.open(), base, commit)
    git_repo.git("checkout", "-q", "--detach", base)
    subprocess.run(["git", "apply", "--index"], input=text, cwd=git_repo.top, check=True)
    assert git_repo.git("write-tree") == git_repo.head(f"{commit}^{{tree}}")


def test_sha256_repository(git_repo: GitRepo) -> None:
    repo = GitRepo(git_repo.top.parent / "long")
    git_repo.git("init", "-q", "--object-format=sha256", str(repo.top))
    base = repo.commit({"a": "a\n"})
    path = repo.worktrees().acquire("1-1", base).path
    repo.write("b", "b\n", path)
    snap = repo.snap(path, base)
    assert changes(repo.open(), entries(repo.open(), base, snap.commit)) == (Change("b", ChangeKind.ADDED, 2),)
    assert list(added_text(repo.open(), base, snap.commit)) == [("b", 1, "b")]
