"""The one tree of exceptions.

    SwarmError
    ├── UsageError          exit 2   options or arguments do not fit together
    ├── InputError          exit 2   a file that the user wrote is wrong; names file, place and fix
    ├── Refused             exit 1   the run cannot start or go on here: repository, lock, backend, disk
    │   ├── RunLocked                another mayor holds the run
    │   └── LedgerDamaged            the ledger cannot be read past a line
    ├── Interrupted         exit 130 the user pressed Ctrl-C
    └── InternalError       exit 3   our bug; carries the story of the task

What goes wrong with a *task* is data (an event), never an exception. `cli` is the one place
that turns these into text and an exit code.
"""

from __future__ import annotations


class SwarmError(Exception):
    """Base of all errors that a user may see.

    `code` is stable and machine-readable, `hint` is a command or an edit that helps.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SwarmError):
    """Options or arguments that do not fit together."""

    code = "usage"
    exit_code = 2


class InputError(SwarmError):
    """A file written by the user is wrong.

    `source` is the file as the user named it; `place` is a line ("line 3, column 7") or a JSON
    pointer ("/tasks/2/blockedBy/0"), or "" when the file as a whole is meant.
    """

    code = "input"
    exit_code = 2

    def __init__(self, problem: str, *, source: str, place: str = "", hint: str = "") -> None:
        where = f"{source}: {place}" if place else source
        super().__init__(f"{where}: {problem}", hint=hint)
        self.problem = problem
        self.source = source
        self.place = place


class Refused(SwarmError):
    """The run cannot start or go on here, and nothing was changed."""

    code = "refused"


class RunLocked(Refused):
    """Another mayor holds the run."""

    code = "locked"


class LedgerDamaged(Refused):
    """The ledger cannot be read past a certain line."""

    code = "ledger_damaged"


class Interrupted(SwarmError):
    """The user asked us to stop, with Ctrl-C or a signal."""

    code = "interrupted"
    exit_code = 130


class InternalError(SwarmError):
    """Something that cannot happen did. `story` tells what led to it."""

    code = "internal"
    exit_code = 3

    def __init__(self, message: str, *, story: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.story = story
