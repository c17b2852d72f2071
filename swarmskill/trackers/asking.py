"""Calling a tracker's program and reading the JSON that it printed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from swarmskill.answers import Answer, Reply
from swarmskill.trackers.base import CALL_TIMEOUT, Called, Desk, Missing

_SAID = 300


def ask(desk: Desk, argv: Sequence[str]) -> tuple[Called, str]:
    """Run a program; how it ended, and all that it printed, however much that was."""
    called = desk.run(argv, timeout=CALL_TIMEOUT)
    try:
        printed = Path(called.log).read_text(encoding="utf-8", errors="replace") if called.log else ""
    except OSError:
        printed = ""
    return called, printed or called.output


def documents(printed: str) -> Iterator[Any]:
    """Every JSON list or object that begins a line of what was printed: warnings may stand around them."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(printed):
        end = at
        if printed[at] in "[{":
            try:
                value, end = decoder.raw_decode(printed, at)
                yield value
            except (ValueError, RecursionError):
                end = at
        newline = printed.find("\n", end)
        at = len(printed) if newline < 0 else newline + 1


def failed(called: Called, printed: str, what: str, reply: Reply = Reply.FAILED) -> Answer:
    """The answer for a call that did not do `what` it should have."""
    if called.cannot_start:
        return Answer(reply, f"{what}: {called.cannot_start}")
    said = "no answer in time" if called.timed_out else "; ".join(printed.split("\n")[-4:]).strip("; ")[:_SAID]
    return Answer(reply, f"{what}: {said or f'exit code {called.exit_code}'}", called.exit_code, called.log)


def not_on_path(program: str, environment: Mapping[str, str]) -> Missing | None:
    """Why the tracker's program cannot be called."""
    if shutil.which(program, path=environment.get("PATH", os.defpath)):
        return None
    return Missing(
        f"{program} is not on PATH, so no completion could be recorded", f"install {program}, or use --no-write-back"
    )
