"""`swarm next` and `swarm done`: one step of a run at a time, for an assistant that runs the workers itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarmskill.cli.lists import FromOption, WriteBackOption, load_list
from swarmskill.cli.options import JsonOption, RunOption, check_task, print_json_line, print_text
from swarmskill.cli.run_options import LandOption
from swarmskill.cli.wait import STILL_RUNNING
from swarmskill.config import Schedule
from swarmskill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from swarmskill.mayor.hosting import HostedRun, Position
    from swarmskill.model import TaskList

_TOOLS = Annotated[
    str, typer.Option(metavar="A,B", help="Names of the tools that you have; what can be done with them is chosen.")
]


def next(  # noqa: A001 - the verb's name
    tasks: Annotated[str, typer.Argument(metavar="[TASKS]", help="Task file, to begin a run.")] = "",
    from_: FromOption = "",
    write_back: WriteBackOption = None,
    tools: _TOOLS = "",
    run: RunOption = "",
    backend: Annotated[
        str, typer.Option(metavar="NAME", help="subagent, team, task or inline. [the best that is possible]")
    ] = "",
    schedule: Annotated[Schedule | None, typer.Option(help="Wave by wave, or as tasks become ready. [wave]")] = None,
    max_workers: Annotated[str | None, typer.Option(metavar="N", help="Workers at the same time. [5]")] = None,
    timeout: Annotated[str | None, typer.Option(metavar="TIME", help="Time limit of one worker. [30m]")] = None,
    base: Annotated[str, typer.Option(metavar="COMMIT", help="Commit to start from. [HEAD]")] = "HEAD",
    land: LandOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Go on with a run whose assistant is gone; its workers begin anew.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Begin a second run of a list that you were handed before.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Hand out the next workers of a run that you, an assistant, spawn with tools of your own.

    Example: swarm next tasks.json --tools Agent,SendMessage,Bash --json
    """
    from swarmskill.mayor.hosting import find_hosted, go_on
    from swarmskill.repo.repository import Repository

    given = tuple(name.strip() for name in tools.split(",") if name.strip())
    if tasks or from_:
        listed = load_list(tasks, origin=from_, write_back=write_back)
        flags = {"schedule": schedule, "max_workers": max_workers, "timeout": timeout, "land": land}
        hosted, position = _begin(listed, given, backend, flags, base, anew=anew)
    else:
        hosted = find_hosted(Repository.open(Path.cwd()), run, dict(os.environ))
        position = go_on(hosted, tools=given, backend=backend, take_over=take_over, resume=resume)
    return _tell(hosted, position, as_json=json)


def done(
    tasks: Annotated[list[str], typer.Argument(metavar="TASK…", help="Tasks whose workers have ended.")],
    attempt: Annotated[int, typer.Option(help="Which attempt has ended; the one that is out by default.")] = 0,
    result: Annotated[
        str, typer.Option(metavar="FILE", help="The result, if the worker could not write it, or -.")
    ] = "",
    worker: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK=ID", help="A worker's id, to reach it again for a retry; repeatable."),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Wait until one has left its result; take back those that have."),
    ] = None,
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Take back what workers did: their files are checked and committed. Tells in one line what is next.

    The exit code is 0 for a task whose checks failed, too: the line tells, and `tasks` with --json.
    With --wait the workers need not have ended. The exit code is 124 if none has left its result in that time.

    Example: swarm done 1 2 3 --wait 100
    """
    from swarmskill.mayor.hosting import find_hosted
    from swarmskill.mayor.taking import Ended, take_back
    from swarmskill.repo.repository import Repository
    from swarmskill.views.outcome import word

    if len(tasks) > 1 and (attempt or result):
        raise UsageError("--attempt and --result are about one task", hint="swarm done TASK --attempt N")
    if result and wait is not None:
        raise UsageError("--result is there already: nothing is to be waited for", hint="leave --wait out")
    workers = dict(_worker_ids(tasks, worker or []))
    hosted = find_hosted(Repository.open(Path.cwd()), run, dict(os.environ))
    before = hosted.read()
    for task_id in tasks:
        check_task(before, task_id)
    answer = _read_result(result) if result else None
    ends = [Ended(task_id, attempt, workers.get(task_id, ""), answer) for task_id in dict.fromkeys(tasks)]
    taken = take_back(hosted, ends, wait)
    if json:
        fates = {end.task: word(taken.state.tasks[end.task]) for end in ends}
        _print_compact({"run_id": taken.state.run_id, "tasks": fates, "next": taken.line})
    else:
        print_text(taken.line)
    return 0 if taken.came else STILL_RUNNING


def _worker_ids(tasks: Sequence[str], given: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Task and worker's id of each `TASK=ID`, or of an `ID` where only one task is spoken of."""
    for words in given:
        named = [task for task in tasks if words.startswith(f"{task}=")]
        if not named and len(tasks) > 1:
            raise UsageError(f"--worker {words} is of no task that was named", hint="write --worker TASK=ID")
        task = max(named, key=len, default=tasks[0])
        yield task, words.removeprefix(f"{task}=")


def _begin(
    listed: TaskList, tools: tuple[str, ...], backend: str, flags: Mapping[str, object], base: str, *, anew: bool
) -> tuple[HostedRun, Position]:
    """Begin a run of the list, or go on with the newest one, if that is the same."""
    from swarmskill.backends.host import choose_way
    from swarmskill.cli.run import prepare
    from swarmskill.mayor.hosting import begin, find_same, go_on
    from swarmskill.repo.repository import Repository

    environment = dict(os.environ)
    same = None if anew else find_same(Repository.open(Path.cwd()), listed.tasks, environment)
    if same is not None:
        return same, go_on(same, tools=tools, backend=backend)
    choice = choose_way(tools, backend)
    ready = prepare(listed, flags, base, Path.cwd(), defaults={"schedule": Schedule.WAVE}, hosted=True)
    return begin(
        ready.repository,
        listed.tasks,
        ready.config,
        ready.base,
        choice=choice,
        tools=tools,
        environment=environment,
        notify=ready.notify,
    )


def _tell(hosted: HostedRun, position: Position, *, as_json: bool) -> int:
    from swarmskill.mayor.hosting import hand_out, mark_shown
    from swarmskill.views.handout import handout_text

    if position.note:
        print(position.note, file=sys.stderr)
    document = hand_out(hosted, position)
    if as_json:
        _print_compact(document)
    else:
        print_text(handout_text(document))
    mark_shown(hosted, position.state)
    return 0


def _read_result(source: str) -> bytes:
    """The result that the assistant passes on."""
    try:
        return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the result {source}: {error.strerror}", hint="name a file, or -") from error


def _print_compact(document: object) -> None:
    from swarmskill.codec import dump_json

    print_json_line(dump_json(document, indent=False))
