"""What distributed mode needs, looked at before anything is made: tmux, folders to write in, locks."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from swarmskill.backends.tmux_server import TmuxServer, check_tmux
from swarmskill.backends.windows import WindowFiles
from swarmskill.errors import Refused
from swarmskill.places import WORKER_FOLDER, runs_folder
from swarmskill.records import dataclass
from swarmskill.repo.repository import Repository


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at: how it is, or in `problem` and `fix` what is missing."""

    name: str
    found: str = ""
    problem: str = ""
    fix: str = ""


def examine(repository: Repository, agents: tuple[str, ...]) -> Iterator[Checked]:
    """Look at each in turn. `agents` can work: that was looked at before. Leaves nothing behind."""
    yield _checked("tmux", check_tmux)
    yield _checked("windows", _open_a_window)
    yield Checked("agents", ", ".join(agents))
    yield _checked("worktrees", lambda: _write_below(repository.top / WORKER_FOLDER))
    yield _checked("mailboxes", lambda: _write_below(runs_folder(repository.common_dir)))
    yield _checked("lock", lambda: _lock_twice(repository.common_dir))


def _checked(name: str, look: Callable[[], str]) -> Checked:
    try:
        return Checked(name, look())
    except Refused as refused:
        return Checked(name, problem=refused.message, fix=refused.hint)
    except OSError as error:
        return Checked(name, problem=str(error), fix="check the rights and the disk")


def _open_a_window() -> str:
    with tempfile.TemporaryDirectory(prefix="swarm-preflight-") as folder:
        server = TmuxServer(WindowFiles(folder))
        try:
            server.open_window("preflight", ["sleep", "60"])
        finally:
            server.end()
    return "a server starts"


def _write_below(folder: Path) -> str:
    """Write a file where the folder is, or would be made."""
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    with tempfile.TemporaryFile(dir=there) as file:
        file.write(b"x")
    return f"{folder} is writable"


def _lock_twice(folder: Path) -> str:
    """Whether a lock keeps a second one out there: not every file system over a network does that."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix="swarm-lock-") as first, Path(first.name).open("rb") as second:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "healthy"
    raise Refused(f"locks in {folder} keep nobody out", hint="put the repository on a local file system")
