"""Workers that use git as no worker should: the work that is right is taken, nothing of the user's is lost."""

from __future__ import annotations

import pytest

from tests.real.hostile.field import Field, task

HONEST = task("honest", "echo honest > honest.txt")

KEPT = {
    "commits": "echo w > w.txt; git add -A; git commit -qm mine",
    "commits on a branch of its own": "git checkout -qb mine; echo w > w.txt; git add -A; git commit -qm mine",
    "leaves HEAD elsewhere": "echo w > w.txt; git checkout -q --detach HEAD; git symbolic-ref HEAD refs/heads/none",
    "stashes and takes it back": "echo x > a.txt; git stash -q; git stash pop -q; git checkout a.txt; echo w > w.txt",
    "resets": "echo x > a.txt; git reset -q --hard; echo w > w.txt",
    "collects garbage": "echo w > w.txt; git gc -q --prune=now",
    "prunes worktrees": "echo w > w.txt; git worktree prune --expire=now; git worktree remove --force . || true",
    "deletes the .git of its worktree": "echo w > w.txt; rm .git",
    "makes a repository of its worktree": "rm .git; git init -q; echo w > w.txt; git add w.txt; git commit -qm mine",
    "leaves an index lock": 'echo w > w.txt; touch "$(git rev-parse --git-path index.lock)"',
    "leaves a merge": 'echo w > w.txt; git rev-parse HEAD > "$(git rev-parse --git-path MERGE_HEAD)"',
    "hides its edit from git": "git update-index --assume-unchanged a.txt; echo w > a.txt; echo w > w.txt",
    "spoils its index": 'echo w > w.txt; echo junk > "$(git rev-parse --git-path index)"',
    "leaves files without permissions": "echo w > w.txt; mkdir d; touch d/x; chmod 0 d/x; chmod 500 d; rm -rf d || true",
}


@pytest.mark.parametrize("script", KEPT.values(), ids=KEPT)
def test_its_files_are_taken_whatever_it_does_with_git(field: Field, script: str) -> None:
    told = field.run(task("odd", script), HONEST)
    assert told.outcomes["honest"] == "completed", told
    assert told.outcomes["odd"] == "completed", told
    assert field.content(told.document, "w.txt") == "w"
    assert field.content(told.document, "honest.txt") == "honest"
