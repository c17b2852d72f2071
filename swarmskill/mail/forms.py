"""How single values stand in the body of a message, and how they are read. Pure.

Each form writes any value of its type so that reading gives the same value back: what would not
survive on a line of its own (line ends, commas in a list, blanks at the ends) is written as a JSON string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from swarmskill.records import dataclass

_DECODER: Final = json.JSONDecoder()
_PASSED: Final = frozenset({"PASS", "PASSED", "TRUE", "YES", "OK"})
_FAILED: Final = frozenset({"FAIL", "FAILED", "FALSE", "NO"})


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a value. `read` raises ValueError; `guess` also takes other systems' spellings."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]
    guess: Callable[[str], Any]
    empty: Any
    """The value that is not written at all."""
    multiline: bool = False


def _write_word(value: str) -> str:
    plain = value == value.strip() and "\n" not in value and "\r" not in value and not value.startswith('"')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _read_word(text: str) -> str:
    if text.startswith('"'):
        try:
            value, end = _DECODER.raw_decode(text)
        except ValueError:
            return text
        return value if isinstance(value, str) and end == len(text) else text
    return text


def _write_list(values: tuple[str, ...]) -> str:
    return ", ".join(_write_word(value) if value and "," not in value else json.dumps(value) for value in values)


def _read_list(text: str) -> tuple[str, ...]:
    found, rest = [], text.strip()
    while rest:
        value, rest = _take_item(rest)
        found.append(value)
    return tuple(found)


def _take_item(text: str) -> tuple[str, str]:
    """The first item of a comma list, and what comes behind it."""
    if text.startswith('"'):
        try:
            value, end = _DECODER.raw_decode(text)
            rest = text[end:].lstrip()
            if isinstance(value, str) and rest[:1] in ("", ","):
                return value, rest[1:].strip()
        except ValueError:
            pass
    item, _, rest = text.partition(",")
    return item.strip(), rest.strip()


def _write_bullets(values: tuple[str, ...]) -> str:
    return "\n".join(f"- {_write_word(value) if value else json.dumps(value)}" for value in values)


def _read_bullets(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return tuple(_read_word(re.sub(r"^[-*] +", "", line)) for line in lines)


def _write_text(value: str) -> str:
    """A line that would look like a heading gets a backslash, which Markdown does not show."""
    return re.sub(r"^(\\*#)", r"\\\1", value, flags=re.MULTILINE)


def _read_text(text: str) -> str:
    return re.sub(r"^\\(\\*#)", r"\1", text, flags=re.MULTILINE)


def _read_percent(text: str) -> int:
    match = re.fullmatch(r"(\d{1,3})%", text)
    if not match or int(match[1]) > 100:
        raise ValueError(f"{text!r} is no percentage such as 45%")
    return int(match[1])


def _guess_percent(text: str) -> int:
    match = re.match(r"~?(\d{1,3})(?:\.\d+)?(?: ?%|$)", text.strip())
    if not match or int(match[1]) > 100:
        raise ValueError(f"{text!r} is no percentage such as 45%")
    return int(match[1])


def _read_count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(f"{text!r} is no number")
    return int(text)


def _read_verdict(text: str) -> bool:
    if text not in ("PASS", "FAIL"):
        raise ValueError(f"{text!r} is neither PASS nor FAIL")
    return text == "PASS"


def _guess_verdict(text: str) -> bool:
    word = re.split(r"[^A-Z]", text.strip().upper())[0]
    if word not in _PASSED | _FAILED:
        raise ValueError(f"{text!r} is neither PASS nor FAIL")
    return word in _PASSED


def _read_flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def _same(value: str) -> str:
    return value.strip()


def choice(kind: type[StrEnum]) -> Form:
    """One word of an enumeration."""

    def read(text: str) -> StrEnum:
        if text not in kind._value2member_map_:
            raise ValueError(f"{text!r} is none of {', '.join(kind)}")
        return kind(text)

    def guess(text: str) -> StrEnum:
        word = re.sub(r"[\s-]+", "_", text.strip())
        return read(next((str(one) for one in kind if one.casefold() == word.casefold()), text))

    return Form(str, read, guess, None)


WORD: Final = Form(_write_word, _read_word, lambda text: _read_word(_same(text)), "")
"""A value on a line."""
LIST: Final = Form(_write_list, _read_list, _read_list, ())
"""Values with commas between them."""
BULLETS: Final = Form(_write_bullets, _read_bullets, _read_bullets, (), multiline=True)
TEXT: Final = Form(_write_text, _read_text, lambda text: _read_text(text).strip(), "", multiline=True)
PERCENT: Final = Form(lambda value: f"{value}%", _read_percent, _guess_percent, None)
COUNT: Final = Form(str, _read_count, lambda text: _read_count(_same(text)), None)
VERDICT: Final = Form(lambda value: "PASS" if value else "FAIL", _read_verdict, _guess_verdict, None)
FLAG: Final = Form(lambda value: str(value).lower(), _read_flag, lambda text: _read_flag(_same(text).lower()), None)
