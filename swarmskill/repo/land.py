"""Landing: moving the user's branch to the run branch, only if nothing of the user's can be touched."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from swarmskill.records import dataclass
from swarmskill.repo.admin import record_of
from swarmskill.repo.git import GitFailed, Output
from swarmskill.repo.integrate import advance, is_ancestor
from swarmskill.repo.repository import Repository

_BUSY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "sequencer": "a cherry-pick or revert",
    "BISECT_START": "a bisection",
}
_OVERWRITTEN = re.compile(r"overwritten by merge:\n((?:\t.*\n)+)")
_HOOK_LIMIT = 300.0


@dataclass(frozen=True, slots=True)
class LandResult:
    """Whether the branch now points at the run's head; if not, why, and the one command that does it.

    `note` tells of the user's post-merge hook when it failed; the landing holds all the same.
    """

    landed: bool
    reason: str = ""
    hint: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Checkout:
    """One entry of `git worktree list`."""

    folder: Path
    git_dir: Path
    branch: str


def land(repository: Repository, branch: str, base: str, head: str, *, rev: str = "", hook: bool = True) -> LandResult:
    """Fast-forward the user's `branch` (short name) to `head`, or leave it alone and say why.

    `base` is where the branch was at the run's start; `rev` is what hints call `head` (the run branch).
    Where the branch is checked out, git's own fast-forward updates the files: it refuses when a file that
    the user changed, or an untracked or ignored one, would be overwritten. Nothing is stashed, nothing is
    merged. Hooks: `post-merge` runs afterwards, as after `git pull`, if `hook` says that it is the user's;
    no other hook can stop a landing half-way. Raises GitFailed when git cannot tell the state of things.
    """
    name = rev or head
    if not branch:
        return LandResult(
            False,
            "HEAD was detached at the start, so there is no branch to move",
            _merge_here(name),
        )
    ref = f"refs/heads/{branch}"
    current = repository.read_ref(ref)
    refused = _refuse_moved(repository, branch, current, base, head, name)
    if refused or current == head:
        return refused or LandResult(True)
    checkouts = _checkouts(repository)
    for checkout in checkouts:
        busy = _busy_with(checkout, ref)
        if busy:
            finish = f"finish or abort it, then: {_command(checkout, repository, name)}"
            return LandResult(False, f"{busy} is in progress in {checkout.folder}", finish)
    holders = [checkout for checkout in checkouts if checkout.branch == ref]
    if not holders:
        return _move(repository, ref, head, current, name)
    if len(holders) > 1:
        folders = ", ".join(str(holder.folder) for holder in holders)
        return LandResult(
            False,
            f"{branch} is checked out more than once: {folders}",
            _merge_here(name),
        )
    return _fast_forward(repository, holders[0], head, name, hook=hook)


def _refuse_moved(
    repository: Repository, branch: str, current: str, base: str, head: str, name: str
) -> LandResult | None:
    """The refusal if the branch is not on the way from `base` to `head` any more."""
    if not current:
        return LandResult(
            False,
            f"branch {branch} is gone",
            f"git branch {shlex.quote(branch)} {name}",
        )
    if current == head:
        return None
    on_the_way = is_ancestor(repository, current, head)
    if on_the_way and (current == base or is_ancestor(repository, base, current)):
        return None
    if on_the_way:
        return LandResult(False, f"{branch} was set back to before the run's start", _merge_here(name))
    return LandResult(
        False,
        f"{branch} has moved on since the run started",
        f"git checkout {shlex.quote(branch)} && git merge {name}",
    )


def _move(repository: Repository, ref: str, head: str, current: str, name: str) -> LandResult:
    """The branch is checked out nowhere: its ref alone moves."""
    short = ref.removeprefix("refs/heads/")
    hint = f"git fetch . {name}:{shlex.quote(short)}"
    try:
        if advance(repository, ref, head, current):
            return LandResult(True)
    except GitFailed as failed:
        return LandResult(False, f"{short} could not be moved: {failed.stderr}", failed.hint or hint)
    return LandResult(False, f"{short} moved while it was being landed", hint)


def _fast_forward(repository: Repository, checkout: _Checkout, head: str, name: str, *, hook: bool) -> LandResult:
    """Let git fast-forward a checkout, then run the user's post-merge hook.

    Hooks are off meanwhile: a `reference-transaction` hook that says no after the files were updated would
    leave half a landing. So are the settings that would make something else than a fast-forward of it.
    """
    command = _command(checkout, repository, name)
    if (checkout.git_dir / "index.lock").exists():
        return LandResult(
            False,
            f"another git works in {checkout.folder}, or died there (index.lock)",
            command,
        )
    words = (
        "merge",
        "--ff-only",
        "--no-squash",
        "--no-autostash",
        "--no-overwrite-ignore",
        "--no-stat",
        "--no-verify-signatures",
    )
    done = repository.git.run(*words, "--quiet", head, folder=checkout.folder, accept=range(256))
    if done.status:
        return LandResult(False, _reason(done, checkout), command)
    return LandResult(True, note=_post_merge(repository, checkout) if hook else "")


def _reason(done: Output, checkout: _Checkout) -> str:
    """What git said, in one line."""
    blocks = _OVERWRITTEN.findall(done.stderr)
    if blocks:
        paths = [line.strip() for block in blocks for line in block.splitlines()]
        shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        kind = "untracked files are" if "untracked" in done.stderr else "your changes are"
        return f"{kind} in the way in {checkout.folder}: {shown}"
    said = " ".join(done.stderr.split()).removeprefix("error: ").removeprefix("fatal: ")
    return f"git cannot fast-forward {checkout.folder}: {said[:300]}"


def _post_merge(repository: Repository, checkout: _Checkout) -> str:
    """Run the user's hook; "" or what went wrong with it."""
    hooks = repository.hooks
    if not (hooks / "post-merge").exists():
        return ""
    words = ("hook", "run", "--ignore-missing", "post-merge", "--", "0")
    try:
        ran = repository.git.run(
            *words,
            folder=checkout.folder,
            config=(f"core.hooksPath={hooks}",),
            accept=range(256),
            timeout=_HOOK_LIMIT,
        )
    except GitFailed as failed:
        return f"your post-merge hook: {failed.stderr}"
    return f"your post-merge hook failed ({ran.status}): {ran.stderr.strip()[-300:]}" if ran.status else ""


