"""Check boxes in Markdown: where they are, and how one is ticked without touching anything else.

Boxes in fenced code and in comments are examples, not boxes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from swarmskill.records import dataclass

_BOX = re.compile(r"(?P<indent>[ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+\[(?P<mark>[ xX])\][ \t]+(?P<text>.*\S)")
_HEADING = re.compile(r"(?P<level>#{1,6})[ \t]+(?P<text>.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_TAB = 4


@dataclass(frozen=True, slots=True)
class Box:
    """One item with a box. `line` counts from 1, `indent` is in columns, `at` the place of the mark in the text."""

    line: int
    indent: int
    done: bool
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `level` is the number of its signs."""

    line: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Prose:
    """Any other line that is not blank."""

    line: int
    indent: int
    text: str


def read_markdown(text: str) -> Iterator[Box | Heading | Prose]:
    """What stands in a Markdown text, line by line, fenced code and comments left out."""
    at, fence, in_comment = 0, "", False
    for number, raw in enumerate(text.split("\n"), 1):
        line, start = raw.removesuffix("\r"), at
        at += len(raw) + 1
        if in_comment:
            in_comment = "-->" not in line
        elif fence:
            fence = "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
        elif found := _FENCE.match(line):
            fence = found[1]
        elif line.lstrip().startswith("<!--"):
            in_comment = "-->" not in line
        elif line.strip():
            yield _read_line(line, number, start)


def tick(text: str, box: Box, mark: str) -> str:
    """The text with that one box ticked."""
    return f"{text[: box.at]}{mark}{text[box.at + 1 :]}"


def _read_line(line: str, number: int, start: int) -> Box | Heading | Prose:
    if box := _BOX.fullmatch(line.rstrip()):
        done = box["mark"] != " "
        return Box(number, _columns(box["indent"]), done, box["text"], start + box.start("mark"))
    if heading := _HEADING.fullmatch(line):
        return Heading(number, len(heading["level"]), heading["text"])
    return Prose(number, _columns(line[: len(line) - len(line.lstrip())]), line.strip())


def _columns(indent: str) -> int:
    return len(indent.expandtabs(_TAB))
