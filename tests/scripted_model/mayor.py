"""The obedient mayor: after a user's SWARM[Tool,Tool] it does what the skill says, with `swarm next` and `swarm done`.

The first command is the one that stands in the skill's text, with the tools of the brackets. Then it makes each
assignment's `call` as it is told, waits with its tool for that if it has one, and runs `done` as it was last told to.
When nothing has come in time it says `done` of a worker that ended without a result, as far as its host told so. Whoever
writes SWARM[Tool,Tool wait=3] makes it wait 3 seconds in each `done`. It knows nothing but the conversation, so it goes on
wherever that ends.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.scripted_model import tools
from tests.scripted_model.conversation import Block, Call, CallKind, Conversation, Json, Role, Say, Turn

_ASKED: Final = re.compile(r"\bSWARM\[([^\] ]*)(?: wait=(\d+))?\]")
_AGAIN: Final = re.compile(r"again: (swarm done [^;\n]+)")
_FATE: Final = r"(?:^|; ){} (?:completed as|is tried again|\w+:)"
_FIRST: Final = re.compile(r"^ *(swarm next tasks\.json .*?--tools) \S+$", re.M)
_AGENT_ID: Final = re.compile(r"agent_?id\W{1,6}([0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-z]{8,40})", re.I)
_OVER: Final = re.compile(r"The run is (?:over|stopped)[^\n\"]*")


@dataclass
class _Worker:
    """An assignment, as far as the conversation tells: `called` when its call was made, `told` when it came back."""

    row: Json
    at: int
    called: int = -1
    told: bool = False
    addresses: set[str] = field(default_factory=set)

    @property
    def order(self) -> str:
        """What the worker is told."""
        given = self.row["call"]["input"]
        return str(given.get("prompt") or given.get("message") or given.get("content"))

    @property
    def task(self) -> str:
        """The id of its task, as a word of a command."""
        return shlex.quote(self.row["task"])


def is_mayor(conversation: Conversation) -> bool:
    """Whether the user asked for it."""
    return _asked_at(conversation.turns) is not None


def lead(conversation: Conversation) -> tuple[Block, ...]:
    """What the mayor does now."""
    start = _asked_at(conversation.turns)
    if start is None or not conversation.tools:
        return (Say("ok"),)
    turns = conversation.turns[start:]
    last = max((index for index, turn in enumerate(turns) if turn.role is Role.ASSISTANT), default=-1)
    if last < 0:
        return (tools.shell(conversation.tools, _first_command(turns)),)
    news = [text for turn in turns[last + 1 :] for text in strings(turn)]
    workers = list(_workers(turns))
    fresh = [one for one in workers if one.called < 0]
    if fresh:
        return _calls(conversation, turns, fresh)
    if any("next: swarm next --json" in text for text in news):
        return (tools.shell(conversation.tools, "swarm next --json"),)
    if over := [found[0] for text in news for found in _OVER.finditer(text)]:
        return (Say(f"DONE {over[-1]}"),)
    out = [one for one in workers if not one.told]
    if not out and any(_OVER.search(text) for turn in turns for text in strings(turn)):
        return (Say("DONE already"),)  # to a worker's late word that it ended
    ended = [one for one in out if _has_ended(turns, one)]
    if ended and any("nothing has come from" in text for text in news):
        return (tools.shell(conversation.tools, f"swarm done {ended[0].task}"),)
    if not ended and (wait := _wait(conversation, out)):
        return (wait,)
    return (tools.shell(conversation.tools, _done(turns, workers)),)


def strings(turn: Turn) -> Iterator[str]:
    """All texts in a turn, out of the JSON of a protocol."""
    for line in turn.text.split("\n"):
        try:
            yield from _leaves(json.loads(line))
        except ValueError:
            yield line


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)


def _asked_at(turns: tuple[Turn, ...]) -> int | None:
    asked = [index for index, turn in enumerate(turns) if turn.role is Role.USER and _ASKED.search(turn.text)]
    return asked[-1] if asked else None


def _first_command(turns: tuple[Turn, ...]) -> str:
    said = "\n".join(turn.text for turn in turns if turn.role is Role.USER)
    command, asked = _FIRST.search(said), _ASKED.search(said)
    if command is None or asked is None:
        raise ValueError("the skill's text does not tell how to ask for the assignments")
    return f"{command[1]} {asked[1]}"


def _workers(turns: tuple[Turn, ...]) -> Iterator[_Worker]:
    """The workers of every answer of `swarm next`, with what became of them."""
    found: dict[tuple[str, int], _Worker] = {}
    for index, turn in enumerate(turns):
        for document in _documents(turn):
            for row in document.get("assignments", ()):
                if not row.get("again") and "call" in row:
                    found.setdefault((row["task"], index), _Worker(row, index))
    for one in found.values():
        given = one.row["call"]["input"]
        one.addresses = {one.row["worker"], given.get("task_name") or given.get("target") or one.row["worker"]}
        fate = re.compile(_FATE.format(re.escape(one.row["task"])), re.M)
        for index, turn in enumerate(turns[one.at + 1 :], one.at + 1):
            if turn.role is Role.ASSISTANT:
                if one.called < 0 and any(one.order in text for text in _spoken(turn)):
                    one.called = index
            elif one.called >= 0:
                one.told = one.told or any(fate.search(text) for text in strings(turn))
    _pair(turns, list(found.values()))
    yield from found.values()


def _spoken(turn: Turn) -> Iterator[str]:
    """Texts of an assistant's turn, those in the arguments of its calls as well."""
    for text in strings(turn):
        yield text
        try:
            yield from _leaves(json.loads(text))
        except ValueError:
            continue


