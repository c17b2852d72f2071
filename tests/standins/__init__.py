"""Programs that stand in for `bd` and `gh`: they keep their issues in a file and print what the real ones document."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def install(folder: Path, name: str, issues: list[dict[str, Any]], **manners: Any) -> Path:
    """Put the stand-in `name` into `folder`, to be found on PATH; returns the file of its issues.

    `manners` say as which version it behaves, and how it misbehaves.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / f"{name}.json"
    state.write_text(json.dumps({"issues": issues, "calls": [], **manners}))
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {FOLDER / f"{name}.py"} {state} "$@"\n')
    program.chmod(0o755)
    return state


def issues(state: Path) -> dict[str, dict[str, Any]]:
    """The issues by id (`bd`) or number (`gh`), as they are now."""
    return {str(issue.get("id", issue.get("number"))): issue for issue in json.loads(state.read_text())["issues"]}


def calls(state: Path) -> list[list[str]]:
    """The arguments of each call so far."""
    return list(json.loads(state.read_text())["calls"])


def path_with(folder: Path) -> str:
    """PATH with the stand-ins first."""
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
