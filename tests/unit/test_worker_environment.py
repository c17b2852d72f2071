"""What a worker sees of the mayor's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmskill.agents.base import Assignment
from swarmskill.agents.environment import assignment_variables, reach_swarm, secret_values, worker_environment
from swarmskill.config import RunConfig
from swarmskill.mayor.workers import allowed_commands
from swarmskill.model import Task

PRIVATE = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_CONFIG_COUNT",
    "SWARM_TASK_ID",
    "SWARM_JOB",
    "PWD",
    "OLDPWD",
    "CLAUDECODE",
    "CLAUDE_PID",
    "AI_AGENT",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_CHILD_NOTES_DIR",
    "CLAUDE_CODE_TASK_LIST_ID",
    "CODEX_THREAD_ID",
    "CODEX_SESSION_ID",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CLAUDE_CODE_SESSION_ATTENDED",
    "CLAUDE_CODE_EXECPATH",
    "CODEX_TOOL_CALL_ID",
    "CODEX_CI",
    "AGENT",
    "OPENCODE_PID",
    "QWEN_CODE",
    "QWEN_CODE_SESSION_ID",
    "QWEN_CODE_PROMPT_ID",
    "OPENCODE",
    "GEMINI_CLI",
]
USERS_OWN = [
    "PATH",
    "HOME",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "ANTHROPIC_API_KEY",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_MAX_RETRIES",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "QWEN_CODE_NO_RELAUNCH",
    "CODEX_API_KEY",
    "OPENCODE_CONFIG_CONTENT",
    "GEMINI_API_KEY",
    "GITHUB_TOKEN",
    "DIGIT_X",
]


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_private_to_the_mayor_is_not_passed_on_even_when_it_is_allowed(name: str) -> None:
    assert worker_environment({name: "x"}, allow=None, extra={}) == {}
    assert worker_environment({name: "x"}, allow=[name], extra={}) == {}


@pytest.mark.parametrize("name", USERS_OWN)
def test_what_is_the_users_own_is_passed_on(name: str) -> None:
    assert worker_environment({name: "x"}, allow=None, extra={}) == {name: "x"}


def test_an_allow_list_leaves_only_what_it_names_and_what_is_necessary() -> None:
    base = dict.fromkeys(
        ["PATH", "HOME", "LANG", "LC_ALL", "XDG_CACHE_HOME", "TZ", "SECRET", "MY_A", "MY_B", "TOKEN"], "x"
    )
    seen = worker_environment(base, allow=("MY_*", "TOKEN"), extra={})
    assert base.keys() - seen.keys() == {"SECRET"}
    assert worker_environment(base, allow=(), extra={}).keys() == {
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "XDG_CACHE_HOME",
        "TZ",
    }


def test_extra_variables_win_over_everything() -> None:
    seen = worker_environment({"A": "1", "SWARM_RUN_ID": "outer"}, allow=(), extra={"A": "2", "SWARM_RUN_ID": "r"})
    assert seen == {"A": "2", "SWARM_RUN_ID": "r"}


def test_the_assignment_is_told_in_six_variables() -> None:
    assignment = Assignment(
        run_id="r",
        task=Task(id="a/b", subject="s"),
        attempt=3,
        worktree=Path("/w"),
        prompt_file=Path("/p.md"),
        result_file=Path("/w/.swarm/result.json"),
    )
    assert assignment_variables(assignment, Path("/repo")) == {
        "SWARM_RUN_ID": "r",
        "SWARM_TASK_ID": "a/b",
        "SWARM_ATTEMPT": "3",
        "SWARM_PROMPT": "/p.md",
        "SWARM_RESULT": "/w/.swarm/result.json",
        "SWARM_REPO": "/repo",
    }


@pytest.mark.parametrize(
    "name",
    [
        "ANTHROPIC_API_KEY",
        "KEY",
        "GITHUB_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "SECRET_KEY_BASE",
        "DB_PASSWORD",
        "DB_PASSWD",
        "PGPASSWORD",
        "my_credentials",
        "npm_config__authToken",
        "TOKEN_GITHUB",
        "OPENAI_APIKEY",
    ],
)
def test_a_name_tells_that_its_value_is_secret(name: str) -> None:
    assert secret_values({"HOME": "/home/me", name: "hunter2"}, ()) == ("hunter2",)


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "SSH_AUTH_SOCK",
        "KEYBOARD",
        "MONKEY_TYPE",
        "MAX_THINKING_TOKENS",
        "TOKENIZERS_PARALLELISM",
        "SSH_KEY_PATH",
        "TOKEN_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "API_KEY_HELPER_TTL_MS",
        "SECRETARY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "",
    ],
)
def test_what_only_sounds_like_a_secret_is_none(name: str) -> None:
    assert secret_values({name: "hunter2"}, ()) == ()


def test_the_user_names_more_secrets_by_name_or_pattern() -> None:
    environment = {"A": "first", "MY_B": "second", "MY_C": "second", "D": "third", "TOKEN_FILE": "fourth", "E": ""}
    assert secret_values(environment, ["MY_*", "A", "TOKEN_FILE", "E", "absent"]) == ("first", "second", "fourth")


def test_worker_with_a_mailbox_may_use_what_its_prompt_tells_it_to() -> None:
    task = Task(id="1", subject="s")
    config = RunConfig(allow=("make check",))
    assert list(allowed_commands(task, config, mail=False)) == [("make", "check")]
    *mail, own = allowed_commands(task, config, mail=True)
    assert own == ("make", "check") and {("swarm", "mail", "send"), ("swarm", "mail", "wait"), ("swarm", "kv")} <= {
        *mail
    }
    assert not {("swarm",), ("swarm", "mail"), ("swarm", "mail", "export")} & {*mail}


def _program(folder: Path, name: str) -> str:
    folder.mkdir()
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return str(folder)


def test_swarm_that_was_started_by_its_path_is_within_its_workers_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, script, bare = (_program(tmp_path / name, program) for name, program in [("own", "swarm"), ("bin", "swarm"), ("no", "x")])  # fmt: skip
    monkeypatch.setattr("sys.argv", [f"{script}/swarm"])
    monkeypatch.setattr("sys.executable", f"{own}/python")
    assert reach_swarm({"PATH": bare, "A": "b"}) == {"PATH": f"{bare}:{own}", "A": "b"}
    assert reach_swarm({"PATH": script})["PATH"] == script, "there is one already"
    monkeypatch.setattr("sys.executable", f"{bare}/python")
    assert reach_swarm({"PATH": bare})["PATH"] == f"{bare}:{script}"
    monkeypatch.setattr("sys.argv", ["-m"])
    monkeypatch.chdir(bare)
    assert reach_swarm({"PATH": bare})["PATH"] == bare
