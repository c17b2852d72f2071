"""What every agent promises, whatever program is behind it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmskill.agents.account import Account
from swarmskill.agents.base import Agent, AgentEvent, Assignment, Invocation, LoginState
from swarmskill.agents.registry import BUILT_IN, find_agent
from swarmskill.agents.text import ACTION_LENGTH, SAID_LENGTH
from swarmskill.config import AgentOptions
from swarmskill.model import AgentReport, Ending, Problem, Task, Trouble, Usage

PROGRAMS = sorted(set(BUILT_IN) - {"command", "host"})
EXIT_CODES = (0, 1, 2, 41, 53, 55, 130, 137, 143, 144, 145, 147, 255)
SAMPLES = Path(__file__).parents[1] / "samples"

every_agent = pytest.mark.parametrize("name", sorted(BUILT_IN))
every_program = pytest.mark.parametrize("name", PROGRAMS)


def assignment(folder: Path, **more: Any) -> Assignment:
    fields: dict[str, Any] = {
        "run_id": "r1",
        "task": Task(id="1", subject="A subject", description="A description"),
        "attempt": 1,
        "worktree": folder / "tree",
        "prompt_file": folder / "prompt.md",
        "result_file": folder / "tree" / ".swarm" / "result.json",
        "agent_cmd": "true",
        **more,
    }
    return Assignment(**fields)


def call(name: str, folder: Path, **more: Any) -> Invocation:
    return find_agent(name).invocation(assignment(folder, **more))


def play(agent: Agent, lines: Iterable[str], code: int, earlier: Usage | None = None) -> AgentReport:
    """Read a whole log, each event of which has to be one of the seam's."""
    reader = agent.reader(earlier) if earlier else agent.reader()
    lines = list(lines)
    for line in lines:
        assert all(isinstance(event, AgentEvent) for event in reader.read(line))
    assert all(isinstance(event, AgentEvent) for event in reader.close(code))
    account = Account(agent.reader(), {})
    account.read(lines)
    assert len(account.last_action) <= ACTION_LENGTH
    assert "\n" not in account.last_action
    report = account.close(Ending.EXITED, code)
    check(report)
    return report


def check(report: AgentReport) -> None:
    usage = report.usage
    assert min(usage.input_tokens, usage.cached_tokens, usage.output_tokens) >= 0
    assert usage.cost_usd is None or usage.cost_usd >= 0
    assert len(report.said) <= SAID_LENGTH
    if report.problem:
        assert isinstance(report.problem, Problem)
        assert isinstance(report.problem.kind, Trouble)
        assert "\n" not in report.problem.detail
        assert report.problem.retry_after is None or report.problem.retry_after >= 0


# How it is called


@every_agent
def test_an_agent_has_the_name_by_which_it_is_found(name: str) -> None:
    assert find_agent(name).name == name


@every_agent
def test_a_call_is_words_and_has_no_prompt_among_them(name: str, tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("the words of the prompt")
    for more in ({}, {"session": "s1"}, {"yolo": True}, {"tools": False}, {"max_cost": 0.25, "model": "m"}):
        made = call(name, tmp_path, **more)
        assert made.argv or name == "host"  # whose program is the assistant itself
        assert all(isinstance(word, str) and "\0" not in word for word in made.argv)
        assert not any("words of the prompt" in word or "A description" in word for word in made.argv)
        assert all(isinstance(part, str) for pair in made.env.items() for part in pair)


@every_agent
def test_the_same_assignment_is_called_the_same_way(name: str, tmp_path: Path) -> None:
    assert call(name, tmp_path) == call(name, tmp_path)


@every_program
def test_the_prompt_comes_from_its_file_by_standard_input(name: str, tmp_path: Path) -> None:
    assert call(name, tmp_path).stdin == tmp_path / "prompt.md"


@every_program
def test_the_users_words_start_the_program_and_his_arguments_are_passed_on(name: str, tmp_path: Path) -> None:
    options = AgentOptions(command=("/opt/own program", "--first"), args=("--own-argument", "a b"))
    argv = call(name, tmp_path, options=options).argv
    assert argv[:2] == ("/opt/own program", "--first")
    assert any(argv[at : at + 2] == options.args for at in range(len(argv)))


@every_program
def test_without_them_its_own_program_is_started(name: str, tmp_path: Path) -> None:
    program = find_agent(name).program
    assert program is not None
    assert call(name, tmp_path).argv[: len(program.command)] == program.command


@every_program
def test_a_tasks_model_and_else_the_agents_is_asked_for(name: str, tmp_path: Path) -> None:
    options = AgentOptions(model="agents-model")
    assert any("tasks-model" in word for word in call(name, tmp_path, options=options, model="tasks-model").argv)
    assert any("agents-model" in word for word in call(name, tmp_path, options=options).argv)


@every_program
def test_a_session_is_gone_on_with_only_if_there_is_one(name: str, tmp_path: Path) -> None:
    assert any("session-4711" in word for word in call(name, tmp_path, session="session-4711").argv)
    assert "" not in call(name, tmp_path).argv


@every_program
def test_only_yolo_lets_it_do_everything(name: str, tmp_path: Path) -> None:
    plain, yolo = call(name, tmp_path), call(name, tmp_path, yolo=True)
    assert (plain.argv, plain.env) != (yolo.argv, yolo.env)
    whole = " ".join([*plain.argv, *plain.env, *plain.env.values()]).lower()
    assert not any(word in whole for word in ("--yolo", "dangerously", "danger-full-access", "bypass", "is_sandbox"))


@every_program
def test_an_agent_without_tools_may_less_than_any_other_even_with_yolo(name: str, tmp_path: Path) -> None:
    mute = call(name, tmp_path, tools=False, yolo=True, allowed=(("frobnicate",),))
    assert mute == call(name, tmp_path, tools=False)
    assert (mute.argv, mute.env) != (call(name, tmp_path).argv, call(name, tmp_path).env)
    whole = " ".join([*mute.argv, *mute.env.values()])
    assert "frobnicate" not in whole


# Whether it is there


@every_program
def test_a_missing_program_is_named_with_the_command_that_installs_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    agent = find_agent(name)
    assert agent.program is not None
    missing = agent.missing(Task(id="1", subject="s"), "")
    assert agent.program.install in missing
    assert agent.program.command[0] in missing
    assert "\n" not in missing


@every_program
def test_a_program_of_the_users_own_is_not_missing(name: str, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("#!/bin/sh\n")
    options = AgentOptions(command=(str(own),))
    assert find_agent(name).missing(Task(id="1", subject="s"), "", options)
    own.chmod(0o755)
    assert find_agent(name).missing(Task(id="1", subject="s"), "", options) == ""


@every_program
def test_the_good_versions_are_a_range(name: str) -> None:
    program = find_agent(name).program
    assert program is not None
    lowest, highest = ([int(part) for part in version.split(".")] for version in program.good)
    assert lowest <= highest


@every_agent
def test_a_login_is_told_from_an_empty_home_without_an_error(name: str, tmp_path: Path) -> None:
    for home in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        (tmp_path / "file").write_text("x")
        login = find_agent(name).login({}, home)
        assert isinstance(login.state, LoginState)
        assert login.how
        assert login.state is not LoginState.YES


# What it prints


@every_agent
@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["\x00\x01\xff\ufffd\udcff", "\x1b[31m\x1b]0;", "\r\r\r"],
        ["{", "}", "{}", "[]", "[{}]", "null", "true", "1e999", '"text"', '{"type"', '{"type":}'],
        ["{" * 2000, "[" * 2000, '{"a":' * 2000],
        ["x" * 1_000_000],
        ['{"type": "assistant", "message": "' + "y" * 1_000_000 + '"}'],
        ['{"type": "no such type", "subtype": 1}', '{"type": null}', '{"type": ["a"]}', '{"type": {}}'],
    ],
    ids=[
        "nothing",
        "an empty line",
        "binary rubbish",
        "broken",
        "deep",
        "1 MB of text",
        "1 MB of JSON",
        "unknown types",
    ],
)
def test_no_output_makes_the_reader_fail(name: str, lines: list[str]) -> None:
    for code in (0, 1, 143):
        play(find_agent(name), lines, code)


