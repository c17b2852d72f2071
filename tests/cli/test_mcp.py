"""`swarm mcp`, asked over standard input and output by the protocol's own client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TOP, User, task, waits, writes

pytest.importorskip("mcp", reason="pip install 'swarmskill[mcp]'")

from mcp.client.client import Client  # noqa: E402
from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: E402

TOOLS = ["done", "next", "plan", "report", "start", "status", "stop", "wait"]


@dataclass
class Assistant:
    """One that has our tools. `seen` are the progress notifications: progress, total, message."""

    client: Client
    seen: list[tuple[float, float | None, str]] = field(default_factory=list)

    async def text(self, tool: str, **arguments: Any) -> str:
        result = await self.client.call_tool(tool, arguments, progress_callback=self._note)
        assert not result.is_error, result.content
        return result.content[0].text

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return json.loads(await self.text(tool, **arguments))

    async def refused(self, tool: str, **arguments: Any) -> str:
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, result.content
        return result.content[0].text.removeprefix(f"Error executing tool {tool}: ")

    async def _note(self, progress: float, total: float | None, message: str | None) -> None:
        self.seen.append((progress, total, message or ""))


def play(
    user: User,
    *stories: Callable[[Assistant], Awaitable[None]],
    options: tuple[str, ...] = (),
    folder: Path | None = None,
) -> None:
    """Play each story with a server of its own, all at the same time, in the user's repository."""

    async def one(story: Callable[[Assistant], Awaitable[None]], log: Any) -> None:
        words = ["-P", "-m", "swarmskill", "mcp", *options]
        server = StdioServerParameters(command=sys.executable, args=words, env=user.environment, cwd=folder or user.top)
        async with Client(stdio_client(server, errlog=log)) as client:
            await story(Assistant(client))

    async def all_of_them() -> None:
        with (user.base / "server.log").open("w") as log:
            await asyncio.wait_for(asyncio.gather(*(one(story, log) for story in stories)), 60)

    asyncio.run(all_of_them())
    assert (user.base / "server.log").read_text() == ""


def test_the_tools_are_few_small_and_typed(user: User) -> None:
    async def story(assistant: Assistant) -> None:
        tools = (await assistant.client.list_tools()).tools
        assert sorted(tool.name for tool in tools) == TOOLS
        whole = json.dumps([tool.model_dump(by_alias=True, exclude_none=True) for tool in tools])
        assert len(whole) < 8000, "every session of an assistant pays for this"
        for tool in tools:
            assert tool.description
            assert all("type" in value for value in tool.input_schema["properties"].values())
            assert tool.annotations.read_only_hint == (tool.name in ("plan", "status", "wait", "report"))
        assert "swarm VERB" in (assistant.client.instructions or "")

    play(user, story)
    assert user.untouched


