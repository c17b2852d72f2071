"""A scripted model and a repository for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.harness import project
from tests.scripted_model import ScriptedModel

__all__ = ["model", "project"]


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """A scripted model that knows of no other test."""
    with ScriptedModel() as running:
        yield running
