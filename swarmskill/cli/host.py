"""`swarm next` and `swarm done`: one step of a run at a time, for an assistant that runs the workers itself."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swarmskill.cli.options import JsonOption, Recalled, RunOption, check_task, print_json_line, print_text, recall
from swarmskill.errors import Refused, UsageError
from swarmskill.model import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from swarmskill.backends.handed import HandedOut
    from swarmskill.backends.host import Choice, Way
    from swarmskill.core.events import Event
    from swarmskill.core.state import State
    from swarmskill.model import Task
    from swarmskill.places import RunFolder
    from swarmskill.repo.repository import Repository
    from swarmskill.views.handout import Handed

_TOOLS = Annotated[
    str, typer.Option(metavar="A,B", help="Names of the tools that you have; what can be done with them is chosen.")
]


def next(  # noqa: A001 - the verb's name
    tasks: Annotated[str, typer.Argument(metavar="[TASKS]", help="Task file, to begin a run.")] = "",
    tools: _TOOLS = "",
    run: RunOption = "",
    backend: Annotated[
        str, typer.Option(metavar="NAME", help="subagent, team, task or inline. [the best that is possible]")
    ] = "",
    schedule: Annotated[Schedule | None, typer.Option(help="Wave by wave, or as tasks become ready. [wave]")] = None,
    max_workers: Annotated[str | None, typer.Option(metavar="N", help="Workers at the same time. [5]")] = None,
    timeout: Annotated[str | None, typer.Option(metavar="TIME", help="Time limit of one worker. [30m]")] = None,
    base: Annotated[str, typer.Option(metavar="COMMIT", help="Commit to start from. [HEAD]")] = "HEAD",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Go on with a run whose assistant is gone; its workers begin anew.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Hand out the next workers of a run that you, an assistant, spawn with tools of your own.

    Example: swarm next tasks.json --tools Agent,SendMessage,Bash --json
    """
    from swarmskill.backends.host import choose_way

    given = tuple(name.strip() for name in tools.split(",") if name.strip())
    if tasks:
        flags = {"schedule": schedule, "max_workers": max_workers, "timeout": timeout}
        choice = choose_way(given, backend)
        folder, state, before = _begin(tasks, choice, given, flags, base)
        return _hand_out(folder, state, before, choice, as_json=json)
    recalled = _recall_hosted(run)
    choice = _own(recalled, given, backend, take_over=take_over)
    first = _resumption(recalled.state) if resume else _not_stopped(recalled.state)
    state = _step(recalled.folder, first)
    return _hand_out(recalled.folder, state, recalled.state, choice, as_json=json)


def done(
    tasks: Annotated[list[str], typer.Argument(metavar="TASK…", help="Tasks whose workers have ended.")],
    attempt: Annotated[int, typer.Option(help="Which attempt has ended; the one that is out by default.")] = 0,
    result: Annotated[
        str, typer.Option(metavar="FILE", help="The result, if the worker could not write it, or -.")
    ] = "",
    worker: Annotated[str, typer.Option(metavar="ID", help="The worker's id, to reach it again for a retry.")] = "",
    run: RunOption = "",
    json: JsonOption = False,
) -> int:
    """Take back what workers did: their files are checked and committed. Tells in one line what is next.

    Example: swarm done 3 --attempt 1
    """
    from swarmskill.mayor.assistant import handed_out
    from swarmskill.model import Ending, Phase
    from swarmskill.places import RESULT_FILE, attempt_key
    from swarmskill.views.handout import done_line

    if len(tasks) > 1 and (attempt or result or worker):
        raise UsageError("--attempt, --result and --worker are about one task", hint="swarm done TASK --attempt N")
    recalled = _recall_hosted(run)
    before = recalled.state
    handed = handed_out(recalled.folder)
    for task_id in tasks:
        check_task(before, task_id)
        task = before.tasks[task_id]
        if attempt > task.attempt:
            raise UsageError(f"task {task_id} has had {task.attempt} attempts, not {attempt}", hint="swarm next --json")
        if task.phase is Phase.RUNNING and attempt in (0, task.attempt) and task.worker is not None:
            if result:
                _put_result(result, Path(task.worker.worktree) / RESULT_FILE)
            handed.tell_end(attempt_key(task_id, task.attempt), Ending.EXITED, worker)
    state = _step(recalled.folder, ())
    known = {name for name, task in before.tasks.items() if task.phase is Phase.RUNNING}
    out = [
        name
        for name, task in state.tasks.items()
        if task.phase is Phase.RUNNING and name in known and task.attempt == before.tasks[name].attempt
    ]
    line = done_line(state, tasks, sorted(out))
    if json:
        _print_compact({"run_id": state.run_id, "tasks": {task: _fate(state, task) for task in tasks}, "next": line})
    else:
        print_text(line)
    return 0


