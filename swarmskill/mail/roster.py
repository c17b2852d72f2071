"""Who takes part in a run's mail, and whom an address means."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from swarmskill.codec import dump_json, load_json
from swarmskill.mail.limits import Limits
from swarmskill.mail.mailbox import Mailbox, worker_mailbox
from swarmskill.mail.message import MAYOR
from swarmskill.writing import replace_file

_WORKERS = "workers.json"


def workers_of(folder: Path) -> dict[str, str]:
    """The task of each worker that the mayor made a mailbox for; `folder` is the run's mail folder."""
    try:
        document = load_json((folder / _WORKERS).read_bytes())
        return {str(name): str(task) for name, task in document.items()}
    except (OSError, ValueError, AttributeError):
        return {}


class Roster:
    """The mayor's mailbox and those of the workers. `tasks` are the ids of the run's tasks."""

    def __init__(self, folder: Path, mayor: Mailbox, tasks: Container[str], limits: Limits) -> None:
        self._folder = folder
        self._all = workers_of(folder)
        self._mailboxes = {MAYOR: mayor}
        self._tasks: dict[str, str] = {}
        self._known = tasks
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

    def resolve(self, address: str) -> str | None:
        """The participant that is meant: by name, or the newest worker on the task of that id."""
        if address in self._mailboxes:
            return address
        return next((name for name, task in reversed(self._tasks.items()) if task == address), None)

    def may_come(self, address: str) -> bool:
        """Whether the address is somebody's, or will be: a task may have no worker yet."""
        return self.resolve(address) is not None or address in self._known
