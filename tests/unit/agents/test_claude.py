"""Claude Code: how it is called, and what its recorded streams tell."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from swarmskill.agents.base import Assignment, Began, Failed, Finished, LoginState, Retrying, Said, Spent, UsedTool
from swarmskill.agents.claude import AGENT
from swarmskill.agents.claude_stream import ClaudeStreamReader, Dialect
from swarmskill.config import AgentOptions
from swarmskill.model import NOTHING_USED, Ending, Task, Trouble, Usage
from tests.unit.agents.recorded import cases, play, play_lines


def assignment(**more: Any) -> Assignment:
    return Assignment(
        run_id="r",
        task=Task(id="1", subject="s"),
        attempt=1,
        worktree=Path("/w"),
        prompt_file=Path("/run/prompt.md"),
        result_file=Path("/w/.swarm/result.json"),
        **more,
    )


def argv(**more: Any) -> tuple[str, ...]:
    return AGENT.invocation(assignment(**more)).argv


def pairs(words: tuple[str, ...], flag: str) -> list[str]:
    return [value for name, value in zip(words, words[1:], strict=False) if name == flag]


# How it is called


def test_the_prompt_goes_to_standard_input_and_events_come_as_lines() -> None:
    call = AGENT.invocation(assignment())
    assert call.argv[:5] == ("claude", "-p", "--output-format", "stream-json", "--verbose")
    assert call.stdin == Path("/run/prompt.md")


def test_edits_declared_commands_and_reading_git_are_allowed_and_no_more() -> None:
    words = argv(allowed=(("pytest",), ("npm", "test")))
    assert pairs(words, "--permission-mode") == ["acceptEdits"]
    allowed = pairs(words, "--allowedTools")
    assert {"Bash(pytest:*)", "Bash(npm test:*)", "Bash(git diff:*)"} <= set(allowed)
    assert not any("commit" in rule or rule in ("Bash", "Bash(git:*)") for rule in allowed)
    assert "--dangerously-skip-permissions" not in words


def test_a_worker_cannot_go_to_a_worktree_of_its_own() -> None:
    assert pairs(argv(), "--disallowedTools") == ["EnterWorktree"]
    assert pairs(argv(yolo=True), "--disallowedTools") == ["EnterWorktree"]


def test_only_yolo_goes_round_permissions_and_only_then_root_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "IS_SANDBOX" not in AGENT.invocation(assignment()).env
    call = AGENT.invocation(assignment(yolo=True))
    assert "--dangerously-skip-permissions" in call.argv
    assert call.env["IS_SANDBOX"] == "1"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "IS_SANDBOX" not in AGENT.invocation(assignment(yolo=True)).env


def test_without_tools_it_has_none_whatever_else_is_allowed() -> None:
    words = argv(tools=False, yolo=True, allowed=(("pytest",),))
    assert pairs(words, "--tools") == [""]
    assert not {"--dangerously-skip-permissions", "--allowedTools", "--permission-mode"} & set(words)


def test_a_tasks_model_goes_before_the_agents() -> None:
    options = AgentOptions(model="haiku")
    assert pairs(argv(model="opus", options=options), "--model") == ["opus"]
    assert pairs(argv(options=options), "--model") == ["haiku"]
    assert "--model" not in argv()


def test_a_session_is_resumed_and_money_is_limited() -> None:
    words = argv(session="abc", max_cost=0.5)
    assert pairs(words, "--resume") == ["abc"]
    assert float(pairs(words, "--max-budget-usd")[0]) == 0.5
    assert not {"--resume", "--max-budget-usd"} & set(argv())


def test_a_tiny_limit_on_money_is_no_word_that_it_cannot_read() -> None:
    assert "e" not in pairs(argv(max_cost=0.0000123), "--max-budget-usd")[0]


def test_the_users_command_and_arguments_are_taken() -> None:
    words = argv(options=AgentOptions(command=("/opt/claude", "--x"), args=("--effort", "low")))
    assert words[:3] == ("/opt/claude", "--x", "-p")
    assert words[-2:] == ("--effort", "low")


def test_it_is_quiet_and_leaves_retries_to_us() -> None:
    env = AGENT.invocation(assignment()).env
    assert env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == env["DISABLE_AUTOUPDATER"] == "1"
    assert int(env["CLAUDE_CODE_MAX_RETRIES"]) <= 2


# Logged in or not


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK"])
def test_a_key_in_a_variable_is_a_login_and_is_named_without_its_value(name: str, tmp_path: Path) -> None:
    login = AGENT.login({name: "sk-secret"}, tmp_path)
    assert (login.state, login.how) == (LoginState.YES, name)


@pytest.mark.parametrize(
    ("file", "document", "state"),
    [
        (".claude/.credentials.json", {"claudeAiOauth": {"accessToken": "x"}}, LoginState.YES),
        (".claude/.credentials.json", {"mcpOAuth": {}}, LoginState.NO),
        (".claude.json", {"primaryApiKey": "x"}, LoginState.YES),
        (".claude/settings.json", {"apiKeyHelper": "get-key"}, LoginState.UNKNOWN),
        (".claude/settings.json", [1], LoginState.NO),
    ],
)
def test_its_files_tell_a_login(
    file: str, document: Any, state: LoginState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    (tmp_path / ".claude").mkdir()
    (tmp_path / file).write_text(json.dumps(document))
    assert AGENT.login({}, tmp_path).state is state


def test_another_config_folder_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / ".credentials.json").write_text('{"claudeAiOauth": {"accessToken": "x"}}')
    login = AGENT.login({"CLAUDE_CONFIG_DIR": str(tmp_path)}, Path("/nowhere"))
    assert login.state is LoginState.YES


def test_without_a_login_the_command_that_logs_in_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    login = AGENT.login({"ANTHROPIC_API_KEY": ""}, tmp_path)
    assert login.state is LoginState.NO
    assert "claude auth login" in login.how
    monkeypatch.setattr("sys.platform", "darwin")
    assert AGENT.login({}, tmp_path).state is LoginState.UNKNOWN


# What its streams tell


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("e-401", "auth", "Failed to authenticate"),
        ("no-model", "auth", "issue with the selected model"),
        ("e-429", "rate_limit", "Request rejected (429)"),
        ("e-500", "overloaded", "500"),
        ("e-529", "overloaded", "529"),
        ("e-refused", "network", "ECONNREFUSED"),
        ("e-hang", "network", "timed out"),
        ("dropped", "network", "ECONNRESET"),
        ("permission", "auth", "403"),
        ("limit-far", "rate_limit", "429"),
        ("server", "overloaded", "500"),
        ("context", "context_full", "Prompt is too long"),
        ("refused", "refused", "can't help with this"),
        ("refused-late", "refused", "can't help with this"),
        ("m-turns", "turns", "maximum number of turns (2)"),
        ("m-budget", "budget", "maximum budget ($0.008)"),
        ("res6", "crashed", "No conversation found"),
        ("k-int", "crashed", "exit code 0 and told no result"),
    ],
)
def test_a_failed_worker_tells_its_trouble(case: str, kind: str, words: str) -> None:
    for errors_first in (False, True):
        problem = play("claude", case, errors_first=errors_first).report.problem
        assert problem is not None
        assert problem.kind == kind
        assert words in problem.detail


FAILED = (
    "e-401 e-429 e-429-wait e-500 e-529 e-refused e-hang m-turns m-budget res6 k-int no-model dropped permission "
    "limit-far server context refused refused-late"
)


@pytest.mark.parametrize("case", sorted(set(cases("claude")) - {*FAILED.split(), "json"}))
def test_every_other_recorded_worker_has_no_trouble(case: str) -> None:
    played = play("claude", case)
    assert played.report.problem is None
    assert played.report.session
    assert played.report.model.startswith("claude-")


def test_success_with_is_error_is_a_failure() -> None:
    played = play("claude", "e-401")
    assert not played.of(Finished)
    assert played.report.problem is not None


def test_denials_with_exit_code_0_are_told_once_each() -> None:
    report = play("claude", "p-none").report
    assert report.problem is None
    assert report.denied == ("Write a.txt", "$ echo hi > b.txt")
    assert play("claude", "p-accept").report.denied == ('$ python3 -c \'open("c.txt","w")\'',)


def test_actions_show_paths_from_the_worktree() -> None:
    assert UsedTool("Write a.txt") in play("claude", "p-accept").events


def test_of_several_results_the_last_decides_and_usage_is_their_total() -> None:
    played = play("claude", "bt1")
    assert len(played.of(Finished)) == 2
    assert played.report.usage == Usage(4000, 800, 200, pytest.approx(0.02016))
    finishes = [event.text for event in played.events if isinstance(event, Finished)]
    assert played.report.said == finishes[-1]


def test_a_result_that_repeats_the_totals_adds_nothing() -> None:
    played = play("claude", "ag2")
    assert len(played.of(Finished)) == 3
    assert played.report.usage == Usage(9000, 1800, 450, pytest.approx(0.04536))


def test_sub_agents_are_paid_for_and_their_words_are_not_the_workers() -> None:
    played = play("claude", "ag1")
    assert played.report.usage == Usage(8000, 1600, 400, pytest.approx(0.04032))
    assert [event.text for event in played.events if isinstance(event, Said)] == ["done fg"]
    assert played.report.said == "done fg"


def test_a_resumed_session_costs_only_what_is_new() -> None:
    first = play("claude", "s-first").report
    resumed = play("claude", "s-resumed", earlier=first.usage).report
    assert resumed.session == first.session
    assert first.usage == Usage(2000, 400, 100, pytest.approx(0.01008))
    assert resumed.usage == Usage(3000, 600, 150, pytest.approx(0.01512))


def test_without_the_usage_since_the_last_result_the_earlier_usage_is_taken_off() -> None:
    lines = result(modelUsage={"m": model_usage(500, cost=0.5)}, model_usage_since_last_result=None)
    assert played_usage(lines, earlier=Usage(100, 0, 0, 0.1)) == Usage(400, 0, 0, pytest.approx(0.4))


def test_usage_is_counted_while_no_result_has_come_each_message_once() -> None:
    played = play("claude", "k-term", ending=Ending.KILLED)
    usage = played.report.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (1000, 200, 1)
    message = assistant("m1", usage={"input_tokens": 10, "cache_creation_input_tokens": 5, "output_tokens": 1})
    grown = assistant("m1", usage={"input_tokens": 10, "cache_creation_input_tokens": 5, "output_tokens": 7})
    other = assistant("m2", usage={"input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 1})
    counted = played_usage(message, message, grown, other)
    assert (counted.input_tokens, counted.cached_tokens, counted.output_tokens) == (115, 50, 8)
    assert counted.estimated == (counted.cost_usd is not None), "only our own table prices it by now"


def test_a_result_replaces_what_was_counted_and_later_messages_come_on_top() -> None:
    message = assistant("m1", usage={"input_tokens": 10, "output_tokens": 1})
    told = result(model_usage_since_last_result={"m": model_usage(1000, cost=1.0)})
    later = assistant("m2", usage={"input_tokens": 7, "output_tokens": 1})
    assert played_usage(message, told) == Usage(1000, 0, 0, 1.0)
    assert played_usage(message, told, later) == Usage(1007, 0, 1, 1.0)
    assert played_usage(message, told, later, told) == Usage(2000, 0, 0, 2.0)


def test_spent_is_a_growing_total() -> None:
    totals = [event.usage.tokens for event in play("claude", "p-accept").events if isinstance(event, Spent)]
    assert totals == sorted(totals)
    assert totals[-1] == 4000 + 800 + 200


def test_a_terminated_worker_has_no_trouble_of_its_own_and_keeps_its_session() -> None:
    played = play("claude", "k-term", ending=Ending.KILLED)
    assert played.report.problem is None
    assert played.report.session


def test_a_worker_that_fell_silent_while_it_retried_tells_why() -> None:
    for line, kind in (
        (
            {"attempt": 1, "max_retries": 2, "retry_delay_ms": 500, "error_status": 529, "error": "overloaded"},
            "overloaded",
        ),
        ({"attempt": 1, "max_retries": 2, "retry_delay_ms": 500, "error_status": None, "error": "unknown"}, "network"),
    ):
        retry = json.dumps({"type": "system", "subtype": "api_retry", **line})
        report = play_lines(AGENT, [retry], 143, ending=Ending.STALLED).report
        assert report.problem is not None
        assert report.problem.kind == kind
        assert report.problem.retry_after is None


def test_retries_that_helped_are_forgotten() -> None:
    played = play("claude", "e-529-3x")
    assert [event.problem.kind for event in played.events if isinstance(event, Retrying)] == ["overloaded"] * 2
    assert played.report.problem is None


def test_the_wait_that_the_service_asked_for_is_told() -> None:
    report = play("claude", "e-429-wait").report
    assert report.problem is not None
    assert report.problem.kind is Trouble.RATE_LIMIT
    assert report.problem.retry_after == pytest.approx(6.0, abs=0.6)  # it adds some chance


def test_the_end_of_a_limit_is_told_in_seconds_from_now() -> None:
    reader = ClaudeStreamReader(Dialect(), now=lambda: 1000.0)
    limit = {"status": "rejected", "resetsAt": 4600, "rateLimitType": "five_hour"}
    list(reader.read(json.dumps({"type": "rate_limit_event", "rate_limit_info": limit})))
    told = list(reader.read(result(is_error=True, result="You've hit your session limit · resets 3pm (UTC)")))
    problem = next(event.problem for event in told if isinstance(event, Failed))
    assert (problem.kind, problem.retry_after) == (Trouble.RATE_LIMIT, 3600.0)


def test_a_limit_that_lets_requests_through_is_no_wait() -> None:
    reader = ClaudeStreamReader(Dialect(), now=lambda: 1000.0)
    list(reader.read(json.dumps({"type": "rate_limit_event", "rate_limit_info": {"status": "allowed", "resetsAt": 9}})))
    told = list(reader.read(result(is_error=True, result="API Error: Request rejected (429)")))
    assert next(event.problem for event in told if isinstance(event, Failed)).retry_after is None


@pytest.mark.parametrize("reason", ["prompt_too_long", "blocking_limit", "rapid_refill_breaker"])
def test_a_full_context_is_known_by_its_terminal_reason(reason: str) -> None:
    report = play_lines(AGENT, [result(is_error=True, terminal_reason=reason, result="?")], 1).report
    assert report.problem is not None
    assert report.problem.kind is Trouble.CONTEXT_FULL


def test_a_refusal_is_a_failure_even_where_no_error_is_told() -> None:
    report = play_lines(AGENT, [result(stop_reason="refusal", result="I cannot")], 0).report
    assert report.problem is not None
    assert report.problem.kind is Trouble.REFUSED


def test_a_program_that_dies_at_its_start_tells_why_in_plain_words() -> None:
    words = "--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons"
    report = play_lines(AGENT, [words, ""], 1).report
    assert report.problem is not None
    assert report.problem.detail == words


def test_the_session_and_the_model_are_told_at_once() -> None:
    began = play("claude", "ag1").events[0]
    assert began == Began("2cb2cbea-b45d-4776-8d91-dfbcba2b3685", "claude-opus-5-5")


def result(**fields: Any) -> str:
    return json.dumps({"type": "result", "subtype": "success", "is_error": False, **fields})


def assistant(name: str, **fields: Any) -> str:
    return json.dumps({"type": "assistant", "message": {"id": name, "model": "m", "content": [], **fields}})


def model_usage(tokens: int, *, cost: float) -> dict[str, Any]:
    return {"inputTokens": tokens, "outputTokens": 0, "cacheReadInputTokens": 0, "costUSD": cost}


def played_usage(*lines: str, earlier: Usage = NOTHING_USED) -> Usage:
    return play_lines(AGENT, lines, 0, earlier=earlier).report.usage
