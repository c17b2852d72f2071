"""The user's checkout: where it is, whether a run can start from it, and its refs."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from swarmskill.errors import Refused
from swarmskill.places import ATTEMPT_PREFIX, INDEXES_FOLDER, WORKER_FOLDER, branch_ref
from swarmskill.repo.discovery import discover
from swarmskill.repo.files import write_whole
from swarmskill.repo.git import Git, GitFailed
from swarmskill.repo.objects import Objects

_OBJECT_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_IN_THE_WAY = re.compile(r"'(refs/[^']+)' exists; cannot create")


@dataclass(frozen=True, slots=True)
class Repository:
    """A checkout as it was when it was opened.

    `top` is its folder, `git_dir` its own and `common_dir` the shared git folder (the same unless the
    checkout is a linked worktree). `branch` is the short name, "" with a detached HEAD; `head` the commit.
    `config` is the last value of each key, keys as git prints them (section and name in lower case).
    `indexes` is a folder for indexes of our own that live for moments.
    """

    top: Path
    git_dir: Path
    common_dir: Path
    branch: str
    head: str
    config: Mapping[str, str] = field(repr=False)
    git: Git = field(repr=False)
    objects: Objects = field(repr=False)
    indexes: Path

    @classmethod
    def open(cls, start: Path) -> Repository:
        """The checkout that `start` lies in.

        Raises Refused, with what to do, if a run could not commit there: no repository, a bare one, no commit
        yet, git too old, a folder that git does not trust, or no name and address for commits.
        """
        found = discover(start)
        git = Git(found.top)
        return cls(
            found.top,
            found.git_dir,
            found.common_dir,
            found.branch,
            found.head,
            found.config,
            git,
            Objects(git),
            found.common_dir / INDEXES_FOLDER,
        )

    @property
    def signs(self) -> bool:
        """Whether the user wants commits signed."""
        return self.flag("commit.gpgsign")

    def flag(self, key: str) -> bool:
        """A boolean setting; False when it is not set."""
        return self.config.get(key, "false").lower() in ("true", "yes", "on", "1", "")

    @property
    def hooks(self) -> Path:
        """The folder of the user's hooks; it need not exist."""
        named = self.config.get("core.hookspath", "")
        return self.top / os.path.expanduser(named) if named else self.common_dir / "hooks"

    def resolve(self, rev: str) -> str:
        """The commit that `rev` names. Raises Refused if it names none."""
        found = self.git.run(
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{rev}^{{commit}}",
            accept=(0, 1, 128),
        )
        if found.status:
            raise Refused(
                f"{rev!r} is not a commit of this repository",
                hint="git log --oneline --all",
            )
        return found.text

    def is_readable(self, commit: str) -> bool:
        """Whether git works here and has this commit."""
        return self.git.run("cat-file", "-e", f"{commit}^{{commit}}", accept=range(256)).status == 0

    def resolve_tree(self, commit: str) -> str:
        """The tree of a commit."""
        return self.git.run("rev-parse", f"{commit}^{{tree}}").text

    def read_ref(self, ref: str) -> str:
        """The object that a full ref name points at; "" if there is no such ref."""
        fast = self._read_file_ref(ref)
        if fast:
            return fast
        found = self.git.run(
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            ref,
            accept=(0, 1, 128),
        )
        return "" if found.status else found.text

    def _read_file_ref(self, ref: str) -> str:
        """The ref as its file has it; "" for one that is packed, symbolic, in another kind of store, or absent."""
        try:
            text = (self.common_dir / ref).read_text("ascii").removesuffix("\n")
        except (OSError, ValueError):
            return ""
        return text if _OBJECT_NAME.fullmatch(text) else ""

    def create_run_branch(self, run_id: str, base: str) -> None:
        """Make the run branch at `base`. Raises Refused if it exists or another branch is in its way."""
        ref = branch_ref(run_id)
        try:
            self.git.run("update-ref", "-m", "swarm: run started", ref, base, "0" * len(base))
        except GitFailed as failed:
            if self.read_ref(ref):
                short = ref.removeprefix("refs/heads/")
                raise Refused(f"branch {short} exists already", hint=f"git branch -D {short}") from failed
            blocking = _IN_THE_WAY.search(failed.stderr)
            if blocking:
                short = blocking[1].removeprefix("refs/heads/")
                raise Refused(
                    f"branch {short} is in the way: runs live on branches below swarm/",
                    hint=f"git branch -m {short} {short}-old",
                ) from failed
            raise

    def ensure_run_branch(self, run_id: str, commit: str) -> None:
        """Make the run branch at `commit` unless it is there. Raises Refused as `create_run_branch` does."""
        if not self.read_ref(branch_ref(run_id)):
            self.create_run_branch(run_id, commit)

    def run_tip(self, run_id: str) -> str:
        """The run branch's commit. Raises Refused if the branch is gone."""
        tip = self.read_ref(branch_ref(run_id))
        if not tip:
            short = branch_ref(run_id).removeprefix("refs/heads/")
            raise Refused(
                f"branch {short} is gone",
                hint=f"git reflog; git branch {short} <its last commit>",
            )
        return tip

    def exclude_worker_folder(self) -> None:
        """List `/.swarm/` in `info/exclude` once; all else in the file stays."""
        line = f"/{WORKER_FOLDER}/".encode()
        path = self.common_dir / "info" / "exclude"
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            text = b""
        if line in (known.strip() for known in text.splitlines()):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        gap = b"" if not text or text.endswith(b"\n") else b"\n"
        write_whole(Path(os.path.realpath(path)), text + gap + line + b"\n")

    def ref_locks(self, run_id: str) -> list[Path]:
        """The lock files that there are on this run's refs."""
        branch = self.common_dir / branch_ref(run_id)
        found = [branch.with_name(branch.name + ".lock")]
        found += (self.common_dir / f"{ATTEMPT_PREFIX}{run_id}").glob("*.lock")
        return [lock for lock in found if lock.exists()]

    def clear_stale_locks(self, run_id: str, *, older_than: float = 2.0) -> list[Path]:
        """Remove lock files that a killed git left on this run's refs; returns them.

        To be called by the holder of the run's lock, who is the only writer of these refs. Locks younger
        than `older_than` seconds may belong to a git that outlived its mayor and are left.
        """
        removed = []
        for lock in self.ref_locks(run_id):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                if time.time() - lock.stat().st_mtime >= older_than:
                    lock.unlink()
                    removed.append(lock)
        return removed
