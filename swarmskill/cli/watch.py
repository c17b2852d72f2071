"""Watching from another terminal: `swarm status --watch` and `swarm tree --watch`."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

from swarmskill.cli.options import Recalled, recall, recall_family

_FRAME = 0.5
"""Seconds between two looks: a look reads the ledgers of the whole family."""


def watch_status(recalled: Recalled) -> Recalled:
    """Show a run that goes on until it is over, or the reader has enough; returns it as it is then.

    With keys where the extra `tui` is installed and both ends are a terminal, else read-only.
    """
    ends = (sys.stdin, sys.stdout, sys.stderr)  # Textual draws on the last of them
    if all(end.isatty() for end in ends) and os.environ.get("TERM", "dumb") != "dumb" and _has_keys():
        from swarmskill.cli.tui import show_run

        show_run(recalled)
        return recall(recalled.folder.run_id)
    from swarmskill.cli.follow import watch_run

    return watch_run(recalled)


def _has_keys() -> bool:
    from importlib.util import find_spec

    return find_spec("textual") is not None


def watch_tree(wanted: str) -> None:
    """Show the tree until nobody is at work on any run of it. What does not fit the height is left out, and counted."""
    from rich.text import Text

    from swarmskill.views.marks import look_of
    from swarmskill.views.screen import Screen
    from swarmskill.views.tree import tree_text

    look = look_of(sys.stdout, os.environ)
    screen = Screen(sys.stdout, look)
    screen.open()
    try:
        while True:
            recalled = recall(wanted)
            family = recall_family(recalled)
            width, height = screen.size
            lines = tree_text(family, time.time(), look=replace(look, width=width - 1)).splitlines()
            if not recalled.tended and not any(one.held for one in family.relatives):
                break
            room = max(1, height - 1)
            if len(lines) > room:
                hidden = len(lines) - room + 1
                lines = [*lines[: room - 1], f"{look.sign('…')} and {hidden} more lines: swarm tree {wanted}"]
            screen.draw([Text.from_ansi(line) for line in lines])
            time.sleep(_FRAME)
        screen.draw([])
    finally:
        screen.close()
