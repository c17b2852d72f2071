"""opencode: how it is called, what it may do, and what its recorded streams tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swarmskill.agents.base import Assignment, LoginState
from swarmskill.agents.opencode import AGENT
from swarmskill.config import AgentOptions
from swarmskill.model import Ending, Task, Trouble, Usage
from tests.unit.agents.samples import actions, report, tell

CONTENT = "OPENCODE_CONFIG_CONTENT"
JOB = Assignment(
    run_id="r1",
    task=Task(id="7", subject="the subject"),
    attempt=1,
    worktree=Path("/w"),
    prompt_file=Path("/run/prompt"),
    result_file=Path("/w/.swarm/result.json"),
    allowed=(("npm", "test"), ("pytest",)),
)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONTENT, raising=False)


def settings(assignment: Assignment = JOB) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(AGENT.invocation(assignment).env[CONTENT])
    return content


def test_it_prints_events_and_why_it_tries_again() -> None:
    call = AGENT.invocation(JOB)
    assert call.argv == (
        *("opencode", "run", "--format", "json", "--dir", "/w", "--print-logs", "--log-level", "WARN"),
        *("--title", "swarm r1 7"),
    )
    assert call.stdin == Path("/run/prompt")


def test_a_session_model_and_options_are_passed_on() -> None:
    options = AgentOptions(command=("/opt/oc",), args=("--variant", "high"), model="p/m")
    argv = AGENT.invocation(replace(JOB, options=options, session="ses_1")).argv
    assert argv[0] == "/opt/oc"
    assert argv[-6:] == ("-s", "ses_1", "-m", "p/m", "--variant", "high")
    assert "--title" not in argv


def test_nothing_is_left_to_ask_about() -> None:
    permission = settings()["permission"]
    assert permission["edit"] == "allow"
    assert permission["external_directory"] == {"*": "deny"}
    assert list(permission["bash"].items())[0] == ("*", "deny")
    allowed = [pattern for pattern, action in permission["bash"].items() if action == "allow"]
    assert allowed[:2] == ["git status *", "git diff *"]
    assert allowed[-2:] == ["npm test *", "pytest *"]
    assert '"ask"' not in json.dumps(permission)


def test_the_users_settings_in_the_same_variable_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {
        "provider": {"p": {"name": "p"}},
        "permission": {"bash": {"make *": "allow", "*": "ask"}, "webfetch": "deny"},
    }
    monkeypatch.setenv(CONTENT, json.dumps(mine))
    merged = settings()
    assert merged["provider"] == mine["provider"]
    assert merged["permission"]["webfetch"] == "deny"
    assert list(merged["permission"]["bash"].items())[:2] == [("*", "deny"), ("make *", "allow")]


def test_settings_that_cannot_be_read_are_not_thrown_away_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTENT, "{not json")
    assert CONTENT in AGENT.missing(JOB.task, "")
    monkeypatch.setenv(CONTENT, "")
    assert CONTENT not in AGENT.missing(JOB.task, "")


def test_yolo_accepts_all_but_what_the_user_denies() -> None:
    free = replace(JOB, yolo=True)
    assert "--auto" in AGENT.invocation(free).argv
    assert "permission" not in settings(free)
    assert "--auto" not in AGENT.invocation(JOB).argv


def test_without_tools_it_may_only_speak() -> None:
    speaking = replace(JOB, yolo=True, tools=False)
    assert "--auto" not in AGENT.invocation(speaking).argv
    permission = settings(speaking)["permission"]
    assert set(permission.values()) == {"deny"}
    assert {"*", "edit", "bash"} <= permission.keys()


def test_a_good_end_is_its_last_step_and_the_sum_of_all() -> None:
    told = report(AGENT, "oc9")
    assert told.session == "ses_e03db1f21ffe75b9ibRi54aFOS"
    assert (told.said, told.problem) == ("d", None)
    assert told.usage == Usage(2000, 400, 100, 0.0127)
    assert actions(AGENT, "oc9") == ["task sub", "d"]


def test_a_cost_of_0_means_that_it_knows_no_price() -> None:
    step = {"type": "step_finish", "part": {"reason": "stop", "tokens": {"input": 5, "output": 2}, "cost": 0}}
    told = tell(AGENT, [json.dumps(step)])
    assert told.usage == Usage(5, 0, 2)
    assert told.problem is None


def test_reasoning_and_written_cache_are_counted_once() -> None:
    tokens = {"total": 118, "input": 10, "output": 5, "reasoning": 3, "cache": {"write": 20, "read": 80}}
    step = {"type": "step_finish", "part": {"reason": "stop", "tokens": tokens, "cost": 1}}
    assert tell(AGENT, [json.dumps(step)]).usage == Usage(30, 80, 8, 1.0)


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("oce401", Trouble.AUTH),
        ("oce429", Trouble.RATE_LIMIT),
        ("oc-e500", Trouble.OVERLOADED),
        ("oc-refused", Trouble.NETWORK),
        ("oc-hang", Trouble.NETWORK),
        ("oc-rejected", Trouble.DENIED),
        ("oc5", Trouble.DENIED),
    ],
)
def test_the_kind_of_a_trouble_is_found(case: str, kind: Trouble) -> None:
    problem = report(AGENT, case).problem
    assert problem is not None
    assert problem.kind is kind


def test_the_service_tells_how_long_to_wait() -> None:
    problem = report(AGENT, "oce429").problem
    assert problem is not None
    assert problem.retry_after == 1.0


def test_a_service_that_fails_in_its_own_words_is_overloaded_if_it_may_be_asked_again() -> None:
    def told(retryable: bool) -> Trouble:
        data = {"message": "odd", "isRetryable": retryable}
        problem = tell(AGENT, [json.dumps({"type": "error", "error": {"name": "APIError", "data": data}})], 1).problem
        assert problem is not None
        return problem.kind

    assert told(True) is Trouble.OVERLOADED
    assert told(False) is Trouble.CRASHED


@pytest.mark.parametrize(
    ("name", "kind"), [("ContextOverflowError", Trouble.CONTEXT_FULL), ("ProviderAuthError", Trouble.AUTH)]
)
def test_its_own_names_of_errors_are_known(name: str, kind: Trouble) -> None:
    problem = tell(AGENT, [json.dumps({"type": "error", "error": {"name": name, "data": {}}})], 1).problem
    assert problem is not None
    assert problem.kind is kind


@pytest.mark.parametrize(
    ("case", "detail"),
    [
        ("oc-unknown", "Error: Session not found"),
        ("oc-badmodel", "ProviderModelNotFoundError: Model not found: fake/nope."),
    ],
)
def test_a_reason_that_stands_on_standard_error_only_is_found(case: str, detail: str) -> None:
    problem = report(AGENT, case).problem
    assert problem is not None
    assert problem.detail == detail


@pytest.mark.parametrize(
    "line", ["SQLiteError: database is locked", "Failed query: ", "Failed query: CREATE TABLE `workspace` ("]
)
def test_two_that_set_up_one_home_are_no_fault_of_a_task(line: str) -> None:
    problem = tell(AGENT, ["Error: Unexpected error", "", line], 1).problem
    assert problem is not None
    assert problem.kind is Trouble.OVERLOADED


def test_a_query_that_fails_in_the_middle_of_its_work_is_a_crash() -> None:
    problem = tell(AGENT, ['{"type":"step_start","sessionID":"s"}', "Failed query: insert"], 1).problem
    assert problem is not None
    assert problem.kind is Trouble.CRASHED


def test_why_it_tries_again_is_seen_while_it_does_and_tells_the_model() -> None:
    assert actions(AGENT, "oc-refused")[0].startswith("retrying: AI_APICallError: Cannot connect to API")
    assert report(AGENT, "oc-refused").model == "fake/fake-model"


def test_a_rule_that_denies_is_told_and_the_work_goes_on() -> None:
    told = report(AGENT, "oc-denied")
    assert (told.problem, told.said) == (None, "done")
    assert told.denied == ("$ python3 -c 1", "write /var/tmp/lab-c/never.txt")


def test_a_worker_that_we_stop_at_its_work_had_no_trouble_of_its_own() -> None:
    for ending in (Ending.STALLED, Ending.TIMED_OUT, Ending.KILLED):
        assert tell(AGENT, ['{"type":"step_start","sessionID":"s"}'], 143, ending).problem is None


def test_login_is_told_by_variables_and_files(tmp_path: Path) -> None:
    assert AGENT.login({}, tmp_path).how == "opencode auth login"
    assert AGENT.login({"ANTHROPIC_API_KEY": "k"}, tmp_path).state is LoginState.YES
    assert AGENT.login({CONTENT: "{}"}, tmp_path).state is LoginState.UNKNOWN
    own = tmp_path / ".config" / "opencode" / "opencode.json"
    own.parent.mkdir(parents=True)
    own.write_text("{}")
    assert AGENT.login({}, tmp_path).how == f"the providers in {own}"
    auth = tmp_path / ".local" / "share" / "opencode" / "auth.json"
    auth.parent.mkdir(parents=True)
    auth.write_text("{}")
    assert AGENT.login({}, tmp_path).state is LoginState.UNKNOWN
    auth.write_text('{"anthropic": {"type": "api", "key": "k"}}')
    assert AGENT.login({}, tmp_path).state is LoginState.YES