def _begin(
    name: str, choice: Choice, tools: tuple[str, ...], flags: Mapping[str, object], base: str
) -> tuple[RunFolder, State, State]:
    """Begin a run of the task file, or go on with the newest one, if that is the same and not over."""
    from swarmskill.cli.run import load_task_list, prepare
    from swarmskill.core.state import EMPTY
    from swarmskill.mayor.assistant import this_assistant, write_assistant
    from swarmskill.mayor.session import start_run
    from swarmskill.mayor.watching import Watching
    from swarmskill.model import Land, Share
    from swarmskill.places import RunFolder, last_run_id, runs_folder
    from swarmskill.runid import new_run_id
    from swarmskill.views.base import SilentView

    listed = load_task_list(name)
    hosted = tuple(_hosted(task) for task in listed.tasks)
    if (found := _same_run(hosted)) is not None:
        _own(found, tools, choice.way.name, take_over=False)
        return found.folder, _step(found.folder, _not_stopped(found.state)), found.state
    wave = flags["schedule"] in (None, Schedule.WAVE)
    defaults = {"schedule": Schedule.WAVE, "land": Land.WAVE if wave else Land.END}
    ready = prepare(listed, flags, base, Path.cwd(), defaults=defaults, hosted=True)
    most = min(ready.config.max_workers, choice.way.at_once or ready.config.max_workers)
    config = replace(ready.config, backend=choice.way.name, pool=(Share("host"),), max_workers=most)
    common_dir = ready.repository.common_dir
    folder = RunFolder(runs_folder(common_dir) / new_run_id(time.time(), last_run_id(common_dir)))
    write_assistant(folder, this_assistant(os.environ, choice.way, tools))
    watcher, environment = Watching(SilentView()), dict(os.environ)
    return folder, start_run(folder, ready.repository, hosted, config, ready.base, watcher, environment), EMPTY


def _hosted(task: Task) -> Task:
    """The task as the assistant's worker is given it: no other agent is called, and what is to be run is told."""
    import shlex

    run = f"\n\nDo it by running this command: {shlex.join(task.run)}" if task.run else ""
    return replace(task, agent="", run=(), description=(task.description or task.subject) + run)


def _same_run(tasks: tuple[Task, ...]) -> Recalled | None:
    """The newest run, if it is one of these tasks, an assistant runs its workers, and it is not over."""
    from swarmskill.core.events import RunStarted
    from swarmskill.core.state import Stage

    try:
        recalled = recall("")
    except Refused:
        return None
    first = recalled.events[0] if recalled.events else None
    same = isinstance(first, RunStarted) and first.tasks == tasks
    return recalled if same and recalled.hosted and recalled.state.stage is not Stage.OVER else None


def _recall_hosted(wanted: str) -> Recalled:
    recalled = recall(wanted)
    if not recalled.hosted:
        raise UsageError(
            f"the workers of run {recalled.folder.run_id} are run by swarm itself",
            hint=f"look at it: swarm status {recalled.folder.run_id}",
        )
    return recalled


def _own(recalled: Recalled, tools: tuple[str, ...], backend: str, *, take_over: bool) -> Choice:
    """Make sure that this assistant may go on with the run; one whose assistant is gone is taken over."""
    from swarmskill.backends.host import Choice, choose_way, find_way
    from swarmskill.mayor.assistant import read_assistant, refuse_stranger, this_assistant, write_assistant

    owner = read_assistant(recalled.folder)
    if owner is None:
        choice = choose_way(tools, backend)
        comer = this_assistant(os.environ, choice.way, tools)
        write_assistant(recalled.folder, comer)
        return choice
    own_way = find_way(owner.way, owner.form)
    comer = this_assistant(os.environ, own_way, owner.tools)
    if owner.is_same(comer):
        return Choice(own_way, ())
    if not take_over:
        refuse_stranger(recalled.folder, owner, comer)
    choice = choose_way(tools or owner.tools, backend)
    comer = this_assistant(os.environ, choice.way, tools or owner.tools)
    _give_up_workers(recalled)
    write_assistant(recalled.folder, comer)
    print(f"run {recalled.folder.run_id} is taken over from {owner.name}", file=sys.stderr)
    return choice


