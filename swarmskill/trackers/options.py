"""Reading a tracker's options."""

from __future__ import annotations

from collections.abc import Mapping

from swarmskill.errors import UsageError


def check_options(name: str, options: Mapping[str, str], known: tuple[str, ...], needed: tuple[str, ...] = ()) -> None:
    """Raise UsageError for an option that is not known, or a needed one that is not there."""
    if unknown := sorted(options.keys() - set(known)):
        there = f"there are: {', '.join(known)}" if known else "it has none"
        raise UsageError(f"the tracker {name} has no option {unknown[0]!r}", hint=there)
    if missing := [key for key in needed if not options.get(key)]:
        raise UsageError(f"the tracker {name} needs the option {missing[0]!r}", hint="use --from and --write-back")
