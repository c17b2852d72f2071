"""What is wrong or odd in a file that the user wrote, collected and told in one go."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from swarmskill.errors import InputError
from swarmskill.records import dataclass

MAX_SHOWN = 10
"""So many problems are told at once; a list with more has usually one cause."""

MAX_WARNINGS = 100

STDIN = "stdin"
"""What standard input is called in messages."""

_MAX_VALUE = 60
_MAX_PLACE = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse a file. `fix` is the edit that helps."""

    place: str
    text: str
    fix: str


class Findings:
    """The problems and warnings of one file. `source` is the file as the user named it.

    `repo_top` is the repository that the file is for, or None when that is not known. `again` is the
    command that looks at the file once more, `swarm plan` with it by default.
    """

    def __init__(self, source: str, repo_top: Path | None = None, *, again: str = "") -> None:
        self.source = source
        self._again = again or ("send the list again" if source == STDIN else f"swarm plan {shlex.quote(source)}")
        self.repo_top = repo_top
        self._problems: list[Problem] = []
        self._count = 0
        self._warnings: dict[str, tuple[str, int]] = {}
        self._more_warnings = 0

    def problem(self, place: str, text: str, fix: str) -> None:
        """Note a reason to refuse the file."""
        self._count += 1
        if len(self._problems) < MAX_SHOWN:
            self._problems.append(Problem(place, text, fix))

    def warn(self, place: str, text: str) -> None:
        """Note something that is odd but does no harm. The same text at many places is told once."""
        if text not in self._warnings and len(self._warnings) >= MAX_WARNINGS:
            self._more_warnings += 1
            return
        first, count = self._warnings.get(text, (place, 0))
        self._warnings[text] = (first, count + 1)

    @property
    def found(self) -> bool:
        """Whether there is a reason to refuse the file."""
        return self._count > 0

    @property
    def full(self) -> bool:
        """Whether further problems are only counted, so that looking for their fix is in vain."""
        return self._count >= MAX_SHOWN

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings as sentences with their places."""
        told = [
            f"{_shorten(place, _MAX_PLACE)}: {text}" + (f" (and {count - 1} more like it)" if count > 1 else "")
            for text, (place, count) in self._warnings.items()
        ]
        return (*told, f"... and {self._more_warnings} more warnings") if self._more_warnings else tuple(told)

    def refuse(self) -> None:
        """Raise InputError if there are problems.

        One problem is told as it is, with its fix as the hint. Of several, each gets a line with its
        own place and fix; the error's `place` is that of the first.
        """
        if not self._count:
            return
        first, *others = self._problems
        place = _shorten(first.place, _MAX_PLACE)
        if self._count == 1:
            raise InputError(first.text, source=self.source, place=place, hint=first.fix)
        lines = [f"{first.text} (fix: {first.fix})"]
        lines += (f"  {_shorten(other.place, _MAX_PLACE)}: {other.text} (fix: {other.fix})" for other in others)
        if self._count > len(self._problems):
            lines.append(f"  ... and {self._count - len(self._problems)} more")
        hint = f"mend these {self._count} places, then look again: {self._again}"
        raise InputError("\n".join(lines), source=self.source, place=place, hint=hint)


def pointer(place: str, key: str | int) -> str:
    """The JSON pointer (RFC 6901) of a key or index below `place`."""
    step = key if isinstance(key, int) else printable(key.replace("~", "~0").replace("/", "~1"))
    return f"{place}/{step}"


def show(value: object) -> str:
    """A value as JSON, short and safe to print."""
    return _shorten(printable(json.dumps(_outline(value), ensure_ascii=False)), _MAX_VALUE)


def printable(text: str) -> str:
    """The text with everything that a terminal does not simply print written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def kind(value: object) -> str:
    """What a value is, in words."""
    names: dict[type[Any], str] = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)


def found(value: object) -> str:
    """What a value is and, if that is short, which: `a number (3)`."""
    if value is None or isinstance(value, (dict, list)):
        return f"an empty {kind(value).split()[-1]}" if value in ([], {}) else kind(value)
    return f"{kind(value)} ({show(value)})"


def _outline(value: object) -> object:
    """The value with long parts cut, so that showing it costs little however large it is."""
    if isinstance(value, str):
        return value[: _MAX_VALUE + 1]
    if isinstance(value, list):
        return [_outline(item) if not isinstance(item, (list, dict)) else "..." for item in value[:20]]
    return "..." if isinstance(value, dict) else value


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
