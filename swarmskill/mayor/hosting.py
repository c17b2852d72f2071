"""A run whose workers an assistant runs, one step at a time: what `swarm next` and its like do."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from swarmskill.backends.handed import LOST, PROMPT_FILE, HandedOut
from swarmskill.backends.host import HOSTED, Choice, Way, choose_way, filled, find_way
from swarmskill.config import Notify, RunConfig, Share
from swarmskill.core.events import Event, RunResumed, RunStarted
from swarmskill.core.state import Stage, State, Stop
from swarmskill.core.transitions import fold
from swarmskill.errors import Refused, SwarmError, UsageError
from swarmskill.ledger import read_ledger
from swarmskill.mayor.assistant import (
    comer_to,
    handed_out,
    plain_name,
    read_assistant,
    refuse_stranger,
    this_assistant,
    worker_name,
    write_assistant,
)
from swarmskill.mayor.session import start_run, step_run
from swarmskill.mayor.watching import Watching
from swarmskill.model import Ending, Phase, Task
from swarmskill.places import (
    RESULT_FILE,
    RunFolder,
    attempt_key,
    find_run,
    last_run_id,
    newest_run_id,
    runs_folder,
    safe_key,
)
from swarmskill.records import dataclass
from swarmskill.repo.repository import Repository
from swarmskill.runid import new_run_id
from swarmskill.views.base import SilentView
from swarmskill.views.handout import DoneCommand, Handed, handout_document

_BEFORE = "before"
"""Stands for the call that is made once, among what the assistant was shown."""


@dataclass(frozen=True, slots=True)
class HostedRun:
    """A run whose workers an assistant runs; `environment` is that of the command which it called."""

    folder: RunFolder
    repository: Repository
    environment: Mapping[str, str]

    def read(self) -> State:
        """How it stands. Raises LedgerDamaged."""
        return fold(read_ledger(self.folder.ledger).events)

    def step(self, *first: Event) -> State:
        """Record these events, do all that can be done now. Raises RunLocked, LedgerDamaged or Refused."""
        return step_run(self.folder, self.repository, Watching(SilentView()), self.environment, first)

    def done_command(self, seconds: float) -> DoneCommand:
        """How its assistant takes workers back, waiting that long."""
        newest = newest_run_id(self.repository.common_dir) == self.folder.run_id
        return DoneCommand(seconds, "" if newest else self.folder.run_id)

    @property
    def tended(self) -> bool:
        """Whether its assistant is there."""
        owner = read_assistant(self.folder)
        return owner is not None and owner.alive


@dataclass(frozen=True, slots=True)
class Position:
    """Where a step led. `choice` is how workers are spawned, `note` what a person should know of who goes on."""

    state: State
    choice: Choice
    note: str = ""


def find_hosted(repository: Repository, wanted: str, environment: Mapping[str, str]) -> HostedRun:
    """The run that the words mean. Raises Refused if there is none, UsageError if it is not an assistant's."""
    found = HostedRun(find_run(repository.common_dir, wanted), repository, environment)
    if found.read().config.backend not in HOSTED:
        run_id = found.folder.run_id
        raise UsageError(
            f"the workers of run {run_id} are run by swarm itself", hint=f"look at it: swarm status {run_id}"
        )
    return found


def find_same(repository: Repository, tasks: Sequence[Task], environment: Mapping[str, str]) -> HostedRun | None:
    """The newest run, if an assistant was handed these very tasks and there is something to say of it.

    That is: it is not over, or it was this assistant's, who asks twice.
    """
    newest = newest_run_id(repository.common_dir)
    if not newest:
        return None
    found = HostedRun(RunFolder(runs_folder(repository.common_dir) / newest), repository, environment)
    try:
        events = read_ledger(found.folder.ledger).events
    except SwarmError:
        return None
    first = events[0] if events else None
    if not isinstance(first, RunStarted) or first.config.backend not in HOSTED or not _is_same(first, tasks):
        return None
    state, owner = fold(events), read_assistant(found.folder)
    if state.stage is not Stage.OVER or state.open:
        return found
    return found if owner is not None and owner.is_same(comer_to(owner, environment)) else None


def _is_same(first: RunStarted, tasks: Sequence[Task]) -> bool:
    """Whether the run is of these tasks; a list that it ticks itself has changed meanwhile, and is the same."""
    if first.config.tracker:
        return [(task.id, task.subject) for task in first.tasks] == [(task.id, task.subject) for task in tasks]
    return first.tasks == as_hosted(tasks)


def begin(
    repository: Repository,
    tasks: Sequence[Task],
    config: RunConfig,
    base: str,
    *,
    choice: Choice,
    tools: tuple[str, ...],
    environment: Mapping[str, str],
    notify: Notify | None = None,
) -> tuple[HostedRun, Position]:
    """Begin a run of these tasks for the assistant that calls. Raises Refused when it cannot be set up."""
    most = min(config.max_workers, choice.way.at_once or config.max_workers)
    config = replace(config, backend=choice.way.name, pool=(Share("host"),), max_workers=most)
    common_dir = repository.common_dir
    folder = RunFolder(runs_folder(common_dir) / new_run_id(time.time(), last_run_id(common_dir)))
    write_assistant(folder, this_assistant(environment, choice.way, tools))
    watcher = Watching(SilentView())
    state = start_run(folder, repository, as_hosted(tasks), config, base, watcher, environment, notify=notify)
    return HostedRun(folder, repository, environment), Position(state, choice)


