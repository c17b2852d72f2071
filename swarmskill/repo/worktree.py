"""One git worktree per attempt, used again when it is free: a fresh checkout of a large tree takes seconds.

Worktrees are made locked. A lock costs nothing, keeps a worker's or a user's `git worktree prune` and
`git worktree remove --force` off a worktree that is in use or being moved, and tells in `git worktree list`
whose it is. The price is that git alone never forgets a worktree whose folder was deleted by hand:
`Worktrees.prune` does.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from swarmskill.config import WorktreeSetup
from swarmskill.places import WORKER_FOLDER
from swarmskill.records import dataclass
from swarmskill.repo import admin
from swarmskill.repo.files import remove_tree
from swarmskill.repo.git import GitFailed
from swarmskill.repo.repository import Repository
from swarmskill.repo.setup import RunCommand, refuse_escaping, set_up

_TRASH = ".trash-"
_TRIES = 6
_CONTENTION = ("failed to read", "could not read", "lock", "File exists")
_ADDING = threading.Lock()
_AT_ONCE = 4
"""Worktrees that are removed at the same time."""

_PARALLEL_FROM = 1000
"""Files from which several checkout processes are faster than one."""


@dataclass(frozen=True, slots=True)
class Acquired:
    """A clean checkout. `warnings` tells what the set-up names but could not bring."""

    path: Path
    warnings: tuple[str, ...] = ()


class Worktrees:
    """The worktrees of one run below `root`. Any number of threads may use it, each on keys of its own."""

    def __init__(
        self,
        repository: Repository,
        run_id: str,
        root: Path,
        setup: WorktreeSetup,
        *,
        run_command: RunCommand,
    ) -> None:
        """Raises InputError when the set-up names a path outside the repository."""
        refuse_escaping(setup)
        self.repository = repository
        self.root = Path(os.path.realpath(root))  # git records real paths
        self._reason = f"in use by swarm run {run_id}"
        self._setup = setup
        self._run_command = run_command
        self._lock = threading.Lock()
        self._free: list[Path] = []

    def acquire(self, key: str, base: str) -> Acquired:
        """A detached checkout of commit `base` at `root/key`: clean, ignored files gone too but for `setup.keep`.

        What is at that place already is used again if it was given back, else thrown away and not cleaned: a git
        that outlived a killed mayor may still write or clean there, and goes on doing so in what was moved
        aside. A key that another thread is working with must not be asked for. Raises GitFailed, SetupFailed (the
        worktree is given back then), or OSError (disk full, something in the way that cannot be moved).
        """
        path = self.root / key
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock:
            given_back = path in self._free
            self._free = [free for free in self._free if free != path]
        if not (given_back and self._reset(path, base)):
            self._discard(path)
            if not self._reuse(path, base):
                self._add(path, base)
        try:
            return Acquired(path, set_up(self.repository, path, self._setup, self._run_command))
        except Exception:
            self.release(path)
            raise

    def release(self, path: Path) -> None:
        """Give a worktree back; it is cleaned when it is next acquired. One that is gone is forgotten."""
        if _is_folder(path):
            self.adopt(path)
        else:
            self.remove(path)

    def adopt(self, *paths: Path) -> None:
        """Fill the pool, after a resume, with worktrees that nobody needs any more. Strange folders are ignored."""
        with self._lock:
            known = set(self._free)
            self._free += [p for p in dict.fromkeys(paths) if p.parent == self.root and p.is_dir() and p not in known]

    def remove(self, path: Path) -> None:
        """Remove a worktree, its folder and git's record of it, whatever state they are in. Raises OSError."""
        with self._lock:
            self._free = [free for free in self._free if free != path]
        self._discard(path)

    def drain(self) -> None:
        """Remove every worktree that was given back."""
        with self._lock:
            free, self._free = self._free, []
        with ThreadPoolExecutor(_AT_ONCE) as remover:
            list(remover.map(self._discard, free))

    def prune(self) -> None:
        """Forget worktrees below `root` whose folder is gone, and finish removals that were cut short."""
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.root):
                if entry.name.startswith(_TRASH):
                    remove_tree(Path(entry.path))
        admin.empty_trash(self.repository.common_dir)
        for folder in admin.records(self.repository.common_dir):
            if folder.parent == self.root and not folder.is_dir():
                admin.forget(self.repository.common_dir, folder)
        for folder in (
            self.root,
            self.root.parent,
        ):  # the run's folder, then `worktrees`, once they are empty
            with contextlib.suppress(OSError):
                folder.rmdir()

    def list(self) -> list[Path]:
        """All worktrees below `root`: folders that are there, known to git or not."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(
                Path(entry.path)
                for entry in os.scandir(self.root)
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(_TRASH)
            )
        return []

    def _reuse(self, path: Path, base: str) -> bool:
        """Move a free worktree to `path` and clean it; False when there is none that can be used."""
        while True:
            with self._lock:
                if not self._free:
                    return False
                free = self._free.pop()
            with contextlib.suppress(OSError):
                if self._move(free, path) and self._reset(path, base):
                    return True
                self._discard(path)

    def _move(self, old: Path, new: Path) -> bool:
        """As `git worktree move`, without its process and its refusal of submodules' parents.

        Killed in between, the folder has no record under its new name; `_reset` then says no and it is
        thrown away.
        """
        record = admin.record_of(self.repository.common_dir, old)
        if record is None or not _is_folder(old) or (record / "modules").exists():
            # Checked-out submodules stay at the old task's commits and would look like a change: start afresh.
            self._discard(old)
            return False
        os.rename(old, new)
        admin.point(record, new)
        return True

    def _reset(self, path: Path, base: str) -> bool:
        """Make the worktree at `path` a clean checkout of `base`; False when it has to be made anew."""
        record = admin.record_of(self.repository.common_dir, path)
        if record is None or not _is_folder(path) or (record / "modules").exists():
            return False
        try:
            admin.point(record, path)
            before = admin.checked_out(record)
            admin.scrub(record, base)
            if self._has_files_of(path, base, before):
                admin.relabel_index(record, base)
                return True
            keep = [word for kept in self._setup.keep for word in ("-e", f"/{kept.strip('/')}")]
            # Clean first, by the index of the old checkout: then nothing is in the new one's way.
            self.repository.git.run("clean", "-ffdxq", *keep, folder=path)
            self._check_out(record, path, base)
        except (GitFailed, OSError):
            return False
        return True

    def _has_files_of(self, path: Path, base: str, before: str) -> bool:
        """Whether nothing has to be cleaned nor checked out, as after a worker that only looked. One process."""
        objects = self.repository.objects
        if not before or self._setup.keep or self.repository.flag("core.sparsecheckout"):
            return False
        if objects.tree_of(before) != objects.tree_of(base):
            return False
        remove_tree(path / WORKER_FOLDER)
        look = ("ls-files", "-z", "--modified", "--deleted", "--others", "--directory")
        return not self.repository.git.run(*look, folder=path).stdout

    def _check_out(self, record: Path, path: Path, base: str) -> None:
        words = ("checkout", "--force", "--detach", "--quiet", base, "--")
        self.repository.git.run(*words, folder=path, config=self._parallel())
        admin.save_index(record, base)

    def _add(self, path: Path, base: str) -> None:
        """A fresh worktree, in place of whatever is there.

        Two steps, since git cannot make two worktrees at the same time: it reads the records of all others
        and stops at one that is half written. Making the record is short, the checkout need not wait.
        """
        words = ("worktree", "add", "--quiet", "--no-checkout", "--detach", "--lock", "--reason", self._reason)
        for attempt in range(1, _TRIES + 1):
            self._discard(path)
            try:
                with _ADDING:
                    self.repository.git.run(*words, str(path), base)
                break
            except GitFailed as failed:  # another program's git may still meet ours
                if attempt == _TRIES or not any(sign in failed.stderr for sign in _CONTENTION):
                    raise
            time.sleep(random.uniform(0.01, 0.05) * attempt)
        record = admin.record_of(self.repository.common_dir, path)
        if record is None:
            raise GitFailed((*words, str(path)), 0, "git made no record of it", hint="git worktree list")
        admin.save_config(record)
        self._check_out(record, path, base)

    def _parallel(self) -> tuple[str, ...]:
        """More checkout processes for large trees; the number of files is in the index's first bytes."""
        try:
            with open(self.repository.git_dir / "index", "rb") as file:
                header = file.read(12)
        except OSError:
            return ()
        if len(header) < 12 or int.from_bytes(header[8:12], "big") < _PARALLEL_FROM:
            return ()
        return (f"checkout.workers={max(2, min(8, os.cpu_count() or 2))}",)

    def _discard(self, path: Path) -> None:
        """Remove folder and record. The folder vanishes in one step, so a kill leaves no half of it behind.

        What cannot be deleted now (somebody still writes there) stays as trash for `prune`.
        """
        if not os.path.lexists(path):
            admin.forget(self.repository.common_dir, path)
            return
        trash = self.root / f"{_TRASH}{uuid.uuid4().hex}"
        os.rename(path, trash)
        admin.forget(self.repository.common_dir, path)
        with contextlib.suppress(OSError):
            remove_tree(trash)


def _is_folder(path: Path) -> bool:
    """A folder itself: a link to one, perhaps to the user's checkout, must never be cleaned or written to."""
    return path.is_dir() and not path.is_symlink()
