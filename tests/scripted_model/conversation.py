"""What the protocols have in common: a conversation that was sent, and a reply to it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from tests.scripted_model.faults import Fault

Json = dict[str, Any]


class Role(StrEnum):
    """Who a turn is from. TOOL is the result of a call, SYSTEM what the agent program itself tells."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. Parallel calls of the assistant are one turn, and so are their results."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """All turns of a request, and the names of the tools that it offers."""

    turns: tuple[Turn, ...]
    tools: tuple[str, ...] = ()

    def texts(self, role: Role) -> str:
        """What was said in that role, all of it."""
        return "\n".join(turn.text for turn in self.turns if turn.role is role)


@dataclass(frozen=True, slots=True)
class Say:
    """The model says something."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """The model thinks aloud."""

    text: str


class CallKind(StrEnum):
    """FREEFORM and SEARCH (of tools) exist in OpenAI Responses only."""

    FUNCTION = "function"
    FREEFORM = "freeform"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls a tool. `input` is a text for FREEFORM, else an object."""

    name: str
    input: Any = field(default_factory=dict)
    kind: CallKind = CallKind.FUNCTION


Block = Say | Think | Call


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. `input` is without the cached ones."""

    input: int = 1000
    cached: int = 200
    output: int = 50

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.cached + self.output


@dataclass(frozen=True, slots=True)
class Reply:
    """One turn of the model.

    In the middle of a stream it stalls for `stall` seconds, and `cut` drops the connection there.
    `refused` ends the turn by content policy.
    """

    blocks: tuple[Block, ...]
    usage: Usage = Usage()
    cut: bool = False
    stall: float = 0.0
    refused: bool = False

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls among the blocks."""
        return tuple(block for block in self.blocks if isinstance(block, Call))

    @property
    def text(self) -> str:
        """What is said, all of it."""
        return "".join(block.text for block in self.blocks if isinstance(block, Say))


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    data: Json | str
    name: str = ""

    def encode(self) -> bytes:
        """As it goes over the wire."""
        data = self.data if isinstance(self.data, str) else json.dumps(self.data)
        return ((f"event: {self.name}\n" if self.name else "") + f"data: {data}\n\n").encode()


MIDDLE = Event("")
"""Nothing to send: a place in a stream where an answer has begun and is not complete."""


class Dialect(Protocol):
    """One protocol, as a module with these functions."""

    def read(self, body: Json) -> Conversation:
        """The conversation in a request."""

    def document(self, body: Json, reply: Reply) -> Json:
        """The reply to a request that does not stream."""

    def stream(self, body: Json, reply: Reply) -> Iterator[Event]:
        """The reply to a request that streams."""

    def error(self, fault: Fault) -> Json:
        """The body of an answer with an error status."""

    def stream_error(self, body: Json, fault: Fault) -> Iterator[Event] | None:
        """The fault as a stream, if the protocol's real server tells it so; else None."""


def token(prefix: str) -> str:
    """A fresh identifier, as real servers make them."""
    return prefix + uuid.uuid4().hex[:20]


def joined(content: Any) -> str:
    """The text of a content, which is a text itself or a list of parts."""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text") or part.get("encrypted_content") or "" for part in content or [])