def _give_up_workers(recalled: Recalled) -> None:
    """Workers die with their assistant. What they finished is taken; the others begin anew."""
    from swarmskill.backends.handed import LOST
    from swarmskill.mayor.assistant import handed_out
    from swarmskill.model import Ending, Phase
    from swarmskill.places import RESULT_FILE, attempt_key

    handed = handed_out(recalled.folder)
    for task_id, task in recalled.state.tasks.items():
        if task.phase is Phase.RUNNING and task.worker is not None:
            finished = (Path(task.worker.worktree) / RESULT_FILE).is_file()
            handed.tell_end(attempt_key(task_id, task.attempt), Ending.EXITED if finished else LOST)


def _resumption(state: State) -> Sequence[Event]:
    from swarmskill.core.events import RunResumed

    return (RunResumed(at=time.time(), session=state.session + 1),)


def _not_stopped(state: State) -> Sequence[Event]:
    from swarmskill.core.state import Stop

    if state.stop is not Stop.NONE:
        raise Refused(f"run {state.run_id} was stopped: {state.stop_reason}", hint="swarm next --resume")
    return ()


def _step(folder: RunFolder, first: Sequence[Event]) -> State:
    from swarmskill.mayor.session import step_run
    from swarmskill.mayor.watching import Watching
    from swarmskill.repo.repository import Repository
    from swarmskill.views.base import SilentView

    return step_run(folder, Repository.open(Path.cwd()), Watching(SilentView()), dict(os.environ), first)


def _hand_out(folder: RunFolder, state: State, before: State, choice: Choice, *, as_json: bool) -> int:
    from swarmskill.backends.host import filled
    from swarmskill.mayor.assistant import handed_out, read_assistant
    from swarmskill.places import attempt_key, run_ids
    from swarmskill.repo.repository import Repository
    from swarmskill.views.handout import handout_document, handout_text

    owner = read_assistant(folder)
    tools = owner.tools if owner else ()
    repository = Repository.open(Path.cwd())
    way = choice.way
    using = f"{way.name} ({way.form})"
    if choice.refused:
        using += "; not " + "; not ".join(choice.refused)
    newest = run_ids(repository.common_dir)[-1] == folder.run_id
    prepared = None
    if way.before is not None and not before.run_id:
        prepared = filled(way.before, tools, {"team": _team(state)})
    out = handed_out(folder)
    handed = list(_handed(out, state, way, tools, repository))
    run_option = "" if newest else f" --run {folder.run_id}"
    document = handout_document(state, handed, using=using, wait=way.wait, before=prepared, run_option=run_option)
    if as_json:
        _print_compact(document)
    else:
        print_text(handout_text(document))
    for one in handed:
        out.mark_shown(attempt_key(one.task, one.attempt))
    return 0


def _handed(
    handed: HandedOut, state: State, way: Way, tools: tuple[str, ...], repository: Repository
) -> Iterator[Handed]:
    from swarmskill.backends.handed import PROMPT_FILE
    from swarmskill.backends.host import filled
    from swarmskill.mayor.assistant import plain_name, worker_name
    from swarmskill.model import Phase
    from swarmskill.places import attempt_key, safe_key
    from swarmskill.views.handout import Handed

    for spec in state.graph.tasks:
        task = state.tasks[spec.id]
        if task.phase is not Phase.RUNNING or task.worker is None:
            continue
        name = worker_name(safe_key(spec.id), task.attempt)
        reached = handed.address(task.session) if handed.reaches(task.session) else ""
        order = f"You are {name}. Read {task.worker.worktree}/{PROMPT_FILE} and do what it says."
        if reached:
            order = f"Read {task.worker.worktree}/{PROMPT_FILE} again: it tells what is to be done now."
        template = way.message if reached and way.message else way.spawn
        values = {"worker": name, "plain": plain_name(name), "order": order, "id": reached, "team": _team(state)}
        yield Handed(
            task=spec.id,
            attempt=task.attempt,
            worker=reached or name,
            worktree=os.path.relpath(task.worker.worktree, repository.top),
            timeout=spec.timeout or state.config.timeout,
            call=filled(template, tools, values) if template else None,
            again=handed.was_shown(attempt_key(spec.id, task.attempt)),
            known=" --worker ID" if way.message is not None and not way.named and not reached else "",
        )


def _team(state: State) -> str:
    return f"swarm-{state.run_id}"


def _put_result(source: str, target: Path) -> None:
    """Write the result that the assistant passes on, where the worker would have."""
    from swarmskill.writing import replace_file

    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the result {source}: {error.strerror}", hint="name a file, or -") from error
    replace_file(target, data)


def _fate(state: State, task_id: str) -> str:
    task = state.tasks[task_id]
    return task.outcome or task.phase


def _print_compact(document: object) -> None:
    from swarmskill.codec import dump_json

    print_json_line(dump_json(document, indent=False))
