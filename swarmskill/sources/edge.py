"""The world as sources see it: files, and the programs that know a list."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from swarmskill.errors import Refused
from swarmskill.sources.base import Edge
from swarmskill.sources.document import read_text

_TIMEOUT = 60.0
"""Seconds that a program gets to tell its list."""

_SAID = 400


def real_edge(top: Path | None, environment: Mapping[str, str] | None = None) -> Edge:
    """The world as it is. `top` is the repository around the current folder."""
    known = dict(os.environ if environment is None else environment)
    return Edge(top=top, home=Path.home(), environment=known, read=read_text, run=_run)


def _run(argv: Sequence[str]) -> str:
    command = shlex.join(argv)
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, check=False)
    except FileNotFoundError:
        raise Refused(f"{argv[0]} is not on PATH, and it keeps the list", hint=f"install {argv[0]}") from None
    except subprocess.TimeoutExpired:
        raise Refused(f"{command} did not end within {_TIMEOUT:g} s", hint=f"look yourself: {command}") from None
    except OSError as error:
        raise Refused(f"{argv[0]} cannot be started: {error.strerror}", hint=f"look yourself: {command}") from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())[:_SAID]
        raise Refused(f"{command} failed ({done.returncode}): {said or 'it said nothing'}", hint=f"try it: {command}")
    return done.stdout.decode("utf-8", errors="replace")
