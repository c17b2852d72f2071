"""Decoding one check: files that exist, content that is found, a command that succeeds."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from swarmskill.model import Check, CheckKind
from swarmskill.sources.fields import decode_flag, decode_line, decode_list, decode_object, decode_timeout, split_words
from swarmskill.sources.findings import Findings, found, pointer, show
from swarmskill.sources.keys import optional, warn_unknown
from swarmskill.sources.manifests import decode_files, decode_path

_SHELL_WORDS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1", "2>", "&>"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def decode_files_exist(value: Any, place: str, findings: Findings, *, name: str = "") -> Check | None:
    """A list of paths that must exist."""
    paths = decode_files(value, place, findings)
    return Check(kind=CheckKind.FILES_EXIST, name=name or CheckKind.FILES_EXIST.value, paths=paths) if paths else None


def decode_content_check(value: Any, place: str, findings: Findings) -> Check | None:
    """`{file, pattern}` or `{file, patterns}`: a file and regular expressions that must be found in it."""
    fields = decode_object(value, place, findings)
    if fields is None:
        return None
    warn_unknown(fields, ("name", "file", "pattern", "patterns"), place, findings)
    if fields.get("file") is None:
        findings.problem(place, "names no file to look into", 'add "file": "path/of/the/file"')
    path = optional(fields, "file", place, findings, decode_path)
    patterns = _patterns(fields, place, findings)
    name = optional(fields, "name", place, findings, decode_line)
    if path is None or not patterns:
        return None
    label = name or f"{CheckKind.CONTENT_CHECK.value} {path}"
    return Check(kind=CheckKind.CONTENT_CHECK, name=label, paths=(path,), patterns=patterns)


def decode_command_check(
    kind: CheckKind, value: Any, place: str, findings: Findings, *, key: str = "command"
) -> Check | None:
    """A command as text, or as `{command, shell, timeout, name}`; the text may be under another `key`."""
    if isinstance(value, dict):
        fields, at = value, pointer(place, key)
    elif isinstance(value, str):
        fields, at = {key: value}, place
    else:
        findings.problem(place, f"wants a command, found {found(value)}", _COMMAND_FIX)
        return None
    warn_unknown(fields, ("name", key, "shell", "timeout"), place, findings)
    shell = optional(fields, "shell", place, findings, decode_flag) or False
    timeout = optional(fields, "timeout", place, findings, decode_timeout)
    name = optional(fields, "name", place, findings, decode_line)
    command = _command(fields.get(key), at, findings, shell=shell)
    if command is None:
        return None
    check = Check(kind=kind, name=name or kind.value, command=command, shell=shell)
    return check if timeout is None else replace(check, timeout=timeout)


_COMMAND_FIX = 'write the command as text: "pytest -q"'


def _command(value: Any, place: str, findings: Findings, *, shell: bool) -> str | None:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        what = "text with a NUL character" if isinstance(value, str) and "\0" in value else found(value)
        findings.problem(place, f"wants a command, found {what}", _COMMAND_FIX)
        return None
    if shell:
        return value
    words = split_words(value, place, findings, fix='close the quotes, or write {"command": "...", "shell": true}')
    if words is None:
        return None
    if not words or not words[0].strip():
        findings.problem(place, f"{show(value)} names no program", _COMMAND_FIX)
        return None
    if _SHELL_WORDS.intersection(words) or _ASSIGNMENT.match(words[0]) or words[0] == "cd":
        hint = 'write {"command": "...", "shell": true} if a shell is meant'
        findings.warn(place, f"{show(value)} looks like shell, but runs without one; {hint}")
    return value


def _patterns(fields: Mapping[str, Any], place: str, findings: Findings) -> tuple[str, ...]:
    one, many = fields.get("pattern"), fields.get("patterns")
    if one is None and many in (None, []):
        findings.problem(place, "has no pattern to look for", 'add "pattern": "a regular expression"')
        return ()
    first = optional(fields, "pattern", place, findings, _pattern)
    others = () if many is None else decode_list(many, pointer(place, "patterns"), findings, _pattern, "patterns") or ()
    return others if first is None else (first, *others)


def _pattern(value: Any, place: str, findings: Findings) -> str | None:
    if not isinstance(value, str) or not value:
        findings.problem(place, f"wants a regular expression, found {found(value)}", 'write for example "def login"')
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(value, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        fix = f"mend it, or look for the very text: {show(re.escape(value))}"
        findings.problem(place, f"{show(value)} is not a regular expression: {error}", fix)
        return None
    return value
