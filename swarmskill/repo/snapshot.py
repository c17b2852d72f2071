"""What a worker left in its worktree, as one commit on top of its base.

The worktree's files are the truth, whatever the worker did with git: its index, branch, stash, merge or
`.git` file are not used. git is pointed at the shared git folder, the worktree's files and a private index,
which starts as the copy made at checkout. So edits cannot be hidden by index flags, and nothing here can
disturb the worktree.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from swarmskill.places import WORKER_FOLDER
from swarmskill.repo import admin
from swarmskill.repo.changes import GITLINK, Entry, parse_raw
from swarmskill.repo.files import behind_link, inside, remove_tree
from swarmskill.repo.git import GitFailed, Output, encode
from swarmskill.repo.guard import here
from swarmskill.repo.repository import Repository

_UNBORN = re.compile(r"error: '([^']*?)/?' does not have a commit checked out")
_ERROR = re.compile(r"^error: (.*)$", re.MULTILINE)
_TRIES = 3
_ASIDE_BYTES = 1_000_000
"""Size up to which an untracked file of the main checkout is put aside."""
_ASIDE_TOTAL = 50_000_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit that holds all the worker left.

    `entries` are its differences from the base. `nested` are git repositories inside the worktree: their files
    are not part of the commit. `problems` tells what else could not be taken (unreadable or special files). An
    attempt with either should not pass.
    """

    commit: str
    tree: str
    entries: tuple[Entry, ...] = ()
    nested: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def snapshot(
    repository: Repository,
    worktree: Path,
    base: str,
    message: str,
    *,
    extra_paths: Sequence[str] = (),
    left_out: Sequence[str] = (),
    ignore_files: Sequence[Path] = (),
) -> Snapshot:
    """Commit the worktree as it is: tracked, untracked and deleted files; no branch and no index moves.

    Ignored files are taken if the worker committed or staged them, or if `extra_paths` names them; or if
    `ignore_files` are given, which stand for `info/exclude` and the like, and do not ignore them.
    `left_out` (see `setup.setup_paths`) and `.swarm/` stay as they are in `base`. The commit's only parent
    is `base`; it is not signed and runs no hook. Raises GitFailed, also when the worktree is gone.
    """
    if worktree.is_symlink() or not worktree.is_dir():
        raise GitFailed(("add", "-A"), 128, f"the worktree {worktree} is gone")
    with tempfile.TemporaryDirectory(prefix="swarm-index-", dir=_private_folder(repository)) as folder:
        index = _Index(repository, worktree, base, Path(folder))
        index.seed()
        problems = index.add()
        found, nested = index.take_out((WORKER_FOLDER, *left_out))
        wanted = [*extra_paths, *index.staged_by_worker(), *index.hidden(ignore_files)]
        if index.add_ignored(wanted, found, left_out):
            found, more = index.take_out((WORKER_FOLDER, *left_out))
            nested += more
        tree = index.run("write-tree").text if found else repository.objects.tree_of(base)
    commit = repository.git.run("commit-tree", "-p", base, tree, stdin=encode(message)).text
    unborn = {path for problem in problems for path in _UNBORN.findall(f"error: {problem}")}
    others = tuple(problem for problem in problems if not _UNBORN.match(f"error: {problem}"))
    return Snapshot(commit, tree, tuple(found), tuple(sorted({*nested, *unborn})), others)


def put_aside(repository: Repository) -> str:
    """Commit the main checkout's changed files as they are, on top of HEAD; "" if there are none.

    Untracked files come along up to `_ASIDE_BYTES` each and `_ASIDE_TOTAL` together. Neither the checkout nor
    its index is touched. Raises GitFailed or OSError.
    """
    head = repository.resolve("HEAD")
    with tempfile.TemporaryDirectory(prefix="swarm-index-", dir=_private_folder(repository)) as folder:
        index = Path(folder) / "index"
        if (repository.git_dir / "index").exists():
            shutil.copy2(repository.git_dir / "index", index)
        env = {**here(repository), "GIT_INDEX_FILE": str(index)}
        run = partial(repository.git.run, env=env)
        run("add", "--update", "--ignore-errors", accept=(0, 1))
        others = run("ls-files", "-z", "--others", "--exclude-standard").fields
        listing = b"".join(encode(path) + b"\0" for path in _small(repository.top, others))
        if listing:
            words = ("add", "--ignore-errors", "--pathspec-from-file=-", "--pathspec-file-nul")
            run(*words, stdin=listing, accept=(0, 1))
        tree = run("write-tree").text
    if tree == repository.resolve_tree(head):
        return ""
    return repository.git.run("commit-tree", "-p", head, tree, "-m", "The main checkout before a worker started").text


