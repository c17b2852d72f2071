"""Gemini's generateContent and streamGenerateContent."""

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
    token,
)
from tests.scripted_model.faults import CONTEXT, Fault

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_TOO_LONG = "The input token count (1148577) exceeds the maximum number of tokens allowed (1048576)."
_UTILITY = {
    "reasoning": "scripted",
    "model_choice": "flash",
    "complexity_reasoning": "scripted",
    "complexity_score": 1,
    "next_speaker": "user",
}


def read(body: Json) -> Conversation:
    """The conversation in a request."""
    turns = []
    for message in body.get("contents", []):
        parts = message.get("parts", [])
        if message.get("role") == "model":
            turns.append(Turn(Role.ASSISTANT, json.dumps(parts)))
            continue
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if results:
            turns.append(Turn(Role.TOOL, json.dumps(results)))
        text = "\n".join(part["text"] for part in parts if "text" in part)
        if text or not results:
            turns.append(Turn(Role.USER, text))
    declared = [tool.get("functionDeclarations", []) for tool in body.get("tools") or []]
    return Conversation(tuple(turns), tuple(function["name"] for functions in declared for function in functions))


def document(body: Json, reply: Reply) -> Json:
    """The reply to a request that does not stream."""
    usage = reply.usage
    parts = [_part(block) for block in reply.blocks]
    # What the program asks for itself (which model to take, who speaks next) has to be answered with JSON.
    if (body.get("generationConfig") or {}).get("responseMimeType") == "application/json" and not reply.calls:
        parts = [{"text": json.dumps(_UTILITY)}]
    candidate: Json = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    if reply.refused:
        candidate = {"finishReason": "SAFETY", "index": 0}
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": usage.input + usage.cached,
            "cachedContentTokenCount": usage.cached,
            "candidatesTokenCount": usage.output,
            "totalTokenCount": usage.total,
        },
        "modelVersion": "scripted",
        "responseId": token(""),
    }


def stream(body: Json, reply: Reply) -> Iterator[Event]:
    """The reply to a request that streams: in one piece."""
    yield MIDDLE
    yield Event(document(body, reply))


def error(fault: Fault) -> Json:
    """The body of an answer with an error status."""
    words = (fault.message or _TOO_LONG) if fault.what == CONTEXT else fault.words
    told: Json = {"code": fault.status, "message": words, "status": _STATUSES.get(fault.status, "UNKNOWN")}
    if fault.retry_after is not None:
        told["details"] = [
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{fault.retry_after:g}s"}
        ]
    return {"error": told}


def stream_error(body: Json, fault: Fault) -> Iterator[Event] | None:
    """None: a fault at the start is told by the status."""
    return None


def _part(block: Block) -> Json:
    if isinstance(block, Say):
        return {"text": block.text}
    if isinstance(block, Think):
        return {"text": block.text, "thought": True}
    return {"functionCall": {"id": token(""), "name": block.name, "args": block.input}}
