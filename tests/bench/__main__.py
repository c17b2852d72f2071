"""`python -m tests.bench [--json] [--only NAME] [--quick]`: measure, and print a table."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import integration, ledgers, makespan, mayors, startup, tasks, worktrees
from tests.bench.measure import Row, adopt_orphans

SECTIONS: dict[str, Callable[..., Iterator[Row]]] = {
    "startup": startup.rows,
    "makespan": makespan.rows,
    "ledger": ledgers.rows,
    "bare": tasks.without_git,
    "full": tasks.with_git,
    "integration": integration.rows,
    "worktree": worktrees.rows,
    "mayor": mayors.rows,
}


def main() -> int:
    """Run the sections that are asked for; 0 whether or not bars are met, for a busy machine proves nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="NAME", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it works, not how fast it is")
    asked = parser.parse_args()
    adopt_orphans()
    found: list[Row] = []
    start = time.monotonic()
    print(f"load when it began: {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="swarm-bench-") as scratch:
        for name in asked.only or SECTIONS:
            began, place = time.monotonic(), Path(scratch).resolve() / name
            place.mkdir()
            for row in SECTIONS[name](place, quick=asked.quick):
                found.append(row)
                if not asked.json:
                    print(_line(row, heading=len(found) == 1 or found[-2].section != row.section), flush=True)
            took, load = time.monotonic() - began, os.getloadavg()[0]
            print(f"({name}: {took:.0f} s, load {load:.1f})", file=sys.stderr, flush=True)
    print(f"(all: {time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)
    if asked.json:
        print(json.dumps([{**dataclasses.asdict(row), "met": row.met} for row in found], indent=2))
    else:
        print(_tally(found))
    return 0


def _line(row: Row, *, heading: bool) -> str:
    if row.ratio is None:
        numbers = f"{_number(row.ours)} {row.unit}"
    else:
        numbers = f"{_number(row.ours)} {row.unit} | {_number(row.yardstick or 0)} {row.over} | {row.ratio:.2f}"
        numbers += f" | cpu {row.cpu:.2f}" if row.cpu is not None else ""
    bar = (
        "" if row.bar is None else f" | {'>=' if row.at_least else '<='} {row.bar:g} {'met' if row.met else 'NOT MET'}"
    )
    note = f"  ({row.note})" if heading and row.note else ""
    title = f"\n{row.section}{note}\n" if heading else ""
    return f"{title}  {row.what:<44} {numbers}{bar}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _tally(rows: list[Row]) -> str:
    barred = [row for row in rows if row.met is not None]
    missed = [
        f"\n  not met: {row.section}, {row.what}: {row.value:.2f}, bar {row.bar:g}" for row in barred if not row.met
    ]
    return f"\n{len(barred) - len(missed)} of {len(barred)} bars met" + "".join(missed)


if __name__ == "__main__":
    sys.exit(main())
