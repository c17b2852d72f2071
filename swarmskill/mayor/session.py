"""One mayor's time with a run: take the lock, set the edges up, drive, let go."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from operator import or_
from pathlib import Path
from types import FrameType

from swarmskill.agents.environment import worker_environment
from swarmskill.backends.handed import HandedOut
from swarmskill.backends.host import HOSTED
from swarmskill.backends.process import ProcessBackend
from swarmskill.config import Notify, RunConfig
from swarmskill.core.effects import Await, BackOff
from swarmskill.core.events import Event, LimitsChanged, RunResumed, RunStarted, StopRequested
from swarmskill.core.progress import outstanding
from swarmskill.core.state import EMPTY, State
from swarmskill.core.transitions import fold, step
from swarmskill.errors import Refused
from swarmskill.history import expect
from swarmskill.ledger import Ledger
from swarmskill.lineage import record_origin
from swarmskill.mayor.accounts import Accounts
from swarmskill.mayor.assistant import handed_out
from swarmskill.mayor.branch import RunBranch
from swarmskill.mayor.cascade import CTRL_C
from swarmskill.mayor.commands import Commands
from swarmskill.mayor.context import RunContext, known_secrets
from swarmskill.mayor.courier import carried_mail
from swarmskill.mayor.deadline import Deadline
from swarmskill.mayor.health import cannot_nudge, signs
from swarmskill.mayor.isolation import CheckoutGuard
from swarmskill.mayor.leftovers import this_process
from swarmskill.mayor.loop import WAKE, Mayor
from swarmskill.mayor.memory import held_memory
from swarmskill.mayor.merging import MERGED
from swarmskill.mayor.notify import Notifier, remember
from swarmskill.mayor.performer import ThreadedPerformer
from swarmskill.mayor.refusals import explained
from swarmskill.mayor.reload import Reload, Terminal
from swarmskill.mayor.takeover import clear_locks, end_commands, leash, refuse_unexplained
from swarmskill.mayor.telling import refuse_missing
from swarmskill.mayor.watching import Watching
from swarmskill.mayor.windows import dismiss_spent, opened_windows
from swarmskill.model import Task
from swarmskill.places import RunFolder, attempt_key, worktrees_folder
from swarmskill.repo.collecting import GcPause
from swarmskill.repo.repository import Repository
from swarmskill.repo.snapshot import clear_private_indexes
from swarmskill.repo.worktree import Worktrees
from swarmskill.requests import RequestBox, submit_request
from swarmskill.telemetry.export import send_run

_NOWHERE = Path("/nonexistent")
"""Where nobody has settings of his own."""

_STEP_PATIENCE = 120.0
"""Seconds to wait for another step of the same run: its checks may take a while."""


def start_run(
    folder: RunFolder,
    repository: Repository,
    tasks: tuple[Task, ...],
    config: RunConfig,
    base: str,
    watcher: Watching,
    environment: Mapping[str, str],
    *,
    user_folder: Path = _NOWHERE,
    notify: Notify | None = None,
) -> State:
    """Run a task list to its end; `folder` names a new run, `base` is the commit to start from.

    Raises Refused when the run cannot be set up or go on; what was done by then can be resumed.
    """
    expected = expect(repository.common_dir, tasks, config.pool)
    first = RunStarted(at=time.time(), run_id=folder.run_id, tasks=tasks, config=config, base=base, expected=expected)
    refuse_missing(config, environment)
    _ignore_wake_ups()
    # Before anything of the run is there: a branch that is in the way refuses it without a trace.
    repository.ensure_run_branch(folder.run_id, base)
    with explained(folder), Ledger(folder, this_process()) as ledger:
        record_origin(folder, environment, repository.top)
        ledger.recover()
        if notify is not None:
            remember(folder, notify)
        return _drive(folder, repository, ledger, EMPTY, [first], watcher, environment, user_folder)


def resume_run(
    folder: RunFolder,
    repository: Repository,
    watcher: Watching,
    environment: Mapping[str, str],
    *,
    limits: LimitsChanged | None = None,
    user_folder: Path = _NOWHERE,
) -> State:
    """Take a run up where its last mayor left it, with other limits if they are given.

    Raises RunLocked, LedgerDamaged or Refused.
    """
    _ignore_wake_ups()
    with explained(folder), Ledger(folder, this_process()) as ledger:
        recorded = ledger.recover()
        if not recorded.events:
            raise Refused(f"run {folder.run_id} never started", hint="start it anew: swarm run")
        state = fold(recorded.events)
        refuse_missing(state.config, environment)
        if recorded.torn:
            watcher.say("the ledger's last line was not written whole and was cut off")
        if limits is not None:
            submit_request(folder, limits)
        first = RunResumed(at=time.time(), session=state.session + 1)
        return _drive(folder, repository, ledger, state, [first], watcher, environment, user_folder)


def step_run(
    folder: RunFolder,
    repository: Repository,
    watcher: Watching,
    environment: Mapping[str, str],
    first: Sequence[Event] = (),
) -> State:
    """Go one step on with a run whose workers an assistant runs: record `first`, do all that can be done now.

    Waits for another command that does the same. Raises RunLocked, LedgerDamaged or Refused.
    """
    _ignore_wake_ups()
    with explained(folder), Ledger(folder, this_process(), patience=_STEP_PATIENCE) as ledger:
        state = fold(ledger.recover().events)
        return _drive(folder, repository, ledger, state, first, watcher, environment)


def _drive(
    folder: RunFolder,
    repository: Repository,
    ledger: Ledger,
    state: State,
    first: Sequence[Event],
    watcher: Watching,
    environment: Mapping[str, str],
    user_folder: Path = _NOWHERE,
) -> State:
    folded = state
    for event in first:
        folded, _ = step(folded, event)
    config, session, head = folded.config, folded.session, folded.head
    handed = handed_out(folder) if config.backend in HOSTED else None
    accounts = watcher.accounts = Accounts(folder, config.prices)
    watcher.look_below(folder)
    with (
        leash(folder) as held,
        held_memory(folder, config, folded.graph.tasks, watcher.say, hosted=handed is not None) as memory,
        closing(ProcessBackend(folder.keeper)) as backend,
        opened_windows(folder, config) as tmux,
        carried_mail(folder, folded, known_secrets(environment, config), watcher.say, accounts.note) as courier,
    ):
        git = replace(repository.git, leash=held)
        repository = replace(repository, git=git, indexes=folder.indexes)
        _prepare_repository(repository, folder.run_id, head)
        if state.head:
            refuse_unexplained(repository, state)
        backend.open()
        end_commands(backend)
        # Steps of one session are many commands, whose jobs must not share their names.
        commands = Commands(backend, time.time_ns() if handed else session, config.grace, config.secrets)
        worktrees = _worktrees(folder, repository, config, state, commands, environment)
        no_gc = GcPause(repository.common_dir)
        run = RunContext(
            folder,
            config,
            repository,
            worktrees,
            backend,
            handed or (tmux[0] if tmux else backend),
            handed,
            commands,
            environment,
            guard=CheckoutGuard(repository, folder, config.isolation, no_gc, ours=config.list_file),
            branch=RunBranch(repository, folder.run_id, head, watcher.say),
            no_gc=no_gc,
            memory=memory,
            accounts=accounts,
            courier=courier,
        )
        state = _run_mayor(run, ledger, state, session, first, watcher, user_folder)
        dismiss_spent(tmux, state)
        if not config.keep:
            worktrees.release(worktrees.root / MERGED)
            worktrees.drain()
            worktrees.prune()
    send_run(folder, state, environment, watcher.say)
    return state


def _run_mayor(
    run: RunContext,
    ledger: Ledger,
    state: State,
    session: int,
    first: Sequence[Event],
    watcher: Watching,
    user_folder: Path,
) -> State:
    box, handed = RequestBox(run.folder), run.handed
    enough = partial(_is_with_assistant, handed) if handed else lambda _: False
    reload = Reload(run.repository.top, user_folder, watcher.say)
    mayor = Mayor(
        book=ledger, watcher=watcher, requests=lambda: [*box.take(), *reload.take()], state=state, enough=enough
    )
    notifier = Notifier(run, watcher.say)
    if handed is not None:
        seen = _seen_of_workers(run, handed, state)
        with closing(notifier), closing(ThreadedPerformer(run, mayor.receive, [notifier.heard])) as performer:
            state = mayor.run(performer, [*seen, *first])
            box.settle()
        return state
    deadline = Deadline(mayor.receive, session, state.started_at, run.config.deadline)
    listeners = [deadline.heard, notifier.heard]
    with (
        closing(deadline),
        closing(notifier),
        closing(ThreadedPerformer(run, mayor.receive, listeners)) as performer,
    ):
        with _signals(mayor, session, watcher, reload):
            state = mayor.run(performer, first)
        box.settle()
    return state


def _seen_of_workers(run: RunContext, handed: HandedOut, state: State) -> list[Event]:
    """Which of the assistant's workers changed nothing in their worktrees for long, and which get on again."""
    patience = state.config.patience
    if patience is None:
        return []
    found = signs(run.folder, state, patience, cannot_nudge)
    return [event for event in found if not handed.expect(attempt_key(event.task, event.attempt)).has_come()]


