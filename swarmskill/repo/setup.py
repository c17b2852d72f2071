"""What a worktree needs beside the checkout: copied files, linked folders, set-up commands."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from swarmskill.config import WorktreeSetup
from swarmskill.errors import InputError, Refused
from swarmskill.repo.files import behind_link, inside, remove_tree
from swarmskill.repo.git import encode
from swarmskill.repo.repository import Repository

RunCommand = Callable[[Sequence[str], Path], tuple[int, str]]
"""Runs an argument list in a folder; gives the exit code and the tail of the output."""


class SetupFailed(Refused):
    """A set-up command failed, so the worktree is not fit for a worker."""

    code = "setup_failed"


def refuse_escaping(setup: WorktreeSetup) -> None:
    """Raise InputError if a path of `copy`, `link` or `keep` leaves the repository or enters `.git`."""
    for key, paths in (
        ("copy", setup.copy),
        ("link", setup.link),
        ("keep", setup.keep),
    ):
        for path in paths:
            if not inside(path):
                hint = "name a path below the repository's top"
                raise InputError(
                    f"{path!r} is not inside the repository",
                    source="worktree",
                    place=key,
                    hint=hint,
                )


def setup_paths(setup: WorktreeSetup) -> tuple[str, ...]:
    """Paths that set-up brings into a worktree and that are therefore no work of the worker's."""
    return tuple(dict.fromkeys(path.strip("/") for path in (*setup.copy, *setup.link)))


def set_up(
    repository: Repository,
    worktree: Path,
    setup: WorktreeSetup,
    run_command: RunCommand,
) -> tuple[str, ...]:
    """Bring everything into a clean checkout; returns warnings for what is named but was not brought.

    Raises SetupFailed when a command fails, and InputError for a command that is no shell words.
    """
    warnings = _bring(repository, worktree, setup)
    for command in setup.setup:
        _run(command, worktree, run_command)
    return tuple(warnings)


def _bring(repository: Repository, worktree: Path, setup: WorktreeSetup) -> list[str]:
    warnings = []
    tracked = _tracked(repository, worktree, setup_paths(setup))
    bring = [("copy", path.strip("/"), _copy) for path in setup.copy]
    bring += [("link", path.strip("/"), _link) for path in setup.link]
    for key, path, deed in bring:
        source = repository.top / path
        if path in tracked:
            warnings.append(f"{key}: {path} is tracked by git, so the checkout has its own")
        elif not source.exists():
            warnings.append(f"{key}: {path} is not in {repository.top}")
        elif not source.resolve().is_relative_to(repository.top):
            warnings.append(f"{key}: {path} leads out of {repository.top}, so it was left out")
        elif behind_link(worktree, path):
            warnings.append(f"{key}: {path} lies behind a symbolic link, so it was left out")
        else:
            deed(source, worktree / path)
    return warnings


def _tracked(repository: Repository, worktree: Path, paths: Sequence[str]) -> set[str]:
    """Which of the paths are, or hold, files that the checkout has."""
    if not paths:
        return set()
    found = repository.git.run("ls-files", "-z", "--", *paths, folder=worktree).fields
    return {path for path in paths if any(name == path or name.startswith(f"{path}/") for name in found)}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_tree(target)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_tree(target)
    os.symlink(source, target)


def _run(command: str, worktree: Path, run_command: RunCommand) -> None:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError(
            f"{command!r}: {error}",
            source="worktree",
            place="setup",
            hint="close the quotes",
        ) from error
    if not words:
        return
    code, output = run_command(words, worktree)
    if code:
        said = encode(output).decode("utf-8", "replace").strip()[-1000:]
        raise SetupFailed(
            f"set-up command `{command}` failed ({code}): {said}",
            hint=f"cd {worktree} && {command}",
        )
