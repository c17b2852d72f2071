"""The mayor dies between integration and ratchet, during the ratchet, and between the ratchet and its record."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from swarmskill.core.events import Integrated, Tracked
from swarmskill.ledger import read_ledger
from tests.crash.faults import Fault
from tests.crash.laws import assert_nothing_left
from tests.crash.scene import Scene, Zygote, wait_until

IDS = ("q.1", "q.2", "q.3")
STAND_IN = Path(__file__).parents[1] / "standins" / "ol"

GAPS = (
    *(("perform Track:before", 1), ("tell:before", 1), ("note:before", 1), ("note:after", 1)),
    *(("call:before", 1), ("call:after", 1), ("note:before", 2), ("note:after", 2), ("call:before", 2)),
)
"""What a mayor passes between a task's commit and the record of its ratchet, and how often. The first note comes before
the call, the second holds the answer."""


@pytest.fixture
def wave(make_scene: Callable[..., Scene]) -> Scene:
    """A scene whose tasks are three of a wave, ratcheted one after the other."""
    scene = make_scene()
    shutil.copy(STAND_IN, scene.side / "ol")
    (scene.top / "spec.md").write_text("write it\n")
    entries = [{"id": one, "title": one, "spec_path": "spec.md", "priority": 1} for one in IDS]
    (scene.side / "wave.json").write_text(json.dumps({"wave": entries}))
    return scene


def words(scene: Scene) -> list[str]:
    """The command that starts the run."""
    ratchet = f"env OL_LOG={scene.side}/calls {scene.side}/ol hero ratchet {{id}} --quest {{quest}}"
    worker = "sh -c 'echo ok > $SWARM_TASK_ID.txt'"
    return ["--from-wave", str(scene.side / "wave.json"), "--ratchet-cmd", ratchet, "--agent-cmd", worker]


def told(scene: Scene) -> Counter[str]:
    """How often the stand-in was called, by id."""
    path = scene.side / "calls"
    return Counter(line.split()[2] for line in path.read_text().splitlines()) if path.exists() else Counter()


def assert_ratcheted(scene: Scene, swarm: Callable[..., object]) -> None:
    """Each id was ratcheted, none twice unless that is told; each is one commit, and nothing is left over."""
    events = read_ledger(scene.run.ledger).events
    integrated = Counter(event.task for event in events if isinstance(event, Integrated))
    answers = {event.task: event for event in events if isinstance(event, Tracked)}
    calls = told(scene)
    assert integrated == Counter(IDS), "not integrated once each"
    assert set(answers) == set(IDS) == set(calls), f"forgotten: {set(IDS) - set(calls)}"
    assert sum(isinstance(event, Tracked) for event in events) == len(IDS), "recorded twice"
    twice = {one for one, count in calls.items() if count > 1}
    assert twice <= {one for one, event in answers.items() if event.again}, f"called twice, and not told: {twice}"
    assert all(count <= 2 for count in calls.values()), calls
    assert_nothing_left(scene, swarm)


@pytest.mark.parametrize(("gap", "nth"), GAPS)
def test_every_id_is_ratcheted_whatever_gap_the_mayor_dies_in(wave: Scene, zygote: Zygote, gap: str, nth: int) -> None:
    died = zygote.swarm(wave, *words(wave), fault=Fault(named=gap, nth=nth))
    assert died.died, f"no run comes to {gap}: {died.output}"
    again = zygote.swarm(wave, "resume")
    assert again.code == 0, again.output
    assert "3/3 ratcheted" in again.output
    assert_ratcheted(wave, lambda *more: zygote.swarm(wave, *more))


def test_an_answer_that_was_noted_is_not_asked_for_again(wave: Scene, zygote: Zygote) -> None:
    """The second note of a task is its answer: a mayor that dies behind it has lost nothing but the record."""
    assert zygote.swarm(wave, *words(wave), fault=Fault(named="tell:after")).died
    assert wait_until(lambda: told(wave).total() == 1)
    assert zygote.swarm(wave, "resume").code == 0
    assert told(wave) == Counter(IDS)
    answers = [event for event in read_ledger(wave.run.ledger).events if isinstance(event, Tracked)]
    assert not any(event.again for event in answers)


def test_a_keeper_that_dies_during_the_call_makes_it_doubtful(wave: Scene, zygote: Zygote) -> None:
    died = zygote.swarm(wave, *words(wave), fault=Fault(named="call:before", with_keeper=True))
    assert died.died, died.output
    again = zygote.swarm(wave, "resume")
    assert again.code == 0, again.output
    assert_ratcheted(wave, lambda *more: zygote.swarm(wave, *more))
