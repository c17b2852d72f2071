"""Verbs that steer a run: stop, kill, resume, retry, limit."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swarmskill.cli.ci import JunitOption, PushOption, SummaryOption, Wanted
from swarmskill.cli.options import (
    DetachOption,
    JsonOption,
    MaxCostOption,
    MaxTokensOption,
    Recalled,
    RunArgument,
    RunOption,
    TaskArgument,
    check_task,
    print_json,
    print_text,
    recall,
)
from swarmskill.config import LIFTABLE, LIMITS
from swarmskill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmskill.core.events import Event, LimitsChanged, StopRequested
    from swarmskill.mayor.hosting import HostedRun
    from swarmskill.places import RunFolder


def _limit_option(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, help=text, rich_help_panel="Limits")


def stop(
    run: RunArgument = "",
    now: Annotated[bool, typer.Option("--now", help="Stop the workers too; their tasks are tried again.")] = False,
    json: JsonOption = False,
) -> int:
    """Stop a run at the next boundary: workers in flight finish and are integrated, nothing new starts.

    Runs that its workers started stop, too, and all of them can go on: swarm resume.

    Example: swarm stop --now
    """
    return _stop(run, now=now, force=False, as_json=json)


def kill(run: RunArgument = "", json: JsonOption = False) -> int:
    """Kill the workers of a run, and of the runs that they started, at once. Finished work is kept: `swarm resume`.

    Example: swarm kill
    """
    return _stop(run, now=True, force=True, as_json=json)


def resume(
    run: RunArgument = "",
    max_cost: MaxCostOption = None,
    max_tokens: MaxTokensOption = None,
    junit: JunitOption = None,
    summary: SummaryOption = None,
    push: PushOption = "",
    detach: DetachOption = False,
    json: JsonOption = False,
) -> int:
    """Go on with a run that was stopped or whose mayor died: adopts its workers, loses nothing.

    Example: swarm resume --max-cost 5
    """
    limits = _limits({"max_cost": max_cost, "max_tokens": max_tokens})
    wanted = _wanted(junit, summary, push)
    recalled = recall(run)
    if recalled.hosted:
        raise UsageError(
            f"an assistant runs the workers of run {recalled.folder.run_id}: it has to go on",
            hint=f"there: swarm next --resume --run {recalled.folder.run_id}",
        )
    return _drive(recalled.folder, wanted, detached=detach, as_json=json, limits=limits)


def limit(
    run: RunArgument = "",
    max_workers: Annotated[str | None, _limit_option("N", "Workers at the same time.")] = None,
    max_workers_per_user: Annotated[str | None, _limit_option("N", "Workers of all your runs.")] = None,
    max_workers_per_repo: Annotated[str | None, _limit_option("N", "Workers of all runs in this repository.")] = None,
    max_cost: Annotated[str | None, _limit_option("USD", "What the run may cost, from its start on.")] = None,
    max_tokens: Annotated[str | None, _limit_option("N", "Tokens that the run may use, from its start on.")] = None,
    deadline: Annotated[str | None, _limit_option("TIME", "Of the whole run, from its start on.")] = None,
    timeout: Annotated[str | None, _limit_option("TIME", "Of each worker that starts from now on.")] = None,
    stall_timeout: Annotated[str | None, _limit_option("TIME", "Without progress until one is marked.")] = None,
    idle_timeout: Annotated[str | None, _limit_option("TIME", "Of one without progress.")] = None,
    max_memory: Annotated[str | None, _limit_option("SIZE", "Memory of each worker that starts from now on.")] = None,
    reload: Annotated[bool, typer.Option("--reload", help="Take up what was changed in swarm.toml.")] = False,
    json: JsonOption = False,
) -> int:
    """Change what a run may use: at once if it goes on, else when it is resumed. `none` lifts a limit.

    Example: swarm limit --max-workers 8 --max-cost 20 --deadline none
    """
    given = dict(locals())
    limits = _limits({name: given[name] for name in LIMITS})
    if limits is None and not reload:
        options = ", ".join("--" + name.replace("_", "-") for name in ("max_workers", "max_cost", "max_tokens"))
        raise UsageError("no limit is named", hint=f"give {options}; all are in swarm limit --help")
    recalled = recall(run)
    said = _change(recalled, limits) if limits is not None else ""
    if reload:
        said = "; ".join(filter(None, (said, _reload(recalled))))
    _tell(recalled.folder, said, as_json=json)
    return 0


def _change(recalled: Recalled, limits: LimitsChanged) -> str:
    """Have the run take these limits; returns what is to be said."""
    from swarmskill.views.outcome import RunOutcome, run_outcome

    outcome = run_outcome(recalled.state)
    if outcome is RunOutcome.COMPLETED:
        return "it is over: every task completed, and no limit matters any more"
    if recalled.hosted:
        _hosted(recalled).step(limits)
        return "the limits are changed"
    if _ask(recalled, limits):
        return "the limits are changed"
    return f"swarm {'retry' if outcome is RunOutcome.INCOMPLETE else 'resume'} will take the limits"


def _reload(recalled: Recalled) -> str:
    """Ask the mayor to read swarm.toml again."""
    from swarmskill.backends.processes import is_alive
    from swarmskill.ledger import read_holder

    holder = read_holder(recalled.folder)
    if recalled.hosted or holder is None or not is_alive(holder.pid, holder.identity):
        return "no mayor is there that could reload: name the limits instead"
    os.kill(holder.pid, signal.SIGHUP)
    return "its mayor reads swarm.toml again, and says what changed"


def retry(
    task: TaskArgument,
    run: RunOption = "",
    junit: JunitOption = None,
    summary: SummaryOption = None,
    push: PushOption = "",
    detach: DetachOption = False,
    json: JsonOption = False,
) -> int:
    """Try a task again that ended without being completed, and what was skipped because of it.

    Example: swarm retry 3
    """
    wanted = _wanted(junit, summary, push)
    recalled = recall(run)
    if wanted.words and (recalled.held or recalled.hosted):
        raise UsageError(
            f"somebody else is at work on run {recalled.folder.run_id} and would not heed {', '.join(wanted.words)}",
            hint=f"leave it out, or wait before: swarm wait {recalled.folder.run_id}",
        )
    said = retry_task(recalled, task)
    if said:
        _tell(recalled.folder, said, as_json=json)
        return 0
    return _drive(recalled.folder, wanted, detached=detach, as_json=json)


def retry_task(recalled: Recalled, task: str) -> str:
    """Ask for another try; returns what is to be said, or "" if nobody is there to hear it. Raises UsageError."""
    from swarmskill.core.events import RetryRequested
    from swarmskill.core.state import Stop
    from swarmskill.model import Outcome, Phase

    check_task(recalled.state, task)
    found = recalled.state.tasks[task]
    if found.phase is not Phase.ENDED or found.standing is Outcome.COMPLETED:
        word = found.outcome or found.phase
        raise UsageError(f"task {task} is {word}: there is nothing to try again", hint=f"swarm why {shlex.quote(task)}")
    if found.outcome is Outcome.SKIPPED:
        from swarmskill.views.reasons import blocking_chain

        blamed = blocking_chain(recalled.state, task)[-1]
        raise UsageError(f"task {task} was skipped: {found.detail}", hint=f"swarm retry {shlex.quote(blamed)}")
    request = RetryRequested(at=time.time(), task=task, attempt=found.attempt)
    if recalled.hosted:
        _hosted(recalled).step(request)
        hint = "swarm next --resume" if recalled.state.stop is not Stop.NONE else "swarm next"
        return f"task {task} will be tried again, by its assistant: {hint}"
    return f"task {task} will be tried again" if _ask(recalled, request) else ""


def _limits(given: Mapping[str, str | None]) -> LimitsChanged | None:
    """The request for these limits; None for none. Raises InputError."""
    from swarmskill.core.events import LimitsChanged
    from swarmskill.settings import effective, options

    lifted = tuple(name for name, value in given.items() if value == "none" and name in LIFTABLE)
    values = effective(options({name: value for name, value in given.items() if name not in lifted}))
    if not values and not lifted:
        return None
    return LimitsChanged(at=time.time(), lifted=lifted, **{name: setting.value for name, setting in values.items()})


def _stop(wanted: str, *, now: bool, force: bool, as_json: bool) -> int:
    recalled = recall(wanted)
    said, below = stop_run(recalled, now=now, force=force)
    _tell(recalled.folder, said, as_json=as_json, below=below)
    return 0


def stop_run(recalled: Recalled, *, now: bool, force: bool) -> tuple[str, list[str]]:
    """Have a run stop, and all below it; returns what is to be said of it, and the runs below that are not over."""
    from swarmskill.core.events import StopRequested
    from swarmskill.core.state import Stage
    from swarmskill.mayor.cascade import BY_COMMAND, end_descendants, still_open, stop_descendants

    state = recalled.state
    request = StopRequested(at=time.time(), session=state.session, now=now, force=force, reason=BY_COMMAND)
    if recalled.hosted and state.stage is not Stage.OVER:
        said = _stop_hosted(recalled, request)
    elif recalled.held:
        _ask(recalled, request)
        said = "workers are being stopped" if now else "it stops when its workers have finished"
    elif state.stage is Stage.OVER or not (now or force):
        said = "nobody is at work on it"
    else:
        from swarmskill.mayor.leftovers import kill_left_over

        count = kill_left_over(recalled.folder, state, force=force, reason=BY_COMMAND)
        said = f"its mayor is gone; left-over workers ended: {count}"
    below = still_open(recalled.folder)
    if not recalled.held:
        stop_descendants(recalled.folder, now=now, force=force)  # a mayor passes it on itself
    if force:
        end_descendants(recalled.folder)
    return said, below


def _stop_hosted(recalled: Recalled, request: StopRequested) -> str:
    """Nobody has to be woken: the stop is recorded, and done, at once. Returns what is left for the assistant."""
    from swarmskill.mayor.hosting import workers_out

    before = workers_out(recalled.state)
    after = workers_out(_hosted(recalled).step(request))
    if after:
        return f"it stops when its assistant said `swarm done` for {', '.join(after)}"
    if before and request.now:
        return f"it is stopped; its assistant should end {', '.join(before)}"
    return "it is stopped"


def _hosted(recalled: Recalled) -> HostedRun:
    from swarmskill.mayor.hosting import HostedRun
    from swarmskill.repo.repository import Repository

    return HostedRun(recalled.folder, Repository.open(Path.cwd()), dict(os.environ))


def _ask(recalled: Recalled, request: Event) -> bool:
    from swarmskill.mayor.cascade import ask

    return ask(recalled.folder, request)


def _wanted(junit: Path | None, summary: Path | None, push: str) -> Wanted:
    """The options for build servers, once it is clear that they can be done. Raises UsageError."""
    from swarmskill.repo.repository import Repository

    wanted = Wanted.of(junit, summary, push)
    if wanted.push:
        wanted.check(Repository.open(Path.cwd()))
    return wanted


def _drive(
    folder: RunFolder, wanted: Wanted, *, detached: bool, as_json: bool, limits: LimitsChanged | None = None
) -> int:
    """Resume the run here, or in a process of its own."""
    from swarmskill.cli.resuming import go_on
    from swarmskill.repo.repository import Repository

    repository = Repository.open(Path.cwd())
    if detached:
        from swarmskill.cli.detach import detach

        return detach(
            lambda view_of: go_on(folder, repository, as_json=False, view_of=view_of, limits=limits, wanted=wanted),
            as_json=as_json,
        )
    return go_on(folder, repository, as_json=as_json, limits=limits, wanted=wanted)


def _tell(folder: RunFolder, said: str, *, as_json: bool, below: Sequence[str] = ()) -> None:
    """What became of it; `below` are the runs that its workers started and that it is passed on to."""
    if as_json:
        print_json({"run_id": folder.run_id, "detail": said, **({"passed_on_to": list(below)} if below else {})})
        return
    print_text(f"run {folder.run_id}: {said}")
    if below:
        print_text(f"passed on to the runs that its workers started: {', '.join(below)}")
