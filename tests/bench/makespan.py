"""How long runs take over the lower bound, by the real core with a simulated clock."""

from __future__ import annotations

import random
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from swarmskill.config import RunConfig, Schedule
from swarmskill.core.simulation import simulate
from tests.bench.dags import SHAPES, durations, estimated, least, waves_of
from tests.bench.measure import Row

_SEEDS = 5
_SIZES = (30, 100, 300)
_WORKERS = (5, 10, 20)
_ESTIMATES = {"true": 0.0, "noisy": 1.0, "no": None}
"""How wrong estimates are: the sigma of a log-normal factor. 1.0 is wrong by a factor of 2.7, two times in three less."""

_HALF = 0.5
_BOUND = 1.05


def rows(scratch: Path, *, quick: bool) -> Iterator[Row]:
    """A row for each number of workers and kind of estimates, and the wave schedule beside them."""
    for workers in _WORKERS:
        over: dict[str, list[float]] = defaultdict(list)
        shares: dict[str, list[float]] = {"wave": [], "waves of P": []}
        for shape in SHAPES:
            for size in _SIZES[:1] if quick else _SIZES:
                for seed in range(2 if quick else _SEEDS):
                    found = _one(shape, size, seed, workers)
                    for name, value in found.items():
                        over[name].append(value)
                        over[f"{name}, {shape} {size}"].append(value)
                    for other in shares:
                        shares[other].append(found["rolling, noisy"] / found[f"{other}, noisy"])
        for name in ("rolling, true", "rolling, noisy", "rolling, no", "wave, noisy", "waves of P, noisy"):
            bar = _BOUND if (name, workers) == ("rolling, noisy", 5) else None
            yield _row(f"P = {workers}: {name} estimates", mean(over[name]), bar)
        for other, share in shares.items():
            yield _row(f"P = {workers}: rolling over {other}", mean(share), _HALF if workers == 5 else None)
        if workers == 5:
            for name in sorted(key for key in over if key.startswith("rolling, noisy, ")):
                yield _row(f"P = 5: {name.removeprefix('rolling, ')}", mean(over[name]), None)


def _row(what: str, value: float, bar: float | None) -> Row:
    note = "over max(critical path, work / P); noisy: off by a log-normal factor, sigma 1.0; wave: all that is ready, joined"
    return Row("makespan", what, value, "x", bar=bar, note=note)


def _one(shape: str, size: int, seed: int, workers: int) -> dict[str, float]:
    dice = random.Random(zlib.crc32(f"{shape} {size} {seed}".encode()))
    tasks = SHAPES[shape](size, dice)
    took = durations(tasks, dice)
    bound, found = least(tasks, took, workers), {}
    for name, sigma in _ESTIMATES.items():
        known = estimated(tasks, took, dice, sigma)
        for schedule in Schedule:
            config = RunConfig(max_workers=workers, schedule=schedule)
            found[f"{schedule.value}, {name}"] = simulate(known, config, took.__getitem__).seconds / bound
        found[f"waves of P, {name}"] = waves_of(known, took, workers) / bound
    return found
