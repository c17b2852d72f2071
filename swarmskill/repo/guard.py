"""A fingerprint of the user's checkout, to prove that a worker did not touch it.

It costs two git processes: `git status` looks at every tracked file once (about 0.1 s for 100 000 files with a
warm cache) and `git for-each-ref` at the user's refs. Contents are not read: a changed file is known by its times,
size and inode. Inside ignored folders nothing is looked at: they are caches, and often linked into worktrees.
What the user does meanwhile shows as well: a difference says that something changed, not who did it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from swarmskill.places import BRANCH_PREFIX, WORKER_FOLDER
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
        settings=dict(_settings(repository)),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changed, in words. `path` is the file's, "" for HEAD, refs, settings and hooks."""

    what: str
    path: str = ""


def differences(before: Fingerprint, after: Fingerprint) -> list[Difference]:
    """What changed; an empty list proves that nothing did."""
    found = []
    if before.head != after.head:
        found.append(Difference(f"HEAD: {before.head} -> {after.head}"))
    kinds = (("file", before.paths, after.paths), ("ref", before.refs, after.refs))
    for kind, old, new in (*kinds, ("setting", before.settings, after.settings)):
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                what = f"{kind} {name}: {_verb(old.get(name), new.get(name))}"
                found.append(Difference(what, name if kind == "file" else ""))
    return found


def _verb(old: str | None, new: str | None) -> str:
    if old is None:
        return "new"
    return "gone" if new is None else "changed"


def _paths(repository: Repository) -> Iterator[tuple[str, str]]:
    """Every path that differs from HEAD, or is untracked or ignored, with git's word for it and its stat."""
    for record in repository.git.run(*_STATUS).fields:
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
    listed = repository.git.run("for-each-ref", "--format=%(objectname)%(symref) %(refname)", *_REFS).text
    for line in listed.splitlines():
        value, _, ref = line.partition(" ")
        if not ref.startswith(BRANCH_PREFIX):
            yield ref, value


def _settings(repository: Repository) -> Iterator[tuple[str, str]]:
    """Configuration by content, hooks by name, mode, size and time."""
    common = repository.common_dir
    files = [common / "config", repository.git_dir / "config.worktree"]
    files += [
        common / "info" / "exclude",
        common / "info" / "attributes",
        common / "objects" / "info" / "alternates",
    ]
    for file in files:
        try:
            yield str(file), hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError:
            continue
    for folder in {common / "hooks", repository.hooks}:
        yield from ((str(hook), _stat(hook.parent, hook.name)) for hook in _entries(folder))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
