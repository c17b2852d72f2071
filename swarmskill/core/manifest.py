"""Manifests: the paths a task may write, and when two of them overlap.

A manifest entry is a path or a glob relative to the repository's top. It claims whatever matches and
all below that. In a glob `*` and `?` stay within one segment, `**` spans any number of them, and
`[...]` is one character of a set. Since frameworks give files names like `[slug].tsx`, an entry also
claims what it literally spells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import takewhile

_ANY = "**"


def overlap(one: str, other: str) -> bool:
    """Whether some path may be claimed by both entries, letter case aside.

    A set `[...]` counts as any one character, so that an overlap is rather seen than missed.
    """
    if _meet(_stem(one.casefold()), _stem(other.casefold())):
        return True
    # Folding may change lengths ("ß" becomes "ss"), which matters to "?".
    return not (one.isascii() and other.isascii()) and _meet(_stem(one), _stem(other))


def covers(files: Iterable[str], path: str) -> bool:
    """Whether one of the entries claims `path`, letter case regarded. `path` is no pattern."""
    parts = segments(path)
    return any(_claims(segments(entry), parts) for entry in files)


def is_glob(entry: str) -> bool:
    """Whether the entry has a wildcard."""
    return any(mark in entry for mark in "*?[")


def segments(entry: str) -> tuple[str, ...]:
    """The entry's path segments, empty and `.` ones left out."""
    return tuple(part for part in entry.split("/") if part not in ("", "."))


def shared_entries(manifests: Sequence[Sequence[str]]) -> list[tuple[str, str, int, int]]:
    """All overlapping pairs of entries of different manifests.

    Each is (entry, other entry, index, other index) with index < other index.
    """
    found = []
    owners = _owners(manifests)
    for one, other in _overlapping(owners):
        for a in owners[one]:
            for b in owners[other]:
                if a < b:
                    found.append((one, other, a, b))
                elif one != other and b < a:
                    found.append((other, one, b, a))
    return sorted(set(found), key=lambda pair: pair[2:])


def overlap_masks(manifests: Sequence[Sequence[str]]) -> list[int]:
    """For each manifest a bit set of the indexes of the others that overlap with it."""
    owners = _owners(manifests)
    groups = {entry: sum(1 << index for index in set(indexes)) for entry, indexes in owners.items()}
    reach = dict(groups)
    for one, other in _overlapping(owners):
        reach[one] |= groups[other]
        reach[other] |= groups[one]
    masks = [0] * len(manifests)
    for index, files in enumerate(manifests):
        for entry in files:
            masks[index] |= reach[entry]
        masks[index] &= ~(1 << index)
    return masks


def _owners(manifests: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    owners: dict[str, list[int]] = defaultdict(list)
    for index, files in enumerate(manifests):
        for entry in files:
            owners[entry].append(index)
    return owners


def _overlapping(entries: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Each unordered pair of overlapping entries once, an entry with itself included.

    Two entries can only overlap if the literal start of one begins that of the other, so only those
    pairs are compared: a list of 10 000 plain paths costs a few look-ups each.
    """
    by_start: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for entry in entries:
        by_start[_literal_start(entry)].append(entry)
    for start, here in by_start.items():
        for index, one in enumerate(here):
            yield from ((one, other) for other in here[index:] if overlap(one, other))
        for length in range(len(start)):
            for other in by_start.get(start[:length], ()):
                yield from ((one, other) for one in here if overlap(one, other))


def _literal_start(entry: str) -> tuple[str, ...]:
    return tuple(takewhile(lambda part: not is_glob(part), segments(entry.casefold())))


@lru_cache(maxsize=65536)
def _stem(entry: str) -> tuple[str, ...]:
    """The segments before the first `**`.

    What comes behind does not matter to an overlap: if the other entry claims a path at or below the
    stem, it claims all below that path as well, and there is what the rest of the glob asks for.
    """
    return tuple(takewhile(lambda part: part != _ANY, segments(entry)))


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether some path lies at or below matches of both stems."""
    return all(map(_segments_meet, one, other))


def _claims(entry: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether the path or a folder above it matches, by going through all ways to read `**` at once."""
    reached = _past_any(entry, {0})
    for part in path:
        if len(entry) in reached:
            return True
        stay = {index for index in reached if entry[index] == _ANY}
        go = {index + 1 for index in reached - stay if _matches(entry[index], part)}
        reached = _past_any(entry, stay | go)
    return len(entry) in reached


def _past_any(entry: tuple[str, ...], reached: set[int]) -> set[int]:
    """The places reached when each `**` may also stand for nothing."""
    found = set(reached)
    for index, part in enumerate(entry):
        if part == _ANY and index in found:
            found.add(index + 1)
    return found


def _matches(pattern: str, name: str) -> bool:
    return pattern == name or (is_glob(pattern) and fnmatchcase(name, pattern))


@lru_cache(maxsize=65536)
def _segments_meet(one: str, other: str) -> bool:
    """Whether some name matches both segment patterns, each read as a glob or literally."""
    if one == other:
        return True
    if not is_glob(one) and not is_glob(other):
        return False
    return any(_glyphs_meet(a, b) for a in (_glyphs(one), tuple(one)) for b in (_glyphs(other), tuple(other)))


def _glyphs(segment: str) -> tuple[str, ...]:
    """The segment's characters, with a whole `[...]` as one `?`."""
    glyphs, rest = [], segment
    while rest:
        first_member = 2 if rest[1:2] == "!" else 1
        end = rest.find("]", first_member + 1) if rest[0] == "[" else -1
        glyphs.append("?" if end > 0 else rest[0])
        rest = rest[end + 1 :] if end > 0 else rest[1:]
    return tuple(glyphs)


def _glyphs_meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Dynamic programming over both patterns: reach[j] tells whether one[:i] and other[:j] can meet."""
    reach = [True] + [False] * len(other)
    for j, glyph in enumerate(other, 1):
        reach[j] = reach[j - 1] and glyph == "*"
    for a in one:
        above = reach
        reach = [above[0] and a == "*"] + [False] * len(other)
        for j, b in enumerate(other, 1):
            if a == "*" or b == "*":
                reach[j] = above[j] or reach[j - 1]
            else:
                reach[j] = above[j - 1] and ("?" in (a, b) or a == b)
    return reach[-1]
