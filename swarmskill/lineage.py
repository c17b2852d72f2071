"""Families of runs: which run was started by a worker of which other run, and how each of them stands.

A run that a worker starts is a child run. It tells so itself, before its first event: `parent.json` in its
own folder names the parent's folder, the task and the attempt, and that file alone makes it a child. So
that it is found, it also leaves its address with the parent, in `children/` of the parent's folder or,
where a sandbox forbids that, in the worker's own worktree. Children in the parent's own repository are
found without any address.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from swarmskill.codec import dump_json, load_json
from swarmskill.core.events import Event
from swarmskill.core.leftover import without_dead
from swarmskill.core.state import EMPTY, State
from swarmskill.core.transitions import fold
from swarmskill.errors import Refused, SwarmError
from swarmskill.ledger import read_holder, read_ledger
from swarmskill.places import WORKER_FOLDER, RunFolder, attempt_key, runs_folder
from swarmskill.records import dataclass
from swarmskill.repo.locate import locate
from swarmskill.writing import replace_file

_ADDRESSES = "children"
"""A folder with one file for each child, in the parent's run folder or in the worker's own."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose worker started a run: the parent's folder, the task and the attempt; attempt 0 where nobody knows."""

    folder: RunFolder
    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Kin:
    """A run of a family. `level` counts the runs between it and the one that was asked for, which has 0."""

    folder: RunFolder
    level: int = 0
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Relative:
    """A run of a family as its ledger tells it. `held` when a mayor is at work on it.

    `trouble` says why its ledger cannot be read; `events` and `state` are then empty.
    """

    kin: Kin
    events: tuple[Event, ...]
    state: State
    held: bool
    trouble: str = ""

    @property
    def folder(self) -> RunFolder:
        """The run's folder."""
        return self.kin.folder


def find_origin(environment: Mapping[str, str], start: Path) -> Origin | None:
    """Whose worker a process with this environment, in this folder, is; None if it is nobody's.

    Its environment tells. Of an assistant's worker, which has none of ours, its worktree tells.
    """
    task, attempt = environment.get("SWARM_TASK_ID", ""), environment.get("SWARM_ATTEMPT", "")
    run_id, top = environment.get("SWARM_RUN_ID", ""), environment.get("SWARM_REPO", "")
    if not run_id or not top:
        return _origin_of_place(start)
    with suppress(Refused):
        folder = RunFolder(runs_folder(locate(Path(top)).common_dir) / run_id)
        if folder.ledger.exists():
            return Origin(folder, task, int(attempt) if attempt.isdigit() else 0)
    return None


def record_origin(folder: RunFolder, environment: Mapping[str, str], start: Path) -> Origin | None:
    """Note in a new run's folder whose child it is, if it is one, and leave its address with the parent.

    Raises OSError if the run's own folder cannot be written.
    """
    origin = find_origin(environment, start)
    if origin is None or origin.folder.path == folder.path:
        return None
    told = {"run_id": origin.folder.run_id, "folder": str(origin.folder.path), "task": origin.task}
    replace_file(folder.origin, dump_json({**told, "attempt": origin.attempt}).encode())
    address = dump_json({"folder": str(folder.path)}).encode()
    result = environment.get("SWARM_RESULT", "")
    for place in (origin.folder.path, *([Path(result).parent] if result else [])):
        with suppress(OSError):
            replace_file(place / _ADDRESSES / f"{folder.run_id}.json", address)
            break
    return origin


def collect_addresses(folder: RunFolder, worktree: Path) -> None:
    """Keep the addresses that a sandboxed worker left in its worktree, which may be gone soon."""
    with suppress(OSError):
        for entry in _entries(worktree / WORKER_FOLDER / _ADDRESSES):
            replace_file(folder.path / _ADDRESSES / entry.name, entry.read_bytes())


