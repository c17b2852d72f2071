"""What runs in a tmux window: the holder of one worker, as the keeper is that of many.

Started by the tmux backend as `python -m swarmskill.backends.tmux_worker FOLDER/KEY.job`. The worker has a session of
its own and no terminal; its output goes to its log, and for a person to read into the window. So neither a closed
terminal nor a killed tmux does anything to it, nor does who presses keys in the window. TERM ends the worker, USR1
kills it. Until it has started nothing but the standard library is imported: fifty of these may start at once.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
from typing import TYPE_CHECKING, Any

from swarmskill.backends.holding import Holding
from swarmskill.backends.journal import MARK_BITS, Journal
from swarmskill.backends.processes import identity, is_alive
from swarmskill.backends.spawn import Unstartable
from swarmskill.backends.survivors import become_subreaper
from swarmskill.backends.timers import Timers
from swarmskill.backends.windows import WindowFiles

if TYPE_CHECKING:
    from swarmskill.backends.window_view import WindowView

CANNOT_START = 127
_JOURNAL_RETRY = 1.0
_OWNER_LOOK = 0.5
"""Seconds between two looks whether the mayor still lives, for a job that must not survive it."""

_LOOK_AGAIN = 0.05
_LAST_WORDS = 1.0
"""Seconds for a terminal that is slow to take the end of the view."""


class WindowWorker:
    """Holds one job, of which it has the lock. Raises OSError if the journal cannot be written."""

    def __init__(self, files: WindowFiles, key: str, fields: dict[str, Any], journal: Journal) -> None:
        self._files = files
        self._key = key
        self._fields = fields
        self._journal = journal
        self._view: WindowView | None = None
        self._end: dict[str, Any] = {}
        self._timers = Timers()
        self._selector = selectors.DefaultSelector()
        base = int.from_bytes(os.urandom(5), "big") << MARK_BITS
        journal.keeper(base, os.getpid(), identity(os.getpid()))
        journal.commit()
        self._holding = Holding(journal, self._timers, self._selector, base, self._show)
        self._watch_signals()

    def run(self) -> int:
        """Run the job to its end; its exit code."""
        try:
            self._holding.start({**self._fields, "env": self._environment()})
        except Unstartable as error:
            _say(f"cannot start: {error}")
            self._journal.refused(self._fields["name"], str(error))
            self._journal.left()
            self._commit()
            return CANNOT_START
        self._open_view()
        while not self._commit():
            self._turn()
        self._files.drop_job(self._key)
        self._watch_owner()
        while not self._end:
            self._turn()
        self._journal.left()
        while not self._commit():
            self._turn()
        if self._view:
            self._view.close(self._end, _LAST_WORDS)
        return int(self._end["exit_code"])

    def _environment(self) -> dict[str, str]:
        """The job's, with the window's terminal for one that draws in it."""
        env: dict[str, str] = self._fields["env"]
        if self._fields.get("screen"):
            try:
                return {**env, "SWARM_TERMINAL": os.ttyname(sys.stdout.fileno())}
            except OSError:
                pass  # the window is gone already: it draws for nobody
        return env

    def _turn(self) -> None:
        wait = self._timers.wait()
        if self._view and self._view.behind:
            wait = min(_LOOK_AGAIN, wait if wait is not None else _LOOK_AGAIN)
        for key, events in self._selector.select(wait):
            key.data(events)
        self._timers.run()
        if self._view:
            self._view.flush()
        for end, _ in self._holding.over:
            self._end = end
        self._holding.over.clear()

    def _commit(self) -> bool:
        try:
            self._journal.commit()
        except OSError as error:
            # Nobody but this file tells the mayor how the worker ended: wait for room.
            _say(f"the journal cannot be written: {error}")
            self._timers.after(_JOURNAL_RETRY, lambda: None)
            return False
        return True

    def _watch_signals(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        # Handlers, as ignored signals would stay ignored in the worker.
        for name in ("CHLD", "TERM", "USR1", "HUP", "INT", "QUIT", "TSTP", "TTOU", "TTIN"):
            signal.signal(getattr(signal, f"SIG{name}"), lambda *_: None)
        self._selector.register(reader, selectors.EVENT_READ, lambda _: self._take_signals(reader))

    def _take_signals(self, reader: int) -> None:
        numbers = os.read(reader, 4096)
        if signal.SIGUSR1 in numbers or signal.SIGTERM in numbers:
            self._holding.kill(self._fields["name"], force=signal.SIGUSR1 in numbers)
        if signal.SIGCHLD in numbers:
            self._holding.reap()

    def _watch_owner(self) -> None:
        owner = self._fields.get("owner")
        if owner is None:
            return
        if is_alive(owner["pid"], owner["identity"]):
            self._timers.after(_OWNER_LOOK, self._watch_owner)
        else:
            self._holding.kill(self._fields["name"])

    def _open_view(self) -> None:
        from swarmskill.backends.window_view import WindowView

        self._view = WindowView(sys.stdout.fileno(), self._fields)

    def _show(self, output: bytes) -> None:
        if self._view:
            self._view.feed(output)


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        pass  # the window is gone


def main(path: str) -> int:
    """Run the job of that file, unless another process did or does."""
    folder, name = os.path.split(path)
    files, key = WindowFiles(folder), name.removesuffix(".job")
    os.chdir(folder)
    if files.lock_job(key) < 0 or files.story(key) is not None:
        return 0
    fields = files.read_job(key)
    if fields is None:
        return 0
    become_subreaper()
    return WindowWorker(files, key, fields, files.journal(key)).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
