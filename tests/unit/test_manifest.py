"""Manifests: what an entry claims and when two overlap, against enumerations of small path universes."""

from __future__ import annotations

import re
from functools import cache
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmskill.core.manifest import covers, is_glob, overlap, overlap_masks, segments, shared_entries

NAMES = ("a", "b", "aa", "ab", "ba", "bb")
PATHS = tuple("/".join(parts) for depth in (1, 2, 3) for parts in product(NAMES, repeat=depth))
"""Every path of up to three segments of up to two letters: enough for a witness of any overlap below."""

part = st.one_of(st.just("**"), st.text(alphabet="ab*?", min_size=1, max_size=2).filter(lambda text: text != "**"))
entries = st.lists(part, min_size=1, max_size=2).map("/".join)
manifests = st.lists(st.lists(entries, max_size=3), max_size=6)


@cache
def claimed(entry: str) -> frozenset[str]:
    """What the entry claims of `PATHS`, by a regular expression over whole paths."""
    pattern = ""
    for piece in entry.split("/"):
        if piece == "**":
            pattern += "(?:[^/]+/)*"
        else:
            pattern += piece.replace("*", "[^/]*").replace("?", "[^/]") + "/"
    return frozenset(path for path in PATHS if re.match(pattern, path + "/"))


@given(entries)
def test_covers_is_what_a_walk_over_all_paths_finds(entry: str) -> None:
    assert {path for path in PATHS if covers([entry], path)} == claimed(entry)


@given(entries, entries)
def test_two_entries_overlap_just_if_some_path_is_claimed_by_both(one: str, other: str) -> None:
    assert overlap(one, other) == bool(claimed(one) & claimed(other))


@given(entries, entries)
def test_overlap_is_symmetric(one: str, other: str) -> None:
    assert overlap(one, other) == overlap(other, one)


names = st.text(alphabet="a[]!-*?", min_size=1, max_size=5)


@given(names, names, st.text(alphabet="a[]!-", min_size=1, max_size=5))
def test_with_sets_an_overlap_is_never_missed(one: str, other: str, path: str) -> None:
    if covers([one], path) and covers([other], path):
        assert overlap(one, other)


@given(names, st.text(alphabet="a[]!-", min_size=1, max_size=5))
def test_what_is_covered_overlaps(entry: str, path: str) -> None:
    if covers([entry], path):
        assert overlap(entry, path)


@given(manifests)
def test_masks_are_the_pairwise_overlaps(files: list[list[str]]) -> None:
    masks = overlap_masks(files)
    for one, other in product(range(len(files)), repeat=2):
        expected = one != other and any(overlap(a, b) for a in files[one] for b in files[other])
        assert bool(masks[one] >> other & 1) == expected


@given(manifests)
def test_shared_entries_are_all_overlapping_pairs(files: list[list[str]]) -> None:
    expected = {
        (a, b, i, j)
        for (i, one), (j, other) in combinations(enumerate(files), 2)
        for a in one
        for b in other
        if overlap(a, b)
    }
    found = shared_entries(files)
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("entry", "path", "expected"),
    [
        ("src", "src", True),
        ("src", "src/deep/down.py", True),
        ("src", "srcs", False),
        ("./src//app/", "src/app/x.py", True),
        (".", "anything", True),
        ("src/*.py", "src/x.py", True),
        ("src/*.py", "src/deep/x.py", False),
        ("src/*", "src/deep/x.py", True),
        ("src/**", "src/deep/down/x.py", True),
        ("src/**/x.py", "src/x.py", True),
        ("**/x.py", "x.py", True),
        ("**/**/x.py", "a/b/c/x.py", True),
        ("Src", "src", False),
        ("a[bc].py", "ab.py", True),
        ("a[bc].py", "ad.py", False),
        ("a[!bc].py", "ad.py", True),
        ("a[!bc].py", "ab.py", False),
        ("app/[slug]/page.tsx", "app/[slug]/page.tsx", True),
        ("app/[slug]/page.tsx", "app/[id]/page.tsx", False),
        ("app/x/page.tsx", "app/[id]/page.tsx", False),
        ("app/x/page.tsx", "app/*/page.tsx", False),
        ("app/x", "**", False),
    ],
)
def test_covers(entry: str, path: str, expected: bool) -> None:
    assert covers([entry], path) == expected


def test_an_empty_manifest_covers_nothing() -> None:
    assert not covers([], "x")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("src", "src/app/main.py", True),
        ("src/app", "src/apple", False),
        ("SRC/App", "src/app/x", True),
        ("src/*.py", "src/a*", True),
        ("src/*.py", "src/*.js", False),
        ("src/*_test.py", "src/test_*", True),
        ("**/x.py", "docs/y.md", True),
        ("src/**/x.py", "docs/y.md", False),
        ("app/[slug]/p", "app/[id]/p", True),
        ("app/[slug]/p", "app/??????/p", True),
        ("app/[slug]/p", "app/*/p", True),
        ("app/[slug]/p", "app/slug/p", False),
        ("[!]a]", "[b]", True),
        ("stra?e", "straße", True),
        ("STRASSE", "straße", True),
    ],
)
def test_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) == expected
    assert overlap(other, one) == expected


def test_a_manifest_does_not_overlap_with_itself() -> None:
    assert overlap_masks([["a", "a/b"], ["c"]]) == [0, 0]


def test_shared_entries_come_in_the_order_of_the_manifests() -> None:
    files = [["src"], ["docs"], ["src/a", "docs/b"]]
    assert shared_entries(files) == [("src", "src/a", 0, 2), ("docs", "docs/b", 1, 2)]


def test_glob_and_segments() -> None:
    assert [is_glob(entry) for entry in ("a", "a*", "a?", "[a]")] == [False, True, True, True]
    assert segments("./a//b/.") == ("a", "b")
