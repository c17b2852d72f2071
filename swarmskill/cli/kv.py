"""`swarm kv`: values that the workers of a run share."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from swarmskill.cli.group import make_group
from swarmskill.cli.options import JsonOption, RunOption, print_json, print_text
from swarmskill.cli.seat import Seat, take_seat
from swarmskill.cli.wait import STILL_RUNNING
from swarmskill.errors import Refused

if TYPE_CHECKING:
    from swarmskill.mail.kv import Entry, Store

_KEY = Annotated[str, typer.Argument(metavar="KEY", help="Any text.")]
_VALUE = Annotated[str, typer.Argument(metavar="VALUE", help="Any text; - reads standard input.")]
_TTL = Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="Forget it after so long.")]
_ABSENT = 1
_SHOWN = 60
"""Letters of a value in a list."""


def get(
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="The key; all keys by default.")] = "",
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Print the value of a key, or all keys with their versions, values cut. The exit code is 1 if there is none.

    Example: swarm kv get port --json
    """
    store = _store(take_seat(run))
    if not key:
        entries = store.entries()
        if json:
            print_json({"entries": [asdict(one) for one in entries]})
        else:
            print_text("\n".join(map(_row, entries)))
        return 0
    entry = store.get(key)
    if json:
        print_json({"entry": None if entry is None else asdict(entry)})
    elif entry is not None:
        _print_value(entry)
    return _ABSENT if entry is None else 0


def put(key: _KEY, value: _VALUE, ttl: _TTL = None, run: RunOption = "", json: JsonOption = False) -> int:
    """Write a value, whatever was there.

    Example: swarm kv put port 8080 --ttl 600
    """
    return _put(take_seat(run), key, value, ttl, None, as_json=json)


def cas(
    key: _KEY,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=0, help="That it must have; 0 for none.")],
    value: _VALUE,
    ttl: _TTL = None,
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Write a value only if the key still has the version that you read. Of several who try, one succeeds.

    Example: swarm kv cas leader 0 "$SWARM_TASK_ID" --ttl 600
    """
    return _put(take_seat(run), key, value, ttl, version, as_json=json)


def watch(
    key: _KEY,
    after: Annotated[int | None, typer.Option(metavar="VERSION", min=0, help="The version that you know.")] = None,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="How long at most.")] = None,
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Wait until a key changes, and print its value. The exit code is 124 if it did not in time.

    Example: swarm kv watch port --after 1 --timeout 60
    """
    store = _store(take_seat(run))
    if after is None:
        entry = store.get(key)
        after = entry.version if entry else 0
    try:
        found = store.watch(key, after, timeout)
    except OSError as error:
        raise _unwritable(error) from error
    if json:
        print_json({"entry": None if found is None else asdict(found)})
    elif found is not None:
        _print_value(found)
    return STILL_RUNNING if found is None else 0


def _put(seat: Seat, key: str, value: str, ttl: float | None, expected: int | None, *, as_json: bool) -> int:
    text = sys.stdin.read() if value == "-" else value
    entry = _written(seat, key, text, ttl, expected)
    if as_json:
        print_json({"entry": asdict(entry)})
    else:
        print_text(_safe(f"{key} has version {entry.version}"))
    return 0


def _written(seat: Seat, key: str, text: str, ttl: float | None, expected: int | None) -> Entry:
    """The entry, written by us, or by the mayor where a sandbox keeps us from it."""
    from swarmskill.mail.errands import ask, forbidden
    from swarmskill.mail.kv import Entry

    try:
        return _store(seat).put(key, text, writer=seat.mailbox.name, ttl=ttl, expected=expected)
    except OSError as error:
        if not (seat.is_worker and forbidden(error)):
            raise _unwritable(error) from error
    errand = {"do": "put", "key": key, "value": text, "ttl": ttl, "expected": expected}
    return Entry(**ask(seat.mailbox, seat.task, errand)["entry"])


def _store(seat: Seat) -> Store:
    from swarmskill.mail.kv import Store

    return Store(seat.run.mail)


def _unwritable(error: OSError) -> Refused:
    return Refused(f"the value cannot be written: {error}", hint="check the disk, and the rights in the run's folder")


def _print_value(entry: Entry) -> None:
    from swarmskill.views.marks import safe_lines

    print_text("\n".join(safe_lines(entry.value)) if sys.stdout.isatty() else entry.value)


def _row(entry: Entry) -> str:
    """A key, and as much of its value as a line has room for."""
    value = " ".join(entry.value.split())
    cut = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
    return _safe(f"{entry.key}  version {entry.version}, by {entry.writer}: {cut}")


def _safe(line: str) -> str:
    from swarmskill.views.marks import safe

    return safe(line)


kv = make_group(
    """Share values among the workers of a run: any text under a key, with a version that each change raises.

    Every verb takes --json.

    Example: swarm kv get
    """,
    {
        "get": (get, "Print a value"),
        "put": (put, "Write a value"),
        "cas": (cas, "Write a value if its version is still the same"),
        "watch": (watch, "Wait until a value changes"),
    },
)
