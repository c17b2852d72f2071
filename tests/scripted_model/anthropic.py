"""Anthropic Messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.scripted_model.conversation import (
    MIDDLE,
    Block,
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

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_PIECE = 4000


def read(body: Json) -> Conversation:
    """The conversation in a request. A skill's text can ride in the turn of a tool's result: it is a user's text."""
    turns = []
    for message in body.get("messages", []):
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] == "assistant":
            turns.append(Turn(Role.ASSISTANT, json.dumps(parts)))
            continue
        results = [part for part in parts if part.get("type") == "tool_result"]
        texts = [part for part in parts if part.get("type") == "text"]
        if results:
            turns.append(Turn(Role.TOOL, "\n".join(json.dumps(part.get("content")) for part in results)))
        if texts or not results:
            turns.append(Turn(Role.USER, joined(texts)))
    return Conversation(tuple(turns), tuple(tool.get("name") or tool.get("type") for tool in body.get("tools") or []))


def document(body: Json, reply: Reply) -> Json:
    """The reply to a request that does not stream."""
    content = [_content(block) for block in reply.blocks]
    return {**_message(body, reply), "content": content, "stop_reason": _stop(reply), "usage": _usage(reply)}


def stream(body: Json, reply: Reply) -> Iterator[Event]:
    """The reply to a request that streams."""
    message = {**_message(body, reply), "usage": {**_usage(reply), "output_tokens": 1}}
    yield _event("message_start", message=message)
    for index, block in enumerate(reply.blocks):
        content = _content(block)
        yield _event("content_block_start", index=index, content_block=_empty(content))
        for delta in _deltas(content):
            yield _event("content_block_delta", index=index, delta=delta)
        yield MIDDLE
        yield _event("content_block_stop", index=index)
    yield _event("message_delta", delta={"stop_reason": _stop(reply), "stop_sequence": None}, usage=_usage(reply))
    yield _event("message_stop")


def error(fault: Fault) -> Json:
    """The body of an answer with an error status."""
    words = fault.words
    if fault.what == CONTEXT:
        words = fault.message or "prompt is too long: 208310 tokens > 200000 maximum"
    kind = _TYPES.get(fault.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": words}, "request_id": token("req_")}


def stream_error(body: Json, fault: Fault) -> Iterator[Event] | None:
    """None: a fault at the start is told by the status."""
    return None


def _event(kind: str, **fields: object) -> Event:
    return Event({"type": kind, **fields}, kind)


def _message(body: Json, reply: Reply) -> Json:
    return {
        "id": token("msg_"),
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _content(block: Block) -> Json:
    if isinstance(block, Say):
        return {"type": "text", "text": block.text}
    if isinstance(block, Think):
        return {"type": "thinking", "thinking": block.text, "signature": "c2NyaXB0"}
    return {"type": "tool_use", "id": token("toolu_"), "name": block.name, "input": block.input}


def _empty(content: Json) -> Json:
    blank = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {key: blank.get(key, value) for key, value in content.items() if key != "type"} | {"type": content["type"]}


def _deltas(content: Json) -> Iterator[Json]:
    if content["type"] == "text":
        yield {"type": "text_delta", "text": content["text"]}
    elif content["type"] == "thinking":
        yield {"type": "thinking_delta", "thinking": content["thinking"]}
        yield {"type": "signature_delta", "signature": content["signature"]}
    else:
        text = json.dumps(content["input"])
        for at in range(0, len(text), _PIECE):
            yield {"type": "input_json_delta", "partial_json": text[at : at + _PIECE]}


def _stop(reply: Reply) -> str:
    if reply.refused:
        return "refusal"
    return "tool_use" if reply.calls else "end_turn"


def _usage(reply: Reply) -> Json:
    return {
        "input_tokens": reply.usage.input,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": reply.usage.cached,
        "output_tokens": reply.usage.output,
    }
