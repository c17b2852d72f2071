"""Hundreds of random deaths: of mayors, and with them of keepers, workers and git.

The seed is printed; SWARM_CRASH_SEED runs the same again, SWARM_CRASH_ROUNDS makes it as long as you like (CI: 500).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.scene import Scene, Zygote
from tests.crash.storm import Storm
from tests.crash.tally import note, rounds, seed

SERIES = 20


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("series", range(SERIES))
def test_nothing_is_lost_in_a_storm(make_scene: Callable[..., Scene], zygote: Zygote, series: int) -> None:
    storm = Storm(f"{seed()}/{series}", zygote, make_scene)
    storm.blow(-(-rounds() // SERIES))
    note(storm.runs, storm.deaths)
