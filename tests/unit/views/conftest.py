"""Times are shown in UTC, and `--rewrite-views` writes the expected texts anew."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Expected = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-views", action="store_true", help="write the views' expected texts anew; read the diff")


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture
def expected(request: pytest.FixtureRequest) -> Expected:
    """Compare a text with the file `texts/<name>`."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "texts" / name
        if request.config.getoption("--rewrite-views", default=False):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text

    return compare
