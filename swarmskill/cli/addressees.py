"""Whether mail that somebody is about to send will be read, and by whom."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from swarmskill.cli.recalling import check_task
from swarmskill.errors import Refused
from swarmskill.mail.message import MAYOR

if TYPE_CHECKING:
    from swarmskill.cli.seat import Seat
    from swarmskill.core.state import State

_MODE = "mail is there in distributed mode: swarm run --mode=distributed"


def check_addressees(seat: Seat, recipients: tuple[str, ...]) -> list[str]:
    """What the sender should know of mail that cannot be read at once.

    Raises Refused if nobody will ever read it, UsageError if nobody is called so.
    """
    if seat.is_worker and set(recipients) == {MAYOR}:
        return []  # it lives, so its run does
    state = recall_state(seat)
    if not seat.is_worker:
        _check_run(seat, state)
    notes = [note for one in recipients if (note := _check_one(seat, state, one))]
    if not seat.is_worker and not _is_held(seat):
        run_id = seat.run.run_id
        notes.append(f"nobody drives run {run_id} just now; the mail waits for: swarm resume {run_id}")
    return notes


def recall_state(seat: Seat) -> State:
    """The state of the seat's run. Raises Refused or LedgerDamaged."""
    from swarmskill.core.transitions import fold
    from swarmskill.ledger import read_ledger

    return fold(read_ledger(seat.run.ledger).events)


def task_of(seat: Seat, address: str) -> str:
    """The task that an address means, or whose worker it means; "" for the mayor and for nobody."""
    from swarmskill.mail.roster import Whom, whom, workers_of

    kind, name = whom(address, recall_state(seat).tasks)
    return name if kind is Whom.TASK else workers_of(seat.run.mail).get(name, "")


def _is_held(seat: Seat) -> bool:
    from swarmskill.ledger import read_holder

    return read_holder(seat.run) is not None


def _check_run(seat: Seat, state: State) -> None:
    from swarmskill.config import TMUX
    from swarmskill.model import Phase

    run_id = seat.run.run_id
    if state.config.backend != TMUX:
        raise Refused(f"run {run_id} has no mailboxes: it is not a distributed run", hint=_MODE)
    if state.tasks and all(task.phase is Phase.ENDED for task in state.tasks.values()):
        raise Refused(
            f"run {run_id} has no task left: nobody will read it", hint=f"how it ended: swarm status {run_id}"
        )


def _check_one(seat: Seat, state: State, address: str) -> str:
    """What is to be known of one recipient's mail; "" if it is read now."""
    from swarmskill.mail.roster import Whom, whom, workers_of
    from swarmskill.model import Phase
    from swarmskill.places import attempt_key

    kind, name = whom(address, state.tasks)
    if kind is Whom.MAYOR:
        return ""
    task_id = name if kind is Whom.TASK else workers_of(seat.run.mail).get(name, name)
    check_task(state, task_id)
    task = state.tasks[task_id]
    words = shlex.join(["swarm", "why", task_id, "--run", seat.run.run_id])
    if task.phase is Phase.ENDED:
        raise Refused(f"task {task_id} has ended ({task.outcome}): nobody will read it", hint=f"see: {words}")
    works = task.phase in (Phase.ASSIGNED, Phase.RUNNING)
    if kind is Whom.WORKER and not (works and name == attempt_key(task_id, task.attempt)):
        raise Refused(
            f"worker {name} has ended: nobody will read it", hint=f"write to the task, for its next worker: {task_id}"
        )
    return "" if works else f"task {task_id} has no worker just now; the mail waits for its next one"
