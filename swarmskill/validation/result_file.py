"""Reads the result file that a worker leaves. The worker is not trusted: neither the file nor what is in it."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from swarmskill.model import Claim, WorkerResult
from swarmskill.validation.tails import clean, one_line, tail

MAX_BYTES: Final = 1024 * 1024

_DETAIL_CHARACTERS: Final = 400
_TEXT_CHARACTERS: Final = 4000
_DEEPEST: Final = 16
_MOST_PATHS: Final = 10_000
_LARGEST_NUMBER: Final = 2**53

_TYPES: Final = {"completion": Claim.DONE, "blocked": Claim.BLOCKED}
_STATUSES: Final = {
    "blocked": Claim.BLOCKED,
    # Older forms. That nothing had to be done is judged like any empty diff: by the task's checks.
    **dict.fromkeys(("done", "complete", "completed", "pass", "passed", "success", "ok"), Claim.DONE),
    **dict.fromkeys(("already-implemented", "not-applicable", "research-only", "skipped"), Claim.DONE),
}
_NOT_DONE: Final = frozenset({"partial", "failed", "fail", "error"})
"""The worker gave up without being blocked: another attempt may do better."""


class _Unusable(Exception):
    """The file cannot be used; the message says why, as the end of "the result file ..."."""


def read_result(path: Path, task_id: str) -> tuple[WorkerResult | None, str]:
    """What the worker of `task_id` claims, and what is wrong with its result file.

    (None, "") if there is no file; (None, problem) if it cannot be used. Never raises and never waits,
    whatever lies at `path`. Neither the file nor its folder may be a symbolic link.
    """
    try:
        return parse_result(_read(path), task_id)
    except FileNotFoundError:
        return None, ""
    except _Unusable as problem:
        return None, f"the result file {problem}"
    except OSError as error:
        return None, f"the result file cannot be read: {error.strerror or error}"


def parse_result(data: bytes, task_id: str) -> tuple[WorkerResult | None, str]:
    """As read_result, from the file's bytes. All text is cleaned of control codes and credentials."""
    try:
        return _result(_decode(data), task_id), ""
    except _Unusable as problem:
        return None, clean(f"the result file {problem}")


