"""The worker of an ACP agent: `python -m swarmskill.agents.acp_driver [OPTIONS] -- COMMAND...`, prompt on its input.

It starts the command in the working directory, has it do one prompt, answers what it asks, and prints the lines of
`lines.py`. Exit code 0 when the agent finished, 1 when it did not, 143 when TERM came: then the session is cancelled.
In every case nothing of the command's group is left.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from swarmskill.agents.acp import EXTRA
from swarmskill.agents.acp_policy import Policy
from swarmskill.agents.base import AgentEvent, Began, Failed, Finished, Spent, Waits
from swarmskill.agents.lines import format_event
from swarmskill.agents.text import count, one_line, rows, table, text
from swarmskill.agents.troubles import DETAIL_LENGTH, problem_of
from swarmskill.model import Problem, Trouble, Usage

if TYPE_CHECKING:
    from acp.interfaces import Client
    from acp.schema import PromptResponse

GRACE: Final = 2.0
"""Seconds that the agent has for each: to stop when it is cancelled, to end when its input does, and upon TERM."""
_LINE: Final = 1 << 26
_AUTH_REQUIRED: Final = -32000
_STOPS: Final = {
    "max_tokens": Problem(Trouble.CONTEXT_FULL, "the agent reached the limit of tokens"),
    "max_turn_requests": Problem(Trouble.TURNS, "the agent reached its limit of turns"),
    "refusal": Problem(Trouble.REFUSED, "the agent refused"),
    "cancelled": Problem(Trouble.CRASHED, "the agent cancelled its turn by itself"),
}


def main() -> int:
    """Do one prompt. Returns the exit code."""
    options = _options()
    try:
        import acp  # noqa: F401
    except ImportError as error:
        tell(Failed(Problem(Trouble.CRASHED, f"the Agent Client Protocol is missing ({error}): run {EXTRA}")))
        return 1
    import logging

    logging.disable()  # the protocol's package logs a traceback for each broken line
    return asyncio.run(_work(options, sys.stdin.read()))


def tell(event: AgentEvent) -> None:
    """Print the line of an event. The protocol's costs are those of the whole session."""
    print(format_event(event, cost_of_session=isinstance(event, Spent)), flush=True)


async def _work(options: argparse.Namespace, prompt: str) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        agent = await asyncio.create_subprocess_exec(
            *options.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE,
            start_new_session=True,
        )
    except OSError as error:
        tell(Failed(Problem(Trouble.CRASHED, f"{options.command[0]} cannot be started: {error.strerror}")))
        return 1
    try:
        talk = _Talk(options, agent)
        return await talk.until(stopped, prompt)
    finally:
        await _end(agent)


