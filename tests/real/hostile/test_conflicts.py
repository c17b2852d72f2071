"""Two workers whose work does not go together: a fresh attempt with the context, or an end; never a dropped line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.hostile.field import Field, task

TIP = 'git rev-parse "refs/heads/swarm/$SWARM_RUN_ID"'
AFTER_FIRST = f'touch $MARKS/up; until [ "$({TIP})" != "$(git rev-parse HEAD)" ]; do sleep 0.02; done; '
FIRST = "until [ -e $MARKS/up ]; do sleep 0.02; done; "
BINARY = "printf 'x\\0%s' "

CLASHES = {
    "the same line": ("sed -i s/2/first/ a.txt", "sed -i s/2/second/ a.txt", "a.txt"),
    "lines side by side": ("sed -i s/2/first/ a.txt", "sed -i s/3/second/ a.txt", "a.txt"),
    "both add a file": ("echo first > n.txt", "echo second > n.txt", "n.txt"),
    "renamed and edited": ("git mv a.txt z.txt; sed -i s/2/first/ z.txt", "sed -i s/2/second/ a.txt", "a.txt"),
    "renamed twice": ("git mv a.txt y.txt", "git mv a.txt z.txt", "z.txt"),
    "deleted and edited": ("rm a.txt", "echo second >> a.txt", "a.txt"),
    "edited and deleted": ("echo first >> a.txt", "rm a.txt", "a.txt"),
    "deleted and another mode": ("rm a.txt", "chmod +x a.txt", "a.txt"),
    "two links": ("ln -sf b.txt a.txt", "ln -sf src a.txt", "a.txt"),
    "a link and an edit": ("ln -sf b.txt a.txt", "echo second >> a.txt", "a.txt"),
    "binary": (BINARY + "first > bin", BINARY + "second > bin", "bin"),
    "a file and a folder": ("echo first > x", "mkdir x; echo second > x/y", "x"),
    "a submodule's pointer": (
        "cd lib; git init -q; git fetch -q ../../../../../../lib first; git checkout -q FETCH_HEAD",
        "cd lib; git init -q; git fetch -q ../../../../../../lib second; git checkout -q FETCH_HEAD",
        "lib",
    ),
}


@pytest.mark.parametrize(("one", "two", "path"), CLASHES.values(), ids=CLASHES)
def test_the_second_gets_a_fresh_attempt_with_all_it_needs(field: Field, one: str, two: str, path: str) -> None:
    _with_submodule(field)
    again = (
        'cp "$SWARM_PROMPT" $MARKS/prompt; cp "${SWARM_PROMPT%.md}.previous.diff" $MARKS/diff; echo again > again.txt'
    )
    second = f"if [ $SWARM_ATTEMPT = 1 ]; then {AFTER_FIRST}{two}; else {again}; fi"
    told = field.run(task("first", FIRST + one), task("second", second))
    assert told.outcomes == {"first": "completed", "second": "completed"}, told
    assert next(row["attempts"] for row in told.document["tasks"] if row["id"] == "second") == 2
    assert "does not merge with the run branch" in told.err
    prompt, diff = (field.marks / "prompt").read_text(), (field.marks / "diff").read_bytes()
    assert path in prompt
    assert ".previous.diff" in prompt
    assert path.encode() in diff
    (field.tmp / "patch").write_bytes(diff)
    field.git("checkout", "-q", "--detach", told.document["base"])
    field.git("apply", "--check", str(field.tmp / "patch"))


TOGETHER = {
    "renamed, and edited elsewhere": ("git mv a.txt z.txt", "echo second >> a.txt", "z.txt", "1\n2\n3\nsecond"),
    "another mode, and edited": ("chmod +x a.txt", "echo second >> a.txt", "a.txt", "1\n2\n3\nsecond"),
    "the same edit": ("echo both >> a.txt", "echo both >> a.txt; echo s > s.txt", "a.txt", "1\n2\n3\nboth"),
    "two ends of a file": ("sed -i s/1/first/ a.txt", "echo second >> a.txt", "a.txt", "first\n2\n3\nsecond"),
}


@pytest.mark.parametrize(("one", "two", "path", "content"), TOGETHER.values(), ids=TOGETHER)
def test_what_goes_together_is_merged_with_every_line(
    field: Field, one: str, two: str, path: str, content: str
) -> None:
    told = field.run(task("first", FIRST + one), task("second", AFTER_FIRST + two))
    assert told.outcomes == {"first": "completed", "second": "completed"}, told
    assert field.content(told.document, path) == content
    assert (field.top / path).read_text() == content + "\n"


def test_a_folder_that_one_side_renamed_does_not_swallow_the_others_new_file(field: Field) -> None:
    second = f"if [ $SWARM_ATTEMPT = 1 ]; then {AFTER_FIRST}echo n > src/n.py; else echo again > again.txt; fi"
    told = field.run(task("first", FIRST + "git mv src lib"), task("second", second))
    assert told.outcomes == {"first": "completed", "second": "completed"}, told
    assert "src/n.py" in told.err
    assert field.tree(told.document).keys() >= {"lib/c.py", "again.txt"}


def test_work_that_conflicts_twice_ends_as_conflicted_and_is_kept(field: Field) -> None:
    wait = f'touch $MARKS/up-$SWARM_ATTEMPT; until [ "$({TIP})" != "$(git rev-parse HEAD)" ]; do sleep 0.02; done; '
    second = wait + "sed -i 2s/.*/second-$SWARM_ATTEMPT/ a.txt"
    first = [
        task(f"first-{n}", f"until [ -e $MARKS/up-{n} ]; do sleep 0.02; done; sed -i 2s/.*/first-{n}/ a.txt")
        for n in (1, 2)
    ]
    first[1]["blockedBy"] = ["first-1"]
    told = field.run(*first, task("second", second))
    assert told.outcomes == {"first-1": "completed", "first-2": "completed", "second": "conflicted"}, told
    assert "a.txt" in told.detail("second")
    kept = f"refs/swarm/{told.document['run_id']}/second-2"
    assert field.git("show", f"{kept}:a.txt") == "1\nsecond-2\n3"
    why = field.swarm("why", "second").out
    assert kept in why or "second-2" in why


def test_work_that_merges_and_breaks_together_never_reaches_the_branch(field: Field) -> None:
    check = {"command": "! { test -e one.txt && test -e two.txt && ! test -e both.txt; }", "shell": True}
    two = f"if [ $SWARM_ATTEMPT = 1 ]; then {AFTER_FIRST}echo 2 > two.txt; else cp $SWARM_PROMPT $MARKS/prompt; echo 2 > two.txt; echo b > both.txt; fi"
    told = field.run(
        task("one", FIRST + "echo 1 > one.txt", validation={"command": check}),
        task("two", two, validation={"command": check}, max_retries=1),
    )
    assert told.outcomes == {"one": "completed", "two": "completed"}, told
    for commit in field.git("rev-list", f"{told.document['base']}..{told.document['head']}").split():
        names = field.git("ls-tree", "--name-only", commit).split("\n")
        assert "both.txt" in names or not {"one.txt", "two.txt"} <= set(names)
    assert "exit code 1" in Path(field.marks / "prompt").read_text()


def test_a_check_of_the_whole_run_sees_the_merged_tree(field: Field) -> None:
    whole = {
        "name": "together",
        "type": "command",
        "command": "! { test -e one.txt && test -e two.txt; }",
        "shell": True,
    }
    told = field.run(
        task("one", FIRST + "echo 1 > one.txt"), task("two", AFTER_FIRST + "echo 2 > two.txt"), cross_cutting=[whole]
    )
    assert told.outcomes == {"one": "completed", "two": "rejected"}, told
    assert "two.txt" not in field.tree(told.document)


def _with_submodule(field: Field) -> None:
    """A submodule with two branches, and a binary file."""
    field.git("clone", "-q", ".", str(field.tmp / "lib"))
    for name in ("first", "second"):
        field.git("checkout", "-q", "-b", name, "main", folder=field.tmp / "lib")
        field.git("commit", "-q", "--allow-empty", "-m", name, folder=field.tmp / "lib")
    field.git("checkout", "-q", "main", folder=field.tmp / "lib")
    field.git("submodule", "--quiet", "add", str(field.tmp / "lib"), "lib")
    field.write("bin", b"x\0")
    field.commit()
