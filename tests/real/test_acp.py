"""The driver of ACP agents, with a tiny agent of the protocol: answers, files, sessions, cancelling, broken agents."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from swarmskill.agents.account import Account
from swarmskill.agents.acp import AcpAgent
from swarmskill.agents.base import Assignment
from swarmskill.agents.registry import find_agent
from swarmskill.errors import UsageError
from swarmskill.model import AgentReport, Ending, Task, Trouble, Usage

pytest.importorskip("acp", reason="pip install 'swarmskill[acp]'")

AGENT = Path(__file__).parents[1] / "acp_agent.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


class Worker:
    """One call of the driver, as a backend makes it."""

    def __init__(self, tree: Path, *steps: dict[str, Any], manner: str = "", **more: Any) -> None:
        prompt = tree.parent / "prompt.md"
        prompt.write_text(json.dumps(steps))
        agent = find_agent(f"acp:{sys.executable} {AGENT} {manner}")
        assignment = Assignment(
            run_id="r",
            task=Task(id="1", subject="s"),
            attempt=1,
            worktree=tree,
            prompt_file=prompt,
            result_file=tree / "result.json",
            **more,
        )
        call = agent.invocation(assignment)
        self.account = Account(agent.reader(), {})
        with open(prompt) as stdin:
            self.process = subprocess.Popen(
                call.argv, cwd=tree, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )

    def report(self) -> AgentReport:
        out, _ = self.process.communicate(timeout=20)
        self.account.read(out.split("\n"))
        return self.account.close(Ending.EXITED, self.process.returncode)


def test_good_end(tree: Path) -> None:
    worker = Worker(tree, {"say": "hello"}, {"ask": {"command": "true"}}, {"say": "all done"}, allowed=(("true",),))
    report = worker.report()
    assert worker.process.returncode == 0
    assert (report.session, report.problem, report.denied) == ("new-1", None, ())
    assert report.said == "answer yesall done"
    assert report.usage == Usage(10, 40, 23, 0.5)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({"command": "npm test"}, "yes"),
        ({"title": "`npm test`"}, "yes"),
        ({"title": "npm test a long title…"}, "no"),
        ({"command": "rm x", "title": "npm test"}, "no"),
        ({"kind": "edit", "paths": ["a.py"]}, "yes"),
        ({"kind": "edit", "paths": ["a.py", "/etc/passwd"]}, "no"),
        ({"kind": "fetch"}, "no"),
    ],
)
def test_answers_by_the_policy(asked: dict[str, Any], answer: str, tree: Path) -> None:
    report = Worker(tree, {"ask": asked}, allowed=(("npm", "test"),)).report()
    assert report.said == f"answer {answer}"
    assert bool(report.denied) == (answer == "no")


def test_yolo_says_yes(tree: Path) -> None:
    assert Worker(tree, {"ask": {"command": "rm x"}}, yolo=True).report().said == "answer yes"


def test_files_of_the_worktree_only(tree: Path) -> None:
    outside = tree.parent / "outside.txt"
    report = Worker(
        tree, {"write": ["a/b.txt", "one\r\ntwo"]}, {"write": [str(outside), "x"]}, {"read": "a/b.txt"}, {"read": "c"}
    ).report()
    assert (tree / "a" / "b.txt").read_bytes() == b"one\r\ntwo"
    assert not outside.exists()
    assert report.denied == (
        f"write {outside}"[:79].rstrip() + "…" if len(f"write {outside}") > 80 else f"write {outside}",
    )
    assert "refused -32602" in report.said and "refused -32002" in report.said


def test_without_tools_it_cannot_even_read(tree: Path) -> None:
    (tree / "a.txt").write_text("secret")
    report = Worker(tree, {"read": "a.txt"}, {"ask": {"kind": "read", "paths": ["a.txt"]}}, tools=False).report()
    assert "secret" not in report.said
    assert "answer no" in report.said


def test_session_goes_on_and_its_past_is_no_news(tree: Path) -> None:
    report = Worker(tree, {"say": "now"}, session="old-7").report()
    assert (report.session, report.said) == ("old-7", "now")


@pytest.mark.parametrize(("session", "manner"), [("gone", ""), ("old-7", "forgetful")])
def test_session_that_cannot_go_on_fails_the_attempt(session: str, manner: str, tree: Path) -> None:
    """The prompt of one that goes on holds no assignment, so a new session would know of none."""
    report = Worker(tree, {"say": "now"}, session=session, manner=manner).report()
    assert (report.session, report.said, report.problem is not None) == ("", "", True)


def test_model_is_chosen_or_it_fails(tree: Path) -> None:
    report = Worker(tree, {"which": 1}, model="big").report()
    assert (report.said, report.model) == ("I am big", "big")
    problem = Worker(tree, {"which": 1}, model="big", manner="plain").report().problem
    assert problem and "no choice of a model" in problem.detail


@pytest.mark.parametrize(
    ("manner", "steps", "kind", "words"),
    [
        ("dies", [], Trouble.CRASHED, "exit code 3): no licence found"),
        ("rubbish", [], Trouble.CRASHED, "the agent"),
        ("locked", [], Trouble.AUTH, "Authentication required"),
        ("", [{"fail": [429, "slow down"]}], Trouble.RATE_LIMIT, "slow down"),
        ("", [{"fail": [-32603, "Invalid API key"]}], Trouble.AUTH, "Invalid API key"),
        ("", [{"stop": "refusal"}], Trouble.REFUSED, "refused"),
        ("", [{"stop": "max_turn_requests"}], Trouble.TURNS, "turns"),
        ("", [{"stop": "max_tokens"}], Trouble.CONTEXT_FULL, "tokens"),
    ],
)
def test_failures(manner: str, steps: list[dict[str, Any]], kind: Trouble, words: str, tree: Path) -> None:
    worker = Worker(tree, *steps, manner=manner)
    problem = worker.report().problem
    assert worker.process.returncode == 1
    assert problem and problem.kind == kind
    assert words in problem.detail


@pytest.mark.parametrize("manner", ["", "stubborn"])
def test_term_cancels_and_leaves_nothing(manner: str, tree: Path) -> None:
    worker = Worker(tree, {"wait": True}, manner=manner)
    began = _wait_for(tree / "began")
    family = [psutil.Process(int(pid)) for pid in began.split()]
    worker.process.send_signal(signal.SIGTERM)
    report = worker.report()
    assert worker.process.returncode == 143
    assert report.said == "cancelled", "the agent was told before it was ended"
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_silent_agent_prints_nothing_and_can_be_ended(tree: Path) -> None:
    worker = Worker(tree, manner="silent")
    _wait_for(tree / "began")
    worker.process.terminate()
    out, _ = worker.process.communicate(timeout=20)
    assert (out, worker.process.returncode) == ("", 143)


def test_program_that_is_not_there(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = AcpAgent("acp:no-such-program --acp")
    assert "'no-such-program' is not there" in agent.missing(Task(id="1", subject="s"), "")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'swarmskill[acp]'" in agent.missing(Task(id="1", subject="s"), "")


def test_module_of_the_worktree_takes_no_place_of_ours(tree: Path) -> None:
    for name in ("acp", "asyncio", "swarmskill"):
        (tree / f"{name}.py").write_text("raise SystemExit('taken')")
    assert Worker(tree, {"say": "fine"}).report().said == "fine"


@pytest.mark.parametrize("name", ["acp:", "acp:  ", "acp:'open"])
def test_name_without_a_command(name: str) -> None:
    with pytest.raises(UsageError, match="names no command"):
        find_agent(name)


def _wait_for(file: Path) -> str:
    deadline = time.monotonic() + 20
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return file.read_text()
