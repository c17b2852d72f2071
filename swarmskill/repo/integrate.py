"""Bringing an accepted attempt onto the run branch: merge, commit, compare-and-swap. No work tree is touched."""

from __future__ import annotations

import random
import time

from swarmskill.places import attempt_ref
from swarmskill.records import dataclass
from swarmskill.repo.files import inside
from swarmskill.repo.git import GitFailed, Output, decode
from swarmskill.repo.message import read_trailers
from swarmskill.repo.repository import Repository

_CLEAN, _CONFLICTS = 0, 1
_TRIES = 6


@dataclass(frozen=True, slots=True)
class Merged:
    """A three-way merge. `tree` holds it; with `conflicts` it has markers in it and must not be committed.

    `messages` is what git said about each conflict.
    """

    tree: str
    conflicts: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


def merge(repository: Repository, tip: str, commit: str) -> Merged:
    """Merge `commit`, which is one commit on top of its base, into `tip`, which has that base.

    Every kind of conflict (content, both added, delete or rename against edit, mode, binary, submodule, file
    against folder, and names that differ in letter case only, where the file system cannot hold both) is in
    `conflicts`. Raises GitFailed when git cannot merge at all. One process, 3 to 5 ms for most trees; none where
    only one side changed anything.
    """
    one_sided = _one_sided(repository, tip, commit)
    if one_sided:
        return Merged(one_sided)
    # A folder that one side renamed may not drag the other's new files along unseen.
    config = (
        "merge.renames=true",
        "merge.directoryRenames=conflict",
        "merge.renormalize=false",
    )
    words = ("merge-tree", "--write-tree", "--messages", "-z", tip, commit)
    merged = repository.git.run(*words, config=config, accept=(_CLEAN, _CONFLICTS))
    tree, _, rest = merged.stdout.partition(b"\0")
    if merged.status == _CLEAN:
        collisions = _case_collisions(repository, tip, decode(tree)) if repository.flag("core.ignorecase") else ()
        return Merged(
            decode(tree),
            collisions,
            tuple(f"{path}: names differ in letter case only" for path in collisions),
        )
    paths, messages = _conflicts(rest, (tip, commit))
    if not paths:
        raise GitFailed(words, merged.status, decode(merged.stdout) + merged.stderr)
    return Merged(decode(tree), paths, messages)


def _one_sided(repository: Repository, tip: str, commit: str) -> str:
    """The tree of the merge if one side left the base's as it is, else ""."""
    trees = repository.objects.find(f"{rev}^{{tree}}" for rev in (f"{commit}^", commit, tip))
    base, ours, theirs = (tree.name if tree else "" for tree in trees)
    if not (base and ours and theirs):
        return ""  # git says what is missing
    return theirs if ours == base else ours if theirs == base else ""


def commit_tree(repository: Repository, tree: str, parent: str, message: str) -> str:
    """Make a commit by the user, signed if the user's commits are; no ref moves. Returns its name.

    `message` ends with the trailers (see `message.commit_message`). Raises GitFailed.
    """
    sign = ("-S",) if repository.signs else ()
    text = message.encode("utf-8", "replace").replace(b"\0", b"")
    try:
        return repository.git.run("commit-tree", *sign, "-p", parent, tree, stdin=text).text
    except GitFailed as failed:
        if sign:
            failed.hint = "unlock your signing key, or: git config commit.gpgsign false"
        raise


def advance(repository: Repository, ref: str, new: str, old: str) -> bool:
    """Move `ref` from `old` to `new` in one step; False, and nothing changed, if it is not at `old` any more.

    Being at `new` already counts as moved, so the same call after a crash is right. Raises GitFailed when
    the ref cannot be written, or stays locked for about a second.
    """
    for attempt in range(1, _TRIES + 1):
        done = repository.git.run(
            "update-ref",
            "-m",
            "swarm: integrated",
            "--no-deref",
            ref,
            new,
            old,
            accept=range(256),
        )
        if done.status == 0:
            return True
        current = repository.read_ref(ref)
        if current != old:
            return current == new
        if attempt == _TRIES or ".lock" not in done.stderr:
            break
        time.sleep(random.uniform(0.02, 0.06) * attempt)
    hint = f"if no git runs: rm '{repository.common_dir / ref}.lock'" if ".lock" in done.stderr else ""
    raise GitFailed(("update-ref", ref, new, old), done.status, done.stderr, hint=hint)


