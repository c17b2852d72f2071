"""Bringing the run branch to a remote, and saying how to ask for its review."""

from __future__ import annotations

import re
import shlex

from swarmskill.errors import Refused, UsageError
from swarmskill.places import branch_ref
from swarmskill.repo.git import Git, GitFailed, mask
from swarmskill.repo.repository import Repository

_PUSH_LIMIT = 600.0
_HOSTED = re.compile(r"(?:https?://|ssh://)?(?:[^@/\s]+@)?(?P<host>[^:/\s]+)(?::\d+)?[:/](?P<path>[^\s]+?)(?:\.git)?/?")


def check_remote(repository: Repository, remote: str) -> None:
    """Raise UsageError, naming those there are, if the repository has no such remote."""
    names = repository.git.run("remote").text.split()
    if remote not in names:
        there = f"there are: {', '.join(names)}" if names else "add it: git remote add origin URL"
        raise UsageError(f"--push: there is no remote {remote!r}", hint=there)


def push_run(repository: Repository, remote: str, run_id: str) -> None:
    """Push the run branch, never by force. The repository's hooks are not run: workers may have touched them.

    Raises Refused, with the command that pushes by hand.
    """
    ref = branch_ref(run_id)
    try:
        repository.git.run("push", "--porcelain", remote, f"{ref}:{ref}", timeout=_PUSH_LIMIT)
    except GitFailed as error:
        reason = error.stderr.splitlines()[-1] if error.stderr else f"exit code {error.status}"
        by_hand = f"git push {shlex.quote(remote)} {ref.removeprefix('refs/heads/')}"
        raise Refused(f"the run branch could not be pushed to {remote}: {reason}", hint=by_hand) from error


def review_command(git: Git, remote: str, run_id: str, onto: str) -> str:
    """The command, or the address, that opens a pull request of the pushed branch; `onto` may be ""."""
    branch = branch_ref(run_id).removeprefix("refs/heads/")
    url = mask(git.run("remote", "get-url", remote).text)
    found = _HOSTED.fullmatch(url)
    host = found["host"] if found else ""
    if "github" in host:
        base = f" --base {shlex.quote(onto)}" if onto else ""
        return f"gh pr create --head {branch}{base} --fill"
    if "gitlab" in host:
        base = f" --target-branch {shlex.quote(onto)}" if onto else ""
        return f"glab mr create --source-branch {branch}{base} --fill"
    return f"open a pull request of {branch} where {url} is hosted"
