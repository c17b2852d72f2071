"""Every agent with its real program, by `swarm run`: from tasks to commits, through every trouble, and to an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmskill.core.events import Event, GateRested, WorkerExited, WorkerReported, WorkerStarted
from tests.real.agents.fleet import AGENTS, Fleet, done, half, rows, task
from tests.real.harness import Project
from tests.scripted_model import Fault, ScriptedModel, script

every_agent = pytest.mark.parametrize("agent", AGENTS)

FORGETS = {"acp:gemini --acp"}
"""Does not find its own sessions again: the attempt that is to go on fails at once, and a new one is told everything."""

HIDES_REFUSAL = {"codex", "acp:gemini --acp"}

TELLS_COST = {"claude", "opencode"}
"""The others' costs come from the price table, as an estimate."""

IDLE = {"opencode": "30s", "qwen": "10s", "gemini": "8s", "acp:gemini --acp": "20s"}
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
    tried = script(half("a"), {"text": "done"}, attempt=1) + "\n" + script(*done("a"))
    ran = fleet.run(agent, [task("a", tried, check={"command": "grep -q good a.txt"})])

    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.project.git("show", "HEAD:a.txt") == "good"
    assert fleet.troubles("a") == (["", "crashed", ""] if agent in FORGETS else ["", ""])
    first, second = fleet.ends("a")[0].report, fleet.ends("a")[-1].report
    if agent in FORGETS:
        return
    # Gemini goes on in a copy of the conversation.
    assert (first.session == second.session) == (agent != "gemini")
    assert second.session
    assert fleet.folder.prompt("a-2").read_text().startswith("# Attempt 2 at task a")
    told = str(fleet.asked(agent)[-1].body)
    assert "attempt 1, of run" in told and "Attempt 2 at task a" in told
    row = rows(ran)["a"]
    assert row["attempts"] == 2
    assert row["tokens"] == first.usage.tokens + second.usage.tokens
    # Whatever its numbers are cumulative over, each answer of the model is counted once.
    assert row["tokens"] == 1250 * len(fleet.asked(agent))


@every_agent
def test_troubles_of_the_service_rest_all_workers_and_count_against_no_task(agent: str, fleet: Fleet) -> None:
    faults = {"a": (429, "rate_limit"), "b": (503, "overloaded"), "c": ("drop", "network"), "d": ("hang", "network")}
    # Together in a fresh home opencode's workers would meet trouble of another kind.
    first = [task("first")] if agent == "opencode" else []
    before = tuple(one["id"] for one in first)
    tasks = first + [task(name, broken_off(name, fault), blocked_by=before) for name, (fault, _) in faults.items()]
    ran = fleet.run(
        agent, tasks, "--idle-timeout", IDLE.get(agent, "5s"), "--max-retries", "1" if agent in FORGETS else "0"
    )

    assert ran.code == 0, ran.stdout + ran.stderr
    for name, (_, kind) in faults.items():
        # Over ACP Gemini tries again without a word: all that shows is the silence.
        assert fleet.troubles(name)[0] == ("network" if agent in FORGETS else kind), name
        assert fleet.troubles(name)[-1] == "", name
        assert fleet.goes_on(name) == (agent not in FORGETS), name
    assert one_probe_at_a_time(fleet)


@every_agent
def test_a_service_that_is_not_there_is_waited_for(agent: str, fleet: Fleet) -> None:
    fleet.model.fail(Fault("drop"))
    with fleet.under_way(
        agent, [task("a")], "--idle-timeout", IDLE.get(agent, "5s"), "--max-retries", "1" if agent in FORGETS else "0"
    ) as run:
        fleet.wait_for(lambda: fleet.model.requests())
        fleet.wait_for(lambda: fleet.events(WorkerExited))
        fleet.model.heal()
        ran = fleet.settle(run)
    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.troubles("a")[0] == "network"


@every_agent
def test_refused_login_stops_the_run_with_the_fix_and_it_can_be_resumed(agent: str, fleet: Fleet) -> None:
    fleet.model.fail(Fault(401))
    ran = fleet.run(agent, [task("a"), task("b", blocked_by=("a",))])
    assert ran.code == 1
    assert fleet.troubles("a") == ["auth"]
    assert f"{agent} cannot work" in ran.stderr

    fleet.model.heal()
    ran = fleet.resume()
    assert ran.code == 0, ran.stdout + ran.stderr
    assert rows(ran)["a"]["attempts"] == 2
    assert fleet.project.trailers("HEAD~2..HEAD", "Swarm-Task") == ["a", "b"]