class _Talk:
    """One session with one agent."""

    def __init__(self, options: argparse.Namespace, agent: asyncio.subprocess.Process) -> None:
        from acp.client import ClientSideConnection

        from swarmskill.agents.acp_client import Answers

        worktree = Path.cwd()
        allowed = tuple(tuple(shlex.split(words)) for words in options.allow)
        policy = Policy(worktree=worktree, allowed=allowed, yolo=options.yolo, tools=options.tools)
        self._options = options
        self._cwd = str(worktree)
        self._session = ""
        self._ended = agent.wait
        self._answers = Answers(policy, tell)
        self._line = ClientSideConnection(cast("Client", self._answers), agent.stdin, agent.stdout)

    async def until(self, stopped: asyncio.Event, prompt: str) -> int:
        """Do the prompt, or stop when the event comes. Returns the exit code."""
        work, stop = asyncio.create_task(self._work(prompt)), asyncio.create_task(stopped.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not stopped.is_set():
            return await work
        if self._session:
            with suppress(Exception):
                await self._line.cancel(self._session)
                await asyncio.wait({work}, timeout=GRACE)
        work.cancel()
        with suppress(Exception, asyncio.CancelledError):
            await work
        self._answers.finish()
        return 128 + signal.SIGTERM

    async def _work(self, prompt: str) -> int:
        from acp import RequestError
        from acp.schema import TextContentBlock

        try:
            await self._open()
            block = TextContentBlock(type="text", text=prompt)
            tell(Waits())
            ended = await self._line.prompt(session_id=self._session, prompt=[block])
        except RequestError as error:
            problem = _problem_of(error)
        except ConnectionError:
            self._answers.finish()
            # Without a kind: what the agent printed may tell why.
            print(json.dumps({"swarm": "failed", "detail": await self._how_it_broke()}), flush=True)
            return 1
        except ValueError as error:  # an answer that is none of the protocol's
            problem = Problem(Trouble.CRASHED, one_line(str(error).replace("\n", " "), DETAIL_LENGTH))
        else:
            return self._close(ended)
        self._answers.finish()
        tell(Failed(problem))
        return 1

    async def _how_it_broke(self) -> str:
        with suppress(TimeoutError):
            return f"the agent ended in the middle of its work (exit code {await asyncio.wait_for(self._ended(), 1)})"
        return "the agent broke off in the middle of its work"

    async def _open(self) -> None:
        from acp import PROTOCOL_VERSION
        from acp.schema import ClientCapabilities, Implementation

        # File access is answered but not offered: it is for the unsaved texts of an editor, and we have none. Gemini
        # can make no new file over it.
        agent = await self._line.initialize(
            protocol_version=PROTOCOL_VERSION,
            client_capabilities=ClientCapabilities(terminal=False),
            client_info=Implementation(name="swarmskill", version="1"),
        )
        choices: Any = None
        can = agent.agent_capabilities
        if self._options.session:
            # Never anew in its stead: what the prompt says is for one who knows the assignment.
            if not (can and can.load_session):
                raise ValueError("the agent cannot go on with a session")
            choices = await self._load(self._options.session)
        else:
            made = await self._line.new_session(cwd=self._cwd, mcp_servers=[])
            self._session, choices = made.session_id, made
        tell(Began(self._session, self._options.model))
        if self._options.model:
            await self._choose_model(choices)

    async def _load(self, session: str) -> Any:
        """Go on with a session. It is told from its start, which is no news. Raises RequestError if it is gone."""
        self._answers.listening = False
        try:
            loaded = await self._line.load_session(cwd=self._cwd, session_id=session, mcp_servers=[])
        finally:
            self._answers.listening = True
        self._session = session
        return loaded

    async def _choose_model(self, choices: Any) -> None:
        for option in getattr(choices, "config_options", None) or ():
            if option.category == "model":
                model = self._options.model
                await self._line.set_config_option(config_id=option.id, session_id=self._session, value=model)
                return
        raise ValueError("the agent offers no choice of a model: name it in the agent's own command, not by --model")

    def _close(self, ended: PromptResponse) -> int:
        self._answers.finish()
        self._tell_spent(ended)
        problem = _STOPS.get(ended.stop_reason)
        tell(Failed(problem) if problem else Finished(self._answers.said))
        return 1 if problem else 0

    def _tell_spent(self, ended: PromptResponse) -> None:
        cost, usage = self._answers.cost_usd, ended.usage
        if usage:
            cached = usage.cached_read_tokens or 0
            output = usage.output_tokens + (usage.thought_tokens or 0)
            spent = Usage(usage.input_tokens, cached, output, cost)
            tell(Spent(spent, self._options.model))
            return
        # Gemini tells the tokens of the turn beside the protocol.
        quota = table(ended.field_meta, "quota")
        tokens = table(quota, "token_count")
        spent = Usage(count(tokens.get("input_tokens")), 0, count(tokens.get("output_tokens")), cost)
        spent += self._answers.used
        if spent.tokens or cost is not None:
            models = rows(quota.get("model_usage"))
            most = max(models, key=lambda row: count(table(row, "token_count").get("input_tokens")), default={})
            tell(Spent(spent, self._options.model or text(most.get("model"))))


async def _end(agent: asyncio.subprocess.Process) -> None:
    """End the agent and its group. What it hid in a session of its own, the keeper finds."""
    if agent.stdin:
        agent.stdin.close()  # an agent that ends by itself saves its session
    await _wait(agent)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(agent.pid, number)
        await _wait(agent)


async def _wait(agent: asyncio.subprocess.Process) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(agent.wait(), GRACE)


def _problem_of(error: Any) -> Problem:
    data = error.data if isinstance(error.data, dict) else {"details": error.data}
    told = [str(error), *(str(data[key]) for key in ("details", "message") if data.get(key))]
    words = one_line(": ".join(dict.fromkeys(told)).replace("\n", " "), DETAIL_LENGTH)
    if error.code == _AUTH_REQUIRED:
        return Problem(Trouble.AUTH, words)
    status = error.code if 400 <= error.code < 600 else None
    info = table(data, "codex_error_info")
    return problem_of(words, status=status or count(info.get("http_status_code")) or None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="acp_driver", description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--allow", action="append", default=[], help="a command, as its first words")
    parser.add_argument("--yolo", action="store_true", help="allow everything")
    parser.add_argument("--no-tools", dest="tools", action="store_false", help="allow nothing")
    parser.add_argument("--model", default="")
    parser.add_argument("--session", default="", help="go on with this session, if the agent can")
    parser.add_argument("command", nargs="+", help="what starts the agent")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
