"""From a conversation to what the model does now: a reply, or a fault of the script."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final

from tests.scripted_model import tools
from tests.scripted_model.conversation import (
    Block,
    Call,
    CallKind,
    Conversation,
    Json,
    Reply,
    Role,
    Say,
    Think,
    Turn,
    Usage,
)
from tests.scripted_model.faults import Fault
from tests.scripted_model.mayor import is_mayor, lead, strings
from tests.scripted_model.script import choose

_FENCED: Final = re.compile(r"^(`{3,})(?:bash|sh)\n(.*?)^\1", re.S | re.M)
_WORKTREE: Final = re.compile(r"^- Working directory, .*?: `(.+)`$", re.M)
_RESULT_FILE: Final = re.compile(r"then rename it to `(.+?)`")
_ORDER: Final = re.compile(r"Read (\S.*?/\.swarm/prompt\.md) (?:and do what it says|again: it tells)")
_PROMPT: Final = re.compile(r"^(?:\s*\d+\W)?# (?:You are worker-|Attempt \d+ at task)", re.M)
_NUMBERED: Final = re.compile(r"^ *\d+[\t→]", re.M)
_DONE_FORM: Final = re.compile(r"^Done:\n\n```json\n(.*?)\n```$", re.S | re.M)


@dataclass(frozen=True, slots=True)
class Turning:
    """What the model does in this turn: wait, then fail with the first of `faults` that is due, else reply."""

    reply: Reply
    wait: float = 0.0
    faults: tuple[Fault, ...] = ()


def play(conversation: Conversation) -> Turning:
    """The model's turn. A request without tools (for a title, say) gets no call, no wait and no fault."""
    conversation = prompted(conversation)
    if is_mayor(conversation):
        return Turning(_whole(Reply(lead(conversation))))
    if (order := unread(conversation)) is not None:
        return Turning(Reply((tools.read(conversation.tools, order),)))
    chosen = choose(conversation.turns)
    if chosen is None:
        return Turning(_whole(Reply(follow(conversation))))
    steps, number = chosen
    turns = _turns(steps)
    turning = Turning(Reply(()))
    for block in turns[number] if number < len(turns) else [{"text": "script exhausted"}]:
        turning = _add(turning, _substituted(block, conversation), conversation)
    if not conversation.tools:
        said = tuple(block for block in turning.reply.blocks if isinstance(block, Say))
        return Turning(_whole(Reply(said, turning.reply.usage)))
    return replace(turning, reply=_whole(turning.reply))


def prompted(conversation: Conversation) -> Conversation:
    """The conversation with prompts that were read from files as they would be had the user said them."""
    turns = list(conversation.turns)
    for index, turn in enumerate(turns):
        if turn.role is Role.TOOL and any(one.role is Role.USER and _ORDER.search(one.text) for one in turns[:index]):
            text = "\n".join(strings(turn))
            if _PROMPT.search(text):
                turns[index] = Turn(Role.USER, _NUMBERED.sub("", text))
    return replace(conversation, turns=tuple(turns))


def unread(conversation: Conversation) -> str | None:
    """The prompt file that a worker of `swarm next` was told to read, and has not read."""
    for turn in reversed(conversation.turns if conversation.tools else ()):
        if turn.role is Role.USER and _PROMPT.search(turn.text):
            return None
        if turn.role is Role.USER and (order := _ORDER.search(turn.text)):
            return order[1]
    return None


def _turns(steps: list[Any]) -> list[list[Json]]:
    """The blocks of each turn. A step of nothing but errors is no turn: it belongs to the one that follows."""
    turns: list[list[Json]] = []
    before: list[Json] = []
    for step in steps:
        before = before + (step if isinstance(step, list) else [step])
        if not all("error" in block for block in before):
            turns.append(before)
            before = []
    return [*turns, [*before, {"text": "script exhausted"}]] if before else turns


