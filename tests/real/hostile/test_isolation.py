"""Workers that reach into the main checkout, or into each other: noticed, told, and nothing of the user's lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.real.hostile.field import Field, task

STRICT = {"SWARM_ISOLATION": "strict"}
WORK = "echo w > w.txt; "


def honest_after(name: str) -> dict[str, object]:
    """A task that runs when the other has ended."""
    return task("honest", f"until [ -e $MARKS/{name} ]; do sleep 0.02; done; echo honest > honest.txt")


TOUCHES = {
    "a new file": ('echo x > "$SWARM_REPO/new.txt"', "file new.txt: new"),
    "a tracked file": ('echo x > "$SWARM_REPO/a.txt"', "file a.txt: new"),
    "a deleted file": ('rm "$SWARM_REPO/b.txt"', "file b.txt: new"),
    "another branch": (
        'git -C "$SWARM_REPO" checkout -qb other',
        "HEAD: ref: refs/heads/main -> ref: refs/heads/other",
    ),
    "a commit": ('cd "$SWARM_REPO"; git commit -q --allow-empty -m mine', "ref refs/heads/main: changed (was "),
    "a setting": ("git config user.name Mallory", "config: changed, as it was: "),
    "hooks elsewhere": ("git config core.hooksPath /tmp/none", "config: changed, as it was: "),
    "a bare repository": ("git config core.bare true", "config: changed, as it was: "),
    "another work tree": ("git config core.worktree /tmp", "config: changed, as it was: "),
    "a hook": (
        'h="$(git rev-parse --git-common-dir)/hooks/post-merge"; printf "#!/bin/sh\\n touch $MARKS/ran" > "$h"; chmod +x "$h"',
        "hooks/post-merge: new",
    ),
    "an exclude": ('echo "*" >> "$(git rev-parse --git-common-dir)/info/exclude"', "info/exclude: changed"),
    "a tag that moves": ("git tag -f v1 HEAD^{tree} >&2", "ref refs/tags/v1: changed (was "),
}


@pytest.mark.parametrize(("script", "said"), TOUCHES.values(), ids=TOUCHES)
def test_where_nobody_else_works_every_touch_is_held_against_the_worker(field: Field, script: str, said: str) -> None:
    field.git("tag", "v1")
    field.variables = STRICT
    told = field.run(
        task("bad", WORK + script), task("next", "echo n > n.txt", blockedBy=[]), flags=("--max-workers", "1")
    )
    assert told.outcomes == {"bad": "rejected", "next": "completed"}, told
    assert "isolation failed: changed the main checkout" in told.detail("bad")
    assert said in told.detail("bad")
    assert not (field.marks / "ran").exists()


@pytest.mark.parametrize(("script", "said"), TOUCHES.values(), ids=TOUCHES)
def test_where_the_user_works_too_it_is_noted(field: Field, script: str, said: str) -> None:
    field.git("tag", "v1")
    told = field.run(task("quiet", WORK + script))
    assert told.outcomes == {"quiet": "completed"}, told
    assert "meanwhile the main checkout changed" in told.detail("quiet")
    assert said in told.detail("quiet")
    assert field.content(told.document, "w.txt") == "w"


def test_ci_is_strict_unless_it_is_told_otherwise(field: Field) -> None:
    field.variables = {"CI": "true"}
    bad = task("bad", WORK + 'echo x > "$SWARM_REPO/new.txt"')
    assert field.run(bad).outcomes == {"bad": "rejected"}
    field.variables = {"CI": "true", "SWARM_ISOLATION": "evidence"}
    assert field.run(bad | {"run": ["sh", "-c", WORK + 'echo y > "$SWARM_REPO/new.txt"']}).outcomes == {
        "bad": "completed"
    }


def test_a_worker_that_names_the_file_is_guilty_and_the_others_are_not(field: Field) -> None:
    bad = (
        WORK
        + 'until [ -e $MARKS/on ]; do sleep 0.02; done; echo "writing $SWARM_REPO/a.txt"; echo x > "$SWARM_REPO/a.txt"; touch $MARKS/bad'
    )
    good = "touch $MARKS/on; until [ -e $MARKS/bad ]; do sleep 0.02; done; sleep 0.3; echo $WORD > honest.txt"
    for variables in ({"WORD": "one"}, {"WORD": "two", **STRICT}):
        field.git("checkout", "-q", "a.txt")
        for mark in ("on", "bad"):
            (field.marks / mark).unlink(missing_ok=True)
        field.variables = variables
        told = field.run(task("bad", bad), task("good", good))
        assert told.outcomes == {"bad": "rejected", "good": "completed"}, told


def test_a_worker_without_work_of_its_own_did_it_elsewhere(field: Field) -> None:
    told = field.run(task("bad", 'cd "$SWARM_REPO"; echo x > a.txt', validation={"command": "true"}))
    assert told.outcomes == {"bad": "rejected"}, told


def test_a_file_that_just_this_task_was_to_write(field: Field) -> None:
    told = field.run(task("bad", 'echo x > "$SWARM_REPO/a.txt"; echo w > b.txt', files=["a.txt", "b.txt"]))
    assert told.outcomes == {"bad": "rejected"}, told


def test_what_the_user_had_can_be_had_again(field: Field) -> None:
    field.write("a.txt", "the user's\n")
    field.write("note.txt", "untracked\n")
    told = field.run(task("bad", WORK + 'echo x > "$SWARM_REPO/a.txt"; rm "$SWARM_REPO/note.txt"'))
    kept = re.search(r"git show (\S+):PATH", told.detail("bad"))
    assert kept, told
    assert field.git("show", f"{kept[1]}:a.txt") == "the user's"
    assert field.git("show", f"{kept[1]}:note.txt") == "untracked"
    assert (field.top / "a.txt").read_text() == "x\n"  # never put back by us


def test_settings_and_stashes_can_be_had_again(field: Field) -> None:
    field.write("a.txt", "stashed\n")
    field.git("stash", "-q")
    stash, config = field.git("rev-parse", "stash"), (field.top / ".git" / "config").read_text()
    script = "git stash drop -q; git config a.b c"
    told = field.run(task("bad", WORK + script))
    assert f"ref refs/stash: gone (was {stash[:12]})" in told.detail("bad")
    assert field.git("show", f"{stash}:a.txt") == "stashed"
    copy = re.search(r"config: changed, as it was: (\S+?)[,;]?(?:\s|$)", told.detail("bad"))
    assert copy, told
    assert (Path(copy[1]) / "config").read_text() == config


def test_a_configuration_that_git_cannot_read_stops_the_run_and_it_goes_on_when_it_is_mended(field: Field) -> None:
    script = 'c="$(git rev-parse --git-common-dir)"; echo w > w.txt; echo "[" >> "$c/config"'
    config = (field.top / ".git" / "config").read_text()
    with field.running(task("bad", script), task("good", "echo g > g.txt", blockedBy=["bad"])) as going:
        out, err = going.process.communicate(timeout=60)
    assert going.process.returncode == 1
    assert "bad config" in out, out
    (field.top / ".git" / "config").write_text(config)
    told = field.swarm("resume", "--json")
    field.check(told)
    assert told.outcomes == {"bad": "completed", "good": "completed"}, told


MOVES = {
    "deletes it": 'git update-ref -d "refs/heads/swarm/$SWARM_RUN_ID"',
    "deletes it and collects": 'git branch -qD "swarm/$SWARM_RUN_ID"; git reflog expire --expire=now --all; git gc -q --prune=now',
    "moves it on": 'git commit -q --allow-empty -m x; git update-ref "refs/heads/swarm/$SWARM_RUN_ID" HEAD',
    "moves it back": 'git update-ref "refs/heads/swarm/$SWARM_RUN_ID" HEAD^',
    "works on it": 'git checkout -q "swarm/$SWARM_RUN_ID"; echo sly > sly.txt; git add sly.txt; git commit -qm sly; git rm -q sly.txt',
}


@pytest.mark.parametrize("script", MOVES.values(), ids=MOVES)
def test_the_run_branch_is_what_was_checked(field: Field, script: str) -> None:
    field.commit({"c.txt": "c\n"})
    first = task("first", "echo f > f.txt")
    bad = task("bad", script + "; echo w > w.txt", blockedBy=["first"])
    last = task("last", "cat f.txt w.txt > l.txt", blockedBy=["bad"])
    told = field.run(first, bad, last)
    assert told.outcomes == {"first": "completed", "bad": "completed", "last": "completed"}, told
    assert "The run branch is at" in told.err
    assert "sly.txt" not in field.tree(told.document)
    assert told.document["landed"] == told.document["head"]


def test_the_branch_of_a_finished_run_that_was_moved_does_not_land(field: Field) -> None:
    bad = task(
        "bad", 'echo w > w.txt; (setsid sh -c "sleep 0.1" &) ; git update-ref "refs/heads/swarm/$SWARM_RUN_ID" HEAD'
    )
    assert field.run(bad).outcomes == {"bad": "completed"}
    assert field.git("rev-parse", "HEAD^{tree}") == field.git("rev-parse", "main^{tree}")


def test_writing_into_another_worktree_fails_by_the_manifest_and_is_tried_again(field: Field) -> None:
    victim = "touch $MARKS/$SWARM_ATTEMPT; [ $SWARM_ATTEMPT = 2 ] || until [ -e $MARKS/done ]; do sleep 0.02; done; echo v > v.txt"
    bad = "until [ -e $MARKS/1 ]; do sleep 0.02; done; echo x > ../victim-1/sly.txt; touch $MARKS/done; echo w > w.txt"
    told = field.run(task("victim", victim, files=["v.txt"], max_retries=2), task("bad", bad))
    assert told.outcomes == {"victim": "completed", "bad": "completed"}, told
    assert "sly.txt" not in field.tree(told.document)


def test_deleting_the_own_worktree_fails_the_attempt_alone(field: Field) -> None:
    told = field.run(task("bad", 'echo w > w.txt; rm -rf "$PWD"'), task("good", "echo g > g.txt"))
    assert told.outcomes == {"bad": "rejected", "good": "completed"}, told
    assert "is gone" in told.detail("bad")


def test_deleting_all_worktrees_loses_attempts_and_no_task(field: Field) -> None:
    good = "touch $MARKS/good-$SWARM_ATTEMPT; [ $SWARM_ATTEMPT = 2 ] || until [ -e $MARKS/bad ]; do sleep 0.02; done; cd $PWD; echo g > g.txt"
    bad = 'until [ -e $MARKS/good-1 ]; do sleep 0.02; done; cd /; rm -rf "$SWARM_REPO/.swarm"; touch $MARKS/bad'
    told = field.run(task("bad", bad, allow_empty=True), task("good", good, max_retries=2))
    assert told.outcomes["good"] == "completed", told
    assert told.outcomes["bad"] == "rejected"
