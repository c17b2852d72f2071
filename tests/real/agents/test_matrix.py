"""Every agent with its real program, by `swarm run`: from tasks to commits, through every trouble, and to an end.

What differs between agents stands in the table of references/agents.md, and each test compares its cells with what it saw.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from swarmskill.core.events import Event, GateRested, WorkerExited, WorkerReported, WorkerStarted
from tests.real.agents.fleet import AGENTS, Fleet, done, half, rows, slow_with, task
from tests.real.harness import Project, Ran
from tests.scripted_model import Fault, ScriptedModel, script

every_agent = pytest.mark.parametrize("agent", AGENTS)

Seen = Callable[[str, str], None]

FORGETS = {"acp:gemini --acp"}
"""Does not find its own sessions again: the attempt that is to go on fails at once, which counts, and a new one begins."""

SUMS_UP = {"claude", "qwen"}
"""With a conversation behind them they make room by themselves, and go on."""

IDLE = {"opencode": "30s", "qwen": "10s", "gemini": "8s", "acp:gemini --acp": "20s"}
"""Longer than it takes them to start on a busy machine."""


@pytest.fixture
def fleet(agent: str, project: Project, model: ScriptedModel, tmp_path: Path) -> Fleet:
    """A home with the agent's program."""
    return Fleet.gather(project, model, tmp_path / "agents", agent)


@every_agent
def test_graph_to_commits(agent: str, fleet: Fleet, seen: Seen) -> None:
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
        assert row["outcome"] == "completed"
        end = fleet.ends(name)[-1]
        assert end.result is not None
        assert end.result.detail == f"wrote {name}.txt"
        assert row["tokens"] == end.report.usage.tokens > 0
        assert row["cost_usd"] is None or row["cost_usd"] > 0
    costs = [row["cost_usd"] for row in rows(ran).values() if row["cost_usd"]]
    assert (ran.document["cost_usd"] or 0) == pytest.approx(sum(costs))
    assert len(costs) in (0, 5)
    assert ran.document["tokens"] == sum(row["tokens"] for row in rows(ran).values())
    seen("five tasks to commits", "yes")
    estimated = fleet.ends("e")[-1].report.usage.estimated
    seen("cost", "unknown" if not costs else "estimated" if estimated else "told")


@every_agent
def test_failed_check_is_retried(agent: str, fleet: Fleet, seen: Seen) -> None:
    tried = script(half("a"), {"text": "done"}, attempt=1) + "\n" + script(*done("a"))
    ran = fleet.run(agent, [task("a", tried, check={"command": "grep -q good a.txt"})])

    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.project.git("show", "HEAD:a.txt") == "good"
    assert fleet.troubles("a") == (["", "crashed", ""] if agent in FORGETS else ["", ""])
    if agent not in FORGETS:
        told = str(fleet.asked(agent)[-1].body)
        assert "attempt 1, of run" in told
        assert "Attempt 2 at task a" in told
        # Whatever its numbers are cumulative over, each answer of the model is counted once.
        assert rows(ran)["a"]["tokens"] == 1250 * len(fleet.asked(agent))
    seen("failed check is retried", fleet.session("a"))


@every_agent
@slow_with("acp:gemini --acp")
def test_limits_of_the_service_rest_all_workers_and_count_against_no_task(agent: str, fleet: Fleet, seen: Seen) -> None:
    faults = {"a": (429, "limit, 429"), "b": (503, "overload, 503")}
    # Together in a fresh home opencode's workers would meet trouble of another kind.
    workers = "1" if agent == "opencode" else "2"
    tasks = [task(name, broken_off(name, fault)) for name, (fault, _) in faults.items()]
    ran = fleet.run(agent, tasks, "--max-workers", workers, "--idle-timeout", IDLE.get(agent, "5s"), *retries(agent))
    compare_troubles(fleet, ran, faults, seen)


@every_agent
@slow_with("opencode", "qwen", "acp:gemini --acp")
def test_broken_connections_rest_all_workers_and_count_against_no_task(agent: str, fleet: Fleet, seen: Seen) -> None:
    faults = {"c": ("drop", "connection dropped"), "d": ("hang", "silent model")}
    workers = "1" if agent == "opencode" else "2"
    tasks = [task(name, broken_off(name, fault)) for name, (fault, _) in faults.items()]
    ran = fleet.run(agent, tasks, "--max-workers", workers, "--idle-timeout", IDLE.get(agent, "5s"), *retries(agent))
    compare_troubles(fleet, ran, faults, seen)


@every_agent
@slow_with("opencode", "qwen", "acp:gemini --acp")
def test_a_service_that_is_not_there_is_waited_for(agent: str, fleet: Fleet, seen: Seen) -> None:
    fleet.model.fail(Fault("drop"))
    with fleet.under_way(agent, [task("a")], "--idle-timeout", IDLE.get(agent, "5s"), *retries(agent)) as run:
        fleet.wait_for(lambda: fleet.model.requests())
        fleet.wait_for(lambda: fleet.events(WorkerExited))
        fleet.model.heal()
        ran = fleet.settle(run)
    assert ran.code == 0, ran.stdout + ran.stderr
    seen("service is not there", fleet.troubles("a")[0])


