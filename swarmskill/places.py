"""Where things are: the folder of a run and the names inside it. Looks, but changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

from swarmskill.errors import Refused
from swarmskill.records import dataclass

WORKER_FOLDER = ".swarm"
"""In every worktree: the worker's own folder, ignored by git through `info/exclude`."""

RESULT_FILE = f"{WORKER_FOLDER}/result.json"

INDEXES_FOLDER = "swarm/indexes"
"""Below git's common directory: indexes of our own that live for moments, and are no run's."""

BRANCH_PREFIX = "refs/heads/swarm/"
ATTEMPT_PREFIX = "refs/swarm/"

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_KEY_LENGTH = 40


def safe_key(task_id: str) -> str:
    """A name for the task that is safe in paths, refs and tmux targets.

    Ids that are safe already stay as they are; others get a hash, so that no two ids share a key.
    """
    plain = (
        _SAFE.fullmatch(task_id) is not None
        and len(task_id) <= _KEY_LENGTH
        and ".." not in task_id
        and not task_id.endswith((".", ".lock"))
    )
    if plain:
        return task_id
    import hashlib  # here, as few ids need it

    digest = hashlib.sha256(task_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    words = re.sub(r"[^A-Za-z0-9_-]+", "-", task_id).strip("-_")[: _KEY_LENGTH - 9].rstrip("-_")
    return f"{words}-{digest}" if words else digest


def attempt_key(task_id: str, attempt: int) -> str:
    """The name of one attempt: of its worktree, log, prompt, result and job."""
    return f"{safe_key(task_id)}-{attempt}"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """`<git common dir>/swarm/runs/<run-id>/` and what is in it."""

    path: Path

    @property
    def run_id(self) -> str:
        """The run's id: the folder's name."""
        return self.path.name

    @property
    def ledger(self) -> Path:
        """One event a line, append only."""
        return self.path / "events.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the mayor."""
        return self.path / "lock"

    @property
    def origin(self) -> Path:
        """Whose child the run is: there only if a worker of another run started it."""
        return self.path / "parent.json"

    @property
    def holder(self) -> Path:
        """Tells who holds the lock."""
        return self.path / "holder.json"

    @property
    def leash(self) -> Path:
        """Locked as long as a git of the mayor lives, which may be longer than the mayor."""
        return self.path / "gits"

    @property
    def indexes(self) -> Path:
        """Folder of indexes that the mayor's gits use for moments."""
        return self.path / "indexes"

    @property
    def requests(self) -> Path:
        """Folder of what other commands ask of the mayor, one file each."""
        return self.path / "requests"

    @property
    def mail(self) -> Path:
        """Folder of the mayor's mailbox and all that the carrier keeps; also of what workers share."""
        return self.path / "mail"

    @property
    def keeper(self) -> Path:
        """Folder of the keeper process: its socket's address, its log and the ends it saw."""
        return self.path / "keeper"

    @property
    def cgroups(self) -> Path:
        """Names the folders in which the run's workers have cgroups, one a line; there only if they ever had."""
        return self.path / "cgroups"

    @property
    def windows(self) -> Path:
        """Folder of what the run's tmux windows and its mayors tell each other."""
        return self.path / "windows"

    @property
    def handed(self) -> Path:
        """Folder of what was handed out to an assistant, and of what it handed back."""
        return self.path / "host"

    @property
    def assistant(self) -> Path:
        """Which assistant runs the workers, with which tools."""
        return self.path / "host" / "assistant.json"

    @property
    def trackers(self) -> Path:
        """Folder of what the run's tracker was told and what it answered, from before each call on."""
        return self.path / "trackers"

    @property
    def checkout(self) -> Path:
        """Folder of copies of the main checkout's settings and hooks, numbered by when they changed."""
        return self.path / "checkout"

    @property
    def mayor_log(self) -> Path:
        """What a mayor without a terminal says."""
        return self.path / "mayor.log"

    @property
    def report(self) -> Path:
        """The report in Markdown, written at the end."""
        return self.path / "report.md"

    def prompt(self, key: str) -> Path:
        """What the worker was told."""
        return self.path / "prompts" / f"{key}.md"

    def assignment(self, key: str) -> Path:
        """Worktree, base and memory limit of an attempt, from before its worker started."""
        return self.path / "assignments" / f"{key}.json"

    def private(self, key: str) -> Path:
        """What only the worker's agent may read: settings of its own, while it works."""
        return self.path / "private" / key

    def log(self, key: str) -> Path:
        """All that the worker printed."""
        return self.path / "logs" / f"{key}.log"

    def result(self, key: str) -> Path:
        """The mayor's copy of what the worker claimed."""
        return self.path / "results" / f"{key}.json"

    def check_log(self, key: str, number: int, *, merged: bool) -> Path:
        """All that one check command printed, on the attempt itself or on the merged result."""
        return self.path / "checks" / f"{key}-{'merged' if merged else 'own'}-{number}.log"

    def stack_log(self, session: int, stack: int, number: int) -> Path:
        """All that one run-wide check printed on several tasks' merged result; counted per mayor's session."""
        return self.path / "checks" / "stacks" / f"{session}-{stack}-{number}.log"


def runs_folder(common_dir: Path) -> Path:
    """Where the runs of a repository are; `common_dir` is git's common directory."""
    return common_dir / "swarm" / "runs"


def run_ids(common_dir: Path) -> list[str]:
    """Ids of all runs, oldest first: ids begin with the time, so they sort by it. A start that was refused is none."""
    folder = runs_folder(common_dir)
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if _has_begun(entry / "events.jsonl"))