KEYS = st.sampled_from(
    "type subtype message content id usage input_tokens output_tokens cache_read_input_tokens model session_id "
    "is_error result error errors name input text role data attempt item thread_id command status part state tokens "
    "cost cached total sessionID tool delta stats modelUsage model_usage_since_last_result permission_denials "
    "tool_use_id api_error_status retry_delay_ms error_status rate_limit_info resetsAt costUSD parent_tool_use_id "
    "stop_reason terminal_reason changes statusCode time cache read write reasoning input_tokens_details".split()
)
WORDS = st.sampled_from(
    "assistant user system result error init api_retry retry permission_denied success text tool_use tool_result "
    "thread.started turn.started turn.completed turn.failed item.started item.completed agent_message file_change "
    "command_execution step_start step_finish message rate_limit_event rejected error_max_turns".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
DOCUMENTS = st.builds(
    lambda kind, rest: {**rest, "type": kind}, WORDS | VALUES, st.dictionaries(KEYS, VALUES, max_size=8)
)


@every_agent
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents=st.lists(DOCUMENTS, max_size=4), code=st.sampled_from(EXIT_CODES))
def test_no_json_makes_the_reader_fail(name: str, documents: list[Any], code: int) -> None:
    play(find_agent(name), [json.dumps(document) for document in documents], code)


def recorded(name: str) -> list[str]:
    return [
        line
        for file in sorted((SAMPLES / name).glob("*.stdout"))
        for line in file.read_text(encoding="utf-8").split("\n")
        if line and len(line) < 4000
    ]


@every_program
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_recorded_line_with_one_value_changed_makes_the_reader_fail(name: str, data: st.DataObject) -> None:
    lines = [line for line in recorded(name) if line.startswith("{") and line.endswith("}")]
    document = json.loads(data.draw(st.sampled_from(lines)))
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(VALUES)
            break
        place = place[key]
    play(find_agent(name), [json.dumps(document)], data.draw(st.sampled_from(EXIT_CODES)))


@every_program
def test_no_recorded_log_that_is_cut_off_anywhere_makes_the_reader_fail(name: str) -> None:
    agent = find_agent(name)
    lines = recorded(name)
    assert lines
    for at, line in enumerate(lines[:60]):
        play(agent, [*lines[max(0, at - 3) : at], line[: len(line) // 2]], 137)


@every_program
@pytest.mark.parametrize("earlier", [Usage(), Usage(10**9, 10**9, 10**9, 1e6)])
def test_usage_before_a_resume_never_makes_it_less_than_nothing(name: str, earlier: Usage) -> None:
    for file in sorted((SAMPLES / name).glob("*.stdout")):
        play(find_agent(name), file.read_text(encoding="utf-8").split("\n"), 0, earlier)


@every_program
def test_a_good_end_that_tells_nothing_is_a_failure_and_a_signal_is_none(name: str) -> None:
    """A worker that is stopped for its silence tells why by what it was retrying: its end may not hide that."""
    report = play(find_agent(name), [], 0)
    assert report.problem is not None
    assert report.problem.detail
    assert play(find_agent(name), [], 137).problem is None
    assert play(find_agent(name), [], 143).problem is None
