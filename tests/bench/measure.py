"""Times of the clock and of the processors, in rounds that take turns, so that a busy machine is busy for all."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_PR_SET_CHILD_SUBREAPER = 36
_ORPHANS = 10.0
"""Seconds to wait for processes that outlive the command that is timed, as a run's keeper does for a moment."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock, and of the processors by this process and all that it had started."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Row:
    """One line of the table. `ours` and `yardstick` are in `unit`; `bar` is the most that `value` may be.

    `value` is the ratio of ours to the yardstick, or ours itself where there is no yardstick. `at_least` turns the
    bar round. `cpu` is the ratio of processor times.
    """

    section: str
    what: str
    ours: float
    unit: str
    yardstick: float | None = None
    over: str = ""
    ratio: float | None = None
    cpu: float | None = None
    bar: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def value(self) -> float:
        """What is held against the bar."""
        return self.ours if self.ratio is None else self.ratio

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None if there is none."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar


Times = dict[str, list[Cost]]


def adopt_orphans() -> None:
    """Let daemons that a timed command leaves end as our children, so that their time is counted. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def timed(work: Callable[[], object], *, daemons: bool = True) -> Cost:
    """What one call costs. The clock stops when it returns, the processors' time includes the daemons it leaves."""
    before, began = _cpu(), time.perf_counter()
    work()
    wall = time.perf_counter() - began
    if daemons:
        _reap_orphans()
    return Cost(wall, _cpu() - before)


def interleaved(rounds: int, works: Mapping[str, Callable[[], object]], *, daemons: bool = True) -> Times:
    """The costs of each work, one round after the other.

    Without `daemons` nothing is waited for: works in this process have a git of their own that lives on.
    """
    times: Times = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(timed(work, daemons=daemons))
    return times


def shared(times: Times, among: Mapping[str, int]) -> Times:
    """The costs of each work for one of the things that it does so many of."""
    return {
        name: [Cost(cost.wall / among[name], cost.cpu / among[name]) for cost in costs] for name, costs in times.items()
    }


def compare(
    section: str,
    what: str,
    times: Times,
    ours: str,
    over: str,
    *,
    scale: float = 1.0,
    unit: str = "ms",
    bar: float | None = None,
    note: str = "",
) -> Row:
    """Ours over a yardstick: the median of the rounds' ratios; `scale` makes `unit` out of seconds."""
    pairs = list(zip(times[ours], times[over], strict=True))
    return Row(
        section,
        what,
        median(cost.wall for cost in times[ours]) * scale,
        unit,
        median(cost.wall for cost in times[over]) * scale,
        over,
        median(mine.wall / other.wall for mine, other in pairs),
        median(mine.cpu / max(other.cpu, 1e-4) for mine, other in pairs),
        bar,
        note=note,
    )


def call(words: Sequence[str | Path], *, folder: Path, env: Mapping[str, str] | None = None, accept: int = 0) -> str:
    """Run a program that must end as expected; its standard output."""
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, env=env, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode != accept:
        raise RuntimeError(f"{words} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout.decode()


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _reap_orphans() -> None:
    until = time.monotonic() + _ORPHANS
    while time.monotonic() < until:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            time.sleep(0.01)
