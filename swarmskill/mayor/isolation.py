"""Compares the main checkout before and after each worker, to hold it to its worktree.

A difference says what changed, not who changed it: the user is at work there, too. So it is noted
for every worker that lived meanwhile, and the verdict decides (`validation.contract`). Whatever
changes, what the user had is kept: the changed files of the checkout as a commit, what refs led to
by refs of ours, settings and hooks as copies in the run's folder. Nothing in the checkout is ever
put back or overwritten by us.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path

from swarmskill.config import Isolation
from swarmskill.model import Touch, WorkerResult
from swarmskill.places import RunFolder, attempt_ref
from swarmskill.records import dataclass
from swarmskill.repo.collecting import GcPause
from swarmskill.repo.git import GitFailed
from swarmskill.repo.guard import (
    IGNORED,
    Difference,
    Fingerprint,
    differences,
    fingerprint,
    hook_files,
    setting_files,
    settings_differences,
    settings_of,
)
from swarmskill.repo.integrate import is_ancestor, is_whole, keep_attempt
from swarmskill.repo.repository import Repository
from swarmskill.repo.snapshot import put_aside
from swarmskill.writing import is_temporary

PUT_ASIDE = "checkout-"
"""Prefix of the keys of commits that hold what the user had in the main checkout."""

LOST = "was-"
"""Prefix of the keys of what a ref led to before somebody moved or deleted it."""

_FRESH = 1.0
"""Seconds for which a look at the checkout also serves as the look before a worker's start."""

_LOG_PART = 4_000_000
"""Bytes of a worker's log that are searched for names of files, from each end."""


@dataclass(slots=True)
class _Watch:
    """What changed since a worker started, and the ref that keeps what was there before."""

    log: Path
    kept: str
    found: dict[str, Touch] = field(default_factory=dict)


