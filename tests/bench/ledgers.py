"""The ledger: appends with their promise kept, and reading a long one back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

from swarmskill.codec import encode_event
from swarmskill.config import Land, RunConfig
from swarmskill.core import events as ev
from swarmskill.core.simulation import simulated_events
from swarmskill.ledger import Holder, Ledger
from swarmskill.model import Task, Usage
from swarmskill.places import RunFolder, branch_ref, runs_folder
from tests.bench.measure import Row, call, compare, interleaved
from tests.bench.places import environment, make_repository, swarm

_RUN_ID = "20260101-000000-long-run"
_GROUPS = (128, 16, 1)
_REPORTS = 6
"""How often each worker tells what it has used: with the four events of each task that makes ten."""


def rows(scratch: Path, *, quick: bool) -> Iterator[Row]:
    """Events a second, then `status` and `resume` of a long run."""
    yield from _appending(scratch, 2000 if quick else 20_000)
    yield from _reading(scratch / "long" / "work", 200 if quick else 10_000)


def _appending(scratch: Path, count: int) -> Iterator[Row]:
    every = [
        ev.SpawnFailed(at=time.time(), task=f"task-{n}", attempt=1, reason="no such program", permanent=False)
        for n in range(count)
    ]
    numbers = iter(range(10**6))
    for group in _GROUPS:
        told = every[: max(100, count * group // _GROUPS[0])]  # about as many flushes, whatever they cost here
        lines = [encode_event(event, n) for n, event in enumerate(told, 1)]
        works = {
            "swarm": lambda: _append(scratch / f"ledger-{next(numbers)}", told, group),
            "write + fdatasync": lambda: _write(scratch / f"raw-{next(numbers)}", lines, group),
        }
        times = interleaved(3, works)
        row = compare("ledger", f"events in groups of {group}", times, "swarm", "write + fdatasync", unit="us",
                      scale=1e6 / len(told))  # fmt: skip
        yield row
        if group == _GROUPS[0]:
            speed = median(len(told) / cost.wall for cost in times["swarm"])
            yield Row("ledger", f"events in groups of {group}", speed, "events/s", bar=5000, at_least=True)


def _append(folder: Path, told: list[ev.SpawnFailed], group: int) -> None:
    holder = Holder(pid=os.getpid(), identity="", host="", since=0.0)
    with Ledger(RunFolder(folder), holder) as ledger:
        ledger.recover()
        rest = iter(told)
        while events := list(islice(rest, group)):
            ledger.append(events)


def _write(path: Path, lines: list[bytes], group: int) -> None:
    with path.open("wb", buffering=0) as file:
        rest = iter(lines)
        while part := list(islice(rest, group)):
            file.write(b"".join(part))
            getattr(os, "fdatasync", os.fsync)(file.fileno())


def _reading(top: Path, count: int) -> Iterator[Row]:
    make_repository(top, 10)
    env = environment(top.parent)
    head = call(["git", "rev-parse", "HEAD"], folder=top, env=env).strip()
    call(["git", "update-ref", branch_ref(_RUN_ID), head], folder=top, env=env)
    folder = RunFolder(runs_folder(top / ".git") / _RUN_ID)
    folder.path.mkdir(parents=True)
    whole = b"".join(encode_event(event, n) for n, event in enumerate(long_run(count, head), 1))
    lines, size = whole.count(b"\n"), len(whole) / 1e6
    folder.ledger.write_bytes(whole)
    unfinished = whole[: whole.rindex(b"\n", 0, -1) + 1]  # without its last line, so that there is something to resume

    def resume() -> None:
        folder.ledger.write_bytes(unfinished)
        call([swarm(), "resume", _RUN_ID], folder=top, env=env)

    works = {
        "status": lambda: call([swarm(), "status", _RUN_ID], folder=top, env=env),
        "resume": resume,
        "python -c pass": lambda: call([sys.executable, "-c", "pass"], folder=top, env=env),
    }
    times = interleaved(3, works)
    for verb in ("status", "resume"):
        what = f"{verb}: {count} tasks, {lines} events, {size:.0f} MB"
        yield compare("ledger", what, times, verb, "python -c pass", scale=1e3)


def long_run(count: int, commit: str) -> Iterator[ev.Event]:
    """The events of a run as the core would have had them, with what the workers reported in between."""
    tasks = [Task(id=f"task-{n}", subject=f"do the work {n}", blocked_by=_blockers(n)) for n in range(count)]
    config = RunConfig(max_workers=50, land=Land.NEVER)
    began = time.time() - 1e6
    for event, _ in simulated_events(tasks, config, lambda _: 60.0, commit=commit, began=began, run_id=_RUN_ID):
        yield event
        if isinstance(event, ev.WorkerStarted):
            for n in range(1, _REPORTS + 1):
                usage = Usage(input_tokens=900 * n, cached_tokens=5000 * n, output_tokens=200 * n, cost_usd=0.01 * n)
                yield ev.WorkerReported(
                    at=event.at + n, task=event.task, attempt=1, session=f"session-{event.task}", usage=usage
                )


def _blockers(n: int) -> tuple[str, ...]:
    return (f"task-{n // 2}",) if n else ()
