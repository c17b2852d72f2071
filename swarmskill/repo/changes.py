"""What differs between two commits: paths, lines, sizes. Reads objects only, so it is the same for everyone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import BufferedReader
from typing import IO

from swarmskill.model import Change, ChangeKind
from swarmskill.records import dataclass
from swarmskill.repo.git import decode
from swarmskill.repo.repository import Repository

GITLINK = "160000"
"""Mode of a submodule's pointer."""

_RAW = ("diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-abbrev")
_PATCH = ("--no-color", "--no-ext-diff", "--no-textconv")
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NUMBER = re.compile(r"(\d+) (file|insertion|deletion)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One changed path with its modes (octal, "000000": absent) and objects before and after."""

    path: str
    kind: ChangeKind
    old_mode: str
    mode: str
    old_object: str
    object: str

    @property
    def is_submodule(self) -> bool:
        """Whether either side is a pointer to another repository's commit."""
        return GITLINK in (self.old_mode, self.mode)


def entries(repository: Repository, base: str, commit: str) -> tuple[Entry, ...]:
    """All changed paths. One process."""
    return tuple(parse_raw(repository.git.run(*_RAW, base, commit, "--").stdout))


def changes(repository: Repository, found: Sequence[Entry]) -> tuple[Change, ...]:
    """Changed paths with their new sizes; a changed mode or submodule pointer counts as modified."""
    names = list(dict.fromkeys(entry.object for entry in found if _is_content(entry)))
    sizes = {blob.name: blob.size for blob in repository.objects.find(names) if blob}
    return tuple(Change(entry.path, entry.kind, sizes.get(entry.object, 0)) for entry in found)


def added_text(repository: Repository, base: str, commit: str) -> Iterator[tuple[str, int, str]]:
    """Every added line as (path, line number from 1, line without its end). Binary files are passed over.

    Lines come as git prints them, so the difference is never held as a whole. One process. Raises GitFailed.
    """
    with repository.git.stream(*_RAW, "-p", "-U0", *_PATCH, base, commit, "--") as stream:
        paths = [path for entry in parse_raw(_head(stream)) for path in _sections(entry)]
        yield from _added(stream, paths)


def tree_has(repository: Repository, commit: str, path: str) -> bool:
    """Whether the commit's tree has a file or folder at `path`."""
    (found,) = repository.objects.find([f"{commit}:{path}"])
    return found is not None


def diffstat(repository: Repository, base: str, commit: str) -> str:
    """The size of a change, short: "3 files, +40 -2"; "no change" if there is none."""
    if repository.objects.tree_of(base) == repository.objects.tree_of(commit):
        return "no change"
    text = repository.git.run("diff-tree", "-r", "--no-renames", "--shortstat", base, commit, "--").text
    counts = {what: int(number) for number, what in _NUMBER.findall(text)}
    files = counts.get("file", 0)
    if not files:
        return "no change"
    plural = "" if files == 1 else "s"
    return f"{files} file{plural}, +{counts.get('insertion', 0)} -{counts.get('deletion', 0)}"


def patch(repository: Repository, base: str, commit: str) -> bytes:
    """The difference as a patch that `git apply` takes, binary files included."""
    words = (
        "diff-tree",
        "-r",
        "-p",
        "--binary",
        "--full-index",
        "--no-renames",
        *_PATCH,
    )
    return repository.git.run(*words, base, commit, "--").stdout


def parse_raw(data: bytes) -> list[Entry]:
    """The records of a `--raw -z --no-renames` difference."""
    fields = data.split(b"\0")
    return [_entry(fields[i].decode(), decode(fields[i + 1])) for i in range(0, len(fields) - 1, 2)]


def _entry(head: str, path: str) -> Entry:
    old_mode, mode, old_object, name, status = head.lstrip(":").split(" ")
    return Entry(path, ChangeKind(status[0]), old_mode, mode, old_object, name)


def _is_content(entry: Entry) -> bool:
    return entry.kind is not ChangeKind.DELETED and entry.mode != GITLINK


def _head(stream: BufferedReader) -> bytes:
    """The records before the patch. An empty one, which neither a record nor a path can be, ends them."""
    head = b""
    while piece := stream.peek():
        end = (head[-1:] + piece).find(b"\0\0")
        if end >= 0:
            return head + stream.read(end + 2 - len(head[-1:]))[:-1]
        head += stream.read(len(piece))
    return head


def _sections(entry: Entry) -> list[str]:
    """The path once for each section that the patch has for it: a changed type is deletion, then addition."""
    return [entry.path] * (2 if entry.kind is ChangeKind.TYPE_CHANGED else 1)


def _added(stream: IO[bytes], paths: list[str]) -> Iterator[tuple[str, int, str]]:
    """Added lines of a patch whose sections are for `paths`, in this order.

    Names in the patch are quoted, so they are not read; quoted they must be, or a newline in a name could
    forge a header. Lines of a hunk are counted, so an added line which looks like a header is still a line.
    """
    path, waiting = "", iter(paths)
    for line in stream:
        hunk = _HUNK.match(line)
        if line.startswith(b"diff --git "):
            path = next(waiting, path)
        elif hunk:
            removed, first, count = (1 if number is None else int(number) for number in hunk.groups())
            for number, text in _hunk_lines(stream, removed, count):
                yield path, first + number, text


def _hunk_lines(stream: IO[bytes], removed: int, added: int) -> Iterator[tuple[int, str]]:
    number = 0
    while removed or number < added:
        line = stream.readline()
        if not line:
            return
        if line.startswith(b"-"):
            removed -= 1
        elif line.startswith(b"+"):
            yield (
                number,
                line[1:].removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace"),
            )
            number += 1
