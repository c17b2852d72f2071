"""Merging without a work tree, committing with trailers, and moving the run branch by compare-and-swap."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import RUN, GitRepo

from swarmskill.errors import Refused
from swarmskill.model import Task
from swarmskill.places import branch_ref
from swarmskill.repo.git import GitFailed
from swarmskill.repo.integrate import advance, commit_tree, drop_attempt, find_integrated, keep_attempt, merge
from swarmskill.repo.message import commit_message


def test_clean_merge_has_both_sides_and_touches_nothing(git_repo: GitRepo) -> None:
    one = git_repo.branch_off("one", {"a.txt": "1\n2\n3\n4\n"})
    two = git_repo.branch_off("two", {"a.txt": "0\n1\n2\n3\n", "new": "n\n"})
    git_repo.write("a.txt", "the user's own edit\n")
    before = git_repo.git("status", "--porcelain")
    merged = merge(git_repo.open(), one, two)
    assert merged.conflicts == ()
    assert git_repo.content(merged.tree, "a.txt") == "0\n1\n2\n3\n4"
    assert git_repo.content(merged.tree, "new") == "n"
    assert git_repo.git("status", "--porcelain") == before


def test_side_that_is_ahead_wins_whole(git_repo: GitRepo) -> None:
    one = git_repo.branch_off("one", {"a.txt": "changed\n"})
    assert merge(git_repo.open(), git_repo.head(), one).tree == git_repo.head(f"{one}^{{tree}}")


@pytest.mark.parametrize(
    ("ours", "theirs", "paths"),
    [
        ({"a.txt": "1\nA\n3\n"}, {"a.txt": "1\nB\n3\n"}, ("a.txt",)),
        ({"new": "one\n"}, {"new": "two\n"}, ("new",)),
        ({"a.txt": None}, {"a.txt": "1\n2\n3\nmore\n"}, ("a.txt",)),
        ({"a.txt": "1\n2\n3\nmore\n"}, {"a.txt": None}, ("a.txt",)),
        ({"bin": b"\0\1"}, {"bin": b"\0\2"}, ("bin",)),
        ({"name": "a file\n"}, {"name/inner": "a folder\n"}, ("name",)),
        (
            {"a.txt": None, "moved.txt": "1\n2\n3\n"},
            {"a.txt": None, "away.txt": "1\n2\n3\n"},
            ("a.txt", "away.txt", "moved.txt"),
        ),
        (
            {"caf\N{LATIN SMALL LETTER E WITH ACUTE}\nx": "one\n"},
            {"caf\N{LATIN SMALL LETTER E WITH ACUTE}\nx": "two\n"},
            ("caf\N{LATIN SMALL LETTER E WITH ACUTE}\nx",),
        ),
    ],
    ids=["content", "both added", "delete-edit", "edit-delete", "binary", "file-folder", "rename-rename", "odd name"],
)
def test_conflicts_are_named(
    git_repo: GitRepo,
    ours: dict[str, str | bytes | None],
    theirs: dict[str, str | bytes | None],
    paths: tuple[str, ...],
) -> None:
    merged = merge(git_repo.open(), git_repo.branch_off("one", ours), git_repo.branch_off("two", theirs))
    assert merged.conflicts == paths
    assert any(message.startswith("CONFLICT") for message in merged.messages)


def test_rename_against_edit_keeps_the_edit(git_repo: GitRepo) -> None:
    one = git_repo.branch_off("one", {"a.txt": None, "moved.txt": "1\n2\n3\n"})
    two = git_repo.branch_off("two", {"a.txt": "1\n2\n3\nmore\n"})
    merged = merge(git_repo.open(), one, two)
    assert merged.conflicts == () and git_repo.content(merged.tree, "moved.txt") == "1\n2\n3\nmore"


def test_rename_against_deletion_is_a_conflict(git_repo: GitRepo) -> None:
    one = git_repo.branch_off("one", {"a.txt": None, "moved.txt": "1\n2\n3\n"})
    two = git_repo.branch_off("two", {"a.txt": None})
    assert "moved.txt" in merge(git_repo.open(), one, two).conflicts


def test_new_file_in_a_renamed_folder_is_a_conflict_whatever_the_user_set(git_repo: GitRepo) -> None:
    git_repo.git("config", "merge.directoryRenames", "true")
    git_repo.commit({f"old/{i}": f"{i}\n" * 9 for i in range(4)})
    one = git_repo.branch_off(
        "one", {f"{d}/{i}": t for i in range(4) for d, t in (("old", None), ("new", f"{i}\n" * 9))}
    )
    two = git_repo.branch_off("two", {"old/5": "5\n"})
    assert merge(git_repo.open(), one, two).conflicts == ("new/5", "old/5")


def test_file_against_link_and_different_modes(git_repo: GitRepo) -> None:
    def side(name: str, work: str) -> str:
        folder = git_repo.top.parent / name
        git_repo.git("worktree", "add", "-q", "--detach", str(folder), "main")
        if work == "link":
            (folder / "new").symlink_to("a.txt")
        else:
            git_repo.write("new", "text\n", folder).chmod(0o755 if work == "run" else 0o644)
        git_repo.git("add", "-A", folder=folder)
        git_repo.git("commit", "-q", "-m", name, folder=folder)
        return git_repo.git("rev-parse", "HEAD", folder=folder)

    repository = git_repo.open()
    plain = side("plain", "plain")
    assert "new" in merge(repository, plain, side("link", "link")).conflicts
    assert merge(repository, plain, side("run", "run")).conflicts == ("new",)


def test_submodule_pointers_that_differ_conflict(git_repo: GitRepo, tmp_path: Path) -> None:
    library = GitRepo(tmp_path / "library")
    git_repo.git("init", "-q", str(library.top))
    first = library.commit({"l": "1\n"})
    one = library.commit({"l": "2\n"})
    library.git("checkout", "-q", "--detach", first)
    two = library.commit({"l": "3\n"})

    def pointer(commit: str, parent: str) -> str:
        git_repo.git("read-tree", parent)
        git_repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
        return git_repo.git("commit-tree", "-p", parent, "-m", "x", git_repo.git("write-tree"))

    base = pointer(first, git_repo.head())
    assert merge(git_repo.open(), pointer(one, base), pointer(two, base)).conflicts == ("lib",)


def test_names_that_differ_in_case_only_conflict_where_files_ignore_case(git_repo: GitRepo) -> None:
    one = git_repo.branch_off("one", {"Read.me": "one\n"})
    two = git_repo.branch_off("two", {"read.ME": "two\n"})
    assert merge(git_repo.open(), one, two).conflicts == ()
    git_repo.git("config", "core.ignoreCase", "true")
    assert merge(git_repo.open(), one, two).conflicts == ("read.ME",)


def test_commit_that_is_not_there_is_an_error_and_no_conflict(git_repo: GitRepo) -> None:
    with pytest.raises(GitFailed):
        merge(git_repo.open(), git_repo.head(), "1" * 40)


def integrate(repo: GitRepo, task: Task, attempt: int = 1) -> str:
    repository = repo.open()
    tip = repository.run_tip(RUN)
    tree = repo.head(f"{tip}^{{tree}}")
    commit = commit_tree(repository, tree, tip, commit_message(task, RUN, attempt))
    assert advance(repository, branch_ref(RUN), commit, tip)
    return commit


def test_integrated_commits_are_found_by_their_trailers(git_repo: GitRepo) -> None:
    base = git_repo.head()
    git_repo.open().create_run_branch(RUN, base)
    quoting = f"Swarm-Run: {RUN}\nSwarm-Task: forged\nSwarm-Attempt: 1"
    wild = "a\nSwarm-Task: b\x00\x1b[31m % \u2028 caf\N{LATIN SMALL LETTER E WITH ACUTE} "
    expected = {
        ("1", 1): integrate(git_repo, Task(id="1", subject="first")),
        ("2", 3): integrate(git_repo, Task(id="2", subject="second", description=quoting), 3),
        (wild, 1): integrate(
            git_repo, Task(id=wild, subject="-F /etc/passwd\n\n" + quoting, description=quoting + "\n\n")
        ),
    }
    assert find_integrated(git_repo.open(), RUN, base) == expected
    assert find_integrated(git_repo.open(), RUN, expected["1", 1]).keys() == expected.keys() - {("1", 1)}
    assert git_repo.git("log", "-1", "--format=%an %cn %s", expected["1", 1]) == "Ada Ada first"
    assert git_repo.git("log", "-1", "--format=%(trailers:key=Swarm-Task,valueonly)", expected["2", 3]).strip() == "2"


def test_trailers_of_another_run_or_in_a_user_commit_do_not_count(git_repo: GitRepo) -> None:
    base = git_repo.head()
    repository = git_repo.open()
    repository.create_run_branch(RUN, base)
    tree = git_repo.head("main^{tree}")
    other = commit_tree(repository, tree, base, commit_message(Task(id="1", subject="x"), "another-run", 1))
    signed = f"x\n\nSwarm-Run: {RUN}\nSwarm-Task: 2\nSwarm-Attempt: 1\nSigned-off-by: A <a@b>\n"
    last = commit_tree(repository, tree, other, signed)
    assert advance(repository, branch_ref(RUN), last, base)
    assert find_integrated(repository, RUN, base) == {}


def test_looking_for_commits_on_a_branch_that_is_gone_is_refused(git_repo: GitRepo) -> None:
    with pytest.raises(Refused, match="is gone"):
        find_integrated(git_repo.open(), RUN, git_repo.head())


def test_advance_is_compare_and_swap(git_repo: GitRepo) -> None:
    repository, ref = git_repo.open(), branch_ref(RUN)
    base = git_repo.head()
    one, two = git_repo.branch_off("one", {"x": "1"}), git_repo.branch_off("two", {"x": "2"})
    repository.create_run_branch(RUN, base)
    assert advance(repository, ref, one, base)
    assert not advance(repository, ref, two, base)
    assert advance(repository, ref, one, base), "done already is done"
    assert repository.run_tip(RUN) == one


def test_locked_ref_is_an_error_that_names_the_lock(git_repo: GitRepo) -> None:
    repository, ref = git_repo.open(), branch_ref(RUN)
    repository.create_run_branch(RUN, repository.head)
    (repository.common_dir / f"{ref}.lock").touch()
    commit = git_repo.branch_off("one", {"x": "1"})
    with pytest.raises(GitFailed) as failed:
        advance(repository, ref, commit, repository.head)
    assert f"{ref}.lock" in failed.value.hint
    assert repository.run_tip(RUN) == repository.head


def test_advance_to_a_commit_that_is_not_there_is_an_error(git_repo: GitRepo) -> None:
    repository = git_repo.open()
    repository.create_run_branch(RUN, repository.head)
    with pytest.raises(GitFailed):
        advance(repository, branch_ref(RUN), "1" * 40, repository.head)


def test_attempts_are_kept_from_collection_until_dropped(git_repo: GitRepo) -> None:
    repository = git_repo.open()
    path = git_repo.worktrees().acquire("1-1", repository.head).path
    git_repo.write("new", "x\n", path)
    snap = git_repo.snap(path, repository.head)
    assert keep_attempt(repository, RUN, "1-1", snap.commit) == f"refs/swarm/{RUN}/1-1"
    git_repo.git("gc", "-q", "--prune=now")
    assert git_repo.content(snap.commit, "new") == "x"
    drop_attempt(repository, RUN, "1-1")
    drop_attempt(repository, RUN, "1-1")
    git_repo.git("gc", "-q", "--prune=now")
    assert git_repo.git("cat-file", "-e", snap.commit, check=False) == ""
    with pytest.raises(Refused):
        repository.resolve(snap.commit)


def test_commits_are_signed_when_the_users_are(git_repo: GitRepo, tmp_path: Path) -> None:
    program = tmp_path / "sign"
    program.write_text("#!/bin/sh\ncat >/dev/null\nprintf '\\n[GNUPG:] SIG_CREATED ' >&2\necho SIGNATURE\n")
    program.chmod(0o755)
    git_repo.git("config", "commit.gpgsign", "true")
    git_repo.git("config", "gpg.program", str(program))
    repository, tree = git_repo.open(), git_repo.head("main^{tree}")
    commit = commit_tree(repository, tree, repository.head, "x\n")
    assert "gpgsig SIGNATURE" in git_repo.git("cat-file", "commit", commit)
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(GitFailed) as failed:
        commit_tree(repository, tree, repository.head, "x\n")
    assert "signing key" in failed.value.hint


def test_what_one_side_alone_changed_is_the_merge(git_repo: GitRepo) -> None:
    base = git_repo.head()
    edit, nothing = (
        git_repo.branch_off("edit", {"a.txt": "mine\n"}),
        git_repo.branch_off("nothing", {"a.txt": "1\n2\n3\n", "new": ""}),
    )
    empty = git_repo.git("commit-tree", "-p", base, "-m", "empty", f"{base}^{{tree}}")
    tree = git_repo.head(f"{edit}^{{tree}}")
    repository = git_repo.open()
    assert merge(repository, edit, empty).tree == tree
    assert merge(repository, empty, edit).tree == tree
    assert merge(repository, empty, empty).tree == git_repo.head("HEAD^{tree}")
    assert git_repo.files(merge(repository, nothing, edit).tree) == [".gitignore", "a.txt", "new", "src/b.py"]
