"""Laying out plain text: columns that fit, numbers with their nouns, nothing a terminal obeys."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def printable(text: str) -> str:
    """The text on one line; control characters, which a terminal would obey, become blanks."""
    if text.isprintable():
        return text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def columns(rows: Sequence[tuple[str, str, str]], width: int) -> list[str]:
    """Rows of three cells, aligned and indented by two. The middle is cut first when space is short."""
    if not rows:
        return []
    least = max(8, width // 3)
    widest = [max(cells(cell) for cell in column) for column in zip(*rows, strict=True)]
    first = min(widest[0], least)
    room = width - first - (6 if widest[2] else 4)
    last = min(widest[2], max(least, room - widest[1]))
    middle = min(widest[1], max(8, room - last))
    lines = []
    for one, two, three in rows:
        line = f"  {_pad(cut(one, first), first)}  {_pad(cut(two, middle), middle)}"
        lines.append((f"{line}  {cut(three, last)}" if three else line).rstrip())
    return lines


def wrap(text: str, width: int, indent: int = 0) -> list[str]:
    """The text's words on lines of `width` columns; a word that is longer has a line of its own."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and indent + cells(longer) > width:
            lines.append(line)
            longer = word
        line = longer
    return [" " * indent + part for part in (*lines, line)]


def cut(text: str, width: int) -> str:
    """The text's start in `width` columns, with `...` where something is missing."""
    if cells(text) <= width:
        return text
    room, kept = width - 3, ""
    for character in text:
        room -= cells(character)
        if room < 0:
            break
        kept += character
    return f"{kept.rstrip()}..."


def cells(text: str) -> int:
    """How many columns a terminal gives the text: East Asian wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def plural(count: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float) -> str:
    """`42s`, `7m 05s`, `2h 10m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s" if rest else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if minutes else f"{hours}h"


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cells(text))
