"""Gemini CLI: its stream and its exit codes are read, and it is called with what the assignment allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swarmskill.agents.account import Account
from swarmskill.agents.base import Assignment, LoginState, Retrying, Waits, WasDenied
from swarmskill.agents.gemini import AGENT, READING_POLICY, SPEAKING_POLICY, GeminiReader
from swarmskill.config import AgentOptions
from swarmskill.model import AgentReport, Ending, Task, Trouble, Usage

SAMPLES = Path(__file__).parents[2] / "samples" / "gemini"


def report(*lines: str | dict[str, Any], code: int = 0) -> AgentReport:
    account = Account(GeminiReader(), {})
    account.read(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return account.close(Ending.EXITED, code)


def recorded(case: str) -> AgentReport:
    meta = json.loads((SAMPLES / f"{case}.meta.json").read_text())
    lines = (meta["stderr"] + "\n" + (SAMPLES / f"{case}.stdout").read_text()).split("\n")
    return report(*lines, code=meta["rc"])


def told(kind: str, message: str = "") -> dict[str, Any]:
    return {"type": "result", "status": kind, "error": {"type": "unknown", "message": message}}


def assigned(tmp_path: Path, **more: Any) -> Assignment:
    task, prompt, result = Task(id="1", subject="s"), tmp_path / "prompt.md", tmp_path / "result.json"
    return Assignment(
        run_id="r", task=task, attempt=1, worktree=tmp_path, prompt_file=prompt, result_file=result, **more
    )


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GEMINI_CLI_HOME", str(tmp_path / "home"))


def test_good_end() -> None:
    seen = recorded("g1")
    assert (seen.session, seen.model) == ("92b4891c-3919-480c-9b90-7c5e55a0073c", "fake")
    assert (seen.said, seen.problem, seen.denied) == ("wrote it", None, ())
    assert seen.usage == Usage(3000, 600, 150)


def test_tools_that_are_not_there_were_denied() -> None:
    seen = recorded("g-def")
    assert seen.problem is None
    assert seen.denied == ("write_file /w/repos/g-def/a.txt", "$ echo hi > b.txt")


def test_unknown_tool_of_no_gate_is_no_denial() -> None:
    use = {"type": "tool_use", "tool_name": "fly", "tool_id": "1", "parameters": {}}
    result = {"type": "tool_result", "tool_id": "1", "error": {"type": "tool_not_registered", "message": "no"}}
    assert report(use, result, told("success")).denied == ()


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        ("g-e401", Trouble.AUTH, "fake 401"),
        ("g-nokey", Trouble.AUTH, "GEMINI_API_KEY"),
        ("g-trust", Trouble.DENIED, "not running in a trusted directory"),
        ("g-turns", Trouble.TURNS, "Reached max session turns"),
    ],
)
def test_errors(case: str, kind: Trouble, words: str) -> None:
    problem = recorded(case).problem
    assert problem
    assert problem.kind == kind
    assert words in problem.detail
    assert "\n" not in problem.detail and "\x1b" not in problem.detail


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (41, Trouble.AUTH),
        (53, Trouble.TURNS),
        (144, Trouble.CRASHED),
        (145, Trouble.AUTH),
        (147, Trouble.AUTH),
        (173, Trouble.RATE_LIMIT),
        (244, Trouble.OVERLOADED),
        (17, Trouble.OVERLOADED),
        (0, Trouble.CRASHED),
    ],
)
def test_exit_code_tells_where_no_result_line_came(code: int, kind: Trouble) -> None:
    problem = report(code=code).problem
    assert problem and problem.kind == kind


def test_deltas_are_joined() -> None:
    parts = [
        {"type": "message", "role": "assistant", "content": part, "delta": True} for part in ("I wr", "ote ", "it")
    ]
    asked = {"type": "message", "role": "user", "content": "do it"}
    assert report(asked, *parts, told("success")).said == "I wrote it"


def test_thinking_counts_as_output() -> None:
    stats = {"total_tokens": 500, "input_tokens": 300, "cached": 100, "output_tokens": 50, "models": {}}
    assert report({**told("success"), "stats": stats}).usage == Usage(200, 100, 200)


def test_model_that_used_most_prices_the_whole() -> None:
    models = {"gemini-2.5-flash-lite": {"total_tokens": 10}, "gemini-2.5-pro": {"total_tokens": 90}}
    stats = {"total_tokens": 100, "input_tokens": 80, "models": models}
    assert report({**told("success"), "stats": stats}).model == "gemini-2.5-pro"


@pytest.mark.parametrize(
    ("line", "kind", "wait"),
    [
        ("Attempt 1 failed with status 429. Retrying with backoff... _ApiError: {", Trouble.RATE_LIMIT, None),
        ("Attempt 1 failed: quota. Retrying after 57000ms...", Trouble.RATE_LIMIT, 57.0),
        ("Attempt 3 failed with status 503. Retrying with backoff...", Trouble.OVERLOADED, None),
        ("Attempt 1 failed. Retrying with backoff... Error: fetch failed sending request", Trouble.NETWORK, None),
    ],
)
def test_retries_are_seen_on_standard_error(line: str, kind: Trouble, wait: float | None) -> None:
    (event,) = GeminiReader().read(line)
    assert isinstance(event, Retrying)
    assert (event.problem.kind, event.problem.retry_after) == (kind, wait)


def test_success_after_an_error_event_is_none() -> None:
    error = {"type": "error", "severity": "error", "message": "Response blocked by safety settings."}
    problem = report(error, told("success")).problem
    assert problem and problem.kind == Trouble.REFUSED


def test_loop_that_it_stopped_is_a_failure_and_a_mere_warning_is_none() -> None:
    loop = {"type": "error", "severity": "warning", "message": "Loop detected, stopping execution"}
    hook = {"type": "error", "severity": "warning", "message": "Agent execution blocked: hook"}
    problem = report(loop, told("success")).problem
    assert problem and problem.kind == Trouble.CRASHED
    assert report(hook, told("success")).problem is None


def test_write_outside_the_worktree_was_denied() -> None:
    reader = GeminiReader()
    list(reader.read(json.dumps({"type": "tool_use", "tool_name": "replace", "tool_id": "1", "parameters": {}})))
    error = {"type": "invalid_tool_params", "message": "Path not in workspace: /etc/passwd"}
    assert list(reader.read(json.dumps({"type": "tool_result", "tool_id": "1", "error": error}))) == [
        WasDenied("replace"),
        Waits(),
    ]


def test_edits_and_allowed_commands_and_no_more(tmp_path: Path) -> None:
    allowed = (("pytest",), ("npm", "test"), ("odd", "a,b"))
    call = AGENT.invocation(assigned(tmp_path, allowed=allowed, model="gemini-2.5-pro"))
    assert call.argv == (
        "gemini",
        "--output-format=stream-json",
        "--model=gemini-2.5-pro",
        "--approval-mode=auto_edit",
        f"--policy={READING_POLICY}",
        "--allowed-tools=run_shell_command(pytest)",
        "--allowed-tools=run_shell_command(npm test)",
    )
    assert call.stdin == tmp_path / "prompt.md"
    assert call.env["GEMINI_CLI_TRUST_WORKSPACE"] == "true"


def test_users_own_policies_stay(tmp_path: Path) -> None:
    own = tmp_path / "home" / ".gemini" / "policies"
    own.mkdir(parents=True)
    assert f"--policy={own}" in AGENT.invocation(assigned(tmp_path)).argv


def test_yolo_and_no_tools(tmp_path: Path) -> None:
    assert AGENT.invocation(assigned(tmp_path, yolo=True)).argv[-1] == "--approval-mode=yolo"
    assert AGENT.invocation(assigned(tmp_path, tools=False, yolo=True)).argv[-2:] == (
        "--approval-mode=default",
        f"--policy={SPEAKING_POLICY}",
    )


def test_options_of_the_user(tmp_path: Path) -> None:
    options = AgentOptions(command=("npx", "gemini"), args=("--debug",), model="flash")
    argv = AGENT.invocation(assigned(tmp_path, options=options)).argv
    assert argv[:2] == ("npx", "gemini")
    assert argv[-1] == "--debug"
    assert "--model=flash" in argv


def test_session_of_another_folder_goes_on_by_its_file(tmp_path: Path) -> None:
    session = "14b49ec5-0f80-475d-a1b9-a7c8fdf5d4a8"
    assert f"--resume={session}" in AGENT.invocation(assigned(tmp_path, session=session)).argv
    file = tmp_path / "home" / ".gemini" / "tmp" / "r" / "chats" / "session-2026-11-21T10-54-14b49ec5.jsonl"
    file.parent.mkdir(parents=True)
    file.touch()
    assert f"--session-file={file}" in AGENT.invocation(assigned(tmp_path, session=session)).argv
    assert "--resume=*-strange-*" in AGENT.invocation(assigned(tmp_path, session="*-strange-*")).argv


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({"GEMINI_API_KEY": "k"}, LoginState.YES),
        ({"GOOGLE_GENAI_USE_VERTEXAI": "true"}, LoginState.UNKNOWN),
        ({}, LoginState.NO),
    ],
)
def test_login_by_variables(environment: dict[str, str], state: LoginState, tmp_path: Path) -> None:
    login = AGENT.login(environment, tmp_path)
    assert login.state == state
    assert "k" not in login.how.split()


def test_login_by_files(tmp_path: Path) -> None:
    folder = tmp_path / ".gemini"
    folder.mkdir()
    (folder / "settings.json").write_text('{"security": {"auth": {"selectedType": "gemini-api-key"}}}')
    assert AGENT.login({}, tmp_path).state == LoginState.UNKNOWN
    (folder / "oauth_creds.json").write_text("{}")
    assert AGENT.login({}, tmp_path).state == LoginState.YES
