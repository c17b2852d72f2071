"""Manifests: the paths a task may write, and when two of them overlap.

A manifest entry is a path or a glob relative to the repository's top. A path claims itself and all
below it. In a glob `*` and `?` stay within one segment, `**` spans any number of them, and `[...]`
is any one character (so an overlap is rather seen than missed).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

_ANY = "**"


def overlap(one: str, other: str) -> bool:
    """Whether some path may be claimed by both entries, letter case aside."""
    return _meet((*segments(one.casefold()), _ANY), (*segments(other.casefold()), _ANY))


def covers(files: Iterable[str], path: str) -> bool:
    """Whether one of the entries claims `path`, letter case regarded."""
    parts = segments(path)
    return any(_meet((*segments(entry), _ANY), parts) for entry in files)


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
    start = []
    for part in segments(entry.casefold()):
        if is_glob(part):
            break
        start.append(part)
    return tuple(start)


@lru_cache(maxsize=65536)
def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether some sequence of segments matches both patterns."""
    if not one or not other:
        return all(part == _ANY for part in (*one, *other))
    if one[0] == _ANY:
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == _ANY:
        return _meet(other, one)
    return _segments_meet(one[0], other[0]) and _meet(one[1:], other[1:])


@lru_cache(maxsize=65536)
def _segments_meet(one: str, other: str) -> bool:
    """Whether some name matches both segment patterns."""
    if not is_glob(one) and not is_glob(other):
        return one == other
    return _glyphs_meet(_glyphs(one), _glyphs(other))


def _glyphs(segment: str) -> tuple[str, ...]:
    """The segment's characters, with a whole `[...]` as one `?`."""
    glyphs, rest = [], segment
    while rest:
        end = rest.find("]", 2) if rest[0] == "[" else -1
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
