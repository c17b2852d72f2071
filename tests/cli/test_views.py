"""What the views of a run that is over print, and what they say to a run or task that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import User, task, writes


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user whose newest run has a task that completed on its second try, one that failed, one that was skipped."""
    user = User(tmp_path_factory.mktemp("views").resolve())
    user.make_repository()
    user.swarm("run", user.tasks(task("first", "true", allow_empty=True)))
    second_try = ["sh", "-c", 'echo "try $SWARM_ATTEMPT"; echo "$SWARM_ATTEMPT" > n']
    user.swarm(
        "run",
        user.tasks(
            task("good", second_try, files=["n"], validation={"content_check": {"file": "n", "pattern": "2"}}),
            task("bad", ["sh", "-c", "echo oh no; exit 4"], files=["b"], max_retries=0, blockedBy=["good"]),
            task("after", writes("x"), files=["x"], blockedBy=["bad"]),
        ),
    )
    return user


def test_status(user: User) -> None:
    assert user.swarm("status").out == (
        "run       RUN  incomplete, Ns since DATE\n"
        "tasks     3: 1 completed, 1 failed, 1 skipped\n"
        "branch    swarm/RUN at HASH, landed on main\n"
        "\n"
        "   id     subject   state      tries  time  commit   detail\n"
        "–  after  Do after  skipped                          bad did not complete\n"
        "✗  bad    Do bad    failed     1      Ns           exit code 4\n"
        "✓  good   Do good   completed  2      Ns  HASH  no result file\n"
        "\n"
        "why       swarm why bad\n"
    )


def test_runs(user: User) -> None:
    lines = user.swarm("runs").lines
    assert lines[0].split() == ["run", "started", "time", "outcome", "completed", "branch"]
    assert lines[1].split() == ["RUN", "DATE", "Ns", "completed", "1/1", "swarm/RUN", "(landed)"]
    assert lines[2].split() == ["RUN", "DATE", "Ns", "incomplete", "1/3", "swarm/RUN", "(landed)"]
    documents = user.swarm("runs", "--json").document["runs"]
    assert [run["outcome"] for run in documents] == ["completed", "incomplete"]


def test_tree(user: User) -> None:
    assert user.swarm("tree").out == (
        "RUN  incomplete, 1 of 3 tasks, Ns\n✓ good  Do good\n└─ ✗ bad  Do bad  failed\n   └─ – after  Do after  skipped\n"
    )


def test_why_of_a_skipped_task(user: User) -> None:
    assert user.swarm("why", "after").out == (
        '– after "Do after": skipped\n'
        "  bad did not complete\n"
        "  after waits for bad (failed: exit code 4)\n"
        "\n"
        "next\n"
        "  swarm why bad    # what the others wait for\n"
        "  swarm retry bad  # try that again; what was skipped because of it follows\n"
    )


def test_why_of_a_failed_task_tells_what_to_do_next(user: User) -> None:
    said = user.swarm("why", "bad")
    assert said.lines[0] == '✗ bad "Do bad": failed in Ns'
    assert "    │ oh no" in said.lines
    next_lines = said.lines[said.lines.index("next") + 1 :]
    commands = [line.partition("#")[0].split() for line in next_lines]
    assert [command[:2] for command in commands] == [["swarm", "logs"], ["cd", "'~/my"], ["swarm", "retry"]]
    for name in ("worktree", "prompt", "log"):
        path = next(line for line in said.raw.decode().splitlines() if line.startswith(f"  {name} ")).split(None, 1)[1]
        assert Path(path).exists()


def test_logs_of_each_attempt(user: User) -> None:
    assert user.swarm("logs", "good").out == "try 2\n"
    assert user.swarm("logs", "good", "--attempt", "1").out == "try 1\n"
    assert user.swarm("logs", "good", "--json").document["lines"] == ["try 2"]
    said = user.swarm("logs", "good", "--attempt", "7")
    assert (said.err, said.code) == ("error: task good has no log of attempt 7\n hint: swarm why good\n", 2)


