"""What a mayor needs while its workers work, and the core alone with very many tasks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from tests.bench.measure import Row, call
from tests.bench.places import ROOT, environment, make_repository, swarm

_WORKERS = 50
_MEGABYTE = 1024 * 1024


def rows(scratch: Path, *, quick: bool) -> Iterator[Row]:
    """A real mayor that waits for 50 workers, and runs on paper."""
    for count in (_WORKERS,) if quick else (_WORKERS, 10_000):
        yield from _idle(scratch / f"idle-{count}", count, 3.0 if quick else 15.0)
    for count, workers in ((1000, 50),) if quick else ((10_000, 50), (100_000, 1000)):
        words = [sys.executable, "-m", "tests.bench.paper", str(count), str(workers)]
        told = json.loads(call(words, folder=ROOT, env=environment(scratch)))
        what, barred = f"{count} tasks, {workers} workers", count == 10_000
        note = f"{told['events']} events; real core, simulated clock"
        yield Row("core on paper", f"memory: {what}", told["megabytes"], "MB", bar=200 if barred else None, note=note)
        yield Row("core on paper", f"CPU an event: {what}", told["ms"], "ms", bar=1.0 if barred else None)


def _idle(place: Path, count: int, seconds: float) -> Iterator[Row]:
    make_repository(place / "work", 10)
    tasks = [{"id": n, "subject": f"task {n}", "run": ["sleep", "600"], "allow_empty": True} for n in range(count)]
    (place / "tasks.json").write_text(json.dumps(tasks))
    words = [swarm(), "run", place / "tasks.json", "--max-workers", str(_WORKERS)]
    with (place / "out.txt").open("wb") as out:
        mayor = subprocess.Popen(words, cwd=place / "work", env=environment(place), stdout=out, stderr=out)
        try:
            _wait_until(lambda: (place / "out.txt").read_bytes().count(b" started ") >= _WORKERS)
            yield from _look(mayor.pid, place, count, seconds)
        finally:
            mayor.send_signal(signal.SIGINT)
            mayor.send_signal(signal.SIGINT)
            time.sleep(0.5)
            subprocess.run([swarm(), "kill"], cwd=place / "work", env=environment(place), capture_output=True)
            mayor.wait(120)


def _look(pid: int, place: Path, count: int, seconds: float) -> Iterator[Row]:
    time.sleep(2)
    ours = [psutil.Process(pid), *_keepers(place)]
    before = [sum(one.cpu_times()[:2]) for one in ours]
    time.sleep(seconds)
    used = [sum(one.cpu_times()[:2]) - old for one, old in zip(ours, before, strict=True)]
    share = sum(used) / seconds * 100
    what = f"{count} tasks, {_WORKERS} workers at work"
    kept = ours[0].memory_info().rss / _MEGABYTE
    yield Row("mayor", f"idle CPU, keeper too: {what}", share, "% of a core", bar=0.5)
    yield Row("mayor", f"memory: {what}", kept, "MB", bar=200 if count == 10_000 else None)
    yield Row("mayor", f"memory of the keeper: {what}", sum(p.memory_info().rss for p in ours[1:]) / _MEGABYTE, "MB")


def _keepers(place: Path) -> list[psutil.Process]:
    """The keepers of the runs there, which this process adopted; what is dead already is passed over."""
    found = []
    for child in psutil.Process(os.getpid()).children():
        with suppress(psutil.Error):
            words = child.cmdline()
            if "swarmskill.backends.keeper" in words and words[-1].startswith(str(place)):
                found.append(child)
    assert found, "the keeper is not among our children"
    return found


def _wait_until(done: Callable[[], bool], limit: float = 300.0) -> None:
    until = time.monotonic() + limit
    while not done():
        if time.monotonic() > until:
            raise TimeoutError("the workers did not start")
        time.sleep(0.1)
