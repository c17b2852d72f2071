"""The effective configuration of a run.

A flag beats a `SWARM_*` variable, which beats the repository's `swarm.toml` (or `[tool.swarm]` in
`pyproject.toml`), which beats the user's own file, which beats the default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

from swarmskill.agents.pool import parse_pool
from swarmskill.agents.registry import check_agent_name
from swarmskill.config import (
    TMUX,
    AgentOptions,
    Isolation,
    Land,
    Mode,
    Notable,
    Notify,
    OnExhaust,
    Price,
    RunConfig,
    Schedule,
    Share,
    WorktreeSetup,
)
from swarmskill.errors import UsageError
from swarmskill.model import Check, OnFailure
from swarmskill.records import dataclass
from swarmskill.repo.files import inside
from swarmskill.sources.contract import decode_cross_cutting
from swarmskill.sources.fields import (
    decode_duration,
    decode_flag,
    decode_line,
    decode_list,
    decode_max_cost,
    decode_max_memory,
    decode_max_tokens,
    decode_timeout,
)
from swarmskill.sources.findings import Findings, found, show
from swarmskill.sources.otel import decode_otel
from swarmskill.sources.toml import read_table
from swarmskill.sources.values import (
    Decode,
    choice,
    decode_command,
    decode_commands,
    decode_lines,
    decode_named_tables,
    decode_table,
    decode_words,
    number,
)
from swarmskill.sources.words import maybe_flag, maybe_number, maybe_seconds, split_words

T = TypeVar("T")

_VARIABLE: Final = "SWARM_"

DEFAULT: Final = "default"
"""Where a value comes from that nobody set."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value and where it came from, such as "--agent", "SWARM_AGENT" or "swarm.toml"."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Source:
    """Raw values from one place.

    `pointer` is the JSON pointer of the table that holds them, None for an option or a variable, which
    hold one value each; theirs are words, not values of TOML.
    """

    name: str
    values: Mapping[str, Any]
    pointer: str | None = None


def load_sources(
    flags: Mapping[str, Any], environment: Mapping[str, str], top: Path, user_folder: Path
) -> list[Source]:
    """All places that set something, strongest first. Raises InputError for a file that is no sound TOML."""
    sources = options(flags)
    for name in _DECODERS:
        variable = _VARIABLE + name.upper()
        if value := environment.get(variable):
            sources.append(Source(variable, {name: value}))
    if (top / "swarm.toml").is_file():
        sources.append(_toml(top / "swarm.toml", "swarm.toml"))
    elif (top / "pyproject.toml").is_file():
        sources.append(_toml(top / "pyproject.toml", "pyproject.toml", "tool", "swarm"))
    if (user_folder / "swarm.toml").is_file():
        sources.append(_toml(user_folder / "swarm.toml", str(user_folder / "swarm.toml")))
    if environment.get("CI", "").lower() not in ("", "0", "false"):
        # Nobody but the workers is at work in the checkout there.
        sources.append(Source("CI", {"isolation": Isolation.STRICT}))
    return sources


def options(flags: Mapping[str, Any]) -> list[Source]:
    """What the command line sets; an option that is None was not given."""
    return [Source(f"--{name.replace('_', '-')}", {name: flags[name]}) for name in flags if flags[name] is not None]


def _toml(path: Path, name: str, *tables: str) -> Source:
    return Source(name, *read_table(path, name, *tables))


def misspelt_variables(environment: Mapping[str, str]) -> list[str]:
    """Warnings of variables that look like a setting of ours and are none."""
    known = [_VARIABLE + name.upper() for name in _DECODERS]
    warnings = []
    for name in sorted(environment):
        near = get_close_matches(name, known, n=1, cutoff=0.85) if name.startswith(_VARIABLE) else []
        if near and name not in known:
            warnings.append(f"{name} is not a setting and is ignored; did you mean {near[0]}?")
    return warnings


def effective(sources: Iterable[Source]) -> dict[str, Setting]:
    """The value of every setting that some source sets.

    Raises InputError that names the source, the key and the fix.
    """
    settings: dict[str, Setting] = {}
    for source in reversed(list(sources)):
        findings = Findings(source.name, again="swarm run TASKS --dry-run")
        for name, raw in source.values.items():
            place = "" if source.pointer is None else f"{source.pointer}/{name}"
            settings[name] = Setting(_decode(source, name, raw, place, findings), source.name)
        findings.refuse()
    return settings


