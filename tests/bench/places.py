"""Repositories and programs for the benchmark, and nothing of whoever runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.measure import call

ROOT = Path(__file__).resolve().parents[2]

_SETTINGS = "[user]\n name = Ada\n email = ada@example.com\n[init]\n defaultBranch = main\n[commit]\n gpgsign = false\n"

SYNCED = ("-c", "core.fsync=objects,reference", "-c", "core.fsyncMethod=batch", "-c", "gc.auto=0")
"""What git needs so that what it did outlives a power cut, as ours does."""

FILES_A_FOLDER = 40


def environment(home: Path) -> dict[str, str]:
    """Variables of a user who has a name, git and `swarm`."""
    settings = home / "gitconfig"
    if not settings.exists():
        settings.write_text(_SETTINGS)
    foreign = ("GIT_", "SWARM_", "PYTEST_", "PYTHON")  # without compiled modules every start would compile them
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    programs = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    return {
        **kept,
        "PATH": programs,
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONPATH": str(ROOT),
    }


def swarm() -> Path:
    """The installed command, as a user calls it."""
    return Path(sys.executable).parent / "swarm"


def make_repository(top: Path, files: int, branches: int = 0) -> None:
    """A repository with one commit of so many files, and branches on it that each change a file and add another.

    No two branches touch the same file.
    """
    top.mkdir(parents=True)
    env = environment(top.parent)
    call(["git", "init", "-q"], folder=top, env=env)
    stream = top.parent / f"{top.name}.import"
    with stream.open("w") as out:
        _write_history(out.write, files, branches)
    call(["sh", "-c", f"git fast-import --quiet < '{stream}'"], folder=top, env=env)
    stream.unlink()
    call(["git", "reset", "-q", "--hard"], folder=top, env=env)
    call(["git", "pack-refs", "--all"], folder=top, env=env)


def path_of(number: int) -> str:
    """The path of one of the files."""
    return f"src/part{number // FILES_A_FOLDER:04}/file{number % FILES_A_FOLDER:02}.txt"


def _write_history(write: Callable[[str], object], files: int, branches: int) -> None:
    who = "committer Ada <ada@example.com> 1700000000 +0000\n"
    write(f"commit refs/heads/main\nmark :1\n{who}{_data('start')}")
    for number in range(files):
        write(f"M 100644 inline {path_of(number)}\n{_data(_text(number))}")
    for number in range(branches):
        changed = number * files // max(branches, 1)
        write(f"\ncommit refs/heads/work/{number}\n{who}{_data(f'work {number}')}from :1\n")
        write(f"M 100644 inline {path_of(changed)}\n{_data(_text(changed) + f'changed by {number}' + chr(10))}")
        write(f"M 100644 inline new/{number}.txt\n{_data(_text(number))}")


def _text(number: int) -> str:
    return "".join(f"line {line} of file {number}\n" for line in range(12))


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"
