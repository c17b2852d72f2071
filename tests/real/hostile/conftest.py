"""One repository per test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.hostile.field import Field

SETTINGS = """\
[user]
	name = Ada
	email = ada@example.com
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
[commit]
	gpgsign = false
"""

FILES = {"a.txt": "1\n2\n3\n", "b.txt": "b\n", "src/c.py": "c = 1\n", ".gitignore": "*.log\n/build/\n"}


@pytest.fixture
def bare_field(tmp_path: Path) -> Field:
    """A user with settings, and an empty folder."""
    (tmp_path / ".gitconfig").write_text(SETTINGS)
    (tmp_path / "repo").mkdir()
    return Field(tmp_path, tmp_path / "repo")


@pytest.fixture
def field(bare_field: Field) -> Field:
    """A repository with a few files and one commit."""
    bare_field.git("init", "-q")
    bare_field.commit(FILES, "start")
    return bare_field
