"""Foreign text cut to what a page can show."""

from __future__ import annotations

from collections.abc import Sequence

from swarmskill.views.marks import safe_lines
from swarmskill.views.page.shapes import Text


def fit_line(line: str, width: int) -> str:
    """One line, safe to show; of a long one its beginning, and how long it is."""
    # Cut first: a line of a megabyte is not worth looking at character by character.
    shown = " ".join(safe_lines(line[: width * 4])) if line else ""
    if len(line) <= width:
        return shown
    return f"{shown[:width]}… ({len(line):,} characters)"


def fit_end(lines: Sequence[str], most: int, width: int) -> Text:
    """The last of the lines, and how many came before them."""
    kept = lines[-most:] if most else ()
    return Text(tuple(fit_line(line, width) for line in kept), len(lines) - len(kept))