def _small(top: Path, paths: Iterable[str]) -> Iterator[str]:
    """Those files that are small, up to a total."""
    total = 0
    for path in paths:
        with contextlib.suppress(OSError):
            seen = (top / path).lstat()
            if not stat.S_ISDIR(seen.st_mode) and seen.st_size <= _ASIDE_BYTES:
                total += seen.st_size
                if total > _ASIDE_TOTAL:
                    return
                yield path


def _private_folder(repository: Repository) -> Path:
    """Where private indexes are: in the git folder, so that what a killed process leaves there can be found."""
    repository.indexes.mkdir(parents=True, exist_ok=True)
    return repository.indexes


def clear_private_indexes(repository: Repository) -> None:
    """Remove what killed processes left in the folder of private indexes. Nobody else may be using it."""
    with contextlib.suppress(OSError):
        remove_tree(repository.indexes)


class _Index:
    """The private index of one snapshot."""

    def __init__(self, repository: Repository, worktree: Path, base: str, folder: Path) -> None:
        self.repository = repository
        self.worktree = worktree
        self.base = base
        self.record = admin.record_of(repository.common_dir, worktree)
        self.folder = folder
        self.path = folder / "index"

    def run(
        self,
        *words: str,
        stdin: bytes = b"",
        accept: Sequence[int] = (0,),
        index: Path | None = None,
    ) -> Output:
        env = {
            "GIT_DIR": str(self.repository.common_dir),
            "GIT_WORK_TREE": str(self.worktree),
            "GIT_INDEX_FILE": str(index or self.path),
        }
        return self.repository.git.run(*words, stdin=stdin, env=env, folder=self.worktree, accept=accept)

    def seed(self) -> None:
        """Start from the copy made at checkout, which knows the files' times; else from the commit alone."""
        copy = self.record and admin.pristine_index(self.record, self.base)
        if copy:
            shutil.copy2(copy, self.path)  # with its time: see admin
        else:
            self.run("read-tree", self.base)

    def add(self) -> list[str]:
        """Take the worktree's files in; returns what git could not take, in its words."""
        for attempt in range(1, _TRIES + 1):
            added = self.run("add", "--all", "--sparse", "--ignore-errors", accept=(0, 1, 128))
            if added.status == 0:
                return []
            failed = GitFailed(("add", "--all"), added.status, added.stderr)
            if failed.no_room:
                raise failed
            errors = _ERROR.findall(added.stderr)
            if added.status == 1 and errors and (attempt == _TRIES or all(map(_permanent, errors))):
                return errors
            if attempt == _TRIES:
                raise failed
        raise AssertionError("unreachable")

    def staged_by_worker(self) -> list[str]:
        """Ignored files that the worker put into its index or commits all the same."""
        if self.record is None or self._untouched():
            return []
        own = self.folder / "own"
        try:
            shutil.copy2(self.record / "index", own)
            listed = self.run(
                "ls-files",
                "-z",
                "--cached",
                "--ignored",
                "--exclude-standard",
                index=own,
            )
        except (OSError, GitFailed):
            return self._committed_by_worker()
        return listed.fields

    def hidden(self, ignore_files: Sequence[Path]) -> list[str]:
        """Files that these rules beside `.gitignore` do not ignore, but those that git finds by now do."""
        if not ignore_files:
            return []
        rules = [f"--exclude-from={file}" for file in ignore_files]
        return self.run("ls-files", "-z", "--others", "--exclude-per-directory=.gitignore", *rules).fields

    def _untouched(self) -> bool:
        """Whether the worktree's index is still the file that we made."""
        copy = self.record and admin.pristine_index(self.record, self.base)
        if not copy or not self.record:
            return False
        try:
            own, ours = (self.record / "index").stat(), copy.stat()
        except OSError:
            return False
        return (own.st_mtime_ns, own.st_size) == (ours.st_mtime_ns, ours.st_size)

    def _committed_by_worker(self) -> list[str]:
        """With an unreadable index: every file that the worker's HEAD has and `base` has not."""
        assert self.record is not None
        try:
            head = (self.record / "HEAD").read_text().strip()
        except (OSError, ValueError):
            return []
        rev = head.removeprefix("ref: ")
        words = (
            "diff-tree",
            "-r",
            "-z",
            "--no-renames",
            "--name-only",
            "--diff-filter=A",
            "--end-of-options",
        )
        found = self.repository.git.run(*words, self.base, f"{rev}^{{commit}}", accept=range(256))
        return found.fields if found.status == 0 else []

    def add_ignored(self, paths: Iterable[str], found: Iterable[Entry], left_out: Sequence[str]) -> bool:
        """Take these files in though they are ignored; whether there was anything to do.

        Those that are not there, or not inside, are passed over, and so are those that `base` has or that were
        `found`, in whole or in part: they are not ignored themselves.
        """
        known = {above for entry in found for above in _with_folders(entry.path)}
        wanted = [path for path in dict.fromkeys(paths) if self._addable(path) and path.rstrip("/") not in known]
        in_base = self.repository.objects.find(f"{self.base}:{path.rstrip('/')}" for path in wanted)
        wanted = [path for path, old in zip(wanted, in_base, strict=True) if not (old or _below(path, left_out))]
        if not wanted:
            return False
        listing = b"".join(encode(path) + b"\0" for path in wanted)
        words = (
            "add",
            "--force",
            "--sparse",
            "--ignore-errors",
            "--pathspec-from-file=-",
            "--pathspec-file-nul",
        )
        self.run(*words, stdin=listing, accept=(0, 1))
        return True

    def _addable(self, path: str) -> bool:
        if not inside(path) or _below(path, (WORKER_FOLDER,)) or behind_link(self.worktree, path):
            return False
        file = self.worktree / path
        return file.is_symlink() or file.is_file() or file.is_dir()

    def take_out(self, paths: Sequence[str]) -> tuple[list[Entry], list[str]]:
        """Put `paths` back to what they are in `base`, and drop repositories that are no submodules.

        Returns what is different from `base` still, and the paths of these repositories.
        """
        found = self.run(
            "diff-index",
            "--cached",
            "--raw",
            "-z",
            "--no-renames",
            "--no-abbrev",
            self.base,
        )
        entries = parse_raw(found.stdout)
        nested = [entry.path for entry in entries if entry.mode == GITLINK and entry.old_mode != GITLINK]
        undone = {*nested, *(entry.path for entry in entries if _below(entry.path, paths))}
        if undone:
            lines = (_as_before(entry) for entry in entries if entry.path in undone)
            self.run("update-index", "-z", "--index-info", stdin=b"".join(lines))
        left = [entry for entry in entries if entry.path not in undone]
        return left, [path for path in nested if not _below(path, paths)]


def _with_folders(path: str) -> Iterator[str]:
    """The path and all folders that it is in."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _as_before(entry: Entry) -> bytes:
    """The line of `update-index --index-info` that undoes a change."""
    return f"{entry.old_mode} {entry.old_object}\t".encode() + encode(entry.path) + b"\0"


def _below(path: str, folders: Sequence[str]) -> bool:
    clean = path.strip("/")
    return any(clean == folder or clean.startswith(f"{folder}/") for folder in folders)


def _permanent(error: str) -> bool:
    """Whether trying again cannot help; a file that changed while it was read can be read the next time."""
    return any(
        words in error
        for words in (
            "does not have a commit",
            "can only add regular",
            "Permission denied",
        )
    )
