"""`swarm wait`: until a run is over."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarmskill.cli.options import JsonOption, RunArgument, print_json, print_text, recall
from swarmskill.errors import Refused

if TYPE_CHECKING:
    from swarmskill.cli.options import Recalled
    from swarmskill.core.state import State
    from swarmskill.places import RunFolder

STILL_RUNNING = 124
"""Exit code when the time is over before the run is: what timeout(1) ends with, too."""

_POLL = 0.2
"""Seconds between two looks at the run's lock."""


def wait(
    run: RunArgument = "",
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="How long at most; without end by default.")
    ] = None,
    json: JsonOption = False,
) -> int:
    """Wait until a run is over, then tell how it ended, as `swarm run` does, and with its exit code.

    The exit code is 124 if it is still running when the time is over: call again.

    Example: swarm wait --timeout 540
    """
    from swarmskill.cli.run import tell_end
    from swarmskill.core.state import Stage
    from swarmskill.places import find_run
    from swarmskill.repo.locate import locate

    folder = find_run(locate(Path.cwd()).common_dir, run)
    released = wait_released(folder, timeout)
    recalled = recall(folder.run_id)
    state = recalled.state
    if recalled.hosted and state.stage is not Stage.OVER:
        raise _with_assistant(recalled)
    if not released:
        return _tell_still(state, timeout or 0.0, as_json=json)
    if state.stage is not Stage.OVER:
        raise _without_mayor(folder, state)
    return tell_end(folder, state, as_json=json)


def wait_released(folder: RunFolder, timeout: float | None) -> bool:
    """Wait until no mayor holds the run; False if the time is over before."""
    from swarmskill.ledger import read_holder

    deadline = None if timeout is None else time.monotonic() + timeout
    while read_holder(folder) is not None:
        left = _POLL if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, _POLL))
    return True


def _tell_still(state: State, timeout: float, *, as_json: bool) -> int:
    from swarmskill.views.outcome import RunOutcome, counts, counts_text, run_seconds

    again = f"swarm wait {state.run_id} --timeout {timeout:g}"
    if as_json:
        seconds = round(run_seconds(state, time.time()), 3)
        outcome = RunOutcome.RUNNING.value
        print_json({"run_id": state.run_id, "outcome": outcome, "counts": counts(state), "seconds": seconds})
    else:
        print_text(f"run {state.run_id} is running: {counts_text(counts(state))}; call again: {again}")
    return STILL_RUNNING


def _with_assistant(recalled: Recalled) -> Refused:
    from swarmskill.views.outcome import counts, counts_text
    from swarmskill.views.remedies import going_on

    state = recalled.state
    told = "an assistant runs its workers" if recalled.tended else "the assistant that ran its workers is gone"
    hint = f"watch it: swarm status {state.run_id} --watch" if recalled.tended else going_on(state)
    return Refused(f"run {state.run_id} is not over, and {told}: {counts_text(counts(state))}", hint=hint)


def _without_mayor(folder: RunFolder, state: State) -> Refused:
    from swarmskill.views.outcome import counts, counts_text

    log = f"; its log: {folder.mayor_log}" if folder.mayor_log.exists() else ""
    return Refused(
        f"run {state.run_id} is not over, and nobody is at work on it: {counts_text(counts(state))}{log}",
        hint=f"go on: swarm resume {state.run_id} --detach",
    )
