"""Who takes part in a run's mail, and whom an address means."""

from __future__ import annotations

from collections.abc import Container
from enum import StrEnum
from pathlib import Path
from typing import Final

from swarmskill.codec import dump_json, load_json
from swarmskill.mail.limits import Limits
from swarmskill.mail.mailbox import Mailbox, worker_mailbox
from swarmskill.mail.message import MAYOR
from swarmskill.writing import replace_file

_WORKERS = "workers.json"
_TASK: Final = "task:"
_WORKER: Final = "worker:"


class Whom(StrEnum):
    """Whom an address can mean. A TASK is its newest worker, or the next if it has none."""

    MAYOR = "mayor"
    TASK = "task"
    WORKER = "worker"


def whom(address: str, tasks: Container[str]) -> tuple[Whom, str]:
    """Whom an address means, and the name or the task's id. It need not be there.

    `mayor` is the mayor; then a task's id comes before a worker's name, as people write to tasks. What an id or
    `mayor` hides is reached by `task:ID` and `worker:NAME`.
    """
    if address == MAYOR:
        return Whom.MAYOR, MAYOR
    if address in tasks:
        return Whom.TASK, address
    if address.startswith(_TASK):
        return Whom.TASK, address.removeprefix(_TASK)
    return Whom.WORKER, address.removeprefix(_WORKER)


def task_address(task: str) -> str:
    """The address that means the task, whatever it is called."""
    return f"{_TASK}{task}" if task == MAYOR else task


def worker_address(name: str, tasks: Container[str]) -> str:
    """The address that means the worker, or the mayor, whatever the tasks are called."""
    return f"{_WORKER}{name}" if name != MAYOR and name in tasks else name


def workers_of(folder: Path) -> dict[str, str]:
    """The task of each worker that the mayor made a mailbox for; `folder` is the run's mail folder."""
    try:
        document = load_json((folder / _WORKERS).read_bytes())
        return {str(name): str(task) for name, task in document.items()}
    except (OSError, ValueError, AttributeError):
        return {}


class Roster:
    """The mayor's mailbox and those of the workers.

    `tasks` are the ids of the run's tasks, `expected` the names of workers that are to be added.
    """

    def __init__(
        self, folder: Path, mayor: Mailbox, tasks: Container[str], limits: Limits, expected: Container[str] = ()
    ) -> None:
        self._folder = folder
        self._all = workers_of(folder)
        self._mailboxes = {MAYOR: mayor}
        self._tasks: dict[str, str] = {}
        self._known = tasks
        self._expected = expected
        self._limits = limits

    def add(self, worker: str, task: str, worktree: Path) -> Mailbox:
        """Make the mailbox of a worker. Raises OSError where it cannot be made."""
        mailbox = worker_mailbox(worker, worktree, self._limits)
        mailbox.make()
        self._mailboxes[worker] = mailbox
        self._tasks[worker] = task
        if self._all.get(worker) != task:
            self._all[worker] = task
            replace_file(self._folder / _WORKERS, dump_json(self._all).encode())
        return mailbox

    def remove(self, worker: str) -> None:
        """Forget a worker."""
        if worker in self._tasks:
            del self._mailboxes[worker], self._tasks[worker]

    def __contains__(self, name: str) -> bool:
        return name in self._mailboxes

    def names(self) -> list[str]:
        """All participants."""
        return list(self._mailboxes)

    def mailbox(self, name: str) -> Mailbox:
        """The mailbox of a participant."""
        return self._mailboxes[name]

    def task(self, name: str) -> str:
        """The task of a worker; "" for the mayor."""
        return self._tasks.get(name, "")

    def address(self, worker: str) -> str:
        """The address that means this worker alone."""
        return worker_address(worker, self._known)

    def resolve(self, address: str) -> str | None:
        """The participant that is meant, as `whom` tells; None if there is none now."""
        kind, name = whom(address, self._known)
        if kind is not Whom.TASK:
            return name if name in self._mailboxes else None
        return next((worker for worker, task in reversed(self._tasks.items()) if task == name), None)

    def may_come(self, address: str) -> bool:
        """Whether the address is somebody's, or will be: a task may have no worker yet."""
        kind, name = whom(address, self._known)
        return name in (self._known if kind is Whom.TASK else self._expected) or self.resolve(address) is not None
