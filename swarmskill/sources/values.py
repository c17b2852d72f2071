"""Values of settings that have more form than those of a task: each function decodes one, as those of `fields` do."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar

from swarmskill.sources.fields import decode_line, decode_list
from swarmskill.sources.findings import Findings, found, show

T = TypeVar("T")
Decode = Callable[[Any, str, Findings], Any]


def number(least: int) -> Decode:
    """Decodes whole numbers from `least`."""

    def decode(value: Any, place: str, findings: Findings) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        findings.problem(place, f"wants a whole number of {least} or more, found {found(value)}", f"write {least}")
        return None

    return decode


def choice(kind: type[StrEnum]) -> Decode:
    """Decodes one of the words of an enumeration."""

    def decode(value: Any, place: str, findings: Findings) -> StrEnum | None:
        try:
            return kind(value)
        except ValueError:
            words = ", ".join(kind)
            findings.problem(place, f"wants one of {words}, found {found(value)}", f"write {next(iter(kind))}")
            return None

    return decode


def decode_lines(value: Any, place: str, findings: Findings) -> tuple[str, ...] | None:
    """A list of texts of one line each."""
    return decode_list(value, place, findings, decode_line, "texts")


def decode_commands(value: Any, place: str, findings: Findings) -> tuple[str, ...] | None:
    """A list of command lines."""
    return decode_list(value, place, findings, decode_command, "commands")


def decode_command(value: Any, place: str, findings: Findings) -> str | None:
    """A command line that can be split into words as a shell does."""
    command = decode_line(value, place, findings)
    if command is None:
        return None
    try:
        shlex.split(command)
    except ValueError as error:
        findings.problem(place, f"{show(command)} cannot be split into words: {error}", "close the quotes")
        return None
    return command


def decode_table(value: Any, place: str, findings: Findings, decoders: Mapping[str, Decode]) -> dict[str, Any]:
    """The sound values of a table whose keys are known."""
    if not isinstance(value, dict):
        findings.problem(place, f"wants a table, found {found(value)}", "write a table with: " + ", ".join(decoders))
        return {}
    for key in value:
        if key not in decoders:
            near = get_close_matches(key, decoders, n=1)
            fix = f"write {near[0]}" if near else "remove it; known are: " + ", ".join(decoders)
            findings.problem(f"{place}/{key}", "unknown key", fix)
    decoded = {key: decode(value[key], f"{place}/{key}", findings) for key, decode in decoders.items() if key in value}
    return {key: one for key, one in decoded.items() if one is not None}


def decode_named_tables(
    value: Any, place: str, findings: Findings, form: str, decode: Callable[[str, Any, str], T | None]
) -> dict[str, T] | None:
    """A table of what `decode` takes, by name; `form` shows how one is written."""
    if not isinstance(value, dict):
        findings.problem(place, f"wants a table, found {found(value)}", f"write {form}")
        return None
    decoded = {name: decode(name, one, f"{place}/{name}") for name, one in value.items()}
    return {name: one for name, one in decoded.items() if one is not None}


def decode_words(value: Any, place: str, findings: Findings) -> tuple[str, ...] | None:
    """Words: a list of them, or a command line."""
    if isinstance(value, str):
        command = decode_command(value, place, findings)
        return None if command is None else tuple(shlex.split(command))
    return decode_lines(value, place, findings)