@every_agent
def test_full_context_refusal_and_denial(agent: str, fleet: Fleet) -> None:
    # With a conversation behind them Claude Code and Qwen make room by themselves, and go on.
    before = [] if agent in ("claude", "qwen") else [half("full")]
    full = script(*before, {"error": "context"}, attempt=1)
    denied = ({"write": "denied.txt", "content": "good\n"}, {"sh": "python3 -c 'print(1)'"}, {"text": "done"})
    tasks = [
        task("full", full + "\n" + script(*done("full"))),
        task("refused", {"refuse": True, "text": "no"}, max_retries=0),
        task("denied", *denied, check={"files_exist": ["never.txt"]}, max_retries=0),
    ]
    ran = fleet.run(agent, tasks, "--max-workers", "1" if agent == "opencode" else "3")  # see eight at once

    assert ran.code == 1
    assert fleet.troubles("full") == ["context_full", ""]
    first, second = fleet.events(WorkerStarted, "full")
    handed_over = "The work of the attempt before is in your worktree" in fleet.folder.prompt("full-2").read_text()
    assert (first.worktree == second.worktree) == handed_over == bool(before)  # what did nothing hands nothing over
    # Some ask again and tell nothing of it: the checks decide.
    assert fleet.troubles("refused") == ["" if agent in HIDES_REFUSAL else "refused"]
    assert rows(ran)["refused"]["outcome"] == ("rejected" if agent in HIDES_REFUSAL else "failed")
    if agent == "codex":
        assert fleet.ends("denied")[0].report.denied == ()
    else:
        assert "the agent was not permitted: $ python3 -c 'print(1)'" in rows(ran)["denied"]["detail"]


@every_agent
@pytest.mark.parametrize("words", [("stop", "--now"), ("kill",)], ids=" ".join)
def test_nothing_is_left_of_a_worker_and_its_session_goes_on(agent: str, words: tuple[str, ...], fleet: Fleet) -> None:
    first = script(half("a"), {"sh": "./wait.sh"}, {"text": "x"}, attempt=1)
    with fleet.under_way(agent, [task("a", first + "\n" + script(*done("a")))], "--allow", "./wait.sh") as run:
        fleet.wait_for(lambda: "sleep" in fleet.programs())
        assert fleet.project.swarm(*words).code == 0
        ran = fleet.settle(run)
    assert ran.code in (1, 130), ran.stderr
    assert fleet.processes() == []

    ran = fleet.resume()
    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.project.git("show", "HEAD:a.txt") == "good"
    assert fleet.goes_on("a") == (agent not in FORGETS)
    assert fleet.processes() == []


@every_agent
def test_eight_at_once_in_one_home(agent: str, fleet: Fleet) -> None:
    ran = fleet.run(agent, [task(f"t{number}") for number in range(8)], "--max-workers", "8")
    assert ran.code == 0, ran.stdout + ran.stderr
    assert len(fleet.project.trailers("HEAD~8..HEAD", "Swarm-Task")) == 8
    sessions = {end.report.session for name in rows(ran) for end in fleet.ends(name)[-1:]}
    assert len(sessions) == 8


def broken_off(name: str, fault: int | str) -> str:
    """A script whose first attempt comes half-way, until the service fails; any later one goes through."""
    fails = script(half(name), {"error": fault, "retry_after": 0.1}, attempt=1)
    return f"{fails}\n{script(*done(name))}"


def one_probe_at_a_time(fleet: Fleet) -> bool:
    """After each rest of the gate one worker starts, and no other before it is known how that one fares."""
    probing, probes = False, set[str]()
    for event in fleet.events(Event):
        if isinstance(event, GateRested):
            probing, probes = True, set()
        elif isinstance(event, WorkerStarted) and probing:
            probes.add(event.task)
            if len(probes) > 1:
                return False
        elif isinstance(event, WorkerExited) and event.task in probes:
            probing = False
        elif isinstance(event, WorkerReported) and event.task in probes and event.usage.tokens:
            probing = False
    return bool(probes)
