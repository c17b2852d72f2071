"""Decoding one value: each function takes what was read and gives what it means, or None.

None is either "not given" (null is as good as an absent key) or "wrong"; what is wrong was noted in
the findings, with its place and fix.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any, TypeVar

from swarmskill.model import OnFailure, Requirements
from swarmskill.sources.findings import Findings, found, pointer, show
from swarmskill.sources.keys import optional, warn_unknown

T = TypeVar("T")

MAX_ID_LENGTH = 200
MAX_SECONDS = 366 * 86400.0
MAX_RETRIES = 100
MAX_PRIORITY = 1_000_000
MAX_COST = 1e9
MAX_TOKENS = 10**15
LEAST_MEMORY = 16 << 20
MAX_MEMORY = 1 << 50

_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII
)
_UNITS = (86400, 3600, 60, 1)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(?:([kmgt])(?:i?b)?|b)?", re.ASCII)
_POWERS = {None: 0, "k": 10, "m": 20, "g": 30, "t": 40}

_OPEN = frozenset(
    {"pending", "in_progress", "open", "ready", "todo", "waiting", "assigned", "running", "blocked", "failed"}
)
_DONE = frozenset({"completed", "complete", "done", "closed"})


def decode_text(value: Any, place: str, findings: Findings) -> str | None:
    """Any text without NUL, which no program takes as an argument."""
    if not isinstance(value, str):
        _wrong(value, place, findings, "text", "write it in double quotes")
        return None
    if "\0" in value:
        findings.problem(place, "holds a NUL character", "remove it")
        return None
    return value


def decode_line(value: Any, place: str, findings: Findings) -> str | None:
    """One line of text, not blank, without control characters; blanks around it are dropped."""
    text = decode_text(value, place, findings)
    if text is None:
        return None
    line = text.strip()
    if not line:
        findings.problem(place, "is blank", "say in a few words what is meant")
        return None
    if not line.isprintable():
        findings.problem(
            place, f"{show(line)} holds a control character or a line break", "write one line of plain text"
        )
        return None
    return line


def decode_id(value: Any, place: str, findings: Findings) -> str | None:
    """A task's id: text or a whole number, which is the same as the text of its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        _wrong(value, place, findings, "text or a whole number as an id", "write it in double quotes")
        return None
    if not value.strip():
        findings.problem(place, "the id is empty", "give the task an id")
    elif len(value) > MAX_ID_LENGTH:
        text = f"the id has {len(value)} characters, the limit is {MAX_ID_LENGTH}"
        findings.problem(place, text, "shorten it, and keep the long form in the subject")
    elif not value.isprintable():
        findings.problem(place, f"the id {show(value)} holds a control character", "remove it")
    elif value != value.strip():
        findings.problem(place, f"the id {show(value)} begins or ends with a blank", f"write {show(value.strip())}")
    else:
        return value
    return None


def decode_ids(value: Any, place: str, findings: Findings) -> tuple[tuple[str, str], ...] | None:
    """A list of ids, each with its place."""
    if not isinstance(value, list):
        _wrong(value, place, findings, "a list of ids", _as_list(value))
        return None
    places = [pointer(place, index) for index in range(len(value))]
    ids = [(decode_id(item, at, findings), at) for item, at in zip(value, places, strict=True)]
    return tuple((task_id, at) for task_id, at in ids if task_id is not None)


def decode_list(
    value: Any, place: str, findings: Findings, decode: Callable[[Any, str, Findings], T | None], what: str
) -> tuple[T, ...] | None:
    """A list of what `decode` takes; `what` says so in words."""
    if not isinstance(value, list):
        _wrong(value, place, findings, f"a list of {what}", _as_list(value))
        return None
    items = [decode(item, pointer(place, index), findings) for index, item in enumerate(value)]
    sound = tuple(item for item in items if item is not None)
    return sound if len(sound) == len(items) else None


def decode_object(value: Any, place: str, findings: Findings) -> dict[str, Any] | None:
    """An object, as it was read."""
    if not isinstance(value, dict):
        _wrong(value, place, findings, "an object", "write { ... }")
        return None
    return value


def decode_flag(value: Any, place: str, findings: Findings) -> bool | None:
    """A boolean; 0, 1 and "yes" are none."""
    if not isinstance(value, bool):
        _wrong(value, place, findings, "true or false", "write true or false, without quotes")
        return None
    return value


def decode_priority(value: Any, place: str, findings: Findings) -> int | None:
    """A whole number, lower first."""
    return _integer(value, place, findings, -MAX_PRIORITY, MAX_PRIORITY, "write 0 (first) to 4 (last)")


def decode_max_retries(value: Any, place: str, findings: Findings) -> int | None:
    """How often the task is tried again after its first failure."""
    return _integer(value, place, findings, 0, MAX_RETRIES, "write 0 for no retry")


def decode_on_failure(value: Any, place: str, findings: Findings) -> OnFailure | None:
    """What the run does when the task ends without being completed."""
    if value in tuple(OnFailure):
        return OnFailure(value)
    words = " or ".join(OnFailure)
    findings.problem(place, f"wants {words}, found {found(value)}", f'write "{OnFailure.FAIL_FAST}"')
    return None