def newest_run_id(common_dir: Path) -> str:
    """The newest run, leaving out those that workers of other runs started, if there is any; "" for no run."""
    ids = run_ids(common_dir)
    folder = runs_folder(common_dir)
    by_hand = (run_id for run_id in reversed(ids) if not RunFolder(folder / run_id).origin.exists())
    return next(by_hand, ids[-1] if ids else "")


def last_run_id(common_dir: Path) -> str:
    """The greatest id that was ever used and is there, whether its run began or not; "" if there is none."""
    folder = runs_folder(common_dir)
    return max((entry.name for entry in folder.iterdir()), default="") if folder.is_dir() else ""


def _has_begun(ledger: Path) -> bool:
    """A mayor that died before its first line leaves nothing that could be shown or resumed."""
    try:
        return ledger.stat().st_size > 0
    except OSError:
        return False


def find_run(common_dir: Path, wanted: str = "") -> RunFolder:
    """The run of that id, or that the words are a unique part of; for "" the newest that no worker started.

    Raises Refused, with the ids there are, if none or several fit.
    """
    ids = run_ids(common_dir)
    if not ids:
        raise Refused("this repository has no run", hint="start one: swarm run tasks.json")
    if not wanted:
        return RunFolder(runs_folder(common_dir) / newest_run_id(common_dir))
    fitting = [wanted] if wanted in ids else [run_id for run_id in ids if wanted in run_id]
    if len(fitting) == 1:
        return RunFolder(runs_folder(common_dir) / fitting[0])
    problem = f"{len(fitting)} runs match" if fitting else "no run is called"
    raise Refused(f"{problem} {wanted!r}", hint="there are: " + ", ".join((fitting or ids)[-5:]))


def branch_ref(run_id: str) -> str:
    """The run branch's full name."""
    return BRANCH_PREFIX + run_id


def attempt_ref(run_id: str, key: str) -> str:
    """The ref that keeps an attempt's commit until `swarm clean`."""
    return f"{ATTEMPT_PREFIX}{run_id}/{key}"


def worktrees_folder(top: Path, run_id: str) -> Path:
    """Where a run's worktrees are, below the main checkout."""
    return top / WORKER_FOLDER / "worktrees" / run_id
