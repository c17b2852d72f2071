"""The user works in the checkout while a run goes on: it completes, and lands without touching what is the user's."""

from __future__ import annotations

import shlex

import pytest

from tests.real.hostile.field import Field, Told, task

WAIT = "touch $MARKS/up; until [ -e $MARKS/go ]; do sleep 0.02; done; "
LONG = task("long", WAIT + "echo 4 >> a.txt; echo n > n.txt")
AFTER = task("after", "echo m > m.txt", blockedBy=["long"])


def while_it_runs(field: Field, *deeds: str) -> Told:
    """A run of two tasks; the user does these deeds (shell commands) while the first is at work."""
    with field.running(LONG, AFTER) as going:
        field.await_mark("up")
        for deed in deeds:
            field.git("-c", f"alias.x=!{deed}", "x")
        field.mark("go")
        told = going.end()
    assert told.outcomes == {"long": "completed", "after": "completed"}, told
    return told


LANDS = {
    "edits another file": "echo mine >> b.txt",
    "adds a file": "echo mine > mine.txt",
    "adds an ignored file": "echo mine > mine.log",
    "stages": "echo mine >> b.txt; git add b.txt",
    "stashes": "echo mine >> b.txt; git stash -q",
    "collects garbage": "git gc -q",
    "makes a branch and a tag": "git branch other; git tag v1",
    "fetches": "git remote add o .; git fetch -q o",
    "moves a file away and back": "mv b.txt x; mv x b.txt",
}


@pytest.mark.parametrize("deed", LANDS.values(), ids=LANDS)
def test_what_is_not_in_the_way_stays_and_the_run_lands(field: Field, deed: str) -> None:
    told = while_it_runs(field, deed, "git status --porcelain --ignored | grep -v .swarm/ > $MARKS/before || true")
    assert told.document["landed"] == told.document["head"], told
    assert field.git("rev-parse", "main") == told.document["head"]
    assert field.git("status", "--porcelain", "--ignored", "--", ":!.swarm") == (
        field.marks / "before"
    ).read_text().rstrip("\n")


REFUSED = {
    "edits a file that the run changed": ("echo mine >> a.txt", "your changes are in the way"),
    "stages it": ("echo mine >> a.txt; git add a.txt", "your changes are in the way"),
    "adds a file that the run added": ("echo mine > n.txt", "untracked files are in the way"),
    "is in a merge": (
        "git checkout -qb s; echo 1 > b.txt; git commit -qam s; git checkout -q main; git merge -q --no-commit --no-ff s",
        "in progress",
    ),
    "is in a rebase": ("GIT_SEQUENCE_EDITOR='sed -i s/pick/edit/' git rebase -q -i --root", "in progress"),
}


@pytest.mark.parametrize(("deed", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_in_the_way_is_not_touched(field: Field, deed: str, reason: str) -> None:
    field.commit({"second.txt": "2\n"})
    told = while_it_runs(field, deed, "git status --porcelain > $MARKS/before; git rev-parse HEAD main > $MARKS/refs")
    assert told.document["landed"] is None
    assert reason in told.err, told.err
    assert field.status() == (field.marks / "before").read_text().rstrip("\n")
    assert field.git("rev-parse", "HEAD", "main") == (field.marks / "refs").read_text().rstrip("\n")


MOVED = {
    "commits": "echo mine >> b.txt; git commit -qam mine",
    "amends": "git commit -q --amend -m amended",
    "rebases": "git -c user.email=x@example.com rebase -q --no-ff HEAD~1",
}


@pytest.mark.parametrize("deed", MOVED.values(), ids=MOVED)
def test_a_branch_that_moved_lands_by_the_command_that_is_told(field: Field, deed: str) -> None:
    field.commit({"second.txt": "2\n"})
    told = while_it_runs(field, deed, "git rev-parse HEAD > $MARKS/head")
    assert told.document["landed"] is None
    assert "has moved on since the run started" in told.err
    assert field.git("rev-parse", "HEAD") == (field.marks / "head").read_text().strip()
    hint = next(line for line in told.err.splitlines() if "git merge swarm/" in line)
    command = hint[hint.index("git checkout") :]
    for words in command.split(" && "):
        field.git(*shlex.split(words)[1:])
    assert field.git("merge-base", "HEAD", told.document["head"]) == told.document["head"]


def test_a_branch_that_was_left_lands_without_the_checkout(field: Field) -> None:
    told = while_it_runs(field, "git checkout -qb other; echo mine >> a.txt")
    assert told.document["landed"] == told.document["head"]
    assert field.git("rev-parse", "main") == told.document["head"]
    assert field.git("symbolic-ref", "HEAD") == "refs/heads/other"
    assert (field.top / "a.txt").read_text() == "1\n2\n3\nmine\n"


def test_a_branch_that_was_deleted(field: Field) -> None:
    told = while_it_runs(field, "git checkout -q --detach; git branch -qD main")
    assert told.document["landed"] is None
    assert "branch main is gone" in told.err
    field.git("branch", "main", told.document["branch"])


def test_the_user_looks_at_the_run_branch(field: Field) -> None:
    """git does not keep the ref of a checked-out branch still, so what the user sees there gets old; it is theirs."""
    with field.running(LONG, AFTER) as going:
        field.await_mark("up")
        field.git("checkout", "-q", field.git("branch", "--list", "swarm/*", "--format=%(refname:short)"))
        field.mark("go")
        told = going.end()
    assert told.outcomes == {"long": "completed", "after": "completed"}, told
    assert field.git("rev-parse", "main") == told.document["head"]
    assert not (field.top / "n.txt").exists()


def test_a_commit_of_the_user_on_the_run_branch_is_kept_aside(field: Field) -> None:
    with field.running(LONG, AFTER) as going:
        field.await_mark("up")
        field.git("checkout", "-q", field.git("branch", "--list", "swarm/*", "--format=%(refname:short)"))
        commit = field.commit({"user.txt": "mine\n"})
        field.git("checkout", "-q", "main")
        field.mark("go")
        told = going.end()
    assert told.outcomes == {"long": "completed", "after": "completed"}, told
    assert "user.txt" not in field.tree(told.document)
    kept = next(word.rstrip(".") for word in told.err.split() if word.startswith("refs/swarm/"))
    assert field.git("rev-parse", kept) == commit
