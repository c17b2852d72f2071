"""`swarm run`: the whole loop."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarmskill.cli import run_options as opt
from swarmskill.cli.ci import JunitOption, PushOption, SummaryOption, Wanted, finish
from swarmskill.cli.lists import (
    BeadIdsOption,
    FromOption,
    FromWaveOption,
    RatchetCmdOption,
    RatchetTimeoutOption,
    Wave,
    WriteBackOption,
    load_list,
    load_wave_list,
    with_tracker,
)
from swarmskill.cli.options import (
    DetachOption,
    JsonOption,
    MaxCostOption,
    MaxTokensOption,
    look_here,
    print_json,
    print_text,
    settings_folder,
)
from swarmskill.config import Mode, Notify, RunConfig
from swarmskill.errors import Interrupted, Refused, UsageError
from swarmskill.records import dataclass
from swarmskill.sources.choosing import choose_tasks
from swarmskill.sources.words import split_words

if TYPE_CHECKING:
    from swarmskill.cli.detach import ViewOf
    from swarmskill.core.state import State
    from swarmskill.mayor.watching import Watching
    from swarmskill.model import TaskList
    from swarmskill.places import RunFolder
    from swarmskill.repo.repository import Repository


_KEYS = "Ctrl-C stops when the running tasks have ended, twice kills"


def run(
    tasks: opt.Tasks = "",
    from_: FromOption = "",
    write_back: WriteBackOption = None,
    from_wave: FromWaveOption = "",
    ratchet_cmd: RatchetCmdOption = None,
    ratchet_timeout: RatchetTimeoutOption = None,
    agent: opt.AgentOption = None,
    model: opt.ModelOption = None,
    agent_cmd: opt.AgentCmdOption = None,
    allow: opt.AllowOption = None,
    yolo: opt.YoloOption = None,
    fresh: opt.FreshOption = None,
    max_workers: opt.MaxWorkersOption = None,
    max_cost: MaxCostOption = None,
    max_tokens: MaxTokensOption = None,
    max_memory: opt.MaxMemoryOption = None,
    on_exhaust: opt.OnExhaustOption = None,
    timeout: opt.TimeoutOption = None,
    stall_timeout: opt.StallTimeoutOption = None,
    idle_timeout: opt.IdleTimeoutOption = None,
    deadline: opt.DeadlineOption = None,
    max_retries: opt.MaxRetriesOption = None,
    retry_delay: opt.RetryDelayOption = None,
    schedule: opt.ScheduleOption = None,
    on_failure: opt.OnFailureOption = None,
    base: opt.BaseOption = "HEAD",
    land: opt.LandOption = None,
    mode: opt.ModeOption = None,
    wait: opt.WaitOption = False,
    keep_sessions: opt.KeepSessionsOption = None,
    interactive: opt.InteractiveOption = None,
    help_agent: opt.HelpAgentOption = None,
    bead_ids: BeadIdsOption = None,
    notify: opt.NotifyOption = None,
    keep: opt.KeepOption = None,
    dry_run: opt.DryRunOption = False,
    junit: JunitOption = None,
    summary: SummaryOption = None,
    push: PushOption = "",
    detach: DetachOption = False,
    json: JsonOption = False,
) -> int:
    """Run a task list: every unblocked task at once, each in a worktree of its own; commit what passes.

    Example: swarm run tasks.json --agent claude=3,codex=2 --max-cost 10
    """
    flags = opt.settings(locals())
    wave = Wave(from_wave, ratchet_cmd, ratchet_timeout)
    wanted = Wanted.of(junit, summary, push)
    listed = _load(wave, tasks, from_, bead_ids, write_back)
    if dry_run:
        return _show_plan(listed, flags, base, as_json=json)
    return _go(listed, flags, base, wanted, wait=wait, detach=detach, as_json=json)


def _load(wave: Wave, tasks: str, origin: str, bead_ids: str | None, write_back: bool | None) -> TaskList:
    if not wave.file:
        if wave.options:
            raise UsageError(
                "only a wave is ratcheted", hint="add --from-wave FILE, or leave the ratchet's options out"
            )
        return load_list(tasks, origin=origin, bead_ids=bead_ids, write_back=write_back)
    listed = load_wave_list(wave, tasks=tasks, origin=origin)
    return listed if bead_ids is None else choose_tasks(listed, split_words(bead_ids))


def _go(
    listed: TaskList, flags: dict[str, Any], base: str, wanted: Wanted, *, wait: bool, detach: bool, as_json: bool
) -> int:
    """Run the list here, or in a process of its own that this one waits for or not."""
    from swarmskill.cli import distributed
    from swarmskill.cli.detach import detach as leave

    apart, start = False, Path.cwd()
    ready = prepare(listed, flags, base, start)
    wanted.check(ready.repository)
    _say_of_twins(ready.repository, listed)
    if ready.config.mode is Mode.DISTRIBUTED:
        apart = distributed.passes_preflight(
            ready.repository, listed, tuple(share.agent for share in ready.config.pool)
        )
        flags = flags if apart else {**flags, "mode": Mode.LOCAL, "interactive": False}

    def go(view_of: ViewOf | None = None) -> int:
        as_document = as_json and not view_of
        return run_tasks(listed, flags, base=base, start=start, as_json=as_document, view_of=view_of, wanted=wanted)

    if apart and wait and not detach and flags["timeout"]:
        flags, timeout = distributed.without_timeout(flags)
        return distributed.begin_and_wait(go, timeout, as_json=as_json)
    if apart and (detach or not wait):
        return distributed.begin(go, as_json=as_json)
    return leave(go, as_json=as_json) if detach else go()


def _say_of_twins(repository: Repository, listed: TaskList) -> None:
    from swarmskill.cli.twins import find_twins

    for run_id in find_twins(repository.common_dir, listed.tasks):
        print(f"run {run_id} of the same list is at work, too: swarm status {run_id}", file=sys.stderr)


def _show_plan(listed: TaskList, flags: Mapping[str, Any], base: str, *, as_json: bool) -> int:
    """What the run would do, after every check that the run itself would make first."""
    from swarmskill.cli.plan import Form, print_plan
    from swarmskill.history import expect

    ready = prepare(listed, flags, base, Path.cwd())
    expected = expect(ready.repository.common_dir, listed.tasks, ready.config.pool)
    return print_plan(listed, Form.JSON if as_json else Form.TEXT, expected)


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that is settled about a run before anything is made. `base` is the full name of the commit to start from."""

    repository: Repository
    config: RunConfig
    base: str
    notify: Notify | None = None


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
    sources = load_sources(flags, os.environ, repository.top, settings_folder())
    settings = effective([*sources, Source("default", defaults or {})])
    config = run_config(settings, branch=repository.branch, cross_cutting=listed.cross_cutting)
    config = with_tracker(config, listed, repository.top)
    if not hosted:
        config = settle_agents(listed, config)
    told = settings.get("notify")
    return Prepared(repository, config, repository.resolve(base), told.value if told else None)


