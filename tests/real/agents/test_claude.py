"""Real Claude Code through its adapter, against the scripted model."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from swarmskill.agents.claude import AGENT
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Trouble, Usage
from tests.real.agents.live import aim
from tests.real.agents.programs import KEY
from tests.real.agents.worker import Worked, assign, work
from tests.real.harness import Project
from tests.scripted_model import Fault, ScriptedModel, script

Do = Callable[..., Worked]


@pytest.fixture
def do(model: ScriptedModel, project: Project, tmp_path: Path) -> Do:
    """Let Claude Code do a script in the project."""
    environment = aim(tmp_path / "agent", model, "claude")

    def run(*steps: Any, earlier: Usage = NOTHING_USED, during: Any = None, env: Any = None, **more: Any) -> Worked:
        whole = {**environment, **(env or {})}
        done = work(AGENT, assign(project.top, script(*steps), **more), whole, earlier=earlier, during=during)
        assert KEY not in done.log
        return done

    return run


def test_files_are_written_and_allowed_commands_run_and_others_are_denied(do: Do, project: Project) -> None:
    target = project.top / "a.txt"
    done = do(
        {"write": str(target), "content": "hi\n"},
        {"sh": "git status --short"},
        {"sh": "true && wc -l a.txt"},
        {"sh": "python3 -c 'print(1)'"},
        {"sh": "git commit --allow-empty -m x"},
        {"text": "it is done"},
        allowed=(("wc",),),
    )
    assert (done.code, done.report.problem, done.report.said) == (0, None, "it is done")
    assert target.read_text() == "hi\n"
    assert done.report.denied == ("$ python3 -c 'print(1)'", "$ git commit --allow-empty -m x")
    assert done.report.usage.tokens == 6 * 1250
    assert done.report.usage.cost_usd


def test_the_result_file_can_be_written_as_our_prompt_says(do: Do, project: Project) -> None:
    result = project.top / ".swarm" / "result.json"
    done = do({"write": f"{result}.tmp", "content": "{}"}, {"sh": f"mv {result}.tmp {result}"}, {"text": "done"})
    assert done.report.denied == ()
    assert result.read_text().strip() == "{}"


def test_without_tools_it_can_only_speak(do: Do, project: Project) -> None:
    done = do({"write": str(project.top / "a.txt"), "content": "x"}, {"sh": "touch b"}, tools=False, yolo=True)
    assert done.code == 0
    assert not (project.top / "a.txt").exists()
    assert not (project.top / "b").exists()


def test_yolo_lets_it_do_everything_even_as_root(do: Do, project: Project) -> None:
    done = do({"sh": 'python3 -c \'open("c", "w")\''}, {"text": "done"}, yolo=True)
    assert (done.report.problem, done.report.denied) == (None, ())
    assert (project.top / "c").exists()


def test_a_session_is_resumed_paid_once_and_limited_by_what_is_new(do: Do) -> None:
    first = do(*[{"sh": "git status"}] * 4, {"text": "one"}).report
    assert first.usage.cost_usd
    again = do({"sh": "git log"}, {"text": "two"}, session=first.session, earlier=first.usage, max_cost=0.02).report
    assert again.session == first.session
    assert first.usage.cost_usd > 0.02
    assert (again.problem, again.said) == (None, "two")
    assert again.usage.tokens == 2 * 1250
    assert again.usage.cost_usd == pytest.approx(first.usage.cost_usd * 2 / 5)


def test_a_session_that_is_not_there_is_told(do: Do) -> None:
    problem = do({"text": "x"}, session="e88a8dd3-e6b6-4b20-b9b1-d97bd1e04b35").report.problem
    assert problem is not None
    assert "No conversation found" in problem.detail


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(401), "auth"),
        (Fault(403), "auth"),
        (Fault(404), "auth"),
        (Fault(429), "rate_limit"),
        (Fault(500), "overloaded"),
        (Fault(529), "overloaded"),
        (Fault("drop"), "network"),
        (Fault("context"), "context_full"),
        (Fault("refused"), "refused"),
        (Fault(400), "crashed"),
    ],
    ids=lambda value: str(value.what) if isinstance(value, Fault) else value,
)
def test_each_fault_of_the_service_is_told_by_its_kind(do: Do, model: ScriptedModel, fault: Fault, kind: str) -> None:
    model.fail(fault, "claude")
    done = do({"text": "hi"})
    assert done.code == 1
    assert done.report.problem is not None
    assert done.report.problem.kind == kind


def test_a_fault_that_passes_is_forgotten(do: Do, model: ScriptedModel) -> None:
    model.fail(Fault(529, times=1), "claude")
    done = do({"text": "hi"})
    assert (done.code, done.report.problem, done.report.said) == (0, None, "hi")


def test_the_wait_that_the_service_asks_for_is_told(do: Do, model: ScriptedModel) -> None:
    model.fail(Fault(429, retry_after=6), "claude")
    problem = do({"text": "hi"}).report.problem
    assert problem is not None
    assert problem.retry_after == pytest.approx(6, abs=3)


def test_a_service_that_is_not_there_is_the_network(do: Do) -> None:
    problem = do({"text": "hi"}, env={"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}).report.problem
    assert problem is not None
    assert problem.kind is Trouble.NETWORK


def test_without_a_key_it_is_not_logged_in(do: Do) -> None:
    problem = do({"text": "hi"}, env={"ANTHROPIC_API_KEY": ""}).report.problem
    assert problem is not None
    assert problem.kind is Trouble.AUTH


def test_the_limit_on_money_ends_it(do: Do) -> None:
    done = do(*[{"sh": "git status"}] * 6, {"text": "x"}, max_cost=0.008)
    assert done.report.problem is not None
    assert done.report.problem.kind is Trouble.BUDGET
    assert done.report.usage.cost_usd == pytest.approx(0.008, rel=1.0)


def test_a_limit_on_turns_of_the_users_own_ends_it(do: Do) -> None:
    done = do(*[{"sh": "git status"}] * 4, {"text": "x"}, options=AgentOptions(args=("--max-turns", "2")))
    assert done.report.problem is not None
    assert done.report.problem.kind is Trouble.TURNS


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 0)])
def test_a_worker_that_is_stopped_leaves_nothing_behind(
    do: Do, model: ScriptedModel, number: signal.Signals, code: int
) -> None:
    family: list[psutil.Process] = []

    def stop(process: subprocess.Popen[bytes]) -> None:
        model.await_requests(2, "claude")
        family.extend(psutil.Process(process.pid).children(recursive=True))
        process.send_signal(number)

    done = do({"sh": "git status"}, {"sleep": 30}, {"text": "x"}, during=stop)
    assert done.code == code
    assert done.report.session
    assert done.report.usage.tokens
    assert (done.report.problem is None) == (code == 143)  # an end with 0 that tells no result is none
    assert not psutil.wait_procs(family, timeout=5)[1]


def test_a_hang_is_told_by_its_silence_alone(do: Do, model: ScriptedModel) -> None:
    model.fail(Fault("hang"), "claude")

    def stop(process: subprocess.Popen[bytes]) -> None:
        model.await_requests(1, "claude")
        process.terminate()

    done = do({"text": "x"}, during=stop)
    assert (done.code, done.report.problem) == (143, None)


def test_a_prompt_larger_than_any_argument_list_is_read(do: Do) -> None:
    done = do({"text": "y" * 300_000}, {"text": "z"})
    assert done.report.problem is None
