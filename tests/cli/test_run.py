"""`swarm run`: what it prints, what it makes, and its exit code, by option."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import TOP, User, task, writes

OK = {"allow_empty": True, "files": ["*"]}


def pair(**more) -> list[dict]:
    """Two tasks, the second after the first, both with a manifest."""
    return [
        task("a", writes("a.out"), files=["a.out"], **more),
        task("b", writes("b.out"), files=["b.out"], blockedBy=["a"], **more),
    ]


def test_what_a_run_says_and_makes(user: User) -> None:
    user.write("dirty.txt", "mine\n")
    said = user.swarm("run", user.tasks(*pair()))
    assert (said.err, said.code) == ("", 0)
    assert said.out == (
        "TIME run       RUN: 2 tasks, 5 workers, from HASH\n"
        'TIME started   a "Do a" (attempt 1)\n'
        "TIME checking  a after Ns\n"
        "TIME merging   a\n"
        "TIME completed a in Ns  HASH; no result file\n"
        'TIME started   b "Do b" (attempt 1)\n'
        "TIME checking  b after Ns\n"
        "TIME merging   b\n"
        "TIME completed b in Ns  HASH; no result file\n"
        "TIME landed    main at HASH\n"
        "TIME over      2 completed in Ns; report: ~/my repo/.git/swarm/runs/RUN/report.md\n"
        "run RUN completed in Ns: 2 completed\n"
        "swarm/RUN is at HASH, landed on main\n"
        "report: ~/my repo/.git/swarm/runs/RUN/report.md\n"
    )
    assert user.git("log", "--format=%s %an").splitlines() == ["Do b Ada", "Do a Ada", "start Ada"]
    assert "Swarm-Task: b\nSwarm-Attempt: 1" in user.git("log", "-1", "--format=%B")
    assert user.git("status", "--porcelain") == "?? dirty.txt"
    assert (user.top / "b.out").read_text() == "x\n"


def test_json_is_one_document_and_lines_go_to_standard_error(user: User) -> None:
    said = user.swarm("run", user.tasks(*pair()), "--json")
    assert said.code == 0
    assert said.err.splitlines()[0] == "TIME run       RUN: 2 tasks, 5 workers, from HASH"
    document = said.document
    assert list(document) == [
        *("run_id", "outcome", "branch", "base", "head", "landed", "tasks", "cost_usd", "cost_estimated", "tokens"),
        *("limits", "gates", "stop_reason", "summary", "seconds"),
    ]
    assert document["outcome"] == "completed"
    assert document["branch"] == f"swarm/{document['run_id']}"
    assert document["landed"] == document["head"] == user.git("rev-parse", "HEAD")
    assert document["base"] == user.git("rev-parse", "HEAD~2")
    assert list(document["tasks"][0]) == [
        *("id", "subject", "phase", "outcome", "wave", "attempts", "agent", "model", "session", "worker"),
        *("commit", "cost_usd", "cost_estimated", "tokens", "seconds", "problem", "denied", "detail"),
    ]
    assert [(row["id"], row["phase"], row["outcome"], row["wave"]) for row in document["tasks"]] == [
        ("a", "ended", "completed", 1),
        ("b", "ended", "completed", 2),
    ]


def test_a_task_that_fails(user: User) -> None:
    tasks = [
        task("bad", ["sh", "-c", "echo oh no; exit 4"], files=["x"], max_retries=1),
        task("after", "true", blockedBy=["bad"]),
        task("other", writes("o"), files=["o"]),
    ]
    said = user.swarm("run", user.tasks(*tasks), "--max-workers", "1")
    assert said.code == 1
    assert "TIME retry     bad: exit code 4\n" in said.out
    assert "TIME failed    bad: exit code 4\nTIME skipped   after: bad did not complete\n" in said.out
    assert said.out.endswith(
        "run RUN incomplete in Ns: 1 completed, 1 failed, 1 skipped\n"
        "swarm/RUN is at HASH, landed on main\n"
        "bad failed: exit code 4  # swarm why bad\n"
        "report: ~/my repo/.git/swarm/runs/RUN/report.md\n"
    )


def test_a_dry_run_shows_the_plan_and_makes_nothing(user: User) -> None:
    said = user.swarm("run", user.tasks(*pair()), "--dry-run")
    assert (said.err, said.code) == ("", 0)
    assert said.out == (
        "2 tasks in 2 waves, up to 1 at once\n"
        "\n"
        "Wave 1\n"
        "  a  Do a\n"
        "Wave 2\n"
        "  b  Do b  after a\n"
        "\n"
        "Files\n"
        "  a.out  a\n"
        "  b.out  b\n"
        "\n"
        "No two tasks share a file.\n"
        "\n"
        "Critical path\n"
        "  a -> b\n"
    )
    document = user.swarm("run", user.tasks(*pair()), "--dry-run", "--json").document
    assert (document["waves"], document["critical_path"]) == ([["a"], ["b"]], ["a", "b"])
    assert user.untouched


def test_the_list_on_standard_input(user: User) -> None:
    text = Path(user.tasks(*pair())).read_text()
    assert user.swarm("run", "-", stdin=text).code == 0
    assert user.swarm("plan", "-", "--format", "json", stdin=text).document["tasks"][0]["id"] == "a"
    assert user.swarm("run", "-", stdin="- {id: 1, subject: s, run: 'true', allow_empty: true}").code == 0


def test_plan_formats(user: User) -> None:
    tasks = user.tasks(
        task("a", "true", files=["x", "y"]), task("b", "true", files=["x"]), task("c", "true", blockedBy=["a"])
    )
    text = user.swarm("plan", tasks)
    assert "x  a, b" in text.out
    document = user.swarm("plan", tasks, "--json")
    assert document.raw == user.swarm("plan", tasks, "--format", "json").raw
    assert {"tasks", "waves", "critical_path", "conflicts", "warnings"} <= set(document.document)
    assert document.document["conflicts"][0]["path"] == "x"
    assert user.swarm("plan", tasks, "--format", "mermaid").out.startswith("flowchart TD\n")
    assert user.swarm("plan", tasks, "--format", "dot").out.startswith("digraph ")
    assert user.untouched


def test_never_landing(user: User) -> None:
    head = user.git("rev-parse", "HEAD")
    said = user.swarm("run", user.tasks(*pair()), "--land", "never")
    assert said.code == 0
    assert "swarm/RUN is at HASH, not landed; to land: git merge --ff-only swarm/RUN\n" in said.out
    assert user.git("rev-parse", "HEAD") == head
    command = next(line for line in said.raw.decode().splitlines() if "to land: " in line).partition("to land: ")[2]
    user.git(*command.split()[1:])
    assert (user.top / "b.out").exists()


def test_wave_by_wave(user: User) -> None:
    said = user.swarm("run", user.tasks(*pair()), "--schedule", "wave", "--land", "wave", "--max-workers", "2")
    assert said.code == 0
    assert sum("landed    main" in line for line in said.lines) == 2


def test_landing_that_would_touch_the_users_file(user: User) -> None:
    user.write("b.out", "mine, not committed\n")
    said = user.swarm("run", user.tasks(*pair()))
    assert said.code == 0
    assert "unlanded" in said.out
    assert "not landed (" in said.out
    assert (user.top / "b.out").read_text() == "mine, not committed\n"


def test_fail_fast(user: User) -> None:
    tasks = [task("a-bad", "false", files=["x"], priority=0), *(task(f"t{n}", "true", **OK) for n in range(3))]
    said = user.swarm(
        "run", user.tasks(*tasks), "--max-workers", "1", "--on-failure", "fail-fast", "--max-retries", "0"
    )
    assert said.code == 1
    assert "3 cancelled" in said.out
    assert '"Do t0"' not in said.out


def test_a_worker_over_its_time(user: User) -> None:
    tasks = [task("slow", ["sleep", "60"], files=["x"])]
    said = user.swarm("run", user.tasks(*tasks), "--timeout", "0.2s", "--max-retries", "0", SWARM_GRACE="0.2")
    assert said.code == 1
    assert "slow timed_out: " in said.out


def test_a_run_over_its_time_can_be_resumed(user: User) -> None:
    gate = user.gate()
    tasks = [task("slow", ["sh", "-c", f"[ -e '{gate}' ] || sleep 60; echo x > x"], files=["x"])]
    said = user.swarm("run", user.tasks(*tasks), "--deadline", "1s", SWARM_GRACE="0.2")
    assert said.code == 1
    assert "run RUN stopped in Ns: 1 pending\n" in said.out
    assert "go on: swarm resume RUN\n" in said.out


def test_worktrees_are_kept_when_asked(user: User) -> None:
    user.swarm("run", user.tasks(*pair()), "--keep")
    kept = sorted(path.name for path in (user.top / ".swarm" / "worktrees" / user.runs()[-1]).iterdir())
    assert {"a-1", "b-1"} <= set(kept)


def test_another_base(user: User) -> None:
    user.write("later.txt", "later\n")
    user.git("add", "-A")
    user.git("commit", "-q", "-m", "later")
    said = user.swarm("run", user.tasks(*pair()), "--base", "HEAD~1")
    assert said.code == 0
    assert user.git("log", "--format=%s", f"swarm/{user.runs()[-1]}").splitlines() == ["Do b", "Do a", "start"]
    assert "not landed" in said.out


def test_the_agents_command_gets_prompt_model_and_variables(user: User) -> None:
    agent = user.base / "agent"
    agent.write_text(
        '#!/bin/sh\nprintf "%s %s %s\\n" "$1" "$2" "$SWARM_TASK_ID" > out.txt\n'
        'grep -o "Subject: Say it" "$SWARM_PROMPT" >> out.txt\nenv | grep ^GIT_ >> out.txt\necho "$SWARM_REPO" >> out.txt\n'
    )
    agent.chmod(0o755)
    tasks = user.tasks({"id": "t", "subject": "Say it", "files": ["out.txt"]})
    command = f"{agent} {{model}} 'two words'"
    said = user.swarm("run", tasks, "--agent-cmd", command, "--agent", "command", "--model", "m1", GIT_SOMETHING="x")
    assert said.code == 0
    assert (user.top / "out.txt").read_text().splitlines() == ["m1 two words t", "Subject: Say it", str(user.top)]


def test_what_a_worktree_is_given(user: User) -> None:
    user.write(".gitignore", ".env\nnode_modules\nmade\n")
    user.git("add", "-A")
    user.git("commit", "-q", "-m", "ignore")
    user.write(".env", "KEY=1\n")
    user.write("node_modules/m/i.js", "1\n")
    user.write(
        "swarm.toml",
        '[worktree]\nsetup = ["sh -c \'cat .env > made\'"]\ncopy = [".env", "absent"]\nlink = ["node_modules", "gone"]\n',
    )
    tasks = user.tasks(task("t", ["sh", "-c", "cat made .env node_modules/m/i.js > out"], files=["out"]))
    said = user.swarm("run", tasks)
    assert said.code == 0
    assert (user.top / "out").read_text() == "KEY=1\nKEY=1\n1\n"
    assert "warning: copy: absent is not in ~/my repo\nwarning: link: gone is not in ~/my repo\n" in said.out
    assert "warning: copy: absent is not in ~/my repo" in user.swarm("why", "t").out
    assert "warning: copy: absent is not in ~/my repo" in user.swarm("events").out


def test_a_setup_command_that_fails(user: User) -> None:
    user.write("swarm.toml", "[worktree]\nsetup = [\"sh -c 'echo no net; exit 3'\"]\n")
    said = user.swarm("run", user.tasks(task("t", "true", **OK)), "--max-retries", "0")
    assert said.code == 1
    assert "failed    t: set-up command `sh -c 'echo no net; exit 3'` failed (3): no net\n" in said.out


@pytest.mark.parametrize("name", ["tasks.yaml", "auth/tasks.json"])
def test_the_fixtures_can_be_planned(user: User, name: str) -> None:
    said = user.swarm("plan", str(TOP / "fixtures" / name))
    assert (said.err, said.code) == ("", 0)


@pytest.mark.parametrize("where", ["src/deep", ".linked"])
def test_from_a_sub_folder_and_from_a_linked_worktree(user: User, where: str) -> None:
    folder = user.top / where
    if where == ".linked":
        folder = user.base / "linked tree"
        user.git("worktree", "add", "-q", "-b", "side", str(folder))
    else:
        folder.mkdir(parents=True)
    said = user.swarm("run", user.tasks(*pair()), folder=folder)
    assert (said.err, said.code) == ("", 0)
    branch = "side" if where == ".linked" else "main"
    assert user.git("log", "-1", "--format=%s", branch) == "Do b"
    assert user.swarm("status", folder=folder).code == user.swarm("status").code == 0


def test_ids_that_no_path_can_hold(user: User) -> None:
    ids = ["a/b", "..", "-rf", "ünï ☃", "x" * 150, "$(id)", "A.lock"]
    tasks = [task(one, writes(f"f{number}"), files=[f"f{number}"]) for number, one in enumerate(ids)]
    said = user.swarm("run", user.tasks(*tasks), "--json")
    assert said.code == 0
    assert {row["id"] for row in said.document["tasks"]} == set(ids)
    for one in ids:
        assert user.swarm("why", "--json", "--", one).document["task"]["id"] == one


def test_two_runs_at_once(user: User) -> None:
    lists = []
    for name in ("one", "two"):
        path = user.base / f"{name}.json"
        Path(user.tasks(task(name, writes(name), files=[name]))).rename(path)
        lists.append(str(path))
    processes = [user.start("run", path, "--land", "never") for path in lists]
    assert [user.finish(process).code for process in processes] == [0, 0]
    assert len(user.runs()) == 2
