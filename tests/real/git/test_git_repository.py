"""Opening the user's checkout, refusing what a run cannot start from, and the run branch."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from conftest import RUN, GitRepo

from swarmskill.errors import Refused
from swarmskill.repo.git import Git, GitFailed, environment
from swarmskill.repo.repository import Repository


def test_opens_from_a_sub_folder_with_all_it_needs_to_know(git_repo: GitRepo) -> None:
    repository = Repository.open(git_repo.top / "src")
    assert repository.top == git_repo.top
    assert repository.git_dir == repository.common_dir == git_repo.top / ".git"
    assert repository.branch == "main"
    assert repository.head == git_repo.head()


def test_detached_head_has_no_branch(git_repo: GitRepo) -> None:
    git_repo.git("checkout", "-q", "--detach")
    assert git_repo.open().branch == ""


def test_linked_worktree_may_be_the_users_checkout(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    repository = Repository.open(tmp_path / "linked")
    assert repository.top == (tmp_path / "linked").resolve()
    assert repository.common_dir == git_repo.top / ".git"
    assert repository.git_dir.parent.name == "worktrees"
    assert repository.branch == "side"


def test_worktree_of_a_bare_repository_is_fine(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.git("clone", "-q", "--bare", str(git_repo.top), str(tmp_path / "bare.git"))
    git_repo.git("worktree", "add", "-q", str(tmp_path / "linked"), "main", folder=tmp_path / "bare.git")
    assert Repository.open(tmp_path / "linked").branch == "main"
    with pytest.raises(Refused, match="bare"):
        Repository.open(tmp_path / "bare.git")


def test_variables_of_a_caller_do_not_lead_elsewhere(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_PREFIX"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("GIT_COMMON_DIR", "/nowhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -x")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace")
    repository = git_repo.open()
    assert repository.top == git_repo.top
    assert repository.read_ref("refs/heads/main") == repository.head
    seen = environment(None)
    assert {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NAMESPACE"}.isdisjoint(seen)
    assert (seen["GIT_SSH_COMMAND"], seen["GIT_AUTHOR_NAME"]) == ("ssh -x", "Grace")


def test_settings_given_by_variables_count(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "commit.gpgsign")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    assert git_repo.open().signs


def test_refuses_what_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not in a git repository") as refused:
        Repository.open(tmp_path)
    assert "git init" in refused.value.hint
    with pytest.raises(Refused, match="there is no folder"):
        Repository.open(tmp_path / "absent")


def test_refuses_a_repository_without_commit(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.git("init", "-q", str(tmp_path / "new"))
    with pytest.raises(Refused, match="no commit yet") as refused:
        Repository.open(tmp_path / "new")
    assert "git commit" in refused.value.hint


def test_refuses_the_git_folder_itself(git_repo: GitRepo) -> None:
    with pytest.raises(Refused, match="no files checked out"):
        Repository.open(git_repo.top / ".git")


@pytest.mark.parametrize("key", ["name", "email"])
def test_refuses_an_unknown_author_with_the_two_commands(git_repo: GitRepo, git_settings: Path, key: str) -> None:
    git_repo.git("config", "--global", "--unset", f"user.{key}")
    with pytest.raises(Refused, match="who you are") as refused:
        git_repo.open()
    assert "user.name" in refused.value.hint and "user.email" in refused.value.hint


def test_author_by_variables_is_known(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    git_repo.git("config", "--global", "--unset", "user.name")
    git_repo.git("config", "--global", "--unset", "user.email")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Grace")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "grace@example.com")
    assert git_repo.open().branch == "main"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_passes_on_gits_fix_for_a_repository_of_another_user(git_repo: GitRepo) -> None:
    for path in (git_repo.top, git_repo.top / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(Refused, match="does not trust") as refused:
        git_repo.open()
    assert refused.value.hint.startswith("git config --global --add safe.directory")


def test_refuses_an_old_git(git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.30.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)
    with pytest.raises(Refused, match=r"2\.30\.1 is too old"):
        git_repo.open()


def test_operation_in_progress_is_no_obstacle(git_repo: GitRepo) -> None:
    git_repo.commit({"a.txt": "mine\n"})
    git_repo.git("checkout", "-q", "-b", "other", "HEAD~1")
    git_repo.commit({"a.txt": "theirs\n"})
    git_repo.git("merge", "main", check=False)
    assert git_repo.open().branch == "other"


def test_excluding_the_worker_folder_keeps_the_file_and_adds_one_line(git_repo: GitRepo) -> None:
    exclude = git_repo.top / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text("# mine\n*.bak")
    repository = git_repo.open()
    repository.exclude_worker_folder()
    repository.exclude_worker_folder()
    assert exclude.read_text() == "# mine\n*.bak\n/.swarm/\n"
    git_repo.write(".swarm/x", "")
    assert git_repo.git("status", "--porcelain") == ""


def test_exclude_file_is_made_when_absent(git_repo: GitRepo) -> None:
    exclude = git_repo.top / ".git" / "info" / "exclude"
    exclude.unlink()
    exclude.parent.rmdir()
    git_repo.open().exclude_worker_folder()
    assert exclude.read_text() == "/.swarm/\n"


def test_resolve_names_commits_only(git_repo: GitRepo) -> None:
    repository = git_repo.open()
    git_repo.git("tag", "-a", "v1", "-m", "one")
    assert repository.resolve("v1") == repository.head
    for wrong in ("nowhere", "HEAD:a.txt", "--all", ""):
        with pytest.raises(Refused, match="not a commit"):
            repository.resolve(wrong)


def test_run_branch_is_made_once(git_repo: GitRepo) -> None:
    repository = git_repo.open()
    with pytest.raises(Refused, match="is gone"):
        repository.run_tip(RUN)
    repository.create_run_branch(RUN, repository.head)
    assert repository.run_tip(RUN) == repository.head
    with pytest.raises(Refused, match="exists already"):
        repository.create_run_branch(RUN, repository.head)


def test_branch_called_swarm_is_named_as_the_obstacle(git_repo: GitRepo) -> None:
    git_repo.git("branch", "swarm")
    with pytest.raises(Refused, match="in the way") as refused:
        git_repo.open().create_run_branch(RUN, git_repo.head())
    assert refused.value.hint == "git branch -m swarm swarm-old"


def test_refs_are_read_after_git_packs_them(git_repo: GitRepo) -> None:
    repository = git_repo.open()
    repository.create_run_branch(RUN, repository.head)
    git_repo.git("pack-refs", "--all", "--prune")
    assert repository.run_tip(RUN) == repository.head
    assert repository.read_ref("refs/heads/none") == ""


def test_stale_ref_locks_are_cleared_but_young_ones_left(git_repo: GitRepo) -> None:
    repository = git_repo.open()
    repository.create_run_branch(RUN, repository.head)
    lock = repository.common_dir / "refs" / "heads" / "swarm" / f"{RUN}.lock"
    lock.touch()
    assert repository.clear_stale_locks(RUN, older_than=60) == []
    os.utime(lock, (1, 1))
    assert repository.clear_stale_locks(RUN) == [lock]


def test_sha256_repository_works(git_repo: GitRepo, tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "long")
    git_repo.git("init", "-q", "--object-format=sha256", str(repo.top))
    head = repo.commit({"a": "a\n"})
    repository = repo.open()
    repository.create_run_branch(RUN, head)
    assert len(repository.run_tip(RUN)) == 64


def test_failure_tells_command_and_reason_without_secrets(git_repo: GitRepo) -> None:
    with pytest.raises(GitFailed) as failed:
        Git(git_repo.top).run("fetch", "https://ada:secret@127.0.0.1:1/x.git")
    assert "secret" not in failed.value.message
    assert "git fetch https://***@127.0.0.1:1/x.git" in failed.value.message
    assert failed.value.stderr


def test_git_cannot_prompt(git_repo: GitRepo) -> None:
    seen = Git(git_repo.top).run(
        "-c", "alias.tty=!tty; ps -o tty= -p $$; echo $GIT_TERMINAL_PROMPT", "tty", accept=range(9)
    )
    assert "not a tty" in seen.text and seen.text.endswith("0")


def test_git_that_hangs_is_ended(git_repo: GitRepo) -> None:
    with pytest.raises(GitFailed, match="did not end within"):
        Git(git_repo.top).run("-c", "alias.hang=!exec sleep 30", "hang", timeout=0.2)


def test_many_threads_may_read(git_repo: GitRepo) -> None:
    repository = git_repo.open()
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: seen.append(repository.read_ref("refs/heads/main"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [repository.head] * 8