@every_agent
def test_refused_login_stops_the_run_with_the_fix_and_it_can_be_resumed(agent: str, fleet: Fleet, seen: Seen) -> None:
    fleet.model.fail(Fault(401))
    ran = fleet.run(agent, [task("a"), task("b", blocked_by=("a",))])
    assert ran.code == 1
    (trouble,) = fleet.troubles("a")
    assert f"{agent} cannot work" in ran.stderr

    fleet.model.heal()
    ran = fleet.resume()
    assert ran.code == 0, ran.stdout + ran.stderr
    assert rows(ran)["a"]["attempts"] == 2
    assert fleet.project.trailers("HEAD~2..HEAD", "Swarm-Task") == ["a", "b"]
    seen("login refused, 401", trouble)


@every_agent
def test_full_context_refusal_and_denial(agent: str, fleet: Fleet, seen: Seen) -> None:
    before = [] if agent in SUMS_UP else [half("full")]
    full = script(*before, {"error": "context"}, attempt=1)
    denied = ({"write": "denied.txt", "content": "good\n"}, {"sh": "python3 -c 'print(1)'"}, {"text": "done"})
    tasks = [
        task("full", full + "\n" + script(*done("full"))),
        task("refused", {"refuse": True, "text": "no"}, max_retries=0),
        task("denied", *denied, check={"files_exist": ["never.txt"]}, max_retries=0),
    ]
    ran = fleet.run(agent, tasks, "--max-workers", "1" if agent == "opencode" else "3")  # see eight at once

    assert ran.code == 1
    trouble, last = fleet.troubles("full")
    assert last == ""
    first, second = fleet.events(WorkerStarted, "full")
    handed_over = "The work of the attempt before is in your worktree" in fleet.prompt("full")
    assert (first.worktree == second.worktree) == handed_over == bool(before)  # what did nothing hands nothing over
    assert rows(ran)["refused"]["outcome"] in ("failed", "rejected")
    names_it = "the agent was not permitted: $ python3 -c 'print(1)'" in rows(ran)["denied"]["detail"]
    assert bool(fleet.ends("denied")[0].report.denied) == names_it
    seen("context full", f"{trouble}, {fleet.session('full')}" + (", handover" if handed_over else ""))
    # Some ask again and tell nothing of it: the checks decide.
    seen("model refuses", " ".join(fleet.troubles("refused")) or "not told")
    seen("command denied", "told" if names_it else "sandbox" if agent == "codex" else "not told")


@pytest.mark.parametrize(
    ("words", "row"),
    [("stop --now", "`swarm stop --now`, then `swarm resume`"), ("kill", "`swarm kill`, then `swarm resume`")],
    ids=["stop", "kill"],
)
@every_agent
def test_nothing_is_left_of_a_worker_and_its_session_goes_on(
    agent: str, words: str, row: str, fleet: Fleet, seen: Seen
) -> None:
    first = script(half("a"), {"sh": "./wait.sh"}, {"text": "x"}, attempt=1)
    with fleet.under_way(agent, [task("a", first + "\n" + script(*done("a")))], "--allow", "./wait.sh") as run:
        fleet.wait_for(lambda: "sleep" in fleet.programs())
        assert fleet.project.swarm(*words.split()).code == 0
        ran = fleet.settle(run)
    assert ran.code in (1, 130), ran.stderr
    assert fleet.processes() == []

    ran = fleet.resume()
    assert ran.code == 0, ran.stdout + ran.stderr
    assert fleet.project.git("show", "HEAD:a.txt") == "good"
    assert fleet.processes() == []
    seen(row, fleet.session("a"))


@every_agent
def test_eight_at_once_in_one_home(agent: str, fleet: Fleet, seen: Seen) -> None:
    ran = fleet.run(agent, [task(f"t{number}") for number in range(8)], "--max-workers", "8")
    assert ran.code == 0, ran.stdout + ran.stderr
    assert len(fleet.project.trailers("HEAD~8..HEAD", "Swarm-Task")) == 8
    sessions = {end.report.session for name in rows(ran) for end in fleet.ends(name)[-1:]}
    assert len(sessions) == 8
    seen("eight at once in one home", "yes")


def compare_troubles(fleet: Fleet, ran: Ran, faults: dict[str, tuple[int | str, str]], seen: Seen) -> None:
    """Every task is done, after one probe at a time; and what the table says of each trouble."""
    assert ran.code == 0, ran.stdout + ran.stderr
    assert one_probe_at_a_time(fleet)
    for name, (_, row) in faults.items():
        assert fleet.troubles(name)[-1] == "", name
        seen(row, f"{fleet.troubles(name)[0]}, {fleet.session(name)}")


def retries(agent: str) -> tuple[str, ...]:
    """Options that grant no retry: a trouble of the service is none. One that forgets its session needs one to begin anew."""
    return ("--max-retries", "1" if agent in FORGETS else "0")


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
