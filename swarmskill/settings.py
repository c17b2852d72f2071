"""The effective configuration of a run.

A flag beats a `SWARM_*` variable, which beats the repository's `swarm.toml` (or `[tool.swarm]` in
`pyproject.toml`), which beats the user's own file, which beats the default.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from swarmskill.errors import InputError, UsageError
from swarmskill.model import Check, Isolation, Land, OnFailure, RunConfig, Schedule, WorktreeSetup
from swarmskill.sources.contract import decode_cross_cutting
from swarmskill.sources.fields import decode_duration, decode_flag, decode_line, decode_list, decode_timeout
from swarmskill.sources.findings import Findings, found
from swarmskill.sources.keys import nearest

E = TypeVar("E", Schedule, OnFailure, Land, Isolation)
Decode = Callable[[Any, str, Findings], Any]

_VARIABLE: Final = "SWARM_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value and where it came from, such as "command line", "SWARM_AGENT" or "swarm.toml"."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Source:
    """Raw values from one place. `textual` ones are words from the environment, not values of TOML."""

    name: str
    values: Mapping[str, Any]
    textual: bool = False


def load_sources(
    flags: Mapping[str, Any], environment: Mapping[str, str], top: Path, user_folder: Path
) -> list[Source]:
    """All places that set something, strongest first. Raises InputError for a file that is no sound TOML."""
    sources = [Source("command line", {name: value for name, value in flags.items() if value is not None})]
    for name in _DECODERS:
        variable = _VARIABLE + name.upper()
        if value := environment.get(variable):
            sources.append(Source(variable, {name: value}, textual=True))
    if (top / "swarm.toml").is_file():
        sources.append(_read_toml(top / "swarm.toml", "swarm.toml"))
    elif (top / "pyproject.toml").is_file():
        sources.append(_read_toml(top / "pyproject.toml", "pyproject.toml", "tool", "swarm"))
    if (user_folder / "swarm.toml").is_file():
        sources.append(_read_toml(user_folder / "swarm.toml", str(user_folder / "swarm.toml")))
    return sources


def effective(sources: Iterable[Source]) -> dict[str, Setting]:
    """The value of every setting that some source sets.

    Raises InputError that names the source, the key and the fix.
    """
    settings: dict[str, Setting] = {}
    for source in reversed(list(sources)):
        findings = Findings(source.name)
        for name, raw in source.values.items():
            place = f"--{name.replace('_', '-')}" if source.name == "command line" else f"/{name}"
            settings[name] = Setting(_decode(source, name, raw, place, findings), source.name)
        findings.refuse()
    return settings


def run_config(settings: Mapping[str, Setting], *, branch: str, cross_cutting: tuple[Check, ...]) -> RunConfig:
    """The run's configuration; the task list's own run-wide checks come after the repository's."""
    values = {name: setting.value for name, setting in settings.items()}
    checks = (*values.pop("cross_cutting", ()), *cross_cutting)
    config = RunConfig(**values, branch=branch, cross_cutting=checks)
    if config.land is Land.WAVE and config.schedule is not Schedule.WAVE:
        raise UsageError("--land wave needs --schedule wave", hint="a rolling run has no waves; use --land end")
    return config


def _decode(source: Source, name: str, raw: Any, place: str, findings: Findings) -> Any:
    decode = _DECODERS.get(name)
    if decode is None:
        hint = nearest(name, tuple(_DECODERS))
        findings.problem(place, "unknown key", f"did you mean {hint}?" if hint else "remove it")
        return None
    if source.textual and name in _FROM_TEXT:
        raw = _FROM_TEXT[name](raw)
    return decode(raw, place, findings)


def _number(least: int) -> Decode:
    def decode(value: Any, place: str, findings: Findings) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        findings.problem(place, f"needs a whole number of {least} or more, found {found(value)}", f"write {least}")
        return None

    return decode


def _choice(kind: type[E]) -> Decode:
    def decode(value: Any, place: str, findings: Findings) -> E | None:
        try:
            return kind(value)
        except ValueError:
            findings.problem(place, f"found {found(value)}", "write one of: " + ", ".join(kind))
            return None

    return decode


def _lines(value: Any, place: str, findings: Findings) -> tuple[str, ...] | None:
    return decode_list(value, place, findings, decode_line, "texts")


def _worktree(value: Any, place: str, findings: Findings) -> WorktreeSetup | None:
    if not isinstance(value, dict):
        findings.problem(place, f"needs a table, found {found(value)}", "write [worktree]")
        return None
    known = [field.name for field in fields(WorktreeSetup)]
    for key in value:
        if key not in known:
            findings.problem(f"{place}/{key}", "unknown key", "known are: " + ", ".join(known))
    lists = {key: _lines(value[key], f"{place}/{key}", findings) or () for key in known if key in value}
    return WorktreeSetup(**lists)


_DECODERS: Final[dict[str, Decode]] = {
    "max_workers": _number(1),
    "schedule": _choice(Schedule),
    "on_failure": _choice(OnFailure),
    "max_retries": _number(0),
    "timeout": decode_timeout,
    "deadline": decode_timeout,
    "grace": decode_duration,
    "agent": decode_line,
    "agent_cmd": decode_line,
    "model": decode_line,
    "backend": decode_line,
    "land": _choice(Land),
    "env": _lines,
    "max_file_bytes": _number(1),
    "keep": decode_flag,
    "isolation": _choice(Isolation),
    "worktree": _worktree,
    "cross_cutting": decode_cross_cutting,
}


def _maybe_number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else text


def _maybe_flag(text: str) -> bool | str:
    return {"1": True, "true": True, "0": False, "false": False}.get(text.lower(), text)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


_FROM_TEXT: Final[dict[str, Callable[[str], Any]]] = {
    "max_workers": _maybe_number,
    "max_retries": _maybe_number,
    "max_file_bytes": _maybe_number,
    "timeout": _maybe_number,
    "deadline": _maybe_number,
    "grace": _maybe_number,
    "keep": _maybe_flag,
    "env": _split,
}
"""How the words of a variable become what TOML would have given."""


def _read_toml(path: Path, name: str, *tables: str) -> Source:
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"line \d+, column \d+", str(error))
        problem = re.sub(r" \(at .*\)$", "", str(error))
        raise InputError(problem, source=name, place=place[0] if place else "", hint="mend the TOML") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=name) from error
    for table in tables:
        values = values.get(table, {})
    return Source(name, values)
