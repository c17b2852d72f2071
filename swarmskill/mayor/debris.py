"""Takes away what an agent leaves when it is ended while it writes: its own half files, no part of its work."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from swarmskill.agents.registry import find_agent
from swarmskill.errors import UsageError
from swarmskill.repo.git import GitFailed
from swarmskill.repo.repository import Repository


def sweep(repository: Repository, worktree: Path, agent: str) -> None:
    """Remove such files of an agent that has ended. What git tracks or ignores is left alone."""
    with suppress(UsageError, GitFailed, OSError):  # what cannot be removed is judged as it is
        program = find_agent(agent).program
        if program is None or not program.debris:
            return
        half_written = re.compile(program.debris)
        words = ("ls-files", "-z", "--others", "--exclude-standard")
        for path in repository.git.run(*words, folder=worktree).fields:
            if half_written.fullmatch(path.rpartition("/")[2]):
                (worktree / path).unlink()
