"""A mayor that lives on in a process of its own after the command that started it has returned."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmskill.cli.options import print_json, print_text, tell
from swarmskill.errors import Interrupted, Refused
from swarmskill.records import dataclass
from swarmskill.views.marks import look_of
from swarmskill.views.plain import PlainView

if TYPE_CHECKING:
    from swarmskill.core.events import Event
    from swarmskill.core.state import State
    from swarmskill.places import RunFolder
    from swarmskill.views.base import View

ViewOf = Callable[["RunFolder"], "View"]
"""The view that shall watch the run of that folder."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that goes on without us, and the process that drives it."""

    run_id: str
    mayor: int


def detach(drive: Callable[[ViewOf], int], *, as_json: bool, follow: tuple[str, ...] = ()) -> int:
    """Let `drive` go on in a session of its own; return when its run has begun, having told the run's id.

    `follow` are commands, the run's id left open, by which more than its end can be seen.
    """
    begun = leave(drive)
    return begun if isinstance(begun, int) else _tell_begun(begun, follow, as_json=as_json)


def leave(drive: Callable[[ViewOf], int]) -> Begun | int:
    """Let `drive` go on in a session of its own; return when its run has begun.

    What goes wrong before that is told by that process itself, where the caller reads it, and its exit
    code is returned. From the first event in the ledger on, all it says goes to the run's `mayor.log`.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    mayor = os.fork()  # not a new interpreter: the task list may have come from standard input
    if mayor == 0:
        os.close(reader)
        _leave_the_caller(keep=writer)
        return drive(lambda folder: _LoggedView(folder, writer))
    os.close(writer)
    try:
        said = _read_all(reader)
    except KeyboardInterrupt:
        os.kill(mayor, signal.SIGINT)
        said = _read_all(reader)
        if said:
            raise Interrupted(f"interrupted; run {said} is stopping", hint=f"swarm status {said}") from None
    return Begun(said, mayor) if said else _exit_code(mayor)


class _LoggedView(PlainView):
    """Plain lines: for the caller until the run has begun, then for the log. `caller` is the pipe to it."""

    def __init__(self, folder: RunFolder, caller: int) -> None:
        super().__init__(sys.stderr, look_of(sys.stderr, {**os.environ, "NO_COLOR": "1"}))
        self._folder = folder
        self._caller = caller

    def saw(self, event: Event, state: State) -> None:
        """The first event shows that the run has begun: tell the caller, and leave its files alone."""
        if self._caller >= 0:
            log = os.open(self._folder.mayor_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            os.dup2(log, sys.stdout.fileno())
            os.dup2(log, sys.stderr.fileno())
            os.close(log)
            with suppress(OSError):  # a caller that was killed meanwhile
                os.write(self._caller, self._folder.run_id.encode())
            os.close(self._caller)
            self._caller = -1
        super().saw(event, state)


def _leave_the_caller(keep: int) -> None:
    """No terminal, no signals to its group, no input, and none of its other files, such as locks."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.closerange(3, keep)
    os.closerange(keep + 1, min(os.sysconf("SC_OPEN_MAX"), 1 << 16))


def _read_all(pipe: int) -> str:
    """What comes until the other end is closed."""
    data = b""
    while block := os.read(pipe, 4096):
        data += block
    return data.decode()


def _tell_begun(begun: Begun, follow: tuple[str, ...], *, as_json: bool) -> int:
    ways = [way.format(begun.run_id) for way in follow]
    if as_json:
        print_json({"run_id": begun.run_id, "pid": begun.mayor, **({"follow": ways} if ways else {})})
    else:
        print_text(begun.run_id)
        for way in ways:
            tell(f"look at it: {way}")
        tell(f"wait for it: swarm wait {begun.run_id}")
    return 0


def _exit_code(mayor: int) -> int:
    """The exit code of a mayor that ended before its run began, and said why."""
    code = os.waitstatus_to_exitcode(os.waitpid(mayor, 0)[1])
    if code < 0:
        raise Refused(f"the mayor was ended by signal {-code} before the run began", hint="start it again")
    return code
