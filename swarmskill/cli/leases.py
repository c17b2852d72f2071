"""`swarm mail reserve` and `release`: advisory leases on files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from swarmskill.cli.options import JsonOption, RunOption, print_json, print_text
from swarmskill.cli.seat import Seat, take_seat
from swarmskill.errors import Refused, UsageError

_PATHS = Annotated[list[str] | None, typer.Argument(metavar="[PATH]...", help="Paths or globs; all by default.")]


def reserve(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Paths or globs from the repository's top.")],
    ttl: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long it holds.")] = 3600.0,
    shared: Annotated[bool, typer.Option("--shared", help="Others may change them as well.")] = False,
    reason: Annotated[str, typer.Option(help="Why, in a few words.")] = "",
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Tell which files you mean to change. It is granted even if others mean to as well: you are told who.

    Example: swarm mail reserve 'src/parser/**' --ttl 1800 --reason "new grammar"
    """
    from swarmskill.mail.leases import Leases
    from swarmskill.views.marks import safe

    for path in paths:
        _check_inside(path)
    seat = take_seat(run)
    how: dict[str, Any] = {"ttl": ttl, "exclusive": not shared, "reason": reason}

    def write() -> dict[str, Any]:
        granted = Leases(seat.run.mail).reserve(seat.mailbox.name, seat.task, paths, now=time.time(), **how)
        return asdict(granted)

    document = _written(seat, write, {"do": "reserve", "paths": paths, **how})
    if json:
        print_json(document)
        return 0
    lines = [f"reserved {', '.join(paths)} for {ttl:g} seconds"]
    for clash in document["conflicts"]:
        lease = clash["lease"]
        why = f": {lease['reason']}" if lease["reason"] else ""
        lines.append(f"conflict: {clash['path']} with {clash['other_path']} of {lease['holder']}{why}")
    print_text("\n".join(map(safe, lines)))
    return 0


def _check_inside(path: str) -> None:
    """Raise UsageError for a path that leads out of the repository: nobody's work could clash with it there."""
    normal = os.path.normpath(path)
    if not path or os.path.isabs(path) or normal == ".." or normal.startswith("../"):
        raise UsageError(
            f"{path!r} is not inside the repository", hint="name paths from its top on: swarm mail reserve src/parser"
        )


def release(paths: _PATHS = None, run: RunOption = "", json: JsonOption = False) -> int:
    """Give up what you have reserved: all of it, or the leases that name one of the paths.

    Example: swarm mail release
    """
    from swarmskill.mail.leases import Leases
    from swarmskill.views.marks import safe

    seat = take_seat(run)

    def write() -> dict[str, Any]:
        return {"released": [asdict(lease) for lease in Leases(seat.run.mail).release(seat.mailbox.name, paths or ())]}

    document = _written(seat, write, {"do": "release", "paths": paths or []})
    if json:
        print_json(document)
    else:
        named = [path for lease in document["released"] for path in lease["paths"]]
        print_text(safe(f"released {', '.join(named)}") if named else "nothing was reserved")
    return 0


def _written(seat: Seat, write: Callable[[], dict[str, Any]], errand: dict[str, Any]) -> dict[str, Any]:
    """What writing tells, done by us, or by the mayor where a sandbox keeps us from it."""
    from swarmskill.mail.errands import ask, forbidden

    try:
        return write()
    except OSError as error:
        if not (seat.is_worker and forbidden(error)):
            hint = "check the disk, and the rights in the run's folder"
            raise Refused(f"the lease cannot be written: {error}", hint=hint) from error
    return ask(seat.mailbox, seat.task, errand)
