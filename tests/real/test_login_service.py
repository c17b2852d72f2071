"""Five tasks write a login service, with real tests as their checks, around what the user is busy with."""

from __future__ import annotations

import json
import shutil
import sys

from tests.real.harness import ROOT, Project, project

__all__ = ["project"]

FIXTURE = ROOT / "fixtures" / "auth"


def test_five_tasks_become_five_commits_and_the_users_files_stay(project: Project) -> None:
    shutil.copytree(FIXTURE / "repo", project.top, dirs_exist_ok=True)
    base = project.commit_all("Before the login service")
    (project.top / "README.md").write_text("the user is just editing this\n")
    (project.top / "notes.txt").write_text("untracked\n")
    dirty = project.git("status", "--porcelain")

    ran = project.swarm("run", FIXTURE / "tasks.json", "--json")

    assert ran.code == 0, ran.stderr
    document = ran.document
    tasks = {task["id"]: task for task in document["tasks"]}
    listed = json.loads((FIXTURE / "tasks.json").read_text())
    assert (document["outcome"], document["landed"]) == ("completed", document["head"])
    assert [task["outcome"] for task in tasks.values()] == ["completed"] * 5

    # One commit per task on top of each other, each after those it waits for, each with its trailers.
    assert project.git("rev-parse", "main", document["branch"]).split("\n") == [document["head"]] * 2
    assert project.git("rev-list", "--count", "--first-parent", f"{base}..main") == "5"
    assert project.git("rev-list", "--count", f"{base}..main") == "5"
    order = project.trailers(f"{base}..main", "Swarm-Task")
    assert sorted(order) == ["1", "2", "3", "4", "5"]
    for task in listed:
        for blocker in task.get("blockedBy", []):
            assert order.index(str(blocker)) < order.index(str(task["id"])), (task["id"], order)
    assert project.trailers(f"{base}..main", "Swarm-Run") == [document["run_id"]] * 5
    assert project.trailers(f"{base}..main", "Swarm-Attempt") == ["1"] * 5
    commits = project.git("log", "--reverse", "--format=%H %an <%ae> %s", f"{base}..main").split("\n")
    subjects = {str(task["id"]): task["subject"] for task in listed}
    expected = [f"{tasks[task]['commit']} Ada <ada@example.com> {subjects[task]}" for task in order]
    assert [line.split(" ", 1) for line in commits] == [line.split(" ", 1) for line in expected]

    # What a task wrote is what its manifest names.
    for task in listed:
        files = project.git("diff-tree", "-r", "--name-only", "--no-commit-id", tasks[str(task["id"])]["commit"])
        assert set(files.split("\n")) <= set(task["metadata"]["files"]), task["id"]

    # The tip works, in the user's own checkout, around what the user was busy with.
    tests = project.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert tests.code == 0, tests.stdout
    assert project.git("status", "--porcelain") == dirty
    assert (project.top / "README.md").read_text() == "the user is just editing this\n"
    assert (project.top / "notes.txt").read_text() == "untracked\n"
    assert (project.top / "auth" / "tokens.py").is_file()
    assert project.attempts_left() == []


def test_a_file_that_is_in_the_way_is_not_touched_and_the_landing_can_be_done_later(project: Project) -> None:
    shutil.copytree(FIXTURE / "repo", project.top, dirs_exist_ok=True)
    base = project.commit_all("Before the login service")
    (project.top / "auth").mkdir()
    (project.top / "auth" / "users.py").write_text("the user's own draft\n")

    ran = project.swarm("run", FIXTURE / "tasks.json", "--json")

    assert ran.code == 0, ran.stderr
    document = ran.document
    assert not document["landed"]
    assert [task["outcome"] for task in document["tasks"]] == ["completed"] * 5
    assert project.git("rev-parse", "main") == base
    assert (project.top / "auth" / "users.py").read_text() == "the user's own draft\n"
    told = project.swarm("status").stdout
    assert "auth/users.py" in told
    (project.top / "auth" / "users.py").unlink()
    project.git("merge", "-q", "--ff-only", document["branch"])
    assert project.git("rev-parse", "main") == document["head"]