def _checkouts(repository: Repository) -> list[_Checkout]:
    """All checkouts of the repository; bare and missing ones left out."""
    listed = repository.git.run("worktree", "list", "--porcelain", "-z").stdout.decode("utf-8", "surrogateescape")
    found = []
    for block in listed.split("\0\0"):
        facts = dict(line.partition(" ")[::2] for line in block.split("\0") if line)
        folder = Path(facts.get("worktree", ""))
        if facts and "bare" not in facts and folder.is_dir():
            found.append(_Checkout(folder, _git_dir(repository, folder), facts.get("branch", "")))
    return found


def _git_dir(repository: Repository, folder: Path) -> Path:
    return record_of(repository.common_dir, folder) or repository.common_dir


def _busy_with(checkout: _Checkout, ref: str) -> str:
    """What is in progress in a checkout and concerns the branch; "" if nothing does."""
    for name, what in _BUSY.items():
        if (checkout.git_dir / name).exists() and (checkout.branch == ref or _returns_to(checkout, ref)):
            return what
    return ""


def _returns_to(checkout: _Checkout, ref: str) -> bool:
    """Whether a rebase or bisection will go back to the branch when it ends: HEAD is detached meanwhile."""
    for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
        try:
            if (checkout.git_dir / name).read_text(errors="replace").strip() in (
                ref,
                ref.removeprefix("refs/heads/"),
            ):
                return True
        except OSError:
            continue
    return False


def _command(checkout: _Checkout, repository: Repository, name: str) -> str:
    if checkout.folder == repository.top:
        return _merge_here(name)
    return f"git -C {shlex.quote(str(checkout.folder))} merge --ff-only {name}"


def _merge_here(name: str) -> str:
    return f"git merge --ff-only {name}"
