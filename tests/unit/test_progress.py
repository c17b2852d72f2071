"""What counts as a sign of life in a worktree."""

from __future__ import annotations

import os
from pathlib import Path

from swarmskill.backends.progress import newest_change


def _touch(path: Path, at: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (at, at))
    os.utime(path.parent, (1.0, 1.0))


def test_the_newest_change_of_all_files_counts(tmp_path: Path) -> None:
    _touch(tmp_path / "src" / "deep" / "a.py", 200.0)
    os.utime(tmp_path / "src", (1.0, 1.0))
    _touch(tmp_path / "b.py", 300.0)
    assert newest_change(str(tmp_path), 100.0) == 300.0
    assert newest_change(str(tmp_path), 400.0) == 400.0


def test_what_we_put_into_a_worktree_does_not_count(tmp_path: Path) -> None:
    for ours in (".swarm", ".git"):
        _touch(tmp_path / ours / "mail" / "a.json", 200.0)
    assert newest_change(str(tmp_path), 100.0) == 100.0


def test_a_folder_that_is_gone_shows_nothing(tmp_path: Path) -> None:
    assert newest_change(str(tmp_path / "gone"), 5.0) == 5.0


def test_a_link_in_a_circle_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(tmp_path)
    assert newest_change(str(tmp_path), 0.0) > 0.0
