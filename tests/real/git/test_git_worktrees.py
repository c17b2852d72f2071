"""Worktrees: clean at the base whatever was there before, used again without leftovers, set up as told."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RUN, GitRepo

from swarmskill.errors import InputError
from swarmskill.config import WorktreeSetup
from swarmskill.repo.guard import differences, fingerprint
from swarmskill.repo.setup import SetupFailed, setup_paths


def assert_clean_at(repo: GitRepo, path: Path, commit: str) -> None:
    """Nothing changed, nothing untracked, nothing ignored, HEAD detached at the commit, no operation in progress."""
    assert repo.git("rev-parse", "HEAD", folder=path) == commit
    assert repo.git("symbolic-ref", "-q", "HEAD", folder=path, check=False) == ""
    assert repo.git("status", "--porcelain", "--ignored", folder=path) == ""
    on_disk = {str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir()} - {".git"}
    assert on_disk == set(repo.files(commit))
    for name in repo.files(commit):
        assert (path / name).read_bytes().decode("utf-8", "surrogateescape").removesuffix("\n") == repo.content(
            commit, name
        )
    git_dir = Path(repo.git("rev-parse", "--absolute-git-dir", folder=path))
    assert not {"MERGE_HEAD", "rebase-merge", "index.lock", "CHERRY_PICK_HEAD"} & {p.name for p in git_dir.iterdir()}


def test_fresh_worktree_is_a_detached_locked_checkout(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    assert path == git_repo.top / ".swarm" / "worktrees" / RUN / "1-1"
    assert_clean_at(git_repo, path, git_repo.head())
    assert f"locked in use by swarm run {RUN}" in git_repo.git("worktree", "list", "--porcelain")
    assert git_repo.git("status", "--porcelain") == ""
    assert worktrees.list() == [path]


def mess_commit(repo: GitRepo, path: Path) -> None:
    repo.write("own.txt", "own", path)
    repo.git("checkout", "-q", "-b", "mine", folder=path)
    repo.git("add", "-A", folder=path)
    repo.git("commit", "-q", "-m", "mine", folder=path)


def mess_files(repo: GitRepo, path: Path) -> None:
    repo.write("a.txt", "changed\n", path)
    repo.write("x.log", "ignored", path)
    repo.write("build/deep/o.bin", "ignored", path)
    repo.write("new.txt", "untracked", path)
    repo.write(".swarm/result.json", "{}", path)
    shutil.rmtree(path / "src")
    (path / "src").symlink_to(repo.top)


def mess_index_flags(repo: GitRepo, path: Path) -> None:
    repo.git("update-index", "--assume-unchanged", "a.txt", folder=path)
    repo.git("update-index", "--skip-worktree", "src/b.py", folder=path)
    repo.write("a.txt", "hidden\n", path)
    repo.write("src/b.py", "hidden\n", path)


def mess_merge(repo: GitRepo, path: Path) -> None:
    mess_commit(repo, path)
    repo.write("a.txt", "one\n", path)
    repo.git("commit", "-qam", "one", folder=path)
    repo.git("checkout", "-q", "-b", "two", "HEAD~1", folder=path)
    repo.write("a.txt", "two\n", path)
    repo.git("commit", "-qam", "two", folder=path)
    repo.git("merge", "mine", folder=path, check=False)


def mess_rebase(repo: GitRepo, path: Path) -> None:
    mess_merge(repo, path)
    repo.git("merge", "--abort", folder=path)
    repo.git("rebase", "mine", folder=path, check=False)


def mess_locks(repo: GitRepo, path: Path) -> None:
    git_dir = Path(repo.git("rev-parse", "--absolute-git-dir", folder=path))
    for name in ("index.lock", "HEAD.lock"):
        (git_dir / name).touch()


def mess_index(repo: GitRepo, path: Path) -> None:
    (Path(repo.git("rev-parse", "--absolute-git-dir", folder=path)) / "index").write_bytes(b"garbage")


def mess_head(repo: GitRepo, path: Path) -> None:
    (Path(repo.git("rev-parse", "--absolute-git-dir", folder=path)) / "HEAD").write_bytes(b"garbage")


def mess_stash(repo: GitRepo, path: Path) -> None:
    repo.write("a.txt", "stashed\n", path)
    repo.git("stash", folder=path)


def mess_nested(repo: GitRepo, path: Path) -> None:
    repo.git("init", "-q", str(path / "nested"))
    repo.write("nested/x", "x", path)


def mess_link_removed(repo: GitRepo, path: Path) -> None:
    (path / ".git").unlink()


def mess_own_repository(repo: GitRepo, path: Path) -> None:
    (path / ".git").unlink()
    repo.git("init", "-q", str(path))


def mess_record_removed(repo: GitRepo, path: Path) -> None:
    shutil.rmtree(repo.git("rev-parse", "--absolute-git-dir", folder=path))


def mess_folder_removed(repo: GitRepo, path: Path) -> None:
    shutil.rmtree(path)


def mess_folder_replaced(repo: GitRepo, path: Path) -> None:
    shutil.rmtree(path)
    path.symlink_to(repo.top)


def mess_unlocked_and_pruned(repo: GitRepo, path: Path) -> None:
    shutil.move(path, path.with_name("away"))
    repo.git("worktree", "unlock", str(path))
    repo.git("worktree", "prune")
    shutil.move(path.with_name("away"), path)


def mess_closed_folder(repo: GitRepo, path: Path) -> None:
    repo.write("closed/x", "x", path)
    (path / "closed").chmod(0)


def mess_worktree_settings(repo: GitRepo, path: Path) -> None:
    repo.git("sparse-checkout", "set", "--no-cone", "/a.txt", folder=path)


MESSES = [found for name, found in list(globals().items()) if name.startswith("mess_")]


@pytest.mark.parametrize("mess", MESSES, ids=lambda mess: mess.__name__[5:])
@pytest.mark.parametrize("again", ["same key", "from the pool"])
def test_any_mess_ends_clean_at_the_new_base(
    git_repo: GitRepo, mess: Callable[[GitRepo, Path], None], again: str
) -> None:
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    mess(git_repo, path)
    base = git_repo.branch_off("next", {"a.txt": "next\n", "src/c.py": "c\n", "own.txt": "now tracked\n"})
    if again == "same key":
        worktrees = git_repo.worktrees()  # a mayor that knows nothing of the one before
        acquired = worktrees.acquire("1-1", base)
    else:
        worktrees.release(path)
        acquired = worktrees.acquire("2-1", base)
        assert not os.path.lexists(path)
    assert_clean_at(git_repo, acquired.path, base)
    assert worktrees.list() == [acquired.path]
    assert git_repo.git("worktree", "list").count("\n") == 1
    assert git_repo.content("main", "a.txt") == "1\n2\n3"
    assert (git_repo.top / "a.txt").read_text() == "1\n2\n3\n"


def test_half_made_worktree_is_finished(git_repo: GitRepo) -> None:
    """A mayor killed inside `git worktree add`: a record without checkout, locked as initialising."""
    worktrees = git_repo.worktrees()
    path = worktrees.root / "1-1"
    git_repo.git("worktree", "add", "-q", "--no-checkout", "--lock", "--detach", str(path))
    git_repo.write("a.txt", "partly", path)
    assert_clean_at(git_repo, worktrees.acquire("1-1", git_repo.head()).path, git_repo.head())


def test_move_cut_short_is_made_good(git_repo: GitRepo) -> None:
    """A mayor killed between the two steps of moving a worktree: the record still names the old place."""
    worktrees = git_repo.worktrees()
    old = worktrees.acquire("1-1", git_repo.head()).path
    old.rename(old.with_name("2-1"))
    worktrees = git_repo.worktrees()
    assert_clean_at(git_repo, worktrees.acquire("2-1", git_repo.head()).path, git_repo.head())
    worktrees.prune()
    assert git_repo.git("worktree", "list").count("\n") == 1


def test_git_that_outlived_its_mayor_does_no_harm(git_repo: GitRepo) -> None:
    """It goes on in the folder that it was started in, wherever that is now."""
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    folder = os.open(path, os.O_RDONLY)
    try:
        again = git_repo.worktrees().acquire("1-1", git_repo.head()).path
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open("late.txt", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    finally:
        os.close(folder)
    assert_clean_at(git_repo, again, git_repo.head())


KILLED = """
import sys
from pathlib import Path
from conftest import GitRepo
repo = GitRepo(Path(sys.argv[1]))
worktrees = repo.worktrees()
worktrees.adopt(*worktrees.list())
heads = sys.argv[2:]
print("ready", flush=True)
for number in range(10_000):
    path = worktrees.acquire(f"{number % 3}-1", heads[number % 2]).path
    repo.write("left.txt", "x", path)
    repo.snap(path, heads[number % 2])
    (worktrees.release if number % 2 else worktrees.remove)(path)
