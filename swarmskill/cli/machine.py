"""What runs need of the machine besides agents: git, the keeper, and what is optional."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from swarmskill import __version__
from swarmskill.agents.detection import VERSION_LIMIT, Fit, Sighting, fit_of
from swarmskill.agents.programs import NoAnswer, ask_version, find_program
from swarmskill.errors import Refused
from swarmskill.repo.discovery import OLDEST_GIT
from swarmskill.views.doctor import Tool

_OLDEST = ".".join(map(str, OLDEST_GIT))
_SHEBANG_LENGTH = 64


def examine_machine(agents: Sequence[Sighting], folder: Path) -> list[Tool]:
    """All but the agents themselves; `folder` is the one in which runs would be started."""
    git = _git()
    return [
        git,
        *([_repository(folder)] if git.fit else []),
        _keeper(),
        Tool(name="swarm", fit=True, version=__version__, where=str(Path(__file__).parents[1])),
        Tool(name="python", fit=True, version=platform.python_version(), where=sys.executable),
        _node([seen.name for seen in agents if _runs_on_node(seen.path)]),
        _optional("tmux", "-V"),
        _memory(),
    ]


def _git() -> Tool:
    path, purpose = find_program("git"), f"everything, from {_OLDEST} on"
    if not path:
        return Tool(name="git", fit=False, purpose=purpose, fix=f"install git {_OLDEST} or newer")
    version, fix = _version(path, "--version")
    if not fix and fit_of(version, (_OLDEST, _OLDEST)) in (Fit.OLDER, Fit.UNKNOWN):
        fix = f"install git {_OLDEST} or newer: merging without a work tree needs it"
    return Tool(name="git", fit=not fix, version=version, where=path, purpose=purpose, fix=fix)


def _repository(folder: Path) -> Tool:
    """Whether a run could commit here; to be in no repository is no fault."""
    from swarmskill.repo.locate import locate
    from swarmskill.repo.repository import Repository

    purpose = "runs from this folder"
    try:
        top = str(locate(folder).top)
    except Refused as refused:
        return Tool(name="repository", fit=None, purpose=purpose, fix=f"{refused.message}: {refused.hint}")
    try:
        Repository.open(folder)
    except Refused as refused:
        fix = f"{refused.message}: {refused.hint}"
        return Tool(name="repository", fit=False, where=top, purpose=purpose, fix=fix)
    return Tool(name="repository", fit=True, where=top, purpose=purpose)


def _keeper() -> Tool:
    """Whether the process that holds a run's workers starts; it ends as soon as we leave it."""
    from swarmskill.backends.process import ProcessBackend

    folder = Path(tempfile.mkdtemp(prefix="swarm-doctor-"))
    backend = ProcessBackend(folder)
    try:
        backend.open()
        backend.close()
    except Refused as refused:
        log = folder / "keeper.log"
        said = log.read_text(errors="replace").strip().rpartition("\n")[2] if log.exists() else ""
        fix = f"{refused.message}: {said or refused.hint}"
        return Tool(name="keeper", fit=False, purpose="workers that outlive swarm", fix=fix)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Tool(name="keeper", fit=True, purpose="workers that outlive swarm", where="starts")


def _memory() -> Tool:
    """What would hold workers to `max_memory`."""
    from swarmskill.backends.delegation import survey_ground
    from swarmskill.backends.processes import LINUX

    name, ground = "memory limit", survey_ground()
    if ground.folder:
        return Tool(name=name, fit=True, version="cgroup v2", where=ground.folder, purpose="max_memory, by worker")
    if not LINUX:
        return Tool(name=name, fit=None, purpose="max_memory", where="nothing holds workers to it on this system")
    fix = f"each process by itself is held to it, not a worker's together: {ground.reason}"
    fix += f"; start with: {ground.fix}" if ground.fix else ""
    return Tool(name=name, fit=None, version="RLIMIT_DATA", purpose="max_memory, by process", fix=fix)


def _node(users: Sequence[str]) -> Tool:
    purpose = ", ".join(users) or "optional"
    seen = _optional("node", "--version")
    if seen.fit is None and users:
        return Tool(name="node", fit=False, purpose=purpose, fix="install Node.js 22 or newer")
    return Tool(name="node", fit=seen.fit, version=seen.version, where=seen.where, purpose=purpose, fix=seen.fix)


def _optional(name: str, flag: str) -> Tool:
    path = find_program(name)
    if not path:
        return Tool(name=name, fit=None, purpose="optional")
    version, fix = _version(path, flag)
    return Tool(name=name, fit=not fix, version=version, where=path, purpose="optional", fix=fix)


def _version(path: str, flag: str) -> tuple[str, str]:
    """The version and "", or "" and why there is none."""
    try:
        return ask_version([path], os.environ, VERSION_LIMIT, flag=flag), ""
    except NoAnswer as reason:
        return "", str(reason)


def _runs_on_node(path: str) -> bool:
    """Whether the program is a script for node."""
    if not path:
        return False
    try:
        with open(path, "rb") as file:
            first = file.read(_SHEBANG_LENGTH).partition(b"\n")[0]
    except OSError:
        return False
    return first.startswith(b"#!") and b"node" in first
