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
from swarmskill.places import ATTEMPT_PREFIX, WORKER_FOLDER, branch_ref
from swarmskill.repo.files import write_whole
from swarmskill.repo.git import OUR_KEYS, Git, GitFailed

OLDEST_GIT = (2, 38)
"""The first with `git merge-tree --write-tree`."""

_IN_THE_WAY = re.compile(r"'(refs/[^']+)' exists; cannot create")


@dataclass(frozen=True, slots=True)
class Repository:
    """A checkout as it was when it was opened.

    `top` is its folder, `git_dir` its own and `common_dir` the shared git folder (the same unless the
    checkout is a linked worktree). `branch` is the short name, "" with a detached HEAD; `head` the commit.
    `config` is the last value of each key, keys as git prints them (section and name in lower case).
    """

    top: Path
    git_dir: Path
    common_dir: Path
    branch: str
    head: str
    config: Mapping[str, str] = field(repr=False)
    git: Git = field(repr=False)

    @classmethod
    def open(cls, start: Path) -> Repository:
        """The checkout that `start` lies in.

        Raises Refused, with what to do, if a run could not commit there: no repository, a bare one, no commit
        yet, git too old, a folder that git does not trust, or no name and address for commits.
        """
        folder = _discover(start)
        git = Git(folder)
        _refuse_old(git)
        top, git_dir, common_dir, head, branch = _look(git)
        config = _read_config(git)
        repository = cls(top, git_dir, common_dir, branch, head, config, Git(top))
        repository._refuse_nameless()
        return repository

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
        """The ref as GitPython reads it from its file, in a tenth of a process's time; "" when it cannot.

        It knows neither reftable nor SHA-256, so its no is never believed.
        """
        from git import Repo
        from git.refs import SymbolicReference

        try:
            repo = Repo(self.top, expand_vars=False)
            return str(SymbolicReference.dereference_recursive(repo, ref))
        except Exception:  # its parser raises whatever it meets; git itself is asked next
            return ""

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

    def clear_stale_locks(self, run_id: str, *, older_than: float = 2.0) -> list[Path]:
        """Remove lock files that a killed git left on this run's refs; returns them.

        To be called by the holder of the run's lock, who is the only writer of these refs. Locks younger
        than `older_than` seconds may belong to a git that outlived its mayor and are left.
        """
        refs = self.common_dir / branch_ref(run_id)
        candidates = [refs.with_name(refs.name + ".lock")]
        candidates += (self.common_dir / f"{ATTEMPT_PREFIX}{run_id}").glob("*.lock")
        removed = []
        for lock in candidates:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime >= older_than:
                    lock.unlink()
                    removed.append(lock)
        return removed

    def _refuse_nameless(self) -> None:
        known = self.config.get("user.name") and self.config.get("user.email")
        if known:
            return
        for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            # A name made up from the host's would go into every commit; git would allow it, users would not.
            found = self.git.run("var", who, config=("user.useConfigOnly=true",), accept=range(256))
            if found.status:
                raise Refused(
                    "git does not know who you are, and the commits need an author",
                    hint='git config --global user.name "Your Name" && git config --global user.email you@example.com',
                )


def _discover(start: Path) -> Path:
    """The folder that git commands are started in. Raises Refused if no checkout is there."""
    try:
        from git import InvalidGitRepositoryError, NoSuchPathError, Repo
    except ImportError as error:
        raise Refused("git is not installed, or not on PATH", hint="install git 2.38 or newer") from error
    try:
        repo = Repo(os.path.realpath(start), search_parent_directories=True, expand_vars=False)
    except NoSuchPathError as error:
        raise Refused(f"there is no folder {start}", hint="name the repository's folder") from error
    except InvalidGitRepositoryError as error:
        raise Refused(
            f"{start} is not in a git repository",
            hint="git init && git add -A && git commit -m start",
        ) from error
    except (OSError, ValueError) as error:
        raise Refused(f"the repository of {start} cannot be read: {error}", hint="git status") from error
    if repo.bare:
        raise Refused(
            f"{repo.git_dir} is a bare repository",
            hint=f"git worktree add ../work, then run there (or: git clone {repo.git_dir})",
        )
    folder = Path(os.path.realpath(start))
    return folder if folder.is_dir() else folder.parent


def _refuse_old(git: Git) -> None:
    text = git.run("version").text
    found = re.search(r"(\d+)\.(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GIT:
        oldest = ".".join(map(str, OLDEST_GIT))
        raise Refused(
            f"{text} is too old: merging without a work tree needs {oldest}",
            hint=f"install git {oldest} or newer",
        )


def _look(git: Git) -> tuple[Path, Path, Path, str, str]:
    """Top, git folder, common folder, commit and branch of a checkout, in one process."""
    words = (
        "rev-parse",
        "--path-format=absolute",
        "--show-toplevel",
        "--git-dir",
        "--git-common-dir",
    )
    found = git.run(*words, "HEAD^{commit}", "--symbolic-full-name", "HEAD", accept=range(256))
    if found.status:
        raise _unusable(git, found.stderr)
    top, git_dir, common_dir, head, name = found.text.rsplit("\n", 4)
    branch = name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else ""
    return Path(top), Path(git_dir), Path(common_dir), head, branch


def _unusable(git: Git, stderr: str) -> Refused:
    """Why git will not work here, told so that the user can go on."""
    if "dubious ownership" in stderr:
        fix = re.search(r"git config --global --add safe\.directory .*", stderr)
        return Refused(
            "git does not trust this repository: another user owns it",
            hint=fix[0] if fix else stderr.strip(),
        )
    if "must be run in a work tree" in stderr:
        return Refused(
            f"{git.folder} has no files checked out",
            hint="run it in the checkout, not in its .git folder",
        )
    if "HEAD^{commit}" in stderr or "bad revision" in stderr:
        return Refused("the repository has no commit yet", hint="git add -A && git commit -m start")
    return GitFailed(("rev-parse",), 128, stderr, hint="git status")


def _read_config(git: Git) -> dict[str, str]:
    """All settings. git is asked since GitPython's reader knows no GIT_CONFIG_GLOBAL, no GIT_CONFIG_COUNT."""
    config: dict[str, str] = {}
    # Scope tells our own `-c` settings from the user's.
    fields = iter(git.run("config", "--null", "--list", "--show-scope").fields)
    for scope, entry in zip(fields, fields, strict=True):
        key, found, value = entry.partition("\n")
        if scope == "command" and key.lower() in OUR_KEYS:
            continue
        config[key] = value if found else "true"
    return config