def run_tasks(
    listed: TaskList,
    flags: Mapping[str, Any],
    *,
    base: str,
    as_json: bool,
    start: Path,
    view_of: ViewOf | None = None,
    wanted: Wanted | None = None,
) -> int:
    """Start a run in the checkout around `start`, show it, say how it ended, and do what else is `wanted` of it."""
    from swarmskill.mayor.session import start_run
    from swarmskill.places import RunFolder, last_run_id, runs_folder
    from swarmskill.runid import new_run_id

    ready = prepare(listed, flags, base, start)
    common_dir = ready.repository.common_dir
    unfinished = _unfinished(listed, ready.repository)
    if unfinished is not None:
        from swarmskill.cli.resuming import go_on

        return go_on(unfinished, ready.repository, as_json=as_json, view_of=view_of, wanted=wanted)
    folder = RunFolder(runs_folder(common_dir) / new_run_id(time.time(), last_run_id(common_dir)))

    def drive(watcher: Watching) -> State:
        tasks, environment, home = listed.tasks, dict(os.environ), settings_folder()
        return start_run(
            folder,
            ready.repository,
            tasks,
            ready.config,
            ready.base,
            watcher,
            environment,
            user_folder=home,
            notify=ready.notify,
        )

    def after(state: State) -> int:
        return finish(wanted or Wanted(), folder, ready.repository, state, as_json=as_json)

    return show_run(folder, drive, as_json=as_json, view_of=view_of, after=after)


def _unfinished(listed: TaskList, repository: Repository) -> RunFolder | None:
    """For a worker that is tried again: the run of this list that it did not finish when it was stopped.

    Raises Refused if a person stopped that very run: only a person lets it go on.
    """
    if "SWARM_RUN_ID" not in os.environ:
        return None
    from swarmskill.lineage import find_origin
    from swarmskill.mayor.cascade import find_unfinished, stopped_by_hand
    from swarmskill.places import runs_folder

    origin = find_origin(os.environ, repository.top)
    found = find_unfinished(origin, listed.tasks, runs_folder(repository.common_dir)) if origin else None
    if found is None:
        return None
    run_id = found.folder.run_id
    if stopped_by_hand(found.state):
        raise Refused(f"run {run_id} of the same task and list was stopped", hint=f"swarm resume {run_id}")
    print(f"run {run_id} of the same task and list was not finished: it goes on", file=sys.stderr)
    return found.folder


def show_run(
    folder: RunFolder,
    drive: Callable[[Watching], State],
    *,
    as_json: bool,
    view_of: ViewOf | None = None,
    after: Callable[[State], int] = lambda _: 0,
) -> int:
    """Let a view watch the run that `drive` drives, then tell how it ended; returns the exit code.

    `after` is done last; what it returns is the exit code of a run that went well.

    The view is that of `view_of`, or the one that fits where the output goes.
    """
    from swarmskill.mayor.watching import Watching
    from swarmskill.views.choose import choose_view

    # With --json standard output is for the document alone, so the lines go to standard error.
    view = view_of(folder) if view_of else choose_view(sys.stderr if as_json else sys.stdout, os.environ, footer=_KEYS)
    view.start()
    try:
        state = drive(Watching(view))
    finally:
        view.stop()
    code = tell_end(folder, state, as_json=as_json)
    return after(state) or code if code in (0, 1) else code


def tell_end(folder: RunFolder, state: State, *, as_json: bool) -> int:
    """Tell how a run ended; returns the exit code of `swarm run`."""
    from swarmskill.ledger import read_ledger
    from swarmskill.mayor.cascade import CTRL_C
    from swarmskill.views.ending import ending_text
    from swarmskill.views.outcome import exit_code
    from swarmskill.views.run_json import run_document

    if as_json:
        print_json(run_document(state, read_ledger(folder.ledger).events, time.time()))
    else:
        print_text(ending_text(state, folder, time.time(), look=look_here()))
    return Interrupted.exit_code if state.stop_reason == CTRL_C else exit_code(state)