def read_origin(folder: RunFolder) -> Origin | None:
    """Whose child a run is; None for a run that somebody started by hand."""
    try:
        told = load_json(folder.origin.read_bytes())
        return Origin(RunFolder(Path(told["folder"])), str(told["task"]), int(told["attempt"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def family(folder: RunFolder) -> tuple[Kin, ...]:
    """The run and all its descendants, wherever they are: each parent before its children, those by their age."""
    found: list[Kin] = []
    register = _Register()
    left = [Kin(folder)]
    seen = {folder.path}
    while left:
        kin = left.pop()
        found.append(kin)
        children = [child for child in register.children(kin.folder) if child[0].path not in seen]
        seen |= {child.path for child, _ in children}
        children.sort(key=lambda child: child[0].run_id, reverse=True)
        left += [Kin(child, kin.level + 1, origin) for child, origin in children]
    return tuple(found)


def read_family(folder: RunFolder) -> tuple[Relative, ...]:
    """The run and all its descendants, as their ledgers tell; one that cannot be read says so in `trouble`."""
    return tuple(read_relative(kin) for kin in family(folder))


def read_relative(kin: Kin) -> Relative:
    """How a run of the family stands. Does not raise: see `Relative.trouble`."""
    held = read_holder(kin.folder) is not None
    try:
        events = read_ledger(kin.folder.ledger).events
        return Relative(kin, events, without_dead(fold(events)), held)
    except SwarmError as error:
        return Relative(kin, (), EMPTY, held, error.message)


def eldest(folder: RunFolder) -> RunFolder:
    """The run from which all of the family descends, as far as its ledgers are still there."""
    seen = {folder.path}
    while (origin := read_origin(folder)) and origin.folder.path not in seen and origin.folder.ledger.exists():
        folder = origin.folder
        seen.add(folder.path)
    return folder


class _Register:
    """Which runs are whose children. Reads each folder of runs once, so it is good for one look only."""

    def __init__(self) -> None:
        self._read: dict[Path, dict[Path, list[tuple[RunFolder, Origin]]]] = {}

    def children(self, folder: RunFolder) -> list[tuple[RunFolder, Origin]]:
        """The children of a run, each once."""
        near = self._in_folder(folder.path.parent).get(folder.path, [])
        known = {child.path for child, _ in near}
        return [*near, *(far for far in _far_children(folder) if far[0].path not in known)]

    def _in_folder(self, runs: Path) -> dict[Path, list[tuple[RunFolder, Origin]]]:
        if runs not in self._read:
            by_parent = self._read[runs] = {}
            for child in map(RunFolder, _entries(runs)):
                if origin := _begun_child(child):
                    by_parent.setdefault(origin.folder.path, []).append((child, origin))
        return self._read[runs]


def _far_children(folder: RunFolder) -> Iterator[tuple[RunFolder, Origin]]:
    """Those that left their address. An address is only a hint: the child itself has to say whose it is."""
    seen: set[Path] = set()
    for path in (folder.path / _ADDRESSES, *_worker_folders(folder)):
        for entry in _entries(path):
            try:
                child = RunFolder(Path(load_json(entry.read_bytes())["folder"]))
            except (OSError, ValueError, TypeError, KeyError):
                continue
            origin = _begun_child(child) if child.path not in seen else None
            if origin is not None and origin.folder.path == folder.path:
                seen.add(child.path)
                yield child, origin


def _worker_folders(folder: RunFolder) -> Iterator[Path]:
    """Where sandboxed workers left addresses: in their worktrees, of which the assignments tell."""
    for entry in _entries(folder.path / "assignments"):
        with suppress(OSError, ValueError, TypeError, KeyError):
            yield Path(load_json(entry.read_bytes())["worktree"]) / WORKER_FOLDER / _ADDRESSES


def _begun_child(folder: RunFolder) -> Origin | None:
    """Whose child it is, if it has begun."""
    return read_origin(folder) if folder.ledger.exists() else None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _origin_of_place(start: Path) -> Origin | None:
    """The attempt in whose worktree the folder is, while that attempt has a worker."""
    mark = os.path.join(os.sep, WORKER_FOLDER, "worktrees", "")
    top, found, rest = str(start).rpartition(mark)
    run_id, _, below = rest.partition(os.sep)
    key = below.partition(os.sep)[0]
    if not found or not key:
        return None
    try:
        folder = RunFolder(runs_folder(locate(Path(top)).common_dir) / run_id)
        state = fold(read_ledger(folder.ledger).events)
    except SwarmError:
        return None
    for task_id, task in state.tasks.items():
        if task.worker is not None and attempt_key(task_id, task.attempt) == key:
            return Origin(folder, task_id, task.attempt)
    return None