"""


def test_killed_at_any_moment_the_next_mayor_starts_clean(git_repo: GitRepo) -> None:
    heads = [git_repo.head(), git_repo.branch_off("other", {"a.txt": "other\n", "many/1": "1\n"})]
    git_repo.open().exclude_worker_folder()
    before = fingerprint(git_repo.open())
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(4):
        paths = os.pathsep.join([str(Path(__file__).parents[3]), str(Path(__file__).parent)])
        words = [sys.executable, "-c", KILLED, str(git_repo.top), *heads]
        mayor = subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths})
        assert mayor.stdout is not None and mayor.stdout.readline() == b"ready\n"
        with contextlib.suppress(subprocess.TimeoutExpired):
            mayor.wait(chance.uniform(0, 0.4))
        assert mayor.poll() is None, "it is killed, it does not fail"
        mayor.kill()
        mayor.communicate()
        worktrees = git_repo.worktrees()
        for key in ("0-1", "1-1", "2-1"):
            assert_clean_at(git_repo, worktrees.acquire(key, heads[0]).path, heads[0])
    for path in worktrees.list():
        worktrees.remove(path)
    worktrees.prune()
    assert git_repo.git("worktree", "list").count("\n") == 0
    assert not worktrees.root.exists()
    assert differences(before, fingerprint(git_repo.open())) == []


def test_plain_folder_in_the_way_is_replaced(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    git_repo.write("x", "x", worktrees.root / "1-1")
    assert_clean_at(git_repo, worktrees.acquire("1-1", git_repo.head()).path, git_repo.head())


def test_link_file_that_points_at_a_neighbour_does_not_harm_it(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    one = worktrees.acquire("1-1", git_repo.head()).path
    two = worktrees.acquire("2-1", git_repo.head()).path
    git_repo.write("a.txt", "work in progress\n", two)
    (one / ".git").write_bytes((two / ".git").read_bytes())
    worktrees.release(one)
    three = worktrees.acquire("3-1", git_repo.head()).path
    assert_clean_at(git_repo, three, git_repo.head())
    assert git_repo.git("status", "--porcelain", folder=two) == "M a.txt".rjust(8)


def test_used_worktree_is_the_same_checkout_moved(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    inode = (path / "a.txt").stat().st_ino
    worktrees.release(path)
    again = worktrees.acquire("2-1", git_repo.head()).path
    assert (again / "a.txt").stat().st_ino == inode
    assert worktrees.acquire("3-1", git_repo.head()).path.exists()


def test_adopted_worktrees_are_used_and_strange_ones_ignored(git_repo: GitRepo, tmp_path: Path) -> None:
    path = git_repo.worktrees().acquire("1-1", git_repo.head()).path
    worktrees = git_repo.worktrees()
    worktrees.adopt(path, path, tmp_path, worktrees.root / "absent")
    inode = (path / "a.txt").stat().st_ino
    again = worktrees.acquire("2-1", git_repo.head()).path
    assert (again / "a.txt").stat().st_ino == inode
    assert (worktrees.acquire("3-1", git_repo.head()).path / "a.txt").stat().st_ino != inode


def test_kept_paths_survive(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees(WorktreeSetup(keep=("build",)))
    path = worktrees.acquire("1-1", git_repo.head()).path
    git_repo.write("build/cache", "warm", path)
    git_repo.write("x.log", "gone", path)
    worktrees.release(path)
    again = worktrees.acquire("2-1", git_repo.head()).path
    assert (again / "build" / "cache").read_text() == "warm"
    assert not (again / "x.log").exists()


def test_set_up_copies_links_and_runs(git_repo: GitRepo) -> None:
    git_repo.write(".env", "KEY=1")
    git_repo.write("node_modules/m/index.js", "m")
    setup = WorktreeSetup(
        copy=(".env", "absent.cfg"), link=("node_modules/", "absent"), setup=("cp .env 'second env'",)
    )
    acquired = git_repo.worktrees(setup).acquire("1-1", git_repo.head())
    assert (acquired.path / ".env").read_text() == "KEY=1"
    assert (acquired.path / "node_modules").is_symlink()
    assert (acquired.path / "node_modules" / "m" / "index.js").read_text() == "m"
    assert (acquired.path / "second env").read_text() == "KEY=1"
    assert acquired.warnings == (
        f"copy: absent.cfg is not in {git_repo.top}",
        f"link: absent is not in {git_repo.top}",
    )


def test_what_set_up_brought_is_never_committed(git_repo: GitRepo) -> None:
    git_repo.commit({".gitignore": "node_modules/\n"})  # the slash: a link of this name is not ignored
    git_repo.write(".env", "KEY=1")
    git_repo.write("node_modules/m", "m")
    setup = WorktreeSetup(copy=(".env",), link=("node_modules/",))
    path = git_repo.worktrees(setup).acquire("1-1", git_repo.head()).path
    git_repo.write("new.txt", "x", path)
    git_repo.git("add", "-A", folder=path)
    snap = git_repo.snap(path, git_repo.head(), left_out=setup_paths(setup), extra_paths=(".env",))
    assert git_repo.files(snap.commit) == [".gitignore", "a.txt", "new.txt", "src/b.py"]


def test_links_are_removed_not_followed_when_a_worktree_is_cleaned(git_repo: GitRepo) -> None:
    git_repo.write("build/keep", "precious")
    worktrees = git_repo.worktrees(WorktreeSetup(link=("build",)))
    path = worktrees.acquire("1-1", git_repo.head()).path
    worktrees.release(path)
    path = worktrees.acquire("2-1", git_repo.head()).path
    assert (path / "build").is_symlink()
    worktrees.remove(path)
    assert (git_repo.top / "build" / "keep").read_text() == "precious"


def test_tracked_files_are_not_copied_over(git_repo: GitRepo) -> None:
    git_repo.write("a.txt", "the user's edit\n")
    acquired = git_repo.worktrees(WorktreeSetup(copy=("a.txt",), link=("src",))).acquire("1-1", git_repo.head())
    assert (acquired.path / "a.txt").read_text() == "1\n2\n3\n"
    assert not (acquired.path / "src").is_symlink()
    assert [warning.split(" ")[1] for warning in acquired.warnings] == ["a.txt", "src"]


@pytest.mark.parametrize("key", ["copy", "link", "keep"])
@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", ".git/config", "", "."])
def test_paths_out_of_the_repository_are_refused(git_repo: GitRepo, key: str, path: str) -> None:
    with pytest.raises(InputError, match="not inside the repository"):
        git_repo.worktrees(WorktreeSetup(**{key: (path,)}))


def test_link_in_the_checkout_that_leads_out_is_not_brought(git_repo: GitRepo, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (git_repo.top / "deps").symlink_to(tmp_path / "outside")
    acquired = git_repo.worktrees(WorktreeSetup(link=("deps",))).acquire("1-1", git_repo.head())
    assert "leads out" in acquired.warnings[0]
    assert not (acquired.path / "deps").exists()


def test_failing_set_up_command_is_told_with_its_output(git_repo: GitRepo) -> None:
    with pytest.raises(SetupFailed, match="no such") as failed:
        git_repo.worktrees(WorktreeSetup(setup=("sh -c 'echo no such; exit 3'",))).acquire("1-1", git_repo.head())
    assert "(3)" in failed.value.message


def test_remove_takes_folder_and_record(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    git_repo.write("closed/x", "x", path)
    (path / "closed").chmod(0o500)
    worktrees.remove(path)
    worktrees.remove(path)
    assert not path.exists() and worktrees.list() == []
    assert git_repo.git("worktree", "list").count("\n") == 0


def test_prune_forgets_ours_only_and_finishes_removals(git_repo: GitRepo, tmp_path: Path) -> None:
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    git_repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "users"))
    shutil.rmtree(tmp_path / "users")
    shutil.rmtree(path)
    git_repo.write("x", "x", worktrees.root / ".trash-1")
    worktrees.prune()
    listed = git_repo.git("worktree", "list")
    assert "1-1" not in listed and "users" in listed
    assert not worktrees.root.exists()


def test_submodules_are_not_carried_into_the_next_task(git_repo: GitRepo, tmp_path: Path) -> None:
    library = GitRepo(tmp_path / "library")
    git_repo.git("init", "-q", str(library.top))
    library.commit({"l": "1\n"})
    git_repo.git("submodule", "--quiet", "add", str(library.top), "lib")
    base = git_repo.commit()
    worktrees = git_repo.worktrees(WorktreeSetup(setup=("git submodule --quiet update --init",)))
    path = worktrees.acquire("1-1", base).path
    assert (path / "lib" / "l").exists()
    git_repo.git("commit", "-q", "--allow-empty", "-m", "moved", folder=path / "lib")
    worktrees.release(path)
    again = worktrees.acquire("2-1", base).path
    assert git_repo.snap(again, base).tree == git_repo.head(f"{base}^{{tree}}")


def test_large_trees_use_several_checkout_processes(git_repo: GitRepo) -> None:
    base = git_repo.commit({f"many/{i}": f"{i}\n" for i in range(1200)})
    worktrees = git_repo.worktrees()
    assert worktrees._parallel()
    path = worktrees.acquire("1-1", base).path
    assert git_repo.git("status", "--porcelain", "--ignored", folder=path) == ""


def test_sparse_checkout_stays_sparse_and_whole(git_repo: GitRepo) -> None:
    base = git_repo.commit({"big/x": "x\n", "small/y": "y\n"})
    git_repo.git("sparse-checkout", "set", "small")
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", base).path
    assert not (path / "big").exists()
    git_repo.write("small/y", "changed\n", path)
    git_repo.write("big/new", "outside the sparse folders\n", path)
    snap = git_repo.snap(path, base)
    assert git_repo.git("diff-tree", "-r", "--name-status", base, snap.commit) == "A\tbig/new\nM\tsmall/y"
    worktrees.release(path)
    again = worktrees.acquire("2-1", base).path
    assert git_repo.snap(again, base).tree == git_repo.head(f"{base}^{{tree}}")


def test_a_worktree_that_was_given_back_is_used_again_at_its_place(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    first, second = git_repo.head(), git_repo.commit({"new.txt": "new"})
    path = worktrees.acquire("merged", second).path
    handle = os.open(path, os.O_RDONLY)  # while it is held, no other folder can get its number
    folder = path.stat().st_ino
    (path / "left.log").write_text("ignored")
    (path / "a.txt").write_text("changed")
    worktrees.release(path)
    assert worktrees.acquire("merged", first).path == path
    assert path.stat().st_ino == folder
    assert sorted(entry.name for entry in path.iterdir()) == [".git", ".gitignore", "a.txt", "src"]
    assert git_repo.git("status", "--porcelain", "--ignored", folder=path) == ""
    worktrees.acquire("merged", second)
    assert path.stat().st_ino != folder, "it was not given back: somebody may still write there"
    os.close(handle)


def test_a_reused_worktree_of_the_same_tree_is_not_checked_out_again(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    git_repo.write(".swarm/result.json", "{}", path)
    record = git_repo.top / ".git" / "worktrees" / "1-1"
    (index,) = record.glob("swarm-index-*")
    before = index.stat().st_ino
    worktrees.release(path)
    head = git_repo.commit(message="an empty commit")
    path = worktrees.acquire("2-1", head).path
    (index,) = record.glob("swarm-index-*")
    assert (index.name, index.stat().st_ino) == (f"swarm-index-{head}", before)
    assert git_repo.git("rev-parse", "HEAD", folder=path) == head
    assert git_repo.git("status", "--porcelain", "--ignored", folder=path) == ""
    assert not (path / ".swarm").exists()
    git_repo.write("a.txt", "changed\n", path)
    assert git_repo.content(git_repo.snap(path, head).commit, "a.txt") == "changed"


@pytest.mark.parametrize("left", ["a.txt", "new.txt", "x.log", "build/deep/er", "empty/", "nested/.git/HEAD", "-a.txt"])
def test_a_reused_worktree_of_the_same_tree_is_clean_whatever_was_left_in_it(git_repo: GitRepo, left: str) -> None:
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    if left.startswith("-"):
        (path / left[1:]).unlink()
    elif left.endswith("/"):
        (path / left).mkdir()
    else:
        git_repo.write(left, "ref: refs/heads/main\n", path)
    worktrees.release(path)
    path = worktrees.acquire("2-1", git_repo.head()).path
    files = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.name != ".git")
    assert files == [".gitignore", "a.txt", "src", "src/b.py"]
    assert (path / "a.txt").read_text() == "1\n2\n3\n"


def test_edits_hidden_by_flags_in_the_index_do_not_outlive_the_attempt(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    git_repo.git("update-index", "--assume-unchanged", "a.txt", folder=path)
    git_repo.git("update-index", "--skip-worktree", "src/b.py", folder=path)
    git_repo.write("a.txt", "9\n2\n3\n", path)
    git_repo.write("src/b.py", "b = 9\n", path)
    worktrees.release(path)
    path = worktrees.acquire("2-1", git_repo.head()).path
    assert (path / "a.txt").read_text() == "1\n2\n3\n"
    assert (path / "src/b.py").read_text() == "b = 1\n"


def test_a_pipe_in_place_of_the_git_file_stops_nothing(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    path = worktrees.acquire("1-1", git_repo.head()).path
    (path / ".git").unlink()
    os.mkfifo(path / ".git")
    assert git_repo.snap(path, git_repo.head()).entries == ()
    worktrees.release(path)
    assert git_repo.git("status", "--porcelain", folder=worktrees.acquire("2-1", git_repo.head()).path) == ""


def test_a_snapshot_names_what_is_different(git_repo: GitRepo) -> None:
    path = git_repo.worktrees().acquire("1-1", git_repo.head()).path
    untouched = git_repo.snap(path, git_repo.head())
    assert (untouched.tree, untouched.entries) == (git_repo.head("HEAD^{tree}"), ())
    git_repo.write("new.txt", "", path)
    git_repo.write("x.log", "", path)
    git_repo.write("y.log", "", path)
    (path / "a.txt").unlink()
    taken = git_repo.snap(path, git_repo.head(), extra_paths=("x.log", "src", "none"))
    assert [(entry.path, entry.kind.value) for entry in taken.entries] == [
        ("a.txt", "D"),
        ("new.txt", "A"),
        ("x.log", "A"),
    ]
    assert git_repo.files(taken.commit) == [".gitignore", "new.txt", "src/b.py", "x.log"]


def test_a_folder_in_the_manifest_does_not_bring_its_ignored_files(git_repo: GitRepo) -> None:
    path = git_repo.worktrees().acquire("1-1", git_repo.head()).path
    git_repo.write("src/run.log", "", path)
    git_repo.write("src/c.py", "", path)
    taken = git_repo.snap(path, git_repo.head(), extra_paths=("src",))
    assert [entry.path for entry in taken.entries] == ["src/c.py"]


def test_a_head_that_a_worker_made_a_second_name_of_another_file_is_not_written_through(git_repo: GitRepo) -> None:
    worktrees = git_repo.worktrees()
    for name, make in (("1-1", os.link), ("2-1", os.symlink)):
        path = worktrees.acquire(name, git_repo.head()).path
        head = Path(git_repo.git("rev-parse", "--absolute-git-dir", folder=path)) / "HEAD"
        victim = git_repo.write(f"victim-{name}", "f" * (head.stat().st_size - 1) + "\n")
        head.unlink()
        make(victim, head)
        worktrees.release(path)
        again = worktrees.acquire(f"{name}-again", git_repo.commit(message=name)).path
        assert victim.read_text() == "f" * 40 + "\n"
        assert git_repo.git("rev-parse", "HEAD", folder=again) == git_repo.head()
