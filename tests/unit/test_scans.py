"""The checks that are made on every diff."""

from collections.abc import Iterator

import pytest

from swarmskill.model import Change, ChangeKind, CheckKind, CheckResult
from swarmskill.validation.scans import ALWAYS, AddedLine, scan

TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2dF4gH6"


def scanned(
    *, files: tuple[str, ...] = (), changes: tuple[Change, ...] = (), text: str = "", path: str = "a.py"
) -> dict[CheckKind, CheckResult]:
    added = [(path, number, line) for number, line in enumerate(text.split("\n"), 1)]
    results = list(scan(files, changes, added, max_file_bytes=100))
    assert tuple(result.kind for result in results) == ALWAYS
    return {result.kind: result for result in results}


def change(path: str, kind: ChangeKind = ChangeKind.ADDED, size: int = 1) -> Change:
    return Change(path, kind, size)


def test_a_clean_diff_passes_every_scan() -> None:
    results = scanned(files=("src",), changes=(change("src/a.py"),), text="x = 1\n")
    assert all(result.passed and not result.detail for result in results.values())


@pytest.mark.parametrize("kind", list(ChangeKind))
def test_any_change_outside_the_manifest_is_a_scope_escape_with_its_path(kind: ChangeKind) -> None:
    changes = (change("src/a.py"), change("Src/b.py", kind), change("docs/c.md", kind))
    scope = scanned(files=("src/", "*.toml"), changes=changes)[CheckKind.SCOPE]
    assert not scope.passed
    assert scope.detail == "outside the manifest: Src/b.py, docs/c.md"


def test_without_a_manifest_everything_may_change() -> None:
    assert scanned(changes=(change("anything"),))[CheckKind.SCOPE].passed


def test_after_a_scope_escape_the_diff_is_not_even_read() -> None:
    def unreadable() -> Iterator[AddedLine]:
        raise AssertionError("read")
        yield

    results = scan(("src",), (change("a"),), unreadable(), 100)
    assert not next(results).passed


CONFLICT = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n"


@pytest.mark.parametrize(
    "text",
    [
        CONFLICT,
        CONFLICT.replace("\n", "\r\n"),
        "<<<<<<<\n=======\n>>>>>>>\n",
        "<<<<<<< a\no\n||||||| base\nb\n=======\nt\n>>>>>>> c",
        "<<<<<<< a\n" + CONFLICT,
    ],
)
def test_a_conflict_block_is_found(text: str) -> None:
    markers = scanned(text="first\n" + text)[CheckKind.MARKERS]
    assert not markers.passed
    assert markers.detail.startswith("conflict markers: a.py:")


@pytest.mark.parametrize(
    "text",
    [
        "Title\n=======\n\ntext\n",
        "<<<<<<< HEAD\nno middle\n>>>>>>> b",
        "=======\n>>>>>>> quoted mail",
        "=======\n<<<<<<< HEAD\n>>>>>>> b",
        ">>>>>>> a\n=======\n<<<<<<< b",
        "    <<<<<<< indented\n=======\n    >>>>>>> b",
        "<<<<<<<<<< ten\n=======\n>>>>>>>>>>",
        "<<<<<<< a\n======== eight\n>>>>>>> b",
    ],
)
def test_what_only_resembles_a_conflict_passes(text: str) -> None:
    assert scanned(text=text)[CheckKind.MARKERS].passed


def test_markers_in_different_files_are_no_conflict() -> None:
    added = [("a", 1, "<<<<<<< x"), ("b", 1, "======="), ("c", 1, ">>>>>>> y")]
    assert all(result.passed for result in scan((), (), added, 100))


def test_a_file_over_the_limit_is_named_with_its_size_unless_it_is_deleted() -> None:
    changes = (change("fits", size=100), change("big.bin", size=101), change("gone", ChangeKind.DELETED, 500))
    size = scanned(changes=changes)[CheckKind.SIZE]
    assert size.detail == "larger than 100 bytes: big.bin (101 bytes)"


def test_a_credential_is_told_by_place_and_kind_and_never_shown() -> None:
    secrets = scanned(text=f"x = 1\ntoken = '{TOKEN}'", path="conf/prod.env")[CheckKind.SECRETS]
    assert not secrets.passed
    assert secrets.detail == "looks like a credential: conf/prod.env:2: GitHub token"


def test_many_findings_make_a_short_detail() -> None:
    detail = scanned(files=("x",), changes=tuple(change(f"p{n}") for n in range(500)))[CheckKind.SCOPE].detail
    assert detail.endswith("p19 and 480 more")