def decode_max_cost(value: Any, place: str, findings: Findings) -> float | None:
    """A limit in US dollars, over 0."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        _wrong(value, place, findings, "US dollars", "write 2.50")
        return None
    if not 0 < value <= MAX_COST:
        findings.problem(place, f"wants US dollars over 0, found {show(value)}", "write 2.50, or leave it out")
        return None
    return float(value)


def decode_max_tokens(value: Any, place: str, findings: Findings) -> int | None:
    """A limit in tokens, from 1."""
    return _integer(value, place, findings, 1, MAX_TOKENS, "write 500000, or leave it out")


def decode_max_memory(value: Any, place: str, findings: Findings) -> int | None:
    """Bytes of memory: a whole number, or text such as "512M", "4G", "1.5 GiB", all in powers of 1024."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.replace(" ", "").lower())
        if match is None:
            findings.problem(place, f"{show(value)} is no amount of memory", 'write for example "4G" or "512M"')
            return None
        size = int(float(match[1]) * (1 << _POWERS[match[2]]))
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        _wrong(value, place, findings, "an amount of memory", 'write for example "4G" or "512M"')
        return None
    if not LEAST_MEMORY <= size <= MAX_MEMORY:
        text = f"wants at least 16M, which a program needs to start, and at most 1024T, found {show(value)}"
        findings.problem(place, text, 'write for example "4G"')
        return None
    return size


def decode_status(value: Any, place: str, findings: Findings) -> bool | None:
    """Whether the status means that the task is done."""
    if not isinstance(value, str):
        _wrong(value, place, findings, "a status in text", 'write "pending" or "completed"')
        return None
    status = value.strip().lower().replace("-", "_").replace(" ", "_")
    if status in _DONE or status in _OPEN:
        return status in _DONE
    if status in ("deleted", "cancelled", "canceled"):
        findings.problem(place, f"a {status} task cannot be in the list", 'remove the task, or set "pending"')
    else:
        findings.problem(place, f"{show(value)} is not a status", 'write "pending" or "completed"')
    return None


def decode_timeout(value: Any, place: str, findings: Findings) -> float | None:
    """A duration over 0, in seconds."""
    seconds = decode_duration(value, place, findings)
    if seconds == 0:
        findings.problem(place, "a time limit of 0 would end the work before it starts", 'write for example "30m"')
        return None
    return seconds


def decode_duration(value: Any, place: str, findings: Findings) -> float | None:
    """Seconds: a number, or text such as "90s", "30m", "1h30m", "2d"."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.replace(" ", "").lower())
        parts = match.groups() if match else ()
        if not any(parts):
            fix = 'write seconds as a number, or for example "90s", "30m", "2h"'
            findings.problem(place, f"{show(value)} is not a duration", fix)
            return None
        seconds = sum(float(part) * unit for part, unit in zip(parts, _UNITS, strict=True) if part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    else:
        _wrong(value, place, findings, "a duration", 'write seconds as a number, or for example "30m"')
        return None
    if not 0 <= seconds <= MAX_SECONDS:
        text = "a duration cannot be negative" if seconds < 0 else "a duration of over a year"
        findings.problem(place, f"{text}, found {show(value)}", 'write for example "30m"')
        return None
    return seconds


def decode_argv(value: Any, place: str, findings: Findings) -> tuple[str, ...] | None:
    """An argument list; text is split as a shell would split it, nothing else of a shell happens."""
    if isinstance(value, str):
        argv = split_words(value, place, findings, fix='write a list: ["python3", "tools/make.py"]')
    else:
        argv = decode_list(value, place, findings, decode_text, "words")
    if argv is None:
        return None
    if not argv or not argv[0].strip():
        findings.problem(place, "names no program", 'write for example ["python3", "tools/make.py"], or remove the key')
        return None
    return argv


def split_words(text: str, place: str, findings: Findings, *, fix: str) -> tuple[str, ...] | None:
    """The words of a command line, or None (noted) where quotes are left open."""
    if decode_text(text, place, findings) is None:
        return None
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        reason = str(error).lower()
        findings.problem(place, f"{show(text)} cannot be split into words: {reason}", fix)
        return None


def decode_requires(value: Any, place: str, findings: Findings) -> Requirements | None:
    """What a remote worker must offer."""
    wanted = decode_object(value, place, findings)
    if wanted is None:
        return None
    warn_unknown(wanted, ("tags", "capabilities"), place, findings)
    tags = optional(wanted, "tags", place, findings, _words)
    capabilities = optional(wanted, "capabilities", place, findings, _words)
    return Requirements(tags=tags or (), capabilities=capabilities or ())


def _words(value: Any, place: str, findings: Findings) -> tuple[str, ...] | None:
    return decode_list(value, place, findings, decode_line, "words")


def _integer(value: Any, place: str, findings: Findings, low: int, high: int, fix: str) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        _wrong(value, place, findings, "a whole number", fix)
        return None
    if not low <= value <= high:
        findings.problem(place, f"wants a number from {low} to {high}, found {value}", fix)
        return None
    return value


def _wrong(value: Any, place: str, findings: Findings, wanted: str, fix: str) -> None:
    findings.problem(place, f"wants {wanted}, found {found(value)}", fix)


def _as_list(value: Any) -> str:
    return f"write [{show(value)}]" if isinstance(value, (str, int)) else "write [ ... ]"
