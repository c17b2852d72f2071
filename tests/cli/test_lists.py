"""Task lists of other tools, from their own files to commits and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TOP, Said, User, task, waits
from tests.standins import calls, install, issues

LISTS = TOP / "fixtures/lists"

WORKER = """\
case " $FAILS " in *" $SWARM_TASK_ID "*) echo 'it does not work' >&2; exit 3;; esac
path=$(grep -oE '(src|tests)/[a-z_/]+[.]py|docs/|ruff[.]toml|[a-z]+[.]txt' "$SWARM_PROMPT" | head -1)
case "$path" in '') path="out/$SWARM_TASK_ID";; */) path="${path}page";; esac
mkdir -p "$(dirname "$path")" && echo "$SWARM_TASK_ID" >> "$path"
"""


@pytest.fixture
def worker(user: User) -> str:
    """An agent that writes the file that its task names, and fails at the tasks in FAILS."""
    return str(user.place_program("worker", WORKER))


def use(user: User, sample: str, *, commit: bool = True) -> None:
    """Copy a sample into the repository."""
    shutil.copytree(LISTS / sample, user.top, dirs_exist_ok=True)
    if commit:
        user.git("add", "-A")
        user.git("commit", "-q", "-m", "the list")


def run(user: User, worker: str, *words: str, **environment: str) -> Said:
    return user.swarm("run", *words, "--agent-cmd", worker, "--max-retries", "0", "--json", **environment)


def outcomes(said: Said) -> dict[str, str]:
    return {one["id"]: one["outcome"] for one in said.document["tasks"]}


def subjects(user: User) -> set[str]:
    return set(user.git("log", "--format=%s").splitlines())


def bead(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"bd-{number}",
        "title": f"Bead {number}",
        "status": "open",
        "issue_type": "task",
        "priority": 2,
        **more,
    }


def test_spec_kit_to_commits_and_back(user: User, worker: str) -> None:
    """The worker ticks its box itself, as it may have read elsewhere; and the user adds a task meanwhile."""
    use(user, "spec-kit")
    file = user.top / "specs/001-todo-cli/tasks.md"
    before = file.read_text()
    ticking = (
        f'{WORKER}sed -i.bak "s/- \\[ ] $SWARM_TASK_ID/- [x] $SWARM_TASK_ID/" specs/*/tasks.md; rm -f specs/*/*.bak\n'
    )
    user.place_program("worker", f"{ticking}[ $SWARM_TASK_ID != T003 ] || echo '- [ ] T011 Mine' >> '{file}'\n")
    said = run(user, worker, "--from", "spec-kit", "--write-back")
    assert (said.code, set(outcomes(said).values())) == (0, {"completed"})
    assert said.document["landed"] == user.git("rev-parse", "HEAD")
    assert file.read_text().splitlines() == [
        *(
            line.replace("- [ ] T0", "- [X] T0") if line.startswith("- [ ] T0") else line
            for line in before.splitlines()
        ),
        "- [ ] T011 Mine",
    ]
    # The tick is the user's to commit: the run's own commits do not touch the list.
    assert user.git("status", "--porcelain") == " M specs/001-todo-cli/tasks.md"
    assert user.git("log", "--format=%s", "--", "specs") == "the list"
    assert "Create the Task model in src/todo/model.py" in subjects(user)
    again = user.swarm("plan", "--from", "spec-kit", "--json")
    assert [one["id"] for one in again.document["tasks"] if not one["done"]] == ["T011"]


def test_without_write_back_nothing_is_written(user: User, worker: str) -> None:
    use(user, "checklist")
    assert run(user, worker, "TODO.md").code == 0
    assert user.git("status", "--porcelain") == ""


def test_a_checklist_with_edits_that_are_not_committed(user: User, worker: str) -> None:
    use(user, "checklist")
    file = user.write("TODO.md", (LISTS / "checklist/TODO.md").read_text() + "- [ ] fails\r\n")
    before = file.read_text()
    said = run(user, worker, "--from", "checklist:TODO.md", "--write-back", FAILS="2.1 5")
    assert outcomes(said) == {
        **dict.fromkeys(("1", "2", "2.2", "3", "4"), "completed"),
        "2.1": "failed",
        "2.1.1": "skipped",
        "5": "failed",
    }
    assert (said.code, said.document["landed"]) == (1, user.git("rev-parse", "HEAD"))
    done = ("Add the model", "Print it", "Write the changelog")
    wanted = [
        line.replace("[ ]", "[x]") if line.strip().removeprefix("1. ").removeprefix("- ")[4:] in done else line
        for line in before.splitlines()
    ]
    assert file.read_text().splitlines() == wanted


def test_task_master_to_commits_and_back(user: User, worker: str) -> None:
    use(user, "task-master")
    file = user.top / ".taskmaster/tasks/tasks.json"
    before = file.read_text()
    said = run(user, worker, "--from", "task-master", "--write-back")
    assert said.code == 0
    assert outcomes(said) == dict.fromkeys(("1", "2.1", "2.2", "3"), "completed")
    old, new = before.splitlines(), file.read_text().splitlines()
    assert len(old) == len(new)
    assert {line.strip() for line, other in zip(new, old, strict=True) if line != other} == {
        '"status": "done",',
        '"status": "done"',
    }
    statuses = [one["status"] for one in json.loads(file.read_text())["master"]["tasks"]]
    assert statuses == ["done", "done", "done", "deferred", "pending"]
    assert "5 is left out: it waits for 4" in said.err
    docs = user.swarm("plan", "--from", "task-master:.taskmaster/tasks/tasks.json#docs", "--json").document
    assert [one["subject"] for one in docs["tasks"]] == ["Write the guide"]


def test_claudes_own_list_to_commits_and_back(user: User, worker: str) -> None:
    folder = user.home / ".claude/tasks/my-list"
    shutil.copytree(LISTS / "claude", folder)
    said = run(user, worker, "--from", "claude", "--write-back")
    assert outcomes(said) == dict.fromkeys("123", "completed")
    for name in ("1", "2", "3"):
        sample = (LISTS / f"claude/{name}.json").read_bytes()
        assert (folder / f"{name}.json").read_bytes() == sample.replace(b'"pending"', b'"completed"')
    assert sorted(path.name for path in folder.iterdir()) == [".highwatermark", "1.json", "2.json", "3.json"]
    unknown = user.swarm("plan", "--from", "claude:yours")
    assert (unknown.code, unknown.err.splitlines()[1]) == (2, " hint: there are: my-list")


def test_github_issues_to_commits_and_back(user: User, worker: str) -> None:
    outside = [{"number": number, "state": state, "elsewhere": True} for number, state in ((5, "CLOSED"), (6, "OPEN"))]
    state = install(user.base / "bin", "gh", [*json.loads((LISTS / "github/issues.json").read_text()), *outside])
    said = run(user, worker, "--from", "github:milestone=Release 2", "--write-back", FAILS="14")
    assert outcomes(said) == {"11": "completed", "12": "completed", "13": "completed", "14": "failed"}
    after = issues(state)
    assert [after[number]["state"] for number in ("10", "11", "12", "13", "14", "15")] == [
        "OPEN",
        *["CLOSED"] * 3,
        "OPEN",
        "OPEN",
    ]
    (comment,) = after["12"]["comments"]
    commit = next(one["commit"] for one in said.document["tasks"] if one["id"] == "12")
    assert comment["body"] == f"Completed by swarm run {said.document['run_id']} in commit {commit}."
    assert "attempt 1: failed" in after["14"]["comments"][0]["body"]
    assert "comments" not in after["11"]


def test_what_github_does_not_close_counts_as_failed(user: User, worker: str) -> None:
    listed = json.loads((LISTS / "github/issues.json").read_text())[1:3]
    install(user.base / "bin", "gh", listed, stuck=["12"])
    said = run(user, worker, "--from", "github:label=enhancement", "--write-back")
    assert said.code == 1
    install(user.base / "bin", "gh", [], logged_out=True)
    refused = user.swarm("plan", "--from", "github:label=enhancement")
    assert (refused.code, "gh auth login" in refused.err) == (1, True)


@pytest.mark.parametrize(
    "manners", [{"old": True}, {"envelope": True, "chatter": True}, {"show_object": True}], ids=str
)
def test_ready_beads_are_claimed_and_closed(user: User, worker: str, manners: dict[str, Any]) -> None:
    listed = [bead(number) for number in range(1, 13)]
    listed += [bead(20, issue_type="epic"), bead(21, dependencies=[{"id": "bd-1", "dependency_type": "blocks"}])]
    state = install(user.base / "bin", "bd", listed, pinned=["bd-3"], **manners)
    said = run(user, worker, "--from", "beads", FAILS="bd-2")
    assert said.code == 1
    assert set(outcomes(said)) == {f"bd-{number}" for number in range(1, 13)}  # more than the old limit of 10
    after = issues(state)
    assert {number for number, one in after.items() if one["status"] == "closed"} == {
        f"bd-{number}" for number in (1, *range(4, 13))
    }
    assert (after["bd-2"]["status"], after["bd-2"]["labels"]) == ("blocked", ["swarm-escalated"])
    assert "attempt 1: failed. exit code 3" in after["bd-2"]["comments"][0]["text"]
    assert (after["bd-3"]["status"], after["bd-20"]["status"], after["bd-21"]["status"]) == (
        "in_progress",
        "open",
        "open",
    )
    claims = [call[1] for call in calls(state) if "--claim" in call]
    assert sorted(claims) == sorted(f"bd-{number}" for number in range(1, 13))
    commit = next(one["commit"] for one in said.document["tasks"] if one["id"] == "bd-1")
    assert after["bd-1"]["close_reason"] == f"swarm run {said.document['run_id']}, commit {commit}"


def test_a_bead_that_somebody_else_has_is_not_worked_on(user: User, worker: str) -> None:
    state = install(user.base / "bin", "bd", [bead(1, assignee="ada"), bead(2)])
    said = run(user, worker, "--bead-ids", "bd-1,bd-2")
    assert outcomes(said) == {"bd-1": "failed", "bd-2": "completed"}
    assert "already claimed by ada" in next(one["detail"] for one in said.document["tasks"] if one["id"] == "bd-1")
    after = issues(state)
    assert (after["bd-1"]["status"], after["bd-1"]["assignee"]) == ("open", "ada")
    assert "Bead 1" not in subjects(user)


def test_beads_are_left_alone_if_the_user_says_so(user: User, worker: str) -> None:
    state = install(user.base / "bin", "bd", [bead(1)])
    assert run(user, worker, "--from", "beads", "--no-write-back").code == 0
    assert [call[0] for call in calls(state)] == ["ready"]


def test_an_assistant_takes_a_list_step_by_step(user: User) -> None:
    use(user, "checklist")
    handed = user.swarm("next", "--from", "checklist:TODO.md", "--write-back", "--tools", "Task", "--json").document
    assert {one["task"] for one in handed["assignments"]} == {"2", "3", "4"}
    for one in handed["assignments"]:
        worktree = user.top / one["worktree"]
        (worktree / f"out-{one['task']}").write_text("x\n")
        result = {"schema_version": 1, "type": "completion", "task_id": one["task"], "status": "done", "detail": "made"}
        (worktree / handed["result"]).write_text(json.dumps({**result, "artifacts": [f"out-{one['task']}"]}))
        assert user.swarm("done", one["task"]).code == 0
    ticked = [line for line in (user.top / "TODO.md").read_text().splitlines() if "[x]" in line]
    # The list that it ticks is still the list of this run, and not a new one.
    again = user.swarm("next", "--from", "checklist:TODO.md", "--write-back", "--tools", "Task", "--json").document
    assert (again["run_id"], {one["task"] for one in again["assignments"]}) == (handed["run_id"], {"2.1", "2.2"})
    assert ticked == ["- [x] Choose a format", "- [x] Add the model", "1. [x] Write the changelog", "- [x] Print it"]


@pytest.mark.parametrize(
    ("sample", "words", "count"),
    [
        ("spec-kit", ["specs/001-todo-cli/tasks.md"], 10),
        ("spec-kit", ["--from", "spec-kit:specs/001-todo-cli"], 10),
        ("spec-kit", ["--from", "specs/001-todo-cli/tasks.md"], 10),
        ("task-master", [".taskmaster/tasks/tasks.json"], 4),
        ("checklist", ["--from", "TODO.md"], 7),
        ("claude", ["."], 3),
    ],
)
def test_a_list_is_known_by_its_content(stranger: User, sample: str, words: list[str], count: int) -> None:
    said = stranger.swarm("plan", *words, "--json", folder=LISTS / sample)
    assert (said.code, len(said.document["tasks"])) == (0, count)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--from", "jira:X"], "no kind of task list is called 'jira'"),
        (["--from", "nothing.md"], "'nothing.md' is no kind of task list, and no file of that name is there"),
        (["--from", "spec-kitt:a.md"], "no kind of task list is called 'spec-kitt'"),
        (["a.md"], "a.md: does not tell what kind of task list it is"),
        (["tasks.json", "--from", "beads"], "there are two task lists: a file and --from"),
        ([], "no task list is named"),
        (["--from", "spec-kit"], "there is no specs/*/tasks.md here"),
        (["--from", "checklist"], "--from checklist names no file"),
    ],
)
def test_lists_that_cannot_be_told(user: User, words: list[str], error: str) -> None:
    user.write("a.md", "# nothing\n")
    said = user.swarm("plan", *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"error: {error}")
    assert len(said.err.splitlines()) == 2
    assert user.untouched


def test_a_task_file_has_nothing_to_be_written_back_to(user: User) -> None:
    said = user.swarm("run", user.tasks(task("a", ["true"])), "--write-back")
    assert (said.code, user.untouched) == (2, True)
    assert "nothing can be written back to" in said.err


def test_the_program_of_a_list_has_to_be_there(user: User) -> None:
    bare = str(user.base / "empty")
    said = user.swarm("plan", "--from", "github:label=x", PATH=f"{bare}:{shutil.which('git').rpartition('/')[0]}")
    if shutil.which("gh"):
        pytest.skip("gh is installed")
    assert (said.code, said.err.splitlines()[0]) == (1, "error: gh is not on PATH, and it keeps the list")


def test_a_mayor_that_dies_ticks_what_is_open_when_it_is_resumed(user: User, worker: str) -> None:
    user.write("TODO.md", "- [ ] first\n- [ ] second\n")
    gate = user.gate()
    user.place_program("worker", f"{WORKER}[ $SWARM_TASK_ID = 1 ] || until [ -e '{gate}' ]; do sleep 0.02; done\n")
    mayor = user.start("run", "TODO.md", "--write-back", "--agent-cmd", worker)
    user.until(lambda: "[x] first" in (user.top / "TODO.md").read_text(), 60)
    mayor.kill()
    mayor.communicate()
    gate.touch()
    assert user.swarm("resume").code == 0
    assert (user.top / "TODO.md").read_text() == "- [x] first\n- [x] second\n"
    assert Path(user.top / "out/2").read_text() == "2\n"
