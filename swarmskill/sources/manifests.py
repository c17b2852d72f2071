"""Decoding paths: a task's manifest and the files that its checks look at."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from swarmskill.core.manifest import is_glob, segments
from swarmskill.places import WORKER_FOLDER
from swarmskill.sources.fields import decode_list
from swarmskill.sources.findings import Findings, found, show

MAX_LENGTH = 1024
MAX_SEGMENTS = 100

_BRACES = re.compile(r"\{[^}]*,[^}]*\}")


def decode_files(value: Any, place: str, findings: Findings) -> tuple[str, ...] | None:
    """A manifest: paths or globs inside the repository, each once, in their shortest spelling."""
    files = decode_list(value, place, findings, decode_path, "paths")
    return None if files is None else tuple(dict.fromkeys(files))


def decode_path(value: Any, place: str, findings: Findings) -> str | None:
    """A path or glob relative to the repository's top that stays inside it."""
    if not isinstance(value, str):
        findings.problem(place, f"wants a path in text, found {found(value)}", "write it in double quotes")
        return None
    refusal = _refusal(value, findings.repo_top)
    if refusal is not None:
        findings.problem(place, *refusal)
        return None
    if _BRACES.search(value):
        findings.warn(place, "braces are not expanded in paths; write one entry for each")
    return "/".join(segments(value)) or "**"


def _refusal(path: str, repo_top: Path | None) -> tuple[str, str] | None:
    """Why the path cannot be taken, with the fix; None if it can."""
    parts = path.split("/")
    if not path.strip():
        return "the path is empty", "write a path relative to the repository's top, or remove the entry"
    if not path.isprintable():
        return f"the path {show(path)} holds a control character", "remove it"
    if len(path) > MAX_LENGTH or len(parts) > MAX_SEGMENTS:
        text = f"the path has {len(path)} characters in {len(parts)} parts"
        return f"{text}, the limits are {MAX_LENGTH} and {MAX_SEGMENTS}", "claim a folder above it"
    if "\\" in path:
        return f"the path {show(path)} holds a backslash", f"write {show(path.replace(chr(92), '/'))}"
    if path.startswith("/") or re.match(r"[A-Za-z]:/", path):
        return f"the path {show(path)} is absolute", _inside(path, repo_top)
    if path.startswith("~"):
        return f"the path {show(path)} is in a home folder", "write a path relative to the repository's top"
    if ".." in parts:
        return f"the path {show(path)} goes up", _straight(path)
    if any(part.casefold() == ".git" for part in parts) or segments(path.casefold())[:1] == (WORKER_FOLDER,):
        return f"the path {show(path)} is inside {_private(parts)}, which no task may write", "remove the entry"
    return _link_refusal(path, repo_top)


def _private(parts: list[str]) -> str:
    return ".git" if any(part.casefold() == ".git" for part in parts) else WORKER_FOLDER


def _inside(path: str, repo_top: Path | None) -> str:
    """The fix for an absolute path: the relative one, where it lies in the repository."""
    if repo_top is not None and PurePosixPath(path).is_relative_to(repo_top):
        return f"write {show(str(PurePosixPath(path).relative_to(repo_top)))}"
    return "write it relative to the repository's top"


def _straight(path: str) -> str:
    """The fix for a path with `..`: the same path without, where that stays inside."""
    normal = os.path.normpath(path)
    if normal.startswith(".."):
        return "name a path inside the repository"
    return f"write {show(normal)}"


def _link_refusal(path: str, repo_top: Path | None) -> tuple[str, str] | None:
    """Refuse a path that leaves the repository through a symbolic link in it."""
    if repo_top is None:
        return None
    plain: list[str] = []
    for part in segments(path):
        if is_glob(part):
            break
        plain.append(part)
    target = os.path.realpath(repo_top.joinpath(*plain))
    top = os.path.realpath(repo_top)
    if target == top or target.startswith(top.rstrip("/") + "/"):
        return None
    return f"the path {show(path)} leads out of the repository through a link", "name what is inside the repository"
