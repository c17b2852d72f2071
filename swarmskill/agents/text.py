"""Texts of agents made fit for one line of a terminal, and lines of their output made into data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from swarmskill.codec import load_json

ACTION_LENGTH = 80
SAID_LENGTH = 2000

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # operating system commands: window titles, links
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # colours and cursor movements
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

_PATHS = ("file_path", "path", "filePath", "absolute_path", "notebook_path", "dir_path")
_COMMANDS = ("command", "cmd", "script")
_WORDS = ("pattern", "query", "url", "description", "prompt", "skill", "name")


def as_object(line: str) -> dict[str, Any]:
    """The JSON object that the line is; {} if it is none."""
    if not line.lstrip().startswith("{"):
        return {}
    try:
        document = load_json(line.encode("utf-8", "replace"))
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def table(value: Any, *keys: str) -> dict[str, Any]:
    """The object found below `keys` of foreign JSON; {} if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """The objects in what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def count(value: Any) -> int:
    """The value if it is a whole number of 0 or more, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def visible(line: str) -> str:
    """The line as a terminal would show it, its spacing kept, and nothing in it that could steer the terminal."""
    shown = _ESCAPES.sub("", line.rstrip("\r\n")).rpartition("\r")[2]
    return _CONTROLS.sub(" ", shown.expandtabs()).rstrip()


def one_line(words: str, most: int = ACTION_LENGTH) -> str:
    """The text as a terminal would show its last line's end, on one line, shortened to `most` characters."""
    plain = " ".join(visible(words).split())
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def tool_action(tool: str, given: Mapping[str, Any], folder: str = "") -> str:
    """A few words for the use of a tool: `$ pytest -q` for a command, else the tool and what it is used on.

    Paths below `folder`, where the agent works, are shown from there.
    """
    for key in _COMMANDS:
        command = given.get(key)
        if isinstance(command, list):
            command = " ".join(map(str, command))
        if isinstance(command, str) and command:
            return one_line("$ " + command.replace("\n", " "))
    for key in _PATHS:
        if path := text(given.get(key)):
            return one_line(f"{tool} {path.removeprefix(folder + '/') if folder else path}".replace("\n", " "))
    for key in _WORDS:
        if words := text(given.get(key)):
            return one_line(f"{tool} {words}".replace("\n", " "))
    return one_line(tool)
