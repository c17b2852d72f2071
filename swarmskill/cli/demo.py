"""`swarm demo`: the main job on a scratch repository, without a model."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from swarmskill.cli.options import print_text
from swarmskill.errors import InternalError, Refused

_NOTE = """\
A scratch repository: {top}
Ten small tasks build a Python package in it. The workers are scripts that need
no model. One task fails its test, is told so and mends it. One fails for good,
and what waits on it is skipped.
"""

_FURTHER = """
Look further:
{path}  cd {top}
  swarm status           where every task stands
  swarm why counts       the task that was retried
  swarm why translate    the task that failed for good
  less {report}
Clean up: rm -r {top}"""

_EXPECTED_COMMITS = 8


def demo(
    folder: Annotated[
        str, typer.Option(help="New folder for the scratch repository; a temporary one by default.")
    ] = "",
    max_workers: Annotated[int, typer.Option(help="Workers at the same time.", min=1)] = 3,
) -> int:
    """Run ten small tasks in a scratch repository and show how it went. Needs git and no model.

    Example: swarm demo
    """
    from swarmskill.cli.lists import load_list
    from swarmskill.cli.run import run_tasks
    from swarmskill.places import find_run

    top = _scratch_repository(folder)
    print_text(_NOTE.format(top=top))
    with as_file(files("swarmskill.demo") / "tasks.yaml") as tasks:
        listed = load_list(str(tasks))
    run_tasks(listed, {"max_workers": max_workers}, base="HEAD", as_json=False, start=top)
    print_text(f"\n$ git log --oneline --graph\n{_git(top, 'log', '--oneline', '--graph')}")
    print_text(_FURTHER.format(top=top, report=find_run(top / ".git").report, path=_path_line()))
    commits = int(_git(top, "rev-list", "--count", "HEAD")) - 1
    if commits != _EXPECTED_COMMITS:
        raise InternalError(f"the demo made {commits} commits instead of {_EXPECTED_COMMITS}", hint="swarm report")
    return 0


def _scratch_repository(folder: str) -> Path:
    """A new repository with one commit. Raises Refused if the folder is there already."""
    top = Path(folder).absolute() if folder else Path(tempfile.mkdtemp(prefix="swarm-demo-"))
    if folder and top.exists():
        raise Refused(f"{top} is there already", hint="name a folder that is not, or leave --folder out")
    with as_file(files("swarmskill.demo") / "repository") as seed:
        shutil.copytree(seed, top, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    _git(top, "init", "--quiet", "--initial-branch", "main")
    _git(top, "config", "user.name", "Demo")
    _git(top, "config", "user.email", "demo@example.invalid")
    _git(top, "add", "--all")
    _git(top, "commit", "--quiet", "--no-gpg-sign", "--message", "A scratch repository for the demo")
    return top


def _path_line() -> str:
    """A line that lets the shell find `swarm`, if it does not yet: the demo may run out of a virtual environment."""
    own = Path(sys.argv[0]).absolute()
    found = shutil.which("swarm")
    if own.name != "swarm" or (found and Path(found).samefile(own)):
        return ""
    return f"  export PATH={shlex.quote(str(own.parent))}:$PATH\n"


def _git(top: Path, *words: str) -> str:
    from swarmskill.repo.git import Git

    return Git(top).run(*words).text
