"""A tiny agent of the Agent Client Protocol, for the tests: `python acp_agent.py MANNER [FILE]`.

The prompt is JSON, a list of steps: {"say": ...}, {"ask": {"kind", "title", "command", "paths"}} (the answer is said),
{"write": [path, content]}, {"read": path}, {"stop": reason}, {"fail": [code, message]}, {"wait": true}.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from acp import PROTOCOL_VERSION, RequestError, run_agent, update_agent_message_text
from acp.schema import (
    AgentCapabilities,
    Cost,
    InitializeResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    SessionConfigOptionSelect,
    SessionConfigSelectOption,
    SetSessionConfigOptionResponse,
    ToolCallLocation,
    ToolCallStart,
    ToolCallUpdate,
    Usage,
    UsageUpdate,
)


class Tiny:
    """Does what the prompt says."""

    def __init__(self) -> None:
        self.client: Any = None
        self.cancelled = asyncio.Event()
        self.model = "plain"

    def on_connect(self, conn: Any) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **kwargs: Any) -> InitializeResponse:
        if "dies" in sys.argv:
            print("no licence found", file=sys.stderr, flush=True)
            os._exit(3)
        if "silent" in sys.argv:
            Path("began").write_text(str(os.getpid()))
            await asyncio.Event().wait()
        can = AgentCapabilities(load_session="forgetful" not in sys.argv)
        return InitializeResponse(protocol_version=PROTOCOL_VERSION, agent_capabilities=can)

    async def new_session(self, cwd: str, **kwargs: Any) -> NewSessionResponse:
        if "locked" in sys.argv:
            raise RequestError.auth_required()
        choices = [SessionConfigSelectOption(name=name, value=name) for name in ("plain", "big")]
        option = SessionConfigOptionSelect(
            type="select", id="m", name="Model", category="model", current_value="plain", options=choices
        )
        return NewSessionResponse(session_id="new-1", config_options=[] if "plain" in sys.argv else [option])

    async def load_session(self, cwd: str, session_id: str, **kwargs: Any) -> LoadSessionResponse:
        if session_id == "gone":
            raise RequestError.resource_not_found(session_id)
        await self.client.session_update(session_id, update_agent_message_text("what was said long ago"))
        return LoadSessionResponse()

    async def set_config_option(
        self, config_id: str, session_id: str, value: Any, **kwargs: Any
    ) -> SetSessionConfigOptionResponse:
        self.model = value
        return SetSessionConfigOptionResponse(config_options=[])

    async def prompt(self, prompt: list[Any], session_id: str, **kwargs: Any) -> PromptResponse:
        for step in json.loads(prompt[0].text):
            ((verb, given),) = step.items()
            if verb == "stop":
                return PromptResponse(stop_reason=given)
            if verb == "wait":
                child = subprocess.Popen(["sleep", "60"])
                Path("began").write_text(f"{os.getpid()} {child.pid}")
                await self.cancelled.wait()
                await self.say(session_id, "cancelled")
                if "stubborn" in sys.argv:
                    await asyncio.Event().wait()
                return PromptResponse(stop_reason="cancelled")
            await getattr(self, verb)(session_id, given)
        await self.client.session_update(
            session_id,
            UsageUpdate(session_update="usage_update", used=9, size=100, cost=Cost(amount=0.5, currency="USD")),
        )
        usage = Usage(total_tokens=70, input_tokens=10, output_tokens=20, thought_tokens=3, cached_read_tokens=40)
        return PromptResponse(stop_reason="end_turn", usage=usage)

    async def cancel(self, session_id: str, **kwargs: Any) -> None:
        self.cancelled.set()

    async def say(self, session: str, words: str) -> None:
        for part in (words[:2], words[2:]):
            await self.client.session_update(session, update_agent_message_text(part))

    async def ask(self, session: str, given: dict[str, Any]) -> None:
        given = {"kind": "execute", "title": "a title", **given}
        locations = [ToolCallLocation(path=path) for path in given.get("paths", ())]
        raw = {"command": given["command"]} if "command" in given else None
        start = ToolCallStart(
            session_update="tool_call",
            tool_call_id="c1",
            title=given["title"],
            kind=given["kind"],
            raw_input=raw,
            locations=locations,
        )
        await self.client.session_update(session, start)
        options = [
            PermissionOption(option_id="yes", name="Yes", kind="allow_once"),
            PermissionOption(option_id="always", name="Always", kind="allow_always"),
            PermissionOption(option_id="no", name="No", kind="reject_once"),
        ]
        answer = await self.client.request_permission(
            session_id=session, tool_call=ToolCallUpdate(tool_call_id="c1"), options=options
        )
        await self.say(session, f"answer {getattr(answer.outcome, 'option_id', 'cancelled')}")

    async def write(self, session: str, given: list[str]) -> None:
        try:
            await self.client.write_text_file(session_id=session, path=given[0], content=given[1])
        except RequestError as error:
            await self.say(session, f"refused {error.code}")

    async def read(self, session: str, path: str) -> None:
        try:
            got = await self.client.read_text_file(session_id=session, path=path)
            await self.say(session, f"read {got.content}")
        except RequestError as error:
            await self.say(session, f"refused {error.code}")

    async def which(self, session: str, given: Any) -> None:
        await self.say(session, f"I am {self.model}")

    async def fail(self, session: str, given: list[Any]) -> None:
        raise RequestError(given[0], given[1])


if __name__ == "__main__":
    if "rubbish" in sys.argv:
        print('Welcome!\n{"jsonrpc": 5}\n[1]\nnull', flush=True)
        sys.stdin.readline()
        sys.exit(0)
    asyncio.run(run_agent(Tiny()))
