"""The table in references/agents.md: what the live tests saw of each agent. A test compares each cell with what it sees.

`pytest tests/real/agents --rewrite` writes into the cells what is seen instead. Read the difference before you commit it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "references" / "agents.md"

NOT_SEEN = "?"
"""Stands in a cell until a test has filled it."""

_HEADING = "## What each does\n"


def table(text: str) -> list[list[str]]:
    """The rows of the page's first table, the header being the first: words of each cell, without the line below it."""
    lines = text.split(_HEADING)[1].splitlines()
    begins = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows: list[list[str]] = []
    for line in lines[begins:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return [rows[0], *rows[2:]]


def read_cell(row: str, agent: str) -> str:
    """What the page says. Raises KeyError where it has no such cell."""
    header, *rows = table(PAGE.read_text(encoding="utf-8"))
    found = next((cells for cells in rows if cells[0] == row), None)
    if found is None or f"`{agent}`" not in header:
        raise KeyError(f"{PAGE.name} has no cell for {row!r} of {agent}")
    return found[header.index(f"`{agent}`")]


def write_cell(row: str, agent: str, words: str) -> None:
    """Write a cell into the page. Several tests may do so at the same time."""
    with _alone():
        read_cell(row, agent)
        text = PAGE.read_text(encoding="utf-8")
        column = table(text)[0].index(f"`{agent}`")
        lines = text.splitlines()
        number = next(number for number, line in enumerate(lines) if line.startswith(f"| {row} |"))
        cells = [cell.strip() for cell in lines[number].strip("|").split("|")]
        cells[column] = words
        lines[number] = "| " + " | ".join(cells) + " |"
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def _alone() -> Iterator[None]:
    with PAGE.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
