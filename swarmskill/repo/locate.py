"""Find the repository around a folder, and no more: views have to answer at once."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from swarmskill.errors import Refused
from swarmskill.records import dataclass


@dataclass(frozen=True, slots=True)
class Located:
    """Absolute paths of a checkout's top folder and of git's common directory."""

    top: Path
    common_dir: Path


def locate(start: Path) -> Located:
    """The checkout that `start` is in. Raises Refused if there is none."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(start), "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir"]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise Refused("git is not installed", hint="install git 2.38 or newer") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise _refusal(start, said)
    lines = os.fsdecode(done.stdout).removesuffix("\n").split("\n")
    if len(lines) != 2:
        raise Refused(f"the folder's name has a newline in it: {str(start)!r}", hint="rename the folder")
    top, common_dir = lines
    return Located(Path(top), Path(common_dir))


def _refusal(start: Path, said: str) -> Refused:
    if "not a git repository" in said:
        return Refused(f"{start} is not in a git repository", hint="go to the repository in which the run is")
    if "must be run in a work tree" in said:
        return Refused(
            f"{start} has no files checked out", hint="go to the checkout, not its .git folder or a bare one"
        )
    return Refused(f"git cannot read the repository around {start}: {said}", hint="git status")
