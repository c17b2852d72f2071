"""Bytes <-> events. Strict and versioned; the only user of orjson.

A ledger line is one JSON object: `v` (format version), `n` (number of the line, from 1), `type`, the
event's fields, and last `crc`, the CRC-32 of all bytes before it, so that damage which is still
valid JSON is seen too.
"""

from __future__ import annotations

import dataclasses
import re
import zlib
from typing import Any, Final

import msgspec
import orjson

from swarmskill.core import events as ev

VERSION: Final = 1

_EVENTS: Final[dict[str, type[ev.Event]]] = {
    "run_started": ev.RunStarted,
    "run_resumed": ev.RunResumed,
    "stop_requested": ev.StopRequested,
    "run_killed": ev.RunKilled,
    "limits_changed": ev.LimitsChanged,
    "retry_requested": ev.RetryRequested,
    "worker_started": ev.WorkerStarted,
    "spawn_failed": ev.SpawnFailed,
    "spawn_queued": ev.SpawnQueued,
    "spawn_withdrawn": ev.SpawnWithdrawn,
    "worker_reported": ev.WorkerReported,
    "worker_stalled": ev.WorkerStalled,
    "worker_stirred": ev.WorkerStirred,
    "worker_exited": ev.WorkerExited,
    "worker_lost": ev.WorkerLost,
    "validated": ev.Validated,
    "integrated": ev.Integrated,
    "integration_conflicted": ev.IntegrationConflicted,
    "integration_rejected": ev.IntegrationRejected,
    "tracked": ev.Tracked,
    "gate_rested": ev.GateRested,
    "backed_off": ev.BackedOff,
    "summarised": ev.Summarised,
    "advised": ev.Advised,
    "landed": ev.Landed,
    "landing_refused": ev.LandingRefused,
    "reported": ev.Reported,
}
_TYPES: Final = {cls: name for name, cls in _EVENTS.items()}
_NAMES: Final = {cls: [field.name for field in dataclasses.fields(cls)] for cls in _TYPES}

_CRC = re.compile(rb',"crc":"([0-9a-f]{8})"\}$')


class BadLine(ValueError):
    """The bytes are not a whole, undamaged ledger line."""


class NewerVersion(ValueError):
    """The line was written by a newer swarm, in a form that this one does not know."""


def event_document(event: ev.Event) -> dict[str, Any]:
    """The event as JSON data: `type` and its fields."""
    document: dict[str, Any] = orjson.loads(_dumps(_fields(event)))
    return document


def encode_event(event: ev.Event, number: int) -> bytes:
    """One ledger line, newline included."""
    body = _dumps({"v": VERSION, "n": number, **_fields(event)})[:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def decode_event(line: bytes) -> tuple[int, ev.Event]:
    """The number and the event of one ledger line. Raises BadLine or NewerVersion."""
    match = _CRC.search(line)
    if match is None or int(match[1], 16) != zlib.crc32(line[: match.start()]):
        raise BadLine("the checksum does not fit")
    try:
        fields = orjson.loads(line)
        if not isinstance(fields, dict):
            raise BadLine("it is no JSON object")
        if fields.get("v") != VERSION:
            raise NewerVersion(f"format version {fields.get('v')}, this swarm knows {VERSION}")
        cls = _EVENTS.get(str(fields.get("type")))
        if cls is None:
            raise NewerVersion(f"event type {fields.get('type')!r}")
        return msgspec.convert(fields.get("n"), int), msgspec.convert(fields, cls)
    except (orjson.JSONDecodeError, msgspec.ValidationError) as error:
        raise BadLine(str(error)) from error


def dump_json(document: Any, *, indent: bool = True) -> str:
    """Any JSON data as text for people and programs."""
    return _dumps(document, orjson.OPT_INDENT_2 if indent else 0).decode()


def load_json(data: bytes) -> Any:
    """JSON data out of bytes. Raises ValueError."""
    return orjson.loads(data)


def _fields(event: ev.Event) -> dict[str, Any]:
    cls = type(event)
    return {"type": _TYPES[cls], **{name: getattr(event, name) for name in _NAMES[cls]}}


def _dumps(document: Any, option: int = 0) -> bytes:
    try:
        return orjson.dumps(document, option=option)
    except TypeError:
        # Paths that are not UTF-8 carry lone surrogates, which JSON cannot.
        return orjson.dumps(_speakable(document), option=option)


def _speakable(value: Any) -> Any:
    r"""The same data with undecodable bytes of strings shown as `\\xNN`."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _speakable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {_speakable(key): _speakable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_speakable(item) for item in value]
    return value
