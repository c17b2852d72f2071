"""`swarm run`: the whole loop."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from swarmskill.cli import run_options as opt
from swarmskill.cli.options import (
    DetachOption,
    JsonOption,
    MaxCostOption,
    MaxTokensOption,
    look_here,
    print_json,
    print_text,
)
from swarmskill.config import Mode, RunConfig
from swarmskill.errors import Interrupted, Refused

if TYPE_CHECKING:
    from swarmskill.cli.detach import ViewOf
    from swarmskill.core.state import State
    from swarmskill.mayor.watching import Watching
    from swarmskill.model import TaskList
    from swarmskill.places import RunFolder
    from swarmskill.repo.repository import Repository


def run(
    tasks: opt.Tasks,
    agent: opt.AgentOption = None,
    model: opt.ModelOption = None,
    agent_cmd: opt.AgentCmdOption = None,
    allow: opt.AllowOption = None,
    yolo: opt.YoloOption = None,
    fresh: opt.FreshOption = None,
    max_workers: opt.MaxWorkersOption = None,
    max_cost: MaxCostOption = None,
    max_tokens: MaxTokensOption = None,
    on_exhaust: opt.OnExhaustOption = None,
    timeout: opt.TimeoutOption = None,
    idle_timeout: opt.IdleTimeoutOption = None,
    deadline: opt.DeadlineOption = None,
    max_retries: opt.MaxRetriesOption = None,
    schedule: opt.ScheduleOption = None,
    on_failure: opt.OnFailureOption = None,
    base: opt.BaseOption = "HEAD",
    land: opt.LandOption = None,
    mode: opt.ModeOption = None,
    wait: opt.WaitOption = False,
    keep_sessions: opt.KeepSessionsOption = None,
    bead_ids: opt.BeadIdsOption = None,
    keep: opt.KeepOption = None,
    dry_run: opt.DryRunOption = False,
    detach: DetachOption = False,
    json: JsonOption = False,
) -> int:
    """Run a task list: every unblocked task at once, each in a worktree of its own; commit what passes.

    Example: swarm run tasks.json --agent claude=3,codex=2 --max-cost 10
    """
    flags = {
        "max_workers": max_workers,
        "agent": agent,
        "agent_cmd": agent_cmd,
        "model": model,
        "allow": allow or None,
        "yolo": yolo,
        "fresh": fresh,
        "max_cost": max_cost,
        "max_tokens": max_tokens,
        "on_exhaust": on_exhaust,
        "idle_timeout": idle_timeout,
        "schedule": schedule,
        "on_failure": on_failure,
        "max_retries": max_retries,
        "timeout": timeout,
        "deadline": deadline,
        "land": land,
        "mode": mode,
        "keep_sessions": keep_sessions,
        "keep": keep,
    }
    listed = _chosen(load_task_list(tasks), bead_ids)
    if dry_run:
        return _show_plan(listed, flags, base, as_json=json)
    return _go(listed, flags, base, wait=wait, detach=detach, as_json=json)


def _chosen(listed: TaskList, ids: str | None) -> TaskList:
    from swarmskill.sources.choosing import choose_tasks

    return listed if ids is None else choose_tasks(listed, [part.strip() for part in ids.split(",") if part.strip()])


def _go(listed: TaskList, flags: dict[str, Any], base: str, *, wait: bool, detach: bool, as_json: bool) -> int:
    """Run the list here, or in a process of its own that this one waits for or not."""
    from swarmskill.cli import distributed
    from swarmskill.cli.detach import detach as leave

    apart, start = False, Path.cwd()
    ready = prepare(listed, flags, base, start)
    if ready.config.mode is Mode.DISTRIBUTED:
        apart = distributed.passes_preflight(
            ready.repository, listed, tuple(share.agent for share in ready.config.pool)
        )
        flags = flags if apart else {**flags, "mode": Mode.LOCAL}

    def go(view_of: ViewOf | None = None) -> int:
        return run_tasks(listed, flags, base=base, start=start, as_json=as_json and not view_of, view_of=view_of)

    if apart and wait and not detach and flags["timeout"]:
        flags, timeout = distributed.without_timeout(flags)
        return distributed.begin_and_wait(go, timeout, as_json=as_json)
    if apart and (detach or not wait):
        return distributed.begin(go, as_json=as_json)
    return leave(go, as_json=as_json) if detach else go()


def _show_plan(listed: TaskList, flags: Mapping[str, Any], base: str, *, as_json: bool) -> int:
    """What the run would do, after every check that the run itself would make first."""
    from swarmskill.cli.plan import Form, print_plan
    from swarmskill.history import expect

    ready = prepare(listed, flags, base, Path.cwd())
    expected = expect(ready.repository.common_dir, listed.tasks, ready.config.pool)
    return print_plan(listed, Form.JSON if as_json else Form.TEXT, expected)


def load_task_list(name: str) -> TaskList:
    """Read a task file for the repository around the current folder, if there is one. Raises InputError."""
    from swarmskill.repo.locate import locate
    from swarmskill.sources.taskfile import load_tasks

    top = None
    with suppress(Refused):
        top = locate(Path.cwd()).top
    listed = load_tasks(name, repo_top=top)
    for warning in listed.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return listed


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that is settled about a run before anything is made. `base` is the full name of the commit to start from."""

    repository: Repository
    config: RunConfig
    base: str