def _read(path: Path) -> bytes:
    """The file's bytes. Its folder is opened first, so that no symbolic link can be put in between."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise _Unusable(f"lies in {path.parent.name}, which is not a folder of its own") from error
        raise
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        descriptor = os.open(path.name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _Unusable("is a symbolic link") from error
        raise
    finally:
        os.close(folder)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _Unusable("is not a regular file")
        return _read_all(descriptor, found.st_size)
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, size: int) -> bytes:
    """The bytes to the end; the file may still grow while it is read."""
    data = b""
    while size <= MAX_BYTES and len(data) <= MAX_BYTES:
        part = os.read(descriptor, MAX_BYTES + 1 - len(data))
        if not part:
            return data
        data += part
    raise _Unusable(f"is larger than {MAX_BYTES} bytes")


def _decode(data: bytes) -> dict[str, Any]:
    """The object in the file, keys in snake_case."""
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise _Unusable(f"is not UTF-8 (byte {error.start})") from error
    try:
        decoded = json.loads(_unfenced(text), parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise _Unusable(f"is not JSON: {error.msg} at line {error.lineno}") from error
    except (ValueError, RecursionError) as error:
        raise _Unusable("is not usable JSON: nested too deeply, or with a number too long") from error
    if not isinstance(decoded, dict):
        raise _Unusable("holds no JSON object")
    fields: dict[str, Any] = {}
    for key, value in decoded.items():
        if value is not None:
            fields.setdefault(re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower(), value)
    return fields


def _unfenced(text: str) -> str:
    """Models like to put JSON into a Markdown fence."""
    fenced = re.fullmatch(r"```[a-z]*\n(.*)\n```", text, re.DOTALL)
    return fenced[1] if fenced else text


def _result(fields: Mapping[str, Any], task_id: str) -> WorkerResult:
    if fields.get("schema_version", 1) not in (1, "1"):
        raise _Unusable("has a schema_version other than 1")
    _expect_task(fields, task_id)
    detail = one_line(_text(fields, "detail", "summary", "reason", "notes"), _DETAIL_CHARACTERS)
    return WorkerResult(
        status=_claim(fields, detail),
        detail=detail,
        artifacts=_paths(fields, "artifacts"),
        files_changed=tuple(dict.fromkeys((*_paths(fields, "files_changed"), *_paths(fields, "files_created")))),
        test_tail=tail(_text(fields, "test_tail", "tests")),
        evidence=_evidence(fields),
    )


def _expect_task(fields: Mapping[str, Any], task_id: str) -> None:
    """Refuse another task's result. A result without an id is taken: it lies in the attempt's own worktree."""
    for key in ("task_id", "issue_id", "task", "id", "worker", "epic"):
        if key not in fields:
            continue
        named = fields[key]
        if isinstance(named, bool) or not isinstance(named, str | int):
            raise _Unusable(f"names the task ({key}) by neither text nor number")
        fitting = {task_id, f"worker-{task_id}"} if key == "worker" else {task_id}
        if key == "epic" and task_id.startswith(f"{named}."):
            return
        if str(named) not in fitting:
            raise _Unusable(f"is about another task: {key} is {one_line(str(named), 80)!r}, not {task_id!r}")
        return


def _claim(fields: Mapping[str, Any], detail: str) -> Claim:
    status = _word(fields, "status")
    claimed = _STATUSES.get(status) if status else None
    of_type = _TYPES.get(_word(fields, "type"))
    if status in _NOT_DONE:
        raise _Unusable(f"says {status}" + (f": {detail}" if detail else ""))
    if status and claimed is None:
        raise _Unusable(f"has an unknown status: {one_line(status, 80)!r} (known: done, blocked)")
    if claimed and of_type and claimed is not of_type:
        raise _Unusable(f"contradicts itself: its type is {fields['type']!r}, its status {status!r}")
    if claimed or of_type:
        return claimed or of_type or Claim.BLOCKED
    raise _Unusable("has no status")


def _word(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise _Unusable(f"has a {key} that is not text")
    return value.strip().lower().replace("_", "-")


def _text(fields: Mapping[str, Any], key: str, *older: str) -> str:
    """The text under `key`, or under the first of the older names that holds any."""
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise _Unusable(f"has a {key} that is not text")
    return value or next((fields[name] for name in older if isinstance(fields.get(name), str)), "")


def _paths(fields: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = fields.get(key, [])
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise _Unusable(f"has {key} that are not a list of paths")
    if len(paths) > _MOST_PATHS:
        raise _Unusable(f"has more than {_MOST_PATHS} {key}")
    return tuple(dict.fromkeys(" ".join(clean(path).splitlines()) for path in paths if path.strip()))


def _evidence(fields: Mapping[str, Any]) -> dict[str, Any]:
    value = fields.get("evidence", {})
    if not isinstance(value, dict):
        raise _Unusable("has evidence that is not an object")
    return {clean(key): _plain(part, 1) for key, part in value.items()}


def _plain(value: Any, depth: int) -> Any:
    """The value as any JSON writer can write it: no half characters, no numbers beyond a double's."""
    if depth > _DEEPEST:
        raise _Unusable(f"has evidence nested deeper than {_DEEPEST}")
    if isinstance(value, str):
        return tail(value, _TEXT_CHARACTERS)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if abs(value) <= _LARGEST_NUMBER else str(value)
    if isinstance(value, list):
        return [_plain(part, depth + 1) for part in value]
    if isinstance(value, dict):
        return {clean(key): _plain(part, depth + 1) for key, part in value.items()}
    return value
