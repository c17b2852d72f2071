"""A fingerprint of the user's checkout, to prove that a worker did not touch it.

It costs two git processes: `git status` looks at every tracked file once (about 0.1 s for 100 000 files with a
warm cache) and `git for-each-ref` at the user's refs. Contents are not read: a changed file is known by its times,
size and inode. Inside ignored folders nothing is looked at: they are caches, and often linked into worktrees.
What the user does meanwhile shows as well: a difference says that something changed, not who did it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from swarmskill.places import BRANCH_PREFIX, WORKER_FOLDER
from swarmskill.records import dataclass
from swarmskill.repo.git import decode
from swarmskill.repo.repository import Repository

_REFS = ("refs/heads", "refs/tags", "refs/stash", "refs/notes", "refs/replace", "refs/bisect", "refs/original")
"""Left out are refs that editors fetch in the background, and ours: a run can have thousands."""

_STATUS = (
    "status",
    "--porcelain=v2",
    "-z",
    "--untracked-files=all",
    "--ignored=matching",
    "--no-renames",
)
IGNORED = "!"
"""How the state of an ignored path begins."""

_WORDS_BEFORE_PATH = {"1": 8, "u": 10, "?": 1, IGNORED: 1}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a checkout looked like: `head` is what HEAD says, the mappings are name -> state."""

    head: str
    paths: Mapping[str, str]
    refs: Mapping[str, str]
    settings: Mapping[str, str]


def fingerprint(repository: Repository) -> Fingerprint:
    """Look at the checkout, its refs other than ours, its settings and hooks. Changes nothing, not even the index."""
    return Fingerprint(
        head=decode((repository.git_dir / "HEAD").read_bytes()).strip(),
        paths=dict(_paths(repository)),
        refs=dict(_refs(repository)),
        settings=settings_of(repository),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changed, in words. `path` is the file's, "" for HEAD, refs, settings and hooks.

    For a ref `lost` is what it led to, and `now` what it leads to; "" if there was, or is, no such ref.
    """

    what: str
    path: str = ""
    lost: str = ""
    now: str = ""

    @property
    def is_new_ref(self) -> bool:
        """Whether a ref was added; nothing that was there changed by that."""
        return bool(self.now) and not self.lost


def differences(before: Fingerprint, after: Fingerprint) -> list[Difference]:
    """What changed; an empty list proves that nothing did."""
    found = []
    if before.head != after.head:
        found.append(Difference(f"HEAD: {before.head} -> {after.head}"))
    for path, old, new in _changed(before.paths, after.paths):
        found.append(Difference(f"file {path}: {_verb(old, new)}", path))
    for ref, old, new in _changed(before.refs, after.refs):
        was = f" (was {old[:12]})" if old else ""
        found.append(Difference(f"ref {ref}: {_verb(old, new)}{was}", lost=_object(old), now=_object(new)))
    return found + settings_differences(before.settings, after.settings)


def settings_differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """What changed in configuration and hooks."""
    return [Difference(f"setting {name}: {_verb(old, new)}") for name, old, new in _changed(before, after)]


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield name, old.get(name), new.get(name)


def _verb(old: str | None, new: str | None) -> str:
    if old is None:
        return "new"
    return "gone" if new is None else "changed"


def _object(value: str | None) -> str:
    """The object of a ref's value; symbolic refs have the name that they follow behind it."""
    return value.partition(" ")[0] if value else ""


def here(repository: Repository) -> dict[str, str]:
    """Variables that make git look at this checkout, whatever `core.bare` and `core.worktree` say by now."""
    return {"GIT_DIR": str(repository.git_dir), "GIT_WORK_TREE": str(repository.top)}


def _paths(repository: Repository) -> Iterator[tuple[str, str]]:
    """Every path that differs from HEAD, or is untracked or ignored, with git's word for it and its stat."""
    for record in repository.git.run(*_STATUS, env=here(repository)).fields:
        words = _WORDS_BEFORE_PATH.get(record[:1])
        if words is None:
            continue
        parts = record.split(" ", words)
        path = parts[-1]
        if path == WORKER_FOLDER or path.startswith(f"{WORKER_FOLDER}/"):
            continue
        yield path, " ".join(parts[:-1]) + _stat(repository.top, path)


def _stat(top: Path, path: str) -> str:
    """State of a file without reading it; of an ignored folder (its name ends with a slash) only that it is there."""
    if path.endswith("/"):
        return ""
    try:
        seen = os.lstat(top / path)
    except OSError:
        return " absent"
    return f" {seen.st_mode:o} {seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns} {seen.st_ino}"


def _refs(repository: Repository) -> Iterator[tuple[str, str]]:
    words = ("for-each-ref", "--format=%(objectname) %(symref)%00%(refname)", *_REFS)
    listed = repository.git.run(*words, env=here(repository)).text
    for line in listed.splitlines():
        value, _, ref = line.partition("\0")
        if not ref.startswith(BRANCH_PREFIX):
            yield ref, value


def settings_of(repository: Repository) -> dict[str, str]:
    """Configuration by content, hooks by mode, size and time; path -> state. Needs no git."""
    found = {}
    for file in setting_files(repository):
        with contextlib.suppress(OSError):
            found[str(file)] = hashlib.sha256(file.read_bytes()).hexdigest()
    for folder in {repository.common_dir / "hooks", repository.hooks}:
        found |= {str(hook): _stat(hook.parent, hook.name) for hook in _entries(folder)}
    return found


def setting_files(repository: Repository) -> list[Path]:
    """The files of git's own folder that tell git what to do; not all need exist."""
    common = repository.common_dir
    inside = (common / "info" / "exclude", common / "info" / "attributes", common / "objects" / "info" / "alternates")
    return [common / "config", repository.git_dir / "config.worktree", *inside]


def hook_files(repository: Repository) -> list[Path]:
    """The hooks in git's own folder, samples left out."""
    return [hook for hook in _entries(repository.common_dir / "hooks") if not hook.name.endswith(".sample")]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