def _is_with_assistant(handed: HandedOut, state: State) -> bool:
    """Whether nothing is left to do until the assistant hands something back."""
    left = list(outstanding(state))
    now = time.time()
    out = [isinstance(effect, Await) and handed.is_out(attempt_key(effect.task, effect.attempt)) for effect in left]
    later = [isinstance(effect, BackOff) and effect.until > now for effect in left]
    # A wait goes on while the assistant's workers do; with none of those this command has to sit it out.
    return all(map(or_, out, later)) and (any(out) or not left)


def _prepare_repository(repository: Repository, run_id: str, head: str) -> None:
    repository.exclude_worker_folder()
    clear_locks(repository, run_id)
    clear_private_indexes(repository)
    repository.ensure_run_branch(run_id, head)


def _worktrees(
    folder: RunFolder,
    repository: Repository,
    config: RunConfig,
    state: State,
    commands: Commands,
    environment: Mapping[str, str],
) -> Worktrees:
    """The run's worktrees; those of integrated attempts can be used again."""
    numbers = itertools.count(1)
    variables = worker_environment(environment, allow=config.env, extra={"SWARM_RUN_ID": folder.run_id})

    def run_setup(words: Sequence[str], worktree: Path) -> tuple[int, str]:
        log = folder.path / "setup" / f"{commands.session}-{next(numbers)}.log"
        ran = commands.run(words, variables, cwd=worktree, timeout=config.timeout, log=log)
        return ran.exit_code, ran.cannot_start or ran.output

    root = worktrees_folder(repository.top, folder.run_id)
    worktrees = Worktrees(repository, folder.run_id, root, config.worktree, run_command=run_setup)
    worktrees.prune()
    if not config.keep:
        done = [task for task in state.tasks.values() if task.commit and task.worker]
        worktrees.adopt(*(Path(task.worker.worktree) for task in done if task.worker))
    return worktrees


