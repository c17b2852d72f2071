"""A scripted model and a repository for each test, and the table of what each agent does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.real.agents.cells import read_cell, write_cell
from tests.real.harness import project
from tests.scripted_model import ScriptedModel

__all__ = ["model", "project"]


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """A scripted model that knows of no other test."""
    with ScriptedModel() as running:
        yield running


@pytest.fixture
def seen(agent: str, rewrite: bool) -> Callable[[str, str], None]:
    """Compares a cell of the table, `seen(row, words)`, with what the test saw of its agent; or writes it."""

    def check(row: str, words: str) -> None:
        if rewrite:
            write_cell(row, agent, words)
        assert read_cell(row, agent) == words

    return check
