"""Real Qwen Code through its adapter, against the scripted model."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from swarmskill.agents.qwen import AGENT
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
    """Let Qwen Code do a script in the project."""
    environment = aim(tmp_path / "agent", model, "qwen")

    def run(*steps: Any, earlier: Usage = NOTHING_USED, during: Any = None, env: Any = None, **more: Any) -> Worked:
        whole = {**environment, **(env or {})}
        done = work(AGENT, assign(project.top, script(*steps), **more), whole, earlier=earlier, during=during)
        assert KEY not in done.log
        return done

    return run


def test_files_are_written_and_allowed_commands_run_and_others_are_denied(do: Do, project: Project) -> None:
    target, result = project.top / "a.txt", project.top / ".swarm" / "result.json"
    done = do(
        {"write": str(target), "content": "hi\n"},
        {"sh": "git status --short"},
        {"sh": "cd . && wc -l a.txt && tac a.txt"},
        {"sh": "python3 -c 'print(1)'"},
        {"sh": "git commit --allow-empty -m x"},
        {"write": f"{result}.tmp", "content": "{}"},
        {"sh": f"mv {result}.tmp {result}"},
        {"text": "it is done"},
        allowed=(("wc",), ("tac",)),
    )
    assert (done.code, done.report.problem, done.report.said) == (0, None, "it is done")
    assert target.read_text() == "hi\n"
    assert result.exists()
    assert done.report.denied == ("$ python3 -c 'print(1)'", "$ git commit --allow-empty -m x")
    assert done.report.usage == Usage(8000, 1600, 400)


def test_without_tools_it_changes_nothing(do: Do, project: Project) -> None:
    done = do({"write": str(project.top / "a.txt"), "content": "x"}, {"sh": "touch b"}, {"text": "d"}, tools=False)
    assert done.code == 0
    assert not (project.top / "a.txt").exists()
    assert not (project.top / "b").exists()


def test_yolo_lets_it_do_everything(do: Do, project: Project) -> None:
    done = do({"sh": 'python3 -c \'open("c", "w")\''}, {"text": "done"}, yolo=True)
    assert (done.report.problem, done.report.denied) == (None, ())
    assert (project.top / "c").exists()


def test_a_session_is_resumed_and_counted_once(do: Do) -> None:
    first = do({"sh": "git status"}, {"text": "one"}).report
    again = do(
        {"sh": "git log"}, {"sh": "git diff"}, {"text": "two"}, session=first.session, earlier=first.usage
    ).report
    assert (again.session, again.problem, again.said) == (first.session, None, "two")
    assert (first.usage.tokens, again.usage.tokens) == (2 * 1250, 3 * 1250)


def test_a_session_that_is_not_there_is_told(do: Do) -> None:
    problem = do({"text": "x"}, session="e88a8dd3-e6b6-4b20-b9b1-d97bd1e04b35").report.problem
    assert problem is not None
    assert "No saved session found" in problem.detail


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(Fault(401), "auth"), (Fault(403), "auth"), (Fault(404), "auth"), (Fault("context"), "context_full")],
    ids=lambda value: str(value.what) if isinstance(value, Fault) else value,
)
def test_each_fault_that_it_gives_up_on_is_told_by_its_kind(
    do: Do, model: ScriptedModel, fault: Fault, kind: str
) -> None:
    model.fail(fault, "qwen")
    done = do({"text": "hi"})
    assert done.code == 1
    assert done.report.problem is not None
    assert done.report.problem.kind == kind


@pytest.mark.parametrize("status", [429, 503])
def test_a_fault_that_passes_is_forgotten(do: Do, model: ScriptedModel, status: int) -> None:
    model.fail(Fault(status, times=1), "qwen")
    done = do({"text": "hi"})
    assert (done.code, done.report.problem, done.report.said) == (0, None, "hi")


def test_a_service_that_is_not_there_is_the_network(do: Do) -> None:
    problem = do({"text": "hi"}, env={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}).report.problem
    assert problem is not None
    assert problem.kind is Trouble.NETWORK


def test_without_a_key_it_is_not_logged_in(do: Do) -> None:
    problem = do({"text": "hi"}, env={"OPENAI_API_KEY": ""}).report.problem
    assert problem is not None
    assert problem.kind is Trouble.AUTH


@pytest.mark.parametrize(
    ("cap", "code", "kind"), [("--max-session-turns", 53, "turns"), ("--max-tool-calls", 55, "budget")]
)
def test_caps_of_the_users_own_end_it_without_a_result(do: Do, cap: str, code: int, kind: str) -> None:
    done = do(*[{"sh": "git status"}] * 4, {"text": "x"}, options=AgentOptions(args=(cap, "2")))
    assert done.code == code
    assert '"type":"result"' not in done.log
    assert done.report.problem is not None
    assert done.report.problem.kind == kind
    assert done.report.usage.tokens >= 2 * 1250


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_worker_that_is_stopped_leaves_nothing_behind(
    do: Do, model: ScriptedModel, number: signal.Signals, code: int
) -> None:
    family: list[psutil.Process] = []

    def stop(process: subprocess.Popen[bytes]) -> None:
        model.await_requests(2, "qwen")
        family.extend([psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)])
        os.killpg(process.pid, number)

    done = do({"sh": "git status"}, {"sleep": 30}, {"text": "x"}, during=stop)
    assert (done.code, done.report.problem) == (code, None)
    assert done.report.session
    assert done.report.usage.tokens == 1250
    assert not psutil.wait_procs(family, timeout=5)[1]