def every_setting(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """All settings there are, in the order of the documentation; those that nobody set have the origin "default"."""
    config = RunConfig()
    defaults = {name: getattr(config, "pool" if name == "agent" else name, None) for name in _DECODERS}
    return {name: settings.get(name) or Setting(value, DEFAULT) for name, value in defaults.items()}


def run_config(settings: Mapping[str, Setting], *, branch: str, cross_cutting: tuple[Check, ...]) -> RunConfig:
    """The run's configuration; the task list's own run-wide checks come after the repository's."""
    values = {name: setting.value for name, setting in settings.items()}
    checks = (*values.pop("cross_cutting", ()), *cross_cutting)
    values.pop("notify", None)  # no matter of the run's, and its address may be a secret: not for the ledger
    pool = values.pop("agent", (Share("command"),))
    if "mode" in settings:
        values["backend"] = _backend_of(values.pop("mode"), settings)
    if values.get("schedule") is Schedule.WAVE:
        values.setdefault("land", Land.WAVE)
    config = RunConfig(**values, pool=pool, branch=branch, cross_cutting=checks)
    if config.land is Land.WAVE and config.schedule is not Schedule.WAVE:
        raise UsageError("--land wave needs --schedule wave", hint="a rolling run has no waves; use --land end")
    if config.interactive and config.backend != TMUX:
        raise UsageError(
            f"{settings['interactive'].origin} needs windows to show agents in", hint="add --mode distributed"
        )
    return config


def _backend_of(mode: Mode, settings: Mapping[str, Setting]) -> str:
    """The backend of the mode; raises UsageError if another one is set in a place that is as strong."""
    backend = TMUX if mode is Mode.DISTRIBUTED else "process"
    other = settings.get("backend")
    if other and other.value != backend:
        raise UsageError(
            f"{settings['mode'].origin} says mode {mode}, but {other.origin} says backend {other.value}",
            hint=f"mode {mode} has the backend {backend}: remove one of the two",
        )
    return backend


def _decode(source: Source, name: str, raw: Any, place: str, findings: Findings) -> Any:
    decode = _DECODERS.get(name)
    if decode is None:
        near = get_close_matches(name, _DECODERS, n=1)
        fix = f"write {near[0]}" if near else "remove it; known are: " + ", ".join(_DECODERS)
        findings.problem(place, "unknown key", fix)
        return None
    if source.pointer is None and isinstance(raw, str):
        if name in _TABLES:
            findings.problem(place, f"{name} cannot be said in one word", "set it in swarm.toml")
            return None
        raw = _FROM_TEXT.get(name, str)(raw)
    return decode(raw, place, findings)


def _backend(value: Any, place: str, findings: Findings) -> str | None:
    if value in _BACKENDS:
        return str(value)
    findings.problem(place, f"no backend is called {show(value)}", "write " + " or ".join(_BACKENDS))
    return None


def _paths(value: Any, place: str, findings: Findings) -> tuple[str, ...] | None:
    return decode_list(value, place, findings, _path, "paths")


def _path(value: Any, place: str, findings: Findings) -> str | None:
    path = decode_line(value, place, findings)
    if path is not None and not inside(path):
        findings.problem(place, f"{show(path)} is not inside the repository", "name a path below the repository's top")
        return None
    return path


def _worktree(value: Any, place: str, findings: Findings) -> WorktreeSetup | None:
    if not isinstance(value, dict):
        findings.problem(place, f"wants a table, found {found(value)}", "write [worktree]")
        return None
    return WorktreeSetup(**decode_table(value, place, findings, _WORKTREE))


def _notify(value: Any, place: str, findings: Findings) -> Notify | None:
    table = {"command": value} if isinstance(value, str) else value
    found_values = decode_table(table, place, findings, _NOTIFY)
    if isinstance(table, dict) and table and not {"command", "url"} & set(table):
        findings.problem(place, "names nobody who is to be told", "write command or url")
    return Notify(**found_values) if found_values else None


def _address(value: Any, place: str, findings: Findings) -> str | None:
    address = decode_line(value, place, findings)
    if address is not None and not address.startswith(("http://", "https://", "$")):
        findings.problem(place, "is no address of the web", "write https://… or $NAME of a variable that holds it")
        return None
    return address


def _notables(value: Any, place: str, findings: Findings) -> tuple[Notable, ...] | None:
    return decode_list(value, place, findings, choice(Notable), "kinds")


def _pool(value: Any, place: str, findings: Findings) -> tuple[Share, ...] | None:
    text = decode_line(value, place, findings)
    if text is None:
        return None
    try:
        return parse_pool(text)
    except UsageError as error:
        findings.problem(place, error.message, error.hint)
        return None


def _agents(value: Any, place: str, findings: Findings) -> dict[str, AgentOptions] | None:
    def options(name: str, one: Any, where: str) -> AgentOptions | None:
        try:
            check_agent_name(name)
        except UsageError as error:
            findings.problem(where, error.message, error.hint)
            return None
        return AgentOptions(**decode_table(one, where, findings, _AGENT))

    return decode_named_tables(value, place, findings, "[agents.claude]", options)


def _prices(value: Any, place: str, findings: Findings) -> dict[str, Price] | None:
    def price(_model: str, one: Any, where: str) -> Price | None:
        row = decode_table(one, where, findings, _PRICE)
        if len(row) < len(_PRICE):
            fix = "write { input = 1.25, cached = 0.125, output = 10 }"
            findings.problem(where, "wants input, cached and output", fix)
            return None
        return Price(**row)

    return decode_named_tables(value, place, findings, "[prices]", price)


def _money(value: Any, place: str, findings: Findings) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _MOST_MONEY:
        return float(value)
    findings.problem(place, f"wants US dollars, found {found(value)}", "write 2.50")
    return None


_BACKENDS: Final = ("process", TMUX)
_MOST_MONEY: Final = 1e9

_AGENT: Final[dict[str, Decode]] = {
    "command": decode_words,
    "args": decode_words,
    "model": decode_line,
    "max_workers": number(1),
}
_NOTIFY: Final[dict[str, Decode]] = {"command": decode_command, "url": _address, "on": _notables}
_PRICE: Final[dict[str, Decode]] = {"input": _money, "cached": _money, "output": _money}

_WORKTREE: Final[dict[str, Decode]] = {"setup": decode_commands, "copy": _paths, "link": _paths, "keep": _paths}

_DECODERS: Final[dict[str, Decode]] = {
    "max_workers": number(1),
    "max_workers_per_user": number(1),
    "max_workers_per_repo": number(1),
    "schedule": choice(Schedule),
    "on_failure": choice(OnFailure),
    "max_retries": number(0),
    "retry_delay": decode_duration,
    "timeout": decode_timeout,
    "deadline": decode_timeout,
    "grace": decode_duration,
    "stall_timeout": decode_timeout,
    "idle_timeout": decode_timeout,
    "agent": _pool,
    "agents": _agents,
    "agent_cmd": decode_command,
    "model": decode_line,
    "mode": choice(Mode),
    "backend": _backend,
    "keep_sessions": decode_flag,
    "interactive": decode_flag,
    "help_agent": decode_line,
    "land": choice(Land),
    "env": decode_lines,
    "secrets": decode_lines,
    "allow": decode_commands,
    "yolo": decode_flag,
    "fresh": decode_flag,
    "max_cost": decode_max_cost,
    "max_tokens": decode_max_tokens,
    "max_memory": decode_max_memory,
    "on_exhaust": choice(OnExhaust),
    "prices": _prices,
    "notify": _notify,
    "max_file_bytes": number(1),
    "merge_batch": number(1),
    "keep": decode_flag,
    "isolation": choice(Isolation),
    "otel": decode_otel,
    "worktree": _worktree,
    "cross_cutting": decode_cross_cutting,
}


_FROM_TEXT: Final[dict[str, Callable[[str], Any]]] = {
    "max_workers": maybe_number,
    "max_workers_per_user": maybe_number,
    "max_workers_per_repo": maybe_number,
    "max_retries": maybe_number,
    "max_file_bytes": maybe_number,
    "merge_batch": maybe_number,
    "timeout": maybe_seconds,
    "retry_delay": maybe_seconds,
    "deadline": maybe_seconds,
    "grace": maybe_seconds,
    "stall_timeout": maybe_seconds,
    "idle_timeout": maybe_seconds,
    "max_cost": maybe_number,
    "max_tokens": maybe_number,
    "max_memory": maybe_number,
    "keep": maybe_flag,
    "keep_sessions": maybe_flag,
    "interactive": maybe_flag,
    "yolo": maybe_flag,
    "fresh": maybe_flag,
    "env": split_words,
    "secrets": split_words,
    "allow": split_words,
}
"""How the words of an option or a variable become what TOML would have given."""

_TABLES: Final = ("worktree", "cross_cutting", "agents", "prices", "otel")
"""Settings that no word can hold."""
