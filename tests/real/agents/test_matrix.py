"""Every agent with its real program, by `swarm run`: from tasks to commits, through every trouble, and to an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.agents.fleet import AGENTS, Fleet, done, rows, task
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel

every_agent = pytest.mark.parametrize("agent", AGENTS)

TELLS_COST = {"claude", "opencode"}
"""The others' costs come from the price table, as an estimate."""


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
