"""How long the storm is, what its seed is, and what it did: gathered from all test processes, told at the end."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections import Counter
from pathlib import Path

ROUNDS = "SWARM_CRASH_ROUNDS"
SEED = "SWARM_CRASH_SEED"
_FOLDER = "SWARM_CRASH_TALLY"


def prepare() -> None:
    """Choose a seed for this session; test processes that are started from here on share it."""
    os.environ.setdefault(SEED, secrets.token_hex(4))
    os.environ.setdefault(_FOLDER, tempfile.mkdtemp(prefix="swarm-tally-"))


def rounds() -> int:
    """How many random deaths. The default is for every day; CI asks for 500, a soak for as many as you like."""
    return int(os.environ.get(ROUNDS, "300"))


def seed() -> str:
    """Of all random choices."""
    return os.environ[SEED]


def note(runs: int, deaths: Counter[str]) -> None:
    """One series is over, and all laws held."""
    path = Path(os.environ[_FOLDER]) / secrets.token_hex(8)
    path.write_text(json.dumps({"runs": runs, "deaths": deaths}))


def summary() -> list[str]:
    """The table; [] if there was no storm. Runs that broke a law are not in it: their tests have failed."""
    runs, deaths = 0, Counter[str]()
    for path in Path(os.environ[_FOLDER]).iterdir():
        noted = json.loads(path.read_text())
        runs += noted["runs"]
        deaths.update(noted["deaths"])
        path.unlink()
    if not runs:
        return []
    who = Counter[str]()
    for kind, count in deaths.items():
        who[kind.partition(" at ")[0]] += count
    return [
        f"seed {seed()}: {deaths.total()} deaths in {len(deaths)} kinds of places, {runs} runs",
        *(f"{count:7} {kind}" for kind, count in who.most_common()),
        "work lost 0, duplicates 0, orphans 0 (in these runs; a run that broke a law failed its test)",
    ]
