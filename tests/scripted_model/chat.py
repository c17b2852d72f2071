"""OpenAI chat completions, which most other servers speak too."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from tests.scripted_model.conversation import MIDDLE, Conversation, Event, Json, Reply, Role, Turn, joined, token
from tests.scripted_model.faults import CONTEXT, Fault

_ROLES = {"developer": Role.SYSTEM, "function": Role.TOOL}
_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_TOO_LONG = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens. "
    "Please reduce the length of the messages."
)


def read(body: Json) -> Conversation:
    """The conversation in a request."""
    turns = [
        Turn(_ROLES.get(message["role"]) or Role(message["role"]), joined(message.get("content")))
        for message in body.get("messages", [])
    ]
    tools = [tool["function"]["name"] for tool in body.get("tools") or [] if tool.get("function")]
    return Conversation(tuple(turns), tuple(tools))


def document(body: Json, reply: Reply) -> Json:
    """The reply to a request that does not stream."""
    message: Json = {"role": "assistant", "content": reply.text or None}
    if calls := _calls(reply):
        message["tool_calls"] = [{key: value for key, value in call.items() if key != "index"} for call in calls]
    choice = {"index": 0, "message": message, "finish_reason": _finish(reply)}
    return {**_base(body), "object": "chat.completion", "choices": [choice], "usage": _usage(reply)}


def stream(body: Json, reply: Reply) -> Iterator[Event]:
    """The reply to a request that streams."""
    base = {**_base(body), "object": "chat.completion.chunk"}

    def chunk(delta: Json, finish: str | None = None) -> Event:
        return Event({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield chunk({"role": "assistant", "content": reply.text})
    yield MIDDLE
    if calls := _calls(reply):
        yield chunk({"tool_calls": calls})
    yield chunk({}, _finish(reply))
    yield Event({**base, "choices": [], "usage": _usage(reply)})
    yield Event("[DONE]")


def error(fault: Fault) -> Json:
    """The body of an answer with an error status."""
    if fault.what == CONTEXT:
        return error_body(
            fault.message or _TOO_LONG, "invalid_request_error", "context_length_exceeded", param="messages"
        )
    return error_body(fault.words, _TYPES.get(fault.status, "server_error"), _CODES.get(fault.status))


def error_body(message: str, kind: str, code: str | None, param: str | None = None) -> Json:
    """An error as both protocols of OpenAI tell it."""
    return {"error": {"message": message, "type": kind, "code": code, "param": param}}


def stream_error(body: Json, fault: Fault) -> Iterator[Event] | None:
    """None: a fault at the start is told by the status."""
    return None


def _base(body: Json) -> Json:
    return {"id": token("chatcmpl-"), "created": int(time.time()), "model": body.get("model")}


def _calls(reply: Reply) -> list[Json]:
    return [
        {
            "index": index,
            "id": token("call_"),
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.input)},
        }
        for index, call in enumerate(reply.calls)
    ]


def _finish(reply: Reply) -> str:
    if reply.refused:
        return "content_filter"
    return "tool_calls" if reply.calls else "stop"


def _usage(reply: Reply) -> Json:
    usage = reply.usage
    return {
        "prompt_tokens": usage.input + usage.cached,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
    }
