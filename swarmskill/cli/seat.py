"""Who types a mail verb: a worker in its worktree, or a person, who speaks as the mayor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from swarmskill.errors import Refused
from swarmskill.places import WORKER_FOLDER, RunFolder, attempt_key, find_run, runs_folder
from swarmskill.records import dataclass

if TYPE_CHECKING:
    from swarmskill.mail.mailbox import Mailbox


@dataclass(frozen=True, slots=True)
class Seat:
    """The mailbox of whoever types, its task ("" for a person), and the run's folder."""

    mailbox: Mailbox
    task: str
    run: RunFolder

    @property
    def is_worker(self) -> bool:
        """Whether it is a worker's."""
        from swarmskill.mail.message import MAYOR

        return self.mailbox.name != MAYOR


def take_seat(wanted_run: str = "") -> Seat:
    """Find out who types. Raises Refused if there is no run, or the worker has no mailbox."""
    from swarmskill.mail.mailbox import read_owner, worker_mailbox

    worktree = _worktree()
    owner = read_owner(worktree) if worktree else None
    if worktree is not None and owner is not None:
        run = RunFolder(Path(owner.run_folder))
        return Seat(worker_mailbox(owner.name, worktree), owner.task, run)
    task, run_id = os.environ.get("SWARM_TASK_ID", ""), os.environ.get("SWARM_RUN_ID", "")
    if not (task and run_id):
        return _person(wanted_run)
    name = attempt_key(task, int(os.environ.get("SWARM_ATTEMPT", "1")))
    if worktree is None:
        hint = "mail is there in distributed mode: swarm run --mode=distributed"
        raise Refused(f"worker {name} has no mailbox", hint=hint)
    return Seat(worker_mailbox(name, worktree), task, _run_of(run_id))


def _worktree() -> Path | None:
    """The worktree with a mailbox: the one that the assignment names, else the one around the current folder."""
    named = os.environ.get("SWARM_RESULT", "")
    starts = [Path(named).parent.parent] if named else []
    for folder in (*starts, Path.cwd(), *Path.cwd().parents):
        if (folder / WORKER_FOLDER / "mail" / "outbox").is_dir():
            return folder
    return None


def _run_of(run_id: str) -> RunFolder:
    from swarmskill.repo.locate import locate

    repository = os.environ.get("SWARM_REPO") or Path.cwd()
    return RunFolder(runs_folder(locate(Path(repository)).common_dir) / run_id)


def _person(wanted: str) -> Seat:
    from swarmskill.mail.mailbox import mayor_mailbox
    from swarmskill.repo.locate import locate

    run = find_run(locate(Path.cwd()).common_dir, wanted)
    run.mail.mkdir(parents=True, exist_ok=True)
    mailbox = mayor_mailbox(run.mail)
    mailbox.make()
    return Seat(mailbox, "", run)