class CheckoutGuard:
    """Watches one main checkout for one run. Any thread may use it."""

    def __init__(
        self, repository: Repository, folder: RunFolder, isolation: Isolation, no_gc: GcPause, *, ours: str = ""
    ) -> None:
        """`ours` is a file of the checkout that the run itself writes to, "" for none: it tells nothing of workers."""
        self._repository = repository
        self._folder = folder
        self._ours = ours
        self._off = isolation is Isolation.OFF
        self._no_gc = no_gc
        self._lock = threading.Lock()
        self._known: Fingerprint | None = None
        self._settings = settings_of(repository)
        self._looking_since = 0.0
        self._looked_at = 0.0
        self._kept = ""
        self._copies = 0
        self._watches: dict[str, _Watch] = {}

    def begin(self, key: str) -> None:
        """A worker is about to start. A worker that an earlier mayor started counts from now."""
        if self._off:
            return
        with self._lock:
            if key in self._watches:
                return
            if self._known is None or time.monotonic() - self._looked_at > _FRESH:
                self._look()
            self._watches[key] = _Watch(self._folder.log(key), self._kept)

    def end(self, key: str, worktrees: Path, result: WorkerResult | None) -> tuple[tuple[Touch, ...], str]:
        """A worker has ended: what changed since its start, and the ref that holds the files as they were before.

        `worktrees` is the folder of all worktrees: what lies in there does not count as the main checkout.
        """
        ended = time.monotonic()
        with self._lock:
            if key not in self._watches:
                return (), ""
            if self._looking_since < ended:  # else another worker's end had us look after this one's, too
                self._look()
            watch = self._watches.pop(key)
        if not watch.found:
            return (), ""
        top, said = self._repository.top, _said(watch.log, worktrees)
        claimed = {*result.artifacts, *result.files_changed} if result else set()
        found = watch.found.values()
        named = (replace(touch, named=_is_named(touch.path, top, said, claimed)) for touch in found)
        return tuple(replace(touch, harmless=touch.harmless and not touch.named) for touch in named), watch.kept

    def refresh(self) -> None:
        """We changed the checkout ourselves: that is nobody's doing."""
        with self._lock:
            if self._known is not None:
                with suppress(GitFailed):
                    self._known = fingerprint(self._repository)

    def trusts(self, hook: Path) -> bool:
        """Whether a hook is what it was when the mayor came: one that a worker installed is not run."""
        return self._settings.get(str(hook)) == settings_of(self._repository).get(str(hook))

    def ignore_files(self) -> tuple[Path, ...]:
        """The rules of what is ignored as they were at the start, beside `.gitignore`; () while they are unchanged.

        They are shared, so a worker that adds one hides other workers' new files from git.
        """
        exclude = self._repository.common_dir / "info" / "exclude"
        config = self._repository.common_dir / "config"
        now = settings_of(self._repository)
        if all(now.get(str(file)) == self._settings.get(str(file)) for file in (exclude, config)):
            return ()
        named = self._repository.config.get("core.excludesfile", "")
        own = Path(named).expanduser() if named else Path.home() / ".config" / "git" / "ignore"
        return tuple(file for file in (self._folder.checkout / "1" / exclude.name, own) if file.is_file())

    def _look(self) -> None:
        """Look at the checkout, note what changed for every worker that lives, and keep what is there."""
        self._looking_since = time.monotonic()
        try:
            now = fingerprint(self._repository)
        except GitFailed as error:
            self._note([*self._settings_touched(), Difference(f"git cannot read it: {error.stderr[-300:]}")])
            return
        seen = differences(self._known, now) if self._known else []
        changed = [difference for difference in seen if not self._is_ours(difference.path)]
        self._note(changed)
        with suppress(GitFailed, OSError), self._no_gc:
            self._keep_refs(changed)
            dirty = any(not state.startswith(IGNORED) for state in now.paths.values())
            if dirty and (self._known is None or any(difference.path for difference in changed)):
                self._keep_files()
        if self._known is None or self._known.settings != now.settings:
            self._keep_settings()
        self._known, self._looked_at = now, time.monotonic()

    def _is_ours(self, path: str) -> bool:
        """Whether it is the file that the run writes, or what becomes that file in a moment."""
        folder, _, name = self._ours.rpartition("/")
        return bool(name) and (
            path == self._ours or (path.rpartition("/")[0] == folder and is_temporary(path.rpartition("/")[2], name))
        )

    def _settings_touched(self) -> list[Difference]:
        return settings_differences(self._known.settings, settings_of(self._repository)) if self._known else []

    def _note(self, changed: list[Difference]) -> None:
        """For every worker that lives; harmless for those who do not name the file when another does."""
        said = {key: _said(watch.log, self._folder.path) for key, watch in self._watches.items()} if changed else {}
        for difference in changed:
            path, top = difference.path, self._repository.top
            accused = {key for key in said if path and _is_named(path, top, said[key], ())}
            what = difference.what
            if what.startswith("setting ") and self._copies:
                what += f", as it was: {self._folder.checkout / str(self._copies)}"
            for key, watch in self._watches.items():
                harmless = difference.is_new_ref or (bool(accused) and key not in accused)
                watch.found[difference.what] = Touch(what=what, path=path, harmless=harmless)

    def _keep_files(self) -> None:
        commit = put_aside(self._repository)
        if commit:
            self._kept = self._keep(f"{PUT_ASIDE}{commit[:12]}", commit)

    def _keep_refs(self, changed: Iterable[Difference]) -> None:
        """What a ref led to must not be collected, unless it is on the way to what it leads to now."""
        for difference in changed:
            lost, now = difference.lost, difference.now or "HEAD"
            if lost and not is_ancestor(self._repository, lost, now) and is_whole(self._repository, lost):
                self._keep(f"{LOST}{lost[:12]}", lost)

    def _keep(self, key: str, commit: str) -> str:
        keep_attempt(self._repository, self._folder.run_id, key, commit)
        return attempt_ref(self._folder.run_id, key)

    def _keep_settings(self) -> None:
        """Copies, not objects: settings can be so wrong that git does not work any more."""
        self._copies += 1
        folder = self._folder.checkout / str(self._copies)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "hooks").mkdir(parents=True)
        for file in setting_files(self._repository):
            with suppress(OSError):
                shutil.copy2(file, folder / file.name)
        for hook in hook_files(self._repository):
            with suppress(OSError):
                shutil.copy2(hook, folder / "hooks" / hook.name)


def _is_named(path: str, top: Path, said: bytes, claimed: Iterable[str]) -> bool:
    """Whether the worker names the file by its absolute path; for what is no file, the checkout's folder."""
    name = str(top / path) if path else str(top)
    return name.encode("utf-8", "surrogateescape") in said or (bool(path) and name in claimed)


def _said(log: Path, worktrees: Path) -> bytes:
    """What a worker printed, mentions of the worktrees left out: they are below the checkout."""
    return b"".join(_parts(log)).replace(str(worktrees).encode("utf-8", "surrogateescape"), b"")


def _parts(log: Path) -> Iterator[bytes]:
    with suppress(OSError), log.open("rb") as file:
        yield file.read(_LOG_PART)
        file.seek(max(file.tell(), log.stat().st_size - _LOG_PART))
        yield b"\n" + file.read(_LOG_PART)
