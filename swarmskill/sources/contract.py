"""Decoding a validation contract: all that must be true before a task's work is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from swarmskill.model import CHECK_ORDER, Check, CheckKind
from swarmskill.sources.checks import decode_command_check, decode_content_check, decode_files_exist
from swarmskill.sources.fields import decode_line, decode_list, decode_object
from swarmskill.sources.findings import Findings, pointer, show
from swarmskill.sources.keys import match_keys, nearest, optional, warn_unknown

Checks = Mapping[CheckKind, tuple[Check, ...]]
"""The checks of a contract by kind, in the order in which they are made: cheapest first."""

_UNCHECKED = ("test_levels", "acceptance_criteria", "red_gate")
"""Keys of the reference's later contracts. They are kept in the metadata, and said not to be made."""

_COMMANDS = (CheckKind.TESTS, CheckKind.LINT, CheckKind.CUSTOM, CheckKind.COMMAND)


def decode_validation(value: Any, place: str, findings: Findings) -> Checks | None:
    """The object under `validation`."""
    contract = decode_object(value, place, findings)
    if contract is None:
        return None
    names = (*(kind.value for kind in CHECK_ORDER), *_UNCHECKED)
    keys = match_keys(contract, names, place, findings)
    for key, at in keys.unknown:
        findings.warn(at, f"{show(key)} is no kind of check and is not made{nearest(key, names)}")
    for key in _UNCHECKED:
        if key in keys.given:
            findings.warn(keys.given[key].place, f"{show(key)} is kept, but nothing checks it")
    return {
        kind: _DECODERS[kind](keys.given[kind].value, keys.given[kind].place, findings)
        for kind in CHECK_ORDER
        if kind in keys.given
    }


def decode_cross_cutting(value: Any, place: str, findings: Findings) -> tuple[Check, ...]:
    """The run-wide list of flat objects `{name, type, ...}`."""
    checks = decode_list(value, place, findings, _cross_cutting_check, "checks") or ()
    return tuple(replace(check, cross_cutting=True) for check in checks)


def flatten(checks: Checks) -> tuple[Check, ...]:
    """The checks in the order in which they are made."""
    return tuple(check for kind in CHECK_ORDER for check in checks.get(kind, ()))


def _one_or_list(
    decode: Callable[[Any, str, Findings], Check | None], value: Any, place: str, findings: Findings
) -> tuple[Check, ...]:
    if isinstance(value, list):
        return decode_list(value, place, findings, decode, "checks") or ()
    return _one(decode, value, place, findings)


def _one(
    decode: Callable[[Any, str, Findings], Check | None], value: Any, place: str, findings: Findings
) -> tuple[Check, ...]:
    check = decode(value, place, findings)
    return () if check is None else (check,)


_DECODERS: Mapping[CheckKind, Callable[[Any, str, Findings], tuple[Check, ...]]] = {
    CheckKind.FILES_EXIST: partial(_one, decode_files_exist),
    CheckKind.CONTENT_CHECK: partial(_one_or_list, decode_content_check),
    CheckKind.LINT: partial(_one, partial(decode_command_check, CheckKind.LINT)),
    CheckKind.TESTS: partial(_one, partial(decode_command_check, CheckKind.TESTS)),
    CheckKind.COMMAND: partial(_one, partial(decode_command_check, CheckKind.COMMAND)),
    CheckKind.CUSTOM: partial(_one_or_list, partial(decode_command_check, CheckKind.CUSTOM)),
    CheckKind.CROSS_CUTTING: decode_cross_cutting,
}


def _cross_cutting_check(value: Any, place: str, findings: Findings) -> Check | None:
    fields = decode_object(value, place, findings)
    if fields is None:
        return None
    kind = _type(fields, place, findings)
    rest = {key: item for key, item in fields.items() if key != "type"}
    if kind is None:
        return None
    if kind is CheckKind.FILES_EXIST:
        return _flat_files_exist(rest, place, findings)
    if kind is CheckKind.CONTENT_CHECK:
        return _flat_content_check(rest, place, findings)
    # The reference puts the command under `command` in one text and under the type's name in another.
    key = kind.value if kind.value in rest else "command"
    return decode_command_check(kind, rest, place, findings, key=key)


def _type(fields: Mapping[str, Any], place: str, findings: Findings) -> CheckKind | None:
    """The check's kind: its `type` or, where that is missing, what its keys tell."""
    named, types = fields.get("type"), CHECK_ORDER[:-1]
    if named is None:
        if "file" in fields:
            return CheckKind.CONTENT_CHECK
        return next((kind for kind in (*types[:2], *_COMMANDS) if kind.value in fields), CheckKind.COMMAND)
    if isinstance(named, str) and named in types:
        return CheckKind(named)
    fix = f"write one of {', '.join(kind.value for kind in types)}"
    findings.problem(pointer(place, "type"), f"{show(named)} is no type of check", fix)
    return None


def _flat_files_exist(fields: Mapping[str, Any], place: str, findings: Findings) -> Check | None:
    aliases = (CheckKind.FILES_EXIST.value, "files", "paths")
    keys = [key for key in aliases if fields.get(key) is not None]
    warn_unknown(fields, ("name", *aliases), place, findings)
    if len(keys) != 1:
        findings.problem(place, "wants one list of files", 'write "files_exist": ["path/of/a/file"]')
        return None
    name = optional(fields, "name", place, findings, decode_line)
    return decode_files_exist(fields[keys[0]], pointer(place, keys[0]), findings, name=name or "")


def _flat_content_check(fields: Mapping[str, Any], place: str, findings: Findings) -> Check | None:
    """`{name, file, pattern}`, or the latter two in an object under `content_check`."""
    key = CheckKind.CONTENT_CHECK.value
    inner = fields.get(key)
    if not isinstance(inner, dict):
        return decode_content_check(fields, place, findings)
    outer = {name: item for name, item in fields.items() if name != key}
    warn_unknown(outer, ("name",), place, findings)
    return decode_content_check({"name": outer.get("name"), **inner}, pointer(place, key), findings)
