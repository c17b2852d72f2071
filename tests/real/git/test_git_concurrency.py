"""Many threads: worktrees, snapshots and merges at once, and no integrated line is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from conftest import RUN, GitRepo

from swarmskill.model import Task
from swarmskill.places import attempt_key, branch_ref
from swarmskill.repo.guard import differences, fingerprint
from swarmskill.repo.integrate import advance, commit_tree, find_integrated, keep_attempt, merge
from swarmskill.repo.message import commit_message
from swarmskill.repo.snapshot import snapshot

THREADS = 8


def test_nothing_is_lost_among_eight_threads(git_repo: GitRepo) -> None:
    git_repo.write("src/b.py", "the user's edit\n")
    repository, worktrees = git_repo.open(), git_repo.worktrees()
    base = repository.head
    repository.create_run_branch(RUN, base)
    before = fingerprint(repository)

    def work(number: int) -> None:
        task, key = Task(id=str(number), subject=f"task {number}"), attempt_key(str(number), 1)
        start = repository.run_tip(RUN)
        path = worktrees.acquire(key, start).path
        git_repo.write(f"made/{number}", f"{number}\n", path)
        snap = snapshot(repository, path, start, "work\n")
        keep_attempt(repository, RUN, key, snap.commit)
        while True:
            tip = repository.run_tip(RUN)
            merged = merge(repository, tip, snap.commit)
            assert merged.conflicts == ()
            commit = commit_tree(repository, merged.tree, tip, commit_message(task, RUN, 1))
            if advance(repository, branch_ref(RUN), commit, tip):
                break
        worktrees.release(path)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(24)))
    tip = repository.run_tip(RUN)
    assert [name for name in git_repo.files(tip) if name.startswith("made/")] == sorted(f"made/{n}" for n in range(24))
    assert find_integrated(repository, RUN, base).keys() == {(str(number), 1) for number in range(24)}
    assert git_repo.git("rev-list", "--count", f"{base}..{tip}") == "24"
    assert len(worktrees.list()) <= THREADS
    assert differences(before, fingerprint(repository)) == []
    assert git_repo.git("fsck", "--strict", "--no-dangling") == ""


def test_many_fresh_worktrees_at_once(git_repo: GitRepo) -> None:
    worktrees, base = git_repo.worktrees(), git_repo.head()
    with ThreadPoolExecutor(THREADS) as pool:
        paths = [acquired.path for acquired in pool.map(lambda n: worktrees.acquire(f"{n}-1", base), range(16))]
    assert worktrees.list() == sorted(paths)
    for path in paths:
        assert git_repo.git("status", "--porcelain", "--ignored", folder=path) == ""


def test_collection_meanwhile_takes_nothing_away(git_repo: GitRepo) -> None:
    repository, worktrees, base = git_repo.open(), git_repo.worktrees(), git_repo.head()

    def work(number: int) -> str:
        path = worktrees.acquire(f"{number}-1", base).path
        git_repo.write(f"{number}", f"{number}\n", path)
        commit = snapshot(repository, path, base, "work\n").commit
        keep_attempt(repository, RUN, f"{number}-1", commit)
        return commit

    with ThreadPoolExecutor(4) as pool:
        made = pool.map(work, range(8))
        for _ in range(4):
            git_repo.git("gc", "-q", check=False)
        commits = list(made)
    for number, commit in enumerate(commits):
        assert git_repo.content(commit, str(number)) == str(number)
