"""The tools: which verb each calls, with what, and what it answers. The only module that knows the package `mcp`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from swarmskill import __version__
from swarmskill.calls import call_for_text, call_verb, folder_of
from swarmskill.codec import dump_json
from swarmskill.errors import SwarmError
from swarmskill.mcp_server.brief import brief_plan, brief_run
from swarmskill.views.outcome import RunOutcome, counts_text

LONGEST_WAIT = 50
"""Seconds of one `wait`: clients give up on a tool after 60."""

_BEAT = 5.0
"""Seconds between two signs of life: some clients give up later when they see them."""

_INSTRUCTIONS = """\
swarm runs a list of coding tasks with dependencies: a worker and a git worktree for each; what passes is committed.
Workers that run by themselves: plan, start, then wait again and again until the run is over.
Workers that you spawn with your own tools: next, make its calls, done as it says, next, and so on, in one turn.
Where an answer says `swarm VERB`, use the tool VERB; `swarm resume RUN` is start with resume, `swarm why TASK` is \
status with task, `--wait` is wait_seconds (50 at most), `--worker` is workers."""

_Tools = dict[str, Callable[..., Awaitable[str]]]
_Tasks = Annotated[str, Field(description="Task file, JSON or YAML")]
_Repository = Annotated[str, Field(description="Absolute path of the checkout; default: the server's folder")]
_Run = Annotated[str, Field(description="Run id or a part of it; default: the newest")]
_Full = Annotated[bool, Field(description="Everything, not only what matters")]
_Workers = Annotated[int, Field(ge=0, description="Workers at the same time; 0: as configured")]
_Limit = Annotated[str, Field(description="Time limit of one worker, such as 20m")]
_Agent = Annotated[str, Field(description="claude, codex, ... or claude=3,codex=2; default: as configured")]


def build_server(*, expose_run: bool) -> MCPServer:
    """The server with all tools; `run_swarm` only on demand, for its one call lasts as long as the run."""
    server = MCPServer("swarm", instructions=_INSTRUCTIONS, version=__version__, log_level="WARNING")
    reading: _Tools = {"plan": plan, "status": status, "wait": wait, "report": report}
    changing: _Tools = {"start": start, "next": next_workers, "done": done, "stop": stop}
    if expose_run:
        changing["run_swarm"] = run_swarm
    for name, tool in {**reading, **changing}.items():
        hints = ToolAnnotations(read_only_hint=name in reading)
        server.add_tool(tool, name, annotations=hints, structured_output=False)
    return server


async def plan(ctx: Context, tasks: _Tasks, full: _Full = False, repository: _Repository = "") -> str:
    """Show what a run of a task list would do: waves, conflicts, critical path. Starts nothing."""
    document = await _ask(ctx, ["plan", "--", tasks], repository)
    return _text(document if full else brief_plan(document))


async def start(
    ctx: Context,
    tasks: _Tasks = "",
    resume: Annotated[str, Field(description="Instead of tasks: id of an interrupted or stopped run")] = "",
    agent: _Agent = "",
    model: str = "",
    max_workers: _Workers = 0,
    timeout: _Limit = "",
    repository: _Repository = "",
) -> str:
    """Start a run that goes on by itself, with headless workers. Returns its run_id; then call wait."""
    return _text(await _start(ctx, tasks, resume, agent, model, max_workers, timeout, repository))


async def wait(
    ctx: Context,
    run: _Run = "",
    seconds: Annotated[int, Field(ge=0, le=LONGEST_WAIT)] = LONGEST_WAIT,
    repository: _Repository = "",
) -> str:
    """Wait until a run is over. If the outcome is "running", call it again."""
    document = await _wait(ctx, run, seconds, repository)
    if document["outcome"] == RunOutcome.RUNNING:
        document = {**document, "next": "still running: call wait again"}
    return _text(brief_run(document))


async def status(
    ctx: Context,
    run: _Run = "",
    task: Annotated[str, Field(description="Tell the story of this task instead")] = "",
    full: _Full = False,
    repository: _Repository = "",
) -> str:
    """Show where a run stands, and its tasks that are not completed."""
    if task:
        return _text(await _ask(ctx, ["why", f"--run={run}", "--", task], repository))
    document = await _ask(ctx, ["status", *_named(run)], repository)
    return _text(document if full else brief_run(document))


async def next_workers(
    ctx: Context,
    tasks: Annotated[str, Field(description="Task file, in the first call only")] = "",
    tools: Annotated[Sequence[str], Field(description="Names of your tools that start, message, await agents")] = (),
    run: _Run = "",
    backend: Annotated[str, Field(description="subagent, team, task or inline; default: the best")] = "",
    max_workers: _Workers = 0,
    timeout: _Limit = "",
    resume: Annotated[bool, Field(description="Go on with a stopped run")] = False,
    take_over: Annotated[bool, Field(description="Go on with a run whose assistant is gone")] = False,
    repository: _Repository = "",
) -> str:
    """Hand out the next workers, for you to spawn with tools of your own: make each assignment's call."""
    given = {"tools": ",".join(tools), "run": run, "backend": backend, "timeout": timeout, "max-workers": max_workers}
    flags = [*_options(given), *(["--resume"] if resume else []), *(["--take-over"] if take_over else [])]
    return _text(await _ask(ctx, ["next", *flags, *_named(tasks)], repository))


