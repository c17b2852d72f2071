"""Takes up, while a run goes on, what its user changed in `swarm.toml`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swarmskill.config import LIFTABLE, LIMITS, RunConfig
from swarmskill.core.events import LimitsChanged
from swarmskill.errors import SwarmError
from swarmskill.settings import effective, load_sources


class Reload:
    """Compares the files with what they said before: what somebody changed there since is meant for now.

    So an option of the run's start holds until its setting is changed in a file.
    """

    def __init__(self, top: Path, user_folder: Path, say: Callable[[str], object]) -> None:
        self._top = top
        self._user_folder = user_folder
        self._say = say
        self._wanted = False
        self._known: dict[str, Any] = {}
        try:
            self._known = self._read()
        except SwarmError:
            pass  # a resumed run needs no file; once it is mended, all of it counts as changed

    def ask(self) -> None:
        """Somebody wants the files read again. Safe in a signal handler."""
        self._wanted = True

    def take(self) -> list[LimitsChanged]:
        """The limits that were changed, if somebody asked. What cannot be taken up is told."""
        if not self._wanted:
            return []
        self._wanted = False
        try:
            found = self._read()
        except SwarmError as error:
            self._say(f"not reloaded, the old settings hold on: {error.message}")
            return []
        changed = {name for name in {*found, *self._known} if found.get(name) != self._known.get(name)}
        self._known = found
        return self._changes(found, changed)

    def _changes(self, found: dict[str, Any], changed: set[str]) -> list[LimitsChanged]:
        limits = sorted(changed & set(LIMITS))
        if later := sorted(changed - set(LIMITS)):
            self._say(f"reloaded: {', '.join(later)} will hold for the next run")
        if not limits:
            if not later:
                self._say("reloaded: nothing has changed")
            return []
        values = {name: found.get(name, getattr(RunConfig(), name)) for name in limits}
        lifted = tuple(name for name in limits if values[name] is None and name in LIFTABLE)
        self._say(f"reloaded: {', '.join(limits)}")
        given = {name: value for name, value in values.items() if value is not None}
        return [LimitsChanged(at=time.time(), lifted=lifted, **given)]

    def _read(self) -> dict[str, Any]:
        files = [source for source in load_sources({}, {}, self._top, self._user_folder) if source.pointer is not None]
        return {name: setting.value for name, setting in effective(files).items()}


class Terminal:
    """Tells a hang-up, which ends the mayor as it always did, from a word to reload."""

    def __init__(self) -> None:
        self._files = [file for file in (0, 1, 2) if _is_terminal(file)]

    def is_gone(self) -> bool:
        """Whether a terminal that was there when this was made is there no more."""
        return any(not _is_terminal(file) for file in self._files)


def _is_terminal(file: int) -> bool:
    try:
        return os.isatty(file)
    except OSError:
        return False
