"""A verb, called as a process of its own.

A verb has its process for itself: the working folder, signals, locks, standard output. A server has one of each and
many calls at the same time, so it lends none of them. And so it answers, word for word, what the verb says.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swarmskill.agents.environment import SESSION_VARIABLES
from swarmskill.codec import load_json
from swarmskill.errors import InternalError, Refused, SwarmError, UsageError

_NAME_IT = "give the absolute path of a checkout as repository"


def folder_of(repository: str) -> Path:
    """The folder to call verbs in: `repository`, or where the server was started. Raises UsageError or Refused."""
    if repository and not os.path.isabs(repository):
        raise UsageError(f"repository is not an absolute path: {repository!r}", hint="give the path from / on")
    try:
        folder = repository or os.getcwd()
    except FileNotFoundError as error:
        raise Refused("the folder in which the server was started was removed", hint=_NAME_IT) from error
    if not os.path.isdir(folder):
        raise Refused(f"there is no folder {folder}", hint=_NAME_IT)
    return Path(folder)


def call_verb(words: Sequence[str], folder: Path, stdin: str = "") -> dict[str, Any]:
    """The JSON document that `swarm WORDS --json` prints; `warnings` are added to it, if there are any.

    Raises SwarmError with the verb's own message and hint. It goes on by itself if the caller gives up.
    """
    verb, *rest = words
    done = _run([verb, "--json", *rest], folder, stdin)
    try:
        document = load_json(done.stdout)
    except ValueError:
        raise _broken(words, done) from None
    if not isinstance(document, dict):
        raise _broken(words, done)
    if told := document.get("error"):
        raise _told(told)
    warned = [line.removeprefix("warning: ") for line in _lines(done.stderr) if line.startswith("warning: ")]
    return {**document, "warnings": warned} if warned and "warnings" not in document else document


def call_for_text(words: Sequence[str], folder: Path) -> str:
    """The text that `swarm WORDS` prints. Raises SwarmError with the verb's own message and hint."""
    done = _run(words, folder, "")
    if done.returncode:
        message, _, hint = done.stderr.decode(errors="replace").strip().partition("\n hint: ")
        raise SwarmError(message.removeprefix("error: "), hint=hint)
    return done.stdout.decode(errors="replace")


def _told(document: dict[str, Any]) -> SwarmError:
    """The error that a verb told."""
    error = SwarmError(str(document.get("message", "")), hint=str(document.get("hint", "")))
    error.code = str(document.get("code", error.code))
    return error


def _run(words: Sequence[str], folder: Path, stdin: str) -> subprocess.CompletedProcess[bytes]:
    # The server outlives conversations: what it was told of one is soon that of another.
    environment = {name: value for name, value in os.environ.items() if name not in SESSION_VARIABLES}
    return subprocess.run(
        # -P: the folder is the user's, whose files must not be taken for modules.
        [sys.executable, "-P", "-m", "swarmskill", *words],
        cwd=folder,
        env={**environment, "PWD": str(folder)},
        input=stdin.encode(),
        capture_output=True,
        check=False,
        start_new_session=True,  # Ctrl-C in the assistant's terminal is for the assistant
    )


def _broken(words: Sequence[str], done: subprocess.CompletedProcess[bytes]) -> InternalError:
    said = " ".join(_lines(done.stderr)[-3:]) or "nothing"
    return InternalError(
        f"swarm {words[0]} ended with code {done.returncode} and said: {said}", hint="call it once more"
    )


def _lines(data: bytes) -> list[str]:
    return data.decode(errors="replace").splitlines()
