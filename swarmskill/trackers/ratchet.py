"""Tells a completed task to `ol`, or to any program that understands the same exit codes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from typing import Final

from swarmskill.answers import Answer, Reply
from swarmskill.errors import UsageError
from swarmskill.model import Outcome, Task
from swarmskill.records import dataclass
from swarmskill.trackers.base import CALL_TIMEOUT, Called, Desk, Missing, TaskEnding
from swarmskill.trackers.options import check_options

DEFAULT_COMMAND: Final = "ol hero ratchet {id} --quest {quest}"

_REPLIES: Final = {0: Reply.ACCEPTED, 42: Reply.ALL_COMPLETE, 1: Reply.REFUSED, 2: Reply.ESCALATED}
_LAST_LINES = 3
_PLACE = re.compile(r"\{(id|quest|commit|run)\}")


def quest_of(task_id: str) -> str:
    """The quest that a task of the wave belongs to: its id less the last dot part."""
    return task_id.rpartition(".")[0] or task_id


@dataclass(frozen=True, slots=True)
class Ratchet:
    """Calls `words` with `{id}`, `{quest}`, `{commit}` and `{run}` filled in, each within its argument.

    `timeout` limits one call, in seconds.
    """

    words: tuple[str, ...]
    timeout: float = CALL_TIMEOUT
    name: str = "ratchet"

    def missing(self, environment: Mapping[str, str]) -> Missing | None:
        """The program must be there: there is no other way to record what was done."""
        program = self.words[0]
        if shutil.which(program, path=environment.get("PATH", os.defpath)):
            return None
        return Missing(
            f"the ratchet program {program!r} is not on PATH, so no completion could be recorded",
            "install it, or name another one: --ratchet-cmd 'prog {id} {quest}'",
        )

    def claim(self, task: Task, run_id: str, desk: Desk, *, again: bool) -> Answer:
        """Whoever wrote the wave knows who works on it."""
        return Answer(Reply.ACCEPTED)

    def tell(self, ending: TaskEnding, desk: Desk) -> Answer:
        """Ratchet a completed task; the program has no word for any other."""
        if ending.outcome is not Outcome.COMPLETED:
            return Answer(Reply.NOT_TOLD)
        values = {"id": ending.task.id, "quest": quest_of(ending.task.id)}
        values |= {"commit": ending.commit, "run": ending.run_id}
        argv = [_filled(word, values) for word in self.words]
        return self._answer(desk.run(argv, timeout=self.timeout))

    def _answer(self, called: Called) -> Answer:
        if called.cannot_start:
            return Answer(Reply.FAILED, f"{self.words[0]} cannot be started: {called.cannot_start}")
        log, said = called.log, _last_lines(called.output)
        if called.timed_out:
            return Answer(Reply.FAILED, f"no answer within {self.timeout:g} s", called.exit_code, log)
        reply = _REPLIES.get(called.exit_code, Reply.FAILED)
        if reply in (Reply.ACCEPTED, Reply.ALL_COMPLETE):
            return Answer(reply, "", called.exit_code, log)
        return Answer(reply, said or f"exit code {called.exit_code}", called.exit_code, log)


def make(options: Mapping[str, str]) -> Ratchet:
    """A ratchet with the options `command` and `timeout` (seconds). Raises UsageError."""
    check_options("ratchet", options, ("command", "timeout"))
    return Ratchet(_words(options.get("command", DEFAULT_COMMAND)), _seconds(options.get("timeout", "")))


def _words(command: str) -> tuple[str, ...]:
    """The command as arguments, split before anything is filled in, so that no value can become two."""
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"--ratchet-cmd cannot be split into words: {error}", hint="close its quotes") from error
    if not words:
        raise UsageError("--ratchet-cmd is empty", hint="name a program: --ratchet-cmd 'prog {id} {quest}'")
    if not any("{id}" in word for word in words[1:]):
        raise UsageError(
            "--ratchet-cmd does not say which task it is about", hint="put {id} among its arguments: 'prog {id}'"
        )
    return words


def _seconds(text: str) -> float:
    try:
        seconds = float(text or CALL_TIMEOUT)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"the ratchet's timeout {text!r} is no number of seconds", hint="write one, such as 60")
    return seconds


def _filled(word: str, values: Mapping[str, str]) -> str:
    """The word with its places filled in, all at once: what stands in a value is never a place."""
    return _PLACE.sub(lambda found: values[found[1]], word)


def _last_lines(output: str) -> str:
    """The end of what it printed, in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return "; ".join(lines[-_LAST_LINES:])
