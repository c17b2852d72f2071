"""Verbs that can follow what grows: logs, events."""

from __future__ import annotations

import os
import shlex
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from swarmskill.cli.options import (
    JsonOption,
    RunArgument,
    RunOption,
    TaskArgument,
    check_task,
    is_tended,
    look_here,
    print_json,
    print_json_line,
    print_text,
    recall,
)
from swarmskill.errors import UsageError
from swarmskill.views.follow import POLL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmskill.cli.options import Recalled
    from swarmskill.core.events import Event
    from swarmskill.places import RunFolder

_READ_ONLY = "Ctrl-C leaves, the run goes on; keys: pip install 'swarmskill[tui]', in a clone '.[tui]'"

_FOLLOW = Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows, until the run is over.")]


def logs(
    task: TaskArgument,
    run: RunOption = "",
    attempt: Annotated[int, typer.Option(help="Which attempt; the last by default.")] = 0,
    follow: _FOLLOW = False,
    json: JsonOption = False,
) -> int:
    """Print what a task's worker printed.

    Example: swarm logs 3 --follow
    """
    from swarmskill.places import attempt_key
    from swarmskill.views.follow import follow_lines

    recalled = recall(run)
    check_task(recalled.state, task)
    number = attempt or recalled.state.tasks[task].attempt
    path = recalled.folder.log(attempt_key(task, number))
    if not number and not follow:
        raise UsageError(f"task {task} has not been started", hint=f"swarm why {shlex.quote(task)}")
    if not path.exists() and not follow:
        raise UsageError(f"task {task} has no log of attempt {number}", hint=f"swarm why {shlex.quote(task)}")
    stop = _until_over(recalled) if follow else lambda: True
    if json:
        print_json({"task": task, "attempt": number, "path": str(path), "lines": list(follow_lines(path, stop))})
        return 0
    for line in follow_lines(path, stop):
        print_text(line)
    return 0


def events(
    run: RunArgument = "",
    kind: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only events of this type, or that fit a pattern as `task.*`; repeatable."),
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only events about this task; repeatable.")] = None,
    descendant_of: Annotated[
        str, typer.Option(metavar="RUN", help="Events of this run and of all runs below it.")
    ] = "",
    follow: _FOLLOW = False,
    json: JsonOption = False,
) -> int:
    """Print the events of a run from its ledger. With --follow --json one JSON document a line.

    Example: swarm events --type 'task.*' --follow
    """
    from swarmskill.cli.kindred import family_events, follow_family
    from swarmskill.codec import dump_json, event_document
    from swarmskill.views.events import about_width, event_line, events_document, select_events

    if descendant_of and run:
        raise UsageError("RUN and --descendant-of are two ways to name a run", hint="leave RUN out")
    recalled = recall(descendant_of or run)
    for task_id in () if descendant_of else task or ():
        check_task(recalled.state, task_id)
    if json and not follow and not descendant_of:
        chosen = select_events(recalled.events, types=kind or (), tasks=task or ())
        print_json(events_document(recalled.folder.run_id, chosen, event_document))
        return 0
    found: Iterator[tuple[str, Event]]
    if descendant_of:
        found = follow_family(recalled) if follow else family_events(recalled)
    else:
        found = (("", event) for event in (_growing(recalled) if follow else recalled.events))
    look, width = look_here(), about_width(recalled.state.tasks)
    documents = []
    for run_id, event in found:
        if not any(select_events([event], types=kind or (), tasks=task or ())):
            continue
        if not json:
            print_text(event_line(event, look, width, run_id))
            continue
        document = {**({"run_id": run_id} if run_id else {}), **event_document(event)}
        if follow:
            print_json_line(dump_json(document, indent=False))
        else:
            documents.append(document)
    if json and not follow:
        print_json({"descendants_of": recalled.folder.run_id, "events": documents})
    return 0


def _growing(recalled: Recalled, pause: Callable[[], None] = lambda: time.sleep(POLL)) -> Iterator[Event]:
    from swarmskill.codec import BadLine, decode_event
    from swarmskill.views.follow import follow_lines

    for line in follow_lines(recalled.folder.ledger, _until_over(recalled), pause=pause):
        try:
            yield decode_event(line.encode())[1]
        except BadLine:
            continue  # A torn last line: nothing followed from it.


def watch_run(recalled: Recalled) -> Recalled:
    """Show a run that another process drives, as that one would show it; returns the run as it is then.

    Where lines are shown, how it stands comes first: the tree tells that itself.
    """
    from swarmskill.core.transitions import step
    from swarmskill.mayor.accounts import Accounts
    from swarmskill.mayor.watching import Watching
    from swarmskill.views.choose import choose_view
    from swarmskill.views.plain import PlainView
    from swarmskill.views.status import status_text

    view = choose_view(sys.stdout, os.environ, footer=_READ_ONLY)
    watching = Watching(view)
    accounts = watching.accounts = Accounts(recalled.folder, recalled.state.config.prices)
    watching.look_below(recalled.folder)
    state = recalled.state
    if isinstance(view, PlainView):
        print_text(status_text(state, time.time(), look=look_here()))
    view.start(state)

    def frame() -> None:
        accounts.follow(state)
        watching.tick(state)
        time.sleep(POLL)

    try:
        for event in islice(_growing(recalled, frame), len(recalled.events), None):
            state, _ = step(state, event)
            watching.event(event, state)
    finally:
        view.stop()
    return recall(recalled.folder.run_id)


def _until_over(recalled: Recalled) -> Callable[[], bool]:
    """Whether nobody is at work on the run any more."""
    from swarmskill.ledger import read_holder

    if recalled.hosted:
        return _until_hosted_over(recalled.folder)
    return lambda: read_holder(recalled.folder) is None


def _until_hosted_over(folder: RunFolder) -> Callable[[], bool]:
    """The same for a run that is held for moments only: whether it is over, or its assistant gone."""
    from swarmskill.core.state import Stage

    seen, state = -1, None

    def is_over() -> bool:
        nonlocal seen, state
        size = folder.ledger.stat().st_size
        if size != seen or state is None:
            seen, state = size, recall(folder.run_id).state
        return state.stage is Stage.OVER or not is_tended(folder, state, held=False)

    return is_over
