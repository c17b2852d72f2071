"""Money and tokens: what a run does when they are used up, and how it gets more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import User, task, waits, writes

SPENDER = """
# Plays `claude -p`: a session, a file, and a result with its cost.
[ "$1" = --version ] && { echo "2.1.329 (Claude Code)"; exit 0; }
cat > /dev/null
echo '{"type":"system","subtype":"init","session_id":"s-'$SWARM_TASK_ID'","model":"m"}'
echo x > "$SWARM_TASK_ID"
usage='{"m":{"inputTokens":700,"outputTokens":300,"cacheReadInputTokens":0,"cacheCreationInputTokens":0,"costUSD":0.40}}'
echo '{"type":"result","subtype":"success","is_error":false,"result":"ok","session_id":"s-'$SWARM_TASK_ID'","total_cost_usd":0.40,"num_turns":1,"modelUsage":'$usage'}'
"""


@pytest.fixture
def spender(user: User) -> User:
    """A user whose `claude` spends 0.40 dollars and 1000 tokens on each task."""
    user.place_program("claude", SPENDER)
    return user


def chain(user: User, *ids: str, **more: Any) -> str:
    """A task file in which each task waits for the one before."""
    tasks = [
        {"id": one, "subject": f"Do {one}", "files": [one], "allow_empty": True, "blocked_by": list(before), **more}
        for one, before in zip(ids, [(), *((i,) for i in ids)], strict=False)
    ]
    return user.tasks(*tasks)


def completed(document: dict[str, Any]) -> list[str]:
    return [one["id"] for one in document["tasks"] if one["outcome"] == "completed"]


def test_a_run_whose_money_is_used_up_goes_on_with_more(spender: User) -> None:
    tasks = chain(spender, "a", "b", "c", "d")
    said = spender.swarm("run", tasks, "--agent", "claude", "--max-cost", "0.50", "--json")
    assert (said.code, completed(said.document)) == (1, ["a", "b"])
    same = spender.swarm("resume", "--json")
    assert (same.code, completed(same.document)) == (1, ["a", "b"])
    more = spender.swarm("resume", "--max-cost", "5", "--json")
    assert (more.code, completed(more.document)) == (0, ["a", "b", "c", "d"])


def test_limits_for_a_run_that_nobody_drives_are_taken_by_its_resumption(spender: User) -> None:
    tasks = chain(spender, "a", "b")
    assert spender.swarm("run", tasks, "--agent", "claude", "--max-tokens", "1000").code == 1
    said = spender.swarm("limit", "--max-tokens", "2000000", "--json")
    assert (said.code, said.document["detail"]) == (0, "swarm resume will take the limits")
    assert completed(spender.swarm("resume", "--json").document) == ["a", "b"]
    events = [json.loads(line)["type"] for line in spender.ledger.splitlines()]
    assert events.index("limits_changed") + 1 == events.index("run_resumed")


def test_a_limit_reaches_the_run_that_goes_on(user: User) -> None:
    process = user.start("run", user.tasks(task("a", waits(user.gate())), task("b", writes("b"), blocked_by=["a"])))
    user.until_running("a")
    said = user.swarm("limit", "--max-cost", "2.50")
    assert (said.code, said.out) == (0, "run RUN: the limits are changed\n")
    twin = user.start("run", str(user.base / "tasks.json"))
    user.until(lambda: '"max_cost":2.5' in user.ledger)
    user.until(lambda: len(user.runs()) == 2)
    user.gate().touch()
    assert user.finish(twin).err == "run RUN of the same list is at work, too: swarm status RUN\n"
    done = user.finish(process)
    assert (done.code, "limits" in done.out) == (0, True)
    said = user.swarm("limit", "--max-cost", "2.50")
    assert (said.code, said.out) == (0, "run RUN: it is over: every task completed, and no limit matters any more\n")


def test_a_task_has_a_limit_of_its_own(spender: User) -> None:
    tasks = chain(spender, "a", max_cost=0.3, validation={"files_exist": ["never"]}, max_retries=3)
    said = spender.swarm("run", tasks, "--agent", "claude", "--json")
    (only,) = said.document["tasks"]
    assert (said.code, only["attempts"]) == (1, 1)
    assert "its budget is used up ($0.40 of $0.30)" in only["detail"]


@pytest.mark.parametrize(
    ("words", "problem", "fix"),
    [
        ("limit", "no limit is named", "give --max-workers, --max-cost, --max-tokens; all are in swarm limit --help"),
        ("limit --max-cost 0", "--max-cost: wants US dollars over 0, found 0", "write 2.50, or leave it out"),
        ("resume --max-cost much", '--max-cost: wants US dollars, found text ("much")', "write 2.50"),
        (
            "resume --max-tokens 1.5",
            "--max-tokens: wants a whole number, found a number (1.5)",
            "write 500000, or leave it out",
        ),
    ],
)
def test_wrong_limits(user: User, words: str, problem: str, fix: str) -> None:
    said = user.swarm(*words.split())
    assert (said.out, said.err, said.code) == ("", f"error: {problem}\n hint: {fix}\n", 2)


def _two_slow(user: User) -> tuple[str, list[Any]]:
    """A task list of two workers that wait at the same gate."""
    tasks = [task(one, waits(user.gate(), f"echo x > {one}"), files=[one]) for one in ("a", "b")]
    return user.tasks(*tasks), tasks


def _started(user: User) -> int:
    return user.ledger.count('"worker_started"')


def test_more_workers_start_as_soon_as_the_limit_is_raised(user: User) -> None:
    process = user.start("run", _two_slow(user)[0], "--max-workers", "1")
    user.until_running("a")
    assert _started(user) == 1
    said = user.swarm("limit", "--max-workers", "2", "--deadline", "2h", "--max-cost", "none")
    assert said.out == "run RUN: the limits are changed\n"
    user.until(lambda: _started(user) == 2)
    user.gate().touch()
    told = user.finish(process)
    assert told.code == 0
    assert "limits    limit set to 2 workers and 2h" in told.out and "; no limit any more: max_cost\n" in told.out, (
        told.out
    )


def test_a_deadline_that_is_set_while_the_run_goes_on_stops_it(user: User) -> None:
    process = user.start("run", _two_slow(user)[0], SWARM_GRACE="0.2")
    user.until_running("a")
    user.swarm("limit", "--deadline", "1s")
    told = user.finish(process)
    assert (told.code, "(deadline)" in told.out) == (1, True)


def test_a_changed_swarm_toml_is_taken_up_on_a_word(user: User) -> None:
    settings = user.write("swarm.toml", "max_workers = 1\n")
    process = user.start("run", _two_slow(user)[0], "--land", "never", SWARM_ISOLATION="off")
    user.until_running("a")
    settings.write_text("max_workers = 2\nkeep = true\n")
    said = user.swarm("limit", "--reload")
    assert said.out == "run RUN: its mayor reads swarm.toml again, and says what changed\n"
    user.until(lambda: _started(user) == 2)
    settings.write_text("max_workers = two\n")
    user.swarm("limit", "--reload")
    settings.write_text("max_workers = 2\nkeep = true\n")
    user.gate().touch()
    told = user.finish(process)
    assert told.code == 0
    assert "reloaded: keep will hold for the next run\n" in told.out and "reloaded: max_workers\n" in told.out
    assert "limits    limit set to 2 workers" in told.out


@pytest.mark.parametrize("words", [("--max-workers", "none"), ("--deadline", "soon"), ("--timeout", "none")])
def test_a_limit_that_makes_no_sense_is_refused(user: User, words: tuple[str, ...]) -> None:
    said = user.swarm("limit", *words)
    assert (said.code, said.err.startswith(f"error: {words[0]}: ")) == (2, True), said.err
