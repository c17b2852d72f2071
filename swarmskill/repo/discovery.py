"""Finding the user's checkout, and refusing what a run could not commit in."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from swarmskill.errors import Refused
from swarmskill.records import dataclass
from swarmskill.repo.git import OUR_KEYS, Git, GitFailed

OLDEST_GIT = (2, 38)
"""The first with `git merge-tree --write-tree`."""

_IDENTITY = 'git config --global user.name "Your Name" && git config --global user.email you@example.com'
_IDENTITY_WITHOUT_HOME = (
    'export GIT_AUTHOR_NAME="Your Name" GIT_AUTHOR_EMAIL=you@example.com'
    ' GIT_COMMITTER_NAME="Your Name" GIT_COMMITTER_EMAIL=you@example.com'
)
"""Where HOME is not set, as in some containers, git has no global file to write to."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """A checkout as git sees it; the fields are those of `Repository`."""

    top: Path
    git_dir: Path
    common_dir: Path
    branch: str
    head: str
    config: Mapping[str, str]


def discover(start: Path) -> Discovered:
    """The checkout that `start` lies in, in three processes. Raises Refused as `Repository.open` says.

    git decides: nobody else heeds `safe.directory`, includes and every variable as it does.
    """
    folder = Path(os.path.realpath(start))
    if not folder.exists():
        raise Refused(f"there is no folder {start}", hint="name the repository's folder")
    if "\n" in str(folder):
        raise Refused(f"the folder's name has a newline in it: {str(folder)!r}", hint="rename the folder")
    if shutil.which("git") is None:
        raise Refused("git is not installed", hint=f"install git {'.'.join(map(str, OLDEST_GIT))} or newer")
    git = Git(folder if folder.is_dir() else folder.parent)
    _refuse_old(git)
    top, git_dir, common_dir, head, branch = _look(git)
    config = _read_config(git)
    _refuse_nameless(git, config)
    return Discovered(top, git_dir, common_dir, branch, head, config)


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
        return Refused("git does not trust this repository: another user owns it", hint=_trust(git, stderr))
    if "not a git repository" in stderr:
        hint = "git init && git add -A && git commit -m start"
        return Refused(f"{git.folder} is not in a git repository", hint=hint)
    if "must be run in a work tree" in stderr:
        if git.run("rev-parse", "--is-bare-repository", accept=range(256)).text == "true":
            hint = "git worktree add ../work, then run it there"
            if any((folder / "index").exists() for folder in (git.folder, git.folder / ".git")):
                hint = "it has an index, so this may be a mistake: git config core.bare false"
            return Refused(f"{git.folder} is a bare repository, without files", hint=hint)
        return Refused(
            f"{git.folder} has no files checked out",
            hint="run it in the checkout, not in its .git folder",
        )
    if "HEAD^{commit}" in stderr or "bad revision" in stderr:
        return Refused("the repository has no commit yet", hint="git add -A && git commit -m start")
    return GitFailed(("rev-parse",), 128, stderr, hint="git status")


def _trust(git: Git, stderr: str) -> str:
    """How git is told to trust the repository all the same: in its own words, where those can work."""
    fix = re.search(r"git config --global --add safe\.directory (.*)", stderr)
    if fix is None:
        return stderr.strip()
    if _has_home():
        return fix[0]
    return f"export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0={fix[1]}"


def _has_home() -> bool:
    return bool(os.environ.get("HOME") or os.environ.get("XDG_CONFIG_HOME") or os.environ.get("GIT_CONFIG_GLOBAL"))


def _read_config(git: Git) -> dict[str, str]:
    """All settings, wherever they come from."""
    config: dict[str, str] = {}
    # Scope tells our own `-c` settings from the user's.
    fields = iter(git.run("config", "--null", "--list", "--show-scope").fields)
    for scope, entry in zip(fields, fields, strict=True):
        key, found, value = entry.partition("\n")
        if scope == "command" and key.lower() in OUR_KEYS:
            continue
        config[key] = value if found else "true"
    return config


def _refuse_nameless(git: Git, config: Mapping[str, str]) -> None:
    if config.get("user.name") and config.get("user.email"):
        return
    hint = _IDENTITY if _has_home() else _IDENTITY_WITHOUT_HOME
    for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
        # git would make a name up from the host's, and it would be in every commit.
        if git.run("var", who, config=("user.useConfigOnly=true",), accept=range(256)).status:
            raise Refused("git does not know who you are, and the commits need an author", hint=hint)
