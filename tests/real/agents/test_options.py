"""What the options of `swarm run` do with real agents: sessions, budgets, permissions, a pool, a service that is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmskill.core.events import Event, Summarised, WorkerExited, WorkerStarted
from tests.real.agents.fleet import Fleet, done, half, rows, task
from tests.real.harness import Project
from tests.scripted_model import ScriptedModel, script

both = pytest.mark.parametrize("agent", ["claude", "codex"])


@pytest.fixture
def fleet(agent: str, project: Project, model: ScriptedModel, tmp_path: Path) -> Fleet:
    """A home with the agent's program."""
    return Fleet.gather(project, model, tmp_path / "agents", agent)


@both
def test_fresh_gives_a_retry_a_new_session_that_is_told_why(agent: str, fleet: Fleet) -> None:
    tried = script(half("a"), {"text": "first words"}, attempt=1) + "\n" + script(*done("a"))
    ran = fleet.run(agent, [task("a", tried)], "--fresh")
    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.sessions("a") == 2
    assert fleet.prompt("a").startswith("# You are worker-a")
    assert "a.txt" in fleet.prompt("a").partition("## ")[2]
    assert str(fleet.asked(agent)[-1].body).count("first words") == 1  # in the task's script, nobody said it
    assert fleet.project.git("show", "--format=", "--name-only", "HEAD") == "a.txt"


@both
def test_spent_money_stops_the_run_which_goes_on_with_a_higher_limit(agent: str, fleet: Fleet) -> None:
    tasks = [task("a", half("a"), *done("a")), task("b", blocked_by=("a",))]
    ran = fleet.run(agent, tasks, "--max-cost", "0.01")
    assert ran.code == 1
    assert "the budget is used up" in ran.document["stop_reason"]
    assert f"swarm resume {ran.document['run_id']} --max-cost 1 " in fleet.folder.report.read_text(encoding="utf-8")
    assert started(fleet, "b") == 0
    if agent == "claude":  # has a cap of its own, which ended it in its middle
        assert fleet.troubles("a") == ["budget"]
    else:  # tells what it used at its end
        assert rows(ran)["a"]["outcome"] == "completed"

    ran = fleet.resume("--max-cost", "5")
    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.session("a") == ("same session" if agent == "claude" else "new session")
    assert fleet.project.trailers("HEAD~2..HEAD", "Swarm-Task") == ["a", "b"]


@both
def test_drained_run_lets_its_workers_finish_and_starts_no_other(agent: str, fleet: Fleet) -> None:
    slow = task("slow", [{"sleep": 3}, done("slow")[0]], *done("slow")[1:])
    tasks = [task("a"), slow, task("later", blocked_by=("a",))]
    ran = fleet.run(agent, tasks, "--max-tokens", "2000", "--on-exhaust", "drain")
    assert ran.code == 1
    assert {name: row["outcome"] for name, row in rows(ran).items() if row["outcome"] == "completed"} == {
        "a": "completed",
        "slow": "completed",
    }
    assert started(fleet, "later") == 0
    assert f"swarm resume {ran.document['run_id']} --max-tokens " in fleet.folder.report.read_text(encoding="utf-8")


@both
def test_agent_sums_up_a_run_whose_budget_is_used_up(agent: str, fleet: Fleet) -> None:
    fleet.run(agent, [task("a"), task("b", blocked_by=("a",))], "--max-tokens", "2000", "--on-exhaust", "summary")
    (summary,) = fleet.events(Summarised)
    assert summary.text == "ok"  # what the model says to one who gives it no script
    asked = fleet.asked(agent)[-1]
    assert "the budget is used up" in str(asked.body)
    assert "ok" in fleet.folder.report.read_text(encoding="utf-8").splitlines()


@both
def test_agents_may_run_what_the_user_allows_and_what_their_task_is_checked_with(agent: str, fleet: Fleet) -> None:
    for name in ("allowed", "check"):
        file = fleet.project.top / f"{name}.sh"
        file.write_text(f"#!/bin/sh\necho it-is-{name}-that-ran\n")
        file.chmod(0o755)
    fleet.project.commit_all("scripts")
    steps = ({"sh": "./allowed.sh --now"}, {"sh": "./check.sh"}, *done("a"))
    ran = fleet.run(agent, [task("a", *steps, check={"command": "./check.sh"})], "--allow", "./allowed.sh")
    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.ends("a")[0].report.denied == ()
    told = str(fleet.asked(agent)[-1].body)
    assert "it-is-allowed-that-ran" in told
    assert "it-is-check-that-ran" in told


def test_pool_shares_tasks_beside_one_that_names_its_agent_and_one_that_needs_none(
    project: Project, model: ScriptedModel, tmp_path: Path
) -> None:
    fleet = Fleet.gather(project, model, tmp_path / "agents", "claude", "codex")
    tasks = [
        *(task(f"t{number}") for number in range(5)),
        task("own", agent="codex"),
        task("plain", "no agent", run=["sh", "-c", "echo good > plain.txt"]),
    ]
    ran = fleet.run("claude=2,codex=2", tasks, "--max-workers", "7")
    assert ran.code == 0, ran.stdout + ran.stderr
    did = {name: row["agent"] for name, row in rows(ran).items()}
    assert did["own"] == "codex"
    assert {did[f"t{number}"] for number in range(5)} == {"claude", "codex"}
    assert did["plain"] not in ("claude", "codex")
    assert most_at_once(fleet, {name for name, agent in did.items() if agent == "claude"}) <= 2
    assert most_at_once(fleet, {name for name, agent in did.items() if agent == "codex"}) <= 2
    for agent in ("claude", "codex"):  # each by its own program
        assert {name for name in did if f"You are worker-{name}" in str([one.body for one in fleet.asked(agent)])} == {
            name for name in did if did[name] == agent
        }


@both
def test_server_that_does_not_listen_is_waited_for(agent: str, project: Project, tmp_path: Path) -> None:
    with ScriptedModel() as model:
        port = model.port
    fleet = Fleet.gather(project, model, tmp_path / "agents", agent)
    options = ("--idle-timeout", "5s", "--max-retries", "0")
    with fleet.under_way(agent, [task("a")], *options) as run:
        fleet.wait_for(lambda: fleet.events(WorkerExited))
        with ScriptedModel(port=port):
            ran = fleet.settle(run)
    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.troubles("a")[0] == "network"


def started(fleet: Fleet, task_id: str) -> int:
    """How many workers a task had."""
    return len(fleet.events(WorkerStarted, task_id))


def most_at_once(fleet: Fleet, tasks: set[str]) -> int:
    """How many workers of these tasks lived at the same time, at most."""
    most, live = 0, set[str]()
    for event in fleet.events(Event):
        if isinstance(event, WorkerStarted) and event.task in tasks:
            live.add(event.task)
        elif isinstance(event, WorkerExited):
            live.discard(event.task)
        most = max(most, len(live))
    return most
