"""One big run on paper, and what it took: `python -m tests.bench.paper TASKS WORKERS` prints JSON."""

from __future__ import annotations

import json
import resource
import sys
import time

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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"events": events, "ms": took * 1e3 / events, "megabytes": peak / 1024**2}))


def _blockers(n: int) -> tuple[str, ...]:
    return tuple({str(n // 2), str(max(0, n - 7))}) if n else ()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
