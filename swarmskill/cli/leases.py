"""`swarm mail reserve` and `release`: advisory leases on files."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from swarmskill.cli.options import JsonOption, RunOption, print_json, print_text
from swarmskill.cli.seat import take_seat
from swarmskill.errors import Refused

_PATHS = Annotated[list[str] | None, typer.Argument(metavar="[PATH]...", help="Paths or globs; all by default.")]
_SANDBOXED = "a sandbox lets you write your worktree only; tell the mayor by mail: swarm mail send mayor TEXT"


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

    seat = take_seat(run)
    try:
        granted = Leases(seat.run.mail).reserve(
            seat.mailbox.name, seat.task, paths, now=time.time(), ttl=ttl, exclusive=not shared, reason=reason
        )
    except OSError as error:
        raise Refused(f"the lease cannot be written: {error}", hint=_SANDBOXED) from error
    if json:
        print_json(asdict(granted))
        return 0
    lines = [f"reserved {', '.join(paths)} for {ttl:g} seconds"]
    for clash in granted.conflicts:
        why = f": {clash.lease.reason}" if clash.lease.reason else ""
        lines.append(f"conflict: {clash.path} with {clash.other_path} of {clash.lease.holder}{why}")
    print_text("\n".join(map(safe, lines)))
    return 0


def release(paths: _PATHS = None, run: RunOption = "", json: JsonOption = False) -> int:
    """Give up what you have reserved: all of it, or the leases that name one of the paths.

    Example: swarm mail release
    """
    from swarmskill.mail.leases import Leases
    from swarmskill.views.marks import safe

    seat = take_seat(run)
    try:
        given_up = Leases(seat.run.mail).release(seat.mailbox.name, paths or ())
    except OSError as error:
        raise Refused(f"the lease cannot be changed: {error}", hint=_SANDBOXED) from error
    if json:
        print_json({"released": [asdict(lease) for lease in given_up]})
    else:
        named = [path for lease in given_up for path in lease.paths]
        print_text(safe(f"released {', '.join(named)}") if named else "nothing was reserved")
    return 0
