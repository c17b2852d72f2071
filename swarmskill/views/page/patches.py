"""A diff as git prints it, taken apart into files and lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from swarmskill.views.page.shapes import FilePatch
from swarmskill.views.page.texts import fit_line

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_KINDS = {"+": "add", "-": "del"}
_DULL = ("index ", "--- ", "+++ ")


def read_patch(text: str, width: int) -> tuple[FilePatch, ...]:
    """The files of a patch, their lines cut to `width`. Lines of a hunk are counted, so none can pose as a header."""
    files = []
    name, lines = "", list[tuple[str, str]]()
    for kind, line in _lines(text):
        if kind == "file":
            files += [_file(name, lines)] if name else []
            name, lines = _name(line), []
        elif kind != "meta" or not line.startswith(_DULL):
            lines.append((kind, fit_line(line, width)))
    return (*files, _file(name, lines)) if name else tuple(files)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    removed = added = 0
    for line in text.split("\n"):
        if removed > 0 or added > 0 or line.startswith("\\"):
            removed -= line[:1] in ("-", " ", "")
            added -= line[:1] in ("+", " ", "")
            yield _KINDS.get(line[:1], "same"), line
        elif found := _HUNK.match(line):
            removed, added = (1 if number is None else int(number) for number in found.groups())
            yield "hunk", line
        elif line.startswith("diff --git "):
            yield "file", line
        elif line:
            yield "meta", line


def _name(header: str) -> str:
    """The path in the header, where both sides are the same: renames are a deletion and an addition."""
    both = header.removeprefix("diff --git ")
    half = both[len(both) // 2 + 1 :]
    return half.strip('"').removeprefix("b/") or both


def _file(name: str, lines: list[tuple[str, str]]) -> FilePatch:
    added, removed = (sum(kind == one for kind, _ in lines) for one in ("add", "del"))
    return FilePatch(fit_line(name, 300), added, removed, tuple(lines))
