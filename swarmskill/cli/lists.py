"""The task list of a verb: a file, `--from`, or beads by their ids."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from swarmskill.errors import Refused, UsageError
from swarmskill.records import dataclass
from swarmskill.sources.words import split_words

if TYPE_CHECKING:
    from swarmskill.config import RunConfig
    from swarmskill.model import TaskList
    from swarmskill.sources.base import Edge, Loaded

RATCHET: Final = "ratchet"
"""The tracker of a wave."""

FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="KIND[:WHERE]",
        help="Task list of another tool: beads, claude, spec-kit, task-master, github:milestone=NAME, checklist:FILE.",
    ),
]
WriteBackOption = Annotated[
    bool | None,
    typer.Option(
        "--write-back/--no-write-back",
        help="Tick, set or close what is completed where the list is kept. [only of beads]",
    ),
]
BeadIdsOption = Annotated[
    str | None,
    typer.Option("--bead-ids", metavar="IDS", help="Run only these tasks of the list; without a list, these beads."),
]


FromWaveOption = Annotated[
    str,
    typer.Option(
        "--from-wave", metavar="FILE", help="Run the wave of this file and ratchet what completes; - reads stdin."
    ),
]
RatchetCmdOption = Annotated[
    str | None,
    typer.Option(
        "--ratchet-cmd",
        metavar="COMMAND",
        help="Program that is told of each completed task: 'prog {id} {quest} {commit} {run}'."
        " [ol hero ratchet {id} --quest {quest}]",
    ),
]
RatchetTimeoutOption = Annotated[
    str | None, typer.Option("--ratchet-timeout", metavar="TIME", help="Of one call of the ratchet. [60s]")
]


@dataclass(frozen=True, slots=True)
class Wave:
    """What the options say about a wave file; `file` is "" where there is none."""

    file: str = ""
    command: str | None = None
    timeout: str | None = None

    @property
    def options(self) -> dict[str, str]:
        """The ratchet's own words."""
        given = {"command": self.command, "timeout": None if self.timeout is None else _seconds(self.timeout)}
        return {name: value for name, value in given.items() if value is not None}


def _seconds(text: str) -> str:
    """The time as seconds. Raises InputError."""
    from swarmskill.sources.fields import decode_timeout
    from swarmskill.sources.findings import Findings
    from swarmskill.sources.words import maybe_seconds

    findings = Findings("--ratchet-timeout", again="swarm run --help")
    seconds = decode_timeout(maybe_seconds(text), "", findings)
    findings.refuse()
    return str(seconds)


def load_wave_list(wave: Wave, *, tasks: str = "", origin: str = "", start: bool = True) -> TaskList:
    """The list of a wave file, whose completions are ratcheted.

    To `start` it the ratchet's program must be there, which is looked at first. Raises UsageError, InputError, Refused.
    """
    from swarmskill.sources.wave import load_wave
    from swarmskill.trackers.registry import find_tracker

    if tasks or origin:
        raise UsageError("there are two task lists", hint=f"leave out {tasks or '--from'} or --from-wave")
    tracker = find_tracker(RATCHET, wave.options)
    if start and (missing := tracker.missing(os.environ)):
        raise Refused(missing.problem, hint=missing.hint)
    listed = load_wave(wave.file, repo_top=_top())
    for warning in listed.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return replace(listed, tracker=RATCHET, tracker_options=wave.options)


def load_list(tasks: str, *, origin: str = "", bead_ids: str | None = None, write_back: bool | None = None) -> TaskList:
    """The list that the arguments name, for the repository around the current folder, if there is one.

    `tasks` is a file, `origin` what `--from` says. Warnings go to standard error.
    Raises UsageError, InputError, Refused.
    """
    from swarmskill.sources.choosing import choose_tasks
    from swarmskill.sources.edge import real_edge

    if tasks and origin:
        raise UsageError("there are two task lists: a file and --from", hint=f"leave one out: --from {origin}")
    edge = real_edge(_top())
    ids = None if bead_ids is None else split_words(bead_ids)
    loaded = _load(tasks, origin, ids, edge)
    listed = _tracked(loaded, write_back)
    for warning in listed.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return listed if ids is None or not (tasks or origin) else choose_tasks(listed, ids)


def with_tracker(config: RunConfig, listed: TaskList, top: Path) -> RunConfig:
    """The configuration of a run of this list: who is told of completions, and which file is theirs to write."""
    if not listed.tracker:
        return config
    inside = os.path.relpath(listed.file, os.path.realpath(top)) if listed.file else ""
    file = "" if inside.startswith("..") or not Path(listed.file).is_file() else inside
    config = replace(config, tracker=listed.tracker, tracker_options=dict(listed.tracker_options), list_file=file)
    return replace(config, left_out=listed.left_out)


def _load(tasks: str, origin: str, ids: list[str] | None, edge: Edge) -> Loaded:
    from swarmskill.sources.beads import load_beads
    from swarmskill.sources.registry import load_from, recognised

    if tasks:
        return recognised(tasks, edge).load(tasks, edge)
    if origin:
        return load_from(origin, edge)
    if ids is None:
        raise UsageError("no task list is named", hint="name a file, or use --from, --from-wave or --bead-ids")
    return load_beads(ids, edge)


def _tracked(loaded: Loaded, write_back: bool | None) -> TaskList:
    """The list, with its tracker if completions are to be written back."""
    if write_back and not loaded.tracker:
        raise UsageError(
            f"nothing can be written back to {loaded.tasks.source or 'this list'}",
            hint="leave --write-back out, or name the kind of the list with --from",
        )
    if not (loaded.shared if write_back is None else write_back):
        return loaded.tasks
    return replace(loaded.tasks, tracker=loaded.tracker, tracker_options=loaded.options, file=loaded.file)


def _top() -> Path | None:
    from swarmskill.repo.locate import locate

    with suppress(Refused):
        return locate(Path.cwd()).top
    return None