def test_events_chosen_by_type_and_task(user: User) -> None:
    assert user.swarm("events", "--task", "bad").out == (
        "TIME  bad #1    worker started from HASH, process PID\n"
        "TIME  bad #1    worker ended after Ns with exit code 4\n"
    )
    assert user.swarm("events", "--type", "Landed").out == "TIME  run       landed on main at HASH\n"
    document = user.swarm("events", "--type", "worker-started", "--json").document
    assert [event["task"] for event in document["events"]] == ["good", "good", "bad"]
    assert user.swarm("events", "--follow", "--type", "landed", "--json").document["type"] == "landed"


def test_report(user: User) -> None:
    said = user.swarm("report")
    assert said.lines[0] == "# Run RUN: incomplete"
    assert "### bad: Do bad" in said.lines
    assert user.swarm("report", "--json").document["outcome"] == "incomplete"


def test_a_run_by_a_part_of_its_name(user: User) -> None:
    first, second = user.runs()
    assert user.swarm("status", first).out.startswith("run       RUN  completed")
    assert user.swarm("status", second.partition("-")[2].partition("-")[2], "--json").document["run_id"] == second
    said = user.swarm("status", first[:8])
    assert (said.err, said.code) == (f"error: 2 runs match '{first[:8]}'\n hint: there are: RUN, RUN\n", 1)
    said = user.swarm("why", "good", "--run", "nothing")
    assert (said.err, said.code) == ("error: no run is called 'nothing'\n hint: there are: RUN, RUN\n", 1)
    assert user.swarm("why", "first", "--run", first).code == 0


@pytest.mark.parametrize(
    "words", ["why goods", "logs goods", "retry goods", "events --task goods", "clean --task goods"]
)
def test_unknown_task(user: User, words: str) -> None:
    said = user.swarm(*words.split())
    assert (said.out, said.err, said.code) == ("", "error: run RUN has no task 'goods'\n hint: there are: good\n", 2)


def test_steering_a_run_that_is_over(user: User) -> None:
    for verb in ("stop", "kill"):
        assert user.swarm(verb).out == "run RUN: nobody is at work on it\n"
        assert user.swarm(verb, "--json").document == {"run_id": user.runs()[-1], "detail": "nobody is at work on it"}
    said = user.swarm("retry", "good")
    assert said.err == "error: task good is completed: there is nothing to try again\n hint: swarm why good\n"


def test_a_ledger_that_cannot_be_read(user: User) -> None:
    ledger = user.folder_of(0) / "events.jsonl"
    sound = ledger.read_bytes()
    ledger.write_bytes(sound[:20] + b"\xff" + sound[20:])
    try:
        said = user.swarm("status", user.runs()[0])
        assert (said.out, said.code) == ("", 1)
        assert said.err.startswith("error: ~/my repo/.git/swarm/runs/RUN/events.jsonl: line 1 is damaged (")
        assert "unreadable" in user.swarm("runs").lines[1]
        assert user.swarm("status", user.runs()[0], "--json").document["error"]["code"] == "ledger_damaged"
    finally:
        ledger.write_bytes(sound)


def test_closed_pipe_says_nothing(user: User) -> None:
    for words in (["events"], ["status", "--json"], ["report"]):
        process = user.start(*words)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 1
        process.stderr.close()


def test_a_locale_without_unicode(user: User) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    tree = user.swarm("tree", **ascii_only)
    assert tree.code == 0
    assert tree.raw.isascii()
    assert "x bad" in tree.out
    user.write("t.json", '[{"id": "ü☃", "subject": "größe", "run": "true"}]')
    assert user.swarm("plan", "t.json", "--json", **ascii_only).document["tasks"][0]["id"] == "ü☃"
    assert user.swarm("plan", "t.json", **ascii_only).code == 0


def test_clean_keeps_what_is_not_integrated(user: User) -> None:
    said = user.swarm("clean")
    kept = "kept    ~/my repo/.swarm/worktrees/RUN/bad-1: the work of task bad is not integrated (failed)"
    assert kept in said.lines
    assert said.code == 0
    assert user.swarm("clean", "--task", "bad", "--json").document["removed"] != []
    assert user.swarm("clean").out == "there is nothing to clean\n"
