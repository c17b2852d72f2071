"""The one place where exceptions become text and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swarmskill import __version__
from swarmskill.cli.quick import quick_verb
from swarmskill.errors import InternalError, Interrupted, Refused, SwarmError, UsageError

if TYPE_CHECKING:
    from typer.exceptions import TyperException

EXIT_BUG = 3

_DRIVING = ("run", "demo", "resume", "retry")
"""Verbs that drive a run."""


def run_guarded(words: Sequence[str]) -> int:
    """Run the command; whatever goes wrong is told in two lines (or as JSON) and becomes the exit code."""
    as_json = "--json" in words
    _open_closed_streams()
    try:
        return _run(words)
    except SwarmError as error:
        if isinstance(error, InternalError):
            _write_crash_report(error, words)
        _tell(error, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        if words[0] in _DRIVING:  # whoever ends `logs --follow` needs no word
            _tell(Interrupted("interrupted", hint="see what there is: swarm runs"), as_json=as_json)
        return Interrupted.exit_code
    except BrokenPipeError:
        # Whoever read our output is gone; say nothing more, not even at exit.
        from swarmskill.cli.recalling import silence

        silence(sys.stdout, sys.stderr)
        return 1
    except Exception as error:
        path = _write_crash_report(error, words)
        hint = f"this is a bug in swarm; the report to send is {path}; a run goes on with: swarm resume"
        _tell(InternalError(f"{type(error).__name__}: {error}", hint=hint), as_json=as_json)
        return EXIT_BUG


def _run(words: Sequence[str]) -> int:
    _refuse_lost_folder()
    answer = quick_verb(words)
    if answer is not None:
        return answer()
    import typer
    from typer.exceptions import TyperException

    from swarmskill.cli.app import application

    try:
        code = application(*words[:1])(args=list(words) or ["--help"], prog_name="swarm", standalone_mode=False)
    except TyperException as error:
        raise _usage_error(error) from error
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    return int(code or 0) if words else UsageError.exit_code


def _open_closed_streams() -> None:
    """Standard streams that we were started without (`>&-`) lead nowhere: Python has None for them.

    Nor may a file that is opened later get one of their numbers: what is printed would end in it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", errors="replace"))


def _refuse_lost_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise Refused("the current folder was removed", hint="go to a folder that is there: cd") from error


def _usage_error(error: TyperException) -> UsageError:
    """What is wrong with the words, as typer tells it, less what only its own developers understand."""
    context = getattr(error, "ctx", None)
    verb = context.command_path if context else "swarm"
    message = error.format_message().removesuffix(".").replace("Value error, ", "")
    return UsageError(message, hint=f"see: {verb} --help")


def _tell(error: SwarmError, *, as_json: bool) -> None:
    if as_json:
        from swarmskill.cli.options import print_json

        print_json({"error": {"code": error.code, "message": error.message, "hint": error.hint}})
        return
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f" hint: {error.hint}", file=sys.stderr)


def _write_crash_report(error: BaseException, words: Sequence[str]) -> Path:
    """A file ready to paste into an issue. The arguments' values are left out: they may hold secrets."""
    import platform
    import tempfile
    import traceback

    options = " ".join(word.split("=")[0] for word in words if word.startswith("-"))
    lines = [
        f"swarm {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"verb: {next((word for word in words if not word.startswith('-')), '-')}, options: {options or '-'}",
        "",
        *traceback.format_exception(error),
    ]
    if isinstance(error, InternalError) and error.story:
        lines += ["story:", error.story]
    handle, name = tempfile.mkstemp(prefix="swarm-bug-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
        file.write("\n".join(lines))
    return Path(name)