def _ignore_wake_ups() -> None:
    """From before others can see that we hold the run: a wake-up would kill a process that does not expect one."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGUSR1, lambda *_: None)


@contextmanager
def _signals(mayor: Mayor, session: int, watcher: Watching, reload: Reload) -> Iterator[None]:
    """Ctrl-C once stops at the next boundary, twice kills; TERM stops the workers; USR1 wakes; HUP reloads."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    presses, terminal = 0, Terminal()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses == 1:
            watcher.say("stopping: workers in flight may finish; press Ctrl-C again to kill them")
        mayor.receive(_stop(session, force=presses > 1, reason=CTRL_C))

    def hang_up(number: int, _frame: FrameType | None) -> None:
        if terminal.is_gone():  # nobody sees us any more: end as ever, and be resumed
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        reload.ask()
        mayor.receive(WAKE)

    handlers = {
        signal.SIGHUP: hang_up,
        signal.SIGINT: interrupt,
        signal.SIGTERM: lambda *_: mayor.receive(_stop(session, now=True, reason="SIGTERM")),
        signal.SIGUSR1: lambda *_: mayor.receive(WAKE),
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(session: int, *, now: bool = False, force: bool = False, reason: str) -> Event:
    return StopRequested(at=time.time(), session=session, now=now or force, force=force, reason=reason)
