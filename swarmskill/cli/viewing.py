"""Which view shows a running run, and what is said at its end."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmskill.views.base import View


def choose_view(*, as_json: bool) -> tuple[View, bool]:
    """The view for this terminal or pipe, and whether it wants to be redrawn while nothing happens.

    With `--json` standard output is for the document alone, so the lines go to standard error.
    """
    from swarmskill.views.marks import look_of
    from swarmskill.views.plain import PlainView

    stream = sys.stderr if as_json else sys.stdout
    look = look_of(stream, os.environ)
    if as_json or not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return PlainView(stream, look), False
    from swarmskill.views.live import LiveView

    return LiveView(stream, look), True
