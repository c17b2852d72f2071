"""What the system refuses a mayor is told as what it is, wherever it happened."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from swarmskill.errors import Refused
from swarmskill.places import RunFolder

_SYSTEM_SAYS_NO = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
    }
)


@contextmanager
def explained(folder: RunFolder) -> Iterator[None]:
    """Where the system says no (disk full, no right), whatever we were about to do, it is not our bug."""
    try:
        yield
    except OSError as error:
        if error.errno not in _SYSTEM_SAYS_NO:
            raise
        raise Refused(
            f"run {folder.run_id} cannot go on: {error}",
            hint=f"make room or mend the permissions, then: swarm resume {folder.run_id}",
        ) from error