def test_the_page_names_every_tool_and_argument(user: User) -> None:
    page = (TOP / "references" / "mcp.md").read_text(encoding="utf-8").partition("## Tools\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    told = {name.strip(" `"): set(re.findall(r"`(\w+)`", arguments)) for name, arguments in rows}

    async def story(assistant: Assistant) -> None:
        tools = (await assistant.client.list_tools()).tools
        assert told == {tool.name: set(tool.input_schema["properties"]) - {"repository"} for tool in tools}
        assert all("repository" in tool.input_schema["properties"] for tool in tools)

    play(user, story, options=("--expose-run",))


def test_a_whole_run_in_one_call_is_offered_on_demand_only(user: User) -> None:
    listed = user.tasks(task("a", writes("a")), task("b", writes("b"), blockedBy=["a"]))

    async def without(assistant: Assistant) -> None:
        assert "Unknown tool" in await assistant.refused("run_swarm", tasks=listed)

    async def story(assistant: Assistant) -> None:
        assert len((await assistant.client.list_tools()).tools) == len(TOOLS) + 1
        ended = await assistant.ask("run_swarm", tasks=listed)
        assert (ended["outcome"], ended["counts"]) == ("completed", {"completed": 2})

    play(user, without)
    play(user, story, options=("--expose-run",))
    assert user.git("log", "--format=%s").splitlines() == ["Do b", "Do a", "start"]


def test_a_plan_is_that_of_the_verb_without_the_tasks(user: User) -> None:
    listed = user.tasks(task("a", writes("a"), files=["a"]), task("b", writes("b"), files=["a"], colour="red"))

    async def story(assistant: Assistant) -> None:
        told = user.swarm("plan", listed, "--json").document
        assert await assistant.ask("plan", tasks=listed, full=True) == told
        brief = await assistant.ask("plan", tasks=listed)
        assert brief == {key: told[key] for key in brief}
        assert {"waves", "conflicts", "warnings"} <= set(brief) <= set(told) - {"tasks"}

    play(user, story)
    assert user.untouched


def test_a_run_goes_from_start_to_report(user: User) -> None:
    listed = user.tasks(
        task("slow", waits(user.gate())), task("quick", writes("x"), files=["x"]), task("bad", "false", max_retries=0)
    )

    async def story(assistant: Assistant) -> None:
        begun = await assistant.ask("start", tasks=listed, max_workers=3)
        run = begun["run_id"]
        assert os.getsid(begun["pid"]) == begun["pid"]
        user.until_running("slow")
        still = await assistant.ask("wait", seconds=6)
        assert still.pop("seconds") > 0
        assert still == {
            "run_id": run,
            "outcome": "running",
            "counts": still["counts"],
            "next": "still running: call wait again",
        }
        assert still["counts"]["in_progress"] == 1
        [(passed, total, message)] = assistant.seen
        assert (5 <= passed < 60, total, message) == (True, 6, "1 completed, 1 in progress, 1 failed")
        looked = await assistant.ask("status", run=run)
        assert looked["counts"] == {"completed": 1, "in_progress": 1, "failed": 1}
        assert [row["id"] for row in looked["tasks"]] == ["bad", "slow"]
        assert looked["tasks"][0]["outcome"] == "failed"
        assert looked["tasks"][1] == {"id": "slow", "phase": "running"}
        user.gate().touch()
        ended = await assistant.ask("wait")
        assert (ended["outcome"], ended["counts"]) == ("incomplete", {"completed": 2, "failed": 1})
        assert ended["landed"] == user.git("rev-parse", "HEAD")
        full = await assistant.ask("status", full=True)
        assert full == user.swarm("status", "--json").document
        assert (await assistant.ask("status", task="bad"))["task"] == user.swarm("why", "bad", "--json").document[
            "task"
        ]
        assert (await assistant.text("report")).strip() == user.swarm("report").raw.decode().strip()

    play(user, story)


def test_a_run_outlives_its_server(user: User) -> None:
    listed = user.tasks(task("slow", waits(user.gate()), files=["y"]))
    runs = []

    async def first(assistant: Assistant) -> None:
        runs.append((await assistant.ask("start", tasks=listed))["run_id"])
        user.until_running("slow")

    async def second(assistant: Assistant) -> None:
        assert (await assistant.ask("status"))["outcome"] == "running"
        user.gate().touch()
        assert (await assistant.ask("wait", run=runs[0]))["outcome"] == "completed"

    play(user, first)
    play(user, second)
    assert '"attempt":2' not in user.ledger


def test_a_run_is_stopped_and_goes_on(user: User) -> None:
    listed = user.tasks(task("slow", waits(user.gate()), files=["y"]))

    async def story(assistant: Assistant) -> None:
        run = (await assistant.ask("start", tasks=listed))["run_id"]
        user.until_running("slow")
        assert await assistant.ask("stop", now=True) == {"run_id": run, "detail": "workers are being stopped"}
        assert (await assistant.ask("wait"))["outcome"] == "stopped"
        user.gate().touch()
        assert (await assistant.ask("start", resume=run))["run_id"] == run
        assert (await assistant.ask("wait"))["outcome"] == "completed"

    play(user, story)


def claim(name: str) -> str:
    said = {"type": "completion", "task_id": name, "status": "done", "detail": "made", "artifacts": [name]}
    return json.dumps(said)


def test_an_assistant_spawns_the_workers_itself(user: User) -> None:
    listed = user.tasks(
        {"id": "one", "subject": "Do one", "files": ["one"], "validation": {"files_exist": ["one"]}},
        {
            "id": "two",
            "subject": "Do two",
            "files": ["two"],
            "blockedBy": ["one"],
            "validation": {"files_exist": ["two"]},
        },
    )

    async def story(assistant: Assistant) -> None:
        handed = await assistant.ask("next", tasks=listed, tools=["Agent", "SendMessage"])
        [row] = handed["assignments"]
        assert row["call"]["tool"] == "Agent"
        assert (await assistant.ask("next", tools=["Agent", "SendMessage"]))["assignments"][0]["again"]
        (user.top / row["worktree"] / "one").write_text("1\n")
        taken = await assistant.ask("done", tasks=["one"], attempt=1, result=claim("one"))
        assert taken["tasks"] == {"one": "completed"}
        assert (await assistant.ask("done", tasks=["one"]))["tasks"] == {"one": "completed"}, "said twice, done once"
        [row] = (await assistant.ask("next", tools=["Agent", "SendMessage"]))["assignments"]
        (user.top / row["worktree"] / "two").write_text("2\n")
        nothing = await assistant.ask("done", tasks=["two"], wait_seconds=1, workers=["two=w-7"])
        assert nothing["next"].startswith("nothing has come from two in 1 s; again: swarm done two --wait 1;")
        (user.top / row["worktree"] / ".swarm" / "result.json").write_text(claim("two"))
        ended = await assistant.ask("done", tasks=["two"], wait_seconds=50)
        assert ended["next"].endswith("The run is over: 2 completed. Landed on main.")

    play(user, story)
    assert user.git("log", "--format=%s").splitlines() == ["Do two", "Do one", "start"]


def test_errors_have_the_message_and_the_hint_of_the_verb(user: User) -> None:
    cycle = user.tasks(task("a", "true", blockedBy=["b"]), task("b", "true", blockedBy=["a"]))

    def told(*words: str) -> str:
        error = user.swarm(*words, "--json").document["error"]
        return f"{error['message']}\nhint: {error['hint']}"

    async def story(assistant: Assistant) -> None:
        assert await assistant.refused("plan", tasks=cycle) == told("plan", cycle)
        assert await assistant.refused("start", tasks=cycle) == told("run", cycle, "--detach")
        assert await assistant.refused("plan", tasks="nowhere.json") == told("plan", "nowhere.json")
        assert await assistant.refused("wait") == told("wait")
        assert await assistant.refused("report") == "this repository has no run\nhint: start one: swarm run tasks.json"
        assert await assistant.refused("start") == "start wants either tasks or resume\nhint: give one of the two"
        assert "not an absolute path" in await assistant.refused("status", repository="elsewhere")
        assert "there is no folder" in await assistant.refused("status", repository=str(user.base / "none"))
        assert "--yolo" in await assistant.refused("plan", tasks="--yolo"), "a file that is not there, no option"
        assert "50" in await assistant.refused("wait", seconds=51)

    play(user, story)
    assert user.untouched


def test_the_repository_is_that_of_the_servers_folder_or_the_one_named(user: User) -> None:
    listed = user.tasks(task("a", writes("a"), files=["a"]))
    other = user.base / "other"
    other.mkdir()

    async def story(assistant: Assistant) -> None:
        assert "hint:" in await assistant.refused("start", tasks=listed)
        await assistant.ask("start", tasks=listed, repository=str(user.top))
        assert (await assistant.ask("wait", repository=str(user.top)))["outcome"] == "completed"

    play(user, story, folder=other)


def test_a_folder_that_goes_away_is_told(user: User) -> None:
    gone = user.base / "gone"
    gone.mkdir()

    async def story(assistant: Assistant) -> None:
        gone.rmdir()
        assert "was removed\nhint: give the absolute path" in await assistant.refused("status")
        assert "no run" in await assistant.refused("status", repository=str(user.top))

    play(user, story, folder=gone)


def test_files_of_the_repository_are_not_taken_for_modules(user: User) -> None:
    user.write("json.py", "print('hello')\n")
    user.write("swarmskill/__init__.py", "raise SystemExit('wrong')\n")

    async def story(assistant: Assistant) -> None:
        assert "no run" in await assistant.refused("status")

    play(user, story)


def test_a_call_that_is_given_up_stops_neither_the_server_nor_the_run(user: User) -> None:
    listed = user.tasks(task("slow", waits(user.gate()), files=["y"]))

    async def story(assistant: Assistant) -> None:
        run = (await assistant.ask("start", tasks=listed))["run_id"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(assistant.ask("wait"), 1)
        assert (await assistant.ask("status"))["outcome"] == "running"
        user.gate().touch()
        assert (await assistant.ask("wait", run=run))["outcome"] == "completed"

    play(user, story)


def test_two_servers_and_many_calls_at_once(user: User) -> None:
    listed = user.tasks(task("slow", waits(user.gate()), files=["y"]))
    both = asyncio.Barrier(2)

    async def starts(assistant: Assistant) -> None:
        await assistant.ask("start", tasks=listed)
        waiting = [asyncio.create_task(assistant.ask("wait", seconds=20)) for _ in range(3)]
        await both.wait()
        await both.wait()
        assert [(await one)["outcome"] for one in waiting] == ["completed"] * 3

    async def looks(assistant: Assistant) -> None:
        await both.wait()
        found = await asyncio.gather(*(assistant.ask("status") for _ in range(3)))
        assert [one["outcome"] for one in found] == ["running"] * 3
        user.gate().touch()
        assert (await assistant.ask("wait"))["outcome"] == "completed"
        await both.wait()

    play(user, starts, looks)


def test_an_assistants_workers_are_not_another_ones(user: User) -> None:
    listed = user.tasks({"id": "one", "subject": "Do one", "files": ["one"]})
    turn = asyncio.Barrier(2)

    async def owner(assistant: Assistant) -> None:
        await assistant.ask("next", tasks=listed, tools=["Agent"])
        await turn.wait()
        await turn.wait()

    async def stranger(assistant: Assistant) -> None:
        await turn.wait()
        assert "belongs to another assistant" in await assistant.refused("next", tools=["Agent"])
        await turn.wait()

    play(user, owner, stranger)


def test_nothing_but_the_protocol_is_on_standard_output(user: User) -> None:
    listed = user.tasks(task("a", writes("a"), files=["a"]), colour="red")
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    calls = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "plan", "arguments": {"tasks": listed}}},
        {
            "jsonrpc": "2.0",
            "id": 3,
            "method": "tools/call",
            "params": {"name": "start", "arguments": {"tasks": listed}},
        },
        {"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "start", "arguments": {"tasks": "x"}}},
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "swarmskill", "mcp"], cwd=user.top, env={**user.environment, "SWARM_MAX_WORKER": "3"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        for call in calls:
            process.stdin.write(json.dumps(call) + "\n")
        process.stdin.flush()
        answers = {}
        while len(answers) < 4:
            answer = json.loads(process.stdout.readline())
            answers[answer["id"]] = answer["result"]
        out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("", "", 0), "it ends by itself when its input does"
    started = json.loads(answers[3]["content"][0]["text"])
    assert any("SWARM_MAX_WORKER is not a setting" in line for line in started["warnings"])
    assert answers[4]["isError"]
    user.swarm("wait")


def test_without_the_package_it_says_what_to_install(user: User) -> None:
    missing = user.base / "missing"
    missing.mkdir()
    (missing / "mcp.py").write_text("raise ImportError('No module named mcp')\n")
    said = user.swarm("mcp", PYTHONPATH=f"{missing}{os.pathsep}{TOP}")
    assert said.err == (
        "error: swarm mcp needs the Python package mcp, version 2 or newer (No module named mcp)\n"
        " hint: uv tool install 'swarmskill[mcp]', or pip install it; in a clone: pip install '.[mcp]'\n"
    )
    assert (said.out, said.code) == ("", 1)
    assert user.swarm("mcp", "--help", PYTHONPATH=f"{missing}{os.pathsep}{TOP}").code == 0
