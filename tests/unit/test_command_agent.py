"""The `command` agent: what it calls, and when it says that it cannot."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from swarmskill.agents.base import Assignment, UsedTool
from swarmskill.agents.command import AGENT
from swarmskill.agents.text import ACTION_LENGTH
from swarmskill.model import Task


def assignment(*, run: tuple[str, ...] = (), agent_cmd: str = "", task_id: str = "1", model: str = "") -> Assignment:
    return Assignment(
        run_id="r1",
        task=Task(id=task_id, subject="s", run=run),
        attempt=2,
        worktree=Path("/w t"),
        prompt_file=Path("/run/prompt 1.md"),
        result_file=Path("/w t/.swarm/result.json"),
        agent_cmd=agent_cmd,
        model=model,
    )


def test_a_tasks_own_run_wins_over_the_agent_command_and_gets_no_standard_input() -> None:
    call = AGENT.invocation(assignment(run=("make", "it"), agent_cmd="other"))
    assert (call.argv, call.stdin) == (("make", "it"), None)


def test_the_prompt_goes_to_standard_input_unless_the_command_names_its_file() -> None:
    assert AGENT.invocation(assignment(agent_cmd="prog -x")).stdin == Path("/run/prompt 1.md")
    assert AGENT.invocation(assignment(agent_cmd="prog --model {model}")).stdin == Path("/run/prompt 1.md")
    assert AGENT.invocation(assignment(agent_cmd="prog --in={prompt_file}")).stdin is None


def test_placeholders_are_filled_in_without_splitting_words_again() -> None:
    call = AGENT.invocation(
        assignment(
            agent_cmd="p --in={prompt_file} '{result_file} {worktree}' {task_id} {attempt}.{run_id}",
            task_id="a b; rm -rf",
        )
    )
    assert call.argv == (
        "p",
        "--in=/run/prompt 1.md",
        "/w t/.swarm/result.json /w t",
        "a b; rm -rf",
        "2.r1",
    )


def test_placeholders_work_in_a_tasks_own_run_too() -> None:
    assert AGENT.invocation(assignment(run=("p", "{worktree}/x", "{model}"), model="m")).argv == ("p", "/w t/x", "m")


def test_other_braces_stay_as_they_are() -> None:
    words = ("awk", "{print $1}", "{unknown}", "{}", "{{model}}")
    assert AGENT.invocation(assignment(run=words, model="m")).argv == (*words[:4], "{m}")


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in_again() -> None:
    assert AGENT.invocation(assignment(run=("{task_id}",), task_id="{run_id}")).argv == ("{run_id}",)


def test_an_invocation_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to run"):
        AGENT.invocation(assignment())


def test_missing_says_that_there_is_nothing_to_run() -> None:
    assert "--agent-cmd" in AGENT.missing(Task(id="1", subject="s"), "")
    assert "--agent-cmd" in AGENT.missing(Task(id="1", subject="s"), "   ")


def test_missing_says_that_quotes_do_not_match() -> None:
    assert "No closing quotation" in AGENT.missing(Task(id="1", subject="s"), "prog 'x")


def test_missing_names_a_program_that_is_not_on_path() -> None:
    assert "'no-such-program-here' is not on PATH" in AGENT.missing(
        Task(id="1", subject="s"), "no-such-program-here -x"
    )
    assert "'no-such-program-here'" in AGENT.missing(Task(id="1", subject="s", run=("no-such-program-here",)), "sh")


def test_programs_on_path_in_the_worktree_or_named_by_a_placeholder_are_not_missing() -> None:
    assert AGENT.missing(Task(id="1", subject="s"), "sh -c true") == ""
    assert AGENT.missing(Task(id="1", subject="s", run=("./build.sh",)), "") == ""
    assert AGENT.missing(Task(id="1", subject="s", run=("{worktree}/x",)), "") == ""


def test_an_absolute_program_must_be_executable(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    task = Task(id="1", subject="s", run=(str(script),))
    assert AGENT.missing(task, "") == f"{script} is not an executable file"
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    assert AGENT.missing(task, "") == ""


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain\n", "plain"),
        ("\x1b[1;31mred\x1b[0m  and   \tspaces\r\n", "red and spaces"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (" 10 %\r 20 %\r 30 %", "30 %"),
        ("\x00\x07bell\x9b", "bell"),
        ("\x1b[", ""),
        ("", ""),
    ],
)
def test_the_last_action_is_the_line_as_a_terminal_shows_it(line: str, shown: str) -> None:
    assert list(AGENT.reader().read(line)) == ([UsedTool(shown)] if shown else [])


def test_a_long_line_is_shortened() -> None:
    (event,) = AGENT.reader().read("x" * 1000)
    assert isinstance(event, UsedTool)
    action = event.action
    assert len(action) == ACTION_LENGTH
    assert action.endswith("x…")
    assert list(AGENT.reader().read("y" * ACTION_LENGTH)) == [UsedTool("y" * ACTION_LENGTH)]
