"""PURE. The checks that are made on every diff, whatever the task demands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from swarmskill.core.manifest import covers
from swarmskill.model import Change, ChangeKind, CheckKind, CheckResult
from swarmskill.validation.credentials import find_credential
from swarmskill.validation.tails import listed, one_line

ALWAYS: Final = (CheckKind.SCOPE, CheckKind.MARKERS, CheckKind.SIZE, CheckKind.SECRETS)

AddedLine = tuple[str, int, str]
"""Path, line number in the new file, text of a line that the diff adds."""

_OPENING, _MIDDLE, _CLOSING = "<<<<<<<", "=======", ">>>>>>>"


def scan(
    files: Sequence[str], changes: Sequence[Change], added: Iterable[AddedLine], max_file_bytes: int
) -> Iterator[CheckResult]:
    """The results of the checks in ALWAYS, in that order, each made when it is asked for.

    `files` is the manifest; `added` is read once, and only if the diff stays inside the manifest.
    """
    yield _scope(files, changes)
    markers, credentials = _MarkerScan(), []
    for path, number, text in added:
        markers.read(path, number, text)
        kind = find_credential(text)
        if kind:
            credentials.append(f"{one_line(path, 200)}:{number}: {kind}")
    yield _result(CheckKind.MARKERS, "conflict markers", markers.found)
    yield _size(changes, max_file_bytes)
    yield _result(CheckKind.SECRETS, "looks like a credential", credentials)


def _scope(files: Sequence[str], changes: Sequence[Change]) -> CheckResult:
    outside = [one_line(change.path, 200) for change in changes if files and not covers(files, change.path)]
    return _result(CheckKind.SCOPE, "outside the manifest", outside)


def _size(changes: Sequence[Change], limit: int) -> CheckResult:
    large = [
        f"{one_line(change.path, 200)} ({change.size} bytes)"
        for change in changes
        if change.kind is not ChangeKind.DELETED and change.size > limit
    ]
    return _result(CheckKind.SIZE, f"larger than {limit} bytes", large)


class _MarkerScan:
    """Looks for the three marker lines in one file and in order.

    A line of equal signs alone underlines a heading in Markdown and reStructuredText.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._begun: dict[str, tuple[int, bool]] = {}

    def read(self, path: str, number: int, text: str) -> None:
        """Take the next added line."""
        line = text.rstrip("\r\n")
        opened, divided = self._begun.get(path, (0, False))
        if line == _OPENING or line.startswith(_OPENING + " "):
            self._begun[path] = (number, False)
        elif opened and line == _MIDDLE:
            self._begun[path] = (opened, True)
        elif divided and (line == _CLOSING or line.startswith(_CLOSING + " ")):
            self.found.append(f"{one_line(path, 200)}:{opened}")
            del self._begun[path]


def _result(kind: CheckKind, problem: str, found: list[str]) -> CheckResult:
    detail = f"{problem}: {listed(found)}" if found else ""
    return CheckResult(kind=kind, name=kind.value, passed=not found, detail=detail)
