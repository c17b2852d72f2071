"""Matching the keys of an object with those we know, in camelCase or snake_case."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import lru_cache
from typing import Any, TypeVar

from swarmskill.records import dataclass
from swarmskill.sources.findings import Findings, pointer, show

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and where it stands."""

    value: Any
    place: str


@dataclass(frozen=True, slots=True)
class Keys:
    """An object's entries under our own names, and its other keys with their places.

    A key with null counts as not given.
    """

    given: dict[str, Entry] = field(default_factory=dict)
    unknown: tuple[tuple[str, str], ...] = ()


def match_keys(
    fields: Mapping[str, Any], names: Iterable[str], place: str, findings: Findings, aliases: Mapping[str, str] = {}
) -> Keys:
    """Find `names` (snake_case) in the object, in either spelling or under an alias.

    Notes a problem where two spellings of one key are given.
    """
    spellings = {spelling: name for name in names for spelling in (name, camel(name))} | dict(aliases)
    given: dict[str, Entry] = {}
    unknown: list[tuple[str, str]] = []
    for key, value in fields.items():
        at = pointer(place, key)
        name = spellings.get(key)
        if name is None:
            unknown.append((key, at))
        elif value is None:
            continue
        elif name in given:
            findings.problem(at, f"is the same as {given[name].place}", "keep one of them")
        else:
            given[name] = Entry(value, at)
    return Keys(given, tuple(unknown))


def optional(
    fields: Mapping[str, Any],
    key: str,
    place: str,
    findings: Findings,
    decode: Callable[[Any, str, Findings], T | None],
) -> T | None:
    """What `decode` makes of the value under `key`; None if it is null or not there."""
    value = fields.get(key)
    return None if value is None else decode(value, pointer(place, key), findings)


def warn_unknown(fields: Mapping[str, Any], names: Iterable[str], place: str, findings: Findings) -> None:
    """Warn of each key that is none of `names`: it is read by nobody."""
    known = tuple(names)
    for key in fields:
        if key not in known:
            findings.warn(
                pointer(place, key), f"{show(key)} is not a known key here and is ignored{nearest(key, known)}"
            )


@lru_cache(maxsize=4096)
def nearest(key: str, names: tuple[str, ...]) -> str:
    """`; did you mean "..."?` for the known key that looks most like this one, or ""."""
    spellings = list(dict.fromkeys(spelling for name in names for spelling in (name, camel(name))))
    close = difflib.get_close_matches(key, spellings, n=1)
    return f"; did you mean {show(close[0])}?" if close else ""


def camel(name: str) -> str:
    """`blocked_by` as `blockedBy`."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
