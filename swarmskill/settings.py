"""The effective configuration of a run: flag, then `SWARM_*` variable, then the repository's
`swarm.toml` (or `[tool.swarm]` in `pyproject.toml`), then the user's own file, then the default.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from swarmskill.errors import InputError, UsageError
from swarmskill.model import Check, Land, OnFailure, RunConfig, Schedule, WorktreeSetup
from swarmskill.sources.checks import decode_cross_cutting
from swarmskill.sources.fields import parse_duration

E = TypeVar("E", Schedule, OnFailure, Land)

_VARIABLE: Final = "SWARM_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value and where it came from, such as "flag", "SWARM_AGENT" or "swarm.toml"."""

    name: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Source:
    """Values from one place, raw. `name` is how messages call it."""

    name: str
    values: Mapping[str, Any]
    textual: bool = False
    """Whether the values are words to be parsed, as from the environment, and not TOML values."""


def _whole(value: Any, least: int = 0) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]+", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"needs a whole number, {least} or more")
    return value


def _yes_no(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if isinstance(value, str):
        value = words.get(value.lower(), value)
    if not isinstance(value, bool):
        raise ValueError("needs true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("needs a text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ValueError("needs a list of texts")
    return tuple(value)


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("needs seconds, or a text such as 90s, 30m or 2h")
    return parse_duration(value)


def _choice(kind: type[E]) -> Callable[[Any], E]:
    def parse(value: Any) -> E:
        try:
            return kind(value)
        except ValueError:
            raise ValueError("needs one of " + ", ".join(kind)) from None

    return parse


_PARSERS: Final[dict[str, Callable[[Any], Any]]] = {
    "max_workers": lambda value: _whole(value, 1),
    "schedule": _choice(Schedule),
    "on_failure": _choice(OnFailure),
    "max_retries": _whole,
    "timeout": _seconds,
    "deadline": _seconds,
    "grace": _seconds,
    "agent": _text,
    "agent_cmd": _text,
    "model": _text,
    "backend": _text,
    "land": _choice(Land),
    "env": _texts,
    "max_file_bytes": lambda value: _whole(value, 1),
    "keep": _yes_no,
}
_WORKTREE: Final = tuple(field.name for field in fields(WorktreeSetup))
_TABLES: Final = ("worktree", "cross_cutting")


def load_sources(
    flags: Mapping[str, Any], environment: Mapping[str, str], top: Path, user_folder: Path
) -> list[Source]:
    """All places that set something, strongest first.

    Raises InputError for a configuration file that is not sound TOML.
    """
    found = [Source("flag", {name: value for name, value in flags.items() if value is not None})]
    variables = {name.upper(): name for name in _PARSERS}
    for variable, name in variables.items():
        if value := environment.get(_VARIABLE + variable):
            found.append(Source(_VARIABLE + variable, {name: value}, textual=True))
    if (top / "swarm.toml").is_file():
        found.append(_toml(top / "swarm.toml", "swarm.toml"))
    elif (top / "pyproject.toml").is_file():
        found.append(_toml(top / "pyproject.toml", "pyproject.toml", "tool", "swarm"))
    if (user_folder / "swarm.toml").is_file():
        found.append(_toml(user_folder / "swarm.toml", str(user_folder / "swarm.toml")))
    return found


def effective(sources: list[Source]) -> dict[str, Setting]:
    """The value of every setting that some source sets.

    Raises UsageError or InputError that names the source, the key and the fix.
    """
    settings: dict[str, Setting] = {}
    for source in reversed(sources):
        for name, raw in source.values.items():
            if name in _TABLES and not source.textual:
                parsed = _table(source, name, raw)
            elif name in _PARSERS:
                parsed = _parse(source, name, raw)
            else:
                raise _unknown(source, name, (*_PARSERS, *_TABLES))
            settings[name] = Setting(name, parsed, source.name)
    return settings


def run_config(settings: Mapping[str, Setting], *, branch: str, cross_cutting: tuple[Check, ...]) -> RunConfig:
    """The run's configuration; `cross_cutting` are the task list's own checks, made after the repository's."""
    values = {name: setting.value for name, setting in settings.items()}
    checks = (*values.pop("cross_cutting", ()), *cross_cutting)
    config = RunConfig(**values, branch=branch, cross_cutting=checks)
    if config.land is Land.WAVE and config.schedule is not Schedule.WAVE:
        raise UsageError("--land wave needs --schedule wave", hint="a rolling run has no waves; use --land end")
    return config


def _parse(source: Source, name: str, raw: Any) -> Any:
    try:
        return _PARSERS[name](raw)
    except ValueError as error:
        raise _wrong(source, name, f"{error}, not {raw!r}") from None


def _table(source: Source, name: str, raw: Any) -> Any:
    if name == "cross_cutting":
        return decode_cross_cutting(raw, source=source.name, place="/cross_cutting")
    if not isinstance(raw, dict):
        raise _wrong(source, name, "needs to be a table, [worktree]")
    for key in raw:
        if key not in _WORKTREE:
            raise _unknown(source, key, _WORKTREE)
    try:
        return WorktreeSetup(**{key: _texts(value) for key, value in raw.items()})
    except ValueError as error:
        raise _wrong(source, name, str(error)) from None


def _wrong(source: Source, name: str, problem: str) -> UsageError | InputError:
    if source.name == "flag":
        return UsageError(f"--{name.replace('_', '-')} {problem}", hint="see: swarm run --help")
    if source.textual:
        return UsageError(f"{source.name} {problem}", hint=f"set it right or unset it: unset {source.name}")
    return InputError(f"{name} {problem}", source=source.name, place=f"/{name}", hint="see references/configuration.md")


def _unknown(source: Source, name: str, known: tuple[str, ...]) -> InputError:
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else "known keys: " + ", ".join(known)
    return InputError(f"unknown key {name}", source=source.name, place=f"/{name}", hint=hint)


def _toml(path: Path, name: str, *tables: str) -> Source:
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"line \d+, column \d+", str(error))
        raise InputError(
            str(error).split(" (at ")[0], source=str(path), place=place[0] if place else "", hint="mend the TOML"
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from error
    for table in tables:
        values = values.get(table, {})
    return Source(name, values)
