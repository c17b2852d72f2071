"""Qwen Code: how it is called, the Node that it needs, and what its recorded streams tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarmskill.agents.base import Assignment, LoginState, Retrying, Said
from swarmskill.agents.qwen import AGENT
from swarmskill.config import AgentOptions
from swarmskill.model import Ending, Task, Trouble, Usage
from tests.unit.agents.recorded import play, play_lines

TASK = Task(id="1", subject="s")


def argv(**more: Any) -> tuple[str, ...]:
    assignment = Assignment(
        run_id="r",
        task=TASK,
        attempt=1,
        worktree=Path("/w"),
        prompt_file=Path("/run/prompt.md"),
        result_file=Path("/w/.swarm/result.json"),
        **more,
    )
    call = AGENT.invocation(assignment)
    assert call.stdin == Path("/run/prompt.md")
    return call.argv


def pairs(words: tuple[str, ...], flag: str) -> list[str]:
    return [value for name, value in zip(words, words[1:], strict=False) if name == flag]


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


# How it is called


def test_edits_declared_commands_and_reading_git_are_allowed_and_no_more() -> None:
    words = argv(allowed=(("pytest",), ("npm", "test")))
    assert words[:3] == ("qwen", "--output-format", "stream-json")
    assert pairs(words, "--approval-mode") == ["auto-edit"]
    allowed = pairs(words, "--allowed-tools")
    assert {"run_shell_command(pytest)", "run_shell_command(npm test)", "run_shell_command(git diff)"} <= set(allowed)
    assert not {"run_shell_command", "run_shell_command(git)", "run_shell_command(mv)"} & set(allowed)
    assert "--yolo" not in words


def test_only_yolo_lets_it_do_everything_and_no_tools_goes_before_it() -> None:
    assert "--yolo" in argv(yolo=True)
    words = argv(tools=False, yolo=True, allowed=(("pytest",),))
    assert pairs(words, "--approval-mode") == ["default"]
    assert not {"--yolo", "--allowed-tools"} & set(words)


def test_model_session_command_and_arguments_are_passed_on() -> None:
    options = AgentOptions(command=("node22", "qwen.js"), args=("--x",), model="a")
    words = argv(model="b", session="abc", options=options)
    assert words[:2] == ("node22", "qwen.js")
    assert (pairs(words, "--model"), pairs(words, "--resume"), words[-1]) == (["b"], ["abc"], "--x")


# Node


@pytest.mark.parametrize(("version", "good"), [("v20.20.2", False), ("v22.0.0", True), ("v24.1.0", True), ("?", True)])
def test_a_node_that_is_too_old_is_missing(
    version: str, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "node", f"#!/bin/sh\necho {version}\n")
    script(tmp_path / "qwen", "#!/usr/bin/env node\nconsole.log(1)\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = AGENT.missing(TASK, "")
    if good:
        assert missing == ""
    else:
        assert "Node.js 22 or newer" in missing
        assert "20.20.2" in missing
        assert "npm install -g node@22" in missing


def test_a_program_that_is_no_script_of_node_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "node", "#!/bin/sh\necho v18.0.0\n")
    program = script(tmp_path / "own", "#!/bin/sh\nexec /opt/node22 /opt/qwen.js\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert AGENT.missing(TASK, "", AgentOptions(command=(str(program),))) == ""


def test_no_node_at_all_is_missing_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "qwen", "#!/usr/bin/env node\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = AGENT.missing(TASK, "")
    assert "Node.js 22 or newer" in missing
    assert "no `node` on PATH" in missing


# Logged in or not


def test_a_key_or_its_files_are_a_login(tmp_path: Path) -> None:
    assert AGENT.login({"OPENAI_API_KEY": "sk-secret"}, tmp_path).how == "OPENAI_API_KEY"
    assert AGENT.login({}, tmp_path).state is LoginState.NO
    (tmp_path / ".qwen").mkdir()
    settings = tmp_path / ".qwen" / "settings.json"
    settings.write_text(json.dumps({"security": {"auth": {"apiKey": "sk-secret"}}}, indent=2))
    login = AGENT.login({}, tmp_path)
    assert (login.state, login.how) == (LoginState.YES, str(settings))
    settings.write_text("{broken")
    assert AGENT.login({}, tmp_path).state is LoginState.NO
    (tmp_path / ".qwen" / "oauth_creds.json").write_text('{"access_token": "x"}')
    assert AGENT.login({}, tmp_path).state is LoginState.YES


# What its streams tell


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("q-e401", "auth", "401"),
        ("q-nokey", "auth", "Missing API key"),
        ("q-ref", "network", "Connection error"),
        ("context", "context_full", "maximum context length"),
        ("permission", "auth", "403"),
        ("cut", "network", "without a finish reason"),
        ("q-turns", "turns", "Reached max session turns"),
        ("q-calls", "budget", "tool-call budget of 2 exceeded"),
        ("q-help", "crashed", "Unknown arguments: such-flag"),
    ],
)
def test_a_failed_worker_tells_its_trouble(case: str, kind: str, words: str) -> None:
    for errors_first in (False, True):
        problem = play("qwen", case, errors_first=errors_first).report.problem
        assert problem is not None
        assert problem.kind == kind
        assert words in problem.detail


@pytest.mark.parametrize("case", ["q1", "q-def", "q-first", "q-resumed", "limit-told", "overload-once"])
def test_every_other_recorded_worker_has_no_trouble(case: str) -> None:
    report = play("qwen", case).report
    assert report.problem is None
    assert report.session
    assert report.model == "fake-model"


def test_caps_are_told_by_the_exit_code_alone() -> None:
    assert [play_lines(AGENT, [], code).report.problem.kind for code in (53, 55, 1)] == ["turns", "budget", "crashed"]  # type: ignore[union-attr]
    assert play_lines(AGENT, [], 143).report.problem is None


def test_a_cap_keeps_what_was_used_until_then() -> None:
    assert play("qwen", "q-calls").report.usage == Usage(3000, 600, 150)


def test_a_rate_limit_is_waited_for_and_told_when_it_falls_silent() -> None:
    for errors_first in (False, True):
        played = play("qwen", "q-e429", ending=Ending.STALLED, errors_first=errors_first)
        retrying = [event for event in played.events if isinstance(event, Retrying)]
        assert retrying[-1].problem.kind is Trouble.RATE_LIMIT
        assert played.report.problem is not None
        assert (played.report.problem.kind, played.report.problem.retry_after) == (Trouble.RATE_LIMIT, None)


def test_a_retry_without_its_reason_is_an_overload() -> None:
    line = {"type": "system", "subtype": "retry", "data": {"reason": "retry", "attempt": 3, "maxRetries": 10}}
    report = play_lines(AGENT, [json.dumps(line)], 143, ending=Ending.STALLED).report
    assert report.problem is not None
    assert (report.problem.kind, report.problem.detail) == (Trouble.OVERLOADED, "retry 3 of 10")


def test_denials_with_exit_code_0_are_told() -> None:
    report = play("qwen", "q-def").report
    assert report.problem is None
    assert report.denied == ("write_file a.txt", "$ echo hi > b.txt")


def test_cached_tokens_are_not_counted_twice() -> None:
    assert play("qwen", "q1").report.usage == Usage(3000, 600, 150)


def test_a_resumed_session_has_used_only_what_is_new() -> None:
    first = play("qwen", "q-first").report
    assert first.usage == Usage(2000, 400, 100)
    assert play("qwen", "q-resumed", earlier=first.usage).report.usage == Usage(3000, 600, 150)


def test_usage_before_a_resume_that_was_told_too_high_hides_nothing() -> None:
    assert play("qwen", "q-resumed", earlier=Usage(50_000, 0, 0)).report.usage == Usage(3000, 600, 150)


def test_the_words_of_an_error_are_not_the_models() -> None:
    played = play("qwen", "q-e401")
    assert not played.of(Said)
    assert played.report.said == ""
