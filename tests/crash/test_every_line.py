"""The mayor dies after every line of the ledger, before anything is done because of it. Real processes."""

from __future__ import annotations

import pytest

from swarmskill.ledger import read_ledger
from tests.crash.faults import Fault
from tests.crash.laws import assert_no_work_lost, assert_sound
from tests.crash.scene import LINES, Scene


def test_undisturbed_run_is_sound(scene: Scene) -> None:
    ran = scene.swarm(*scene.words)

    assert ran.code == 0, ran.output
    assert len(read_ledger(scene.run.ledger).events) == LINES
    assert_sound(scene)


@pytest.mark.parametrize("line", range(1, LINES + 1))
def test_killed_after_this_line_and_resumed(scene: Scene, line: int) -> None:
    killed = scene.swarm(*scene.words, fault=Fault(line=line))
    assert killed.died, killed.output
    assert len(read_ledger(scene.run.ledger).events) == line

    resumed = scene.swarm("resume")

    assert resumed.code == 0, resumed.output
    assert_no_work_lost(scene)
    assert_sound(scene)