def is_ancestor(repository: Repository, one: str, other: str) -> bool:
    """Whether `other` holds the commit `one` in its history; False if one of them is no commit."""
    return repository.git.run("merge-base", "--is-ancestor", one, other, accept=(0, 1, 128)).status == 0


def is_whole(repository: Repository, commit: str) -> bool:
    """Whether the repository has a commit with its files; its history is not looked at."""
    return repository.git.run("rev-list", "--objects", "--quiet", "-1", commit, "--", accept=range(256)).status == 0


def find_integrated(repository: Repository, run_id: str, base: str, tip: str = "") -> dict[tuple[str, int], str]:
    """(task id, attempt) -> commit for everything of this run that `tip` (the run branch) has on top of `base`.

    One process. Raises Refused if the run branch is gone.
    """
    tip = tip or repository.run_tip(run_id)
    words = (
        "log",
        "-z",
        "--first-parent",
        "--no-show-signature",
        "--no-color",
        "--encoding=UTF-8",
        "--format=%H%n%B",
    )
    found = {}
    for record in repository.git.run(*words, f"{base}..{tip}", "--").stdout.split(b"\0"):
        commit, _, message = record.decode("utf-8", "replace").partition("\n")
        trailers = read_trailers(message)
        if trailers is not None and trailers[0] == run_id:
            found[trailers[1:]] = commit
    return found


def keep_attempt(repository: Repository, run_id: str, key: str, commit: str) -> str:
    """Keep an attempt's commit from being collected until `swarm clean`; returns the ref that does."""
    ref = attempt_ref(run_id, key)
    repository.git.run("update-ref", "--no-deref", ref, commit)
    return ref


def kept_attempts(repository: Repository, run_id: str) -> list[str]:
    """The keys of all commits that `keep_attempt` keeps of a run."""
    prefix = attempt_ref(run_id, "")
    listed = repository.git.run("for-each-ref", "--format=%(refname)", prefix).text
    return [ref.removeprefix(prefix) for ref in listed.splitlines()]


def drop_attempt(repository: Repository, run_id: str, key: str) -> None:
    """Undo `keep_attempt`; fine if there is nothing to undo."""
    repository.git.run("update-ref", "--no-deref", "-d", attempt_ref(run_id, key))


def _conflicts(rest: bytes, commits: tuple[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Paths and messages out of what follows the tree: entries by stage, an empty field, messages."""
    fields = iter(rest.split(b"\0"))
    paths = {}
    for field in fields:
        if not field:
            break
        paths[decode(field.partition(b"\t")[2])] = True
    messages = []
    for field in fields:
        if not field.isdigit():
            break
        named = [decode(next(fields)) for _ in range(int(field))]
        kind, text = decode(next(fields)), decode(next(fields)).strip()
        if kind.startswith("CONFLICT"):
            messages.append(text)
            paths.update(dict.fromkeys(named, True))
    plain = dict.fromkeys(_without_label(path, commits) for path in paths)
    return tuple(sorted(path for path in plain if inside(path))), tuple(messages)


def _without_label(path: str, commits: tuple[str, str]) -> str:
    """A file that had to make way for a folder is called `name~commit` by git."""
    for commit in commits:
        path = path.removesuffix(f"~{commit}")
    return path


def _case_collisions(repository: Repository, tip: str, tree: str) -> tuple[str, ...]:
    """Names new in `tree` that differ from another one in letter case only."""
    added: Output = repository.git.run(
        "diff-tree",
        "-r",
        "-z",
        "--no-renames",
        "--name-only",
        "--diff-filter=A",
        tip,
        tree,
    )
    if not added.fields:
        return ()
    seen: dict[str, set[str]] = {}
    for name in repository.git.run("ls-tree", "-r", "-z", "--name-only", tree).fields:
        seen.setdefault(name.casefold(), set()).add(name)
    return tuple(sorted(name for name in added.fields if len(seen[name.casefold()]) > 1))