def go_on(
    run: HostedRun, *, tools: tuple[str, ...] = (), backend: str = "", take_over: bool = False, resume: bool = False
) -> Position:
    """Do all that can be done now, for the run's own assistant, or one that takes it over.

    Raises Refused if it belongs to another that is there, or was stopped and is not to be resumed.
    """
    state = run.read()
    choice, note = _claim(run, state, tools, backend, take_over=take_over)
    if resume:
        return Position(run.step(RunResumed(at=time.time(), session=state.session + 1)), choice, note)
    if state.stop is not Stop.NONE and state.stage is Stage.OVER:
        reason = state.stop_reason or "on request"
        raise Refused(f"run {state.run_id} was stopped: {reason}", hint="if the user wants so: swarm next --resume")
    return Position(run.step(), choice, note)


def hand_out(run: HostedRun, position: Position) -> dict[str, Any]:
    """What to tell the assistant: `swarm next --json`. Call `mark_shown` when it was told."""
    state, choice = position.state, position.choice
    owner, out = read_assistant(run.folder), handed_out(run.folder)
    tools = owner.tools if owner else ()
    before = None
    if choice.way.before is not None and not out.was_shown(_BEFORE):
        before = filled(choice.way.before, tools, {"team": _team(state)})
    return handout_document(
        state,
        list(_handed(out, state, choice.way, tools, run.repository)),
        using=f"{choice.way.name} ({choice.way.form})",
        refused=choice.refused,
        wait=choice.way.wait,
        before=before,
        done=run.done_command(choice.way.patience),
    )


def mark_shown(run: HostedRun, state: State) -> None:
    """The assistant was told of all workers that are out."""
    out = handed_out(run.folder)
    for task_id, task in state.tasks.items():
        if task.phase is Phase.RUNNING and not out.was_shown(key := attempt_key(task_id, task.attempt)):
            out.mark_shown(key)
    if not out.was_shown(_BEFORE):
        out.mark_shown(_BEFORE)


def workers_out(state: State) -> list[str]:
    """Names of the workers that are with the assistant."""
    running = [task_id for task_id, task in state.tasks.items() if task.phase is Phase.RUNNING]
    return [worker_name(safe_key(task_id), state.tasks[task_id].attempt) for task_id in sorted(running)]


def as_hosted(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """The tasks as the assistant's workers are given them: no other agent is called, and what is to be run is told."""
    return tuple(_as_hosted(task) for task in tasks)


def _as_hosted(task: Task) -> Task:
    run = f"\n\nDo it by running this command: {shlex.join(task.run)}" if task.run else ""
    return replace(task, agent="", run=(), description=(task.description or task.subject) + run)


def _claim(
    run: HostedRun, state: State, tools: tuple[str, ...], backend: str, *, take_over: bool
) -> tuple[Choice, str]:
    """Make sure that the caller may go on with the run; one whose assistant is gone is taken over."""
    owner = read_assistant(run.folder)
    if owner is None:
        return _become_owner(run, choose_way(tools, backend), tools), ""
    comer = comer_to(owner, run.environment)
    same, alive = owner.is_same(comer), owner.alive
    if not take_over and not same:
        refuse_stranger(run.folder, owner, comer)
    known = tools or owner.tools
    if same and not backend and set(known) == set(owner.tools):
        choice = Choice(find_way(owner.way, owner.form), ())
    else:
        choice = choose_way(known, backend or (owner.way if set(known) == set(owner.tools) else ""))
    if same and alive and not take_over:
        return (choice if choice.way.form == owner.form else _become_owner(run, choice, known)), ""
    _give_up_workers(run, state)
    return _become_owner(run, choice, known), f"run {state.run_id} is taken over from {owner.name}"


def _become_owner(run: HostedRun, choice: Choice, tools: tuple[str, ...]) -> Choice:
    write_assistant(run.folder, this_assistant(run.environment, choice.way, tools))
    return choice


def _give_up_workers(run: HostedRun, state: State) -> None:
    """Workers die with their assistant's process. What they finished is taken; the others begin anew."""
    handed = handed_out(run.folder)
    for task_id, task in state.tasks.items():
        if task.phase is Phase.RUNNING and task.worker is not None:
            finished = (Path(task.worker.worktree) / RESULT_FILE).is_file()
            handed.tell_end(attempt_key(task_id, task.attempt), Ending.EXITED if finished else LOST)


def _handed(out: HandedOut, state: State, way: Way, tools: tuple[str, ...], repository: Repository) -> Iterator[Handed]:
    for spec in state.graph.tasks:
        task = state.tasks[spec.id]
        if task.phase is not Phase.RUNNING or task.worker is None:
            continue
        name, key = worker_name(safe_key(spec.id), task.attempt), attempt_key(spec.id, task.attempt)
        reached = out.address(task.session) if out.reaches(task.session) else ""
        order = f"You are {name}. Read {task.worker.worktree}/{PROMPT_FILE} and do what it says."
        if reached:
            order = f"Read {task.worker.worktree}/{PROMPT_FILE} again: it tells what is to be done now."
        template = way.message if reached and way.message else way.spawn
        values = {"worker": name, "plain": plain_name(name), "order": order, "id": reached, "team": _team(state)}
        yield Handed(
            task=spec.id,
            worker=reached or name,
            worktree=os.path.relpath(task.worker.worktree, repository.top),
            timeout=spec.timeout or state.config.timeout,
            call=filled(template, tools, values) if template else None,
            again=out.was_shown(key),
            nameless=way.message is not None and not (way.named or reached or out.worker(key)),
        )


def _team(state: State) -> str:
    return f"swarm-{state.run_id}"
