"""Codex: how it is called, and what its recorded streams tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from swarmskill.agents.base import Assignment, LoginState
from swarmskill.agents.codex import AGENT
from swarmskill.config import AgentOptions
from swarmskill.model import Ending, Task, Trouble, Usage
from tests.unit.agents.samples import actions, report, tell

JOB = Assignment(
    run_id="r1",
    task=Task(id="1", subject="s"),
    attempt=1,
    worktree=Path("/w"),
    prompt_file=Path("/run/prompt"),
    result_file=Path("/w/.swarm/result.json"),
)


def test_it_works_in_a_sandbox_reads_the_prompt_from_a_file_and_keeps_the_path_of_its_caller() -> None:
    call = AGENT.invocation(JOB)
    assert call.argv[:7] == ("codex", "exec", "--json", "-C", "/w", "-s", "workspace-write")
    assert "allow_login_shell=false" in call.argv
    assert call.argv[-1] == "-"
    assert call.stdin == Path("/run/prompt")


def test_a_session_goes_on_behind_all_options() -> None:
    options = AgentOptions(command=("npx", "codex"), args=("--add-dir", "/d"), model="gpt-x")
    call = AGENT.invocation(replace(JOB, session="01a1", options=options))
    assert call.argv[:2] == ("npx", "codex")
    assert call.argv[-7:] == ("-m", "gpt-x", "--add-dir", "/d", "resume", "01a1", "-")
    assert AGENT.invocation(replace(JOB, options=options, model="mine")).argv[-5:-3] == ("-m", "mine")


def test_the_sandbox_falls_only_with_yolo_and_never_without_tools() -> None:
    bypass = "--dangerously-bypass-approvals-and-sandbox"
    assert bypass not in AGENT.invocation(JOB).argv
    free = AGENT.invocation(replace(JOB, yolo=True)).argv
    assert bypass in free
    assert "-s" not in free
    speaking = AGENT.invocation(replace(JOB, yolo=True, tools=False)).argv
    assert bypass not in speaking
    assert speaking[5:7] == ("-s", "read-only")


def test_the_users_log_filter_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUST_LOG", raising=False)
    assert AGENT.invocation(JOB).env["RUST_LOG"] == "error,codex_exec=info"
    monkeypatch.setenv("RUST_LOG", "mine=debug")
    assert AGENT.invocation(JOB).env["RUST_LOG"] == "mine=debug,codex_exec=info"


def test_a_good_end() -> None:
    told = report(AGENT, "x1")
    assert told.session == "01a1fc1a-69a3-72e1-81b5-0523cc98dd7d"
    assert told.said == "wrote it"
    assert told.problem is None
    assert told.usage == Usage(2000, 400, 100)
    assert actions(AGENT, "x1") == ["$ echo hi > hello.txt; ls", "wrote it"]


def test_the_model_is_learned_from_its_log() -> None:
    assert report(AGENT, "k-model").model == "gpt-5.5"


def test_cached_input_is_not_counted_twice() -> None:
    assert report(AGENT, "k-e429-1").usage == Usage(1000, 200, 50)


def test_a_resumed_thread_tells_its_sum_and_only_what_is_new_counts() -> None:
    assert report(AGENT, "cr2", earlier=Usage(1000, 200, 50)).usage == Usage(1000, 200, 50)


def test_reconnecting_is_no_failure_if_it_comes_through() -> None:
    told = report(AGENT, "k-e429-1")
    assert (told.problem, told.said) == (None, "recovered")


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("k-e401", Trouble.AUTH),
        ("k-nokey", Trouble.AUTH),
        ("k-e429", Trouble.RATE_LIMIT),
        ("k-e500", Trouble.OVERLOADED),
        ("k-e503", Trouble.OVERLOADED),
        ("k-trunc", Trouble.NETWORK),
    ],
)
def test_the_kind_of_an_error_is_found_in_its_words(case: str, kind: Trouble) -> None:
    problem = report(AGENT, case).problem
    assert problem is not None
    assert problem.kind is kind
    assert not problem.detail.startswith("Reconnecting")


@pytest.mark.parametrize(
    ("case", "detail"),
    [
        ("k-refused", "waiting for network (Connection failed: error sending request)"),
        ("k-hang", "the model's service does not answer"),
    ],
)
def test_waiting_for_ever_is_explained_when_our_idle_limit_ends_it(case: str, detail: str) -> None:
    problem = report(AGENT, case).problem
    assert problem is not None
    assert (problem.kind, problem.detail) == (Trouble.NETWORK, detail)


def test_a_worker_that_we_stop_at_its_work_had_no_trouble_of_its_own() -> None:
    item = {"id": "i1", "type": "command_execution", "command": "/bin/bash -c 'sleep 900'", "status": "in_progress"}
    lines = ['{"type":"turn.started"}', json.dumps({"type": "item.started", "item": item})]
    for ending in (Ending.STALLED, Ending.TIMED_OUT, Ending.KILLED):
        assert tell(AGENT, lines, 143, ending).problem is None


@pytest.mark.parametrize(
    ("case", "detail"),
    [
        ("k-unknown", "no rollout found for thread id"),
        ("k-nogit", "Not inside a trusted directory"),
        ("k-badflag", "unexpected argument '--nope'"),
    ],
)
def test_what_it_never_began_for_stands_on_standard_error_only(case: str, detail: str) -> None:
    problem = report(AGENT, case).problem
    assert problem is not None
    assert detail in problem.detail


def test_what_was_rejected_is_told_though_all_ends_well() -> None:
    told = report(AGENT, "k-denied")
    assert told.problem is None
    command, patch = told.denied
    assert command.startswith("`/bin/bash -c 'rm -rf /nonexistent-zzz'` rejected: ")
    assert patch.startswith("patch rejected: writing outside of the project")
    assert report(AGENT, "xm2").denied == ("swarm.run_swarm",)


def test_a_patch_is_shown_by_its_files() -> None:
    assert actions(AGENT, "k-patch") == ["Write /w/repos/k-patch/p.txt", "done"]


def test_no_word_on_the_turn_is_a_crash_even_with_exit_code_0() -> None:
    problem = tell(AGENT, ['{"type":"thread.started","thread_id":"t"}', '{"type":"turn.started"}']).problem
    assert problem is not None
    assert problem.kind is Trouble.CRASHED


def test_login_is_told_by_variables_and_files(tmp_path: Path) -> None:
    folder = tmp_path / ".codex"
    folder.mkdir()
    assert AGENT.login({}, tmp_path).how == "codex login"
    assert AGENT.login({"CODEX_API_KEY": "k"}, tmp_path).state is LoginState.YES
    (folder / "auth.json").write_text('{"OPENAI_API_KEY": null, "tokens": null}')
    assert AGENT.login({}, tmp_path).state is LoginState.NO
    (folder / "auth.json").write_text('{"tokens": {"id_token": "x"}}')
    assert AGENT.login({}, tmp_path).state is LoginState.YES
    (folder / "auth.json").unlink()
    (folder / "config.toml").write_text('cli_auth_credentials_store = "keyring"')
    assert AGENT.login({}, tmp_path).state is LoginState.UNKNOWN


def test_a_provider_of_the_users_own_is_logged_in_by_its_variable(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('model_provider = "p"\n[model_providers.p]\nenv_key = "P_KEY"\n')
    environment = {"CODEX_HOME": str(tmp_path)}
    assert AGENT.login(environment, Path("/nowhere")).state is LoginState.NO
    assert AGENT.login({**environment, "P_KEY": "k"}, Path("/nowhere")).how == "P_KEY"
    (tmp_path / "config.toml").write_text('model_provider = "p"')
    assert AGENT.login(environment, Path("/nowhere")).state is LoginState.UNKNOWN
    (tmp_path / "config.toml").write_bytes(b"\xff[")
    assert AGENT.login(environment, Path("/nowhere")).state is LoginState.NO
