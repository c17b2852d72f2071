"""Distributed mode of `swarm run`: its preflight, and the command that returns while the run goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from swarmskill.cli.options import print_json, print_text, tell
from swarmskill.errors import Refused

if TYPE_CHECKING:
    from swarmskill.cli.detach import ViewOf
    from swarmskill.mayor.preflight import Checked
    from swarmskill.model import TaskList
    from swarmskill.places import RunFolder
    from swarmskill.repo.repository import Repository


def passes_preflight(repository: Repository, listed: TaskList, pool: tuple[str, ...]) -> bool:
    """Show what distributed mode needs. False if something is missing and the user takes local mode instead.

    Raises Refused if something is missing and the user does not, or cannot be asked.
    """
    from swarmskill.mayor.preflight import examine

    agents = dict.fromkeys([*(task.agent for task in listed.tasks if task.agent and not task.done), *pool])
    missing: list[Checked] = []
    tell("preflight of distributed mode")
    for one in examine(repository, tuple(agents)):
        tell(f"  {'--' if one.problem else 'ok'}  {one.name:<10} {one.problem or one.found}")
        if one.problem:
            tell(f"                 {one.fix}")
            missing.append(one)
    if not missing:
        return True
    if sys.stdin.isatty() and sys.stderr.isatty():
        import typer

        if typer.confirm("Run in local mode instead?", default=False, err=True):
            return False
    first = missing[0]
    raise Refused(f"distributed mode cannot start: {first.name}: {first.problem}", hint=first.fix)


def begin(go: Callable[[ViewOf], int], *, as_json: bool) -> int:
    """Let the run go on by itself, and tell how to follow it; returns the exit code."""
    from swarmskill.cli.detach import detach

    return detach(go, as_json=as_json, follow=("swarm attach --run {}", "swarm status {} --watch"))


def begin_and_wait(go: Callable[[ViewOf], int], timeout: float, *, as_json: bool) -> int:
    """Let the run go on by itself, and wait for its end; returns the exit code.

    When the time is over before the run is, nothing is ended: what still runs is listed, and the code is 1.
    """
    from swarmskill.cli.detach import leave
    from swarmskill.cli.options import recall
    from swarmskill.cli.run import tell_end
    from swarmskill.cli.wait import wait_released

    begun = leave(go)
    if isinstance(begun, int):
        return begun
    folder = recall(begun.run_id).folder
    tell(f"run {begun.run_id} has begun; look at it: swarm attach --run {begun.run_id}")
    if wait_released(folder, timeout):
        return tell_end(folder, recall(begun.run_id).state, as_json=as_json)
    return _tell_running(folder, timeout, as_json=as_json)


def _tell_running(folder: RunFolder, timeout: float, *, as_json: bool) -> int:
    import time

    from swarmskill.cli.options import recall
    from swarmskill.core.graph import bits
    from swarmskill.views.marks import duration
    from swarmskill.views.outcome import task_seconds

    state, now = recall(folder.run_id).state, time.time()
    busy = [state.graph.tasks[rank].id for rank in bits(state.busy)]
    ways = {
        "wait longer": f"swarm wait {folder.run_id}",
        "look at one": f"swarm attach TASK --run {folder.run_id}",
        "kill the workers and try again": f"swarm kill {folder.run_id}, then: swarm resume {folder.run_id}",
    }
    if as_json:
        rows = [{"id": task, "seconds": round(task_seconds(state.tasks[task], now) or 0.0, 3)} for task in busy]
        print_json({"run_id": folder.run_id, "outcome": "running", "running": rows, "next": list(ways.values())})
        return 1
    print_text(f"run {folder.run_id} still runs after {duration(timeout)}; nothing was ended")
    for task in busy:
        print_text(f"  {task}  {duration(task_seconds(state.tasks[task], now) or 0.0)}")
    for does, command in ways.items():
        print_text(f"{does}: {command}")
    return 1


def without_timeout(flags: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    """The flags without the timeout, and that in seconds: with --wait it is the command's, not a worker's."""
    from swarmskill.settings import effective, options

    rest = {name: value for name, value in flags.items() if name != "timeout"}
    timeout = effective(options({"timeout": flags["timeout"]}))["timeout"].value
    return rest, float(timeout)