def follow(conversation: Conversation) -> tuple[Block, ...]:
    """The obedient model: after a user's FOLLOW it runs each ```bash block that follows, one per turn.

    Without FOLLOW it says "ok".
    """
    turns = conversation.turns
    starts = [index for index, turn in enumerate(turns) if turn.role is Role.USER and "FOLLOW" in turn.text]
    if not starts:
        return (Say("ok"),)
    later = turns[starts[-1] :]
    texts = "\n".join(turn.text for turn in later if turn.role is Role.USER)
    commands = [found[2].strip() for found in _FENCED.finditer(texts)]
    played = sum(turn.role is Role.ASSISTANT for turn in later)
    if played < len(commands) and conversation.tools:
        return (tools.shell(conversation.tools, commands[played]),)
    return (Say(f"DONE followed {len(commands)} commands"),)


def _whole(reply: Reply) -> Reply:
    return reply if reply.blocks else replace(reply, blocks=(Say(""),))


def _add(turning: Turning, block: Json, conversation: Conversation) -> Turning:
    reply = turning.reply
    if "sleep" in block:
        return replace(turning, wait=turning.wait + block["sleep"])
    if "error" in block:
        told = {key: value for key, value in block.items() if key != "error"}
        return replace(turning, faults=(*turning.faults, Fault(block["error"], **told)))
    if "stall" in block:
        return replace(turning, reply=replace(reply, stall=block["stall"]))
    if "truncate" in block:
        return replace(turning, reply=replace(reply, cut=True))
    if "refuse" in block:
        return replace(turning, reply=replace(reply, refused=True))
    if "usage" in block:
        return replace(turning, reply=replace(reply, usage=replace(Usage(), **block["usage"])))
    return replace(turning, reply=replace(reply, blocks=(*reply.blocks, _block(block, conversation))))


def _block(block: Json, conversation: Conversation) -> Block:
    offered, given = conversation.tools, block.get("input", {})
    if "text" in block:
        return Say(block["text"])
    if "think" in block:
        return Think(block["think"])
    if "sh" in block:
        return tools.shell(offered, block["sh"])
    if "write" in block:
        return tools.write(offered, _absolute(block["write"], conversation), block.get("content", ""))
    if "report" in block:
        return _report(block["report"], conversation)
    if "custom" in block:
        return Call(block["custom"], given, CallKind.FREEFORM)
    if "tool_search" in block:
        return Call("tool_search", block["tool_search"], CallKind.SEARCH)
    if "tool_any" in block:
        return Call(next((name for name in block["tool_any"] if name in offered), block["tool_any"][0]), given)
    if "tool" in block:
        return Call(block["tool"], given)
    raise ValueError(f"no such block in a script: {block}")


def _absolute(path: str, conversation: Conversation) -> str:
    """The path in the worktree that our worker's prompt names, if it names one."""
    found = _WORKTREE.findall(conversation.texts(Role.USER))
    return str(PurePosixPath(found[-1], path)) if found else path


def _report(fields: Json, conversation: Conversation) -> Call:
    """Writes the result file as our worker's prompt asks for it, with some fields changed."""
    said = conversation.texts(Role.USER)
    files, forms = _RESULT_FILE.findall(said), _DONE_FORM.findall(said)
    if not files or not forms:
        raise ValueError("a script reports, but the prompt names no result file and no form")
    form = {**json.loads(forms[-1]), "artifacts": [], "files_changed": [], **fields}
    return tools.write(conversation.tools, files[-1], json.dumps(form))


def _substituted(value: Any, conversation: Conversation) -> Any:
    if isinstance(value, dict):
        return {key: _substituted(item, conversation) for key, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item, conversation) for item in value]
    for mark, role in (("$RE:", Role.TOOL), ("$PROMPT:", Role.USER)):
        if isinstance(value, str) and value.startswith(mark):
            found = re.findall(value.removeprefix(mark), conversation.texts(role))
            return found[-1] if found else "no-match"
    return value