def prepare(
    listed: TaskList,
    flags: Mapping[str, Any],
    base: str,
    start: Path,
    *,
    defaults: Mapping[str, Any] | None = None,
    hosted: bool = False,
) -> Prepared:
    """Settle a run of the list in the checkout around `start`. Raises what would refuse it; changes nothing.

    `defaults` are for what nobody sets. The workers of a `hosted` run are the assistant's.
    """
    from swarmskill.cli.choosing import settle_agents
    from swarmskill.repo.repository import Repository
    from swarmskill.settings import Source, effective, load_sources, misspelt_variables, run_config

    repository = Repository.open(start)
    for warning in misspelt_variables(os.environ):
        print(f"warning: {warning}", file=sys.stderr)
    sources = load_sources(flags, os.environ, repository.top, Path(typer.get_app_dir("swarm")))
    settings = effective([*sources, Source("default", defaults or {})])
    config = run_config(settings, branch=repository.branch, cross_cutting=listed.cross_cutting)
    if not hosted:
        config = settle_agents(listed, config)
    return Prepared(repository, config, repository.resolve(base))


def run_tasks(
    listed: TaskList,
    flags: Mapping[str, Any],
    *,
    base: str,
    as_json: bool,
    start: Path,
    view_of: ViewOf | None = None,
) -> int:
    """Start a run in the checkout around `start`, show it, and say how it ended."""
    from swarmskill.mayor.session import start_run
    from swarmskill.places import RunFolder, last_run_id, runs_folder
    from swarmskill.runid import new_run_id

    ready = prepare(listed, flags, base, start)
    common_dir = ready.repository.common_dir
    folder = RunFolder(runs_folder(common_dir) / new_run_id(time.time(), last_run_id(common_dir)))

    def drive(watcher: Watching) -> State:
        tasks, environment = listed.tasks, dict(os.environ)
        return start_run(folder, ready.repository, tasks, ready.config, ready.base, watcher, environment)

    return show_run(folder, drive, as_json=as_json, view_of=view_of)


def show_run(
    folder: RunFolder, drive: Callable[[Watching], State], *, as_json: bool, view_of: ViewOf | None = None
) -> int:
    """Let a view watch the run that `drive` drives, then tell how it ended; returns the exit code.

    The view is that of `view_of`, or the one that fits where the output goes.
    """
    from swarmskill.mayor.watching import Watching
    from swarmskill.views.choose import choose_view

    # With --json standard output is for the document alone, so the lines go to standard error.
    view = view_of(folder) if view_of else choose_view(sys.stderr if as_json else sys.stdout, os.environ)
    view.start()
    try:
        state = drive(Watching(view))
    finally:
        view.stop()
    return tell_end(folder, state, as_json=as_json)


def tell_end(folder: RunFolder, state: State, *, as_json: bool) -> int:
    """Tell how a run ended; returns the exit code of `swarm run`."""
    from swarmskill.ledger import read_ledger
    from swarmskill.mayor.session import CTRL_C
    from swarmskill.views.ending import ending_text
    from swarmskill.views.outcome import exit_code
    from swarmskill.views.run_json import run_document

    if as_json:
        print_json(run_document(state, read_ledger(folder.ledger).events, time.time()))
    else:
        print_text(ending_text(state, folder, time.time(), look=look_here()))
    return Interrupted.exit_code if state.stop_reason == CTRL_C else exit_code(state)
