"""One big run on paper, and what it took: `python -m tests.bench.paper TASKS WORKERS` prints JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from swarmskill.config import RunConfig
from swarmskill.core.simulation import simulated_events
from swarmskill.model import Task


def main(count: int, workers: int) -> None:
    """Tasks that each wait for one or two others, of 1 to 100 seconds."""
    tasks = [Task(id=str(n), subject=f"task {n}", blocked_by=_blockers(n)) for n in range(count)]
    began = time.process_time()
    events = sum(
        1 for _ in simulated_events(tasks, RunConfig(max_workers=workers), lambda task: hash(task) % 100 + 1.0)
    )
    took = time.process_time() - began
    print(json.dumps({"events": events, "ms": took * 1e3 / events, "megabytes": _peak() / 1024**2}))


def _peak() -> int:
    """The most memory that this program had, in bytes; on Linux `getrusage` tells that of whoever forked it, too."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    words = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()
    return int(words[0]) * 1024


def _blockers(n: int) -> tuple[str, ...]:
    return tuple({str(n // 2), str(max(0, n - 7))}) if n else ()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
