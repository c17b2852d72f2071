"""`swarm attach`: a worker's window, in this terminal."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from swarmskill.cli.options import JsonOption, Recalled, RunOption, check_task, print_json, print_text, recall
from swarmskill.errors import Refused

if TYPE_CHECKING:
    from swarmskill.backends.tmux_server import Window


def attach(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="Task id; all windows by default.")] = "",
    run: RunOption = "",
    show: Annotated[bool, typer.Option("--print", help="Print the command instead.")] = False,
    json: JsonOption = False,
) -> int:
    """Look at the worker of a task in its tmux window, or at all windows of a run. To leave: Ctrl-B, then d.

    The worker neither needs the window nor hears its keys, unless the run is --interactive.

    Example: swarm attach 3
    """
    recalled = recall(run)
    words = _words(recalled, task)
    if json:
        print_json({"run_id": recalled.folder.run_id, "command": words})
    elif show:
        print_text(shlex.join(words))
    elif not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("this is no terminal in which a window could be shown", hint=shlex.join(words))
    else:
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}
        os.execvpe(words[0], words, environment)
    return 0


def _words(recalled: Recalled, task: str) -> list[str]:
    from swarmskill.mayor.windows import tmux_of

    state, run_id = recalled.state, recalled.folder.run_id
    if task:
        check_task(state, task)
    backends = tmux_of(recalled.folder, state.config)
    if not backends:
        logs = shlex.join(["swarm", "logs", *([task] if task else ["TASK"]), "--run", run_id, "--follow"])
        raise Refused(f"the workers of run {run_id} have no windows: it is a local run", hint=f"read along: {logs}")
    server = backends[0].server
    windows = server.windows()
    if not windows and server.is_killed:
        _refuse_killed(recalled, len(backends[0].running()))
    if task:
        return server.attach_words(_window(recalled, task, windows))
    if not windows:
        raise Refused(
            f"run {run_id} has no window open: those of completed tasks are closed", hint=f"swarm status {run_id}"
        )
    return server.attach_words()


def _refuse_killed(recalled: Recalled, living: int) -> None:
    """Raise Refused if windows should be there. A server that closed its last one is gone as well."""
    from swarmskill.mayor.windows import spent_windows

    state, run_id = recalled.state, recalled.folder.run_id
    if living:
        workers = "1 worker of it goes" if living == 1 else f"{living} workers of it go"
        hint = f"read along: swarm logs TASK --run {run_id} --follow"
        raise Refused(f"the tmux of run {run_id} is gone; {workers} on without a window", hint=hint)
    if any(task.attempt and not spent_windows(state, name) for name, task in state.tasks.items()):
        raise Refused(f"the tmux of run {run_id} is gone; no worker of it is alive", hint=f"swarm status {run_id}")


def _window(recalled: Recalled, task: str, windows: dict[str, Window]) -> Window:
    """The window of the task's last attempt that has one."""
    from swarmskill.places import attempt_key, safe_key

    attempts = recalled.state.tasks[task].attempt
    for attempt in range(attempts, 0, -1):
        if window := windows.get(safe_key(attempt_key(task, attempt))):
            return window
    why = "its window is closed" if attempts else "it has not started"
    verb = "logs" if attempts else "why"
    hint = shlex.join(["swarm", verb, task, "--run", recalled.folder.run_id])
    raise Refused(f"there is no window of task {task}: {why}", hint=hint)
