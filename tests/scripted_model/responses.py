"""OpenAI Responses, with what Codex adds to it: namespaces of tools, tools in the input, mail between agents."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace

from tests.scripted_model import chat
from tests.scripted_model.conversation import (
    MIDDLE,
    Block,
    CallKind,
    Conversation,
    Event,
    Json,
    Reply,
    Role,
    Say,
    Think,
    Turn,
    joined,
    token,
)
from tests.scripted_model.faults import CONTEXT, Fault

_TOO_LONG = "Your input exceeds the context window of this model. Please adjust your input and try again."


def read(body: Json) -> Conversation:
    """The conversation in a request."""
    items = body.get("input", [])
    if isinstance(items, str):
        items = [{"type": "message", "role": "user", "content": items}]
    turns: list[Turn] = []
    tools = list(_names(body.get("tools") or []))
    for item in items:
        kind = item.get("type", "message")
        if kind == "additional_tools":  # newer models of Codex: tools ride in the input
            tools += _names(item.get("tools", []))
        elif turn := _turn(kind, item, turns):
            turns.append(turn)
        elif turns and turns[-1].role is Role.ASSISTANT:  # what else it said and called in that turn
            turns[-1] = replace(turns[-1], text=f"{turns[-1].text}\n{json.dumps(item)}")
    return Conversation(tuple(turns), tuple(tools))


def _turn(kind: str, item: Json, before: list[Turn]) -> Turn | None:
    """The turn that an item begins; None if it goes on with the one before, or is no turn."""
    if kind == "message" and item.get("role") != "assistant":
        role = Role.USER if item.get("role") == "user" else Role.SYSTEM
        return Turn(role, joined(item["content"]))
    if kind == "agent_message":  # mail between Codex's agents
        return Turn(Role.USER, joined(item.get("content")))
    if kind.endswith("_output"):
        return Turn(Role.TOOL, json.dumps(item))
    if kind in ("reasoning", "compaction") or (before and before[-1].role is Role.ASSISTANT):
        return None
    return Turn(Role.ASSISTANT, json.dumps(item))


def _names(tools: list[Json], prefix: str = "") -> Iterator[str]:
    for tool in tools:
        if tool.get("type") == "namespace":
            yield from _names(tool.get("tools", []), "" if tool["name"] == "functions" else tool["name"] + ".")
        else:
            yield prefix + (tool.get("name") or tool["type"])


def document(body: Json, reply: Reply) -> Json:
    """The reply to a request that does not stream."""
    return _ended(_response(body), [_item(block) for block in reply.blocks], reply)


def stream(body: Json, reply: Reply) -> Iterator[Event]:
    """The reply to a request that streams."""
    response, numbers = _response(body), itertools.count()

    def event(kind: str, **fields: object) -> Event:
        return Event({"type": kind, "sequence_number": next(numbers), **fields}, kind)

    yield event("response.created", response=response)
    items = [_item(block) for block in reply.blocks]
    for index, item in enumerate(items):
        begun = item if item["type"] == "reasoning" else {**item, "status": "in_progress"}
        yield event("response.output_item.added", output_index=index, item=begun)
        place = {"item_id": item["id"], "output_index": index}
        if item["type"] == "message":
            text, part = item["content"][0]["text"], {"type": "output_text", "text": "", "annotations": []}
            yield event("response.content_part.added", **place, content_index=0, part=part)
            yield event("response.output_text.delta", **place, content_index=0, delta=text)
            yield event("response.output_text.done", **place, content_index=0, text=text)
        yield MIDDLE
        if item["type"] == "function_call":
            yield event("response.function_call_arguments.delta", **place, delta=item["arguments"])
            yield event("response.function_call_arguments.done", **place, arguments=item["arguments"])
        yield event("response.output_item.done", output_index=index, item=item)
    kind = "response.incomplete" if reply.refused else "response.completed"
    yield event(kind, response=_ended(response, items, reply))


def error(fault: Fault) -> Json:
    """The body of an answer with an error status."""
    if fault.what == CONTEXT:
        return chat.error_body(
            fault.message or _TOO_LONG, "invalid_request_error", "context_length_exceeded", param="input"
        )
    return chat.error(fault)


def stream_error(body: Json, fault: Fault) -> Iterator[Event] | None:
    """A prompt that is too long is told in the stream, all else by the status."""
    if fault.what != CONTEXT or not body.get("stream"):
        return None
    words = {"code": "context_length_exceeded", "message": fault.message or _TOO_LONG}
    response = _response(body)
    failed = {**response, "status": "failed", "error": words}
    return iter(
        [
            Event({"type": "response.created", "sequence_number": 0, "response": response}, "response.created"),
            Event({"type": "response.failed", "sequence_number": 1, "response": failed}, "response.failed"),
        ]
    )


def _response(body: Json) -> Json:
    return {
        "id": token("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "model": body.get("model"),
        "output": [],
        "usage": None,
    }


def _ended(response: Json, items: list[Json], reply: Reply) -> Json:
    done = {**response, "status": "completed", "output": items, "usage": _usage(reply)}
    if reply.refused:
        done |= {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    return done


def _item(block: Block) -> Json:
    if isinstance(block, Say):
        content = [{"type": "output_text", "text": block.text, "annotations": []}]
        return {
            "type": "message",
            "id": token("msg_"),
            "status": "completed",
            "role": "assistant",
            "content": content,
        }
    if isinstance(block, Think):
        return {"type": "reasoning", "id": token("rs_"), "summary": [{"type": "summary_text", "text": block.text}]}
    call = {"status": "completed", "call_id": token("call_")}
    if block.kind is CallKind.SEARCH:
        return {
            "type": "tool_search_call",
            "id": token("ts_"),
            **call,
            "execution": "client",
            "arguments": block.input,
        }
    if block.kind is CallKind.FREEFORM:
        return {"type": "custom_tool_call", "id": token("ctc_"), **call, "name": block.name, "input": block.input}
    space, _, name = block.name.rpartition(".")
    item = {"type": "function_call", "id": token("fc_"), **call, "name": name, "arguments": json.dumps(block.input)}
    return {**item, "namespace": space} if space else item


def _usage(reply: Reply) -> Json:
    usage = reply.usage
    return {
        "input_tokens": usage.input + usage.cached,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total,
    }
