"""Find the repository around a folder, without GitPython: views have to answer at once."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from swarmskill.errors import Refused


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
        raise Refused(f"{start} is not in a git checkout: {said}", hint="go to your repository, or: git init")
    top, common_dir = os.fsdecode(done.stdout).rstrip("\n").split("\n")
    return Located(Path(top), Path(common_dir))