async def done(
    ctx: Context,
    tasks: Annotated[Sequence[str], Field(min_length=1, description="Ids of tasks whose workers have ended")],
    attempt: Annotated[int, Field(ge=0, description="As the assignment says; of one task only")] = 0,
    result: Annotated[str, Field(description="The worker's result JSON, if it could not write its file")] = "",
    workers: Annotated[Sequence[str], Field(description="TASK=ID: worker's id in your tools, to reach it again")] = (),
    wait_seconds: Annotated[int, Field(ge=0, le=LONGEST_WAIT, description="Wait for the first result")] = 0,
    run: _Run = "",
    repository: _Repository = "",
) -> str:
    """Take back what workers did: it is checked and committed. Says what is next. May be called twice."""
    given = {"attempt": attempt, "run": run, "result": "-" if result else "", "wait": wait_seconds}
    flags = [*_options(given), *(f"--worker={one}" for one in workers)]
    return _text(await _ask(ctx, ["done", *flags, "--", *tasks], repository, stdin=result))


async def stop(
    ctx: Context,
    run: _Run = "",
    now: Annotated[bool, Field(description="End the workers too")] = False,
    repository: _Repository = "",
) -> str:
    """Stop a run when its workers have finished. start with resume goes on."""
    return _text(await _ask(ctx, ["stop", *(["--now"] if now else []), *_named(run)], repository))


async def report(ctx: Context, run: _Run = "", repository: _Repository = "") -> str:
    """The report of a run in Markdown: tasks, commits, what failed and how to go on."""
    folder = _folder(repository)
    return str(await _alive(ctx, asyncio.to_thread(call_for_text, ["report", *_named(run)], folder), "report"))


async def run_swarm(
    ctx: Context,
    tasks: _Tasks,
    agent: _Agent = "",
    model: str = "",
    max_workers: _Workers = 0,
    timeout: _Limit = "",
    repository: _Repository = "",
) -> str:
    """Start a run and wait until it is over, however long that takes. It goes on if the call is cancelled."""
    begun = await _start(ctx, tasks, "", agent, model, max_workers, timeout, repository)
    document = await _wait(ctx, begun["run_id"], None, repository)
    return _text(brief_run({**document, "warnings": begun.get("warnings", [])}))


async def _start(
    ctx: Context, tasks: str, resume: str, agent: str, model: str, max_workers: int, timeout: str, repository: str
) -> dict[str, Any]:
    if bool(tasks) == bool(resume):
        raise ToolError("start wants either tasks or resume\nhint: give one of the two")
    if resume:
        return await _ask(ctx, ["resume", "--detach", "--", resume], repository)
    flags = _options({"agent": agent, "model": model, "max-workers": max_workers, "timeout": timeout})
    return await _ask(ctx, ["run", "--detach", *flags, "--", tasks], repository)


async def _wait(ctx: Context, run: str, seconds: int | None, repository: str) -> dict[str, Any]:
    """The run's document when it is over, or when the seconds are: then its outcome is "running"."""
    began = time.monotonic()
    while True:
        passed = time.monotonic() - began
        left = _BEAT if seconds is None else max(0.0, seconds - passed)
        document = await _ask(ctx, ["wait", "--timeout", f"{min(left, _BEAT):.1f}", *_named(run)], repository)
        if document["outcome"] != RunOutcome.RUNNING or (seconds is not None and left <= _BEAT):
            return document
        run = document["run_id"]  # a newer one may begin meanwhile
        await ctx.report_progress(round(time.monotonic() - began, 1), seconds, counts_text(document["counts"]))


async def _ask(ctx: Context, words: list[str], repository: str, stdin: str = "") -> dict[str, Any]:
    """What the verb answers. Its error becomes the tool's."""
    folder = _folder(repository)
    answer: dict[str, Any] = await _alive(ctx, asyncio.to_thread(call_verb, words, folder, stdin), words[0])
    return answer


def _folder(repository: str) -> Any:
    try:
        return folder_of(repository)
    except SwarmError as error:
        raise _tool_error(error) from error


async def _alive(ctx: Context, work: Any, verb: str) -> Any:
    """Give signs of life until the work is done. If the call is cancelled, the verb goes on to its end."""
    task = asyncio.ensure_future(work)
    began = time.monotonic()
    while not (await asyncio.wait({task}, timeout=2 * _BEAT))[0]:
        passed = round(time.monotonic() - began)
        await ctx.report_progress(passed, None, f"swarm {verb} is at work for {passed} s")
    try:
        return task.result()
    except SwarmError as error:
        raise _tool_error(error) from error


def _tool_error(error: SwarmError) -> ToolError:
    return ToolError(error.message + (f"\nhint: {error.hint}" if error.hint else ""))


def _text(document: Mapping[str, Any]) -> str:
    return dump_json(document, indent=False)


def _named(what: str) -> list[str]:
    """An argument, which is no option whatever it begins with; the verb's own default for ""."""
    return ["--", what] if what else []


def _options(values: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items() if value]