def _pair(turns: tuple[Turn, ...], workers: list[_Worker]) -> None:
    """Give the workers of each turn the ids that their spawns returned, in order."""
    for at in {one.called for one in workers if one.called >= 0}:
        made = [one for one in workers if one.called == at]
        ids: list[str] = []
        for turn in turns[at + 1 :]:
            if turn.role is not Role.TOOL:
                break
            ids += dict.fromkeys(found for text in strings(turn) for found in _AGENT_ID.findall(text))
        for one, address in zip(made, dict.fromkeys(ids), strict=False):
            one.addresses.add(address)


def _documents(turn: Turn) -> Iterator[Json]:
    """The answers of `swarm next` in a turn."""
    for text in strings(turn) if turn.role is Role.TOOL else ():
        position = text.find('{"run_id":')
        if position < 0:
            continue
        try:
            yield json.JSONDecoder().raw_decode(text[position:])[0]
        except ValueError:
            continue


def _done(turns: tuple[Turn, ...], workers: list[_Worker]) -> str:
    """The `swarm done` that was told of last, with the ids of the workers in it."""
    told = next(command for turn in reversed(turns) for command in _told(turn))
    for one in workers:
        address = min((a for a in one.addresses if _AGENT_ID.fullmatch(f"agent_id: {a}")), default="ID")
        told = told.replace(f"--worker {one.task}=ID", f"--worker {one.task}={address}")
    seconds = next((found[2] for turn in turns if (found := _ASKED.search(turn.text))), None)
    return re.sub(r"--wait \S+", f"--wait {seconds}", told) if seconds else told


def _told(turn: Turn) -> Iterator[str]:
    yield from (document["done"] for document in _documents(turn) if "done" in document)
    if turn.role is Role.TOOL:
        yield from (found[1] for text in strings(turn) for found in _AGAIN.finditer(text))


def _calls(conversation: Conversation, turns: tuple[Turn, ...], fresh: list[_Worker]) -> tuple[Block, ...]:
    """The calls of all of them; tools that are not offered are searched for first."""
    name = fresh[0].row["call"]["tool"]
    if name not in conversation.tools and (search := _search(conversation, turns, name)):
        return (search,)
    return tuple(Call(one.row["call"]["tool"], one.row["call"]["input"]) for one in fresh)


def _search(conversation: Conversation, turns: tuple[Turn, ...], name: str) -> Block | None:
    """A search for a deferred tool, unless it was made before."""
    before = [text for turn in turns if turn.role is Role.ASSISTANT for text in _spoken(turn)]
    if "ToolSearch" in conversation.tools and f"select:{name}" not in before:
        return Call("ToolSearch", {"query": f"select:{name}"})
    words = name.replace(".", " ").replace("_", " ")
    if "tool_search" in conversation.tools and words not in before:
        return Call("tool_search", {"query": words}, CallKind.SEARCH)
    return None


def _has_ended(turns: tuple[Turn, ...], one: _Worker) -> bool:
    """Whether a message of the host tells that the worker ended, after it was called."""
    for turn in turns[one.called + 1 :]:
        text = "\n".join(strings(turn))
        if (
            turn.role is Role.ASSISTANT
            or '{"run_id":' in text
            or not re.search(r"complet|ended|idle|fail|final", text, re.I)
        ):
            continue
        if "launched successfully" in text or '"agent_id"' in text:
            continue  # the answer to a spawn
        if any(address in text for address in one.addresses):
            return True
    return False


def _wait(conversation: Conversation, out: list[_Worker]) -> Block | None:
    """How the host's tools wait for any of these, if it has one for that."""
    space = out[0].row["call"]["tool"].rpartition(".")[0] if out else ""
    waiting = f"{space}.wait_agent"
    if not space:
        return None
    targets = [address for one in out for address in one.addresses if _AGENT_ID.fullmatch(f"agent_id: {address}")]
    if waiting in conversation.tools or not targets:
        return Call(waiting, {"timeout_ms": 60000})
    return Call(waiting, {"targets": targets, "timeout_ms": 60000})
