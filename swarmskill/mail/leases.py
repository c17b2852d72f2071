"""Leases on files: who means to change what, until when. Advisory: a conflict is told, and the lease granted.

One file per lease in the run's mail folder, written whole by rename. What was released or has expired is kept,
in `released`, so that it can be told afterwards.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from swarmskill.codec import dump_json, load_json
from swarmskill.core.manifest import overlap
from swarmskill.records import dataclass
from swarmskill.writing import replace_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """`holder` means to change `paths` (paths or globs, as in manifests) until `expires`.

    `holder` is a mailbox's name, or a task's id where the mayor reserves before there is a worker. Times
    are in seconds since the epoch.
    """

    id: str
    holder: str
    task: str
    paths: tuple[str, ...]
    exclusive: bool
    reason: str
    created: float
    expires: float


@dataclass(frozen=True, slots=True)
class Clash:
    """A path of one's own that overlaps with a path of somebody else's lease."""

    path: str
    other_path: str
    lease: Lease


@dataclass(frozen=True, slots=True)
class Granted:
    """A new lease, and whose it conflicts with."""

    lease: Lease
    conflicts: tuple[Clash, ...]


class Leases:
    """The leases of a run; `folder` is the run's mail folder. Methods raise OSError where it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "leases"

    def active(self, now: float) -> list[Lease]:
        """Leases that hold at that time, oldest first."""
        found = (_read(path) for path in self._folder.glob("*.json"))
        held = [lease for lease in found if lease is not None and lease.expires > now]
        return sorted(held, key=lambda lease: (lease.created, lease.id))

    def reserve(
        self,
        holder: str,
        task: str,
        paths: Iterable[str],
        *,
        now: float,
        ttl: float = 3600.0,
        exclusive: bool = True,
        reason: str = "",
    ) -> Granted:
        """Lease paths for `ttl` seconds. It is written before it is compared, so of two at once one sees the other."""
        lease = Lease(
            id=secrets.token_hex(6),
            holder=holder,
            task=task,
            paths=tuple(paths),
            exclusive=exclusive,
            reason=reason,
            created=now,
            expires=now + ttl,
        )
        replace_file(self._folder / f"{lease.id}.json", dump_json(asdict(lease)).encode())
        return Granted(lease, conflicts(lease, self.active(now)))

    def release(self, holder: str, paths: Iterable[str] = ()) -> list[Lease]:
        """Give up the leases of a holder: all, or those that name one of the paths. Returns them."""
        wanted = set(paths)
        given_up = []
        for path in sorted(self._folder.glob("*.json")):
            lease = _read(path)
            if lease and lease.holder == holder and (not wanted or wanted & set(lease.paths)):
                target = self._folder / "released" / path.name
                target.parent.mkdir(exist_ok=True)
                path.replace(target)
                given_up.append(lease)
        return given_up


def conflicts(lease: Lease, others: Iterable[Lease]) -> tuple[Clash, ...]:
    """Where it overlaps with somebody else's lease, if one of the two is exclusive."""
    return tuple(
        Clash(path, other_path, other)
        for other in others
        if not _same_side(lease, other) and (lease.exclusive or other.exclusive)
        for path in lease.paths
        for other_path in other.paths
        if overlap(path, other_path)
    )


def _same_side(one: Lease, other: Lease) -> bool:
    """Whether they are of one holder, or of one task's attempts, of which only the newest works."""
    return one.holder == other.holder or (one.task != "" and one.task == other.task)


def _read(path: Path) -> Lease | None:
    try:
        document = load_json(path.read_bytes())
        return Lease(**{**document, "paths": tuple(document["paths"])})
    except (OSError, ValueError, TypeError, KeyError):  # it was released meanwhile, or nobody of us wrote it
        return None
