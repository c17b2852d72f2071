"""Git's own records of linked worktrees: `<common dir>/worktrees/<name>/`, one folder per worktree.

A worker can delete or rewrite anything in its worktree, its `.git` file included. So the record of a
worktree is found from git's side, by the folder that it names, and never by following the `.git` file:
that one might point at another worker's record.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import uuid
from pathlib import Path

from swarmskill.repo.files import remove_tree, write_whole

PRISTINE = "swarm-index"
"""Copy of the index as we checked it out; `PRISTINE` + "-" + commit is its name."""

_TRASH = "swarm-trash-"
_LINK_LIMIT = 8192
_CONFIG = "config.worktree"
_CONFIG_COPY = "swarm-config"
_LASTING = frozenset({"HEAD", "commondir", "gitdir", "index", "locked", "info", _CONFIG, _CONFIG_COPY})


def records(common_dir: Path) -> dict[Path, Path]:
    """Worktree folder -> record, for every readable record. Folders need not exist any more."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(common_dir / "worktrees"):
            folder = _folder_of(Path(entry.path))
            if folder:
                found[folder] = Path(entry.path)
    return found


def record_of(common_dir: Path, folder: Path) -> Path | None:
    """The record that names this folder, or None."""
    hinted = _hinted_record(common_dir, folder)
    return hinted if hinted and _folder_of(hinted) == folder else records(common_dir).get(folder)


def _hinted_record(common_dir: Path, folder: Path) -> Path | None:
    """The record that the folder's `.git` file names: most probably its own, but a worker can have written it."""
    link = folder / ".git"
    with contextlib.suppress(OSError):
        found = link.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LINK_LIMIT:
            return None  # reading from a pipe that it put there would never end
        named = Path(os.fsdecode(link.read_bytes().removeprefix(b"gitdir: ").rstrip(b"\n")))
        if named.parent == common_dir / "worktrees" and named.name not in ("", ".", ".."):
            return named
    return None


def _folder_of(record: Path) -> Path | None:
    """The worktree's folder that a record names, or None for one that cannot be read."""
    with contextlib.suppress(OSError):
        named = os.fsdecode((record / "gitdir").read_bytes()).rstrip("\n")
        return Path(os.path.normpath(os.path.join(record, named))).parent
    return None


def point(record: Path, folder: Path) -> None:
    """Make record and folder name each other, whatever they said before.

    Raises NotADirectoryError if the folder is a link: we would write into another checkout.
    """
    if folder.is_symlink():
        raise NotADirectoryError(f"{folder} is a symbolic link")
    link = folder / ".git"
    wanted = b"gitdir: " + os.fsencode(record) + b"\n"
    if link.is_symlink() or not link.is_file() or link.read_bytes() != wanted:
        remove_tree(link)
        write_whole(link, wanted, durable=False)
    back = os.fsencode(link) + b"\n"
    if (record / "gitdir").read_bytes() != back:
        _overwrite(record / "gitdir", back)


def scrub(record: Path, base: str) -> None:
    """Take from a record all that a worker can have left: locks, merges, rebases, settings, a bent HEAD or index.

    The index becomes the copy made after our last checkout, since flags in the worker's own
    (assume-unchanged, skip-worktree) would hide its edits from `git checkout -f`. Raises FileNotFoundError
    if there is no such copy.
    """
    pristine = _pristine_copies(record)
    for entry in os.scandir(record):
        if entry.name not in _LASTING and not entry.name.startswith(PRISTINE):
            remove_tree(Path(entry.path))
    _restore_config(record)
    if not pristine:
        raise FileNotFoundError(f"{record}: no copy of the index")
    if not _is_copy(record / "index", pristine[0]):
        _replace(pristine[0], record / "index")
    _overwrite(record / "HEAD", base.encode() + b"\n")


def checked_out(record: Path) -> str:
    """The commit that `save_index` was last called for, "" if it never was."""
    copies = _pristine_copies(record)
    return copies[0].name.removeprefix(f"{PRISTINE}-") if len(copies) == 1 else ""


def relabel_index(record: Path, base: str) -> None:
    """The copy of the index is `base`'s, too: both commits have the same tree."""
    for copy in _pristine_copies(record):
        copy.rename(record / f"{PRISTINE}-{base}")


def save_index(record: Path, base: str) -> None:
    """Keep a copy of the index just checked out, to start snapshots and the next checkout from."""
    for old in _pristine_copies(record):
        old.unlink()
    _replace(record / "index", record / f"{PRISTINE}-{base}")


def save_config(record: Path) -> None:
    """Keep a copy of the worktree's own settings (sparse checkouts have some)."""
    if (record / _CONFIG).exists():
        _replace(record / _CONFIG, record / _CONFIG_COPY)


def pristine_index(record: Path, base: str) -> Path | None:
    """The copy that `save_index` made for this commit, or None."""
    path = record / f"{PRISTINE}-{base}"
    return path if path.is_file() else None


def forget(common_dir: Path, folder: Path) -> None:
    """Remove the record of a worktree, locked or not.

    In one step: other git commands stop with an error when they meet a record that lacks some of its files.
    """
    record = record_of(common_dir, folder)
    if record is not None:
        trash = common_dir / f"{_TRASH}{uuid.uuid4().hex}"
        os.rename(record, trash)
        remove_tree(trash)


def empty_trash(common_dir: Path) -> None:
    """Finish removals of records that were cut short."""
    for trash in common_dir.glob(f"{_TRASH}*"):
        remove_tree(trash)


def _pristine_copies(record: Path) -> list[Path]:
    return list(record.glob(f"{PRISTINE}-*"))


def _restore_config(record: Path) -> None:
    if (record / _CONFIG_COPY).exists():
        _replace(record / _CONFIG_COPY, record / _CONFIG)
    else:
        remove_tree(record / _CONFIG)


def _overwrite(path: Path, data: bytes) -> None:
    """Give a file this content, in place if it is as long: putting another file there makes ext4 flush it."""
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(file)
            # With a second name it may be a file of the user's.
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size == len(data):
                os.pwrite(file, data, 0)
                return
        finally:
            os.close(file)
    write_whole(path, data, durable=False)


def _is_copy(path: Path, source: Path) -> bool:
    """Whether `path` is what `_replace` made of `source`, its time stamp included."""
    try:
        found, wanted = path.lstat(), source.lstat()
        if not (stat.S_ISREG(found.st_mode) and stat.S_ISREG(wanted.st_mode)):
            return False
        same = (found.st_size, found.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns)
        return same and path.read_bytes() == source.read_bytes()
    except OSError:
        return False


def _replace(source: Path, target: Path) -> None:
    """Copy with the time stamp: git tells a racily clean entry by the index file's own time."""
    part = target.with_name(f"{target.name}.part")
    shutil.copy2(source, part)
    os.replace(part, target)
