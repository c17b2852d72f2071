"""Following a file that grows, is cut short or replaced. The writer acts in the pauses, so nothing sleeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from swarmskill.views.follow import follow_lines, last_lines


def follow(path: Path, *acts: Callable[[], object]) -> list[str]:
    """The lines seen while one act happens in each pause; stops after the last."""
    left = list(acts)

    def pause() -> None:
        left.pop(0)()

    return list(follow_lines(path, lambda: not left, pause=pause))


def append(path: Path, data: bytes) -> Callable[[], object]:
    """An act that appends."""

    def act() -> None:
        with path.open("ab") as file:
            file.write(data)

    return act


def test_waits_for_the_file_and_gives_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    seen = follow(path, lambda: None, append(path, b"one\ntw"), append(path, b"o\r\nthree"))
    assert seen == ["one", "two", "three"]


def test_a_file_that_never_comes_has_no_lines(tmp_path: Path) -> None:
    assert follow(tmp_path / "log") == []


def test_reads_what_was_written_just_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    assert follow(path, append(path, b"last\n")) == ["one", "last"]


def test_begins_again_when_the_file_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a long first line\n")
    assert follow(path, lambda: path.write_bytes(b"new\n")) == ["a long first line", "new"]


def test_reads_the_rest_of_a_replaced_file_first(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")

    def rotate() -> None:
        append(path, b"rest")()
        path.rename(tmp_path / "log.1")
        path.write_bytes(b"new\n")

    assert follow(path, rotate) == ["one", "rest", "new"]


def test_bytes_that_are_not_utf8_are_shown_as_such(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"caf\xe9\n")
    assert follow(path) == ["caf\ufffd"]


def test_a_line_without_end_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 3_000_000)
    seen = follow(path)
    assert len(seen) > 1
    assert sum(map(len, seen)) == 3_000_000


def test_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert last_lines(path, 2) == []
    path.write_bytes(b"one\ntwo\nthree")
    assert last_lines(path, 2) == ["two", "three"]
    assert last_lines(path, 0) == []
