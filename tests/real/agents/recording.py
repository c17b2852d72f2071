"""What an assistant and its tools said to each other, as plain text that is the same in every run."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from tests.real.agents.installed import pins

_WIDTH = 116
_HEAD = """\
What a real session said, as tests/real/agents/test_hosted.py wrote it down: {name} {version}, with a model that
is a script and does what the skill says. Left out are times, ids, commits, and what is told of workers that ended:
nothing waits for that.
"""
_MASKS = (
    (re.compile(r" ?SWARM\[[^\]]*\]"), ""),
    (re.compile(r"\d{8}-\d{6}-[a-z]+-[a-z]+"), "RUN"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])a?[0-9a-f]{16,40}\b"), "ID"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{12}\b"), "COMMIT"),
    (re.compile(r"\b(?=[a-f0-9]*\d)[0-9a-f]{7}\b"), "COMMIT"),
    (re.compile(r"(Chunk ID: )\w+"), r"\1ID"),
    (re.compile(r'("ref": ?")\w+'), r"\1ID"),
    (re.compile(r'("nickname": ?")[^"]+'), r"\1NAME"),
    (re.compile(r"\d+(\.\d+)? seconds"), "N seconds"),
    (re.compile(r"(Original token count: )\d+"), r"\1N"),
)


def transcript(name: str, items: list[dict[str, Any]], folder: str, log: str) -> str:
    """The conversation of an assistant, and what `git log` says after it. `folder` is the user's repository."""
    prompt = "$swarm tasks.json" if name == "codex" else "/swarm tasks.json"
    told = [
        _HEAD.format(name=name, version=pins()[name].version),
        f"> {prompt}",
        "",
        *(_claude(items) if name == "claude" else _codex(items)),
        "$ git log --format=%s",
        *_indented(log),
    ]
    text = "\n".join(told).replace(folder, "~/app")
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return "\n".join(part for line in text.split("\n") for part in _wrapped(line)) + "\n"


def _claude(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "tool_use":
                yield from _call(part["name"], part["input"])
            elif part["type"] == "tool_result":
                yield from _answer(_text(part["content"]))
            elif part["type"] == "text" and message["role"] == "assistant":
                yield from (part["text"], "")


def _codex(items: list[dict[str, Any]]) -> Iterator[str]:
    for item in items:
        kind = item.get("type", "message")
        if kind == "function_call":
            space = f"{item['namespace']}." if item.get("namespace") else ""
            yield from _call(space + item["name"], json.loads(item["arguments"]))
        elif kind == "tool_search_call":
            yield from _call("tool_search", item["arguments"])
        elif kind == "tool_search_output":
            yield from _answer("[the tools that were found]")
        elif kind.endswith("_output"):
            yield from _answer(_text(item["output"]))
        elif kind == "message" and item.get("role") == "assistant":
            yield from (_text(item["content"]), "")


def _call(name: str, given: Any) -> Iterator[str]:
    if isinstance(given, dict) and (command := given.get("command") or given.get("cmd")):
        yield f"$ {command}"
    else:
        yield f"{name} {json.dumps(given)}"


def _answer(text: str) -> Iterator[str]:
    yield from _indented(
        re.sub(r"(?s)^Async agent launched successfully.*", "Async agent launched successfully. [...]", text)
    )
    yield ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or json.dumps(part)) for part in content)


def _indented(text: str) -> Iterator[str]:
    for line in text.strip().split("\n"):
        if line.startswith('{"run_id"'):
            line = json.dumps(json.loads(line), indent=1, ensure_ascii=False)
        yield textwrap.indent(line, "  ")


def _wrapped(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(
        line,
        _WIDTH,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
        break_long_words=False,
        drop_whitespace=True,
    ) or [""]
