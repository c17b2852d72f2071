"""Every agent with its real program, by `swarm run`: from tasks to commits, through every trouble, and to an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.agents.fleet import AGENTS, Fleet, done, rows, task
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script

every_agent = pytest.mark.parametrize("agent", AGENTS)

TELLS_COST = {"claude", "opencode"}
"""The others' costs come from the price table, as an estimate."""

IDLE = {"opencode": "14s", "qwen": "10s"}
"""Longer than it takes them to start on a busy machine."""


@pytest.fixture
def fleet(agent: str, project: Project, model: ScriptedModel, tmp_path: Path) -> Fleet:
    """A home with the agent's program."""
    return Fleet.gather(project, model, tmp_path / "agents", agent)


@every_agent
def test_graph_to_commits(agent: str, fleet: Fleet) -> None:
    check = {"files_exist": ["e.txt"], "command": "cat a.txt b.txt c.txt d.txt e.txt"}
    tasks = [
        task("a"),
        *(task(name, *done(name), blocked_by=("a",)) for name in "bcd"),
        task("e", *done("e"), blocked_by=("b", "c", "d"), check=check),
    ]
    ran = fleet.run(agent, tasks)

    assert ran.code == 0, ran.stdout + ran.stderr
    assert sorted(fleet.project.trailers("HEAD~5..HEAD", "Swarm-Task")) == list("abcde")
    assert fleet.project.git("status", "--porcelain") == ""
    for name, row in rows(ran).items():
        (end,) = fleet.ends(name)
        assert end.result is not None
        assert end.result.detail == f"wrote {name}.txt"
        assert row["tokens"] == end.report.usage.tokens > 0
        assert row["cost_usd"] > 0
        assert end.report.usage.estimated == (agent not in TELLS_COST)
    assert ran.document["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in rows(ran).values()))
    assert ran.document["tokens"] == sum(row["tokens"] for row in rows(ran).values())


@every_agent
def test_failed_check_is_retried_in_the_same_session(agent: str, fleet: Fleet) -> None:
    tried = script(*done("a", "bad\n"), attempt=1) + "\n" + script(*done("a"), attempt=2)
    ran = fleet.run(agent, [task("a", tried, check={"command": "grep -q good a.txt"})])

    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.project.git("show", "HEAD:a.txt") == "good"
    first, second = (end.report for end in fleet.ends("a"))
    assert first.session == second.session != ""
    assert fleet.folder.prompt("a-2").read_text().startswith("# Attempt 2 at task a")
    told = str(fleet.asked(agent)[-1].body)
    assert "attempt 1, of run" in told and "Attempt 2 at task a" in told
    row = rows(ran)["a"]
    assert row["attempts"] == 2
    assert row["tokens"] == first.usage.tokens + second.usage.tokens
    # Whatever its numbers are cumulative over, the second attempt is counted once.
    assert second.usage.tokens == pytest.approx(first.usage.tokens, rel=0.01)


@every_agent
def test_troubles_of_the_service_rest_all_workers_and_count_against_no_task(agent: str, fleet: Fleet) -> None:
    faults = {"a": (429, "rate_limit"), "b": (503, "overloaded"), "c": ("drop", "network"), "d": ("hang", "network")}
    tasks = []
    for name, (fault, _) in faults.items():
        fails = script({"write": f"{name}.txt", "content": "half\n"}, {"error": fault, "retry_after": 0.1}, attempt=1)
        tasks.append(task(name, fails + "\n" + script(*done(name), attempt=2), check={"command": f"grep -q good {name}.txt"}))
    ran = fleet.run(agent, tasks, "--idle-timeout", IDLE.get(agent, "5s"), "--max-retries", "0")

    for name, (_, kind) in faults.items():
        print(name, kind, fleet.troubles(name), [(e.ending, e.exit_code, e.report) for e in fleet.ends(name)])
    assert ran.code == 0, ran.stdout + ran.stderr
