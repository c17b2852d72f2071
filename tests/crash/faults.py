"""Faults in one mayor's process, put in from outside: the product knows nothing of them.

`arm` wraps the seams of a mayor before it starts. Whenever the mayor passes one, that is a point, and
points are counted over the whole process. A fault says at which point the process kills itself, as
`kill -9` would, and who dies with it. Points in several threads come in any order, so a fault by number
hits another place each time: that is meant. A fault by name, or by ledger line, hits the same.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

_AUDITED = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.copyfile"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """When a mayor dies, and who with it. Numbers count from 1; 0 means never.

    `line`: once this ledger line is on the disk, before anything is done because of it; with `tear`,
    only that share of the line is. `point`: at this point of the whole process. `named` and `nth`: the
    n-th time at the point of that name. `with_git`, `with_keeper`, `with_workers`: these are killed first.
    `trace`: a file that gets the name of every point, `died`: one that gets the name of the last.
    """

    line: int = 0
    tear: float = 0.0
    point: int = 0
    named: str = ""
    nth: int = 1
    with_git: bool = False
    with_keeper: bool = False
    with_workers: bool = False
    stall: str = ""
    """The loop stands still for ever instead of recording an event of this type."""
    signals: tuple[int, ...] = ()
    """Sent to the mayor at that point instead of killing it."""
    linger: float = 0.0
    """Seconds that a git process gets before the mayor dies while it runs."""
    trace: str = ""
    died: str = ""

    def words(self) -> str:
        """The fault as one word of a command line."""
        return json.dumps(asdict(self))


class _Armed:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.count = 0
        self.names: Counter[str] = Counter()
        self.lock = threading.RLock()
        self.trace = os.open(fault.trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if fault.trace else -1

    def point(self, name: str, git: int = 0) -> None:
        """The mayor is at a point; `git` is the git process that runs just now."""
        with self.lock:
            self.count += 1
            self.names[name] += 1
            if self.trace >= 0:
                os.write(self.trace, f"{name}\n".encode())
            fault = self.fault
            if self.count == fault.point or (name == fault.named and self.names[name] == fault.nth):
                if git and fault.linger:
                    time.sleep(fault.linger)
                self.die(name, git)

    def die(self, name: str, git: int = 0) -> None:
        for number in self.fault.signals:
            os.kill(os.getpid(), number)
        if self.fault.signals:
            return
        if self.fault.died:
            with open(self.fault.died, "w") as file:
                file.write(name)
        if self.fault.with_git and git:
            _kill_group(git)
        if self.fault.with_workers or self.fault.with_keeper:
            _kill_family(workers=self.fault.with_workers, keeper=self.fault.with_keeper)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)


def _kill_group(git: int) -> None:
    try:
        os.killpg(git, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(git, signal.SIGKILL)  # not the leader of a group; it is our child, so it is there


_keeper_folder: list[Path] = []


def _kill_family(*, workers: bool, keeper: bool) -> None:
    from swarmskill.backends.processes import descendants, table
    from swarmskill.backends.windows import WindowFiles
    from swarmskill.backends.wire import read_address

    for folder in _keeper_folder[-1:]:
        pid = read_address(str(folder)).get("pid")
        holders = [pid] if isinstance(pid, int) else []
        windows = WindowFiles(str(folder.parent / "windows"))
        stories = [windows.story(key) for key in windows.jobs()]
        holders += [story.keeper["pid"] for story in stories if story and story.is_held]
        below = descendants(table(), set(holders)) if workers and holders else []
        for victim in (holders if keeper else []) + [process.pid for process in below]:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass


def arm(fault: Fault) -> None:
    """Wrap the seams. To be called once, in the process that becomes the mayor."""
    armed = _Armed(fault)
    _wrap_ledger(armed)
    _wrap_git(armed)
    _wrap_seams(armed)

    def audit(event: str, _arguments: object) -> None:
        if event in _AUDITED:
            armed.point(event)

    sys.addaudithook(audit)


def _wrap_ledger(armed: _Armed) -> None:
    from swarmskill.codec import encode_event
    from swarmskill.ledger import Ledger

    original = Ledger.append

    def append(self: Any, events: Any) -> None:
        armed.point("append:before")
        if any(type(event).__name__ == armed.fault.stall for event in events):
            time.sleep(60)
        fault, count = armed.fault, self._count
        if count < fault.line <= count + len(events):
            whole = list(events)[: fault.line - count - bool(fault.tear)]
            if whole:
                original(self, whole)
            if fault.tear:
                line = encode_event(events[len(whole)], fault.line)
                os.pwrite(self._file, line[: max(1, int(len(line) * fault.tear))], self._size)
            armed.die(f"line {fault.line}")
        original(self, events)
        armed.point("append:after")

    Ledger.append = append  # type: ignore[method-assign]


def _wrap_git(armed: _Armed) -> None:
    import subprocess

    original = subprocess.Popen.__init__

    def start(self: Any, args: Any, *rest: Any, **named: Any) -> None:
        words = list(args)
        is_git = os.path.basename(str(words[0])) == "git"
        if not is_git:
            original(self, args, *rest, **named)
            return
        plain = (word for n, word in enumerate(words[1:], 1) if word[0] != "-" and words[n - 1] not in ("-c", "-C"))
        verb = next(plain, "")
        armed.point(f"git {verb}:before")
        original(self, args, *rest, **named)
        armed.point(f"git {verb}:during", self.pid)

    subprocess.Popen.__init__ = start  # type: ignore[assignment,method-assign]


def _wrap_seams(armed: _Armed) -> None:
    from swarmskill.backends import process, tmux
    from swarmskill.mayor import branch, judging, merging, performer, reporting, session, telling, workers
    from swarmskill.repo import integrate, land, snapshot, worktree
    from swarmskill.requests import RequestBox
    from swarmskill.validation import evidence

    for owner, names in (
        (worktree.Worktrees, "acquire release adopt drain prune"),
        (process.ProcessBackend, "open start find end close"),
        (tmux.TmuxBackend, "open start find end dismiss close _begin"),
        (session, "_prepare_repository _worktrees"),
        (RequestBox, "take settle"),
        (telling.Teller, "tell"),
        (telling._Desk, "call"),
    ):
        for name in names.split():
            _wrap(armed, owner, name, name.strip("_"))
    for each in (workers.Workers, judging.Judge, merging.Merger, branch.RunBranch):
        for name in [name for name, method in vars(each).items() if isinstance(method, FunctionType)]:
            if not name.startswith("__"):
                _wrap(armed, each, name, name.strip("_"))
    _wrap(armed, telling, "replace_file", "note", lambda args: " of a claim" if "-claim" in args[0].name else "")
    for owner, names in (
        (integrate, "advance find_integrated merge commit_tree keep_attempt"),
        (snapshot, "snapshot"),
        (evidence, "gather"),
        (land, "land"),
        (reporting, "write_report"),
    ):
        for name in names.split():
            _wrap_imported(armed, getattr(owner, name), name)
    _wrap(armed, performer.ThreadedPerformer, "perform", "perform", lambda args: f" {type(args[1]).__name__}")
    original_open = process.ProcessBackend.open

    def remember(self: Any) -> None:
        _keeper_folder.append(self._folder)
        original_open(self)

    process.ProcessBackend.open = remember  # type: ignore[method-assign]


def _wrap_imported(armed: _Armed, function: Any, name: str) -> None:
    """Wrap a function in every module of the mayor that has imported it by its name."""
    users = [
        module
        for path, module in list(sys.modules.items())
        if path.startswith("swarmskill.mayor.") and getattr(module, name, None) is function
    ]
    assert users, f"nobody uses {name} any more"
    for module in users:
        _wrap(armed, module, name, name)


def _wrap(
    armed: _Armed, owner: Any, name: str, label: str, detail: Callable[[tuple[Any, ...]], str] = lambda _: ""
) -> None:
    original = getattr(owner, name)

    def wrapped(*args: Any, **named: Any) -> Any:
        full = label + detail(args)
        armed.point(f"{full}:before")
        answer = original(*args, **named)
        armed.point(f"{full}:after")
        return answer

    setattr(owner, name, wrapped)
