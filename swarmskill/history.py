"""How long tasks took in earlier runs of a repository, and what that lets us expect of new ones.

Read from the ledgers at the edge and handed to the core as data (`RunStarted.expected`), so that a replay
needs no history. What was read is kept beside the runs: a ledger is read once, and again if it grew.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

from swarmskill.codec import dump_json, load_json
from swarmskill.config import Share
from swarmskill.core.events import Event, WorkerExited
from swarmskill.core.moves import candidates
from swarmskill.core.transitions import fold
from swarmskill.errors import SwarmError
from swarmskill.ledger import read_ledger
from swarmskill.model import Outcome, Task
from swarmskill.places import RunFolder, run_ids, runs_folder
from swarmskill.writing import replace_file

_VERSION = 1
_RUNS = 20
"""Runs that count, the newest."""

_LARGEST = 64_000_000
"""Bytes of a ledger that is too long to be read for a hint."""

_ENOUGH = 3
"""Tasks that tell something of another one; of the very same task one tells enough."""

Key = tuple[str, ...]
Sample = tuple[str, str, str, str, float]
"""Agent, kind, size and mark of a task that was completed, and the seconds that its workers took in all."""

_Learnt = tuple[int, list[Sample]]
"""The length of a ledger when it was read, and what it told."""


def expect(common_dir: Path, tasks: Sequence[Task], pool: Sequence[Share]) -> dict[str, float]:
    """Seconds by id for the open tasks that name no estimate; those of which nothing is known are left out.

    Of the same task of an earlier list if there was one, else of such a kind and size, of such a kind, of
    any, always by the same agent: the median. Never raises: without history there is just none.
    """
    asking = [task for task in tasks if task.estimate is None and not task.done]
    known = _by_key(_samples(common_dir)) if asking else {}
    if not known:
        return {}
    found = ((task.id, _expected(task, pool, known)) for task in asking)
    return {task_id: seconds for task_id, seconds in found if seconds is not None}


def _expected(task: Task, pool: Sequence[Share], known: dict[Key, list[float]]) -> float | None:
    kind, size, mark = traits(task)
    agents = candidates(task, pool)
    for rest, least in (((mark, "="), 1), ((kind, size, "~"), _ENOUGH), ((kind,), _ENOUGH), ((), _ENOUGH)):
        seconds = [one for agent in agents for one in known.get((agent, *rest), ())]
        if len(seconds) >= least:
            return median(seconds)
    return None


def _by_key(samples: Iterable[Sample]) -> dict[Key, list[float]]:
    found: dict[Key, list[float]] = defaultdict(list)
    for agent, kind, size, mark, seconds in samples:
        for key in ((agent, mark, "="), (agent, kind, size, "~"), (agent, kind), (agent,)):
            found[key].append(seconds)
    return found


def traits(task: Task) -> tuple[str, str, str]:
    """Kind, size, and a mark by which the same task of another list is known again."""
    kind = str(task.metadata.get("issue_type") or (Path(task.run[0]).name if task.run else ""))
    size = str((len(task.description) // 200).bit_length() + len(task.files).bit_length())
    text = "\0".join((task.id, task.subject, *task.run))
    return kind, size, f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"


def _samples(common_dir: Path) -> Iterator[Sample]:
    """What the newest runs tell, oldest first."""
    cache = runs_folder(common_dir).parent / "history.json"
    old = _read(cache)
    new: dict[str, _Learnt] = {}
    for run_id in run_ids(common_dir)[-_RUNS:]:
        ledger = RunFolder(runs_folder(common_dir) / run_id).ledger
        with suppress(OSError, SwarmError):
            size = ledger.stat().st_size
            kept = old.get(run_id)
            if kept is None or kept[0] != size:
                kept = size, _learn(read_ledger(ledger).events) if size <= _LARGEST else []
            new[run_id] = kept
    if new != old:
        with suppress(OSError):
            replace_file(cache, dump_json({"version": _VERSION, "runs": new}, indent=False).encode())
    for _, samples in new.values():
        yield from samples


def _read(cache: Path) -> dict[str, _Learnt]:
    """What was kept; nothing if it is damaged or of another version, for it can be read anew."""
    try:
        document = load_json(cache.read_bytes())
        runs = document["runs"] if document["version"] == _VERSION else {}
        return {run_id: (int(size), [_sample(*one) for one in samples]) for run_id, (size, samples) in runs.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        return {}


def _sample(agent: object, kind: object, size: object, mark: object, seconds: float) -> Sample:
    return str(agent), str(kind), str(size), str(mark), float(seconds)


def _learn(events: Sequence[Event]) -> list[Sample]:
    took: dict[str, float] = defaultdict(float)
    for event in events:
        if isinstance(event, WorkerExited):
            took[event.task] += max(0.0, event.end.ended_at - event.end.started_at)
    state = fold(events)
    return [
        (state.tasks[task_id].agent, *traits(state.graph.task(task_id)), round(seconds, 3))
        for task_id, seconds in took.items()
        if task_id in state.tasks and state.tasks[task_id].outcome is Outcome.COMPLETED
    ]
