"""How long a command takes that has nothing to do, over an interpreter that has nothing to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import Row, call, compare, interleaved
from tests.bench.places import environment, make_repository, swarm

_PASS = "python -c pass"


def rows(scratch: Path, *, quick: bool) -> Iterator[Row]:
    """In a repository with a run that is over; `next` with one that has nothing left to hand out."""
    top = scratch / "work"
    make_repository(top, 10)
    env = environment(scratch)
    tasks = [{"id": n, "subject": f"task {n}", "run": ["true"], "allow_empty": True} for n in range(3)]
    (scratch / "tasks.json").write_text(json.dumps(tasks))
    call([swarm(), "run", scratch / "tasks.json"], folder=top, env=env)
    hosted = scratch / "hosted"
    make_repository(hosted, 10)
    open_tasks = [{"id": n, "subject": f"task {n}"} for n in range(3)]
    (scratch / "open.json").write_text(json.dumps(open_tasks))
    call([swarm(), "next", scratch / "open.json", "--tools", "Task"], folder=hosted, env=env)
    works = {
        "swarm --version": lambda: call([swarm(), "--version"], folder=top, env=env),
        "swarm --help": lambda: call([swarm(), "--help"], folder=top, env=env),
        "swarm status": lambda: call([swarm(), "status"], folder=top, env=env),
        "swarm next": lambda: call([swarm(), "next"], folder=hosted, env=env),
        _PASS: lambda: call([sys.executable, "-c", "pass"], folder=top, env=env),
    }
    times = interleaved(3 if quick else 15, works)
    for name in works:
        bar = 8.0 if name in ("swarm --help", "swarm status") else None
        if name != _PASS:
            yield compare("start-up", name, times, name, _PASS, scale=1e3, bar=bar)
