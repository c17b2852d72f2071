"""Which way an assistant spawns workers: chosen from the tools that real versions of assistants offer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from swarmskill.backends.host import WAYS, Call, choose_way, filled, find_way
from swarmskill.errors import UsageError
from swarmskill.mayor.assistant import plain_name, worker_name

OFFERED = json.loads((Path(__file__).parents[1] / "samples" / "offered_tools.json").read_text())

TEAM, NAMED, TASK = "team (a team that is made first)", "team (named agents)", "task (background tasks)"
V1, V2 = "subagent (Codex, first generation)", "subagent (Codex, second generation)"
INLINE = "inline (the assistant itself)"

WAY_OF = {
    "claude-2.1.39-headless-default": TASK,
    "claude-2.1.39-headless-teams": TEAM,
    "claude-2.1.81-headless-default": TASK,
    "claude-2.1.81-headless-teams": TEAM,
    "claude-2.1.142-headless-default": TASK,
    "claude-2.1.142-headless-teams": TEAM,
    "claude-2.1.197-coordinator": NAMED,
    "claude-2.1.197-headless-default": NAMED,
    "claude-2.1.197-headless-teams": NAMED,
    "claude-2.1.251-headless-default": NAMED,
    "claude-2.1.251-headless-teams": NAMED,
    "claude-2.1.329-bare": INLINE,
    "claude-2.1.329-coordinator": NAMED,
    # SendMessage is deferred behind ToolSearch here: named agents when it is told along.
    "claude-2.1.329-headless-default": TASK,
    "claude-2.1.329-headless-teams": TASK,
    "claude-2.1.329-headless-todo": TASK,
    "claude-2.1.329-interactive-default": TASK,
    "claude-2.1.329-headless-nosearch": NAMED,
    "claude-2.1.329-nosearch-teams": NAMED,
    "claude-2.1.329-interactive-teams-todo-nosearch": NAMED,
    "codex-0.169.0-cm-gpt-5.6-luna": INLINE,
    "codex-0.169.0-cm-gpt-6-sol": V2,
    "codex-0.169.0-cx-v2": V2,
    # multi_agent_v1 is deferred behind tool_search.
    "codex-0.169.0-cx-board": INLINE,
    "codex-0.169.0-cx-codemode": INLINE,
    "codex-0.169.0-cx-default": INLINE,
    "codex-0.169.0-cx-nosearch": INLINE,
    "codex-0.169.0-cx-v1off": INLINE,
    "gemini-0.61.0-default": INLINE,
    "gemini-0.61.0-yolo": INLINE,
    "opencode-1.18.33": INLINE,
    "qwen-0.24.4": INLINE,
}
"""By recorded tool list."""

V1_TOOLS = [
    f"multi_agent_v1.{name}" for name in ("spawn_agent", "wait_agent", "send_input", "close_agent", "resume_agent")
]


def chosen(tools: list[str], wanted: str = "") -> str:
    way = choose_way(tools, wanted).way
    return f"{way.name} ({way.form})"


def test_every_recorded_list_is_spoken_of() -> None:
    assert set(OFFERED) == set(WAY_OF)


@pytest.mark.parametrize("name", OFFERED)
def test_the_way_follows_from_the_tools(name: str) -> None:
    assert chosen(OFFERED[name]) == WAY_OF[name]


@pytest.mark.parametrize("name", OFFERED)
def test_each_better_way_is_refused_for_a_tool_that_is_not_there(name: str) -> None:
    choice = choose_way(OFFERED[name])
    better = WAYS[: WAYS.index(choice.way)]
    assert len(choice.refused) == len(better)
    has = {re.split(r"\.|__", tool)[-1] for tool in OFFERED[name]}
    for told, way in zip(choice.refused, better, strict=True):
        assert told.startswith(f"{way.name} ({way.form}): no ")
        assert not set(re.findall(r"[A-Za-z_]+", told.split(": no ")[1])) & has - {"or"}


@pytest.mark.parametrize(
    ("tools", "way"),
    [
        (["Agent", "SendMessage"], NAMED),
        (["Task", "SendMessage"], NAMED),
        (V1_TOOLS, V1),
        (["multi_agent_v1__spawn_agent", "multi_agent_v1__wait_agent"], V1),
        (["functions.collaboration.spawn_agent", "collaboration.wait_agent", "collaboration.followup_task"], V2),
        (["mcp__x__spawn_agent"], INLINE),
        (["SendMessage"], INLINE),
        ([], INLINE),
    ],
)
def test_names_count_with_any_prefix(tools: list[str], way: str) -> None:
    assert chosen(tools) == way


def test_a_way_that_is_wanted_is_taken_or_refused() -> None:
    assert chosen(["Agent", "SendMessage"], "task") == TASK
    assert chosen(["Agent", "SendMessage"], "inline") == INLINE
    with pytest.raises(UsageError) as refused:
        choose_way(["Agent"], "team")
    assert "no TeamCreate, SendMessage; team (named agents): no SendMessage" in refused.value.message
    with pytest.raises(UsageError) as unknown:
        choose_way(["Agent"], "tmux")
    assert unknown.value.hint == "there are: subagent, team, task, inline"


VALUES = {"worker": "worker-a", "plain": "worker_a", "order": "Read {id} $HOME", "team": "swarm-r", "id": "w7"}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.name} {way.form}")
@pytest.mark.parametrize("part", ["before", "spawn", "message"])
def test_every_call_is_filled_wholly(way: Any, part: str) -> None:
    call: Call | None = getattr(way, part)
    if call is None:
        assert part != "spawn" or way.name == "inline"
        return
    made = filled(call, ["x.other", "Bash"], VALUES)
    assert made["tool"] == call.tools[0]
    assert not re.search(r"\{\w+\}", json.dumps(made["input"]).replace("Read {id} $HOME", ""))
    told = [value for value in made["input"].values() if value == VALUES["order"]]
    assert len(told) == (part != "before"), "the order is told once, word for word"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.name} {way.form}")
def test_a_way_is_found_again_by_what_is_kept_of_it(way: Any) -> None:
    assert find_way(way.name, way.form) is way
    with pytest.raises(KeyError):
        find_way(way.name, "no such form")


def test_the_tool_is_called_as_the_assistant_knows_it() -> None:
    spawn = choose_way(OFFERED["codex-0.169.0-cx-v2"]).way.spawn
    assert spawn is not None
    assert filled(spawn, OFFERED["codex-0.169.0-cx-v2"], VALUES) == {
        "tool": "collaboration.spawn_agent",
        "input": {"task_name": "worker_a", "fork_turns": "none", "message": "Read {id} $HOME"},
    }
    old = choose_way(OFFERED["claude-2.1.39-headless-default"]).way.spawn
    assert old is not None
    assert filled(old, OFFERED["claude-2.1.39-headless-default"], VALUES)["tool"] == "Task"


def test_no_two_workers_have_one_name() -> None:
    keys = ["3", "3-2", "a-b", "a_b", "a.b", "A-b", "a-B", "x" * 40]
    names = [worker_name(key, attempt) for key in keys for attempt in (1, 2, 3)]
    assert len(set(names)) == len(names)
    plain = [plain_name(name) for name in names]
    assert len(set(plain)) == len(plain)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in plain)
    assert (worker_name("3", 1), plain_name("worker-3")) == ("worker-3", "worker_3")
