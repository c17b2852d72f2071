"""The verb that is asked most often answers before typer is imported, which takes longer than the answer.

Only plain words are understood here. Whatever else is said (help, abbreviations, a mistake) is left to typer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

_FLAGS = ("--json", "--all")


def quick_verb(words: Sequence[str]) -> Callable[[], int] | None:
    """What answers the command line, or None if typer has to read it."""
    if words[:1] != ["status"]:
        return None
    runs = [word for word in words[1:] if word not in _FLAGS]
    if len(runs) > 1 or any(run.startswith("-") for run in runs):
        return None
    from swarmskill.cli.standing import show_status

    return partial(show_status, *runs, everything="--all" in words, as_json="--json" in words)
