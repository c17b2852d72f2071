"""Changing one value in a JSON text, all else byte for byte as it was: order, blanks and unknown keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def set_text(text: str, trail: Sequence[str | int], value: str) -> str:
    """The JSON text with the string `value` at the end of the trail of keys and indexes.

    A last key that is not there is put first in its object. Raises ValueError for text that is no JSON, and
    KeyError where the trail does not lead anywhere.
    """
    _check(text)
    at = _skip(text, 1 if text.startswith("\ufeff") else 0)
    for step in trail[:-1]:
        at = _member(text, at, step)[0]
    new = json.dumps(value, ensure_ascii=False)
    try:
        start, end = _member(text, at, trail[-1])
    except KeyError:
        if text[at] != "{" or text[_skip(text, at + 1)] == "}":
            raise
        first = _skip(text, at + 1)
        return f"{text[:first]}{json.dumps(trail[-1])}: {new},{text[at + 1 : first] or ' '}{text[first:]}"
    return f"{text[:start]}{new}{text[end:]}"


def _check(text: str) -> None:
    try:
        json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON any more: {error}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _member(text: str, at: int, step: str | int) -> tuple[int, int]:
    """Where the value of a key or index begins and ends. Of a key that is there twice the last one counts."""
    places = [(start, end) for key, start, end in _members(text, at) if key == step]
    if not places:
        raise KeyError(step)
    return places[-1]


def _members(text: str, at: int) -> Iterator[tuple[str | int, int, int]]:
    """The members of the object or list that begins at `at`; none of anything else. The text is sound."""
    is_object = text[at] == "{"
    if not is_object and text[at] != "[":
        return
    at, index = _skip(text, at + 1), 0
    while text[at] not in "}]":
        key: str | int = index
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # over the colon
        end = _DECODER.raw_decode(text, at)[1]
        yield key, at, end
        at, index = _skip(text, end), index + 1
        if text[at] == ",":
            at = _skip(text, at + 1)
